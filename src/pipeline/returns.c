/*
 * Returns: see returns.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/returns.h"

#include "base/attributes.h"
#include "base/check.h"

/* Two records that nobody has, for their addresses. */
static struct weir__record returns_sleeps;
static struct weir__record returns_orphaned;

#define SLEEPS   (&returns_sleeps)
#define ORPHANED (&returns_orphaned)

static bool count_off(struct weir__returns *returns, uint64_t count) {
    uint64_t before = weir__fetch_sub_u64(&returns->left, count); /* R7 -> R8 */
    WEIR__CHECK(before >= count);
    return before == count;
}

enum weir__pushed weir__returns_push(struct weir__returns *returns, struct weir__record *first,
                                     struct weir__record *last, uint32_t count) {
    struct weir__record *head = weir__load_acquire_ptr(&returns->head); /* R7 -> R8 */
    do {
        if (WEIR__UNLIKELY(head == ORPHANED)) { /* for good */
            return count_off(returns, count) ? WEIR__PUSHED_LAST : WEIR__PUSHED;
        }
        last->next = head;
    } while (!weir__cas_ptr(&returns->head, &head, first)); /* R1 -> R2, R3 -> R4 */
    return head == SLEEPS ? WEIR__PUSHED_RING : WEIR__PUSHED;
}

void weir__returns_rung(struct weir__returns *returns) {
    weir__fetch_add_u32(&returns->told, 1); /* R5 -> R6 */
}

/* Somebody has pushed over SLEEPS. */
static void wait_for_ring(struct weir__returns *returns) {
    returns->rings++;
    while (weir__load_acquire_u32(&returns->told) != returns->rings) { /* R5 -> R6 */
        weir__cpu_relax();
    }
}

/* Ends a chain that was taken off with NULL. */
static struct weir__record *end_chain(struct weir__returns *returns, struct weir__record *first) {
    if (first == SLEEPS) {
        return NULL;
    }
    for (struct weir__record *record = first; record != NULL; record = record->next) {
        if (record->next == SLEEPS) {
            wait_for_ring(returns);
            record->next = NULL;
        }
    }
    return first;
}

struct weir__record *weir__returns_take(struct weir__returns *returns) {
    struct weir__record *none = NULL;
    if (weir__load_relaxed_ptr(&returns->head) == NULL) {
        return NULL;
    }
    return end_chain(returns, weir__exchange_ptr(&returns->head, none)); /* R1 -> R2 */
}

bool weir__returns_lie_down(struct weir__returns *returns) {
    struct weir__record *none = NULL;
    return weir__cas_ptr(&returns->head, &none, SLEEPS); /* R3 -> R4 */
}

bool weir__returns_orphan(struct weir__returns *returns, uint64_t out) {
    uint64_t come = 0;
    weir__store_relaxed_u64(&returns->left, out);
    struct weir__record *first = weir__exchange_ptr(&returns->head, ORPHANED); /* R7 -> R8 */
    for (struct weir__record *record = end_chain(returns, first); record != NULL; come++) {
        record = record->next;
    }
    return come > 0 && count_off(returns, come);
}
