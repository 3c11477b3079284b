/*
 * Taker scene.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/taker_scene.h"

const weir_stage_options *taker_scene_sharing(void) {
    static weir_stage_options options;
    options.dispatcher = weir_shared_dispatcher();
    return &options;
}

weir_subscription taker_scene_subscribe(struct player *taker, struct player *producer, size_t max,
                                        size_t min) {
    const weir_subscribe_options options = {
        .max_demand = max, .min_demand = min == 0 ? WEIR_NONE : min, .cancel = WEIR_TEMPORARY};
    return player_subscribe(taker, producer, &options);
}

weir_verdict taker_scene_check_size(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    RIG_CHECK(player->rig, batch.count <= *(const size_t *)player->own);
    return WEIR_CONTINUE;
}
