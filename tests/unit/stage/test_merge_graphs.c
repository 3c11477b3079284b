/*
 * Merges in graphs: producers that are not alike, and other stages around them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: windows are weights; who is slow keeps nobody waiting, and does not wait; stages before and
 * behind a merge, which are put ahead of others, put nobody of its producers ahead.
 * Method: that of test_merge.c.
 */
#include "support/merge_scene.h"

#include <string.h>

static const weir_subscribe_options usual = {.max_demand = 256};

/* ---- unequal ones -------------------------------------------------------- */

/* In each round each gives its window: two batches, of few events or of many, or four of half. */
static void windows_are_weights(struct rig *rig) {
    merge_open(rig, 3, 64, usual);
    merge_scene.makers[1].how.max_demand = 20;
    merge_scene.makers[2].how = (weir_subscribe_options){.max_demand = 256, .min_demand = 192};
    merge_start(WEIR_CONSUMER, merge_note);
    merge_fill();
    uint64_t got[3] = {0};
    for (size_t i = 0; i < merge_scene.batches; i++) got[merge_scene.ledger[i]]++;
    for (unsigned who = 0; who < 3; who++) {
        uint64_t due = who == 2 ? MERGE_BATCHES / 2 : MERGE_BATCHES / 4;
        assert_in_range(got[who], due - 8, due + 8);
    }
    rig_close(rig);
}

/* Has one event for each turn of its. */
static struct {
    uint64_t due;
    uint64_t made;
    uint64_t handled;
} slow;

static weir_verdict make_one(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    static const uint8_t event[64]; /* the first maker's */
    RIG_CHECK(merge_scene.rig, slow.made - slow.handled <= 2);
    RIG_CHECK(merge_scene.rig, weir_emit(self, event, 1) == WEIR_OK);
    merge_scene.rig->emitted++;
    slow.made++;
    if (--slow.due > 0) {
        RIG_CHECK(merge_scene.rig,
                  weir_cast(merge_scene.rig->runtime, weir_self(self), NULL, 0) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict owe(weir_stage *self, uint64_t demand) {
    bool idle = slow.due == 0;
    slow.due += demand;
    return idle ? make_one(self, NULL, 0) : WEIR_CONTINUE;
}

static weir_verdict note_beside_slow(weir_stage *self, weir_batch batch) {
    if (merge_whose(self, batch) == 0) slow.handled += batch.count;
    return merge_note(self, batch);
}

/* What it has comes through at once, and the others share the rest. */
static void who_is_slow_keeps_nobody_waiting(struct rig *rig) {
    memset(&slow, 0, sizeof slow);
    merge_open(rig, 3, 64, usual);
    merge_scene.makers[0].on = (weir_callbacks){.handle_demand = owe, .handle_cast = make_one};
    merge_start(WEIR_CONSUMER, note_beside_slow);
    merge_fill();
    assert_true(slow.handled > MERGE_BATCHES / 8);
    assert_in_range(merge_least(1), MERGE_WINDOW / 2 - 5, MERGE_WINDOW / 2);
    rig_close(rig);
}

/* ---- other graphs -------------------------------------------------------- */

/* A stage between, which is put ahead again and again by what it is sent. */
static void behind_a_chain(struct rig *rig) {
    merge_open(rig, 3, 64, usual);
    merge_scene.makers[0].through = true;
    merge_start(WEIR_CONSUMER, merge_note);
    merge_fill();
    merge_expect_shares();
}

/* Somebody else's asks put one of them ahead. */
static void beside_another_consumer(struct rig *rig) {
    merge_open(rig, 3, 64, usual);
    merge_start(WEIR_CONSUMER, merge_note);
    merge_start_sink(merge_scene.producers[1], usual);
    merge_fill();
    merge_expect_shares();
}

static weir_verdict note_and_pass_on(weir_stage *self, weir_batch batch) {
    merge_note(self, batch);
    merge_scene.rig->emitted += batch.count;
    return weir_forward(self);
}

/* The merge is asked by who handles large batches, which would put it ahead. */
static void before_a_chain(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        merge_open(&rig, 3, 64, usual);
        merge_scene.makers[1].worker = workers - 1;
        merge_start_sink(merge_start(WEIR_PRODUCER_CONSUMER, note_and_pass_on), usual);
        merge_fill();
        merge_expect_shares();
    }
}

/* ---- to a reader outside ------------------------------------------------- */

static void to_a_stream(struct rig *rig) {
    merge_open(rig, 3, 64, usual);
    weir_subscribe_to to[3];
    merge_start_makers(to);
    weir_stream *stream;
    const weir_stream_options options = {
        .event_bytes = 64, .subscribe_to = to, .subscribe_count = merge_scene.count};
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    while (merge_scene.batches < merge_scene.wanted) {
        weir_status status;
        weir_batch batch = weir_stream_batch(stream, 0, WEIR_FOREVER, &status);
        assert_int_equal(status, WEIR_OK);
        merge_enter(*(const uint8_t *)batch.events, batch.count);
    }
    weir_stream_close(stream);
    merge_expect_shares();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(windows_are_weights), TEST_STEPPED(who_is_slow_keeps_nobody_waiting),
        TEST_STEPPED(behind_a_chain),      TEST_STEPPED(beside_another_consumer),
        cmocka_unit_test(before_a_chain),  TEST_STEPPED(to_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
