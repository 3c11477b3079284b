/*
 * Stacks that many threads push on and one takes whole.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Concurrency Kit's stack, with the order of each operation said: a push and a take are both
 * a full fence (base/atomic.h), on every machine.  Protocols rest on that: after a push
 * comes a look at whether the owner sleeps, and that look must not come before it.  CK's own
 * push ends in a compare-and-swap which only x86 makes a fence.
 *
 * Writers: any thread pushes; the owner takes (a free list: anybody takes).
 * Invariant: an entry is on one stack at most; its `next` is the pusher's until then.
 * Ordering: push (full) -> take (full): publishes the entry, and all that was written
 *   before.  Each user names its pairs (S1 -> S2, P0 -> P1 ...).
 * Progress: a push is lock-free (it may retry), a take wait-free.  No ABA: nothing
 *   is compared but in a push, which does not look at the entry below.  Wrap: nothing.
 */
#ifndef WEIR__BASE_STACK_H
#define WEIR__BASE_STACK_H

#include "base/atomic.h"

#include <ck_stack.h>

static inline void weir__stack_push(ck_stack_t *stack, ck_stack_entry_t *entry) {
    ck_stack_entry_t *head = weir__load_relaxed_ptr(&stack->head);
    do {
        entry->next = head;
    } while (!weir__cas_ptr(&stack->head, &head, entry));
}

/* All of it, the last one pushed first, linked by next; NULL: it is empty. */
static inline ck_stack_entry_t *weir__stack_take(ck_stack_t *stack) {
    ck_stack_entry_t *none = NULL;
    return weir__exchange_ptr(&stack->head, none);
}

/* The same, but the first one pushed first. */
static inline ck_stack_entry_t *weir__stack_take_in_order(ck_stack_t *stack) {
    ck_stack_entry_t *first = NULL;
    ck_stack_entry_t *entry = weir__stack_take(stack);
    while (entry != NULL) {
        ck_stack_entry_t *below = entry->next;
        entry->next = first;
        first = entry;
        entry = below;
    }
    return first;
}

#endif
