/*
 * A producer, a keeper and a consumer: what the stash's tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_STASH_SCENE_H
#define TESTS_SUPPORT_STASH_SCENE_H

#include "support/deeds.h"

struct stash_scene {
    struct rig rig;
    struct player p;
    struct player t; /* the keeper, a producer_consumer */
    struct player c;
};

extern struct stash_scene stash_scene;

enum { STASH_DROP = 1000 }; /* a cast of STASH_DROP + n lets n be dropped; of n, emitted */

/* The keeper's does.cast: what a cast says.  (Its does.events is deed_stash.) */
weir_verdict stash_scene_let_go(weir_stage *self, struct player *player, uint64_t number);

/* Starts them in the rig, which is open, with wide windows; the options may be NULL. */
void stash_scene_open(const weir_stage_options *producer, const weir_stage_options *keeper);

/* A cast, and all that comes of it. */
void stash_scene_tell(struct player *player, uint64_t number);

/*
 * So many events are stashed, and all others are handled.  A player counts as handled what it
 * gets, so those that are stashed are among them.
 */
void stash_scene_expect(uint64_t stashed);

#endif
