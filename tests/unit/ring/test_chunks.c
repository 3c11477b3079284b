/*
 * Chunks: a table grows by what is needed, and its places stay where they are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: places are numbered in turn, zeroed, apart from each other, and found by their numbers;
 * a chunk is made when its first place is needed, and not before; a take that is refused, for
 * want of memory or because the table is full, uses up none; of threads that make the same chunk
 * one wins, and each place has one taker.
 * Method: a table alone; an allocator that counts and fails, and one that takes a place amid the
 * making of a chunk, as a faster thread would; threads.
 */
#include "ring/chunks.h"

#include "os/thread.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <string.h>

struct place {
    uint64_t word;
    char rest[40];
};

static struct test_memory memory;
static struct weir__chunks table;

static void open_table(void) {
    test_memory_open(&memory);
    weir__chunks_open(&table, &memory.allocator, sizeof(struct place));
}

static void close_table(void) {
    weir__chunks_close(&table);
    test_memory_close(&memory);
}

static struct place *at(uint32_t number) {
    return weir__chunks_at(&table, number, sizeof(struct place));
}

enum { MANY = 2000, FIRST = 1 << WEIR__CHUNK_FIRST_LOG2 };

/* Up to which number the places of so many chunks are. */
static uint32_t end_of(uint32_t chunks) {
    return (uint32_t)weir__step_first(chunks, WEIR__CHUNK_FIRST_LOG2);
}

static void chunks_are_made_as_needed(void **state) {
    (void)state;
    static const struct place zeroed = {0};
    open_table();
    assert_int_equal(memory.live, 0);
    uint32_t chunks = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number = UINT32_MAX;
        struct place *place = weir__chunks_take(&table, &number);
        assert_int_equal(number, i);
        if (i == end_of(chunks)) chunks++;
        assert_int_equal(memory.live, chunks);
        assert_int_equal(memory.bytes, end_of(chunks) * sizeof *place);
        assert_memory_equal(place, &zeroed, sizeof zeroed);
        memset(place, 0xa5, sizeof *place);
        place->word = i;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(at(i)->word, i); /* which lies where nobody else has written */
    }
    close_table();
}

static void numbers_never_taken_find_no_memory(void **state) {
    (void)state;
    uint32_t number;
    open_table();
    assert_null(at(0));
    struct place *first = weir__chunks_take(&table, &number);
    assert_ptr_equal(first, at(0));
    assert_non_null(at(FIRST - 1)); /* nobody's, but there */
    assert_null(at(FIRST));
    assert_null(at(1024));
    assert_null(at(WEIR__CHUNKS_PLACES_MAX - 1));
    assert_null(at(WEIR__CHUNKS_PLACES_MAX)); /* and no place either */
    assert_null(at(UINT32_MAX));
    close_table();
}

static void what_is_refused_uses_up_nothing(void **state) {
    (void)state;
    uint32_t number;
    open_table();
    uint32_t chunks = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        if (i == end_of(chunks)) {
            chunks++;
            test_memory_fail(&memory, 1, true);
            for (int tries = 0; tries < 3; tries++) assert_null(weir__chunks_take(&table, &number));
            test_memory_fail_never(&memory);
        }
        assert_non_null(weir__chunks_take(&table, &number));
        assert_int_equal(number, i);
    }
    table.used = WEIR__CHUNKS_PLACES_MAX - 1;
    assert_non_null(weir__chunks_take(&table, &number));
    assert_int_equal(number, WEIR__CHUNKS_PLACES_MAX - 1);
    for (int tries = 0; tries < 3; tries++) assert_null(weir__chunks_take(&table, &number));
    assert_int_equal(table.used, WEIR__CHUNKS_PLACES_MAX);
    close_table();
}

/* ---- a faster maker ------------------------------------------------------ */

static void *(*slow_alloc)(void *, size_t, size_t);
static struct place *taken_amid;

/* Amid the making of the first chunk, somebody faster makes it, and takes the first place. */
static void *alloc_slowly(void *user, size_t size, size_t alignment) {
    uint32_t number;
    if (taken_amid == NULL) {
        memory.allocator.use.alloc = slow_alloc;
        taken_amid = weir__chunks_take(&table, &number);
        taken_amid->word = 7;
    }
    return slow_alloc(user, size, alignment);
}

static void of_two_makers_one_wins(void **state) {
    (void)state;
    uint32_t number = 0;
    open_table();
    taken_amid = NULL;
    slow_alloc = memory.allocator.use.alloc;
    memory.allocator.use.alloc = alloc_slowly;
    struct place *second = weir__chunks_take(&table, &number);
    assert_int_equal(number, 1);
    assert_ptr_equal(taken_amid, at(0));
    assert_ptr_equal(second, at(1));
    assert_int_equal(taken_amid->word, 7);
    assert_int_equal(memory.live, 1); /* the loser's chunk is given back */
    close_table();
}

/* ---- several threads ----------------------------------------------------- */

enum { TAKERS = 4, TAKES = 3000 };

static void take_many(void *argument) {
    uint32_t *wrong = argument;
    for (int i = 0; i < TAKES; i++) {
        uint32_t number = UINT32_MAX;
        struct place *place = weir__chunks_take(&table, &number);
        *wrong += place != at(number) || place->word != 0; /* another's, else */
        place->word = 1;
    }
}

static void each_place_has_one_taker(void **state) {
    (void)state;
    struct weir__thread threads[TAKERS];
    uint32_t wrong[TAKERS] = {0};
    struct weir__allocator allocator; /* that of the tests counts for one thread alone */
    weir__allocator_open(&allocator, NULL);
    weir__chunks_open(&table, &allocator, sizeof(struct place));
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "taker", take_many, &wrong[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        weir__thread_join(&threads[i]);
        assert_int_equal(wrong[i], 0);
    }
    assert_int_equal(table.used, TAKERS * TAKES);
    weir__chunks_close(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_made_as_needed),
        cmocka_unit_test(numbers_never_taken_find_no_memory),
        cmocka_unit_test(what_is_refused_uses_up_nothing),
        cmocka_unit_test(of_two_makers_one_wins),
        cmocka_unit_test(each_place_has_one_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
