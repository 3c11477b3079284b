/*
 * Payload that is written where it lies, and slices of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: lines of a chunk, which was read into the block, go on without a copy, and come whole and
 * in order; whoever writes to a slice writes to bytes of his own.
 * Method: lines that say their own number and length, cut from chunks and emitted twice, in every
 * world, under an address sanitizer.
 */
#include "support/payload_scene.h"
#include "support/worlds.h"

#include <string.h>

/* ---- written in place, and slices --------------------------------------------------- */

/* A chunk of text: lines of the scene with a newline behind each, as from read(2). */
static weir_verdict read_chunks(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && payload_scene.made < payload_scene.limit; demand--) {
        weir_room room = weir_reserve_bytes(self, payload_scene.most + 2);
        RIG_CHECK(payload_scene.chain.rig, room.count >= payload_scene.most + 2);
        char *at = room.events;
        size_t used = 0;
        while (payload_scene.made < payload_scene.limit &&
               used + payload_length(payload_scene.made) + 1 <= room.count && used < 6000) {
            payload_write(at + used, payload_scene.made);
            used += payload_length(payload_scene.made++);
            at[used++] = '\n';
        }
        const struct payload_line chunk = {.text = {at, (uint32_t)used, 0}};
        RIG_CHECK(payload_scene.chain.rig, weir_commit_bytes(self, used, &chunk, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* Each line of the chunk goes on where it lies. */
static weir_verdict split(weir_stage *self, weir_batch batch) {
    const struct payload_line *chunk = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const char *at = chunk[i].text.at;
        const char *end = at + chunk[i].text.count;
        while (at < end) {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            const struct payload_line line = {.text = {at, (uint32_t)(newline - at), 0},
                                              .number = payload_scene.next++};
            RIG_CHECK(payload_scene.chain.rig, weir_emit_slices(self, &line, 1) == WEIR_OK);
            at = newline + 1;
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_split(weir_stage *self, weir_batch batch) {
    const struct payload_line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(payload_scene.chain.rig, line[i].number == payload_scene.seen + i);
        RIG_CHECK(payload_scene.chain.rig, line[i].text.count == payload_length(line[i].number));
        for (uint32_t k = 0; k < line[i].text.count; k++) {
            RIG_CHECK(payload_scene.chain.rig,
                      line[i].text.at[k] == payload_letter(line[i].number, k));
        }
    }
    payload_scene.seen += batch.count;
    return WEIR_CONTINUE;
}

static void chunks_are_split_without_a_copy(struct rig *rig, int way) {
    uint64_t count = way == 0 ? 2000 : 200;
    payload_open(rig, count, way == 0 ? 80 : 5000);
    weir_ref first =
        chain_start(&payload_scene.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                               .type = &payload_lines,
                                                               .on.handle_demand = read_chunks});
    weir_ref second = payload_behind(first, WEIR_PRODUCER_CONSUMER, split,
                                     (weir_subscribe_options){.max_demand = 4, .min_demand = 2});
    payload_behind(second, WEIR_CONSUMER, read_split, payload_ten);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, count);
    chain_close(&payload_scene.chain);
}

/* ---- slices that are written to ---------------------------------------------------------- */

static weir_verdict slice_twice(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    for (int i = 0; i < 2; i++) {
        RIG_CHECK(payload_scene.chain.rig,
                  weir_emit_slices(self, batch.events, batch.count) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* Two events have the same bytes: each is in capitals once. */
static void who_writes_to_a_slice_has_his_own(struct rig *rig) {
    payload_open(rig, 100, 300);
    const weir_subscribe_options one = {.max_demand = 1};
    weir_ref twice = payload_behind(payload_source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER,
                                    slice_twice, payload_ten);
    payload_behind(payload_behind(twice, WEIR_PRODUCER_CONSUMER, payload_shout, one), WEIR_CONSUMER,
                   payload_read_shouted, payload_ten);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, 100 + 2 * 100 + 2 * 100);
    chain_close(&payload_scene.chain);
}

static weir_verdict slice_and_shout(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    RIG_CHECK(payload_scene.chain.rig,
              weir_emit_slices(self, batch.events, batch.count) == WEIR_OK);
    struct payload_line *mine = weir_own(self);
    RIG_CHECK(payload_scene.chain.rig, mine != NULL);
    for (size_t i = 0; mine != NULL && i < batch.count; i++) {
        memset((char *)(uintptr_t)mine[i].text.at, '!', mine[i].text.count);
    }
    return WEIR_CONTINUE;
}

static void what_was_sliced_is_written_to_elsewhere(struct rig *rig) {
    payload_open(rig, 100, 300);
    weir_ref first = payload_source((weir_stage_options){0});
    payload_behind(payload_behind(first, WEIR_PRODUCER_CONSUMER, slice_and_shout, payload_ten),
                   WEIR_CONSUMER, payload_read, payload_ten);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, 200);
    chain_close(&payload_scene.chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(chunks_are_split_without_a_copy, 2),
        TEST_IN_WORLDS(who_writes_to_a_slice_has_his_own),
        TEST_IN_WORLDS(what_was_sliced_is_written_to_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
