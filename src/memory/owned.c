/*
 * Owned events: see owned.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/owned.h"

#include "base/attributes.h"
#include "memory/pool.h"

#include <string.h>

/* A word of which the holder is the only one, and that has no history. */
enum { ALONE = 1, FATES = 0x7f };

static uint32_t holders_of(uint32_t word) {
    return word & WEIR__OWNED_HOLDERS;
}

static uint32_t fate_in(uint32_t word) {
    return word >> WEIR__OWNED_FATE_SHIFT & FATES;
}

static uint32_t worse_fate(uint32_t word, uint32_t fate) {
    uint32_t worst = fate_in(word) > fate ? fate_in(word) : fate;
    return (word & ~((uint32_t)FATES << WEIR__OWNED_FATE_SHIFT)) | worst << WEIR__OWNED_FATE_SHIFT;
}

void weir__owned_open(struct weir__block *block) {
    if (block->words == block->event_bytes) {
        return; /* whoever let go last has left them so, and their lines may be elsewhere */
    }
    block->words = block->event_bytes;
    for (uint32_t i = 0; i < block->capacity; i++) {
        weir__store_relaxed_u32(weir__owned_word(block, i), ALONE);
    }
}

/* Holders of `count` events, one by one, are one less. */
static void unhold(const struct weir__block *block, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        weir__fetch_sub_u32(weir__owned_word(block, i), 1);
    }
}

bool weir__owned_hold(const struct weir__block *block, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t before = weir__fetch_add_u32(weir__owned_word(block, i), 1);
        WEIR__CHECK(holders_of(before) > 0);
        if (WEIR__UNLIKELY(holders_of(before) >= WEIR__OWNED_HOLDERS - 1)) {
            unhold(block, first, i + 1 - first);
            return false;
        }
    }
    return true;
}

void weir__owned_mark(const struct weir__block *block, uint32_t first, uint32_t count,
                      uint32_t fate) {
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t *word = weir__owned_word(block, i);
        uint32_t seen = weir__load_relaxed_u32(word);
        while (!weir__cas_u32(word, &seen, worse_fate(seen, fate))) {}
    }
}

/* ---- letting go ----------------------------------------------------------- */

/*
 * One holder less.  Returns the word as the last holder finds it, its own fate in it, and sets
 * the event's word back; 0: others have the event still.
 */
static uint32_t let_go_of_one(uint32_t *word, uint32_t fate) {
    bool unsaid = (fate & WEIR__FATE_UNSAID) != 0;
    fate &= ~(uint32_t)WEIR__FATE_UNSAID;
    uint32_t seen = weir__load_acquire_u32(word); /* E1 -> E2 */
    while (holders_of(seen) != 1) {
        WEIR__CHECK(holders_of(seen) > 1);
        uint32_t left = (unsaid ? seen : worse_fate(seen, fate)) - 1;
        if (weir__cas_u32(word, &seen, left)) { /* E1 -> E2 */
            return 0;
        }
    }
    weir__store_relaxed_u32(word, ALONE);
    return worse_fate(seen, fate);
}

/* Events whose spans are all that they own have nothing else to give back. */
static void drop_by_type(const weir_event_type *type, const void *events, size_t count,
                         weir_discard why) {
    if (type->drop != NULL) {
        type->drop(type->context, events, count, why);
    }
}

static weir_discard why_of(uint32_t word) {
    uint32_t fate = fate_in(word);
    return fate == WEIR__FATE_NOBODY ? WEIR_DISCARD_UNWANTED
                                     : (weir_discard)(fate - WEIR__FATE_HANDLED);
}

static void count_owned(uint64_t *counter, uint64_t more) {
    weir__store_relaxed_u64(counter, *counter + more);
}

static void count_dropped(struct weir__pool *home, uint64_t count, weir_discard why,
                          struct weir__pool *here) {
    if (here != NULL) {
        count_owned(&here->owned.dropped[why], count);
    } else {
        weir__fetch_add_u64(&home->stray_drops[why], count);
    }
}

static void count_copied(const struct weir__block *block, struct weir__pool *here) {
    if (here != NULL) {
        count_owned(&here->owned.copied, 1);
    } else {
        weir__fetch_add_u64(&block->home->stray_copies, 1);
    }
}

static void count_taken(const struct weir__block *block, uint32_t count, struct weir__pool *here) {
    if (here != NULL) {
        count_owned(&here->owned.taken, count);
    } else {
        weir__fetch_add_u64(&block->home->stray_takes, count);
    }
}

static void drop_events(const struct weir__block *block, uint32_t first, uint32_t count,
                        uint32_t word, struct weir__pool *here) {
    if (count == 0 || (word & WEIR__OWNED_TAKEN) != 0) {
        return;
    }
    const weir_event_type *type = block->type;
    weir_discard why = why_of(word);
    count_dropped(block->home, count, why, here);
    drop_by_type(type, weir__block_event(block, first), count, why);
}

bool weir__owned_fresh(const struct weir__block *block, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        if (weir__load_acquire_u32(weir__owned_word(block, i)) != ALONE) { /* E1 -> E2 */
            return false;
        }
    }
    return true;
}

/* Those side by side that are dropped for the same reason are dropped together. */
void weir__owned_let_go(const struct weir__block *block, uint32_t first, uint32_t count,
                        uint32_t fate, struct weir__pool *here) {
    if (weir__owned_fresh(block, first, count)) {
        /* Their words stay as they are, and the lines of those with both cores. */
        uint32_t alone = fate & ~(uint32_t)WEIR__FATE_UNSAID; /* nobody else has them */
        drop_events(block, first, count, worse_fate(ALONE, alone), here);
        return;
    }
    uint32_t from = first; /* of those that are to be dropped, as `word` says; 0: none is */
    uint32_t word = 0;
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t last = let_go_of_one(weir__owned_word(block, i), fate);
        if (last != word) {
            if (word != 0) {
                drop_events(block, from, i - from, word, here);
            }
            from = i;
            word = last;
        }
    }
    if (word != 0) {
        drop_events(block, from, first + count - from, word, here);
    }
}

void weir__owned_drop_raw(const weir_event_type *type, const void *events, size_t count,
                          weir_discard why, struct weir__pool *here, struct weir__pool *home) {
    if (here != NULL) {
        weir__owned_accept(here, count);
    } else {
        weir__fetch_add_u64(&home->stray_accepted, count);
    }
    count_dropped(home, count, why, here);
    drop_by_type(type, events, count, why);
}

void weir__owned_took_raw(struct weir__pool *here, uint64_t count) {
    weir__owned_accept(here, count);
    count_owned(&here->owned.taken, count);
}

/* ---- moving, copying, taking ------------------------------------------------ */

bool weir__owned_alone(const struct weir__block *block, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t word = weir__load_acquire_u32(weir__owned_word(block, i)); /* E1 -> E2 */
        if (holders_of(word) != 1 || (word & WEIR__OWNED_TAKEN) != 0) {
            return false;
        }
    }
    return true;
}

bool weir__owned_movable(const struct weir__block *block, uint32_t first, uint32_t count) {
    /* what spans point at is held by this block */
    return block->type->spans == 0 && weir__owned_fresh(block, first, count);
}

bool weir__owned_some_taken(const struct weir__block *block, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        if ((weir__load_relaxed_u32(weir__owned_word(block, i)) & WEIR__OWNED_TAKEN) != 0) {
            return true;
        }
    }
    return false;
}

void weir__owned_accept(struct weir__pool *here, uint64_t count) {
    count_owned(&here->owned.accepted, count);
}

/* Copies that are given up again own what they have: they are dropped like any others. */
static void drop_copies(const struct weir__block *block, const unsigned char *copies,
                        uint32_t count, struct weir__pool *here) {
    if (count > 0) {
        count_dropped(block->home, count, WEIR_DISCARD_NO_MEMORY, here);
        drop_by_type(block->type, copies, count, WEIR_DISCARD_NO_MEMORY);
    }
}

/* The spans are copied as they are: where they point then is the caller's to set. */
static bool copy_one(const weir_event_type *type, const void *event, void *copy) {
    if (type->copy == NULL && type->drop == NULL) {
        memcpy(copy, event, type->bytes);
        return true;
    }
    if (type->copy == NULL || !type->copy(type->context, event, copy)) {
        return false;
    }
    if (type->spans > 0) {
        memcpy(copy, event, type->spans * sizeof(weir_bytes));
    }
    return true;
}

bool weir__owned_copy(const struct weir__block *block, uint32_t first, uint32_t count, void *to,
                      struct weir__pool *here) {
    const weir_event_type *type = block->type;
    unsigned char *copies = to;
    for (uint32_t i = 0; i < count; i++) {
        if (!copy_one(type, weir__block_event(block, first + i), copies + i * type->bytes)) {
            drop_copies(block, copies, i, here);
            return false;
        }
        count_copied(block, here);
    }
    return true;
}

/* Their bytes go to `to`, and their words say so. */
static void move_out(const struct weir__block *block, uint32_t first, uint32_t count, void *to) {
    memcpy(to, weir__block_event(block, first), (size_t)count * block->event_bytes);
    for (uint32_t i = first; i < first + count; i++) {
        weir__store_relaxed_u32(weir__owned_word(block, i), ALONE | WEIR__OWNED_TAKEN);
    }
}

bool weir__owned_lift(const struct weir__block *block, uint32_t index, void *to) {
    bool movable = weir__owned_movable(block, index, 1);
    if (movable) {
        move_out(block, index, 1, to);
    }
    return movable;
}

void weir__owned_drop_lifted(const weir_event_type *type, const void *event, bool taken,
                             weir_discard why, struct weir__pool *here) {
    if (taken) {
        count_owned(&here->owned.taken, 1);
        return;
    }
    count_owned(&here->owned.dropped[why], 1);
    drop_by_type(type, event, 1, why);
}

weir_status weir__owned_move(const struct weir__block *block, uint32_t first, uint32_t count,
                             void *to, struct weir__pool *here) {
    const weir_event_type *type = block->type;
    if (weir__owned_fresh(block, first, count)) {
        move_out(block, first, count, to);
        return WEIR_OK;
    }
    if (type->copy == NULL && type->drop != NULL) {
        return WEIR_INVALID;
    }
    return weir__owned_copy(block, first, count, to, here) ? WEIR_OK : WEIR_NO_MEMORY;
}

weir_status weir__owned_take(const struct weir__block *block, uint32_t first, uint32_t count,
                             void *to, struct weir__pool *here) {
    if (block->type->spans > 0) {
        return WEIR_INVALID; /* what they point at stays in the block */
    }
    if (weir__owned_alone(block, first, count)) {
        move_out(block, first, count, to);
    } else if (block->type->copy == NULL) {
        return WEIR_INVALID;
    } else if (!weir__owned_copy(block, first, count, to, here)) {
        return WEIR_NO_MEMORY;
    }
    count_taken(block, count, here);
    return WEIR_OK;
}

#if WEIR__CHECKED
void weir__owned_check_home(const struct weir__block *block) {
    for (uint32_t i = 0; i < block->capacity; i++) {
        WEIR__CHECK(weir__load_relaxed_u32(weir__owned_word(block, i)) == ALONE);
    }
}
#endif
