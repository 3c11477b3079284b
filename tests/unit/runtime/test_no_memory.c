/*
 * A whole small life without memory: each allocation fails once, or from there on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever allocation fails, nothing crashes, leaks or waits for ever;
 * calls say NO_MEMORY and nothing else; what is lost is counted; stages that
 * cannot go on stop for that reason; when memory is back the rest goes on.
 * Method: one scenario with everything in it (inlet, casts, infos, broadcast,
 * accumulating, producer_consumers, dying consumers, small rings that
 * overflow), run with the k-th allocation failing, for k = 1, 2, ... until no
 * run reaches it any more.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

enum { STAGES = 8 };

struct scene {
    struct rig rig;
    struct player all[STAGES]; /* p q t u c d e f */
    weir_inlet *inlet;
    weir_ref in;
    uint64_t pushed;
    bool failed; /* some call said NO_MEMORY */
};

static struct scene scene;

/* Every status in this scene is one of these. */
static bool done(weir_status status) {
    if (status == WEIR_NO_MEMORY) scene.failed = true;
    bool expected = status == WEIR_OK || status == WEIR_NO_MEMORY;
    /* What could not be started, or has stopped since, cannot be used. */
    const struct test_memory *memory = &scene.rig.memory;
    if (memory->calls >= memory->fail_at && status == WEIR_NO_STAGE) expected = true;
    if (!expected) fail_msg("%s: %s", weir_status_name(status), weir_refusal());
    return status == WEIR_OK;
}

static weir_verdict die_after_some(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    (void)batch;
    return player->handled > 30 ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_verdict ask_for_ten(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    (void)player;
    (void)weir_ask(weir_stage_runtime(self), weir_batch_subscription(self), 10);
    return WEIR_CONTINUE;
}

static bool start(int i, const char *name, weir_kind kind, const weir_stage_options *options) {
    struct player *player = &scene.all[i];
    player->name = name;
    player->kind = kind;
    player->quiet = true;
    player->limit = 300;
    bool started = done(player_try_start(player, &scene.rig, options));
    if (!started) {
        scene.rig.players = player->started;
        player->ref.bits = 0;
    }
    return started;
}

static void subscribe(int consumer, weir_ref producer, size_t max_demand, size_t min_demand) {
    const weir_subscribe_options options = {
        .max_demand = max_demand, .min_demand = min_demand, .cancel = WEIR_TEMPORARY};
    weir_subscription subscription;
    if (!done(weir_subscribe(scene.rig.runtime, scene.all[consumer].ref, producer, &options,
                             &subscription))) {
        return;
    }
    if (scene.all[consumer].manual) done(weir_ask(scene.rig.runtime, subscription, 20));
}

static void send(int to, bool info, uint64_t number) {
    weir_runtime *runtime = scene.rig.runtime;
    weir_ref ref = scene.all[to].ref;
    done(info ? weir_info(runtime, ref, &number, sizeof number)
              : weir_cast(runtime, ref, &number, sizeof number));
}

static void start_all(void) {
    start(0, "p", WEIR_PRODUCER, &(weir_stage_options){.buffer_size = 50});
    start(1, "q", WEIR_PRODUCER,
          &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                .demand = WEIR_ACCUMULATE});
    start(2, "t", WEIR_PRODUCER_CONSUMER, NULL);
    start(3, "u", WEIR_PRODUCER_CONSUMER, &(weir_stage_options){.buffer_size = 20});
    start(4, "c", WEIR_CONSUMER, NULL);
    start(5, "d", WEIR_CONSUMER, NULL);
    start(6, "e", WEIR_CONSUMER, NULL);
    const weir_subscribe_to to[] = {
        {.producer = scene.all[0].ref, .options.cancel = WEIR_TEMPORARY},
        {.producer = scene.all[1].ref, .options.cancel = WEIR_TEMPORARY}};
    if (!scene.failed) {
        start(7, "f", WEIR_CONSUMER,
              &(weir_stage_options){.subscribe_to = to, .subscribe_count = 2});
    }
    const weir_inlet_options options = {.event_bytes = 8, .capacity = 40};
    if (!done(weir_inlet_open(scene.rig.runtime, &options, &scene.inlet, &scene.in))) {
        scene.inlet = NULL;
    }
}

static void subscribe_all(void) {
    subscribe(2, scene.all[0].ref, 700, 690);
    subscribe(2, scene.all[1].ref, 10, 5);
    subscribe(3, scene.all[1].ref, 30, 20);
    subscribe(3, scene.in, 10, 0);
    subscribe(4, scene.all[2].ref, 25, 24);
    subscribe(5, scene.all[2].ref, 600, 10);
    subscribe(5, scene.all[3].ref, 600, 10);
    subscribe(6, scene.all[0].ref, 10, 0);
}

static void run(void) {
    weir_runtime *runtime = scene.rig.runtime;
    for (uint64_t i = 0; i < 12; i++) {
        send(0, false, 1 + i * 9);
        send(1, false, 3);
        send(i % 2 ? 0 : 1, true, i);
        send(2, true, i);
        const uint64_t numbers[4] = {i, i, i, i};
        if (scene.inlet != NULL) {
            weir_status status = weir_inlet_push(scene.inlet, numbers, 4, 0);
            if (status == WEIR_OK) scene.pushed += 4;
            if (status != WEIR_FULL) done(status);
        }
        weir_runtime_step(runtime, 9);
        if (i == 4) done(weir_demand(runtime, scene.all[1].ref, WEIR_FORWARD));
        if (i == 8) done(weir_stop(runtime, scene.all[3].ref, WEIR_REASON_NORMAL));
    }
    if (scene.inlet != NULL) weir_inlet_close(scene.inlet);
    done(weir_runtime_settle(runtime, WEIR_FOREVER));
}

/* false: the k-th allocation was not reached. */
static bool play(uint64_t k, bool for_good, const weir_runtime_options *options) {
    memset(&scene.all, 0, sizeof scene.all);
    scene.inlet = NULL;
    scene.pushed = 0;
    scene.failed = false;
    rig_open(&scene.rig, options);
    scene.all[2].emits = PLAYER_FORWARDS;
    scene.all[5].does.events = die_after_some;
    scene.all[6].manual = true;
    scene.all[6].does.events = ask_for_ten;
    test_memory_fail(&scene.rig.memory, k, for_good);
    start_all();
    subscribe_all();
    run();
    bool reached = scene.rig.memory.calls >= scene.rig.memory.fail_at;
    weir_accounts accounts = rig_accounts(&scene.rig);
    const char *unequal = weir_accounts_check(&accounts);
    if (unequal != NULL) fail_msg("%s", unequal);
    test_memory_fail_never(&scene.rig.memory);
    /* Memory is back: what lives goes on, and everything comes to an end. */
    if (scene.all[0].ref.bits != 0) {
        (void)weir_cast(scene.rig.runtime, scene.all[0].ref, &(uint64_t){5}, sizeof(uint64_t));
    }
    rig_rest(&scene.rig);
    scene.rig.emitted += scene.pushed;
    rig_close(&scene.rig);
    return reached;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    static const weir_runtime_options options[] = {
        {.mode = WEIR_STEPPED, .workers = 1},
        {.mode = WEIR_STEPPED, .workers = 2},
        {.mode = WEIR_SIMULATED, .workers = 3, .seed = 11},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        uint64_t k = 1;
        while (play(k, false, &options[i])) k++;
        assert_true(k > 60);
    }
}

static void all_allocations_may_fail_from_one_on(void **state) {
    (void)state;
    static const weir_runtime_options options[] = {
        {.mode = WEIR_STEPPED, .workers = 1},
        {.mode = WEIR_STEPPED, .workers = 2},
        {.mode = WEIR_SIMULATED, .workers = 3, .seed = 12},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        uint64_t k = 1;
        while (play(k, true, &options[i])) k++;
        assert_true(k > 60);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(all_allocations_may_fail_from_one_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
