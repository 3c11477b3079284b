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
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

enum { BLOCK = 8192, BLOCKS = 40, PART = 8 }; /* events: in a block of 64 KiB, in a batch */

/* Passes on the first event of each block, in its place. */
static weir_verdict first_of_each(weir_stage *self, struct player *player, weir_batch *batch) {
    const uint64_t *numbers = batch->events;
    if (numbers[0] % BLOCK != 0) return WEIR_CONTINUE;
    player->emitted += batch->count;
    return weir_forward(self, batch);
}

static void run_filter(struct rig *rig, bool starved) {
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = (uint64_t)BLOCKS * BLOCK, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = first_of_each};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    player_start(&p, rig, NULL);
    player_start(&t, rig, NULL);
    player_start(&c, rig, NULL);
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

/* Messages of one event of 64 bytes, each from a block of its own, wait for demand. */
static weir_verdict waste_a_block(weir_stage *self, struct player *player, uint64_t number) {
    size_t room;
    unsigned char *out = weir_reserve(self, 600, &room);
    RIG_CHECK(player->rig, out != NULL && room == 600);
    memset(out, (int)(number & 0xff), 64);
    RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_OK);
    player->emitted++;
    return WEIR_CONTINUE;
}

static weir_verdict check_byte(weir_stage *self, struct player *player, weir_batch *batch) {
    (void)self;
    const unsigned char *bytes = batch->events;
    for (size_t i = 0; i < batch->count; i++, player->next++) {
        for (size_t k = 0; k < 64; k++) {
            RIG_CHECK(player->rig, bytes[64 * i + k] == (player->next & 0xff));
        }
    }
    return WEIR_CONTINUE;
}

static void small_slices_in_the_input_pin_no_block(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {
            .name = "p", .kind = WEIR_PRODUCER, .quiet = true, .does.cast = waste_a_block};
        struct player t = {
            .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = check_byte};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
        player_start(&p, &rig, &(weir_stage_options){.event_bytes = 64});
        player_start(&t, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&t, &p, NULL);
        weir_subscription subscription = player_subscribe(&c, &t, NULL);
        for (uint64_t i = 0; i < 300; i++) {
            player_cast(&p, i);
            if (i % 3 == 0) rig_rest(&rig);
        }
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).in_flight, 300);
        if (weir_runtime_workers(rig.runtime) == 1) {
            assert_true(rig_accounts(&rig).blocks_live <= 60); /* and not 300 */
        }
        weir_ask(rig.runtime, subscription, 1);
        rig_rest(&rig);
        assert_int_equal(t.handled, 300);
        rig_close(&rig);
    }
}

/* Inline events of changing sizes wait side by side. */
static void inline_events_wait_in_blocks(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
        struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
        player_start(&p, &rig, NULL);
        player_start(&t, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&t, &p, NULL);
        weir_subscription subscription = player_subscribe(&c, &t, NULL);
        for (uint64_t i = 0; i < 200; i++) {
            player_cast(&p, 1 + i % 5);
            rig_rest(&rig);
        }
        assert_int_equal(rig_accounts(&rig).in_flight, 600);
        if (weir_runtime_workers(rig.runtime) == 1) {
            assert_true(rig_accounts(&rig).blocks_live <= 20);
        }
        weir_ask(rig.runtime, subscription, 600);
        rig_rest(&rig);
        assert_int_equal(c.handled, 600);
        assert_int_equal(c.sum, 600 * 599 / 2);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_slices_in_a_buffer_pin_no_block),
        cmocka_unit_test(without_memory_they_stay_where_they_are),
        cmocka_unit_test(small_slices_in_the_input_pin_no_block),
        cmocka_unit_test(inline_events_wait_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
