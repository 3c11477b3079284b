/*
 * Behaviour: how demand of several consumers becomes demand upstream.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a broadcast asks for what all have in common, never twice for the same; what
 * a consumer that leaves had asked for is not asked for again on behalf of others;
 * who comes late holds nobody's events back for good.  (Who is served first:
 * unit/dispatch/demand; selectors: unit/stage/supply_selector)
 * Method: three consumers that ask by hand, one step at a time; what the producer is
 * asked for and what each consumer gets, in every kind of stepped runtime.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <stdio.h>
#include <string.h>

enum { CONSUMERS = 3 };

struct scene {
    struct rig rig;
    struct player p;
    struct player c[CONSUMERS];
    weir_subscription subscription[CONSUMERS];
};

static bool open_scene(struct scene *scene, int world, const weir_dispatcher *dispatcher) {
    static const char *const names[] = {"a", "b", "c"};
    if (!rig_open_world(&scene->rig, world)) return false;
    memset(&scene->p, 0, sizeof scene->p + sizeof scene->c);
    scene->p.name = "p";
    scene->p.kind = WEIR_PRODUCER;
    player_start(&scene->p, &scene->rig, &(weir_stage_options){.dispatcher = dispatcher});
    for (int i = 0; i < CONSUMERS; i++) {
        scene->c[i].name = names[i];
        scene->c[i].kind = WEIR_CONSUMER;
        scene->c[i].manual = true;
        player_start(&scene->c[i], &scene->rig, NULL);
    }
    return true;
}

static void come(struct scene *scene, int i) {
    scene->subscription[i] = player_subscribe(&scene->c[i], &scene->p,
                                              &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(&scene->rig);
    rig_text_expect(&scene->c[i].journal, scene->c[i].journal.text);
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
}

/* The last line of what the producer was told, and forgets it: "" when nothing. */
static void expect_demand(struct scene *scene, uint64_t demand) {
    char line[40] = "";
    if (demand > 0) snprintf(line, sizeof line, "demand %llu\n", (unsigned long long)demand);
    const char *at = strstr(scene->p.journal.text, "demand");
    assert_string_equal(at != NULL ? at : "", line);
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
}

static void ask(struct scene *scene, int i, uint64_t count, uint64_t demand) {
    assert_int_equal(weir_ask(scene->rig.runtime, scene->subscription[i], count), WEIR_OK);
    rig_rest(&scene->rig);
    expect_demand(scene, demand);
}

static void leave(struct scene *scene, int i, uint64_t demand) {
    assert_int_equal(weir_cancel(scene->rig.runtime, scene->subscription[i], WEIR_REASON_NORMAL),
                     WEIR_OK);
    rig_rest(&scene->rig);
    player_expect(&scene->c[i], "cancel p normal\n");
    expect_demand(scene, demand);
}

static void emit(struct scene *scene, uint64_t count) {
    player_cast(&scene->p, count);
    rig_rest(&scene->rig);
    expect_demand(scene, 0);
}

static void expect_buffered(struct scene *scene, uint64_t count) {
    assert_int_equal(rig_accounts(&scene->rig).buffered, count);
}

/* Both get it, or all three. */
static void expect_all(struct scene *scene, int consumers, const char *batch) {
    for (int i = 0; i < consumers; i++) player_expect(&scene->c[i], batch);
}

enum { A, B, C };

/* ---- broadcast -------------------------------------------------------------------- */

static void what_a_leaver_asked_for_is_not_asked_for_again(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        ask(&s, A, 10, 10);
        leave(&s, A, 0);
        come(&s, B);
        ask(&s, B, 10, 0); /* ten are on their way, for whoever is there */
        emit(&s, 10);
        player_expect(&s.c[B], "events 0..9\n");
        ask(&s, B, 10, 10);
        rig_close(&s.rig);
    }
}

static void what_comes_when_all_have_left_waits_for_the_next(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        ask(&s, A, 10, 10);
        leave(&s, A, 0);
        emit(&s, 10);
        expect_buffered(&s, 10);
        come(&s, B);
        ask(&s, B, 4, 0);
        player_expect(&s.c[B], "events 0..3\n");
        ask(&s, B, 10, 4); /* six are there */
        player_expect(&s.c[B], "events 4..9\n");
        rig_close(&s.rig);
    }
}

static void who_comes_second_shares_what_the_first_has_asked(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        ask(&s, A, 10, 10);
        come(&s, B);
        leave(&s, A, 0);
        ask(&s, B, 10, 0);
        emit(&s, 10);
        player_expect(&s.c[B], "events 0..9\n");
        expect_all(&s, 1, "");
        rig_close(&s.rig);
    }
}

static void who_is_silent_holds_demand_back_until_it_leaves(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        come(&s, B);
        ask(&s, A, 10, 0);
        leave(&s, B, 10);
        ask(&s, A, 10, 10);
        rig_close(&s.rig);
    }
}

static void when_the_slowest_leaves_only_the_difference_is_asked(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        come(&s, B);
        ask(&s, A, 10, 0);
        ask(&s, B, 5, 5);
        leave(&s, B, 5);
        emit(&s, 10);
        player_expect(&s.c[A], "events 0..9\n");
        rig_close(&s.rig);
    }
}

static void all_go_at_the_pace_of_the_slowest(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        come(&s, B);
        ask(&s, A, 3, 0);
        ask(&s, B, 2, 2);
        emit(&s, 2);
        expect_all(&s, 2, "events 0 1\n");
        ask(&s, B, 2, 1);
        emit(&s, 2); /* one too many */
        expect_all(&s, 2, "events 2\n");
        expect_buffered(&s, 1);
        ask(&s, A, 1, 0); /* which is there */
        expect_all(&s, 2, "events 3\n");
        come(&s, C);
        emit(&s, 2);
        ask(&s, A, 2, 0);
        ask(&s, B, 2, 0);
        expect_all(&s, 3, "");
        ask(&s, C, 3, 0); /* what waited for the third goes to all */
        expect_all(&s, 3, "events 4 5\n");
        ask(&s, A, 5, 0);
        ask(&s, B, 1, 1);
        rig_close(&s.rig);
    }
}

static void who_comes_amid_what_was_asked_gets_the_rest_of_it(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, weir_broadcast_dispatcher()); world++) {
        come(&s, A);
        ask(&s, A, 10, 10);
        emit(&s, 3);
        player_expect(&s.c[A], "events 0..2\n");
        come(&s, B);
        ask(&s, B, 20, 0);
        emit(&s, 7);
        expect_all(&s, 2, "events 3..9\n");
        rig_close(&s.rig);
    }
}

/* ---- demand that would be forgotten: GenStage's consumers wait for ever ------------- */

/* Ten are asked for, by who leaves; ten come, in two parts; more is wanted than that. */
static void what_came_meanwhile_is_not_taken_for_what_is_to_come(void **state) {
    (void)state;
    static struct scene s;
    for (int broadcast = 0; broadcast < 2; broadcast++) {
        const weir_dispatcher *dispatcher =
            broadcast ? weir_broadcast_dispatcher() : weir_demand_dispatcher();
        for (int world = 0; open_scene(&s, world, dispatcher); world++) {
            come(&s, A);
            ask(&s, A, 10, 10);
            leave(&s, A, 0);
            emit(&s, 4);
            emit(&s, 6);
            expect_buffered(&s, 10);
            come(&s, B);
            ask(&s, B, 14, 4); /* ten are there: four more are asked for */
            player_expect(&s.c[B], "events 0..9\n");
            emit(&s, 4);
            player_expect(&s.c[B], "events 10..13\n");
            rig_close(&s.rig);
        }
    }
}

/* ---- the demand dispatcher ---------------------------------------------------------- */

static void two_subscriptions_of_one_stage_are_two_consumers(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, NULL); world++) {
        come(&s, A);
        weir_subscription first = s.subscription[A];
        come(&s, A);
        ask(&s, A, 3, 3);
        assert_int_equal(weir_ask(s.rig.runtime, first, 3), WEIR_OK);
        rig_rest(&s.rig);
        expect_demand(&s, 3);
        leave(&s, A, 0); /* with three open */
        emit(&s, 5);
        player_expect(&s.c[A], "events 0..2\n");
        expect_buffered(&s, 2);
        s.subscription[A] = first;
        ask(&s, A, 2, 0);
        player_expect(&s.c[A], "events 3 4\n");
        rig_close(&s.rig);
    }
}

static void a_message_to_oneself_does_not_wait_for_the_consumers(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, NULL); world++) {
        come(&s, A);
        ask(&s, A, 3, 3);
        player_info(&s.p, 1);
        rig_rest(&s.rig);
        player_expect(&s.p, "info 1\n");
        rig_close(&s.rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_leaver_asked_for_is_not_asked_for_again),
        cmocka_unit_test(what_comes_when_all_have_left_waits_for_the_next),
        cmocka_unit_test(who_comes_second_shares_what_the_first_has_asked),
        cmocka_unit_test(who_is_silent_holds_demand_back_until_it_leaves),
        cmocka_unit_test(when_the_slowest_leaves_only_the_difference_is_asked),
        cmocka_unit_test(all_go_at_the_pace_of_the_slowest),
        cmocka_unit_test(who_comes_amid_what_was_asked_gets_the_rest_of_it),
        cmocka_unit_test(what_came_meanwhile_is_not_taken_for_what_is_to_come),
        cmocka_unit_test(two_subscriptions_of_one_stage_are_two_consumers),
        cmocka_unit_test(a_message_to_oneself_does_not_wait_for_the_consumers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
