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
#include "support/ask_scene.h"

static void come(struct ask_scene *s, int i) {
    ask_scene_come(s, i, (weir_subscribe_options){0});
}

static void emit(struct ask_scene *s, uint64_t count) {
    ask_scene_emit(s, count);
    ask_scene_expect_demand(s, 0);
}

static void expect_buffered(struct ask_scene *s, uint64_t count) {
    assert_int_equal(rig_accounts(&s->rig).buffered, count);
}

/* Both get it, or all three. */
static void expect_all(struct ask_scene *s, int consumers, const char *batch) {
    for (int i = 0; i < consumers; i++) player_expect(&s->c[i], batch);
}

enum { A, B, C };

/* ---- broadcast -------------------------------------------------------------------- */

static void what_a_leaver_asked_for_is_not_asked_for_again(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 10, 10);
    ask_scene_leave(s, A, 0);
    come(s, B);
    ask_scene_ask(s, B, 10, 0); /* ten are on their way, for whoever is there */
    emit(s, 10);
    player_expect(&s->c[B], "events 0..9\n");
    ask_scene_ask(s, B, 10, 10);
}

static void what_comes_when_all_have_left_waits_for_the_next(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 10, 10);
    ask_scene_leave(s, A, 0);
    emit(s, 10);
    expect_buffered(s, 10);
    come(s, B);
    ask_scene_ask(s, B, 4, 0);
    player_expect(&s->c[B], "events 0..3\n");
    ask_scene_ask(s, B, 10, 4); /* six are there */
    player_expect(&s->c[B], "events 4..9\n");
}

static void who_comes_second_shares_what_the_first_has_asked(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 10, 10);
    come(s, B);
    ask_scene_leave(s, A, 0);
    ask_scene_ask(s, B, 10, 0);
    emit(s, 10);
    player_expect(&s->c[B], "events 0..9\n");
    expect_all(s, 1, "");
}

static void who_is_silent_holds_demand_back_until_it_leaves(struct ask_scene *s) {
    come(s, A);
    come(s, B);
    ask_scene_ask(s, A, 10, 0);
    ask_scene_leave(s, B, 10);
    ask_scene_ask(s, A, 10, 10);
}

static void when_the_slowest_leaves_only_the_difference_is_asked(struct ask_scene *s) {
    come(s, A);
    come(s, B);
    ask_scene_ask(s, A, 10, 0);
    ask_scene_ask(s, B, 5, 5);
    ask_scene_leave(s, B, 5);
    emit(s, 10);
    player_expect(&s->c[A], "events 0..9\n");
}

static void all_go_at_the_pace_of_the_slowest(struct ask_scene *s) {
    come(s, A);
    come(s, B);
    ask_scene_ask(s, A, 3, 0);
    ask_scene_ask(s, B, 2, 2);
    emit(s, 2);
    expect_all(s, 2, "events 0 1\n");
    ask_scene_ask(s, B, 2, 1);
    emit(s, 2); /* one too many */
    expect_all(s, 2, "events 2\n");
    expect_buffered(s, 1);
    ask_scene_ask(s, A, 1, 0); /* which is there */
    expect_all(s, 2, "events 3\n");
    come(s, C);
    emit(s, 2);
    ask_scene_ask(s, A, 2, 0);
    ask_scene_ask(s, B, 2, 0);
    expect_all(s, 3, "");
    ask_scene_ask(s, C, 3, 0); /* what waited for the third goes to all */
    expect_all(s, 3, "events 4 5\n");
    ask_scene_ask(s, A, 5, 0);
    ask_scene_ask(s, B, 1, 1);
}

static void who_comes_amid_what_was_asked_gets_the_rest_of_it(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 10, 10);
    emit(s, 3);
    player_expect(&s->c[A], "events 0..2\n");
    come(s, B);
    ask_scene_ask(s, B, 20, 0);
    emit(s, 7);
    expect_all(s, 2, "events 3..9\n");
}

/* ---- demand that would be forgotten: GenStage's consumers wait for ever ------------- */

/* Ten are asked for, by who leaves; ten come, in two parts; more is wanted than that. */
static void what_came_meanwhile_is_not_taken_for_what_is_to_come(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 10, 10);
    ask_scene_leave(s, A, 0);
    emit(s, 4);
    emit(s, 6);
    expect_buffered(s, 10);
    come(s, B);
    ask_scene_ask(s, B, 14, 4); /* ten are there: four more are asked for */
    player_expect(&s->c[B], "events 0..9\n");
    emit(s, 4);
    player_expect(&s->c[B], "events 10..13\n");
}

/* ---- the demand dispatcher ---------------------------------------------------------- */

static void two_subscriptions_of_one_stage_are_two_consumers(struct ask_scene *s) {
    come(s, A);
    weir_subscription first = s->subscription[A];
    come(s, A);
    ask_scene_ask(s, A, 3, 3);
    assert_int_equal(weir_ask(s->rig.runtime, first, 3), WEIR_OK);
    rig_rest(&s->rig);
    ask_scene_expect_demand(s, 3);
    ask_scene_leave(s, A, 0); /* with three open */
    emit(s, 5);
    player_expect(&s->c[A], "events 0..2\n");
    expect_buffered(s, 2);
    s->subscription[A] = first;
    ask_scene_ask(s, A, 2, 0);
    player_expect(&s->c[A], "events 3 4\n");
}

static void a_message_to_oneself_does_not_wait_for_the_consumers(struct ask_scene *s) {
    come(s, A);
    ask_scene_ask(s, A, 3, 3);
    player_info(&s->p, 1);
    rig_rest(&s->rig);
    player_expect(&s->p, "info 1\n");
}

int main(void) {
    const weir_stage_options broadcast = {.dispatcher = weir_broadcast_dispatcher()};
    const struct CMUnitTest tests[] = {
        ASK_TEST(what_a_leaver_asked_for_is_not_asked_for_again, &broadcast),
        ASK_TEST(what_comes_when_all_have_left_waits_for_the_next, &broadcast),
        ASK_TEST(who_comes_second_shares_what_the_first_has_asked, &broadcast),
        ASK_TEST(who_is_silent_holds_demand_back_until_it_leaves, &broadcast),
        ASK_TEST(when_the_slowest_leaves_only_the_difference_is_asked, &broadcast),
        ASK_TEST(all_go_at_the_pace_of_the_slowest, &broadcast),
        ASK_TEST(who_comes_amid_what_was_asked_gets_the_rest_of_it, &broadcast),
        ASK_TEST(what_came_meanwhile_is_not_taken_for_what_is_to_come, NULL),
        ASK_TEST(what_came_meanwhile_is_not_taken_for_what_is_to_come, &broadcast),
        ASK_TEST(two_subscriptions_of_one_stage_are_two_consumers, NULL),
        ASK_TEST(a_message_to_oneself_does_not_wait_for_the_consumers, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
