/*
 * Behaviour: stages that stop, and others that watch them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who waits for a stop returns when terminate has run; any kind stops with the
 * reason it is given; a stage that finishes loses nothing; who watches a stage is told
 * of its end once, with its reason, and of one that was gone already.
 * Method: journals in every kind of stepped runtime, and on threads.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- stopping ------------------------------------------------------------------ */

static weir_status stop_wait(struct player *player, weir_reason reason) {
    return weir_stop_wait(player->rig->runtime, player->ref, reason, WEIR_FOREVER);
}

static void who_waits_for_a_stop_finds_it_done(void **state) {
    (void)state;
    static const weir_reason reasons[] = {WEIR_REASON_NORMAL, WEIR_REASON_SHUTDOWN,
                                          WEIR_REASON_USER};
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        for (int i = 0; i < 3; i++) {
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                struct player s = {.name = "s", .kind = (weir_kind)kind};
                player_start(&s, &rig, NULL);
                player_cast(&s, 0);
                assert_int_equal(stop_wait(&s, reasons[i]), WEIR_OK);
                static const char *const journals[] = {"cast 0\nterminate normal\n",
                                                       "cast 0\nterminate shutdown\n",
                                                       "cast 0\nterminate user\n"};
                player_expect(&s, journals[i]);
                assert_int_equal(stop_wait(&s, reasons[i]), WEIR_NO_STAGE);
                rig_close(&rig);
            }
        }
    }
}

static void on_threads_a_stop_is_waited_for_too(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    for (int i = 0; i < 50; i++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5000, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        struct player *before = rig.players;
        PLAYERS_START(&rig, &p, &c);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 50});
        if (i % 2 == 0) rig_rest(&rig); /* else amid the flow, or before it */
        assert_int_equal(stop_wait(&p, WEIR_REASON_NORMAL), WEIR_OK);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_stages(rig.runtime), 0); /* c followed */
        rig.emitted += p.emitted;
        rig.handled += c.handled;
        rig.players = before;
    }
    rig_close(&rig);
}

/* ---- finishing ------------------------------------------------------------------- */

static weir_verdict emit_the_rest(weir_stage *self, struct player *player) {
    (void)player;
    player_emit(self, 3);
    return WEIR_CONTINUE;
}

/* What GenStage loses when a producer stops: what it had buffered, or kept to itself. */
static void who_finishes_sends_what_it_has_first(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.drain = emit_the_rest};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        PLAYERS_START(&rig, &p, &c);
        player_cast(&p, 12);
        assert_int_equal(weir_finish(rig.runtime, p.ref), WEIR_OK);
        rig_rest(&rig);
        player_expect(&p, "cast 12\ndrain\n"); /* nobody has asked: it waits */
        player_subscribe(&c, &p,
                         &(weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        player_expect(&p, "subscribe c\nterminate normal\n");
        player_expect(&c, "subscribe p\nevents 0..9\nevents 10..14\n"
                          "down p normal\nterminate normal\n");
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

/* ---- watching ---------------------------------------------------------------------- */

static weir_verdict watch(weir_stage *self, struct player *player, uint64_t number) {
    weir_monitor *monitor = player->own;
    if (number == 0) {
        RIG_CHECK(player->rig, weir_demonitor(self, *monitor) == WEIR_OK);
        return WEIR_CONTINUE;
    }
    weir_ref watched = {number};
    RIG_CHECK(player->rig, weir_monitor_stage(self, watched, monitor) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict go_on(weir_stage *self, struct player *player, weir_ref stage) {
    (void)self;
    (void)player;
    (void)stage;
    return WEIR_CONTINUE;
}

/* Of a stage that it has no subscription with; GenStage sends this to handle_info. */
static void who_watches_is_told_of_the_end(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            weir_monitor monitor = {0};
            struct player s = {.name = "s", .kind = (weir_kind)kind, .own = &monitor};
            s.does.cast = watch;
            s.does.gone = go_on;
            struct player watched = {.name = "watched", .kind = WEIR_CONSUMER};
            PLAYERS_START(&rig, &s, &watched);
            player_cast(&s, watched.ref.bits);
            player_cast(&s, watched.ref.bits);
            rig_rest(&rig);
            rig_text_expect(&s.journal, s.journal.text);
            player_stop(&watched, WEIR_REASON_USER);
            rig_rest(&rig);
            player_expect(&s, "gone watched user\ngone watched user\n"); /* once for each */
            player_cast(&s, watched.ref.bits);
            rig_rest(&rig);
            assert_non_null(strstr(s.journal.text, "\ngone watched noproc\n"));
            rig_close(&rig);
        }
    }
}

static void who_no_longer_watches_is_not_told(struct rig *rig) {
    weir_monitor monitor = {0};
    struct player s = {.name = "s", .kind = WEIR_CONSUMER, .own = &monitor};
    s.does.cast = watch;
    s.does.gone = go_on;
    struct player watched = {.name = "watched", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &s, &watched);
    player_cast(&s, watched.ref.bits);
    player_cast(&s, 0);
    rig_rest(rig);
    player_stop(&watched, WEIR_REASON_USER);
    rig_rest(rig);
    assert_null(strstr(s.journal.text, "gone"));
    rig_close(rig);
}

/* Peers are watched already: handle_cancel tells of them, handle_down does not. */
static void a_peers_end_is_told_as_the_end_of_the_subscription(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.gone = go_on};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.gone = go_on};
    players_pair(rig, &p, &c, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    player_stop(&p, WEIR_REASON_USER);
    rig_rest(rig);
    player_expect(&c, "subscribe p\ndown p user\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_for_a_stop_finds_it_done),
        cmocka_unit_test(on_threads_a_stop_is_waited_for_too),
        cmocka_unit_test(who_finishes_sends_what_it_has_first),
        cmocka_unit_test(who_watches_is_told_of_the_end),
        TEST_IN_WORLDS(who_no_longer_watches_is_not_told),
        TEST_IN_WORLDS(a_peers_end_is_told_as_the_end_of_the_subscription),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
