/*
 * Time lines: see history.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "history.h"

#include "trouble.h"

#include <stdlib.h>

static void note(struct track *track, const double share[WEIR_STATES]) {
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        track->share[track->next][i] = (unsigned char)(share[i] * 100 + 0.5);
    }
    track->next = (track->next + 1) % HISTORY_LOOKS;
    if (track->count < HISTORY_LOOKS) {
        track->count++;
    }
}

/* The stage's track until now, which the history gives up; NULL: it has none. */
static struct track *take_track(struct history *history, const struct view *before, uint64_t ref) {
    uint32_t found = before == NULL ? NONE : view_find_stage(before, ref);
    if (found == NONE || found >= history->count) {
        return NULL;
    }
    struct track *track = history->tracks[found];
    history->tracks[found] = NULL;
    return track;
}

bool history_add(struct history *history, const struct look *look) {
    const struct view *view = look_view(look);
    const struct view *before = look->looks < 2 ? NULL : &look->views[!look->now];
    struct history next = {calloc(view->stage_count + 1u, sizeof *next.tracks), view->stage_count};
    bool well = next.tracks != NULL;
    for (uint32_t i = 0; well && i < next.count; i++) {
        struct track *track = take_track(history, before, view->stages[i].at->ref);
        next.tracks[i] = track != NULL ? track : calloc(1, sizeof *track);
        well = next.tracks[i] != NULL;
        if (well && before != NULL) {
            note(next.tracks[i], look->rates.stages[i].share);
        }
    }
    history_free(history);
    if (!well) {
        next.count = next.tracks == NULL ? 0 : next.count;
        history_free(&next);
        return trouble("no memory for the time lines of %u stages", view->stage_count);
    }
    *history = next;
    return true;
}

void history_free(struct history *history) {
    for (uint32_t i = 0; i < history->count; i++) {
        free(history->tracks[i]);
    }
    free(history->tracks);
    *history = (struct history){0};
}

static void put_track(struct json *json, const struct track *track) {
    json_array(json, NULL);
    uint32_t first = track->next + HISTORY_LOOKS - track->count;
    for (uint32_t i = 0; i < track->count; i++) {
        for (unsigned state = 0; state < WEIR_STATES; state++) {
            json_whole(json, NULL, track->share[(first + i) % HISTORY_LOOKS][state]);
        }
    }
    json_array_end(json);
}

void history_json(struct json *json, const char *key, const struct history *history) {
    json_array(json, key);
    for (uint32_t i = 0; i < history->count; i++) {
        put_track(json, history->tracks[i]);
    }
    json_array_end(json);
}
