/*
 * Goal: references add up, whoever takes and drops them, and the last goes home.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the equation refs == slices + spare after each step on one thread; then
 * two threads that hold, split and drop slices of blocks that their home worker
 * closes at the same time, with all events read back by who comes last.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory/block.h"

#include "base/check.h"
#include "base/rng.h"
#include "memory/pool.h"
#include "os/thread.h"
#include "os/topology.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <pthread.h>
#include <sched.h>

struct house {
    struct test_memory memory;
    struct weir__pool home;
    struct weir__pool other;
};

static int open_house(void **state) {
    static struct house house;
    test_memory_open(&house.memory);
    weir__pool_open(&house.home, &house.memory.allocator);
    weir__pool_open(&house.other, &house.memory.allocator);
    *state = &house;
    return 0;
}

static int close_house(void **state) {
    struct house *house = *state;
    weir__pool_flush(&house->home);
    weir__pool_flush(&house->other);
    assert_int_equal(weir__pool_close(&house->home), 0);
    assert_int_equal(weir__pool_close(&house->other), 0);
    test_memory_close(&house->memory);
    return 0;
}

static void expect(const struct weir__block *block, uint32_t slices, uint32_t spare) {
    assert_int_equal(weir__load_relaxed_u32(&block->refs), slices + spare);
    assert_int_equal(block->spare, spare);
    /* It may miss an idle block that others dropped slices of, never the reverse. */
    assert_int_equal(weir__block_idle(block), slices == 0 && spare >= WEIR__BLOCK_BIAS);
}

static void at_home_only_spare_moves(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    expect(block, 0, WEIR__BLOCK_BIAS);
    weir__block_hold(block, &house->home);
    weir__block_hold(block, &house->home);
    expect(block, 2, WEIR__BLOCK_BIAS - 2);
    weir__block_drop(block, &house->home);
    expect(block, 1, WEIR__BLOCK_BIAS - 1);
    weir__block_drop(block, &house->home);
    expect(block, 0, WEIR__BLOCK_BIAS);
    assert_int_equal(weir__pool_live(&house->home), 1);
    weir__block_close(block, &house->home);
    assert_int_equal(weir__pool_live(&house->home), 0);
}

static void elsewhere_refs_move(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    weir__block_hold(block, &house->home);
    weir__block_hold(block, &house->other); /* a split by who has the slice */
    weir__block_hold(block, NULL);
    expect(block, 3, WEIR__BLOCK_BIAS - 1);
    weir__block_drop(block, NULL);
    weir__block_drop(block, &house->other);
    weir__block_drop(block, &house->other);
    expect(block, 0, WEIR__BLOCK_BIAS - 1);
    weir__block_close(block, &house->home);
    assert_int_equal(weir__pool_live(&house->home), 0);
}

/* What has been dropped here is not always what was handed out here. */
static void spare_alone_does_not_tell_idle(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    weir__block_hold(block, &house->home);
    weir__block_hold(block, &house->other);
    weir__block_drop(block, &house->home);
    expect(block, 1, WEIR__BLOCK_BIAS);
    assert_false(weir__block_idle(block));
    weir__block_drop(block, &house->other);
    expect(block, 0, WEIR__BLOCK_BIAS);
    weir__block_close(block, &house->home);
}

static void closed_while_slices_live(void **state) {
    struct house *house = *state;
    struct weir__pool *droppers[] = {&house->home, &house->other, NULL};
    for (int i = 0; i < 3; i++) {
        struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
        weir__block_hold(block, &house->home);
        weir__block_hold(block, &house->home);
        weir__block_close(block, &house->home);
        expect(block, 2, 0);
        weir__block_hold(block, &house->home); /* by now as anywhere else */
        weir__block_drop(block, &house->home);
        weir__block_drop(block, droppers[(i + 1) % 3]);
        assert_int_equal(weir__pool_live(&house->home), 1);
        weir__block_drop(block, droppers[i]);
        weir__pool_flush(&house->other);
        weir__pool_collect(&house->home);
        assert_int_equal(weir__pool_live(&house->home), 0);
    }
    assert_int_equal(house->home.made, 1);
}

static void spare_never_runs_out(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    uint32_t slices = 0;
    while (slices < WEIR__BLOCK_BIAS - 1) {
        weir__block_hold_filling(block, &house->home);
        slices++;
    }
    expect(block, slices, 1);
    weir__block_hold_filling(block, &house->home);
    expect(block, ++slices, WEIR__BLOCK_BIAS);
    while (slices > 0) {
        weir__block_drop(block, slices % 2 == 0 ? &house->home : &house->other);
        slices--;
    }
    expect(block, 0, WEIR__BLOCK_BIAS + WEIR__BLOCK_BIAS / 2);
    weir__block_close(block, &house->home);
}

static void events_follow_the_header(void **state) {
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 24, NULL, 3);
    assert_ptr_equal(weir__block_event(block, 0), (char *)block + WEIR__BLOCK_HEADER_BYTES);
    assert_ptr_equal(weir__block_event(block, 2), (char *)block + WEIR__BLOCK_HEADER_BYTES + 48);
    assert_ptr_equal(weir__block_at(block, 2, 24), weir__block_event(block, 2));
    weir__block_close(block, &house->home);
}

static void drop_too_often(void *block) {
    weir__block_drop(block, NULL);
}

static void a_second_release_is_caught(void **state) {
    struct house *house = *state;
    if (!WEIR__CHECKED) skip();
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    weir__block_close(block, &house->home);
    assert_true(test_aborts(drop_too_often, block, NULL, 0));
}

/* --- across threads ------------------------------------------------------------------------- */

enum { ROUNDS = 60, BLOCKS = 50, THREADS = 2, EVENTS = 64, BATCH = EVENTS / THREADS };

/*
 * Each round the home worker fills some blocks, gives each thread one slice of
 * each and closes them; the threads read their slice, write to it, and drop it
 * after holding it some more times.  They meet before that, so that often both
 * drop the last references at once.  R -> R: the round carries the blocks.
 */
struct relay {
    struct house *house;
    struct weir__block *blocks[BLOCKS]; /* of the round */
    uint32_t round;
    uint32_t met;   /* threads, summed over the blocks               */
    uint32_t wrong; /* events that were not what they should be */
};

struct runner {
    struct relay *relay;
    uint32_t index;
    uint32_t meetings;
    struct weir__rng rng;
    struct weir__pool pool; /* where its outgoing chain is */
};

static uint64_t expected_event(uint32_t round, uint32_t block, uint32_t index) {
    return ((uint64_t)round * BLOCKS + block) * EVENTS + index;
}

static void meet(struct runner *runner) {
    struct relay *relay = runner->relay;
    weir__fetch_add_u32(&relay->met, 1);
    runner->meetings++;
    uint32_t all = runner->meetings * THREADS;
    for (uint32_t spins = 1; weir__load_relaxed_u32(&relay->met) < all; spins++) {
        if (spins % 1000 == 0) sched_yield();
    }
}

static void run_block(struct runner *runner, uint32_t round, uint32_t index) {
    struct weir__block *block = runner->relay->blocks[index];
    uint64_t *events = weir__block_event(block, runner->index * BATCH);
    struct weir__pool *here = weir__rng_below(&runner->rng, 4) == 0 ? NULL : &runner->pool;
    uint64_t extra = weir__rng_below(&runner->rng, 4);
    for (uint64_t i = 0; i < extra; i++) weir__block_hold(block, here);
    for (uint32_t i = 0; i < BATCH; i++) {
        uint64_t expected = expected_event(round, index, runner->index * BATCH + i);
        if (events[i] != expected) weir__fetch_add_u32(&runner->relay->wrong, 1);
        events[i] = ~expected;
    }
    for (uint64_t i = 0; i < extra; i++) weir__block_drop(block, here);
    meet(runner);
    weir__block_drop(block, here);
}

static void *run(void *argument) {
    struct runner *runner = argument;
    unsigned cores[THREADS];
    unsigned count = weir__topology_cores(cores, THREADS);
    weir__thread_pin(cores[runner->index % count % THREADS]); /* only makes meetings closer */
    weir__rng_seed(&runner->rng, runner->index);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (weir__load_acquire_u32(&runner->relay->round) < round) sched_yield(); /* R */
        for (uint32_t i = 0; i < BLOCKS; i++) run_block(runner, round, i);
        weir__pool_flush(&runner->pool);
    }
    return NULL;
}

static struct weir__block *fill_block(struct weir__pool *home, uint32_t round, uint32_t index) {
    struct weir__block *block = weir__pool_get(home, sizeof(uint64_t), NULL, EVENTS);
    uint64_t *events = weir__block_event(block, 0);
    for (uint32_t i = 0; i < EVENTS; i++) events[i] = expected_event(round, index, i);
    for (int i = 0; i < THREADS; i++) weir__block_hold(block, home);
    return block;
}

static void lead(struct relay *relay) {
    struct weir__pool *home = &relay->house->home;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < BLOCKS; i++) relay->blocks[i] = fill_block(home, round, i);
        weir__store_release_u32(&relay->round, round); /* R */
        for (uint32_t i = 0; i < BLOCKS; i++) weir__block_close(relay->blocks[i], home);
        while (weir__pool_live(home) > 0) {
            weir__pool_collect(home);
            sched_yield();
        }
    }
}

static void two_threads_drop_while_home_closes(void **state) {
    static struct runner runners[THREADS];
    struct house *house = *state;
    struct relay relay = {.house = house};
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.relay = &relay, .index = i};
        weir__pool_open(&runners[i].pool, &house->memory.allocator);
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    lead(&relay);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) assert_int_equal(weir__pool_close(&runners[i].pool), 0);
    assert_int_equal(relay.wrong, 0);
    assert_int_equal(house->home.made, BLOCKS); /* the same blocks each round */
    assert_int_equal(house->home.taken, ROUNDS * BLOCKS);
}

static void spare_too_many(void *argument) {
    struct weir__block *block = argument;
    block->spare++;
    WEIR__VERIFY(weir__block_check(block, block->home));
}

static void overfill(void *argument) {
    struct weir__block *block = argument;
    block->used = block->capacity + 1;
    WEIR__VERIFY(weir__block_check(block, block->home));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {spare_too_many, "block->spare <= weir__load_relaxed_u32(&block->refs)"},
        {overfill, "block->used <= block->capacity"},
    };
    if (!WEIR__CHECKED) skip();
    struct house *house = *state;
    struct weir__block *block = weir__pool_get(&house->home, 8, NULL, 10);
    WEIR__VERIFY(weir__block_check(block, &house->home));
    weir__block_close(block, &house->home);
    block = weir__pool_get(&house->home, 8, NULL, 10);
    TEST_BREAKAGES(breakages, block);
    weir__block_close(block, &house->home);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(at_home_only_spare_moves),
        TEST(elsewhere_refs_move),
        TEST(spare_alone_does_not_tell_idle),
        TEST(closed_while_slices_live),
        TEST(spare_never_runs_out),
        TEST(events_follow_the_header),
        TEST(a_second_release_is_caught),
        TEST(two_threads_drop_while_home_closes),
        TEST(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
