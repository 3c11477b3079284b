/*
 * Monitors: a stage watches another.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who watches is told once, of the reason, whenever the watched stage goes,
 * and had it gone before; not after it has lost interest; nothing is left when
 * either end goes first, nor when there is no memory.
 * Method: players in every world; then threads that start, watch and stop.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

static weir_monitor made;

static weir_verdict watch(weir_stage *self, struct player *player, uint64_t number) {
    struct player *other = player->own;
    (void)number;
    weir_status status = weir_monitor_stage(self, other->ref, &made);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict forget(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_demonitor(self, made) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict watch_in_init(weir_stage *self, struct player *player) {
    return watch(self, player, 0);
}

struct pair {
    struct rig rig;
    struct player watched;
    struct player watcher;
};

static bool open_pair(struct pair *pair, int world) {
    if (!rig_open_world(&pair->rig, world)) return false;
    pair->watched = (struct player){.name = "a", .kind = WEIR_PRODUCER};
    pair->watcher = (struct player){.name = "w",
                                    .kind = WEIR_CONSUMER,
                                    .own = &pair->watched,
                                    .does.cast = watch,
                                    .does.info = forget};
    PLAYERS_START(&pair->rig, &pair->watched, &pair->watcher);
    return true;
}

static struct pair pair;

static void who_watches_is_told_the_reason(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        player_cast(&pair.watcher, 0);
        player_cast(&pair.watcher, 0); /* twice: told twice */
        rig_rest(&pair.rig);
        player_stop(&pair.watched, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        player_expect(&pair.watcher, "cast 0\ncast 0\ngone a user\ngone a user\n");
        rig_close(&pair.rig);
    }
}

static weir_verdict stop_and_watch(weir_stage *self, struct player *player, uint64_t number) {
    struct player *other = player->own;
    player_stop(other, WEIR_REASON_USER);
    return watch(self, player, number);
}

/* The watch comes to it with the stop, and behind it. */
static void what_is_just_going_has_a_reason(void **state) {
    (void)state;
    const weir_stage_options here = {.worker = WEIR_WORKER(0)};
    for (int world = 0; rig_open_world(&pair.rig, world); world++) {
        pair.watched = (struct player){.name = "a", .kind = WEIR_PRODUCER};
        pair.watcher = (struct player){
            .name = "w", .kind = WEIR_CONSUMER, .own = &pair.watched, .does.cast = stop_and_watch};
        player_start(&pair.watched, &pair.rig, &here);
        player_start(&pair.watcher, &pair.rig, &here);
        player_cast(&pair.watcher, 0);
        rig_rest(&pair.rig);
        player_expect(&pair.watcher, "cast 0\ngone a user\n");
        rig_close(&pair.rig);
    }
}

static void what_has_gone_is_no_process(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        player_stop(&pair.watched, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        player_cast(&pair.watcher, 0);
        rig_rest(&pair.rig);
        player_expect(&pair.watcher, "cast 0\ngone a noproc\n");
        rig_close(&pair.rig);
    }
}

static void who_has_lost_interest_is_not_told(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        player_cast(&pair.watcher, 0);
        player_info(&pair.watcher, 0);
        player_info(&pair.watcher, 0); /* again: no harm */
        player_stop(&pair.watched, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        player_expect(&pair.watcher, "cast 0\ninfo 0\ninfo 0\n");
        rig_close(&pair.rig);
    }
}

/* Watches a hundred times, and loses interest in all but each third, oldest first. */
static weir_verdict watch_and_forget_many(weir_stage *self, struct player *player,
                                          uint64_t number) {
    weir_monitor monitors[100];
    (void)number;
    for (int i = 0; i < 100; i++) {
        watch(self, player, 0);
        monitors[i] = made;
    }
    for (int i = 0; i < 100; i++) {
        if (i % 3 != 0) RIG_CHECK(player->rig, weir_demonitor(self, monitors[i]) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_gone(weir_stage *self, struct player *player, weir_ref stage) {
    (void)self;
    (void)stage;
    player->sum++;
    return WEIR_CONTINUE;
}

static void many_are_watched_and_forgotten(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        pair.watcher.does.cast = watch_and_forget_many;
        pair.watcher.does.gone = count_gone;
        player_cast(&pair.watcher, 0);
        if (world % 2 == 0) rig_rest(&pair.rig);
        player_stop(&pair.watched, WEIR_REASON_USER);
        rig_rest(&pair.rig);
        assert_int_equal(pair.watcher.sum, 34);
        rig_close(&pair.rig);
    }
}

static void the_watcher_may_go_first(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        player_cast(&pair.watcher, 0);
        if (world % 2 == 0) rig_rest(&pair.rig);
        player_stop(&pair.watcher, WEIR_REASON_NORMAL);
        if (world % 3 == 0) rig_rest(&pair.rig);
        player_stop(&pair.watched, WEIR_REASON_NORMAL);
        rig_rest(&pair.rig);
        rig_close(&pair.rig);
    }
}

static void init_may_watch(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        struct player late = {.name = "late",
                              .kind = WEIR_CONSUMER,
                              .own = &pair.watched,
                              .does.init = watch_in_init};
        player_start(&late, &pair.rig, NULL);
        rig_rest(&pair.rig);
        player_stop(&pair.watched, WEIR_REASON_SHUTDOWN);
        rig_rest(&pair.rig);
        player_expect(&late, "gone a shutdown\n");
        rig_close(&pair.rig);
    }
}

static weir_verdict watch_and_fail(weir_stage *self, struct player *player) {
    watch(self, player, 0);
    return WEIR_STOP;
}

static void a_start_that_fails_watches_nobody(void **state) {
    (void)state;
    for (int world = 0; open_pair(&pair, world); world++) {
        struct player failed = {.name = "failed",
                                .kind = WEIR_CONSUMER,
                                .own = &pair.watched,
                                .does.init = watch_and_fail};
        assert_int_equal(player_try_start(&failed, &pair.rig, NULL), WEIR_INIT_STOPPED);
        player_stop(&pair.watched, WEIR_REASON_SHUTDOWN);
        rig_rest(&pair.rig);
        player_expect(&failed, "");
        rig_close(&pair.rig);
    }
}

/* ---- what is refused ----------------------------------------------------- */

static weir_verdict watch_in_vain(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    struct player *other = player->own;
    (void)number;
    RIG_CHECK(rig, weir_monitor_stage(self, weir_self(self), NULL) == WEIR_INVALID);
    RIG_CHECK(rig, weir_monitor_stage(self, (weir_ref){0}, NULL) == WEIR_NO_STAGE);
    test_memory_fail(&rig->memory, 1, false);
    RIG_CHECK(rig, weir_monitor_stage(self, other->ref, NULL) == WEIR_NO_MEMORY);
    test_memory_fail_never(&rig->memory);
    return WEIR_CONTINUE;
}

static void what_cannot_be_watched_is_refused(void **state) {
    (void)state;
    assert_true(open_pair(&pair, 0));
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .own = &pair.watched, .does.cast = watch_in_vain};
    player_start(&c, &pair.rig, NULL);
    player_cast(&c, 0);
    rig_rest(&pair.rig);
    rig_close(&pair.rig);
}

static weir_verdict watch_deaf(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    RIG_CHECK(&pair.rig, weir_monitor_stage(self, pair.watched.ref, NULL) == WEIR_INVALID);
    return WEIR_CONTINUE;
}

static void who_could_not_be_told_is_refused(void **state) {
    (void)state;
    assert_true(open_pair(&pair, 0));
    weir_ref ref;
    const weir_stage_options deaf = {
        .kind = WEIR_CONSUMER, .on.handle_events = deed_no_events, .on.handle_cast = watch_deaf};
    assert_int_equal(weir_stage_start(pair.rig.runtime, &deaf, &ref), WEIR_OK);
    assert_int_equal(weir_cast(pair.rig.runtime, ref, "x", 1), WEIR_OK);
    rig_rest(&pair.rig);
    rig_close(&pair.rig);
}

/* ---- threads ------------------------------------------------------------- */

enum { ROUNDS = 300 };

static void ends_meet_in_any_order(void **state) {
    (void)state;
    static struct player watched[ROUNDS], watchers[ROUNDS];
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 3});
    for (int i = 0; i < ROUNDS; i++) {
        watched[i] = (struct player){.name = "a", .kind = WEIR_PRODUCER, .quiet = true};
        watchers[i] = (struct player){.name = "w",
                                      .kind = WEIR_CONSUMER,
                                      .own = &watched[i],
                                      .quiet = true,
                                      .does.init = watch_in_init};
        PLAYERS_START(&rig, &watched[i], &watchers[i]);
        player_stop(i % 2 == 0 ? &watched[i] : &watchers[i], WEIR_REASON_NORMAL);
        player_stop(i % 2 == 0 ? &watchers[i] : &watched[i], WEIR_REASON_NORMAL);
    }
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_watches_is_told_the_reason),
        cmocka_unit_test(what_is_just_going_has_a_reason),
        cmocka_unit_test(what_has_gone_is_no_process),
        cmocka_unit_test(who_has_lost_interest_is_not_told),
        cmocka_unit_test(many_are_watched_and_forgotten),
        cmocka_unit_test(the_watcher_may_go_first),
        cmocka_unit_test(init_may_watch),
        cmocka_unit_test(a_start_that_fails_watches_nobody),
        cmocka_unit_test(what_cannot_be_watched_is_refused),
        cmocka_unit_test(who_could_not_be_told_is_refused),
        cmocka_unit_test(ends_meet_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
