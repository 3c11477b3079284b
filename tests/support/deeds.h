/*
 * Deeds: what tests often let a player do, for its `does`; callbacks that do nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_DEEDS_H
#define TESTS_SUPPORT_DEEDS_H

#include "support/player.h"

/* does.subscribe: what it answers, whoever asks. */
weir_subscribe_verdict deed_refuse(weir_stage *self, struct player *player, const weir_peer *peer);
weir_subscribe_verdict deed_manual(weir_stage *self, struct player *player, const weir_peer *peer);
weir_subscribe_verdict deed_no_verdict(weir_stage *self, struct player *player,
                                       const weir_peer *peer);

/* does.events: it stops after its first batch, normally / for reason USER. */
weir_verdict deed_stop(weir_stage *self, struct player *player, weir_batch batch);
weir_verdict deed_fail(weir_stage *self, struct player *player, weir_batch batch);

/* does.events: it casts itself how many there were, and so emits as many, but later. */
weir_verdict deed_emit_later(weir_stage *self, struct player *player, weir_batch batch);

/* does.events: it stashes them. */
weir_verdict deed_stash(weir_stage *self, struct player *player, weir_batch batch);

/* does.events: forwards each behind a number of its own, so that no slices join. */
weir_verdict deed_alternate(weir_stage *self, struct player *player, weir_batch batch);

/* does.cast, does.info: it emits as many numbers / and stops / casts itself the same, forever. */
weir_verdict deed_emit(weir_stage *self, struct player *player, uint64_t number);
weir_verdict deed_emit_and_stop(weir_stage *self, struct player *player, uint64_t number);
weir_verdict deed_cast_again(weir_stage *self, struct player *player, uint64_t number);

/* does.demand: it emits its numbers as usual, and stops, normally, behind the last one. */
weir_verdict deed_emit_to_the_end(weir_stage *self, struct player *player, uint64_t demand);

/* What those wait at that stay in a callback; a test that has them clears it first. */
extern struct deed_gate {
    uint32_t inside; /* atomic: somebody is there             */
    uint32_t leave;  /* atomic: nobody has to stay any longer */
} deed_gate;

/* Stays until it may leave; for a player: in does.cast / does.events. */
void deed_stay(void);
weir_verdict deed_stay_in_cast(weir_stage *self, struct player *player, uint64_t number);
weir_verdict deed_stay_in_events(weir_stage *self, struct player *player, weir_batch batch);

/* Of a stage that is no player: it does nothing. */
weir_verdict deed_no_events(weir_stage *self, weir_batch batch);
weir_verdict deed_no_demand(weir_stage *self, uint64_t demand);

#endif
