/*
 * The order of flow: see flow.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage is put in the order once all its producers are, from a stack, so that a chain stays
 * together.  When the stack is empty and some stages are left, these are in rings, or behind
 * such: the first of them goes on as if its producers were done.
 */
#include "flow.h"

#include "trouble.h"

#include <stdlib.h>

struct walk {
    struct view *view;
    uint32_t *missing; /* producers that are not in the order; NONE: it is, or is on the stack */
    uint32_t *stack;
    uint32_t height;
    uint32_t *order;
    uint32_t done;
};

static void push(struct walk *walk, uint32_t stage) {
    walk->missing[stage] = NONE;
    walk->stack[walk->height++] = stage;
}

static void put(struct walk *walk, uint32_t stage) {
    const struct view *view = walk->view;
    const struct view_stage *self = &view->stages[stage];
    walk->order[walk->done++] = stage;
    for (uint32_t i = self->outs; i-- > 0;) {
        const struct view_subscription *out = &view->subscriptions[view->outs[self->first_out + i]];
        if (out->consumer == NONE || walk->missing[out->consumer] == NONE) {
            continue;
        }
        struct view_stage *next = &view->stages[out->consumer];
        if (next->depth <= self->depth) {
            next->depth = self->depth + 1;
        }
        if (--walk->missing[out->consumer] == 0) {
            push(walk, out->consumer);
        }
    }
}

static void count_missing(struct walk *walk) {
    const struct view *view = walk->view;
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        const struct view_subscription *each = &view->subscriptions[i];
        if (each->producer != NONE && each->consumer != NONE) {
            walk->missing[each->consumer]++;
        }
    }
}

static void walk_all(struct walk *walk) {
    uint32_t count = walk->view->stage_count;
    for (uint32_t i = count; i-- > 0;) {
        if (walk->missing[i] == 0) {
            push(walk, i);
        }
    }
    for (uint32_t first = 0; walk->done < count;) {
        while (walk->height > 0) {
            put(walk, walk->stack[--walk->height]);
        }
        while (first < count && walk->missing[first] == NONE) {
            first++;
        }
        if (first < count) {
            push(walk, first);
        }
    }
}

bool flow_order(struct view *view, uint32_t *order) {
    size_t room = view->stage_count + 1u;
    struct walk walk = {.view = view,
                        .missing = calloc(room, sizeof(uint32_t)),
                        .stack = calloc(room, sizeof(uint32_t)),
                        .order = order};
    bool have = walk.missing != NULL && walk.stack != NULL;
    if (have) {
        count_missing(&walk);
        walk_all(&walk);
    }
    free(walk.missing);
    free(walk.stack);
    return have || trouble("no memory for %u stages", view->stage_count);
}
