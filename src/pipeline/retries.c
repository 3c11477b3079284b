/*
 * Retries: messages that are to be tried again.  See retries.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/retries.h"

#include <string.h>

enum { LEAST_ROOM = 16 };

void weir__retries_open(struct weir__retries *waiting, const struct weir__allocator *allocator,
                        bool in_order) {
    *waiting = (struct weir__retries){.allocator = allocator, .in_order = in_order};
}

void weir__retries_close(struct weir__retries *waiting) {
    weir__free(waiting->allocator, waiting->entries, waiting->room * sizeof *waiting->entries);
    waiting->entries = NULL;
    waiting->count = 0;
    waiting->room = 0;
}

bool weir__retries_reserve(struct weir__retries *waiting, size_t more) {
    if (more <= waiting->room - waiting->count) {
        return true;
    }
    size_t room = waiting->room < LEAST_ROOM ? LEAST_ROOM : 2 * waiting->room;
    while (room - waiting->count < more) {
        room *= 2;
    }
    struct weir__retry *entries = weir__alloc(waiting->allocator, room * sizeof *entries, 64);
    if (entries == NULL) {
        return false;
    }
    if (waiting->count > 0) {
        memcpy(entries, waiting->entries, waiting->count * sizeof *entries);
    }
    weir__free(waiting->allocator, waiting->entries, waiting->room * sizeof *entries);
    waiting->entries = entries;
    waiting->room = room;
    return true;
}

static bool waits_before(const struct weir__retries *waiting, const struct weir__retry *a,
                         const struct weir__retry *b) {
    if (waiting->in_order || a->due_ns == b->due_ns) {
        return a->serial < b->serial;
    }
    return a->due_ns < b->due_ns;
}

void weir__retries_again(struct weir__retries *waiting, const struct weir__retry *waiter) {
    struct weir__retry *entries = waiting->entries;
    size_t at = waiting->count++;
    while (at > 0 && waits_before(waiting, waiter, &entries[(at - 1) / 2])) {
        entries[at] = entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    entries[at] = *waiter;
}

void weir__retries_add(struct weir__retries *waiting, const weir_message *message, uint64_t due_ns,
                       bool paid) {
    const struct weir__retry waiter = {
        .due_ns = due_ns, .serial = waiting->next++, .paid = paid, .message = *message};
    weir__retries_again(waiting, &waiter);
}

void weir__retries_take(struct weir__retries *waiting, struct weir__retry *out) {
    struct weir__retry *entries = waiting->entries;
    *out = entries[0];
    const struct weir__retry *last = &entries[--waiting->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= waiting->count) {
            break;
        }
        if (child + 1 < waiting->count &&
            waits_before(waiting, &entries[child + 1], &entries[child])) {
            child++;
        }
        if (!waits_before(waiting, &entries[child], last)) {
            break;
        }
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = *last;
}
