/*
 * Timers: see timers.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/timers.h"

#include <stdbool.h>

static bool earlier(const struct weir__timer *one, const struct weir__timer *other) {
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->serial < other->serial;
}

/* Two heaps become one: the later root is the earlier one's first child. */
static struct weir__timer *join_heaps(struct weir__timer *one, struct weir__timer *other) {
    if (one == NULL || other == NULL) {
        return one == NULL ? other : one;
    }
    struct weir__timer *root = earlier(one, other) ? one : other;
    struct weir__timer *under = root == one ? other : one;
    under->previous = root;
    under->next = root->child;
    if (under->next != NULL) {
        under->next->previous = under;
    }
    root->child = under;
    return root;
}

/* The children of a node that goes: joined in pairs, then those from the last on. */
static struct weir__timer *join_all(struct weir__timer *first) {
    struct weir__timer *pairs = NULL; /* linked by `previous` */
    while (first != NULL) {
        struct weir__timer *one = first;
        struct weir__timer *other = one->next;
        first = other == NULL ? NULL : other->next;
        one->next = NULL;
        if (other != NULL) {
            other->next = NULL;
        }
        one = join_heaps(one, other);
        one->previous = pairs;
        pairs = one;
    }
    struct weir__timer *root = NULL;
    while (pairs != NULL) {
        struct weir__timer *before = pairs->previous;
        root = join_heaps(root, pairs);
        pairs = before;
    }
    return root;
}

static void settle_root(struct weir__timers *timers, struct weir__timer *root) {
    timers->first = root;
    if (root != NULL) {
        root->previous = NULL;
        root->next = NULL;
    }
}

static void add_timer(struct weir__timers *timers, struct weir__timer *timer, uint64_t due_ns) {
    timer->due_ns = due_ns;
    timer->child = NULL;
    timer->next = NULL;
    timer->previous = NULL;
    settle_root(timers, join_heaps(timers->first, timer));
}

void weir__timers_add(struct weir__timers *timers, struct weir__timer *timer, uint64_t due_ns) {
    timer->serial = timers->serial++;
    add_timer(timers, timer, due_ns);
}

void weir__timers_move(struct weir__timers *timers, struct weir__timer *timer, uint64_t due_ns) {
    weir__timers_remove(timers, timer);
    add_timer(timers, timer, due_ns);
}

void weir__timers_remove(struct weir__timers *timers, struct weir__timer *timer) {
    struct weir__timer *under = join_all(timer->child);
    if (timer == timers->first) {
        settle_root(timers, under);
        return;
    }
    if (timer->previous->child == timer) {
        timer->previous->child = timer->next;
    } else {
        timer->previous->next = timer->next;
    }
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    }
    settle_root(timers, join_heaps(timers->first, under));
}
