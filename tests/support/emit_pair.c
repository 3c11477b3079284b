/*
 * A pair: see emit_pair.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/emit_pair.h"

void open_pair(struct pair *pair, cast_function *cast, size_t event_bytes) {
    pair->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .does.cast = cast};
    pair->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&pair->p, &pair->rig, &(weir_stage_options){.event_bytes = event_bytes});
    player_start(&pair->c, &pair->rig, NULL);
    const weir_subscribe_options options = {
        .max_demand = 100000, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};
    pair->subscription = player_subscribe(&pair->c, &pair->p, &options);
    rig_rest(&pair->rig);
    player_expect(&pair->c, "subscribe p\n");
}

void cast_and_expect(struct pair *pair, uint64_t number, const char *expected) {
    player_cast(&pair->p, number);
    rig_rest(&pair->rig);
    player_expect(&pair->c, expected);
}
