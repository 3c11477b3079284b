/*
 * Goal: an arena gives aligned memory of any size, which nobody else has, uses it again, and goes
 * when nothing is left.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: all sizes' lists by arithmetic; pieces of random sizes, each filled with its own number;
 * threads that take and give at once; processes that may lock little.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory/arena.h"

#include "base/rng.h"
#include "memory/allocator.h"
#include "os/thread.h"
#include "support/cmocka.h"
#include "support/humble.h"

#include <string.h>
#include <sys/resource.h>

static const weir_memory_options some = {.huge_pages = true};

static struct weir__allocator open_some(const weir_memory_options *options) {
    struct weir__allocator allocator;
    assert_int_equal(weir__allocator_open_with(&allocator, NULL, options), WEIR_OK);
    assert_string_equal(allocator.name, "pages");
    return allocator;
}

static void every_size_has_a_list_that_fits(void **state) {
    (void)state;
    size_t before = 0;
    for (unsigned size = 0; size < WEIR__ARENA_SIZES; size++) {
        const size_t bytes = weir__arena_bytes_of(size);
        assert_true(bytes > before);
        assert_int_equal(bytes % WEIR__ARENA_STEP, 0);
        assert_int_equal(weir__arena_size_of(bytes), size);
        assert_int_equal(weir__arena_size_of(before + 1), size);
        if (before >= WEIR__ARENA_FINE) assert_true(bytes - before <= before / 8);
        before = bytes;
    }
    assert_int_equal(before, WEIR__ARENA_MOST);
}

static void wanted_only_for_a_reason(void **state) {
    (void)state;
    struct weir__allocator allocator;
    assert_false(weir__arena_is_wanted(NULL));
    assert_false(weir__arena_is_wanted(&(weir_memory_options){0}));
    assert_true(weir__arena_is_wanted(&(weir_memory_options){.lock = true}));
    assert_true(weir__arena_is_wanted(&(weir_memory_options){.ready_bytes = 1}));
    assert_int_equal(weir__allocator_open_with(&allocator, NULL, &(weir_memory_options){0}),
                     WEIR_OK);
    assert_string_not_equal(allocator.name, "pages");
    weir__allocator_close(&allocator); /* does nothing */
}

enum { SLOTS = 200, ROUNDS = 20000 };

struct slot {
    unsigned char *memory;
    size_t bytes;
};

static bool holds(const struct slot *slot, unsigned char number) {
    for (size_t i = 0; i < slot->bytes; i += slot->bytes / 16 + 1) {
        if (slot->memory[i] != number) return false;
    }
    return true;
}

/* False: something lies where something else does, or not as it should. */
static bool take_and_give(const struct weir__allocator *allocator, uint64_t seed, int rounds) {
    struct slot slots[SLOTS];
    struct weir__rng rng;
    bool right = true;
    memset(slots, 0, sizeof slots);
    weir__rng_seed(&rng, seed);
    for (int round = 0; round < rounds && right; round++) {
        const uint64_t drawn = weir__rng_next(&rng);
        const unsigned at = (unsigned)(drawn % SLOTS);
        struct slot *slot = &slots[at];
        if (slot->memory != NULL) {
            right = holds(slot, (unsigned char)at);
            weir__free(allocator, slot->memory, slot->bytes);
            slot->memory = NULL;
            continue;
        }
        const size_t alignment = (size_t)8 << (drawn >> 8) % 10; /* 8..4096 */
        slot->bytes = (drawn >> 16) % ((size_t)1 << (drawn >> 40) % 19);
        slot->memory = weir__alloc(allocator, slot->bytes, alignment);
        right = slot->memory != NULL && (uintptr_t)slot->memory % alignment == 0;
        if (right) memset(slot->memory, (int)at, slot->bytes);
    }
    for (unsigned at = 0; at < SLOTS; at++) {
        if (slots[at].memory != NULL) right = right && holds(&slots[at], (unsigned char)at);
        weir__free(allocator, slots[at].memory, slots[at].bytes);
    }
    return right;
}

static void pieces_lie_apart(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct weir__allocator allocator = open_some(&some);
        assert_true(take_and_give(&allocator, seed, ROUNDS));
        weir__allocator_close(&allocator);
    }
}

static void what_comes_back_is_used_again(void **state) {
    (void)state;
    struct weir__allocator allocator = open_some(&some);
    void *first = weir__alloc(&allocator, 65536 + 128, 128);
    weir__free(&allocator, first, 65536 + 128);
    assert_ptr_equal(weir__alloc(&allocator, 65536 + 100, 128), first);
    weir__free(&allocator, first, 65536 + 100);
    unsigned char *zeroed = weir__alloc_zeroed(&allocator, 5 << 20, 4096); /* pages of its own */
    assert_non_null(zeroed);
    assert_int_equal(zeroed[(5 << 20) - 1], 0);
    weir__free(&allocator, zeroed, 5 << 20);
    assert_null(weir__alloc(&allocator, SIZE_MAX / 4, 4096));
    weir__allocator_close(&allocator);
}

struct taker {
    struct weir__thread thread;
    const struct weir__allocator *allocator;
    uint64_t seed;
    bool right;
};

static void run_taker(void *argument) {
    struct taker *taker = argument;
    taker->right = take_and_give(taker->allocator, taker->seed, ROUNDS / 4);
}

static void threads_take_and_give_at_once(void **state) {
    (void)state;
    enum { TAKERS = 4 };
    struct taker takers[TAKERS];
    struct weir__allocator allocator = open_some(&some);
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.allocator = &allocator, .seed = 100 + (uint64_t)i};
        assert_int_equal(weir__thread_start(&takers[i].thread, "taker", run_taker, &takers[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        weir__thread_join(&takers[i].thread);
        assert_true(takers[i].right);
    }
    weir__allocator_close(&allocator);
}

/* A part that is closed behind its runtime. */
static void it_stays_until_the_last_has_come_back(void **state) {
    (void)state;
    struct weir__allocator allocator = open_some(&some);
    unsigned char *memory = weir__alloc(&allocator, 100, 64);
    weir__allocator_close(&allocator);
    memset(memory, 1, 100);
    weir__free(&allocator, memory, 100);
}

static void what_is_ready_is_no_page_fault(void **state) {
    (void)state;
    enum { BYTES = 8 << 20, PIECE = 65536 - 4096, PAGES = BYTES / 4096 };
    struct rusage before, after;
    if (test_is_sanitized()) skip();
    struct weir__allocator allocator = open_some(&(weir_memory_options){.ready_bytes = BYTES});
    unsigned char *memory[BYTES / 65536];
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < BYTES / 65536; i++) {
        memory[i] = weir__alloc(&allocator, PIECE, 128);
        memset(memory[i], 1, PIECE);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_minflt - before.ru_minflt < PAGES / 4);
    for (int i = 0; i < BYTES / 65536; i++) weir__free(&allocator, memory[i], PIECE);
    weir__allocator_close(&allocator);
}

static int lock_nothing(void) {
    struct weir__allocator allocator;
    const weir_memory_options options = {.lock = true};
    if (weir__allocator_open_with(&allocator, NULL, &options) != WEIR_SYSTEM) return 1;
    return strstr(weir_refusal(), "memory->lock: 2097152 bytes cannot be locked: ") != NULL ? 0 : 2;
}

/* A first region, and not a second one. */
static int lock_some(void) {
    struct weir__allocator allocator;
    const weir_memory_options options = {.lock = true};
    if (weir__allocator_open_with(&allocator, NULL, &options) != WEIR_OK) return 1;
    void *first = weir__alloc(&allocator, 1 << 20, 128);
    void *second = weir__alloc(&allocator, 1 << 20, 128);
    if (first == NULL || second != NULL) return 2;
    weir__free(&allocator, first, 1 << 20);
    second = weir__alloc(&allocator, 1 << 20, 128);
    if (second != first) return 3;
    weir__free(&allocator, second, 1 << 20);
    weir__allocator_close(&allocator);
    return 0;
}

static void no_more_is_locked_than_the_process_may(void **state) {
    (void)state;
    assert_int_equal(test_humbly(lock_nothing, 65536), 0);
    assert_int_equal(test_humbly(lock_some, 3 << 20), 0);
}

static void too_much_that_is_to_be_ready_is_refused(void **state) {
    (void)state;
    struct weir__allocator allocator;
    const weir_memory_options options = {.ready_bytes = (size_t)1 << 62};
    assert_int_equal(weir__allocator_open_with(&allocator, NULL, &options), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for memory->ready_bytes 4611686018427387904");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_has_a_list_that_fits),
        cmocka_unit_test(wanted_only_for_a_reason),
        cmocka_unit_test(no_more_is_locked_than_the_process_may),
        cmocka_unit_test(pieces_lie_apart),
        cmocka_unit_test(what_comes_back_is_used_again),
        cmocka_unit_test(threads_take_and_give_at_once),
        cmocka_unit_test(it_stays_until_the_last_has_come_back),
        cmocka_unit_test(what_is_ready_is_no_page_fault),
        cmocka_unit_test(too_much_that_is_to_be_ready_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
