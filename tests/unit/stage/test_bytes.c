/*
 * Bounds in bytes: what is under way to a consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: never are more bytes under way than max_bytes, or one event: of flat events, of lines
 * of one length as soon as that is known, and of any lines if their producer looks; all
 * arrive, in order, whoever leaves, is slow or is full.
 * Method: a producer that knows what its consumers have had, in every world.
 */
#include "support/bytes_scene.h"
#include "support/worlds.h"

#include <string.h>

/* ---- what is under way -------------------------------------------------------- */

static void flat_events_are_never_more(struct rig *rig) {
    for (size_t bytes = 8; bytes <= 200; bytes += 64) {
        bytes_open(rig);
        bytes_scene.flat_bytes = bytes;
        bytes_play(NULL, 1, (weir_subscribe_options){.max_bytes = 1000});
        assert_true(bytes_scene.most <= 1000 && bytes_scene.most + bytes > 1000);
    }
    rig_close(rig);
}

/* A thousand of them would be 8 MiB.  Who says how many he wants gets them. */
static void large_flat_events_are_asked_for_as_they_fit(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.flat_bytes = BYTES_FLAT_MOST;
    bytes_play(NULL, 1, (weir_subscribe_options){0});
    assert_int_equal(bytes_scene.most, WEIR_MAX_BYTES_DEFAULT);
    bytes_open(rig);
    bytes_scene.flat_bytes = BYTES_FLAT_MOST;
    bytes_play(NULL, 1, (weir_subscribe_options){.max_demand = 200});
    assert_int_equal(bytes_scene.most, 200 * BYTES_FLAT_MOST);
    rig_close(rig);
}

static void one_event_always_passes(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.flat_bytes = 64;
    bytes_play(NULL, 1, (weir_subscribe_options){.max_bytes = 1});
    assert_int_equal(bytes_scene.most, 64);
    bytes_open(rig);
    bytes_scene.flat_bytes = 8; /* which would have room inside a ring's entry */
    bytes_play(NULL, 1, (weir_subscribe_options){.max_bytes = 1});
    assert_int_equal(bytes_scene.most, 8);
    for (int looks = 0; looks < 2; looks++) {
        bytes_open(rig);
        bytes_scene.looks = looks;
        bytes_scene.shortest = bytes_scene.longest = 5000;
        bytes_play(NULL, 1,
                   (weir_subscribe_options){.max_bytes = 4000, .max_demand = 7, .min_demand = 5});
        assert_int_equal(bytes_scene.most, 5000 + sizeof(struct bytes_line));
    }
    rig_close(rig);
}

/* As a file of long bytes_lines is read: whatever the producer was asked for it emits. */
static void long_lines_are_asked_for_a_few_at_a_time(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.shortest = bytes_scene.longest = BYTES_LONG;
    bytes_play(NULL, 1, (weir_subscribe_options){0});
    assert_true(bytes_scene.most <= WEIR_MAX_BYTES_DEFAULT);
    assert_true(bytes_scene.asked_most > 1 &&
                bytes_scene.asked_most <= WEIR_MAX_BYTES_DEFAULT / BYTES_LONG);
    rig_close(rig);
}

static void short_lines_are_asked_for_as_ever(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.shortest = bytes_scene.longest = 20;
    bytes_scene.limit = 20000;
    bytes_play(NULL, 1, (weir_subscribe_options){0});
    assert_true(bytes_scene.asked_most >= 500 && bytes_scene.asked_most <= 1000);
    rig_close(rig);
}

/* One among many is enough to expect others. */
static void one_long_line_is_remembered(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.shortest = 20;
    bytes_scene.longest = BYTES_LONG;
    bytes_scene.one_long = 20050;
    bytes_scene.long_from = 20500;
    bytes_scene.limit = bytes_scene.long_from + 400;
    bytes_play(NULL, 1, (weir_subscribe_options){0});
    assert_true(bytes_scene.most < 8 * WEIR_MAX_BYTES_DEFAULT);
    rig_close(rig);
}

static void who_looks_never_passes_the_bound(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = 1;
    bytes_scene.longest = BYTES_LONG;
    bytes_play(NULL, 1, (weir_subscribe_options){.max_bytes = 150000});
    assert_true(bytes_scene.most <= 150000 && bytes_scene.most > 150000 / 2);
    rig_close(rig);
}

static void a_broadcast_waits_for_the_fullest(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = 1000;
    bytes_scene.longest = 9000;
    bytes_play(weir_broadcast_dispatcher(), BYTES_CONSUMERS,
               (weir_subscribe_options){.max_bytes = 30000});
    assert_true(bytes_scene.most <= 30000);
    rig_close(rig);
}

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)batch;
    RIG_CHECK(bytes_scene.rig, weir_batch_rest(self, 0) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict count_seen(weir_stage *self, weir_batch batch) {
    (void)self;
    bytes_scene.rig->handled += batch.count;
    bytes_scene.bytes_seen[0] = bytes_scene.bytes_made; /* it is never full */
    return WEIR_CONTINUE;
}

/* One of two has asked for more than it has room for, and is through with nothing. */
static void who_is_full_keeps_nothing_from_others(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = 10;
    bytes_scene.longest = 5000;
    bytes_scene.long_from = 200; /* when both have asked for many */
    bytes_scene.max_bytes = 6000;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_start_producer(NULL, (weir_stage_options){0});
    const weir_subscribe_to to = {.producer = bytes_scene.producer,
                                  .options.max_bytes = bytes_scene.max_bytes};
    const weir_stage_options full = {.kind = WEIR_PRODUCER_CONSUMER, /* nobody asks it */
                                     .event_bytes = 8,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on.handle_events = take_none};
    const weir_stage_options other = {.kind = WEIR_CONSUMER,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = count_seen};
    assert_int_equal(weir_stage_start(rig->runtime, &full, NULL), WEIR_OK);
    assert_int_equal(weir_stage_start(rig->runtime, &other, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, bytes_scene.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(bytes_scene.made, bytes_scene.limit);
    assert_int_equal(weir_stop(rig->runtime, bytes_scene.producer, WEIR_REASON_NORMAL), WEIR_OK);
    rig_close(rig);
}

/* Of a broadcast, nothing goes as long as one is full: there is nothing to be called for. */
static void a_full_one_of_a_broadcast_is_waited_for(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = 10;
    bytes_scene.longest = 5000;
    bytes_scene.long_from = 50; /* when both have asked for more */
    bytes_scene.max_bytes = 6000;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_start_producer(weir_broadcast_dispatcher(), (weir_stage_options){0});
    const weir_subscribe_to to = {.producer = bytes_scene.producer,
                                  .options.max_bytes = bytes_scene.max_bytes};
    const weir_stage_options full = {.kind = WEIR_PRODUCER_CONSUMER, /* nobody asks it */
                                     .event_bytes = 8,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on.handle_events = take_none};
    const weir_stage_options other = {.kind = WEIR_CONSUMER,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = count_seen};
    assert_int_equal(weir_stage_start(rig->runtime, &full, NULL), WEIR_OK);
    assert_int_equal(weir_stage_start(rig->runtime, &other, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, bytes_scene.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_true(bytes_scene.made >= 50 && bytes_scene.made < bytes_scene.limit);
    assert_true(bytes_scene.calls < 200);
    assert_int_equal(weir_stop(rig->runtime, bytes_scene.producer, WEIR_REASON_NORMAL), WEIR_OK);
    rig_close(rig);
}

/* What was left waits for bytes that go with the one that has them: it is asked for again. */
static void a_consumer_that_leaves_holds_nothing_up(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = bytes_scene.longest = 100;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_scene.max_bytes = 300;
    bytes_start_producer(NULL, (weir_stage_options){0});
    weir_ref first = bytes_start_consumer(0, (weir_subscribe_options){.max_bytes = 300});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, bytes_scene.producer, WEIR_FORWARD), WEIR_OK);
    assert_int_equal(weir_stop(rig->runtime, first, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    bytes_start_consumer(0, (weir_subscribe_options){.max_bytes = 300});
    rig_rest(rig);
    assert_int_equal(bytes_scene.seen[0], BYTES_EVENTS);
    rig_close(rig);
}

/* Whose an event will be nobody knows: all of them are asked for, however long they are. */
static void who_competes_has_no_bound(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.looks = true;
    bytes_scene.shortest = bytes_scene.longest = 5000;
    bytes_scene.max_bytes = 1;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_start_producer(weir_shared_dispatcher(), (weir_stage_options){0});
    bytes_start_consumer(0, (weir_subscribe_options){0});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, bytes_scene.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(bytes_scene.seen[0], BYTES_EVENTS);
    rig_close(rig);
}

static weir_verdict look_held_back(weir_stage *self, const void *message, size_t bytes) {
    weir_asked asked = weir_open_demand(self);
    (void)message, (void)bytes;
    RIG_CHECK(bytes_scene.rig, asked.events == 0 && asked.bytes == 0);
    bytes_scene.calls++;
    return WEIR_CONTINUE;
}

/* A producer that holds back sends nothing, whoever has asked. */
static void who_holds_back_is_asked_for_nothing(struct rig *rig) {
    bytes_open(rig);
    bytes_scene.flat_bytes = 8;
    bytes_scene.limit = 3;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_start_producer(NULL, (weir_stage_options){.on.handle_cast = look_held_back});
    bytes_start_consumer(0, (weir_subscribe_options){0});
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, bytes_scene.producer, "", 0), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(bytes_scene.calls, 1);
    rig_close(rig);
}

/* ---- a stage between ------------------------------------------------------------- */

static weir_verdict produce_numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < bytes_scene.limit; demand--, ++*next) {
        RIG_CHECK(bytes_scene.rig, weir_emit(self, next, 1) == WEIR_OK);
        bytes_scene.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

/* A line for each number, as long as it goes at once. */
static weir_verdict write_lines(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    size_t count = 0;
    bytes_scene.calls++;
    for (; count < batch.count && bytes_goes_now(self); count++) {
        RIG_CHECK(bytes_scene.rig, number[count] == bytes_scene.made);
        bytes_emit_one(self);
    }
    bytes_scene.rig->handled += count;
    RIG_CHECK(bytes_scene.rig, weir_batch_rest(self, count) == WEIR_OK);
    RIG_CHECK(bytes_scene.rig, weir_buffered(self) == 0);
    return WEIR_CONTINUE;
}

/* It is not called when it could do nothing, but once for each time that there may be room. */
static void a_stage_between_keeps_to_the_bound(struct rig *rig, int few) {
    bytes_open(rig);
    bytes_scene.shortest = 1;
    bytes_scene.longest = BYTES_LONG;
    bytes_scene.max_bytes = 150000;
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    weir_ref numbers, writer;
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .event_bytes = sizeof(uint64_t),
                                        .state_bytes = sizeof(uint64_t),
                                        .demand = WEIR_ACCUMULATE,
                                        .on.handle_demand = produce_numbers};
    assert_int_equal(weir_stage_start(rig->runtime, &options, &numbers), WEIR_OK);
    const weir_subscribe_to to = {.producer = numbers, .options.cancel = WEIR_TEMPORARY};
    const weir_stage_options between = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .type = &bytes_lines,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = write_lines};
    assert_int_equal(weir_stage_start(rig->runtime, &between, &writer), WEIR_OK);
    bytes_scene.producer = writer;
    weir_subscribe_options how = {.max_bytes = bytes_scene.max_bytes};
    if (few) { /* all that is asked for is heard of: it is not asked when bytes go */
        how.max_demand = 2;
        how.max_bytes = bytes_scene.max_bytes = 70000;
        how.min_demand = WEIR_NONE;
    }
    bytes_start_consumer(0, how);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, numbers, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(bytes_scene.seen[0], bytes_scene.limit);
    assert_true(bytes_scene.most <= bytes_scene.max_bytes);
    assert_true(few || bytes_scene.calls <= bytes_scene.limit * 5 / 8);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(flat_events_are_never_more),
        TEST_IN_WORLDS(large_flat_events_are_asked_for_as_they_fit),
        TEST_IN_WORLDS(one_event_always_passes),
        TEST_IN_WORLDS(long_lines_are_asked_for_a_few_at_a_time),
        TEST_IN_WORLDS(short_lines_are_asked_for_as_ever),
        TEST_IN_WORLDS(one_long_line_is_remembered),
        TEST_IN_WORLDS(who_looks_never_passes_the_bound),
        TEST_IN_WORLDS(a_broadcast_waits_for_the_fullest),
        TEST_IN_WORLDS(who_is_full_keeps_nothing_from_others),
        TEST_IN_WORLDS(a_full_one_of_a_broadcast_is_waited_for),
        TEST_IN_WORLDS(a_consumer_that_leaves_holds_nothing_up),
        TEST_IN_WORLDS(who_competes_has_no_bound),
        TEST_STEPPED(who_holds_back_is_asked_for_nothing),
        TEST_IN_WORLDS_AND_WAYS(a_stage_between_keeps_to_the_bound, 2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
