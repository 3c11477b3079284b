/*
 * Names: which living stage has which name.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A table under a lock.  An entry counts while its stage lives, so nothing has
 * to be done when a stage stops: dead entries are swept when the table is full.
 * While a stage starts its entry is `pending`: taken, and not yet to be found.
 */
#ifndef WEIR__RUNTIME_NAMES_H
#define WEIR__RUNTIME_NAMES_H

#include "memory/allocator.h"

#include <weir/name.h>

struct weir__name {
    char *text;
    uint64_t hash;
    weir_ref ref;
    bool pending;
};

struct weir__names {
    uint32_t lock;
    uint32_t pending; /* entries that are (atomic: looked at without the lock) */
    const struct weir__allocator *allocator;
    struct weir__name *entries;
    size_t count;
    size_t capacity;
};

void weir__names_open(struct weir__names *names, const struct weir__allocator *allocator);
void weir__names_close(struct weir__names *names);

/* Takes a name for a stage that is starting.  Errors as weir_register. */
weir_status weir__names_reserve(struct weir__names *names, const weir_runtime *runtime,
                                const char *name, weir_ref ref);

/* The stage has started: its name can be found / has not: it is free. */
void weir__names_publish(struct weir__names *names, weir_ref ref);
void weir__names_drop(struct weir__names *names, weir_ref ref);

#endif
