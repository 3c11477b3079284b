/*
 * Retries: messages that are to be tried again, in the order of when.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A heap in memory of its own.  In order of moments, equal ones in the order in which they came;
 * or, in_order, in the order in which they came, whatever their moments.  One thread's.
 *
 * Invariants   count <= room; entries[0] is before all others
 */
#ifndef WEIR__PIPELINE_RETRIES_H
#define WEIR__PIPELINE_RETRIES_H

#include "memory/allocator.h"

#include <weir/message.h>

struct weir__retry {
    uint64_t due_ns;
    uint64_t serial;
    bool paid; /* its token was taken with what it came with */
    weir_message message;
};

struct weir__retries {
    const struct weir__allocator *allocator;
    struct weir__retry *entries;
    size_t count;
    size_t room;
    uint64_t next; /* serial */
    bool in_order;
};

void weir__retries_open(struct weir__retries *waiting, const struct weir__allocator *allocator,
                        bool in_order);
void weir__retries_close(struct weir__retries *waiting);

/* Room for so many more; false: no memory. */
bool weir__retries_reserve(struct weir__retries *waiting, size_t more);

/* Adds one, for which there is room, behind those that came before. */
void weir__retries_add(struct weir__retries *waiting, const weir_message *message, uint64_t due_ns,
                       bool paid);

/* When the first may go; UINT64_MAX: there is none. */
static inline uint64_t weir__retries_due(const struct weir__retries *waiting) {
    return waiting->count == 0 ? UINT64_MAX : waiting->entries[0].due_ns;
}

/* Takes the first out. */
void weir__retries_take(struct weir__retries *waiting, struct weir__retry *out);

/* Puts one back that was taken out, for later, in its place. */
void weir__retries_again(struct weir__retries *waiting, const struct weir__retry *waiter);

#endif
