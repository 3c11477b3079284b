/*
 * Stashing events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is stashed keeps its owner past the callback, and is dropped once: when it is let go,
 * handled by who gets it from the stash, or its stage stops; whoever gets it from there may take
 * it; what was taken cannot be stashed; few that wait pin no blocks.
 * Method: relays that stash what they get, in every world and on threads; a ledger.
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};

static weir_ref source_of(uint64_t limit) {
    return owned_scene_source((struct owned_source){.limit = limit}, (weir_stage_options){0});
}

static void check_refusal(weir_status status, weir_status expected, const char *why) {
    RIG_CHECK(owned_scene.rig, status == expected);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), why) != NULL);
}

static weir_verdict take_all(weir_stage *self, weir_batch batch) {
    struct owned mine[10];
    owned_scene_look(self, batch);
    if (weir_take(self, 0, batch.count, mine) == WEIR_OK) {
        for (size_t i = 0; i < batch.count; i++) owned_release(&owned_scene.ledger, mine[i]);
    }
    return WEIR_CONTINUE;
}

/* Keeps the second and the fourth of five; lets them go when asked to by a cast. */
static weir_verdict stash_two(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_stash(self, 1, 1) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_stash(self, 3, 1) == WEIR_OK);
    check_refusal(weir_take(self, 2, 1, &mine), WEIR_INVALID, "may be in the stash");
    return WEIR_CONTINUE;
}

static weir_verdict let_go_of_stash(weir_stage *self, const void *message, size_t bytes) {
    size_t count = (size_t)weir_stashed(self);
    (void)bytes;
    weir_batch front = weir_stash_front(self, 1);
    owned_look(&owned_scene.ledger, front.events);
    RIG_CHECK(owned_scene.rig,
              (*(const int *)message == 0 ? weir_stash_drop(self, count)
                                          : weir_stash_emit(self, count)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_ref stasher(weir_ref source) {
    const weir_subscribe_to to = {.producer = source, .options = ten};
    return owned_scene_start(
        (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                             .type = &owned_scene.ledger.type,
                             .subscribe_to = &to,
                             .subscribe_count = 1,
                             .on = {.handle_events = stash_two, .handle_cast = let_go_of_stash}});
}

/* Others have the batch, too: what is owned is a copy, of which nothing is in the stash. */
static weir_verdict stash_and_own(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_stash(self, 0, 1) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_own(self) != NULL);
    return WEIR_CONTINUE;
}

static void copies_of_what_was_stashed_are_dropped(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source(
        (struct owned_source){.limit = 20},
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    owned_scene_sink(source, stash_and_own, ten);
    owned_scene_sink(source, stash_and_own, ten);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    owned_scene_close(NULL);
}

static void what_is_stashed_is_kept(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_ref stage = stasher(source_of(20));
    owned_scene_sink(stage, owned_scene_look, (weir_subscribe_options){.max_demand = 50});
    rig_rest(rig);
    owned_expect(&owned_scene.ledger, "handled 12, left 8");
    if (way == 2) {
        owned_scene_stop(stage);
        owned_scene_close("handled 12, stopped 8");
        return;
    }
    assert_int_equal(weir_cast(rig->runtime, stage, &way, sizeof way), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(owned_scene.seen, way == 0 ? 20 : 28);
    owned_scene_close("handled 20");
}

/* All of it, in the callback that got it. */
static weir_verdict stash_and_emit(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_stash_emit(self, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Whoever gets it has it alone: it is taken, and no copy is needed. */
static void what_is_emitted_from_the_stash_is_the_takers(struct rig *rig) {
    owned_scene_open(rig);
    owned_scene.ledger.type.copy = NULL;
    owned_scene_sink(owned_scene_relay(source_of(200), stash_and_emit, ten), take_all, ten);
    rig_rest(rig);
    owned_scene_close("released 200");
}

/* On threads it may be at work with it before the callback that emitted it is quite over. */
static void so_it_is_on_threads(void **state) {
    (void)state;
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    owned_scene_open(&rig);
    owned_scene.ledger.type.copy = NULL;
    const weir_subscribe_to to = {
        .producer = owned_scene_source((struct owned_source){.limit = 20000},
                                       (weir_stage_options){.worker = WEIR_WORKER(0)}),
        .options = ten};
    weir_ref relay = owned_scene_start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                            .type = &owned_scene.ledger.type,
                                                            .worker = WEIR_WORKER(0),
                                                            .subscribe_to = &to,
                                                            .subscribe_count = 1,
                                                            .on.handle_events = stash_and_emit});
    const weir_subscribe_to from = {.producer = relay, .options = ten};
    owned_scene_start((weir_stage_options){.kind = WEIR_CONSUMER,
                                           .worker = WEIR_WORKER(1),
                                           .subscribe_to = &from,
                                           .subscribe_count = 1,
                                           .on.handle_events = take_all});
    rig_rest(&rig);
    owned_scene_close("released 20000");
}

static weir_verdict stash_one(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_stash(self, batch.count - 1, 1) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* One event of many does not keep the block that it came in. */
static void the_stash_pins_no_blocks(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 60000, .burst = 600},
                                         (weir_stage_options){.buffer_size = WEIR_INFINITY});
    owned_scene_sink(source, stash_one, (weir_subscribe_options){.max_demand = 600});
    rig_rest(rig);
    assert_true(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_HANDLED) > 50000);
    assert_true(rig_accounts(rig).blocks_live < 10);
    owned_scene_close(NULL);
}

static weir_verdict take_and_stash(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_take(self, 1, 1, &mine) == WEIR_OK);
    check_refusal(weir_stash(self, 0, 2), WEIR_INVALID, "some of them were taken");
    owned_release(&owned_scene.ledger, mine);
    return WEIR_CONTINUE;
}

static void what_was_taken_cannot_be_stashed(struct rig *rig) {
    owned_scene_open(rig);
    owned_scene_sink(source_of(20), take_and_stash, ten);
    rig_rest(rig);
    owned_scene_close("handled 16, released 4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(copies_of_what_was_stashed_are_dropped),
        TEST_IN_WORLDS_AND_WAYS(what_is_stashed_is_kept, 3),
        TEST_IN_WORLDS(what_is_emitted_from_the_stash_is_the_takers),
        cmocka_unit_test(so_it_is_on_threads),
        TEST_STEPPED(the_stash_pins_no_blocks),
        TEST_IN_WORLDS(what_was_taken_cannot_be_stashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
