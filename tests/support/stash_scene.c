/*
 * A producer, a keeper and a consumer: see stash_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/stash_scene.h"

#include "support/cmocka.h"

struct stash_scene stash_scene;

weir_verdict stash_scene_let_go(weir_stage *self, struct player *player, uint64_t number) {
    if (number >= STASH_DROP) {
        RIG_CHECK(player->rig, weir_stash_drop(self, (size_t)number - STASH_DROP) == WEIR_OK);
    } else {
        RIG_CHECK(player->rig, weir_stash_emit(self, (size_t)number) == WEIR_OK);
        player->emitted += number;
    }
    return WEIR_CONTINUE;
}

void stash_scene_open(const weir_stage_options *producer, const weir_stage_options *keeper) {
    stash_scene.p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    stash_scene.t = (struct player){.name = "t",
                                    .kind = WEIR_PRODUCER_CONSUMER,
                                    .does.events = deed_stash,
                                    .does.cast = stash_scene_let_go};
    stash_scene.c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    const weir_subscribe_options wide = {
        .max_demand = 20000, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};
    player_start(&stash_scene.p, &stash_scene.rig, producer);
    player_start(&stash_scene.t, &stash_scene.rig, keeper);
    player_start(&stash_scene.c, &stash_scene.rig, NULL);
    player_subscribe(&stash_scene.c, &stash_scene.t, &wide);
    rig_rest(&stash_scene.rig);
    player_subscribe(&stash_scene.t, &stash_scene.p, &wide);
    rig_rest(&stash_scene.rig);
    rig_text_expect(&stash_scene.t.journal, stash_scene.t.journal.text);
    player_expect(&stash_scene.c, "subscribe t\n");
}

void stash_scene_tell(struct player *player, uint64_t number) {
    player_cast(player, number);
    rig_rest(player->rig);
}

void stash_scene_expect(uint64_t stashed) {
    weir_accounts accounts = rig_accounts(&stash_scene.rig);
    assert_null(weir_accounts_check(&accounts));
    assert_int_equal(accounts.buffered, stashed);
    assert_int_equal(accounts.in_flight, 0);
    assert_int_equal(accounts.handled, stash_scene.t.handled + stash_scene.c.handled - stashed);
}
