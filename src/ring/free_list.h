/*
 * A free list: a stack of things that nobody uses, which any thread takes from.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A taker takes the stack whole, keeps the top and puts the rest back as one
 * chain.  So nobody compares with an old top, and an entry may come and go as
 * often as it likes (no ABA).
 *
 * Writers: any thread gives; any thread takes.  Readers: none besides.
 * Invariant: an entry is in the list, in one taker's hands, or in use.
 * Ordering: Z1 -> Z2  give, or put back (release) -> take (acquire): publishes the
 * entry, and what was written before it was given.
 * Progress: lock-free.  A take is one exchange and one compare-and-swap, however
 * long the list; only when others have given in between does it walk, along what
 * they gave.  Wrap: nothing.
 *
 * What a taker holds, others do not see: between its two steps they find the
 * list empty though there is plenty, and make something new.  That happens only
 * to takes that meet, each makes one at most, and it is in the list thereafter.
 * There is no bound to how many in theory: to have one, takers would have to wait.
 */
#ifndef WEIR__RING_FREE_LIST_H
#define WEIR__RING_FREE_LIST_H

#include "base/stack.h"

/* The entry that was given last, or another; NULL: none is to be had just now. */
ck_stack_entry_t *weir__free_list_take(ck_stack_t *list);

void weir__free_list_give(ck_stack_t *list, ck_stack_entry_t *entry);

#endif
