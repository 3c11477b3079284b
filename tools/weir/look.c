/*
 * A look at a runtime: see look.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "look.h"

#include "death.h"

#include <string.h>

enum { LIVED_NS = 100000000 }; /* a stretch that is shorter has no rates */

/* Whether the last look stays, of a runtime that has ended since: one that is closed has no stages
 * any more, and of one that died at once there is nothing new but that. */
static bool stays(const struct view *last, const struct view *end) {
    return end->header->closed != 0 || end->moment_ns < last->moment_ns + LIVED_NS;
}

/* All stages have gone at once: as a rule it is about to be closed, which the next look tells. */
static bool is_emptied(struct look *look, const struct view *view) {
    bool empty = view->stage_count == 0 && look_view(look)->stage_count > 0;
    look->emptied = empty && !look->emptied;
    return look->emptied;
}

/* The last look becomes one at a runtime that has ended, with its workers as they were then. */
static void end_look(struct look *look, const struct view *end) {
    const struct view *view = look_view(look);
    struct image *image = &look->images[look->now];
    struct culprit *culprit = &look->culprit;
    ((weir_counters_header *)(void *)image->bytes)->closed = end->header->closed;
    image->live = false;
    death_say(culprit, end);
    if (culprit->kind != CULPRIT_DEATH) {
        return;
    }
    for (uint32_t i = 0; i < view->worker_count && i < end->worker_count; i++) {
        const weir_counters_worker *from = end->workers[i].at;
        const weir_counters_worker *to = view->workers[i].at;
        if (to->index == from->index) {
            memcpy(image->bytes + ((const unsigned char *)to - image->bytes), from, sizeof *from);
        }
    }
    uint32_t stage = culprit->stage;
    culprit->stage = stage == NONE ? NONE : view_find_stage(view, end->stages[stage].at->ref);
    culprit->worker = culprit->stage == NONE ? NONE : view->stages[culprit->stage].worker;
}

bool look_again(struct look *look, struct feed *feed, uint64_t ns) {
    unsigned next = look->looks == 0 ? look->now : !look->now;
    struct image *image = &look->images[next];
    struct view view;
    struct rates rates;
    struct culprit culprit;
    if (look->looks > 0 && !look_view(look)->image->live && feed->recording == NULL) {
        return true;
    }
    /* The view that is replaced here is that of two looks ago: nothing shows it any more. */
    view_free(&look->views[next]);
    if (!feed_next(feed, image, ns) || !view_make(&view, image)) {
        return false;
    }
    if (look->looks > 0 && image->live && is_emptied(look, &view)) {
        view_free(&view);
        return true;
    }
    if (look->looks > 0 && !image->live && stays(look_view(look), &view)) {
        end_look(look, &view);
        view_free(&view);
        return true;
    }
    if (!rates_make(&rates, look->looks == 0 ? NULL : &look->views[look->now], &view)) {
        view_free(&view);
        return false;
    }
    if (!culprit_find(&culprit, &view, &rates)) {
        rates_free(&rates);
        view_free(&view);
        return false;
    }
    rates_free(&look->rates);
    look->views[next] = view;
    look->rates = rates;
    look->culprit = culprit;
    look->now = next;
    look->looks++;
    return true;
}

void look_free(struct look *look) {
    for (unsigned i = 0; i < 2; i++) {
        view_free(&look->views[i]);
        image_free(&look->images[i]);
    }
    rates_free(&look->rates);
    *look = (struct look){0};
}

const struct view *look_view(const struct look *look) {
    return &look->views[look->now];
}
