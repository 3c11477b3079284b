/*
 * Events that own something, without memory: none is lost, and none dropped twice.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever allocation fails, once or from then on, each event that weir has accepted is
 * dropped once in the end, or the program's; some are dropped for want of memory, and say so;
 * the accounts agree with the ledger, and nothing leaks.
 * Method: scenes that are played with the first allocation failing, the second, and so on, until
 * none is left that could.
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

/* ---- stages that go on, whatever fails ------------------------------------------ */

static weir_ref try_start(weir_stage_options options) {
    weir_ref ref = {0};
    if (weir_stage_start(owned_scene.rig->runtime, &options, &ref) != WEIR_OK) {
        assert_non_null(strstr(weir_refusal(), "memory"));
    }
    return ref;
}

static struct owned_source source;

static weir_verdict produce(weir_stage *self, uint64_t count) {
    for (; count > 0 && source.made < source.limit; count--, source.made++) {
        struct owned event = owned_make(&owned_scene.ledger);
        if (weir_emit(self, &event, 1) != WEIR_OK) owned_release(&owned_scene.ledger, event);
    }
    return WEIR_CONTINUE;
}

/* At once, and more than a block holds: all of them are emitted, or none. */
static weir_verdict produce_many(weir_stage *self, const void *message, size_t bytes) {
    enum { MANY = 7000 };
    static struct owned events[MANY];
    (void)message, (void)bytes;
    for (int i = 0; i < MANY; i++) events[i] = owned_make(&owned_scene.ledger);
    if (weir_emit(self, events, MANY) != WEIR_OK) {
        for (int i = 0; i < MANY; i++) owned_release(&owned_scene.ledger, events[i]);
    }
    return WEIR_CONTINUE;
}

static void quietly(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self, (void)cause;
    owned_scene.told += count;
}

static weir_ref start_source(const weir_dispatcher *dispatcher, const void *options) {
    source = (struct owned_source){.limit = 300};
    return try_start((weir_stage_options){
        .kind = WEIR_PRODUCER,
        .type = &owned_scene.ledger.type,
        .buffer_size = 60,
        .dispatcher = dispatcher,
        .dispatcher_options = options,
        .on = {.handle_demand = produce, .handle_cast = produce_many, .discarded = quietly}});
}

static weir_ref start_between(weir_ref producer, owned_handle *handle, weir_kind kind,
                              weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return producer.bits == 0 ? producer
                              : try_start((weir_stage_options){
                                    .kind = kind,
                                    .type = kind == WEIR_CONSUMER ? NULL : &owned_scene.ledger.type,
                                    .subscribe_to = &to,
                                    .subscribe_count = 1,
                                    .on = {.handle_events = handle, .discarded = quietly}});
}

static weir_verdict own_and_pass(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    if (weir_own(self) == NULL) return WEIR_CONTINUE;
    return weir_forward(self);
}

/* Every other one, and those of the last time. */
static weir_verdict stash_some(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    (void)weir_stash_emit(self, (size_t)weir_stashed(self));
    for (size_t i = 0; i < batch.count; i += 2) (void)weir_stash(self, i, 1);
    return WEIR_CONTINUE;
}

static weir_verdict take_first(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    if (weir_take(self, 0, 1, &mine) == WEIR_OK) owned_release(&owned_scene.ledger, mine);
    return WEIR_CONTINUE;
}

/* ---- scenes ------------------------------------------------------------------------ */

static bool is_odd(void *context, const void *event) {
    (void)context;
    return ((const struct owned *)event)->number % 2 == 1;
}

static void play_several(void) {
    weir_ref first = start_source(weir_broadcast_dispatcher(), NULL);
    weir_ref relay = start_between(first, own_and_pass, WEIR_PRODUCER_CONSUMER,
                                   (weir_subscribe_options){.max_demand = 30});
    weir_ref stash = start_between(
        first, stash_some, WEIR_PRODUCER_CONSUMER,
        (weir_subscribe_options){.max_demand = 20, .min_demand = 3, .selector = is_odd});
    start_between(relay, take_first, WEIR_CONSUMER, (weir_subscribe_options){.max_demand = 9});
    start_between(stash, owned_scene_look, WEIR_CONSUMER,
                  (weir_subscribe_options){.max_demand = 5});
    start_between(first, owned_scene_look, WEIR_CONSUMER,
                  (weir_subscribe_options){.max_demand = 70});
}

static uint32_t by_number(void *context, const void *event) {
    (void)context;
    uint64_t number = ((const struct owned *)event)->number;
    return number % 7 == 0 ? WEIR_PARTITION_NONE : (uint32_t)(number % 2);
}

static void play_partitions(void) {
    static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = by_number};
    weir_ref first = start_source(weir_partition_dispatcher(), &two);
    for (unsigned i = 0; i < 2; i++) {
        weir_ref relay = start_between(
            first, stash_some, WEIR_PRODUCER_CONSUMER,
            (weir_subscribe_options){.max_demand = 40, .partition = WEIR_PARTITION(i)});
        start_between(relay, owned_scene_look, WEIR_CONSUMER,
                      (weir_subscribe_options){.max_demand = 3});
    }
}

static void play_shared(void) {
    weir_ref first = start_source(weir_shared_dispatcher(), NULL);
    for (size_t i = 0; i < 3; i++) {
        start_between(first, take_first, WEIR_CONSUMER,
                      (weir_subscribe_options){.max_demand = 4 + 9 * i, .min_demand = 1 + i});
    }
    if (first.bits != 0) {
        (void)weir_cast(owned_scene.rig->runtime, first, NULL, 0);
        (void)weir_cast(owned_scene.rig->runtime, first, NULL, 0);
    }
}

static void play_buffer(void) {
    weir_ref first = start_source(NULL, NULL);
    for (int i = 0; i < 4 && first.bits != 0; i++) {
        (void)weir_cast(owned_scene.rig->runtime, first, NULL, 0);
        weir_runtime_step(owned_scene.rig->runtime, 3);
    }
    weir_ref relay = start_between(first, own_and_pass, WEIR_PRODUCER_CONSUMER,
                                   (weir_subscribe_options){.max_demand = 25, .min_demand = 24});
    start_between(relay, owned_scene_look, WEIR_CONSUMER,
                  (weir_subscribe_options){.max_demand = 1});
}

/* ---- the famine ---------------------------------------------------------------------- */

enum how { ONCE, UNTIL_REST, FOR_GOOD, HOWS };

/* Plays it with that allocation failing.  false: there were not so many. */
static bool play_without(void (*play)(void), uint64_t nth, enum how how, uint64_t *lost) {
    static struct rig rig;
    rig_open(&rig, NULL);
    owned_scene_open(&rig);
    test_memory_fail(&rig.memory, nth, how != ONCE);
    uint64_t before = rig.memory.calls;
    play();
    weir_runtime_step(rig.runtime, 100000);
    bool reached = rig.memory.calls - before >= nth;
    if (how != FOR_GOOD) test_memory_fail_never(&rig.memory);
    weir_runtime_step(rig.runtime, 100000);
    *lost += weir_runtime_dropped(rig.runtime, WEIR_DISCARD_NO_MEMORY);
    owned_scene_close(NULL);
    return reached;
}

static void play_all(void (*play)(void), bool loses) {
    for (enum how how = ONCE; how < HOWS; how++) {
        uint64_t lost = 0;
        for (uint64_t nth = 1; play_without(play, nth, how, &lost); nth++) {}
        assert_true(!loses || lost > 0);
    }
}

static void in_broadcasts_and_stashes(void **state) {
    (void)state;
    play_all(play_several, true);
}

static void in_partitions(void **state) {
    (void)state;
    play_all(play_partitions, true);
}

static void on_a_rack(void **state) {
    (void)state;
    play_all(play_shared, false);
}

static void in_buffers(void **state) {
    (void)state;
    play_all(play_buffer, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_broadcasts_and_stashes),
        cmocka_unit_test(in_partitions),
        cmocka_unit_test(on_a_rack),
        cmocka_unit_test(in_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
