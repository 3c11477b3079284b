/*
 * The sheet: see sheet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/sheet.h"

#include "base/bits.h"
#include "base/refusal.h"
#include "base/times.h"
#include "os/fork.h"
#include "os/lock.h"
#include "os/shared_file.h"

#include <errno.h>
#include <string.h>

enum { WORDS = WEIR_COUNTERS_SLOT / sizeof(uint64_t) };

/* ---- steps --------------------------------------------------------------- */

enum { FIRST_LOG2 = 5 };

_Static_assert(1 << FIRST_LOG2 == WEIR_COUNTERS_STEP, "the file begins with one step");

static uint64_t step_first(unsigned step) {
    return weir__step_first(step, FIRST_LOG2);
}

static uint64_t step_slots(unsigned step) {
    return step_first(step + 1) - step_first(step);
}

static unsigned step_of(uint64_t number) {
    return weir__step_of(number, FIRST_LOG2);
}

/* In the file, as long as there is room for it. */
static void *make_step(struct weir__sheet *sheet, unsigned step) {
    size_t bytes = (size_t)step_slots(step) * WEIR_COUNTERS_SLOT;
    void *made = NULL;
    if (sheet->file >= 0 && sheet->in_file == step) {
        made = weir__shared_file_map(sheet->file, step_first(step) * WEIR_COUNTERS_SLOT, bytes);
        sheet->in_file += made != NULL;
    }
    bool may_hide = sheet->file < 0 || step > 0; /* nobody would find the header */
    return made != NULL || !may_hide ? made : weir__alloc_zeroed(sheet->allocator, bytes, 128);
}

static void free_step(const struct weir__sheet *sheet, unsigned step) {
    size_t bytes = (size_t)step_slots(step) * WEIR_COUNTERS_SLOT;
    if (sheet->steps[step] == NULL) {
        return;
    }
    if (step >= sheet->in_file) {
        weir__free(sheet->allocator, sheet->steps[step], bytes);
    } else {
        weir__shared_file_unmap(sheet->steps[step], bytes);
    }
}

void *weir__sheet_at(const struct weir__sheet *sheet, uint64_t number) {
    unsigned step = step_of(number);
    if (step >= WEIR__SHEET_STEPS) {
        return NULL;
    }
    char *slots = weir__load_acquire_ptr(&sheet->steps[step]); /* V3 -> V4 */
    return slots == NULL ? NULL : slots + (number - step_first(step)) * WEIR_COUNTERS_SLOT;
}

_Static_assert(sizeof(weir_counters_header) == 4 * WEIR_COUNTERS_SLOT &&
                   sizeof(weir_counters_worker) == 4 * WEIR_COUNTERS_SLOT &&
                   sizeof(weir_counters_stage) == 4 * WEIR_COUNTERS_SLOT &&
                   sizeof(weir_counters_subscription) == WEIR_COUNTERS_SLOT &&
                   sizeof(weir_counters_times) == 8 * WEIR_COUNTERS_SLOT,
               "weir_counters_slots of each");
_Static_assert(sizeof(weir_counters_times) == WEIR_COUNTERS_MOST, "the largest");

/* Under the lock: the step of a slot is there.  false: no memory. */
static bool step_is_there(struct weir__sheet *sheet, uint32_t number) {
    unsigned step = step_of(number);
    if (step >= WEIR__SHEET_STEPS) {
        return false;
    }
    if (sheet->steps[step] == NULL) {
        void *made = make_step(sheet, step);
        if (made == NULL) {
            return false;
        }
        weir__store_release_ptr(&sheet->steps[step], made);           /* V3 -> V4 */
        weir__store_release_u64(&sheet->slots, step_first(step + 1)); /* V3 -> V4 */
        if (sheet->file < 0 || step < sheet->in_file) {
            weir_counters_header *header = sheet->steps[0];
            weir__store_release_u64(&header->slots, step_first(step + 1)); /* V3 -> V4 */
        }
    }
    return true;
}

/* ---- slots --------------------------------------------------------------- */

/* Where a free slot says which is the next one. */
static uint64_t *link_of(const struct weir__sheet *sheet, uint32_t number) {
    uint64_t *words = weir__sheet_at(sheet, number);
    return &words[1];
}

static uint32_t *free_of(struct weir__sheet *sheet, unsigned slots) {
    return &sheet->free[weir__log2_up_u64(slots)];
}

static void push_free(struct weir__sheet *sheet, uint32_t number, unsigned slots) {
    uint32_t *first = free_of(sheet, slots);
    weir__sheet_put(link_of(sheet, number), *first);
    *first = number;
}

static uint32_t pop_free(struct weir__sheet *sheet, unsigned slots) {
    uint32_t *first = free_of(sheet, slots);
    uint32_t number = *first;
    if (number != 0) {
        *first = (uint32_t)*link_of(sheet, number);
    }
    return number;
}

/* New ones.  0: no memory.  All lie in one step: what is over at its end serves one by one. */
static uint32_t cut_new(struct weir__sheet *sheet, unsigned slots) {
    uint32_t last = sheet->used + slots - 1;
    if (!step_is_there(sheet, last)) {
        return 0;
    }
    while (step_of(sheet->used) != step_of(last)) {
        push_free(sheet, sheet->used++, 1);
    }
    uint32_t number = sheet->used;
    sheet->used += slots;
    return number;
}

void *weir__sheet_take(struct weir__sheet *sheet, unsigned slots, uint32_t *number) {
    weir__lock(&sheet->lock);
    *number = pop_free(sheet, slots);
    if (*number == 0) {
        *number = cut_new(sheet, slots);
    }
    weir__unlock(&sheet->lock);
    return *number != 0 ? weir__sheet_at(sheet, *number) : NULL;
}

/* The slot's turn goes on, while its words are not to be believed, and after that. */
static void begin_turn(weir_counters_slot *slot) {
    weir__store_relaxed_u32(&slot->turn, slot->turn + 1);
    weir__fence_release(); /* V1 -> V2 */
}

static void end_turn(weir_counters_slot *slot) {
    weir__store_release_u32(&slot->turn, slot->turn + 1); /* V1 -> V2 */
}

void weir__sheet_fill(void *to, const void *from) {
    weir_counters_slot *slot = to;
    uint64_t *words = to;
    const char *bytes = from;
    weir_counters_slot kind;
    memcpy(&kind, from, sizeof kind);
    begin_turn(slot);
    weir__store_relaxed_u32(&slot->kind, kind.kind);
    for (unsigned i = 1; i < weir_counters_slots(kind.kind) * WORDS; i++) {
        uint64_t word;
        memcpy(&word, bytes + i * sizeof word, sizeof word);
        weir__sheet_put(&words[i], word);
    }
    end_turn(slot);
}

void weir__sheet_give(struct weir__sheet *sheet, uint32_t number, unsigned slots) {
    weir_counters_slot *slot = weir__sheet_at(sheet, number);
    begin_turn(slot);
    weir__store_relaxed_u32(&slot->kind, WEIR_COUNTERS_FREE);
    for (unsigned i = 1; i < slots; i++) { /* they are looked at as if they were of their own */
        uint64_t *within = weir__sheet_at(sheet, number + i);
        weir__sheet_put(within, 0);
    }
    weir__lock(&sheet->lock);
    push_free(sheet, number, slots);
    end_turn(slot); /* under the lock: whoever takes it next begins a turn */
    weir__unlock(&sheet->lock);
}

/* Not inlined: each time that is added would clear `fresh`, which is a page's quarter. */
static WEIR__NOINLINE void begin_times(struct weir__timing *timing, struct weir__sheet *sheet,
                                       uint64_t owner) {
    const weir_counters_times fresh = {.slot.kind = WEIR_COUNTERS_TIMES, .owner = owner};
    const unsigned slots = weir_counters_slots(WEIR_COUNTERS_TIMES);
    weir_counters_times *times = weir__sheet_take(sheet, slots, &timing->number);
    if (times != NULL) {
        weir__sheet_fill(times, &fresh);
    }
}

void weir__timing_add(struct weir__timing *timing, struct weir__sheet *sheet, uint64_t owner,
                      uint64_t ns) {
    if (WEIR__UNLIKELY(timing->number == 0)) {
        begin_times(timing, sheet, owner);
    }
    if (timing->number != 0) {
        weir__times_add(weir__sheet_at(sheet, timing->number), ns);
    }
}

void weir__timing_close(const struct weir__timing *timing, struct weir__sheet *sheet) {
    if (timing->number != 0) {
        weir__sheet_give(sheet, timing->number, weir_counters_slots(WEIR_COUNTERS_TIMES));
    }
}

unsigned weir_counters_slots(uint32_t kind) {
    return kind == WEIR_COUNTERS_TIMES                                   ? 8
           : kind >= WEIR_COUNTERS_HEADER && kind <= WEIR_COUNTERS_STAGE ? 4
                                                                         : 1;
}

bool weir_counters_copy(const void *from, void *copy) {
    if (weir__missing(from, "from") || weir__missing(copy, "copy")) {
        return false;
    }
    const weir_counters_slot *slot = from;
    uint32_t turn = weir__load_acquire_u32(&slot->turn); /* V1 -> V2 */
    uint32_t kind = weir__load_relaxed_u32(&slot->kind);
    if (turn == 0 || turn % 2 != 0 || kind == WEIR_COUNTERS_FREE) {
        return false;
    }
    const uint64_t *words = from;
    for (unsigned i = 1; i < weir_counters_slots(kind) * WORDS; i++) {
        uint64_t word = weir__load_relaxed_u64(&words[i]);
        memcpy((char *)copy + i * sizeof word, &word, sizeof word);
    }
    weir__fence_acquire(); /* V1 -> V2 */
    memcpy(copy, &(weir_counters_slot){.kind = kind, .turn = turn}, sizeof *slot);
    return weir__load_relaxed_u32(&slot->turn) == turn;
}

/* ---- opening and closing ------------------------------------------------- */

int weir__sheet_open(struct weir__sheet *sheet, const struct weir__allocator *allocator,
                     const char *path, weir_counters_header **header) {
    memset(sheet, 0, sizeof *sheet);
    sheet->allocator = allocator;
    sheet->file = -1;
    if (path != NULL) {
        size_t bytes = strlen(path) + 1;
        int error =
            bytes <= sizeof sheet->path ? weir__shared_file_make(path, &sheet->file) : ENAMETOOLONG;
        if (error != 0) {
            return error;
        }
        memcpy(sheet->path, path, bytes);
    }
    errno = ENOMEM;
    sheet->steps[0] = make_step(sheet, 0);
    if (sheet->steps[0] == NULL) {
        int error = errno;
        weir__sheet_close(sheet);
        return error;
    }
    sheet->used = weir_counters_slots(WEIR_COUNTERS_HEADER);
    *header = sheet->steps[0];
    (*header)->slots = step_slots(0);
    sheet->slots = step_slots(0);
    return 0;
}

/* The file's lock is of who has it open: a child's would outlive the parent (stale.c). */
bool weir__sheet_part(struct weir__sheet *sheet) {
    if (sheet->file < 0) {
        return true;
    }
    bool all = true;
    for (unsigned i = 0; i < WEIR__SHEET_STEPS && i < sheet->in_file; i++) {
        size_t bytes = (size_t)step_slots(i) * WEIR_COUNTERS_SLOT;
        all = (sheet->steps[i] == NULL || weir__fork_unshare(sheet->steps[i], bytes)) && all;
    }
    weir__shared_file_leave(sheet->file);
    sheet->file = -1;
    return all;
}

void weir__sheet_close(struct weir__sheet *sheet) {
    for (unsigned i = 0; i < WEIR__SHEET_STEPS; i++) {
        free_step(sheet, i);
        sheet->steps[i] = NULL;
    }
    if (sheet->file >= 0) {
        weir__shared_file_remove(sheet->file, sheet->path);
        sheet->file = -1;
    }
}
