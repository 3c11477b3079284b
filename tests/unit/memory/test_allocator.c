/*
 * Goal: each backend gives aligned memory of any size, and says no where there is none.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: all sizes around powers of two under all alignments, on the backend of
 * this program (libc, or jemalloc where it is linked) and on a user's.
 */
#include "memory/allocator.h"

#include "support/cmocka.h"
#include "support/memory.h"

#include <string.h>

static void exercise(const struct weir__allocator *allocator) {
    for (size_t alignment = 8; alignment <= 4096; alignment *= 2) {
        for (size_t bytes = 0; bytes <= 100000; bytes = bytes < 40 ? bytes + 1 : bytes * 3 / 2) {
            unsigned char *memory = weir__alloc(allocator, bytes, alignment);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % alignment, 0);
            memset(memory, 0xff, bytes);
            unsigned char *zeroed = weir__alloc_zeroed(allocator, bytes, alignment);
            assert_non_null(zeroed);
            assert_int_equal((uintptr_t)zeroed % alignment, 0);
            for (size_t i = 0; i < bytes; i++) assert_int_equal(zeroed[i], 0);
            memset(zeroed, 0xff, bytes);
            weir__free(allocator, memory, bytes);
            weir__free(allocator, zeroed, bytes);
        }
    }
    weir__free(allocator, NULL, 100);
}

static void refuse_impossible(const struct weir__allocator *allocator) {
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX / 2, SIZE_MAX / 4 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_null(weir__alloc(allocator, sizes[i], 8));
        assert_null(weir__alloc_zeroed(allocator, sizes[i], 4096));
    }
}

static void this_programs_backend(void **state) {
    (void)state;
    struct weir__allocator allocator;
    weir__allocator_open(&allocator, NULL);
    assert_true(strcmp(allocator.name, "libc") == 0 || strcmp(allocator.name, "jemalloc") == 0);
    exercise(&allocator);
    refuse_impossible(&allocator);
}

static void an_empty_choice_is_none(void **state) {
    (void)state;
    struct weir__allocator allocator;
    weir__allocator_open(&allocator, &(weir_allocator){0});
    assert_string_not_equal(allocator.name, "user");
    weir__free(&allocator, weir__alloc(&allocator, 100, 64), 100);
}

static void a_users_backend(void **state) {
    (void)state;
    struct test_memory memory;
    test_memory_open(&memory);
    assert_string_equal(memory.allocator.name, "user");
    exercise(&memory.allocator);
    refuse_impossible(&memory.allocator);
    test_memory_fail(&memory, 2, false);
    void *first = weir__alloc(&memory.allocator, 10, 8);
    assert_non_null(first);
    assert_null(weir__alloc_zeroed(&memory.allocator, 10, 8));
    weir__free(&memory.allocator, first, 10);
    test_memory_close(&memory);
}

/* An arena: it frees everything at once, so it has no free of its own. */
struct arena {
    _Alignas(64) unsigned char bytes[1024];
    size_t used;
};

static void *arena_take(void *context, size_t bytes, size_t alignment) {
    struct arena *arena = context;
    size_t at = (arena->used + alignment - 1) & ~(alignment - 1);
    if (bytes > sizeof arena->bytes - at) return NULL;
    arena->used = at + bytes;
    return arena->bytes + at;
}

static void free_may_be_missing(void **state) {
    (void)state;
    struct arena arena = {.used = 0};
    struct weir__allocator allocator;
    weir__allocator_open(&allocator, &(weir_allocator){.alloc = arena_take, .context = &arena});
    void *memory = weir__alloc(&allocator, 0, 8);
    assert_non_null(memory);
    assert_int_equal(arena.used, 1); /* never asked for nothing */
    weir__free(&allocator, memory, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_programs_backend),
        cmocka_unit_test(an_empty_choice_is_none),
        cmocka_unit_test(a_users_backend),
        cmocka_unit_test(free_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
