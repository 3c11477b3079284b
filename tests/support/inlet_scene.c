/*
 * An inlet and a consumer: see inlet_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/inlet_scene.h"

#include "base/atomic.h"
#include "parts/port.h"
#include "support/cmocka.h"

#include <string.h>

/* ---- opening and closing ------------------------------------------------- */

void inlet_scene_count_discards(void *context, uint64_t count, weir_discard cause) {
    uint64_t *told = context;
    weir__fetch_add_u64(&told[cause], count);
}

void inlet_scene_open_bare(struct inlet_scene *scene, weir_when_full when_full) {
    memset((char *)scene + offsetof(struct inlet_scene, inlet), 0,
           sizeof *scene - offsetof(struct inlet_scene, inlet));
    const weir_inlet_options options = {.name = "in",
                                        .event_bytes = sizeof(uint64_t),
                                        .capacity = INLET_CAPACITY,
                                        .when_full = when_full,
                                        .discarded = inlet_scene_count_discards,
                                        .context = scene->told};
    assert_int_equal(weir_inlet_open(scene->rig.runtime, &options, &scene->inlet, &scene->in.ref),
                     WEIR_OK);
    scene->in.name = "in";
    scene->in.rig = &scene->rig;
    scene->in.started = scene->rig.players;
    scene->rig.players = &scene->in;
}

static void add_consumer(struct inlet_scene *scene) {
    scene->c.name = "c";
    scene->c.kind = WEIR_CONSUMER;
    scene->c.manual = true;
    player_start(&scene->c, &scene->rig, NULL);
    scene->subscription = player_subscribe(&scene->c, &scene->in,
                                           &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(&scene->rig);
    player_expect(&scene->c, "subscribe in\n");
}

void inlet_scene_open(struct inlet_scene *scene, weir_when_full when_full) {
    inlet_scene_open_bare(scene, when_full);
    add_consumer(scene);
}

void inlet_scene_open_port(struct inlet_scene *scene, weir_when_full when_full) {
    weir__port_start = UINT64_MAX - 13;
    inlet_scene_open_bare(scene, when_full);
    assert_int_equal(weir_port_open(scene->inlet, &scene->port), WEIR_OK);
    add_consumer(scene);
}

void inlet_scene_close(struct inlet_scene *scene) {
    weir_port_close(scene->port);
    weir_inlet_close(scene->inlet);
    rig_close(&scene->rig);
}

/* ---- pushing and asking -------------------------------------------------- */

static weir_status push_events(weir_inlet *inlet, weir_port *port, const void *events, size_t count,
                               uint64_t timeout_ns) {
    return port != NULL ? weir_port_push(port, events, count, timeout_ns)
                        : weir_inlet_push(inlet, events, count, timeout_ns);
}

weir_status inlet_scene_push_events(struct inlet_scene *scene, const void *events, size_t count,
                                    uint64_t timeout_ns) {
    return push_events(scene->inlet, scene->port, events, count, timeout_ns);
}

weir_status inlet_scene_push_into(struct inlet_scene *scene, weir_port *port, size_t count) {
    uint64_t numbers[INLET_CAPACITY];
    for (size_t i = 0; i < count; i++) numbers[i] = scene->in.next + i;
    weir_status status = push_events(scene->inlet, port, numbers, count, 0);
    memset(numbers, 0xa5, sizeof numbers); /* they were copied */
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        scene->in.next += count;
        scene->in.emitted += count;
    }
    return status;
}

weir_status inlet_scene_push(struct inlet_scene *scene, size_t count) {
    return inlet_scene_push_into(scene, scene->port, count);
}

size_t inlet_scene_waiting(struct inlet_scene *scene) {
    return scene->port != NULL ? weir_port_waiting(scene->port) : weir_inlet_waiting(scene->inlet);
}

void inlet_scene_ask(struct inlet_scene *scene, uint64_t count) {
    assert_int_equal(weir_ask(scene->rig.runtime, scene->subscription, count), WEIR_OK);
    rig_rest(&scene->rig);
}

/* ---- threads that push --------------------------------------------------- */

static void push_all(void *argument) {
    struct inlet_pusher *pusher = argument;
    uint64_t run[INLET_CAPACITY];
    weir__store_release_u32(&pusher->pushing, 1);
    while (pusher->accepted < pusher->most) {
        uint64_t count = pusher->per_push != 0 ? pusher->per_push : 1 + pusher->accepted % 3;
        for (uint64_t i = 0; i < count; i++) run[i] = pusher->first + pusher->accepted + i;
        do {
            pusher->last = push_events(pusher->inlet, pusher->port, run, count, WEIR_FOREVER);
        } while (pusher->last == WEIR_FULL);
        if (pusher->last != WEIR_OK && pusher->last != WEIR_DROPPED) return;
        pusher->accepted += count;
    }
}

void inlet_pusher_start(struct inlet_pusher *pusher, struct inlet_pusher options) {
    *pusher = options;
    pusher->last = WEIR_INVALID;
    assert_int_equal(weir__thread_start(&pusher->thread, "pusher", push_all, pusher), 0);
    while (weir__load_acquire_u32(&pusher->pushing) == 0) weir__cpu_relax();
}
