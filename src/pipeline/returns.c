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

bool weir__returns_count_off(struct weir__returns *returns, uint64_t count) {
    uint64_t before = weir__fetch_sub_u64(&returns->left, count); /* RT7 -> RT8 */
    WEIR__CHECK(before >= count);
    return before == count;
}

enum weir__pushed weir__returns_push(struct weir__returns *returns, struct weir__record *first,
                                     struct weir__record *last) {
    struct weir__record *head = weir__load_acquire_ptr(&returns->head); /* RT7 -> RT8 */
    do {
        if (WEIR__UNLIKELY(head == ORPHANED)) { /* for good */
            return WEIR__PUSHED_NOT;
        }
        last->next = head;
    } while (!weir__cas_ptr(&returns->head, &head, first)); /* RT1 -> RT2, RT3 -> RT4 */
    return head == SLEEPS ? WEIR__PUSHED_RING : WEIR__PUSHED;
}

void weir__returns_rung(struct weir__returns *returns) {
    weir__fetch_add_u32(&returns->told, 1); /* RT5 -> RT6 */
}

/* Somebody has pushed over SLEEPS. */
static void wait_for_ring(struct weir__returns *returns) {
    returns->rings++;
    while (weir__load_acquire_u32(&returns->told) != returns->rings) { /* RT5 -> RT6 */
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
    return end_chain(returns, weir__exchange_ptr(&returns->head, none)); /* RT1 -> RT2 */
}

bool weir__returns_lie_down(struct weir__returns *returns) {
    struct weir__record *none = NULL;
    return weir__cas_ptr(&returns->head, &none, SLEEPS); /* RT3 -> RT4 */
}

bool weir__returns_none(const struct weir__returns *returns) {
    const struct weir__record *head = weir__load_relaxed_ptr(&returns->head);
    return head == NULL || head == SLEEPS;
}

struct weir__record *weir__returns_orphan(struct weir__returns *returns, uint64_t out) {
    weir__store_relaxed_u64(&returns->left, out);
    return end_chain(returns, weir__exchange_ptr(&returns->head, ORPHANED)); /* RT7 -> RT8 */
}
