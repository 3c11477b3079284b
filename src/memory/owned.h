/*
 * Owned events: each is dropped once, by whoever is the last to hold it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block of events that own something (its `type`) has a word for each at its end:
 *
 *   bits  0..23  holders: slices that have the event      24..30  the worst fate so far
 *   bit   31     it was taken, or lifted: it is its holder's no more, and he does not drop it
 *
 *   no slice of the block has the event  =>  its word is 1
 *
 * So an event that is written into the block is held, by the slice that is made of it; a slice
 * that moves keeps what it holds; and whoever finds himself the last holder drops the event
 * and leaves the word at 1, for the next that is written there.  A slice that is split is
 * two that hold what is theirs.  Events that only one holder ever had may be moved elsewhere:
 * their bytes are copied, and the slice is let go without a drop; or they are lifted out of it,
 * one by one.
 *
 * Writers: whoever holds the event; and a thread outside that its holder has lent it to, which
 * may take it.  Readers: the same.
 * Ordering
 *   E1 -> E2  let go (a CAS, release) -> the last holder's look (load, or that CAS, acquire):
 *             what the others read comes before the event is dropped, moved or written to.
 *             To hold publishes nothing: the slice travels by a ring that orders it.  Nor does
 *             to take: what ends the loan orders that (a stream's J5 -> J6 and J11 -> J12).
 * Model: tests/model/owned.pml.
 * Progress: lock-free: a let-go tries again when another holder was faster.
 * Wrap: an event has 2^24 - 1 holders at most; whoever would be one more is refused.
 */
#ifndef WEIR__MEMORY_OWNED_H
#define WEIR__MEMORY_OWNED_H

#include "memory/block.h"

#include <weir/event.h>

enum {
    WEIR__OWNED_HOLDERS = 0xffffff,
    WEIR__OWNED_FATE_SHIFT = 24,
    WEIR__OWNED_TAKEN = 1u << 31,
    WEIR__OWNED_WORD_BYTES = sizeof(uint32_t)
};

/*
 * Fates in rising order; what the last holder finds is what the event is dropped for.
 * NOBODY: it was shown to consumers, and none wanted it.
 */
enum weir__fate {
    WEIR__FATE_NOBODY = 0,
    WEIR__FATE_HANDLED = 1,
    WEIR__FATE_UNSAID = 0x80 /* with a fate: it is for those alone that nobody else holds */
};

/* A program's dispatcher may say whatever it likes. */
static inline uint32_t weir__discard_known(weir_discard why) {
    return (uint32_t)why < WEIR_DISCARD_CAUSES ? (uint32_t)why : WEIR_DISCARD_UNWANTED;
}

static inline uint32_t weir__fate_of(weir_discard why) {
    return weir__discard_known(why) + WEIR__FATE_HANDLED;
}

/* What became of a worker's owned events (one writer; observers read them). */
struct weir__owned_counts {
    uint64_t accepted;
    uint64_t copied; /* by the type's `copy` */
    uint64_t taken;
    uint64_t dropped[WEIR_DISCARD_CAUSES];
};

static inline uint32_t *weir__owned_word(const struct weir__block *block, uint32_t index) {
    unsigned char *end = (unsigned char *)(uintptr_t)block + block->bytes;
    return (uint32_t *)(void *)end - 1 - index;
}

/* All words of a block that was just taken for events of its type. */
void weir__owned_open(struct weir__block *block);

/* One more holder of each.  false: one of them has as many as can be counted; nothing changed. */
bool weir__owned_hold(const struct weir__block *block, uint32_t first, uint32_t count);

/*
 * A slice that had these lets them go.  Those that nobody else has are dropped.
 * here: the calling worker's pool; NULL on a thread that is no worker.
 */
void weir__owned_let_go(const struct weir__block *block, uint32_t first, uint32_t count,
                        uint32_t fate, struct weir__pool *here);

/* Whoever lets these go last drops them for nothing better than that. */
void weir__owned_mark(const struct weir__block *block, uint32_t first, uint32_t count,
                      uint32_t fate);

/* Nobody else has any of them, nor were some taken: they may be written to. */
bool weir__owned_alone(const struct weir__block *block, uint32_t first, uint32_t count);

/* Nor did anybody else ever have them: no fate is on them yet, and none was taken. */
bool weir__owned_fresh(const struct weir__block *block, uint32_t first, uint32_t count);

/* And their bytes may be moved as they are: what they point at is not this block's to hold. */
bool weir__owned_movable(const struct weir__block *block, uint32_t first, uint32_t count);

/* Some of them were taken. */
bool weir__owned_some_taken(const struct weir__block *block, uint32_t first, uint32_t count);

/*
 * Lifts one out, to `to`: whoever has the bytes drops it then, or gives it away (lifted.h).
 * false: others have it, or had, and nothing changed.
 */
bool weir__owned_lift(const struct weir__block *block, uint32_t index, void *to);

/* One that was lifted out is let go: dropped for that; or, if it was taken, counted as that. */
void weir__owned_drop_lifted(const weir_event_type *type, const void *event, bool taken,
                             weir_discard why, struct weir__pool *here);

/*
 * The same, to whoever is not weir: copies of those that others have.  Not WEIR_OK: none was
 * taken.  here: as above.
 */
weir_status weir__owned_take(const struct weir__block *block, uint32_t first, uint32_t count,
                             void *to, struct weir__pool *here);

/*
 * Moves them to a part that keeps them: they stay weir's, to be dropped by weir__owned_drop_lifted,
 * or as events of another block.  Of those that others have, or had, it gets copies.  Of those with
 * spans only the fixed parts go: what the spans point at stays with the block.
 * INVALID: they would have to be copied, and their type cannot; NO_MEMORY.
 */
weir_status weir__owned_move(const struct weir__block *block, uint32_t first, uint32_t count,
                             void *to, struct weir__pool *here);

/* Copies them into another block of the type, or elsewhere.  false: it cannot; nothing was made. */
bool weir__owned_copy(const struct weir__block *block, uint32_t first, uint32_t count, void *to,
                      struct weir__pool *here);

/* Events that were written into a block are accepted: weir's to drop. */
void weir__owned_accept(struct weir__pool *here, uint64_t count);

/*
 * Events that lie in no block, and that nobody else has, are dropped for that.  They were
 * accepted without being counted as that, so they are now.
 * here: as above; home: the pool on whose account they are on any other thread.
 */
void weir__owned_drop_raw(const weir_event_type *type, const void *events, size_t count,
                          weir_discard why, struct weir__pool *here, struct weir__pool *home);

/* Of such events, some were taken: by who works for that worker. */
void weir__owned_took_raw(struct weir__pool *here, uint64_t count);

/* In checked builds, of a block that goes home: each of its words is 1. */
void weir__owned_check_home(const struct weir__block *block);

#endif
