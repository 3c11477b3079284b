/*
 * A crew: players under a supervisor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each player says "start" in its init and keeps its own reference up to date
 * there, so in a stepped or simulated runtime player->ref is who it is now.
 */
#ifndef TESTS_SUPPORT_CREW_H
#define TESTS_SUPPORT_CREW_H

#include "support/player.h"

enum { CREW_MOST = 6 };

struct crew {
    struct rig rig;
    weir_ref supervisor;
    struct player players[CREW_MOST];
    weir_stage_options stages[CREW_MOST];
    weir_subscribe_to from[CREW_MOST];
    weir_supervised specs[CREW_MOST];
    size_t count;
    /* A start of that player is refused, by its init, so many times from now. */
    unsigned refuses[CREW_MOST];
};

/* Forgets the players of an earlier test; the rig is opened by the caller. */
void crew_clear(struct crew *crew);

/*
 * Adds a player: registered under its name, and, unless `from` is NULL, subscribed
 * to the stage of that name with cancel mode temporary, max_demand 10.
 */
struct player *crew_add(struct crew *crew, const char *name, weir_kind kind, const char *from);

/* Starts the supervisor over all that were added; options may be NULL. */
weir_status crew_try_start(struct crew *crew, const weir_supervisor_options *options);
void crew_start(struct crew *crew, const weir_supervisor_options *options);

/* The same over two consumers, a and b, of nobody; the rig's journal tells of their starts only. */
void crew_start_two(struct crew *crew, const weir_supervisor_options *options);

/* Kills a player with the reason, and runs until everything is at rest. */
void crew_kill(struct crew *crew, const char *name, weir_reason reason);

struct player *crew_player(struct crew *crew, const char *name);

/* Whether the stage of that child lives. */
bool crew_lives(struct crew *crew, uint32_t number);

#endif
