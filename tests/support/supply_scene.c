/*
 * What the tests of supply share (see the header).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/supply_scene.h"

const weir_subscribe_options supply_ten = {
    .max_demand = 10, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

weir_verdict supply_stop_here(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    (void)batch;
    return player->batches >= 2 ? WEIR_STOP : WEIR_CONTINUE;
}
