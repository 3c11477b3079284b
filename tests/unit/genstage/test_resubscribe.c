/*
 * Behaviour: replacing a subscription by another.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the new subscription begins as the old one ends, at both ends, without
 * demand that is asked for twice; an old one that has ended is no obstacle; the old
 * one's cancel mode decides whether its consumer lives; bad options change nothing.
 * Method: journals of both ends, in every kind of stepped runtime.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

static weir_subscribe_options mode(weir_cancel_mode cancel) {
    return (weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE, .cancel = cancel};
}

struct pair {
    struct rig rig;
    struct player p;
    struct player c;
    weir_subscription old;
    bool waits;
    bool dies; /* the consumer, of it */
};

/* A consumer, subscribed; the journals of that are forgotten. */
static bool open_pair(struct pair *pair, int world, weir_cancel_mode cancel) {
    if (!rig_open_world(&pair->rig, world)) return false;
    pair->waits = world % 2;
    pair->dies = false;
    pair->p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    pair->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&pair->p, &pair->rig, NULL);
    player_start(&pair->c, &pair->rig, &(weir_stage_options){.as_genstage = true});
    const weir_subscribe_options options = mode(cancel);
    pair->old = player_subscribe(&pair->c, &pair->p, &options);
    rig_rest(&pair->rig);
    player_expect(&pair->p, "subscribe c\ndemand 10\n");
    player_expect(&pair->c, "subscribe p\n");
    return true;
}

static weir_subscription resubscribe(struct pair *pair, weir_reason reason) {
    const weir_subscribe_options options = mode(WEIR_TEMPORARY);
    weir_subscription made;
    assert_int_equal(
        weir_resubscribe(pair->rig.runtime, pair->old, reason, (weir_ref){0}, &options, &made),
        WEIR_OK);
    assert_int_not_equal(made.id, pair->old.id);
    return made;
}

static void the_new_one_begins_as_the_old_one_ends(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; open_pair(&pair, world, WEIR_TEMPORARY); world++) {
        weir_subscription made = resubscribe(&pair, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        /* What the old one had asked for is set off: nothing is asked for twice. */
        player_expect(&pair.p, "cancel c user\nsubscribe c\n");
        player_expect(&pair.c, "subscribe p\ncancel p user\n");
        weir_subscription all[2];
        size_t count;
        weir_producers(pair.rig.runtime, pair.c.ref, WEIR_FOREVER, all, 2, &count);
        assert_int_equal(count, 1);
        assert_int_equal(all[0].id, made.id);
        player_cast(&pair.p, 12);
        rig_rest(&pair.rig);
        player_expect(&pair.c, "events 0..9\nevents 10 11\n");
        player_expect(&pair.p, "cast 12\ndemand 8\n");
        rig_close(&pair.rig);
    }
}

static void an_old_one_that_has_ended_is_no_obstacle(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; open_pair(&pair, world, WEIR_TEMPORARY); world++) {
        weir_cancel(pair.rig.runtime, pair.old, WEIR_REASON_NORMAL);
        rig_rest(&pair.rig);
        player_expect(&pair.c, "cancel p normal\n");
        resubscribe(&pair, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        player_expect(&pair.c, "subscribe p\n");
        player_expect(&pair.p, "cancel c normal\nsubscribe c\n");
        rig_close(&pair.rig);
    }
}

static void the_old_ones_mode_decides_who_lives(void **state) {
    (void)state;
    static struct pair pair;
    for (int i = 0; i < 3; i++) {
        weir_cancel_mode cancel = i == 0 ? WEIR_PERMANENT : WEIR_TRANSIENT;
        weir_reason reason = i == 1 ? WEIR_REASON_USER : WEIR_REASON_SHUTDOWN;
        for (int world = 0; open_pair(&pair, world, cancel); world++) {
            pair.dies = i < 2;
            resubscribe(&pair, reason);
            rig_rest(&pair.rig);
            player_expect(&pair.c, i == 0   ? "subscribe p\ncancel p shutdown\n"
                                              "terminate shutdown\n"
                                   : i == 1 ? "subscribe p\ncancel p user\nterminate user\n"
                                            : "subscribe p\ncancel p shutdown\n");
            assert_int_equal(weir_runtime_stages(pair.rig.runtime), i == 2 ? 2 : 1);
            rig_close(&pair.rig);
        }
    }
}

static void bad_options_leave_the_old_one(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; open_pair(&pair, world, WEIR_PERMANENT); world++) {
        const weir_subscribe_options wrong = {.max_demand = 5, .min_demand = 5};
        weir_subscription out = {.id = 7};
        assert_int_equal(weir_resubscribe(pair.rig.runtime, pair.old, WEIR_REASON_USER,
                                          (weir_ref){0}, &wrong, &out),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), "min_demand must be at most 4, got 5");
        assert_int_equal(
            weir_resubscribe(pair.rig.runtime, pair.old, WEIR_REASON_USER, pair.c.ref, NULL, &out),
            WEIR_NOT_A_PRODUCER);
        assert_int_equal(out.id, 7);
        player_cast(&pair.p, 2);
        rig_rest(&pair.rig);
        player_expect(&pair.p, "cast 2\n");
        player_expect(&pair.c, "events 0 1\n");
        rig_close(&pair.rig);
    }
}

/* Beyond GenStage: the new producer may be another one. */
static void it_may_move_to_another_producer(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; open_pair(&pair, world, WEIR_TRANSIENT); world++) {
        struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 3};
        player_start(&q, &pair.rig, NULL);
        assert_int_equal(
            weir_resubscribe(pair.rig.runtime, pair.old, WEIR_REASON_NORMAL, q.ref, NULL, NULL),
            WEIR_OK);
        rig_rest(&pair.rig);
        player_expect(&pair.p, "cancel c normal\n");
        player_expect(&q, "subscribe c\ndemand 1000\n");
        assert_memory_equal(pair.c.journal.text, "subscribe q\n", 12);
        assert_non_null(strstr(pair.c.journal.text, "cancel p normal\n"));
        assert_non_null(strstr(pair.c.journal.text, "events 0..2\n"));
        rig_close(&pair.rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_new_one_begins_as_the_old_one_ends),
        cmocka_unit_test(an_old_one_that_has_ended_is_no_obstacle),
        cmocka_unit_test(the_old_ones_mode_decides_who_lives),
        cmocka_unit_test(bad_options_leave_the_old_one),
        cmocka_unit_test(it_may_move_to_another_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
