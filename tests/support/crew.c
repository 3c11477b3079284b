/*
 * A crew: see crew.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/crew.h"

#include "support/cmocka.h"

#include <string.h>

void crew_clear(struct crew *crew) {
    memset(crew->players, 0, sizeof crew->players);
    memset(crew->stages, 0, sizeof crew->stages);
    memset(crew->from, 0, sizeof crew->from);
    memset(crew->specs, 0, sizeof crew->specs);
    memset(crew->refuses, 0, sizeof crew->refuses);
    crew->count = 0;
    crew->supervisor = (weir_ref){0};
}

static weir_verdict say_start(weir_stage *self, struct player *player) {
    struct crew *crew = player->own;
    unsigned *refuses = &crew->refuses[player - crew->players];
    if (*refuses > 0) {
        --*refuses;
        player_say(player, "refuses");
        return weir_stop_with(self, WEIR_REASON_USER);
    }
    player->ref = weir_self(self);
    player_say(player, "start");
    return WEIR_CONTINUE;
}

struct player *crew_add(struct crew *crew, const char *name, weir_kind kind, const char *from) {
    size_t i = crew->count++;
    struct player *player = &crew->players[i];
    player->name = name;
    player->kind = kind;
    player->own = crew;
    player->does.init = say_start;
    crew->from[i] =
        (weir_subscribe_to){.name = from, .options = {.max_demand = 10, .cancel = WEIR_TEMPORARY}};
    weir_stage_options options = {.registered = true,
                                  .subscribe_to = from != NULL ? &crew->from[i] : NULL,
                                  .subscribe_count = from != NULL ? 1 : 0};
    crew->stages[i] = player_options(player, &crew->rig, &options);
    crew->specs[i].stage = &crew->stages[i];
    return player;
}

weir_status crew_try_start(struct crew *crew, const weir_supervisor_options *options) {
    weir_supervisor_options used = {0};
    if (options != NULL) used = *options;
    used.children = crew->specs;
    used.child_count = crew->count;
    return weir_supervisor_start(crew->rig.runtime, &used, &crew->supervisor);
}

void crew_start(struct crew *crew, const weir_supervisor_options *options) {
    assert_int_equal(crew_try_start(crew, options), WEIR_OK);
}

struct player *crew_player(struct crew *crew, const char *name) {
    for (size_t i = 0; i < crew->count; i++) {
        if (strcmp(crew->players[i].name, name) == 0) return &crew->players[i];
    }
    fail_msg("no player %s", name);
    return NULL;
}

void crew_start_two(struct crew *crew, const weir_supervisor_options *options) {
    crew_clear(crew);
    crew_add(crew, "a", WEIR_CONSUMER, NULL);
    crew_add(crew, "b", WEIR_CONSUMER, NULL);
    crew_start(crew, options);
    rig_rest(&crew->rig);
    rig_expect(&crew->rig, "a start\nb start\n");
}

void crew_kill(struct crew *crew, const char *name, weir_reason reason) {
    player_stop(crew_player(crew, name), reason);
    rig_rest(&crew->rig);
}

bool crew_lives(struct crew *crew, uint32_t number) {
    weir_ref ref;
    weir_status status =
        weir_supervisor_child(crew->rig.runtime, crew->supervisor, number, WEIR_FOREVER, &ref);
    assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
    return status == WEIR_OK;
}
