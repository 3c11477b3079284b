/*
 * Behaviour: messages that a stage sends itself behind what it has buffered.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an info comes at once where nothing waits, else right behind the event that
 * was the last one when it came, however large the buffer is and whether or not
 * its sender waits; infos keep their order.
 * Method: buffers of every size, filled to every height, and a consumer that asks by
 * hand, in every kind of stepped runtime; then a real one.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options temporary = {.cancel = WEIR_TEMPORARY};

/* By weir_info or by weir_info_wait. */
static void send_info(struct player *player, uint64_t number, bool waits) {
    if (!waits) {
        player_info(player, number);
        return;
    }
    assert_int_equal(
        weir_info_wait(player->rig->runtime, player->ref, &number, sizeof number, WEIR_FOREVER),
        WEIR_OK);
}

static void where_nothing_waits_it_comes_at_once(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player s = {.name = "s", .kind = (weir_kind)kind};
            player_start(&s, &rig, NULL);
            send_info(&s, 1, true);
            send_info(&s, 2, false);
            rig_rest(&rig);
            player_expect(&s, "info 1\ninfo 2\n");
            rig_close(&rig);
        }
    }
}

struct fill {
    size_t size;
    uint64_t events;
};

static void it_comes_behind_what_is_buffered(void **state) {
    (void)state;
    static const struct fill fills[] = {
        {WEIR_INFINITY, 2}, {3, 1}, {3, 2}, {3, 3}, {1, 1}, {0, 5}, /* the default size */
    };
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        for (int waits = 0; waits < 2; waits++) {
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                struct player p = {.name = "p", .kind = WEIR_PRODUCER};
                struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
                player_start(&p, &rig, &(weir_stage_options){.buffer_size = fills[i].size});
                player_start(&c, &rig, NULL);
                weir_subscription subscription = player_subscribe(&c, &p, &temporary);
                rig_rest(&rig);
                for (uint64_t k = 0; k < fills[i].events; k++) player_cast(&p, 1);
                send_info(&p, 9, waits);
                rig_rest(&rig);
                rig_text_expect(&p.journal, p.journal.text);
                weir_ask(rig.runtime, subscription, fills[i].events - 1);
                rig_rest(&rig);
                player_expect(&p, "");
                weir_ask(rig.runtime, subscription, 1);
                rig_rest(&rig);
                player_expect(&p, "info 9\n"); /* with the last of them, not one ask later */
                assert_int_equal(c.handled, fills[i].events);
                rig_close(&rig);
            }
        }
    }
}

/* Each waits for the event that was the last when it came, wherever that has moved to. */
static void each_waits_for_its_own_event(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = 5});
    player_start(&c, rig, NULL);
    weir_subscription subscription = player_subscribe(&c, &p, &temporary);
    rig_rest(rig);
    player_cast(&p, 1);
    player_info(&p, 10);
    player_cast(&p, 2);
    player_info(&p, 12);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ncast 1\ncast 2\n");
    weir_ask(rig->runtime, subscription, 2);
    rig_rest(rig);
    player_expect(&p, "info 10\n");
    player_cast(&p, 3); /* they wrap around in a buffer of five */
    player_info(&p, 15);
    player_info(&p, 16);
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 3);
    rig_rest(rig);
    player_expect(&p, "cast 3\ninfo 12\n");
    weir_ask(rig->runtime, subscription, 1);
    rig_rest(rig);
    player_expect(&p, "info 15\ninfo 16\n");
    rig_close(rig);
}

static void several_keep_their_order_around_one_ask(void **state) {
    (void)state;
    static const size_t sizes[] = {5, WEIR_INFINITY};
    for (int i = 0; i < 2; i++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
            player_start(&p, &rig, &(weir_stage_options){.buffer_size = sizes[i]});
            player_start(&c, &rig, NULL);
            weir_subscription subscription = player_subscribe(&c, &p, &temporary);
            rig_rest(&rig);
            player_cast(&p, 3);
            for (uint64_t k = 4; k <= 6; k++) player_info(&p, k);
            player_cast(&p, 2);
            player_info(&p, 9);
            rig_rest(&rig);
            player_expect(&p, "subscribe c\ncast 3\ncast 2\n");
            weir_ask(rig.runtime, subscription, 5);
            rig_rest(&rig);
            player_expect(&p, "info 4\ninfo 5\ninfo 6\ninfo 9\n");
            assert_int_equal(c.handled, 5);
            rig_close(&rig);
        }
    }
}

/* What a producer says to itself with its last events, and then stops: all arrive. */
static weir_verdict emit_the_last(weir_stage *self, struct player *player, uint64_t number) {
    player_emit(self, number);
    weir_status status = weir_info(weir_stage_runtime(self), weir_self(self), NULL, 0);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict stop_now(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    (void)number;
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

static void a_producer_may_stop_behind_its_last_events(struct rig *rig) {
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .does = {.cast = emit_the_last, .info = stop_now}};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    player_cast(&p, 25);
    rig_rest(rig);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    player_expect(&c, "subscribe p\nevents 0..9\nevents 10..19\nevents 20..24\n"
                      "down p normal\nterminate normal\n");
    rig_close(rig);
}

static void on_threads_it_is_no_different(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(&rig, &p, &c);
    send_info(&c, 1, true);
    player_cast(&p, 10);
    send_info(&p, 2, true);
    rig_rest(&rig);
    player_expect(&p, "cast 10\n");
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 4});
    rig_rest(&rig);
    assert_int_equal(c.handled, 10);
    assert_non_null(strstr(p.journal.text, "info 2\n"));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_nothing_waits_it_comes_at_once),
        cmocka_unit_test(it_comes_behind_what_is_buffered),
        TEST_IN_WORLDS(each_waits_for_its_own_event),
        cmocka_unit_test(several_keep_their_order_around_one_ask),
        TEST_IN_WORLDS(a_producer_may_stop_behind_its_last_events),
        cmocka_unit_test(on_threads_it_is_no_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
