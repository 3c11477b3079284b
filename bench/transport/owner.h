/*
 * Readiness: how a stage's owner learns that there is something to do.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Publisher, once per batch: write; full fence (W1); if `ready` is 0, exchange
 * it to 1 and push the stage on its owner's ready stack.
 * Owner: take the stage off the stack; visit it; when there is nothing to do,
 * clear `ready`, full fence (W2), visit it once more, and only then leave it.
 * Either the publisher's load sees 0, or the owner's last visit sees what was
 * published: W1 and W2 forbid that both miss.
 *
 * Warm is the same with patience: the owner goes on visiting for a while
 * before it clears `ready`, so that under load the publisher finds it 1, and
 * the line of `ready` stays shared in both caches.
 */
#ifndef TRANSPORT_OWNER_H
#define TRANSPORT_OWNER_H

#include "memory.h"
#include "order.h"
#include "shape.h"

#include <ck_stack.h>

enum { OWNER_PATIENCE = 2000 }; /* visits in vain before `ready` is cleared */

struct owner {
    _Alignas(MEMORY_APART) ck_stack_t ready_stack; /* pushed by publishers        */
    _Alignas(MEMORY_APART) ck_stack_t mailbox;     /* of control; empty here      */
    _Alignas(MEMORY_APART) uint32_t ready;         /* of the owner's one stage    */
    _Alignas(MEMORY_APART) ck_stack_entry_t entry; /* that stage, on the stack    */
    _Alignas(MEMORY_APART) uint64_t turns;         /* the owner's own             */
    uint64_t letters;
};

static inline void owner_signal(struct owner *owner, const struct shape *shape) {
    if (shape->signal == SIGNAL_NONE) return;
    fence_full(); /* W1 */
    if (ck_pr_load_32(&owner->ready) != 0) return;
    if (ck_pr_fas_32(&owner->ready, 1) == 0) {
        ck_stack_push_upmc(&owner->ready_stack, &owner->entry);
    }
}

/* What a turn looks at besides its edges. */
static inline void owner_poll(struct owner *owner, const struct shape *shape) {
    if (!shape->turn) return;
    owner->turns++;
    if (ck_pr_load_ptr(&owner->mailbox.head) != NULL) owner->letters++;
    if (ck_pr_load_ptr(&owner->ready_stack.head) != NULL) owner->letters++;
}

/* One visit: returns how many events it moved. */
typedef uint64_t owner_visit(void *state, const struct shape *shape);

/* Visits until `left` events have been moved. */
static inline __attribute__((always_inline)) void owner_run(struct owner *owner,
                                                            const struct shape *shape,
                                                            owner_visit *visit, void *state,
                                                            uint64_t left) {
    uint32_t patience = 0;
    bool asleep = shape->signal == SIGNAL_EACH;
    while (left > 0) {
        if (asleep) {
            if (ck_stack_batch_pop_upmc(&owner->ready_stack) == NULL) {
                if (shape->pause) ck_pr_stall();
                continue;
            }
            asleep = false;
            if (shape->signal == SIGNAL_EACH) patience = OWNER_PATIENCE;
        }
        if (shape->signal == SIGNAL_NONE || patience < OWNER_PATIENCE) {
            owner_poll(owner, shape);
            uint64_t moved = visit(state, shape);
            left -= moved;
            patience = moved > 0 ? 0 : patience + 1;
            if (moved == 0 && shape->pause) ck_pr_stall();
            continue;
        }
        ck_pr_store_32(&owner->ready, 0);
        fence_full(); /* W2 */
        owner_poll(owner, shape);
        left -= visit(state, shape);
        patience = 0;
        asleep = true;
    }
}

#endif
