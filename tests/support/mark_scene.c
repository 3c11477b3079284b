/*
 * A mark scene: see mark_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/mark_scene.h"

weir_status mark_give(weir_stage *self, uint32_t kind, uint64_t value) {
    const weir_mark mark = {.kind = kind, .value = value};
    return weir_emit_mark(self, &mark);
}

weir_verdict mark_or_emit(weir_stage *self, struct player *player, uint64_t number) {
    if (number < 1000) {
        player_emit(self, number);
    } else {
        RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_WATERMARK, number - 1000) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

const weir_subscribe_options mark_by_four = {
    .max_demand = 4, .min_demand = 3, .cancel = WEIR_TEMPORARY};

weir_verdict mark_all_kinds(weir_stage *self, struct player *player, uint64_t number) {
    const weir_mark own = {.kind = WEIR_MARK_USER, .value = UINT64_MAX, .source = UINT32_MAX};
    (void)number;
    player_emit(self, 2);
    RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_WATERMARK, 7) == WEIR_OK);
    player_emit(self, 1);
    RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_FLUSH, 0) == WEIR_OK);
    RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_END_OF_FILE, 3) == WEIR_OK);
    player_emit(self, 1);
    RIG_CHECK(player->rig, weir_emit_mark(self, &own) == WEIR_OK);
    return WEIR_CONTINUE;
}
