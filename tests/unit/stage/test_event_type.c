/*
 * Event types: every event that owns something is dropped once, and for the right cause.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever way an event takes out of the graph, its type hears of it exactly once, with
 * the cause; several holders make one drop, behind the last of them, with the worst cause; a
 * type that is none is refused.
 * Method: a scene for each way, in every world, with events that have names and own memory: a
 * ledger knows the fate of each, and an address sanitizer what the ledger does not see.
 * (Taking, owning, forwarding and stashing: test_take.c.  Drains, and who stops amid a flow:
 * test_event_type_ends.c.)
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};

static weir_verdict die(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_verdict end(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    return weir_stop_with(self, WEIR_REASON_SHUTDOWN);
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    return weir_forward(self);
}

static void expect(const char *expected) {
    rig_rest(owned_scene.rig);
    owned_expect(&owned_scene.ledger, expected);
}

/* ---- one producer, one consumer --------------------------------------------- */

static void what_is_handled(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 100}, (weir_stage_options){0});
    owned_scene_sink(source, owned_scene_look, ten);
    expect("handled 100");
    owned_scene_close("handled 100");
}

static void what_is_forwarded_is_dropped_at_its_end(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 100}, (weir_stage_options){0});
    weir_ref relay = owned_scene_relay(source, pass_on, ten);
    owned_scene_sink(relay, owned_scene_look, (weir_subscribe_options){.max_demand = 7});
    expect("handled 100");
    assert_int_equal(owned_scene.seen, 200);
    owned_scene_close("handled 100");
}

static void what_a_consumer_had_begun_when_it_died(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 40}, (weir_stage_options){0});
    owned_scene_sink(source, die, ten);
    expect("abandoned 5, left 5"); /* those went back */
    owned_scene_sink(source, end, ten);
    expect("handled 5, abandoned 5, left 5");
    owned_scene_sink(source, owned_scene_look, ten);
    expect("handled 35, abandoned 5");
    owned_scene_close("handled 35, abandoned 5");
}

static void what_overflows(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source(
        (struct owned_source){.limit = 100, .burst = 100},
        (weir_stage_options){.buffer_size = 30,
                             .buffer_keep = way == 0 ? WEIR_KEEP_LAST : WEIR_KEEP_FIRST});
    owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 5});
    expect("handled 35, overflow 65");
    owned_expect_one(&owned_scene.ledger, 100,
                     way == 0 ? WEIR_DISCARD_HANDLED : WEIR_DISCARD_OVERFLOW);
    owned_expect_one(&owned_scene.ledger, 6,
                     way == 0 ? WEIR_DISCARD_OVERFLOW : WEIR_DISCARD_HANDLED);
    assert_int_equal(owned_scene.told, 65);
    owned_scene_close("handled 35, overflow 65");
}

/* With more in the buffer than is emitted at once, or less. */
static void what_was_buffered_overflows(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 90, .burst = 30},
                                         (weir_stage_options){.buffer_size = 20});
    const weir_subscribe_options two = {.max_demand = 2, .min_demand = 1, .cancel = WEIR_TEMPORARY};
    owned_scene_sink(source, owned_scene_look, two);
    rig_rest(rig);
    owned_scene_stop(source);
    assert_int_equal(owned_scene.told + owned_scene.seen, 90);
    owned_scene_close("handled 66, overflow 24");
}

static void what_nobody_hears(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 30, .burst = 10},
                                         (weir_stage_options){.drop_unheard = true});
    assert_int_equal(weir_cast(rig->runtime, source, NULL, 0), WEIR_OK);
    expect("unheard 10");
    owned_scene_sink(source, owned_scene_look, ten);
    expect("handled 20, unheard 10");
    owned_scene_close("handled 20, unheard 10");
}

static void what_is_anywhere_when_both_ends_stop(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 30}, (weir_stage_options){0});
    weir_ref relay = owned_scene_relay(source, pass_on, ten);
    owned_scene_sink(relay, owned_scene_look, ten);
    weir_runtime_step(rig->runtime, (uint64_t)way * 3);
    assert_int_equal(weir_stop(rig->runtime, relay, WEIR_REASON_USER), WEIR_OK);
    assert_int_equal(weir_stop(rig->runtime, source, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.accepted, accounts.dropped);
    assert_int_equal(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_HANDLED) +
                         weir_runtime_dropped(rig->runtime, WEIR_DISCARD_STOPPED),
                     accounts.dropped);
    owned_scene_close(NULL);
}

/* It emits, as it is told to by casts, and holds all of it back. */
static void what_accumulates(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 30, .burst = 10},
                                         (weir_stage_options){.demand = WEIR_ACCUMULATE});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_cast(rig->runtime, source, NULL, 0), WEIR_OK);
    }
    expect("left 30");
    owned_scene_sink(source, owned_scene_look, ten);
    expect("left 30");
    if (way == 0) {
        owned_scene_stop(source);
        owned_scene_close("stopped 30");
        return;
    }
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    expect("handled 30");
    owned_scene_close("handled 30");
}

static void what_comes_back_to_who_does_not_want_it(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 10},
                                         (weir_stage_options){.discard_returned = true});
    owned_scene_sink(source, die, ten);
    expect("consumer 5, abandoned 5");
    owned_scene_close("consumer 5, abandoned 5");
}

/* ---- partitions ---------------------------------------------------------------- */

static uint32_t by_three(void *context, const void *event) {
    const struct owned *owned = event;
    (void)context;
    owned_look(&owned_scene.ledger, owned);
    return owned->number % 4 == 2   ? WEIR_PARTITION_NONE
           : owned->number % 4 == 3 ? 7
                                    : (uint32_t)(owned->number % 4);
}

static void what_has_no_partition(struct rig *rig) {
    owned_scene_open(rig);
    const weir_partition_dispatcher_options partitions = {.partitions = 2, .hash = by_three};
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 400},
                           (weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                .dispatcher_options = &partitions});
    for (unsigned i = 0; i < 2; i++) {
        owned_scene_sink(
            source, owned_scene_look,
            (weir_subscribe_options){.max_demand = 10, .partition = WEIR_PARTITION(i)});
    }
    expect("handled 200, unwanted 100, bad partition 100");
    owned_expect_one(&owned_scene.ledger, 2, WEIR_DISCARD_UNWANTED);
    owned_expect_one(&owned_scene.ledger, 3, WEIR_DISCARD_BAD_PARTITION);
    owned_scene_close("handled 200, unwanted 100, bad partition 100");
}

static uint32_t all_to_one(void *context, const void *event) {
    (void)context, (void)event;
    return 1;
}

/* What waits in the queue of a partition that nobody takes. */
static void what_waits_for_a_partition(struct rig *rig, int way) {
    owned_scene_open(rig);
    const weir_partition_dispatcher_options partitions = {.partitions = 2, .hash = all_to_one};
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 100},
                           (weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                .dispatcher_options = &partitions});
    owned_scene_sink(source, owned_scene_look,
                     (weir_subscribe_options){.max_demand = 10, .partition = WEIR_PARTITION(0)});
    expect("left 10");
    if (way == 0) {
        owned_scene_stop(source);
        owned_scene_close("stopped 10");
        return;
    }
    owned_scene_sink(source, owned_scene_look,
                     (weir_subscribe_options){.max_demand = 10, .partition = WEIR_PARTITION(1)});
    expect("handled 100");
    owned_scene_close("handled 100");
}

static void what_waited_for_a_partition_that_left(struct rig *rig) {
    owned_scene_open(rig);
    const weir_partition_dispatcher_options partitions = {
        .partitions = 2, .hash = all_to_one, .queue = WEIR_QUEUE_DISCARD};
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 20},
                           (weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                .dispatcher_options = &partitions});
    owned_scene_sink(
        source, end,
        (weir_subscribe_options){.max_demand = 2, .min_demand = 1, .partition = WEIR_PARTITION(1)});
    owned_scene_sink(source, owned_scene_look,
                     (weir_subscribe_options){.max_demand = 10, .partition = WEIR_PARTITION(0)});
    rig_rest(rig);
    owned_scene_stop(source);
    uint64_t left = weir_runtime_dropped(rig->runtime, WEIR_DISCARD_LEFT);
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.accepted, accounts.dropped);
    assert_true(left + weir_runtime_dropped(rig->runtime, WEIR_DISCARD_CONSUMER) +
                    weir_runtime_dropped(rig->runtime, WEIR_DISCARD_STOPPED) >
                0);
    assert_int_equal(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_HANDLED), 1);
    owned_scene_close(NULL);
}

/* ---- several holders -------------------------------------------------------------- */

static weir_ref broadcaster(uint64_t limit) {
    return owned_scene_source(
        (struct owned_source){.limit = limit},
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
}

static void let_go(weir_ref source) {
    rig_rest(owned_scene.rig);
    assert_int_equal(weir_demand(owned_scene.rig->runtime, source, WEIR_FORWARD), WEIR_OK);
}

static void what_several_have_is_dropped_once(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = broadcaster(100);
    for (size_t i = 0; i < 3; i++) {
        owned_scene_sink(source, owned_scene_look,
                         (weir_subscribe_options){.max_demand = 10 + 7 * i});
    }
    let_go(source);
    expect("handled 100");
    assert_int_equal(owned_scene.seen, 300);
    owned_scene_close("handled 100");
}

static bool is_even(void *context, const void *event) {
    (void)context;
    owned_look(&owned_scene.ledger, event);
    return ((const struct owned *)event)->number % 2 == 0;
}

static void select_fours(void *context, weir_batch batch, bool *wanted) {
    const struct owned *events = batch.events;
    (void)context;
    for (size_t i = 0; i < batch.count; i++) wanted[i] = events[i].number % 4 == 0;
}

static void what_no_selector_wants(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_ref source = broadcaster(100);
    size_t max = way == 0 ? 1 : 40;
    owned_scene_sink(source, owned_scene_look,
                     (weir_subscribe_options){.max_demand = max, .selector = is_even});
    owned_scene_sink(source, owned_scene_look,
                     (weir_subscribe_options){.max_demand = max, .select_many = select_fours});
    let_go(source);
    expect("handled 50, unwanted 50");
    assert_int_equal(owned_scene.seen, 75);
    owned_expect_one(&owned_scene.ledger, 3, WEIR_DISCARD_UNWANTED);
    owned_scene_close("handled 50, unwanted 50");
}

/* One of two holders dies: begun, abandoned; not begun, discarded; the worst cause counts. */
static void what_one_of_several_did_not_handle(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = broadcaster(20);
    const weir_subscribe_options once = {
        .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};
    owned_scene_sink(source, owned_scene_look, once);
    owned_scene_sink(source, die, once);
    let_go(source);
    expect("handled 10, consumer 5, abandoned 5");
    owned_scene_close("handled 10, consumer 5, abandoned 5");
}

static void what_consumers_compete_for(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 200},
                           (weir_stage_options){.dispatcher = weir_shared_dispatcher()});
    for (int i = 0; i < 3; i++) owned_scene_sink(source, owned_scene_look, ten);
    expect("handled 200");
    owned_scene_close("handled 200");
}

/* ---- a dispatcher of the program's own ----------------------------------------------- */

static uint64_t want_all(void *state, weir_outlet *consumer, uint64_t count) {
    (void)state, (void)consumer;
    return count;
}

static weir_reason let_in(void *state, weir_outlet *consumer, uint64_t *upstream) {
    (void)state, (void)consumer, (void)upstream;
    return WEIR_REASON_NORMAL;
}

static uint64_t no_more(void *state, weir_outlet *consumer) {
    (void)state, (void)consumer;
    return 0;
}

/* For causes that there are not. */
static void drop_for_nothing(void *state, weir_run *run, uint64_t count) {
    (void)state;
    weir_run_drop(run, count / 2, (weir_discard)77);
    weir_run_drop(run, weir_run_count(run), (weir_discard)200);
}

static uint64_t all_is_open(const void *state) {
    (void)state;
    return UINT64_MAX / 2;
}

static void causes_that_there_are_not(struct rig *rig) {
    static const weir_dispatcher dropper = {.name = "dropper",
                                            .subscribe = let_in,
                                            .ask = want_all,
                                            .cancel = no_more,
                                            .dispatch = drop_for_nothing,
                                            .open_demand = all_is_open};
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 10},
                                         (weir_stage_options){.dispatcher = &dropper});
    owned_scene_sink(source, owned_scene_look, ten);
    rig_rest(rig);
    owned_scene_close("unwanted 10");
}

/* ---- the end of the runtime ----------------------------------------------------------- */

static void whatever_lies_anywhere_when_all_is_closed(struct rig *rig, int turns) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 4000, .burst = 70},
                                         (weir_stage_options){.buffer_size = 100});
    weir_ref relay = owned_scene_relay(source, pass_on, (weir_subscribe_options){.max_demand = 40});
    owned_scene_sink(relay, owned_scene_look, (weir_subscribe_options){.max_demand = 9});
    owned_scene_sink(relay, owned_scene_look, (weir_subscribe_options){.max_demand = 50});
    weir_runtime_step(rig->runtime, (uint64_t)turns * 2);
    owned_scene_close(NULL);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void expect_refused(struct rig *rig, weir_stage_options options, const char *why) {
    weir_ref ref = {77};
    assert_int_equal(weir_stage_start(rig->runtime, &options, &ref), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), why));
    assert_int_equal(ref.bits, 77);
}

static weir_verdict produce_nothing(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static void types_that_are_none(struct rig *rig) {
    owned_scene_open(rig);
    weir_event_type type = owned_scene.ledger.type;
    weir_stage_options options = {
        .kind = WEIR_PRODUCER, .type = &type, .on.handle_demand = produce_nothing};
    type.bytes = 0;
    expect_refused(rig, options, "type->bytes must be at least 1, got 0");
    type.bytes = WEIR_EVENT_BYTES_LIMIT + 1;
    expect_refused(rig, options, "type->bytes must be at most 65536, got 65537");
    type.bytes = sizeof(struct owned);
    type.drop = NULL;
    expect_refused(rig, options, "type->drop must be set");
    type.drop = owned_scene.ledger.type.drop;
    options.event_bytes = 8;
    expect_refused(rig, options, "event_bytes must be 0 or that of the type, 16, got 8");
    options.event_bytes = 16;
    type.reserved[2] = 1;
    expect_refused(rig, options, "reserved");
    type.reserved[2] = 0;
    expect_refused(rig,
                   (weir_stage_options){
                       .kind = WEIR_CONSUMER, .type = &type, .on.handle_events = owned_scene_look},
                   "type is of what a stage emits: a consumer has none");
    owned_scene_close("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_is_handled),
        TEST_IN_WORLDS(what_is_forwarded_is_dropped_at_its_end),
        TEST_IN_WORLDS(what_a_consumer_had_begun_when_it_died),
        TEST_IN_WORLDS_AND_WAYS(what_overflows, 2),
        TEST_IN_WORLDS(what_was_buffered_overflows),
        TEST_IN_WORLDS(what_nobody_hears),
        TEST_IN_WORLDS_AND_WAYS(what_is_anywhere_when_both_ends_stop, 5),
        TEST_IN_WORLDS_AND_WAYS(what_accumulates, 2),
        TEST_IN_WORLDS(what_comes_back_to_who_does_not_want_it),
        TEST_IN_WORLDS(what_has_no_partition),
        TEST_IN_WORLDS_AND_WAYS(what_waits_for_a_partition, 2),
        TEST_IN_WORLDS(what_waited_for_a_partition_that_left),
        TEST_IN_WORLDS(what_several_have_is_dropped_once),
        TEST_IN_WORLDS_AND_WAYS(what_no_selector_wants, 2),
        TEST_IN_WORLDS(what_one_of_several_did_not_handle),
        TEST_IN_WORLDS(what_consumers_compete_for),
        TEST_IN_WORLDS(causes_that_there_are_not),
        TEST_IN_WORLDS_AND_WAYS(whatever_lies_anywhere_when_all_is_closed, 20),
        TEST_STEPPED(types_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
