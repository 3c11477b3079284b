/*
 * The end of a program: see death.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "death.h"

#include "text.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 4 }; /* workers; of more, how many they are */

/* One worker of those that were in a callback, which are numbered from 0. */
static void say_worker(struct culprit *culprit, const struct view_worker *worker, const char *stage,
                       uint32_t number) {
    size_t length = strlen(culprit->text);
    char since[48] = "";
    if (worker->callback_ns > 0) {
        snprintf(since, sizeof since, " (for %s)", text_time(worker->callback_ns).text);
    }
    snprintf(culprit->text + length, sizeof culprit->text - length,
             number == 0 ? "%sworker %u was in %s's callback%s" : "%sworker %u in %s's%s",
             number == 0 ? " while " : ", ", worker->at->index, stage, since);
}

void death_say(struct culprit *culprit, const struct view *view) {
    uint32_t count = 0;
    uint64_t longest = 0;
    *culprit = (struct culprit){.stage = NONE, .worker = NONE, .victim = NONE};
    if (view->header->closed != 0) {
        snprintf(culprit->text, sizeof culprit->text, "the program has closed its runtime");
        return;
    }
    culprit->kind = CULPRIT_DEATH;
    snprintf(culprit->text, sizeof culprit->text, "the program died");
    for (uint32_t i = 0; i < view->worker_count; i++) {
        const struct view_worker *worker = &view->workers[i];
        uint32_t stage = worker->at->asleep != 0 ? NONE : view_find_stage(view, worker->at->stage);
        if (stage == NONE) {
            continue;
        }
        if (count < NAMES) {
            say_worker(culprit, worker, view->stages[stage].label, count);
        }
        if (count == 0 || worker->callback_ns > longest) {
            longest = worker->callback_ns;
            culprit->stage = stage;
            culprit->worker = i;
        }
        count++;
    }
    size_t length = strlen(culprit->text);
    if (count == 0) {
        snprintf(culprit->text + length, sizeof culprit->text - length,
                 " while no worker was in a callback");
    } else if (count > NAMES) {
        snprintf(culprit->text + length, sizeof culprit->text - length, " and %u more",
                 count - NAMES);
    }
}
