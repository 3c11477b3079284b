/*
 * Named-order atomics: every access to memory that threads share says its order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The one header between the library and Concurrency Kit's ck_pr.h.  Nothing else
 * in src/ calls ck_pr; ck_stack.h is behind base/stack.h, ck_ring.h only in ring/.
 *
 *   relaxed   one untorn access; the compiler neither drops nor repeats it
 *   acquire   a load: what the writer did before its release is seen after it
 *   release   a store: all that came before it is seen by who acquires it
 *   full      a read-modify-write that is both, and a full fence before and behind it
 *   fence     weir__fence_full: stores before it, loads after it; in that order
 *
 * Plain accesses remain right for the only writer of a word that reads it back,
 * and for what nobody else can reach yet.
 *
 * Three headers can stand behind this one, found as <ck_pr.h>: CK's own, made of
 * inline assembly, in release; tests/analysis/ck_pr.h, which ThreadSanitizer can
 * see; tests/simulation/include/ck_pr.h, where each operation is a scheduling
 * point.  The last two define CK_PR_WEIR and are told the order of each access.
 */
#ifndef WEIR__BASE_ATOMIC_H
#define WEIR__BASE_ATOMIC_H

#include "base/machine.h"

#include <ck_pr.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Before an access: its order, for who replaces ck_pr.h.  After it, or around
 * it: the fence that gives this order on machines that reorder more than x86,
 * where all of CK's operations are relaxed.  On x86-64 the acquire and release
 * fences only keep the compiler in order, and read-modify-writes are fences.
 */
#if defined(CK_PR_WEIR)
#define WEIR__NEXT_ACQUIRE()  ck_pr_weir_next_acquire()
#define WEIR__NEXT_RELEASE()  ck_pr_weir_next_release()
#define WEIR__NEXT_FULL()     ck_pr_weir_next_full()
#define WEIR__AFTER_ACQUIRE() ((void)0)
#define WEIR__AFTER_FULL()    ((void)0)
#elif defined(__x86_64__)
#define WEIR__NEXT_ACQUIRE()  ((void)0)
#define WEIR__NEXT_RELEASE()  ck_pr_fence_release()
#define WEIR__NEXT_FULL()     ((void)0)
#define WEIR__AFTER_ACQUIRE() ck_pr_fence_acquire()
#define WEIR__AFTER_FULL()    ((void)0)
#else
#define WEIR__NEXT_ACQUIRE()  ((void)0)
#define WEIR__NEXT_RELEASE()  ck_pr_fence_release()
#define WEIR__NEXT_FULL()     ck_pr_fence_memory()
#define WEIR__AFTER_ACQUIRE() ck_pr_fence_acquire()
#define WEIR__AFTER_FULL()    ck_pr_fence_memory()
#endif

/* The same set for each width; CK names it by bits. */
#define WEIR__ATOMIC_WIDTH(type, suffix, bits)                                       \
    static inline type weir__load_relaxed_##suffix(const type *place) {              \
        return ck_pr_load_##bits(place);                                             \
    }                                                                                \
    static inline type weir__load_acquire_##suffix(const type *place) {              \
        WEIR__NEXT_ACQUIRE();                                                        \
        type value = ck_pr_load_##bits(place);                                       \
        WEIR__AFTER_ACQUIRE();                                                       \
        return value;                                                                \
    }                                                                                \
    static inline void weir__store_relaxed_##suffix(type *place, type value) {       \
        ck_pr_store_##bits(place, value);                                            \
    }                                                                                \
    static inline void weir__store_release_##suffix(type *place, type value) {       \
        WEIR__NEXT_RELEASE();                                                        \
        ck_pr_store_##bits(place, value);                                            \
    }                                                                                \
    /* Returns the old value, as all that follow. */                                 \
    static inline type weir__exchange_##suffix(type *place, type value) {            \
        WEIR__NEXT_FULL();                                                           \
        type old = ck_pr_fas_##bits(place, value);                                   \
        WEIR__AFTER_FULL();                                                          \
        return old;                                                                  \
    }                                                                                \
    static inline type weir__fetch_add_##suffix(type *place, type amount) {          \
        WEIR__NEXT_FULL();                                                           \
        type old = ck_pr_faa_##bits(place, amount);                                  \
        WEIR__AFTER_FULL();                                                          \
        return old;                                                                  \
    }                                                                                \
    static inline type weir__fetch_sub_##suffix(type *place, type amount) {          \
        return weir__fetch_add_##suffix(place, (type)0 - amount);                    \
    }                                                                                \
    /* Replaces *expected by value; false: what was found is in *expected. */        \
    static inline bool weir__cas_##suffix(type *place, type *expected, type value) { \
        WEIR__NEXT_FULL();                                                           \
        bool done = ck_pr_cas_##bits##_value(place, *expected, value, expected);     \
        WEIR__AFTER_FULL();                                                          \
        return done;                                                                 \
    }

WEIR__ATOMIC_WIDTH(uint32_t, u32, 32)
WEIR__ATOMIC_WIDTH(uint64_t, u64, 64)

#undef WEIR__ATOMIC_WIDTH

/* --- pointers: `place` is the address of a pointer of any type ------------------------------ */

static inline void *weir__pointer_load_relaxed(const void *place) {
    return ck_pr_md_load_ptr(place);
}

static inline void *weir__pointer_load_acquire(const void *place) {
    WEIR__NEXT_ACQUIRE();
    void *value = ck_pr_md_load_ptr(place);
    WEIR__AFTER_ACQUIRE();
    return value;
}

static inline void weir__pointer_store_relaxed(void *place, const void *value) {
    ck_pr_md_store_ptr(place, value);
}

static inline void weir__pointer_store_release(void *place, const void *value) {
    WEIR__NEXT_RELEASE();
    ck_pr_md_store_ptr(place, value);
}

static inline void *weir__pointer_exchange(void *place, void *value) {
    WEIR__NEXT_FULL();
    void *old = ck_pr_fas_ptr(place, value);
    WEIR__AFTER_FULL();
    return old;
}

static inline bool weir__pointer_cas(void *place, void *expected, void *value) {
    void *found = *(void *const *)expected;
    WEIR__NEXT_FULL();
    bool done = ck_pr_cas_ptr_value(place, found, value, expected);
    WEIR__AFTER_FULL();
    return done;
}

/* The same, typed: the result has the pointer's type, and a value of another is an error. */
#define WEIR__SAME_TYPE(place, value) ((void)sizeof(*(place) = (value)))

#define weir__load_relaxed_ptr(place) ((__typeof__(*(place)))weir__pointer_load_relaxed((place)))
#define weir__load_acquire_ptr(place) ((__typeof__(*(place)))weir__pointer_load_acquire((place)))
#define weir__store_relaxed_ptr(place, value) \
    (WEIR__SAME_TYPE(place, value), weir__pointer_store_relaxed((place), (value)))
#define weir__store_release_ptr(place, value) \
    (WEIR__SAME_TYPE(place, value), weir__pointer_store_release((place), (value)))
#define weir__exchange_ptr(place, value) \
    (WEIR__SAME_TYPE(place, value), (__typeof__(*(place)))weir__pointer_exchange((place), (value)))
/* expected: the address of a pointer; on false it holds what was found. */
#define weir__cas_ptr(place, expected, value)                            \
    (WEIR__SAME_TYPE(place, value), WEIR__SAME_TYPE(place, *(expected)), \
     weir__pointer_cas((place), (expected), (value)))

/* --- fences --------------------------------------------------------------------------------- */

/*
 * Orders the loads before it with every access after it.  It stands between the
 * producer's look at a ring's consumer index and its write to the slot that this
 * freed; on x86 it keeps the compiler in order and costs nothing.
 */
static inline void weir__fence_acquire(void) {
    ck_pr_fence_acquire();
}

/* Orders every access before it with the stores after it. */
static inline void weir__fence_release(void) {
    ck_pr_fence_release();
}

/*
 * Orders every store before it with every load after it: the two sides of a
 * flag-and-recheck protocol each have one.  On x86-64 a locked operation that
 * changes nothing: 5 ns, where the mfence of ck_pr_fence_memory costs 19.
 */
static inline void weir__fence_full(void) {
#if defined(CK_PR_WEIR)
    ck_pr_weir_fence_full();
#elif defined(__x86_64__)
    __asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * Asks for a line as its writer, ahead of writing to it: lines that another core
 * has read come back while this one does something else.
 */
static inline void weir__prefetch_to_write(const void *line) {
#if defined(__x86_64__)
    __asm__ __volatile__("prefetchw (%0)" ::"r"(line));
#else
    __builtin_prefetch(line, 1);
#endif
}

/*
 * Inside a loop that waits for another thread: tells the core, or the simulator.  CK does nothing
 * there but on x86; how often is looked is set for something that takes as long as its pause.
 */
static inline void weir__cpu_relax(void) {
#if defined(__aarch64__) && !defined(CK_PR_WEIR)
    __asm__ __volatile__("isb" ::: "memory"); /* empties the pipeline; yield does nothing mostly */
#elif defined(__riscv) && !defined(CK_PR_WEIR)
    __asm__ __volatile__(".4byte 0x0100000f" ::: "memory"); /* pause, or a fence of nothing */
#else
    ck_pr_stall();
#endif
}

/* To a counter that this thread alone writes, and others read. */
static inline void weir__count(uint64_t *counter, uint64_t more) {
    weir__store_relaxed_u64(counter, *counter + more);
}

#endif
