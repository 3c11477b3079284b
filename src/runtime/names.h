/*
 * Names: which living stage has which name.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All under a lock.  An entry counts while its stage lives, so nothing has to be done
 * when a stage stops: dead entries are swept out when there are twice as many entries as
 * lived at the last sweep.  While a stage starts its entries are `pending`: taken, and
 * not yet to be found.
 *
 *   every entry is in the list `first` and in by_text
 *   by_stage has the first of the list of each stage's pending entries
 *
 * Cost: O(1) on average, in the number of entries; publish and drop, in that of one stage's.
 */
#ifndef WEIR__RUNTIME_NAMES_H
#define WEIR__RUNTIME_NAMES_H

#include "memory/allocator.h"
#include "memory/index.h"

#include <weir/name.h>

struct weir__name {
    struct weir__index_node by_text; /* by the text's hash, which several may have */
    struct weir__name *next;         /* of all                                     */
    struct weir__name *previous;
    weir_ref ref;
    bool pending;
    struct weir__index_node by_stage; /* the first pending one: by its reference */
    struct weir__name *next_pending;  /* of its stage's                          */
    struct weir__name *previous_pending;
    size_t bytes; /* of the text, with its end */
    char text[];
};

struct weir__names {
    uint32_t lock;
    uint32_t pending; /* entries that are (atomic: looked at without the lock) */
    const struct weir__allocator *allocator;
    struct weir__index by_text;
    struct weir__index by_stage;
    struct weir__name *first;
    size_t count;
    size_t sweep_at; /* as many are swept before there is another one */
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
