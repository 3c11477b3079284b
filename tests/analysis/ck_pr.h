/*
 * A ck_pr.h that ThreadSanitizer sees, found before Concurrency Kit's own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * CK's operations are inline assembly, so ThreadSanitizer takes a correct ring
 * for a race.  Here they are __atomic builtins, in two strengths:
 *
 *   default                what they mean on x86: every load acquires, every store
 *                          releases, every read-modify-write does both
 *   WEIR_ANALYSIS_STRICT   what they mean anywhere: all are relaxed, and order comes
 *                          only from where it is asked for: base/atomic.h names the
 *                          order of the next access, CK's code has fences
 *
 * ThreadSanitizer knows no stand-alone fence.  Under STRICT one is emulated: the
 * address of the last relaxed load is noted, and an acquire fence acquires it
 * (CK's idiom is load, then fence; an older address may be freed by then); a
 * release fence makes the next store or read-modify-write a release (fence, then
 * store).  Two approximations follow: a fence goes with one access only, and an
 * acquire through the note may see a release that came between the load and the
 * fence.
 *
 * weir__fence_full orders stores with loads, which no race detector can judge, and
 * gives nothing to the happens-before order here: whoever publishes data through it
 * alone is reported.  tests/simulation is where a missing one is found.
 */
#ifndef CK_PR_H
#define CK_PR_H

#define CK_PR_WEIR

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_md.h>
#include <ck_stdbool.h>
#include <ck_stdint.h>
#include <stddef.h>

/* An object that holds a pointer of whichever type. */
typedef void *__attribute__((__may_alias__)) ck_pr_weir_pointer;

#if defined(WEIR_ANALYSIS_STRICT)

void __tsan_acquire(void *address);
void __tsan_release(void *address);

enum { CK_PR_WEIR_ACQUIRE = 1, CK_PR_WEIR_RELEASE = 2 };

/* What this thread's next access shall be, and what it loaded last, if no fence came
   since.  One instance for all source files, hence weak. */
struct ck_pr_weir_thread {
    unsigned next;
    const void *noted;
};

__attribute__((__weak__)) __thread struct ck_pr_weir_thread ck_pr_weir_thread;

/* The order asked for, of those that this access can have; it is asked for once. */
static inline unsigned ck_pr_weir_take(unsigned orders) {
    unsigned taken = ck_pr_weir_thread.next & orders;
    ck_pr_weir_thread.next &= ~taken;
    return taken;
}

static inline void ck_pr_weir_note(const void *place) {
    ck_pr_weir_thread.noted = place;
}

static inline void ck_pr_weir_next_acquire(void) {
    ck_pr_weir_thread.next |= CK_PR_WEIR_ACQUIRE;
}

static inline void ck_pr_weir_next_release(void) {
    ck_pr_weir_thread.next |= CK_PR_WEIR_RELEASE;
}

static inline void ck_pr_weir_next_full(void) {
    ck_pr_weir_thread.next |= CK_PR_WEIR_ACQUIRE | CK_PR_WEIR_RELEASE;
}

/*
 * clang's __tsan_acquire looks whether the address has ever been released before it
 * takes the lock that the first release there holds, and may so miss that one, whose
 * value the load has seen.  Hence every release is made once more, ahead of the access.
 */
static inline void ck_pr_weir_release_early(const void *place) {
    __tsan_release((void *)(uintptr_t)place);
}

static inline void ck_pr_weir_fence_acquire(void) {
    const void *noted = ck_pr_weir_thread.noted;
    if (noted != NULL) __tsan_acquire((void *)(uintptr_t)noted);
    ck_pr_weir_thread.noted = NULL;
}

static inline void ck_pr_weir_fence_release(void) {
    ck_pr_weir_next_release();
}

/*
 * One access with the order that was asked for.  The orders are constants in
 * each branch: a compiler may make of a variable one whatever it likes.
 */
#define CK_PR_WEIR_LOAD(result, place)                     \
    if (ck_pr_weir_take(CK_PR_WEIR_ACQUIRE) != 0) {        \
        result = __atomic_load_n(place, __ATOMIC_ACQUIRE); \
    } else {                                               \
        result = __atomic_load_n(place, __ATOMIC_RELAXED); \
        ck_pr_weir_note(place);                            \
    }
#define CK_PR_WEIR_STORED(place, value)                   \
    if (ck_pr_weir_take(CK_PR_WEIR_RELEASE) != 0) {       \
        ck_pr_weir_release_early(place);                  \
        __atomic_store_n(place, value, __ATOMIC_RELEASE); \
    } else {                                              \
        __atomic_store_n(place, value, __ATOMIC_RELAXED); \
    }
#define CK_PR_WEIR_CHANGE(result, place, call)                          \
    switch (ck_pr_weir_take(CK_PR_WEIR_ACQUIRE | CK_PR_WEIR_RELEASE)) { \
    case CK_PR_WEIR_ACQUIRE | CK_PR_WEIR_RELEASE:                       \
        ck_pr_weir_release_early(place);                                \
        result = call(__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);              \
        break;                                                          \
    case CK_PR_WEIR_ACQUIRE:                                            \
        result = call(__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);              \
        break;                                                          \
    case CK_PR_WEIR_RELEASE:                                            \
        ck_pr_weir_release_early(place);                                \
        result = call(__ATOMIC_RELEASE, __ATOMIC_RELAXED);              \
        ck_pr_weir_note(place);                                         \
        break;                                                          \
    default:                                                            \
        result = call(__ATOMIC_RELAXED, __ATOMIC_RELAXED);              \
        ck_pr_weir_note(place);                                         \
        break;                                                          \
    }

#else

static inline void ck_pr_weir_next_acquire(void) {}

static inline void ck_pr_weir_next_release(void) {}

static inline void ck_pr_weir_next_full(void) {}

static inline void ck_pr_weir_fence_acquire(void) {
    __asm__ __volatile__("" ::: "memory");
}

static inline void ck_pr_weir_fence_release(void) {
    __asm__ __volatile__("" ::: "memory");
}

#define CK_PR_WEIR_LOAD(result, place)         result = __atomic_load_n(place, __ATOMIC_ACQUIRE);
#define CK_PR_WEIR_STORED(place, value)        __atomic_store_n(place, value, __ATOMIC_RELEASE);
#define CK_PR_WEIR_CHANGE(result, place, call) result = call(__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);

#endif

static inline void ck_pr_weir_fence_both(void) {
    ck_pr_weir_fence_acquire();
    ck_pr_weir_fence_release();
}

/* The machine's own fence, unseen: the builtin is what gcc's -Wtsan warns of. */
static inline void ck_pr_weir_fence_full(void) {
#if defined(__x86_64__)
    __asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#elif defined(__aarch64__)
    __asm__ __volatile__("dmb ish" ::: "memory");
#else
#error "the analysis ck_pr.h knows x86-64 and aarch64"
#endif
}

static inline void ck_pr_stall(void) {
#if defined(__x86_64__)
    __asm__ __volatile__("pause" ::: "memory");
#else
    __asm__ __volatile__("yield" ::: "memory");
#endif
}

#define CK_PR_WEIR_FAS(success, failure) __atomic_exchange_n(place, value, success)
#define CK_PR_WEIR_FAA(success, failure) __atomic_fetch_add(place, value, success)
#define CK_PR_WEIR_CAS(success, failure) \
    __atomic_compare_exchange_n(place, &expected, value, 0, success, failure)

#define CK_PR_WEIR_WIDTH(suffix, type)                                                    \
    static inline type ck_pr_md_load_##suffix(const type *place) {                        \
        type result;                                                                      \
        CK_PR_WEIR_LOAD(result, place)                                                    \
        return result;                                                                    \
    }                                                                                     \
    static inline void ck_pr_md_store_##suffix(type *place, type value) {                 \
        CK_PR_WEIR_STORED(place, value)                                                   \
    }                                                                                     \
    static inline type ck_pr_fas_##suffix(type *place, type value) {                      \
        type result;                                                                      \
        CK_PR_WEIR_CHANGE(result, place, CK_PR_WEIR_FAS)                                  \
        return result;                                                                    \
    }                                                                                     \
    static inline type ck_pr_faa_##suffix(type *place, type value) {                      \
        type result;                                                                      \
        CK_PR_WEIR_CHANGE(result, place, CK_PR_WEIR_FAA)                                  \
        return result;                                                                    \
    }                                                                                     \
    static inline bool ck_pr_cas_##suffix##_value(type *place, type expected, type value, \
                                                  type *found) {                          \
        bool result;                                                                      \
        CK_PR_WEIR_CHANGE(result, place, CK_PR_WEIR_CAS)                                  \
        *found = expected;                                                                \
        return result;                                                                    \
    }

CK_PR_WEIR_WIDTH(uint, unsigned)
CK_PR_WEIR_WIDTH(32, uint32_t)
CK_PR_WEIR_WIDTH(64, uint64_t)

static inline void *ck_pr_md_load_ptr(const void *address) {
    const ck_pr_weir_pointer *place = address;
    void *result;
    CK_PR_WEIR_LOAD(result, place)
    return result;
}

static inline void ck_pr_md_store_ptr(void *address, const void *target) {
    ck_pr_weir_pointer *place = address;
    void *value = (void *)(uintptr_t)target;
    CK_PR_WEIR_STORED(place, value)
}

static inline void *ck_pr_fas_ptr(void *address, void *value) {
    ck_pr_weir_pointer *place = address;
    void *result;
    CK_PR_WEIR_CHANGE(result, place, CK_PR_WEIR_FAS)
    return result;
}

static inline bool ck_pr_cas_ptr_value(void *address, void *wanted, void *value, void *found) {
    ck_pr_weir_pointer *place = address;
    ck_pr_weir_pointer expected = wanted;
    bool result;
    CK_PR_WEIR_CHANGE(result, place, CK_PR_WEIR_CAS)
    *(ck_pr_weir_pointer *)found = expected;
    return result;
}

#undef CK_PR_WEIR_WIDTH
#undef CK_PR_WEIR_FAS
#undef CK_PR_WEIR_FAA
#undef CK_PR_WEIR_CAS
#undef CK_PR_WEIR_LOAD
#undef CK_PR_WEIR_STORED
#undef CK_PR_WEIR_CHANGE

#include "ck_pr_names.h"

#endif
