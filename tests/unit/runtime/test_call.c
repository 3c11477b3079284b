/*
 * The calls that wait: of any stage, by any thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: stopping, informing and subscribing can be waited for; what a stage knows
 * of itself can be read; a subscription can be replaced; nothing can be had of a
 * stage that is gone, and no wait changes what it waits for.
 * Method: players in every world and on threads.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <stdlib.h>
#include <string.h>

/* The worlds, and two workers' threads. */
static bool open_any(struct rig *rig, int world) {
    if (world == 0) {
        rig_open(rig, &(weir_runtime_options){.workers = 2});
        return true;
    }
    return rig_open_world(rig, world - 1);
}

static struct rig rig;

static void stop_and_wait(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&c, &rig, NULL);
        assert_int_equal(weir_stop_wait(rig.runtime, c.ref, WEIR_REASON_USER, WEIR_FOREVER),
                         WEIR_OK);
        player_expect(&c, "terminate user\n");
        assert_int_equal(weir_stop_wait(rig.runtime, c.ref, WEIR_REASON_USER, WEIR_FOREVER),
                         WEIR_NO_STAGE);
        rig_close(&rig);
    }
}

static void an_info_that_is_waited_for_is_queued(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        uint64_t number = 9;
        uint64_t count = 77;
        player_start(&p, &rig, NULL);
        player_cast(&p, 4);
        assert_int_equal(weir_info_wait(rig.runtime, p.ref, &number, sizeof number, WEIR_FOREVER),
                         WEIR_OK);
        player_expect(&p, "cast 4\n"); /* it waits behind the buffer */
        assert_int_equal(weir_estimate_buffered(rig.runtime, p.ref, WEIR_FOREVER, &count), WEIR_OK);
        assert_int_equal(count, 4);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&c, &rig, NULL);
        assert_int_equal(weir_info_wait(rig.runtime, c.ref, &number, sizeof number, WEIR_FOREVER),
                         WEIR_OK);
        assert_int_equal(weir_estimate_buffered(rig.runtime, c.ref, WEIR_FOREVER, &count), WEIR_OK);
        assert_int_equal(count, 0);
        rig_close(&rig);
    }
}

static void the_demand_mode_of_any_kind(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        struct player players[] = {{.name = "p", .kind = WEIR_PRODUCER},
                                   {.name = "m", .kind = WEIR_PRODUCER_CONSUMER},
                                   {.name = "c", .kind = WEIR_CONSUMER}};
        for (int i = 0; i < 3; i++) {
            weir_demand_mode mode = WEIR_ACCUMULATE;
            player_start(&players[i], &rig, NULL);
            assert_int_equal(weir_demand_mode_of(rig.runtime, players[i].ref, WEIR_FOREVER, &mode),
                             WEIR_OK);
            assert_int_equal(mode, WEIR_FORWARD);
        }
        weir_demand_mode mode = WEIR_FORWARD;
        player_demand(&players[0], WEIR_ACCUMULATE);
        assert_int_equal(weir_demand_mode_of(rig.runtime, players[0].ref, WEIR_FOREVER, &mode),
                         WEIR_OK);
        assert_int_equal(mode, WEIR_ACCUMULATE);
        rig_close(&rig);
    }
}

/* ---- subscriptions ------------------------------------------------------- */

static void both_ends_list_their_subscriptions(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        weir_subscription first, second, list[3];
        size_t count;
        PLAYERS_START(&rig, &p, &c);
        const weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
        assert_int_equal(
            weir_subscribe_wait(rig.runtime, c.ref, p.ref, &options, WEIR_FOREVER, &first),
            WEIR_OK);
        assert_int_equal(
            weir_subscribe_wait(rig.runtime, c.ref, p.ref, &options, WEIR_FOREVER, &second),
            WEIR_OK);
        assert_int_equal(weir_consumers(rig.runtime, p.ref, WEIR_FOREVER, list, 3, &count),
                         WEIR_OK);
        assert_int_equal(count, 2);
        assert_true(list[0].id == second.id && list[1].id == first.id);
        assert_int_equal(weir_producers(rig.runtime, c.ref, WEIR_FOREVER, list, 1, &count),
                         WEIR_OK);
        assert_int_equal(count, 2); /* of which one fits */
        assert_true(list[0].id == second.id && list[0].producer.bits == p.ref.bits);
        assert_int_equal(weir_producers(rig.runtime, p.ref, WEIR_FOREVER, NULL, 0, &count),
                         WEIR_OK);
        assert_int_equal(count, 0);
        assert_int_equal(weir_cancel(rig.runtime, first, WEIR_REASON_NORMAL), WEIR_OK);
        rig_rest(&rig);
        assert_int_equal(weir_consumers(rig.runtime, p.ref, WEIR_FOREVER, list, 3, &count),
                         WEIR_OK);
        assert_int_equal(count, 1);
        rig_close(&rig);
    }
}

static void a_refused_subscription_is_told(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        for (int refuses = 0; refuses < 2; refuses++) {
            struct player *p = calloc(1, sizeof *p);
            struct player *c = calloc(1, sizeof *c);
            *p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
            *c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
            (refuses == 0 ? p : c)->does.subscribe = deed_refuse;
            PLAYERS_START(&rig, p, c);
            const weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
            assert_int_equal(
                weir_subscribe_wait(rig.runtime, c->ref, p->ref, &options, WEIR_FOREVER, NULL),
                WEIR_NO_SUBSCRIPTION);
            assert_string_equal(weir_refusal(), "the subscription was refused, or has ended");
            assert_int_equal(
                weir_subscribe_wait(rig.runtime, p->ref, p->ref, NULL, WEIR_FOREVER, NULL),
                WEIR_NOT_A_CONSUMER);
        }
        struct player *all = rig.players;
        rig_close(&rig);
        while (all != NULL) {
            struct player *next = all->started;
            free(all);
            all = next;
        }
    }
}

static void a_subscription_is_replaced(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(&rig, &p, &c);
    const weir_subscribe_options ten = {.max_demand = 10, .cancel = WEIR_TEMPORARY};
    const weir_subscribe_options six = {.max_demand = 6, .cancel = WEIR_TEMPORARY};
    weir_subscription old = player_subscribe(&c, &p, &ten);
    weir_subscription renewed;
    rig_rest(&rig);
    assert_int_equal(
        weir_resubscribe(rig.runtime, old, WEIR_REASON_USER, (weir_ref){0}, &six, &renewed),
        WEIR_OK);
    rig_rest(&rig);
    /* The old demand is owed still: nothing more is asked for. */
    player_expect(&p, "subscribe c\ndemand 10\ncancel c user\nsubscribe c\n");
    player_expect(&c, "subscribe p\nsubscribe p\ncancel p user\n");
    player_cast(&p, 4);
    rig_rest(&rig);
    assert_int_equal(c.handled, 4);
    /* An old one that has ended is no error; a permanent one stops its consumer. */
    assert_int_equal(weir_resubscribe(rig.runtime, old, WEIR_REASON_USER, p.ref, NULL, &old),
                     WEIR_OK);
    assert_int_equal(weir_resubscribe(rig.runtime, old, WEIR_REASON_USER, p.ref, NULL, NULL),
                     WEIR_OK);
    rig_rest(&rig);
    assert_non_null(strstr(c.journal.text, "terminate user"));
    assert_int_equal(weir_resubscribe(rig.runtime, old, WEIR_REASON_USER, p.ref, NULL, NULL),
                     WEIR_NO_STAGE);
    rig_close(&rig);
}

static void replacing_needs_memory_or_changes_nothing(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription old = players_pair(&rig, &p, &c, NULL);
    weir_status status = WEIR_NO_MEMORY;
    for (uint64_t call = 1; status == WEIR_NO_MEMORY; call++) {
        size_t count = 0;
        uint64_t live = rig.memory.live;
        test_memory_fail(&rig.memory, call, true);
        status = weir_resubscribe(rig.runtime, old, WEIR_REASON_NORMAL, p.ref, NULL, NULL);
        test_memory_fail_never(&rig.memory);
        if (status == WEIR_NO_MEMORY) assert_int_equal(rig.memory.live, live);
        assert_int_equal(weir_consumers(rig.runtime, p.ref, WEIR_FOREVER, NULL, 0, &count),
                         status == WEIR_OK ? WEIR_OK : WEIR_OK);
    }
    assert_int_equal(status, WEIR_OK);
    rig_close(&rig);
}

/* ---- who is gone --------------------------------------------------------- */

static void nothing_can_be_had_of_who_is_gone(void **state) {
    (void)state;
    for (int world = 0; open_any(&rig, world); world++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        uint64_t number = 0;
        weir_demand_mode mode;
        size_t count;
        player_start(&c, &rig, NULL);
        player_stop(&c, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        weir_runtime *runtime = rig.runtime;
        assert_int_equal(player_try_call(&c, 1, WEIR_FOREVER, &number), WEIR_NO_STAGE);
        assert_int_equal(weir_info_wait(runtime, c.ref, "", 0, WEIR_FOREVER), WEIR_NO_STAGE);
        assert_int_equal(weir_demand_mode_of(runtime, c.ref, 0, &mode), WEIR_NO_STAGE);
        assert_int_equal(weir_estimate_buffered(runtime, c.ref, 0, &number), WEIR_NO_STAGE);
        assert_int_equal(weir_consumers(runtime, c.ref, 0, NULL, 0, &count), WEIR_NO_STAGE);
        assert_int_equal(weir_producers(runtime, (weir_ref){0}, 0, NULL, 0, &count), WEIR_NO_STAGE);
        assert_int_equal(weir_finish(runtime, c.ref), WEIR_NO_STAGE);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_and_wait),
        cmocka_unit_test(an_info_that_is_waited_for_is_queued),
        cmocka_unit_test(the_demand_mode_of_any_kind),
        cmocka_unit_test(both_ends_list_their_subscriptions),
        cmocka_unit_test(a_refused_subscription_is_told),
        TEST_IN_WORLDS_OF(&rig, a_subscription_is_replaced),
        cmocka_unit_test(replacing_needs_memory_or_changes_nothing),
        cmocka_unit_test(nothing_can_be_had_of_who_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
