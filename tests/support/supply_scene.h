/*
 * What the tests of supply share: a subscription, and a consumer that leaves.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_SUPPLY_SCENE_H
#define TESTS_SUPPORT_SUPPLY_SCENE_H

#include "support/player.h"

/* Demand for ten events, asked for again when the ten have come; temporary. */
extern const weir_subscribe_options supply_ten;

/* A player's `does.events`: it stops after its second batch. */
weir_verdict supply_stop_here(weir_stage *self, struct player *player, weir_batch batch);

#endif
