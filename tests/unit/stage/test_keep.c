/*
 * Keeping: a slow consumer pins little memory, and gets the same events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: small slices that wait, in a buffer or in an input queue, do not keep
 * the large blocks they lie in; events that came inside ring entries wait in
 * blocks too; without memory slices stay where they are; order and contents are
 * as if nothing had been copied.
 * Method: a producer_consumer that passes on one event of each block, or holds
 * one of each until it is asked; the number of live blocks is counted.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum { BLOCK = 8192, BLOCKS = 40, PART = 8 }; /* events: in a block of 64 KiB, in a batch */

/* Passes on the first event of each block, in its place. */
static weir_verdict first_of_each(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    if (numbers[0] % BLOCK != 0) return WEIR_CONTINUE;
    player->emitted += batch.count;
    return weir_forward(self);
}

static void run_filter(struct rig *rig, bool starved) {
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = (uint64_t)BLOCKS * BLOCK, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = first_of_each};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    /* One message, so all of it is handled for one event of demand, PART at a time. */
    player_subscribe(&t, &p,
                     &(weir_subscribe_options){.max_demand = BLOCK * BLOCKS,
                                               .min_demand = BLOCK * BLOCKS - PART});
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 1);
    if (starved) test_memory_fail(&rig->memory, 3, true);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    if (!starved) {
        assert_int_equal(t.handled, BLOCK * BLOCKS);
        assert_int_equal(rig_accounts(rig).buffered, PART * BLOCKS - 1);
        /* With several workers, blocks that lie at home unnoticed count still. */
        if (weir_runtime_workers(rig->runtime) == 1) {
            assert_true(rig_accounts(rig).blocks_live <= 10); /* and not BLOCKS */
        }
    }
    weir_ask(rig->runtime, subscription, PART * BLOCKS);
    rig_rest(rig);
    if (!starved) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < BLOCKS; i++) sum += PART * i * BLOCK + PART * (PART - 1) / 2;
        assert_int_equal(c.handled, PART * BLOCKS);
        assert_int_equal(c.sum, sum);
    }
    rig_close(rig);
}

static void small_slices_in_a_buffer_pin_no_block(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) run_filter(&rig, false);
}

static void without_memory_they_stay_where_they_are(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) run_filter(&rig, true);
}

/* The same in front of a producer_consumer that nobody asks. */
static void small_slices_in_the_input_pin_no_block(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = BLOCKS * BLOCK, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = first_of_each};
    struct player u = {.name = "u", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    PLAYERS_START(rig, &p, &t, &u, &c);
    weir_subscription subscription = player_subscribe(&c, &u, NULL);
    player_subscribe(&u, &t, &(weir_subscribe_options){.max_demand = PART * BLOCKS});
    player_subscribe(&t, &p,
                     &(weir_subscribe_options){.max_demand = BLOCK * BLOCKS,
                                               .min_demand = BLOCK * BLOCKS - PART});
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).in_flight, PART * BLOCKS);
    if (weir_runtime_workers(rig->runtime) == 1) {
        assert_true(rig_accounts(rig).blocks_live <= 10);
    }
    weir_ask(rig->runtime, subscription, PART * BLOCKS);
    rig_rest(rig);
    assert_int_equal(c.handled, PART * BLOCKS);
    rig_close(rig);
}

/* Inline events of changing sizes wait side by side. */
static void inline_events_wait_in_blocks(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, NULL);
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    for (uint64_t i = 0; i < 200; i++) {
        player_cast(&p, 1 + i % 5);
        rig_rest(rig);
    }
    assert_int_equal(rig_accounts(rig).in_flight, 600);
    if (weir_runtime_workers(rig->runtime) == 1) {
        assert_true(rig_accounts(rig).blocks_live <= 20);
    }
    weir_ask(rig->runtime, subscription, 600);
    rig_rest(rig);
    assert_int_equal(c.handled, 600);
    assert_int_equal(c.sum, 600 * 599 / 2);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_slices_in_a_buffer_pin_no_block),
        cmocka_unit_test(without_memory_they_stay_where_they_are),
        TEST_IN_WORLDS(small_slices_in_the_input_pin_no_block),
        TEST_IN_WORLDS(inline_events_wait_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
