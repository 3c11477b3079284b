/*
 * Taker scene: players that compete for the events of one shared producer.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_TAKER_SCENE_H
#define TESTS_SUPPORT_TAKER_SCENE_H

#include "support/player.h"

/* The options of a producer whose consumers are takers. */
const weir_stage_options *taker_scene_sharing(void);

/* A temporary subscription; min 0: a min_demand of none. */
weir_subscription taker_scene_subscribe(struct player *taker, struct player *producer, size_t max,
                                        size_t min);

/* For player.does.events.  The player's own is a size_t: no batch may be larger. */
weir_verdict taker_scene_check_size(weir_stage *self, struct player *player, weir_batch batch);

#endif
