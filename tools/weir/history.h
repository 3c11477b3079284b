/*
 * What the stages of a runtime did in the last looks: their shares of time, for time lines.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_HISTORY_H
#define TOOL_HISTORY_H

#include "json.h"
#include "look.h"

enum { HISTORY_LOOKS = 240 };

/* One stage's: the last looks at it, in a ring. */
struct track {
    unsigned char share[HISTORY_LOOKS][WEIR_STATES]; /* in per cent */
    uint32_t next;
    uint32_t count;
};

struct history {
    struct track **tracks; /* by the numbers of the last look's stages */
    uint32_t count;
};

/*
 * To be called after each look that has succeeded.  The first one's shares are since each stage
 * began, and in no time line; a stage that has gone takes its track along.
 * Errors     no memory (trouble.h): the history is empty then.
 */
bool history_add(struct history *history, const struct look *look);
void history_free(struct history *history);

/* An array with one for each stage of the last look: its shares in per cent, those of a look in
 * the order of weir_stage_state, the oldest look first. */
void history_json(struct json *json, const char *key, const struct history *history);

#endif
