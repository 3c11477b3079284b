/*
 * Goal: blocks fit what was asked for, find their way home, and are accounted for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the free lists and chains are looked at step by step; then two threads
 * send a stream of blocks home in chains of random lengths.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory/pool.h"

#include "base/attributes.h"
#include "base/check.h"
#include "base/rng.h"
#include "memory/poison.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { POOLS = 7 };

struct house {
    struct test_memory memory;
    struct weir__pool pools[POOLS]; /* the first is home in most tests */
};

static int open_house(void **state) {
    static struct house house;
    test_memory_open(&house.memory);
    for (int i = 0; i < POOLS; i++) weir__pool_open(&house.pools[i], &house.memory.allocator);
    *state = &house;
    return 0;
}

static int close_house(void **state) {
    struct house *house = *state;
    for (int i = 0; i < POOLS; i++) weir__pool_flush(&house->pools[i]);
    for (int i = 0; i < POOLS; i++) assert_int_equal(weir__pool_close(&house->pools[i]), 0);
    test_memory_close(&house->memory);
    return 0;
}

/* A block with one slice, as it travels. */
static struct weir__block *travelling(struct weir__pool *home, uint32_t bytes) {
    struct weir__block *block = weir__pool_get(home, 8, NULL, bytes / 8);
    assert_non_null(block);
    weir__block_hold(block, home);
    weir__block_close(block, home);
    return block;
}

static void check_fresh(const struct weir__block *block, struct weir__pool *home) {
    assert_int_equal((uintptr_t)block % WEIR__CACHE_LINES, 0);
    assert_ptr_equal(block->home, home);
    assert_int_equal(block->refs, WEIR__BLOCK_BIAS);
    assert_int_equal(block->spare, WEIR__BLOCK_BIAS);
    assert_int_equal(block->used, 0);
}

/* A block of 2 KiB whose words must all be 1; it is filled, and goes home. */
static void use_and_put(struct weir__pool *home, uint32_t event_bytes, bool typed) {
    static const weir_event_type type = {.bytes = 8};
    struct weir__block *block = weir__pool_get(home, event_bytes, typed ? &type : NULL,
                                               2000 / (event_bytes + WEIR__OWNED_WORD_BYTES));
    assert_non_null(block);
    for (uint32_t i = 0; typed && i < block->capacity; i++) {
        assert_int_equal(*weir__owned_word(block, i), 1);
    }
    memset(weir__block_event(block, 0), 0xee, (size_t)block->capacity * event_bytes);
    weir__block_close(block, home);
}

static void words_are_one_whatever_the_block_was(void **state) {
    struct house *house = *state;
    static const uint32_t sizes[] = {8, 8, 24, 8, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        use_and_put(&house->pools[0], sizes[i], true);
        use_and_put(&house->pools[0], sizes[i], i % 2 == 0);
        use_and_put(&house->pools[0], sizes[i], true);
    }
    assert_int_equal(house->memory.calls, 1); /* it was always the same block */
}

static void blocks_fit(void **state) {
    struct house *house = *state;
    static const uint32_t sizes[] = {1, 3, 8, 40, 64, 511, 512, 513, 1024, 65535, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint64_t events = 0; events < 70000; events = events * 3 / 2 + 1) {
            struct weir__block *block = weir__pool_get(&house->pools[0], sizes[i], NULL, events);
            if (block == NULL) {
                assert_true(sizes[i] * events > TEST_MEMORY_BYTES_MAX / 2);
                break;
            }
            check_fresh(block, &house->pools[0]);
            assert_int_equal(block->event_bytes, sizes[i]);
            assert_true(block->capacity >= events && block->capacity > 0);
            unsigned char *end = weir__block_event(block, block->capacity);
            assert_true(end <= (unsigned char *)block + block->bytes);
            unsigned char *last = weir__block_event(block, block->capacity - 1);
            memset(last, 1, sizes[i]);
            weir__block_close(block, &house->pools[0]);
        }
    }
}

static void capacity_is_all_that_fits(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->pools[0], 8, NULL, 1);
    assert_int_equal(block->capacity, 512 / 8);
    weir__block_close(block, &house->pools[0]);
    block = weir__pool_get(&house->pools[0], 24, NULL, 1000);
    assert_int_equal(block->capacity, 32768 / 24);
    weir__block_close(block, &house->pools[0]);
    /* a block of 64 KiB of events holds no more than these */
    block = weir__pool_get(&house->pools[0], 8, NULL, WEIR__BLOCK_BYTES_MAX / 8);
    assert_int_equal(block->capacity, WEIR__BLOCK_BYTES_MAX / 8);
    weir__block_close(block, &house->pools[0]);
}

static void impossible_sizes_are_refused(void **state) {
    struct house *house = *state;
    assert_null(weir__pool_get(&house->pools[0], 1, NULL, (uint64_t)WEIR__BLOCK_EVENTS_MAX + 1));
    assert_null(weir__pool_get(&house->pools[0], 1, NULL, UINT64_MAX));
    assert_null(weir__pool_get(&house->pools[0], UINT32_MAX, NULL, WEIR__BLOCK_EVENTS_MAX));
    assert_null(weir__pool_get(&house->pools[0], UINT32_MAX, NULL, UINT64_MAX));
    assert_int_equal(house->pools[0].taken, 0);
}

static void used_again_last_first(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    struct weir__block *first = weir__pool_get(home, 8, NULL, 100);
    struct weir__block *second = weir__pool_get(home, 8, NULL, 100);
    weir__block_close(first, home);
    weir__block_close(second, home);
    assert_ptr_equal(weir__pool_get(home, 16, NULL, 40), second);
    check_fresh(second, home);
    assert_int_equal(second->event_bytes, 16);
    assert_int_equal(second->capacity, 64);
    assert_ptr_equal(weir__pool_get(home, 1, NULL, 1000), first);
    weir__block_close(first, home);
    weir__block_close(second, home);
    assert_int_equal(home->made, 2);
    assert_int_equal(home->taken, 4);
    assert_int_equal(home->back, 4);
}

static void first_free_then_returned_then_new(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    struct weir__block *free_one = travelling(home, 512);
    struct weir__block *returned = travelling(home, 512);
    weir__block_drop(free_one, home);
    weir__block_drop(returned, NULL);
    assert_int_equal(weir__pool_live(home), 1); /* on its way */
    assert_ptr_equal(weir__pool_get(home, 8, NULL, 64), free_one);
    assert_ptr_equal(weir__pool_get(home, 8, NULL, 64), returned);
    assert_int_equal(home->made, 2);
    struct weir__block *fresh = weir__pool_get(home, 8, NULL, 64);
    assert_int_equal(home->made, 3);
    weir__block_close(free_one, home);
    weir__block_close(returned, home);
    weir__block_close(fresh, home);
}

static void too_large_is_not_kept(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    uint32_t bytes = (1u << WEIR__POOL_CLASS_MAX_LOG2) + 8;
    weir__block_drop(travelling(home, bytes), home);
    assert_int_equal(house->memory.live, 0);
    weir__block_drop(travelling(home, bytes), NULL);
    assert_int_equal(house->memory.live, 1);
    weir__pool_collect(home);
    assert_int_equal(house->memory.live, 0);
    assert_int_equal(weir__pool_live(home), 0);
    weir__block_drop(travelling(home, bytes - 8), home); /* the largest that is */
    assert_int_equal(house->memory.live, 1);
}

static void chains_wait_for_flush_or_length(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0], *here = &house->pools[1];
    for (int i = 0; i < WEIR__POOL_CHAIN_MAX - 1; i++) {
        weir__block_drop(travelling(home, 512u << (i % 5)), here);
    }
    assert_null(home->returned.head);
    weir__pool_flush(here);
    weir__pool_collect(home);
    assert_int_equal(weir__pool_live(home), 0);
    for (int i = 0; i < WEIR__POOL_CHAIN_MAX; i++) {
        assert_null(home->returned.head);
        weir__block_drop(travelling(home, 512), here);
    }
    assert_non_null(home->returned.head);
    assert_null(CK_STACK_NEXT(home->returned.head)); /* one push for all of them */
    weir__pool_collect(home);
    assert_int_equal(weir__pool_live(home), 0);
}

/* Their home would make others meanwhile, and walk over more memory than it need. */
static void large_blocks_wait_for_few(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0], *here = &house->pools[1];
    for (int round = 0; round < 3; round++) {
        for (uint32_t bytes = 0; bytes < WEIR__POOL_CHAIN_BYTES; bytes += WEIR__BLOCK_BYTES_MAX) {
            assert_null(home->returned.head);
            weir__block_drop(travelling(home, WEIR__BLOCK_BYTES_MAX), here);
        }
        assert_non_null(home->returned.head);
        weir__pool_collect(home);
        assert_int_equal(weir__pool_live(home), 0);
    }
}

static void one_home_too_many_sends_the_fullest(void **state) {
    struct house *house = *state;
    struct weir__pool *here = &house->pools[POOLS - 1];
    for (int home = 0; home < WEIR__POOL_CHAINS; home++) {
        for (int i = 0; i < (home == 2 ? 3 : 1); i++) {
            weir__block_drop(travelling(&house->pools[home], 512), here);
        }
    }
    for (int i = 0; i < POOLS; i++) assert_null(house->pools[i].returned.head);
    weir__block_drop(travelling(&house->pools[WEIR__POOL_CHAINS], 512), here);
    for (int i = 0; i < POOLS; i++) {
        assert_int_equal(house->pools[i].returned.head != NULL, i == 2);
    }
    weir__pool_collect(&house->pools[2]);
    assert_int_equal(weir__pool_live(&house->pools[2]), 0);
}

static void an_emptied_chain_serves_another_home(void **state) {
    struct house *house = *state;
    struct weir__pool *here = &house->pools[POOLS - 1];
    for (int round = 0; round < 3; round++) {
        for (int home = 0; home < POOLS - 1; home++) {
            weir__block_drop(travelling(&house->pools[home], 512), here);
        }
        weir__pool_flush(here);
        for (int home = 0; home < POOLS - 1; home++) {
            weir__pool_collect(&house->pools[home]);
            assert_int_equal(weir__pool_live(&house->pools[home]), 0);
            assert_int_equal(house->pools[home].made, 1);
        }
    }
}

static void without_memory_nothing_changes(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    weir__block_drop(travelling(home, 512), home);
    test_memory_fail(&house->memory, 1, true);
    assert_null(weir__pool_get(home, 8, NULL, 100)); /* another class */
    assert_null(weir__pool_get(home, 1, NULL, 4u << 20));
    struct weir__block *kept = weir__pool_get(home, 8, NULL, 64);
    assert_non_null(kept);
    assert_null(weir__pool_get(home, 8, NULL, 64));
    assert_int_equal(home->made, 1);
    assert_int_equal(home->taken, 2);
    test_memory_fail_never(&house->memory);
    weir__block_close(weir__pool_get(home, 8, NULL, 100), home);
    weir__block_close(kept, home);
}

static void close_says_what_is_missing(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    struct weir__block *missing = travelling(home, 512);
    weir__block_drop(travelling(home, 512), NULL);
    assert_int_equal(weir__pool_close(home), 1);
    assert_int_equal(house->memory.live, 1);
    weir__free(&house->memory.allocator, missing, missing->bytes);
    weir__pool_open(home, &house->memory.allocator);
}

static void put_twice(void *block) {
    weir__pool_put(block, NULL);
}

static void a_second_put_is_caught(void **state) {
    struct house *house = *state;
    if (!WEIR__CHECKED) skip();
    struct weir__block *block = travelling(&house->pools[0], 512);
    weir__block_drop(block, NULL);
    assert_true(test_aborts(put_twice, block, NULL, 0));
}

static void free_events_are_poisoned(void **state) {
    struct house *house = *state;
    struct weir__block *block = travelling(&house->pools[0], 512);
    unsigned char *events = weir__block_event(block, 0);
    memset(events, 1, 512);
    weir__block_drop(block, &house->pools[0]);
#if defined(WEIR__POISON_ASAN)
    assert_true(__asan_address_is_poisoned(events));
    assert_true(__asan_address_is_poisoned(events + 511));
    weir__pool_get(&house->pools[0], 8, NULL, 64);
    assert_false(__asan_address_is_poisoned(events));
    assert_false(__asan_address_is_poisoned(events + 511));
#else
#if defined(WEIR_CHECKS)
    assert_int_equal(events[0], 0xdd);
    assert_int_equal(events[511], 0xdd);
#endif
    weir__pool_get(&house->pools[0], 8, NULL, 64);
#endif
    weir__block_close(block, &house->pools[0]);
}

/* --- across threads ------------------------------------------------------------------------- */

enum { BLOCKS = 20000, CARRIERS = 2, ON_THE_WAY = 200 };

struct carrier {
    ck_stack_t inbox; /* how blocks get here; carries them as a ring would */
    uint32_t finished;
    uint64_t carried;
    uint64_t seed;
    uint64_t wrong;
    struct weir__pool pool;
};

static void carry(struct carrier *carrier, struct weir__rng *rng, struct weir__block *block) {
    uint64_t *events = weir__block_event(block, 0);
    carrier->wrong += events[0] != events[1] || events[0] != block->capacity;
    events[0] = 1;
    weir__block_drop(block, weir__rng_below(rng, 10) == 0 ? NULL : &carrier->pool);
    carrier->carried++;
    if (weir__rng_below(rng, 20) == 0) weir__pool_flush(&carrier->pool);
}

static void *carry_all(void *argument) {
    struct carrier *carrier = argument;
    struct weir__rng rng;
    weir__rng_seed(&rng, carrier->seed);
    uint32_t finished;
    do {
        finished = weir__load_acquire_u32(&carrier->finished); /* F: the inbox is complete */
        ck_stack_entry_t *entry = weir__stack_take(&carrier->inbox);
        if (entry == NULL) sched_yield();
        while (entry != NULL) {
            ck_stack_entry_t *next = entry->next;
            carry(carrier, &rng, WEIR__CONTAINER_OF(entry, struct weir__block, home_link));
            entry = next;
        }
        weir__pool_flush(&carrier->pool);
    } while (!finished);
    return NULL;
}

static void send_blocks(struct weir__pool *home, struct carrier *carriers) {
    struct weir__rng rng;
    weir__rng_seed(&rng, 3);
    for (int i = 0; i < BLOCKS; i++) {
        while (weir__pool_live(home) >= ON_THE_WAY) {
            sched_yield();
            weir__pool_collect(home);
        }
        struct weir__block *block = travelling(home, 512u << weir__rng_below(&rng, 3));
        uint64_t *events = weir__block_event(block, 0);
        events[0] = events[1] = block->capacity;
        struct carrier *carrier = &carriers[weir__rng_below(&rng, CARRIERS)];
        weir__stack_push(&carrier->inbox, &block->home_link);
    }
}

static void all_come_home_from_two_threads(void **state) {
    struct house *house = *state;
    struct weir__pool *home = &house->pools[0];
    static struct carrier carriers[CARRIERS];
    memset(carriers, 0, sizeof carriers);
    pthread_t threads[CARRIERS];
    for (unsigned i = 0; i < CARRIERS; i++) {
        carriers[i].seed = i;
        weir__pool_open(&carriers[i].pool, &house->memory.allocator);
        assert_int_equal(pthread_create(&threads[i], NULL, carry_all, &carriers[i]), 0);
    }
    send_blocks(home, carriers);
    for (int i = 0; i < CARRIERS; i++) weir__store_release_u32(&carriers[i].finished, 1); /* F */
    for (int i = 0; i < CARRIERS; i++) pthread_join(threads[i], NULL);
    weir__pool_collect(home);
    assert_int_equal(weir__pool_live(home), 0);
    assert_int_equal(carriers[0].carried + carriers[1].carried, BLOCKS);
    assert_int_equal(carriers[0].wrong + carriers[1].wrong, 0);
    assert_true(home->made <= 3 * ON_THE_WAY); /* the rest were used again */
    for (int i = 0; i < CARRIERS; i++) assert_int_equal(weir__pool_close(&carriers[i].pool), 0);
}

static void hold_a_free_block(void *argument) {
    struct weir__pool *pool = argument;
    pool->free[0]->refs = 1;
    WEIR__VERIFY(weir__pool_check(pool));
}

static void use_a_free_block(void *argument) {
    struct weir__pool *pool = argument;
    pool->free[0]->used = 0;
    WEIR__VERIFY(weir__pool_check(pool));
}

static void more_are_back_than_went(void *argument) {
    struct weir__pool *pool = argument;
    pool->back = pool->taken + 1;
    WEIR__VERIFY(weir__pool_check(pool));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {hold_a_free_block, "block->refs == 0"},
        {use_a_free_block, "block->used == used_free"},
        {more_are_back_than_went, "pool->back <= pool->taken"},
    };
    if (!WEIR__CHECKED) skip();
    struct house *house = *state;
    struct weir__pool *pool = &house->pools[0];
    weir__block_drop(travelling(pool, 64), pool);
    WEIR__VERIFY(weir__pool_check(pool));
    TEST_BREAKAGES(breakages, pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(words_are_one_whatever_the_block_was),
        TEST(blocks_fit),
        TEST(capacity_is_all_that_fits),
        TEST(impossible_sizes_are_refused),
        TEST(used_again_last_first),
        TEST(first_free_then_returned_then_new),
        TEST(too_large_is_not_kept),
        TEST(chains_wait_for_flush_or_length),
        TEST(large_blocks_wait_for_few),
        TEST(one_home_too_many_sends_the_fullest),
        TEST(an_emptied_chain_serves_another_home),
        TEST(without_memory_nothing_changes),
        TEST(close_says_what_is_missing),
        TEST(a_second_put_is_caught),
        TEST(free_events_are_poisoned),
        TEST(all_come_home_from_two_threads),
        TEST(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
