/*
 * Event types: every event that owns something is dropped once, and for the right cause.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever way an event takes out of the graph, its type hears of it exactly once, with
 * the cause; what is taken, or refused, is the program's; several holders make one drop.
 * Method: a scene for each way, in every world, with events that have names and own memory: a
 * ledger knows the fate of each, and an address sanitizer what the ledger does not see.
 */
#include "support/owned.h"
#include "support/worlds.h"

#include <string.h>

static struct owned_ledger ledger;

/* ---- stages ---------------------------------------------------------------- */

/* Emits what is asked for, up to `limit`; in bursts, however little it is. */
struct source {
    uint64_t limit;
    uint64_t burst;
    uint64_t made;
};

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    struct source *source = weir_state(self);
    uint64_t count = source->burst > 0 ? source->burst : demand;
    for (; count > 0 && source->made < source->limit; count--, source->made++) {
        struct owned event = owned_make(&ledger);
        if (weir_emit(self, &event, 1) != WEIR_OK) owned_release(&ledger, event);
    }
    return WEIR_CONTINUE;
}

static weir_stage_options source_options(const struct source *source) {
    return (weir_stage_options){.kind = WEIR_PRODUCER,
                                .name = "source",
                                .type = &ledger.type,
                                .state = source,
                                .state_bytes = sizeof *source,
                                .on.handle_demand = produce};
}

static weir_verdict look(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) owned_look(&ledger, &events[i]);
    return WEIR_CONTINUE;
}

static weir_verdict look_and_die(weir_stage *self, weir_batch batch) {
    look(self, batch);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    look(self, batch);
    return weir_forward(self);
}

static weir_ref start(struct rig *rig, weir_stage_options options) {
    weir_ref ref;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref start_consumer(struct rig *rig, weir_ref producer,
                               weir_verdict (*handle)(weir_stage *, weir_batch),
                               weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return start(rig, (weir_stage_options){.kind = WEIR_CONSUMER,
                                           .name = "consumer",
                                           .subscribe_to = &to,
                                           .subscribe_count = 1,
                                           .on.handle_events = handle});
}

static void close_scene(struct rig *rig, const char *expected) {
    weir_accounts accounts = rig_close(rig);
    owned_expect(&ledger, expected);
    owned_close(&ledger, &accounts);
}

static void open_ledger(struct rig *rig, uint64_t emitted, uint64_t handled) {
    owned_open(&ledger);
    rig->emitted = emitted;
    rig->handled = handled;
}

/* ---- one way after the other ------------------------------------------------- */

static void what_is_handled(struct rig *rig) {
    open_ledger(rig, 100, 100);
    weir_ref source = start(rig, source_options(&(struct source){.limit = 100}));
    start_consumer(rig, source, look, (weir_subscribe_options){.max_demand = 10});
    rig_rest(rig);
    owned_expect(&ledger, "handled 100");
    close_scene(rig, "handled 100");
}

static void what_is_forwarded_is_dropped_at_the_end(struct rig *rig) {
    open_ledger(rig, 200, 200);
    weir_ref source = start(rig, source_options(&(struct source){.limit = 100}));
    const weir_subscribe_to to = {.producer = source, .options.max_demand = 20};
    weir_ref middle = start(rig, (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                      .type = &ledger.type,
                                                      .subscribe_to = &to,
                                                      .subscribe_count = 1,
                                                      .on.handle_events = pass_on});
    start_consumer(rig, middle, look, (weir_subscribe_options){.max_demand = 7});
    rig_rest(rig);
    close_scene(rig, "handled 100");
}

static void what_overflows(struct rig *rig, int way) {
    open_ledger(rig, 100, 0);
    weir_stage_options options = source_options(&(struct source){.limit = 100, .burst = 100});
    options.buffer_size = 30;
    options.buffer_keep = way == 0 ? WEIR_KEEP_LAST : WEIR_KEEP_FIRST;
    weir_ref source = start(rig, options);
    rig->handled = 5;
    start_consumer(rig, source, look,
                   (weir_subscribe_options){.max_demand = 5, .cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    rig->handled = 35;
    rig_expect_log(rig, "warning: stage source has discarded 65 events from its buffer\n");
    owned_expect(&ledger, "handled 35, overflow 65");
    owned_expect_one(&ledger, way == 0 ? 100 : 6, WEIR_DISCARD_HANDLED);
    owned_expect_one(&ledger, way == 0 ? 6 : 100, WEIR_DISCARD_OVERFLOW);
    close_scene(rig, "handled 35, overflow 65");
}

static void what_a_consumer_had_begun_when_it_died(struct rig *rig) {
    open_ledger(rig, 40, 30);
    weir_ref source = start(rig, source_options(&(struct source){.limit = 40}));
    const weir_subscribe_options ten = {.max_demand = 20, .min_demand = 10};
    weir_ref dead = start_consumer(rig, source, look_and_die, ten);
    rig_rest(rig);
    (void)dead;
    owned_expect(&ledger, "abandoned 10, left 10");
    start_consumer(rig, source, look, ten);
    rig_rest(rig);
    rig->handled = 40;
    close_scene(rig, "handled 30, abandoned 10");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_is_handled),
        TEST_IN_WORLDS(what_is_forwarded_is_dropped_at_the_end),
        TEST_IN_WORLDS_AND_WAYS(what_overflows, 2),
        TEST_IN_WORLDS(what_a_consumer_had_begun_when_it_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
