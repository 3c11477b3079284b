/*
 * An inlet of ten numbers, with a port or without, and a consumer that asks by hand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The rig is the test's to open, before; the numbers are pushed into the port, if there
 * is one.
 */
#ifndef TESTS_SUPPORT_INLET_SCENE_H
#define TESTS_SUPPORT_INLET_SCENE_H

#include "os/thread.h"
#include "support/player.h"

enum { INLET_CAPACITY = 10 };

struct inlet_scene {
    struct rig rig;
    weir_inlet *inlet;
    weir_port *port;
    struct player in; /* not a player: lends its reference and name, counts what was accepted */
    struct player c;
    weir_subscription subscription;
    uint64_t told[8]; /* of discards, by cause (atomic) */
};

/* Opens the inlet alone / with its consumer / with a port as well, whose positions soon wrap. */
void inlet_scene_open_bare(struct inlet_scene *scene, weir_when_full when_full);
void inlet_scene_open(struct inlet_scene *scene, weir_when_full when_full);
void inlet_scene_open_port(struct inlet_scene *scene, weir_when_full when_full);

/* Closes what is open of port and inlet, and the rig. */
void inlet_scene_close(struct inlet_scene *scene);

/* The callback for discards; its context is the scene's `told`, or one like it. */
void inlet_scene_count_discards(void *context, uint64_t count, weir_discard cause);

/* Pushes the next `count` numbers, without waiting, into its port / that port (NULL: none). */
weir_status inlet_scene_push(struct inlet_scene *scene, size_t count);
weir_status inlet_scene_push_into(struct inlet_scene *scene, weir_port *port, size_t count);

/* Pushes into the port, or the inlet: as the two functions of the library do. */
weir_status inlet_scene_push_events(struct inlet_scene *scene, const void *events, size_t count,
                                    uint64_t timeout_ns);

/* How many events wait in the port, or the inlet. */
size_t inlet_scene_waiting(struct inlet_scene *scene);

/* The consumer asks, and all that comes of it. */
void inlet_scene_ask(struct inlet_scene *scene, uint64_t count);

/* A thread that pushes, waiting for room, until it has pushed enough or is refused for good. */
struct inlet_pusher {
    weir_inlet *inlet;
    weir_port *port;   /* NULL: none                               */
    uint64_t first;    /* of its numbers                           */
    uint64_t per_push; /* 0: one, two, three, one ...              */
    uint64_t most;     /* events                                   */
    uint64_t accepted; /* events                                   */
    weir_status last;
    uint32_t pushing; /* atomic: it has begun */
    struct weir__thread thread;
};

/* Starts one of such options, and waits until it has begun. */
void inlet_pusher_start(struct inlet_pusher *pusher, struct inlet_pusher options);

#endif
