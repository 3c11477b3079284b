/*
 * Deeds: see deeds.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/deeds.h"

#include "base/atomic.h"

#include <sched.h>

weir_subscribe_verdict deed_refuse(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)self, (void)player, (void)peer;
    return WEIR_SUBSCRIBE_REFUSE;
}

weir_subscribe_verdict deed_manual(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)self, (void)player, (void)peer;
    return WEIR_MANUAL;
}

weir_subscribe_verdict deed_no_verdict(weir_stage *self, struct player *player,
                                       const weir_peer *peer) {
    (void)self, (void)player, (void)peer;
    return (weir_subscribe_verdict)9;
}

weir_verdict deed_stop(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player, (void)batch;
    return WEIR_STOP;
}

weir_verdict deed_fail(weir_stage *self, struct player *player, weir_batch batch) {
    (void)player, (void)batch;
    return weir_stop_with(self, WEIR_REASON_USER);
}

weir_verdict deed_emit_later(weir_stage *self, struct player *player, weir_batch batch) {
    uint64_t count = batch.count;
    weir_status status = weir_cast(weir_stage_runtime(self), weir_self(self), &count, sizeof count);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

weir_verdict deed_stash(weir_stage *self, struct player *player, weir_batch batch) {
    RIG_CHECK(player->rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

weir_verdict deed_alternate(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    uint64_t own = 100000 + numbers[0];
    player_emit_numbers(self, &own, 1);
    player->emitted += batch.count;
    return weir_forward(self);
}

weir_verdict deed_emit(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    player_emit(self, number);
    return WEIR_CONTINUE;
}

weir_verdict deed_emit_and_stop(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    player_emit(self, number);
    return WEIR_STOP;
}

weir_verdict deed_cast_again(weir_stage *self, struct player *player, uint64_t number) {
    player->next++;
    (void)weir_cast(weir_stage_runtime(self), weir_self(self), &number, sizeof number);
    return WEIR_CONTINUE; /* it may be stopped, or the runtime closed */
}

weir_verdict deed_emit_to_the_end(weir_stage *self, struct player *player, uint64_t demand) {
    uint64_t left = player->limit - player->next;
    player_emit(self, demand < left ? demand : left);
    return player->next == player->limit ? weir_stop_with(self, WEIR_REASON_NORMAL) : WEIR_CONTINUE;
}

struct deed_gate deed_gate;

void deed_stay(void) {
    weir__exchange_u32(&deed_gate.inside, 1);
    while (weir__load_relaxed_u32(&deed_gate.leave) == 0) sched_yield();
}

weir_verdict deed_stay_in_cast(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    deed_stay();
    return WEIR_CONTINUE;
}

weir_verdict deed_stay_in_events(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player, (void)batch;
    deed_stay();
    return WEIR_CONTINUE;
}

weir_verdict deed_no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

weir_verdict deed_no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}
