/*
 * A supervised chain of events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: however often source, relay and sink die and are started again, each event is dropped
 * once, and what a dying stage had not begun is handled by the next.
 * Method: a relay that keeps some in its stash and buffer, and a sink that takes some and dies of
 * others; each is killed after every so many turns, in every world; then with threads.  A ledger
 * knows each event's fate.
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

enum { EVENTS = 1200 };

static struct owned_ledger *const ledger = &owned_scene.ledger;
static uint64_t made; /* by all sources, one after the other */
static weir_ref supervisor;

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && made < EVENTS; demand--, made++) {
        struct owned event = owned_make(ledger);
        if (weir_emit(self, &event, 1) != WEIR_OK) owned_release(ledger, event);
    }
    return WEIR_CONTINUE;
}

static void look(weir_batch batch) {
    const struct owned *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) owned_look(ledger, &events[i]);
}

/* The first half waits in the stash for the next batch; the others go on. */
static weir_verdict delay(weir_stage *self, weir_batch batch) {
    look(batch);
    RIG_CHECK(owned_scene.rig, weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_stash(self, 0, (batch.count + 1) / 2) == WEIR_OK);
    struct owned events[16];
    size_t rest = batch.count / 2;
    if (weir_take(self, batch.count - rest, rest, events) != WEIR_OK) return WEIR_CONTINUE;
    for (size_t i = 0; i < rest; i++) {
        if (weir_emit(self, &events[i], 1) != WEIR_OK) owned_release(ledger, events[i]);
    }
    return WEIR_CONTINUE;
}

static weir_verdict delay_no_more(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    RIG_CHECK(owned_scene.rig, weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict take_or_die(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    look(batch);
    for (size_t i = 0; i < batch.count; i++) {
        if (events[i].number % 50 == 0) return weir_stop_with(self, WEIR_REASON_USER);
    }
    struct owned mine;
    if (events[0].number % 7 == 0 && weir_take(self, 0, 1, &mine) == WEIR_OK) {
        owned_release(ledger, mine);
    }
    return WEIR_CONTINUE;
}

static void start_chain(weir_strategy strategy) {
    made = 0;
    weir_subscribe_to of_source = {.name = "source",
                                   .options = {.max_demand = 10, .cancel = WEIR_TEMPORARY}};
    weir_subscribe_to of_relay = of_source;
    of_relay.name = "relay";
    const weir_stage_options stages[] = {
        {.kind = WEIR_PRODUCER,
         .name = "source",
         .registered = true,
         .type = &ledger->type,
         .on.handle_demand = produce},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .name = "relay",
         .registered = true,
         .type = &ledger->type,
         .subscribe_to = &of_source,
         .subscribe_count = 1,
         .on = {.handle_events = delay, .handle_cast = delay_no_more}},
        {.kind = WEIR_CONSUMER,
         .name = "sink",
         .registered = true,
         .subscribe_to = &of_relay,
         .subscribe_count = 1,
         .on.handle_events = take_or_die},
    };
    weir_supervised children[3];
    for (size_t i = 0; i < 3; i++) children[i] = (weir_supervised){.stage = &stages[i]};
    const weir_supervisor_options options = {.strategy = strategy,
                                             .max_restarts = WEIR_INFINITY,
                                             .children = children,
                                             .child_count = 3};
    assert_int_equal(weir_supervisor_start(owned_scene.rig->runtime, &options, &supervisor),
                     WEIR_OK);
}

/* Kills a stage, unless it is dead just now. */
static void kill(uint64_t which) {
    static const char *const names[] = {"source", "relay", "sink"};
    weir_ref stage;
    if (weir_whereis(owned_scene.rig->runtime, names[which % 3], &stage) == WEIR_OK) {
        (void)weir_stop(owned_scene.rig->runtime, stage, WEIR_REASON_USER);
    }
    pthread_mutex_lock(&owned_scene.rig->lock);
    owned_scene.rig->log.used = 0; /* each death is told there */
    pthread_mutex_unlock(&owned_scene.rig->lock);
}

static void drain_and_check(struct rig *rig) {
    weir_drain_report report;
    weir_ref relay;
    rig_rest(rig);
    assert_int_equal(weir_whereis(rig->runtime, "relay", &relay), WEIR_OK);
    assert_int_equal(weir_cast(rig->runtime, relay, "", 1), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.stages, 0);
    assert_int_equal(made, EVENTS);
    assert_int_equal(ledger->made, EVENTS);
    assert_true(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_ABANDONED) > 0);
    owned_scene_close(NULL);
}

static void each_is_killed_in_turn(struct rig *rig, int strategy) {
    owned_scene_open(rig);
    start_chain((weir_strategy)strategy);
    uint64_t turn = 0;
    for (; weir_runtime_step(rig->runtime, 1 + turn % 13) > 0; turn++) {
        if (turn % 3 == 0) kill(turn / 3);
    }
    assert_true(turn > 50);
    assert_true(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_STOPPED) > 0);
    drain_and_check(rig);
}

static void threads(void **state) {
    (void)state;
    static struct rig rig;
    for (int strategy = 0; strategy < 3; strategy++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        owned_scene_open(&rig);
        start_chain((weir_strategy)strategy);
        for (uint32_t round = 0; round < 30; round++) {
            weir_ref now;
            kill(round);
            (void)weir_supervisor_child(rig.runtime, supervisor, round % 3, WEIR_FOREVER, &now);
        }
        drain_and_check(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(each_is_killed_in_turn, 3),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
