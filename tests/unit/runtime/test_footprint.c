/*
 * What a subscription costs: bytes, at rest, with default options.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a default subscription takes at most 1,700 bytes, whatever dispatcher its producer has,
 * and at most 1,400 where its consumer competes with others, on one worker and across two,
 * everything that it makes anybody keep included; and all of it is given back when it ends, or
 * serves those that come after it.
 * Method: the bytes that the allocator has given out, before and after many subscribe
 * to one producer, one after the other.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

enum { CONSUMERS = 64, BYTES_MOST = 1700, TAKER_BYTES_MOST = 1400 };

struct scene {
    struct rig rig;
    struct player producer;
    struct player consumers[CONSUMERS];
};

static struct scene scene;
static uint64_t kept; /* bytes, of those who have left */

static void open_scene(unsigned workers, const weir_dispatcher *dispatcher, const void *options) {
    const weir_runtime_options runtime = {.workers = workers, .mode = WEIR_STEPPED};
    memset(&scene, 0, sizeof scene);
    rig_open(&scene.rig, &runtime);
    scene.producer = (struct player){.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    const weir_stage_options producer = {
        .worker = WEIR_WORKER(0), .dispatcher = dispatcher, .dispatcher_options = options};
    player_start(&scene.producer, &scene.rig, &producer);
    for (unsigned i = 0; i < CONSUMERS; i++) {
        scene.consumers[i] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        const weir_stage_options consumer = {.worker = WEIR_WORKER(workers - 1)};
        player_start(&scene.consumers[i], &scene.rig, &consumer);
    }
    rig_rest(&scene.rig);
}

/* Everybody subscribes; then nobody is left. */
static void subscribe_and_cancel(const char *what, bool partitions, uint64_t most) {
    uint64_t before = scene.rig.memory.bytes;
    weir_subscription subscriptions[CONSUMERS];
    for (unsigned i = 0; i < CONSUMERS; i++) {
        weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
        if (partitions) options.partition = WEIR_PARTITION(i);
        subscriptions[i] = player_subscribe(&scene.consumers[i], &scene.producer, &options);
    }
    rig_rest(&scene.rig);
    uint64_t bytes = (scene.rig.memory.bytes - before) / CONSUMERS;
    if (bytes > most) fail_msg("%s: %llu bytes", what, (unsigned long long)bytes);
    for (unsigned i = 0; i < CONSUMERS; i++) {
        assert_int_equal(weir_cancel(scene.rig.runtime, subscriptions[i], WEIR_REASON_NORMAL),
                         WEIR_OK);
    }
    rig_rest(&scene.rig);
    kept = scene.rig.memory.bytes - before;
}

static void all_subscribe(const char *what, bool partitions, uint64_t most) {
    subscribe_and_cancel(what, partitions, most); /* slots for their counters stay, for others */
    subscribe_and_cancel(what, partitions, most);
    assert_true(kept <= BYTES_MOST); /* a table to find them by */
    rig_close(&scene.rig);
}

static void a_default_subscription_takes_little(void **state) {
    (void)state;
    const weir_partition_dispatcher_options partitions = {.partitions = CONSUMERS};
    for (unsigned workers = 1; workers <= 2; workers++) {
        open_scene(workers, weir_demand_dispatcher(), NULL);
        all_subscribe("demand", false, BYTES_MOST);
        open_scene(workers, weir_broadcast_dispatcher(), NULL);
        all_subscribe("broadcast", false, BYTES_MOST);
        open_scene(workers, weir_partition_dispatcher(), &partitions);
        all_subscribe("partition", true, BYTES_MOST);
        open_scene(workers, weir_shared_dispatcher(), NULL);
        all_subscribe("shared", false, TAKER_BYTES_MOST);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_subscription_takes_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
