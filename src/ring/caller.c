/*
 * Calls: see caller.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/caller.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"

#include <string.h>

enum state { FREE, TAKEN, WAITING, WRITING, DONE, STATE_BITS = 3 };
enum { INDEX_BITS = 10, SERIALS_AT_A_TIME = 64 };

_Static_assert(WEIR__CALLERS_MAX <= 1 << INDEX_BITS, "a name has room for the slot's index");

static uint64_t call_word(uint64_t serial, enum state state) {
    return serial << STATE_BITS | (uint64_t)state;
}

static uint64_t with_state(uint64_t word, enum state state) {
    return call_word(word >> STATE_BITS, state);
}

static enum state state_of(uint64_t word) {
    return (enum state)(word & ((1u << STATE_BITS) - 1));
}

/* What the caller sleeps on. */
static uint32_t *state_half(struct weir__caller *call) {
    uint32_t *halves = (uint32_t *)(void *)&call->word;
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? &halves[0] : &halves[1];
}

struct weir__serials weir__caller_serials = {.last = (UINT64_C(1) << (64 - INDEX_BITS)) - 1};

void weir__callers_open(struct weir__callers *calls, const struct weir__allocator *allocator,
                        struct weir__bell *stepper) {
    calls->stepper = stepper;
    weir__chunks_open(&calls->slots, allocator, sizeof(struct weir__caller));
}

void weir__callers_close(struct weir__callers *calls) {
    weir__chunks_close(&calls->slots);
}

/* ---- the caller ---------------------------------------------------------- */

static uint32_t slots_made(const struct weir__callers *calls) {
    return weir__chunks_used(&calls->slots); /* C5 -> C6 */
}

/* One that was made: its chunk is there. */
static struct weir__caller *slot_at(const struct weir__callers *calls, uint32_t index) {
    return weir__chunks_at(&calls->slots, index, sizeof(struct weir__caller)); /* C1 -> C2 */
}

static bool take_call_slot(struct weir__caller *call) {
    uint64_t word = weir__load_relaxed_u64(&call->word);
    return state_of(word) == FREE &&
           weir__cas_u64(&call->word, &word, with_state(word, TAKEN)); /* M7 -> M8 */
}

/*
 * One of the first `most`.  One that was just made may be somebody else's already, who came across
 * it as he looked.  NULL: there is none.
 */
static struct weir__caller *find_slot(struct weir__callers *calls, uint32_t most, uint32_t *index,
                                      weir_status *status) {
    for (*index = 0; *index < most; ++*index) {
        uint32_t made = *index;
        struct weir__caller *call = made < slots_made(calls)
                                        ? slot_at(calls, made)
                                        : weir__chunks_take(&calls->slots, &made);
        if (call == NULL) {
            *status = weir__refuse(WEIR_NO_MEMORY, "no memory for calls");
            return NULL;
        }
        if (made == *index && take_call_slot(call)) {
            return call;
        }
    }
    *status = WEIR_FULL;
    return NULL;
}

weir_status weir__caller_begin(struct weir__callers *calls, weir_ref about, void *answer,
                               size_t room, bool controls, struct weir__caller **out,
                               weir_from *from) {
    const uint32_t most = controls ? WEIR__CALLERS_MAX : WEIR__CALLERS_MAX - WEIR__CALLERS_KEPT;
    weir_status status = WEIR_OK;
    uint32_t index;
    struct weir__caller *call = find_slot(calls, most, &index, &status);
    if (call == NULL) {
        return status;
    }
    uint64_t serial = weir__serial_next(&call->serials, &weir__caller_serials, SERIALS_AT_A_TIME);
    if (serial == 0) {
        weir__store_release_u64(&call->word, call_word(0, FREE)); /* M7 -> M8 */
        return weir__refuse(WEIR_SYSTEM, "this process has used up all serials of calls");
    }
    call->answer = answer;
    call->room = room;
    call->bytes = 0;
    weir__store_relaxed_u64(&call->about, about.bits);
    from->bits = serial << INDEX_BITS | index;
    weir__store_release_u64(&call->word, call_word(serial, WAITING)); /* M1 -> M2 */
    *out = call;
    return WEIR_OK;
}

bool weir__caller_answered(const struct weir__caller *call) {
    return state_of(weir__load_acquire_u64(&call->word)) == DONE; /* M3 -> M4 */
}

/* True when the slot was still waiting, and is free now. */
static bool give_up_slot(struct weir__caller *call) {
    uint64_t word = weir__load_relaxed_u64(&call->word);
    return state_of(word) == WAITING && weir__cas_u64(&call->word, &word, with_state(word, FREE));
}

weir_status weir__caller_end(struct weir__caller *call, uint64_t deadline_ns, size_t *bytes) {
    for (;;) {
        uint64_t word = weir__load_acquire_u64(&call->word); /* M3 -> M4 */
        if (state_of(word) == DONE) {
            weir_status status = call->status;
            if (bytes != NULL) {
                *bytes = call->bytes;
            }
            weir__store_release_u64(&call->word, with_state(word, FREE)); /* M7 -> M8 */
            return status;
        }
        if (weir__clock_now_ns() >= deadline_ns && give_up_slot(call)) {
            return WEIR_TIMEOUT;
        }
        weir__futex_wait(state_half(call), (uint32_t)word,
                         state_of(word) == WAITING ? deadline_ns : UINT64_MAX);
    }
}

/* ---- who answers --------------------------------------------------------- */

/* WAITING to WRITING, of just that call. */
static bool claim(struct weir__caller *call, uint64_t word) {
    return state_of(word) == WAITING &&
           weir__cas_u64(&call->word, &word, with_state(word, WRITING)); /* M1 -> M2 */
}

static void finish(const struct weir__callers *calls, struct weir__caller *call, uint64_t word,
                   weir_status status, const void *answer, size_t bytes) {
    size_t part = bytes < call->room ? bytes : call->room;
    if (part > 0) {
        memcpy(call->answer, answer, part);
    }
    call->bytes = bytes;
    call->status = status;
    weir__store_release_u64(&call->word, with_state(word, DONE)); /* M3 -> M4 */
    if (calls->stepper != NULL) {
        weir__fence_full(); /* F1 -> F3 */
        weir__bell_ring(calls->stepper);
    }
    weir__futex_wake(state_half(call), 1);
}

/* The slot that a name is of, and its word while that call waits.  NULL: it is of none. */
static struct weir__caller *slot_waiting(const struct weir__callers *calls, weir_from from,
                                         uint64_t *word) {
    uint32_t index = (uint32_t)from.bits & ((1u << INDEX_BITS) - 1);
    *word = call_word(from.bits >> INDEX_BITS, WAITING);
    return slot_at(calls, index);
}

bool weir__caller_answer(struct weir__callers *calls, weir_from from, weir_status status,
                         const void *answer, size_t bytes) {
    uint64_t word;
    struct weir__caller *call = slot_waiting(calls, from, &word);
    if (call == NULL || !claim(call, word)) {
        return false;
    }
    finish(calls, call, word, status, answer, bytes);
    return true;
}

bool weir__caller_waits(const struct weir__callers *calls, weir_from from) {
    uint64_t word;
    const struct weir__caller *call = slot_waiting(calls, from, &word);
    return call != NULL && weir__load_relaxed_u64(&call->word) == word; /* a serial comes once */
}

void weir__callers_sweep(struct weir__callers *calls, weir_ref about) {
    uint32_t made = slots_made(calls);
    for (uint32_t i = 0; i < made; i++) {
        struct weir__caller *call = slot_at(calls, i);
        uint64_t word = weir__load_acquire_u64(&call->word); /* M1 -> M2: `about` is its */
        if (weir__load_relaxed_u64(&call->about) == about.bits && claim(call, word)) {
            finish(calls, call, word, WEIR_NO_STAGE, NULL, 0);
        }
    }
}
