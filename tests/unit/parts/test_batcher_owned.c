/*
 * Batches of events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever becomes of a batch, each of its events is dropped once, by its own type, for that
 * cause; what is taken out of it, or with it, is the program's; what several have of a batch is
 * dropped behind the last of them; the memory is weir's again, whichever thread lets go.
 * Method: a ledger of owned events; in every world, and on threads.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include <string.h>

static struct rig *in;

static void start_with(weir_batcher_options options, size_t sink_demand) {
    weir_subscribe_to to = gather_begin(in, true, 1000);
    options.type = &gather_scene.ledger.type;
    options.timeout_ns = WEIR_FOREVER;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_batcher_start(in->runtime, &options, &gather_scene.part), WEIR_OK);
    if (sink_demand < SIZE_MAX) gather_sink(true, sink_demand);
}

static void start(struct rig *rig, size_t size, size_t sink_demand) {
    in = rig;
    start_with((weir_batcher_options){.size = size, .name = "b"}, sink_demand);
}

static uint64_t by_three(void *context, const void *event) {
    (void)context;
    return ((const struct owned *)event)->number % 3;
}

/* ---- the causes ---------------------------------------------------------- */

static void what_was_handled_is_dropped_as_that(struct rig *rig) {
    start(rig, 4, 10);
    gather_push(1, 10);
    gather_expect("size 4 of key 0: 1..4\nsize 4 of key 0: 5..8\n");
    owned_expect(&gather_scene.ledger, "handled 8, left 2");
    gather_finish();
    gather_expect("end 2 of key 0: 9..10\n");
    gather_close("handled 10");
}

static void open_batches_end_with_their_stage(struct rig *rig) {
    in = rig;
    start_with((weir_batcher_options){.size = 4, .key = by_three}, 10);
    gather_push(1, 11);
    gather_expect("size 4 of key 1: 1 4 7 10\nsize 4 of key 2: 2 5 8 11\n");
    weir_stop(rig->runtime, gather_scene.part, WEIR_REASON_USER);
    rig_rest(rig);
    gather_close("handled 8, stopped 3");
}

/* Two are in its buffer, one is open, and the rest has not been taken. */
static void batches_that_wait_end_with_their_stage(struct rig *rig) {
    start(rig, 2, 0);
    gather_push(1, 7);
    gather_ask(1);
    weir_stop(rig->runtime, gather_scene.part, WEIR_REASON_USER);
    rig_rest(rig);
    gather_close("handled 2, stopped 5");
}

static weir_verdict die(weir_stage *self, const weir_gathered *batch) {
    (void)batch;
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void a_batch_is_abandoned_with_its_handler(struct rig *rig) {
    start(rig, 3, 1);
    gather_scene.look = die;
    gather_push(1, 3);
    gather_expect("size 3 of key 0: 1..3\n");
    weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL);
    rig_rest(rig);
    gather_close("abandoned 3");
}

static void a_full_buffer_drops_whole_batches(struct rig *rig) {
    in = rig;
    start_with((weir_batcher_options){.size = 100, .key = by_three, .buffer_size = 1}, 0);
    gather_ask(1);
    gather_push(1, 9);
    weir_inlet_finish(gather_scene.inlet);
    rig_rest(rig); /* three at the end: one is asked for, the last one is kept */
    gather_expect("end 3 of key 1: 1 4 7\n");
    gather_ask(1);
    gather_expect("end 3 of key 0: 3 6 9\n");
    gather_close("handled 6, overflow 3");
}

/* ---- taking -------------------------------------------------------------- */

static struct {
    weir_gathered kept;
    struct owned events[16];
    size_t count;
} mine;

static weir_verdict take_two(weir_stage *self, const weir_gathered *batch) {
    struct rig *rig = gather_scene.rig;
    weir_gathered other = *batch;
    RIG_CHECK(rig, weir_gathered_take(self, batch, 1, 2, mine.events) == WEIR_OK);
    RIG_CHECK(rig, weir_gathered_take(self, batch, 2, 2, mine.events + 2) == WEIR_INVALID);
    RIG_CHECK(rig, strcmp(weir_refusal(), "cannot take 2 events from number 2 on of a batch of 4: "
                                          "some of them were taken") == 0);
    RIG_CHECK(rig, weir_gathered_take(self, batch, 3, 2, mine.events + 2) == WEIR_INVALID);
    RIG_CHECK(rig, strstr(weir_refusal(), "the batch has fewer") != NULL);
    RIG_CHECK(rig, weir_gathered_take(self, &other, 0, 1, mine.events + 2) == WEIR_INVALID);
    RIG_CHECK(rig, strstr(weir_refusal(), "it is not at hand") != NULL);
    RIG_CHECK(rig, weir_gathered_take(self, batch, 4, 0, NULL) == WEIR_OK);
    mine.count = 2;
    return WEIR_CONTINUE;
}

static void events_are_taken_out_of_a_batch(struct rig *rig) {
    start(rig, 4, 10);
    gather_scene.look = take_two;
    gather_push(1, 4);
    owned_expect(&gather_scene.ledger, "handled 2, left 2");
    assert_int_equal(mine.events[0].number, 2);
    assert_int_equal(mine.events[1].number, 3);
    owned_release(&gather_scene.ledger, mine.events[0]);
    owned_release(&gather_scene.ledger, mine.events[1]);
    gather_finish();
    gather_close("handled 2, released 2");
}

static weir_verdict take_all(weir_stage *self, const weir_gathered *batch) {
    struct rig *rig = gather_scene.rig;
    RIG_CHECK(rig, weir_take(self, 0, 1, &mine.kept) == WEIR_OK);
    RIG_CHECK(rig, weir_gathered_take(self, batch, 0, 1, mine.events) == WEIR_INVALID);
    RIG_CHECK(rig, strstr(weir_refusal(), "or it was taken whole") != NULL);
    RIG_CHECK(rig, mine.kept.events == batch->events && mine.kept.count == batch->count);
    return WEIR_CONTINUE;
}

/* It outlives its callback, its consumer, and its batcher. */
static void a_batch_is_taken_whole(struct rig *rig) {
    start(rig, 4, 1);
    gather_scene.look = take_all;
    gather_push(1, 4);
    gather_finish();
    owned_expect(&gather_scene.ledger, "left 4");
    const struct owned *events = mine.kept.events;
    for (size_t i = 0; i < 4; i++) owned_look(&gather_scene.ledger, &events[i]);
    assert_int_equal(weir_gathered_take(NULL, &mine.kept, 3, 1, mine.events), WEIR_OK);
    owned_release(&gather_scene.ledger, mine.events[0]);
    weir_gathered_drop(&mine.kept, WEIR_DISCARD_UNWANTED);
    assert_int_equal(mine.kept.count, 0);
    weir_gathered_drop(&mine.kept, WEIR_DISCARD_UNWANTED); /* once */
    gather_close("unwanted 3, released 1");
}

/* ---- several have it ----------------------------------------------------- */

static weir_verdict try_to_take(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    struct owned event;
    for (size_t i = 0; i < batch.count; i++) {
        if (weir_gathered_take(self, &batches[i], 0, 1, &event) == WEIR_OK) {
            owned_release(&gather_scene.ledger, event);
            mine.count++;
        }
        gather_scene.events += batches[i].count;
    }
    return WEIR_CONTINUE;
}

/* Nobody takes what another one reads, but the last of them. */
static void a_batch_for_several_is_dropped_behind_the_last(struct rig *rig) {
    in = rig;
    mine.count = 0;
    start_with((weir_batcher_options){.size = 5, .dispatcher = weir_broadcast_dispatcher()},
               SIZE_MAX);
    const weir_subscribe_to to = {.producer = gather_scene.part};
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on.handle_events = try_to_take};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_stage_start(rig->runtime, &sink, NULL), WEIR_OK);
    }
    rig_rest(rig);
    gather_push(1, 10);
    assert_int_equal(gather_scene.events, 30);
    assert_true(mine.count <= 2);
    gather_finish();
    gather_close(mine.count == 2   ? "handled 8, released 2"
                 : mine.count == 1 ? "handled 9, released 1"
                                   : "handled 10");
}

/* Each writes to the batch as its own; the events are the same. */
static weir_verdict own_it(weir_stage *self, weir_batch batch) {
    weir_gathered *batches = weir_own(self);
    RIG_CHECK(gather_scene.rig, batches != NULL);
    for (size_t i = 0; batches != NULL && i < batch.count; i++) {
        const struct owned *events = batches[i].events;
        batches[i].attempt++;
        RIG_CHECK(gather_scene.rig, batches[i].attempt == 1);
        for (uint32_t k = 0; k < batches[i].count; k++) {
            owned_look(&gather_scene.ledger, &events[k]);
        }
        gather_scene.events += batches[i].count;
    }
    return WEIR_CONTINUE;
}

static void a_batch_is_copied_with_the_same_events(struct rig *rig) {
    in = rig;
    start_with((weir_batcher_options){.size = 5, .dispatcher = weir_broadcast_dispatcher()},
               SIZE_MAX);
    const weir_subscribe_to to = {.producer = gather_scene.part};
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on.handle_events = own_it};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_stage_start(rig->runtime, &sink, NULL), WEIR_OK);
    }
    rig_rest(rig);
    gather_push(1, 10);
    assert_int_equal(gather_scene.events, 30);
    gather_finish();
    gather_close("handled 10");
}

/* ---- what is not for it -------------------------------------------------- */

static void events_of_another_type_stop_it(struct rig *rig) {
    start(rig, 4, 1);
    weir_event_type other = gather_scene.ledger.type;
    weir_inlet *inlet;
    weir_ref source;
    const weir_inlet_options options = {.type = &other};
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &source), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, gather_scene.part, source, NULL, NULL), WEIR_OK);
    struct owned event = owned_make(&gather_scene.ledger);
    assert_int_equal(weir_inlet_push(inlet, &event, 1, 0), WEIR_OK);
    rig_rest(rig);
    assert_non_null(strstr(rig->log.text, "error: batcher b stops: it was given events of another "
                                          "type, and was started for those of its own type\n"));
    weir_inlet_close(inlet);
    gather_close("abandoned 1");
}

/* ---- threads ------------------------------------------------------------- */

static weir_verdict look_only(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        const struct owned *events = batches[i].events;
        for (uint32_t k = 0; k < batches[i].count; k++) {
            RIG_CHECK(gather_scene.rig, events[k].number % 3 == batches[i].key);
            owned_look(&gather_scene.ledger, &events[k]);
        }
    }
    return WEIR_CONTINUE;
}

/* Batches are let go of where they are handled, on another worker than where they are filled. */
static void batches_come_home_from_other_threads(void **state) {
    (void)state;
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 3, .unpinned = true});
    in = &rig;
    start_with((weir_batcher_options){.size = 64, .key = by_three, .worker = WEIR_WORKER(0)},
               SIZE_MAX);
    const weir_subscribe_to to = {.producer = gather_scene.part, .options = {.max_demand = 4}};
    weir_stage_options sink = {.kind = WEIR_CONSUMER,
                               .subscribe_to = &to,
                               .subscribe_count = 1,
                               .on.handle_events = look_only};
    for (unsigned i = 0; i < 3; i++) {
        sink.worker = WEIR_WORKER(i);
        assert_int_equal(weir_stage_start(rig.runtime, &sink, NULL), WEIR_OK);
    }
    for (uint64_t i = 0; i < 30000; i++) {
        struct owned event = owned_make(&gather_scene.ledger);
        assert_int_equal(weir_inlet_push(gather_scene.inlet, &event, 1, WEIR_FOREVER), WEIR_OK);
    }
    gather_finish();
    gather_close("handled 30000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_was_handled_is_dropped_as_that),
        TEST_IN_WORLDS(open_batches_end_with_their_stage),
        TEST_IN_WORLDS(batches_that_wait_end_with_their_stage),
        TEST_IN_WORLDS(a_batch_is_abandoned_with_its_handler),
        TEST_IN_WORLDS(a_full_buffer_drops_whole_batches),
        TEST_IN_WORLDS(events_are_taken_out_of_a_batch),
        TEST_IN_WORLDS(a_batch_is_taken_whole),
        TEST_IN_WORLDS(a_batch_for_several_is_dropped_behind_the_last),
        TEST_IN_WORLDS(a_batch_is_copied_with_the_same_events),
        TEST_IN_WORLDS(events_of_another_type_stop_it),
        cmocka_unit_test(batches_come_home_from_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
