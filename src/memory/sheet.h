/*
 * The sheet: the slots in which a runtime writes down what it does, for any thread to read, and
 * for other processes where it is a file.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Layout: weir/counters.h.  Slots are numbered from 0, which is the header's, and lie in steps
 * (base/steps.h), the first of them of one page; a slot never moves.
 *
 *   writers of a slot   who fills it, until it is known; then its owner, word by word (relaxed);
 *                       at last whoever gives it back
 *   readers of a slot   any thread, through weir_counters_copy
 *   used, free          under `lock`: slots are taken and given when something begins or ends
 *   steps, slots        who takes, under the lock; any thread reads.  What the file has no room
 *                       for is memory, which the header's slots do not count
 *
 * Ordering:
 *   V1 -> V2  turn is odd before the words change, even (release) after that; a reader looks at it
 *             before (acquire) and after (behind a fence) what it copies: if it is the same and
 *             even, so was the slot's owner.
 *   V3 -> V4  a step (release) -> its readers (acquire): that it is zeroed.
 * Progress: reading is lock-free, and so is writing into a slot; who takes or gives one waits for
 * others who do so just then.  Wrap: turn, after 2^31 owners of one slot, during one copy.
 */
#ifndef WEIR__MEMORY_SHEET_H
#define WEIR__MEMORY_SHEET_H

#include "base/atomic.h"
#include "base/steps.h"
#include "memory/allocator.h"

#include <weir/counters.h>

#include <stdbool.h>

enum {
    WEIR__SHEET_STEPS = WEIR__STEPS(5, 29), /* for 2^29 slots */
    WEIR__SHEET_PATH = 256
};

struct weir__sheet {
    const struct weir__allocator *allocator;
    uint32_t lock;
    uint32_t used;                  /* slots that were ever taken             */
    uint32_t free[4];               /* numbers of free ones, of 2^i in a row; 0: none */
    void *steps[WEIR__SHEET_STEPS]; /* atomic */
    uint64_t slots;                 /* atomic: there are so many              */
    unsigned in_file;               /* steps that are: the disk may be full   */
    int file;                       /* its descriptor; -1: it is memory only  */
    char path[WEIR__SHEET_PATH];
};

/*
 * path: of the file that it is to be, or NULL.  *header is its first slot, which is filled like
 * the others.  0, or ENOMEM, or why there can be no such file (errno); then nothing is left.
 */
int weir__sheet_open(struct weir__sheet *sheet, const struct weir__allocator *allocator,
                     const char *path, weir_counters_header **header);

/* In a child of fork: the file is the parent's, and what is written here it does not see.  False:
 * no memory. */
bool weir__sheet_part(struct weir__sheet *sheet);

/* Nobody uses it any more.  The file goes. */
void weir__sheet_close(struct weir__sheet *sheet);

/* So many slots in a row, 1, 4 or 8, which say FREE until they are filled.  NULL: no memory. */
void *weir__sheet_take(struct weir__sheet *sheet, unsigned slots, uint32_t *number);

/* Puts there what it is from now on, all of it; `from` begins with a weir_counters_slot that has
 * its kind. */
void weir__sheet_fill(void *slot, const void *from);

/* It is nobody's any more.  Its owner writes no more. */
void weir__sheet_give(struct weir__sheet *sheet, uint32_t number, unsigned slots);

/* Times of one owner's, whose worker alone adds to them. */
struct weir__timing {
    uint32_t number; /* the slot's, from the first time on; 0: none, or there was no memory */
};

/* Adds a time; the first one takes the slot.  Without memory it is not counted. */
void weir__timing_add(struct weir__timing *timing, struct weir__sheet *sheet, uint64_t owner,
                      uint64_t ns);

/* Gives the slot back, if there is one. */
void weir__timing_close(const struct weir__timing *timing, struct weir__sheet *sheet);

/* The slot of that number; NULL: there is none, however bad the number. */
void *weir__sheet_at(const struct weir__sheet *sheet, uint64_t number);

/* How many there are, taken or not. */
static inline uint64_t weir__sheet_slots(const struct weir__sheet *sheet) {
    return weir__load_acquire_u64(&sheet->slots); /* V3 -> V4 */
}

/* A word of a slot, by its one writer. */
static inline void weir__sheet_put(uint64_t *word, uint64_t value) {
    weir__store_relaxed_u64(word, value);
}

#endif
