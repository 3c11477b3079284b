/*
 * What the tests of partitions share: a producer, and a consumer for each parity.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_PARTITION_SCENE_H
#define TESTS_SUPPORT_PARTITION_SCENE_H

#include "support/player.h"

struct partition_scene {
    struct rig rig;
    struct player p;
    struct player a; /* for partition 0 */
    struct player b; /* for partition 1 */
};

/* The hash of even numbers is 0, that of odd ones 1. */
uint32_t partition_parity(void *context, const void *event);

/* Starts a player that deals its events by these options. */
void partition_start(struct player *player, struct rig *rig,
                     const weir_partition_dispatcher_options *options);

/* Opens the runtime of that number (rig_open_world) with the three; false: no more. */
bool partition_open(struct partition_scene *scene, int world,
                    const weir_partition_dispatcher_options *options);

/* Runs until all is at rest, and checks the accounts. */
void partition_rest(struct partition_scene *scene);

/* A temporary subscription with demand for `max`, asked for again when all have come. */
weir_subscription partition_subscribe(struct player *consumer, struct player *producer,
                                      unsigned partition, size_t max);

#endif
