/*
 * A ck_pr.h for the simulator, found before Concurrency Kit's own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every operation goes to the engine (sim.h), where it is a scheduling point.
 * Loads and stores are x86's: a store waits in its thread's store buffer, a
 * full fence or a read-modify-write empties that first.  The orders that x86
 * gives for nothing (acquire, release) cost nothing here either.
 */
#ifndef CK_PR_H
#define CK_PR_H

#define CK_PR_WEIR

#include "../sim.h"

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_md.h>
#include <ck_stdbool.h>
#include <ck_stdint.h>
#include <stddef.h>

static inline void ck_pr_weir_next_acquire(void) {}

static inline void ck_pr_weir_next_release(void) {}

static inline void ck_pr_weir_next_full(void) {}

static inline void ck_pr_weir_fence_acquire(void) {
    __asm__ __volatile__("" ::: "memory");
}

static inline void ck_pr_weir_fence_release(void) {
    __asm__ __volatile__("" ::: "memory");
}

static inline void ck_pr_weir_fence_both(void) {
    __asm__ __volatile__("" ::: "memory");
}

static inline void ck_pr_weir_fence_full(void) {
    sim_fence();
}

static inline void ck_pr_stall(void) {
    sim_stall();
}

#define CK_PR_WEIR_WIDTH(suffix, type)                                                    \
    static inline type ck_pr_md_load_##suffix(const type *place) {                        \
        return (type)sim_load(place, sizeof(type));                                       \
    }                                                                                     \
    static inline void ck_pr_md_store_##suffix(type *place, type value) {                 \
        sim_store(place, value, sizeof(type));                                            \
    }                                                                                     \
    static inline type ck_pr_fas_##suffix(type *place, type value) {                      \
        return (type)sim_exchange(place, value, sizeof(type));                            \
    }                                                                                     \
    static inline type ck_pr_faa_##suffix(type *place, type value) {                      \
        return (type)sim_add(place, value, sizeof(type));                                 \
    }                                                                                     \
    static inline bool ck_pr_cas_##suffix##_value(type *place, type expected, type value, \
                                                  type *found) {                          \
        *found = (type)sim_replace(place, expected, value, sizeof(type));                 \
        return *found == expected;                                                        \
    }

CK_PR_WEIR_WIDTH(uint, unsigned)
CK_PR_WEIR_WIDTH(32, uint32_t)
CK_PR_WEIR_WIDTH(64, uint64_t)
#undef CK_PR_WEIR_WIDTH

/* An object that holds a pointer of whichever type. */
typedef void *__attribute__((__may_alias__)) ck_pr_weir_pointer;

static inline void *ck_pr_md_load_ptr(const void *place) {
    return (void *)(uintptr_t)sim_load(place, sizeof(void *));
}

static inline void ck_pr_md_store_ptr(void *place, const void *value) {
    sim_store(place, (uintptr_t)value, sizeof(void *));
}

static inline void *ck_pr_fas_ptr(void *place, void *value) {
    return (void *)(uintptr_t)sim_exchange(place, (uintptr_t)value, sizeof(void *));
}

static inline bool ck_pr_cas_ptr_value(void *place, void *expected, void *value, void *found) {
    uint64_t old = sim_replace(place, (uintptr_t)expected, (uintptr_t)value, sizeof(void *));
    *(ck_pr_weir_pointer *)found = (void *)(uintptr_t)old;
    return old == (uintptr_t)expected;
}

#include "../../analysis/ck_pr_names.h"

#endif
