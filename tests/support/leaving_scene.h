/*
 * What the tests of leaving share: numbers in order, whoever handles them, and a partition.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_LEAVING_SCENE_H
#define TESTS_SUPPORT_LEAVING_SCENE_H

#include "support/player.h"

/* All numbers below it were handled; a test begins with 0. */
extern uint64_t leaving_seen;

/* For does.events: each number is the next one that nobody has seen. */
weir_verdict leaving_check_order(weir_stage *self, struct player *player, weir_batch batch);

/* The options of a dispatcher with one partition, for all events. */
extern const weir_partition_dispatcher_options leaving_one_partition;

#endif
