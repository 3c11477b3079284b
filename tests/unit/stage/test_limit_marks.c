/*
 * Marks and limits: a mark waits for tokens only with the events before it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark that came behind events that wait for a rate comes behind them, and takes no token;
 * also behind what a callback has left, at a drain, an end and a cancel; what stops drops it.
 * Method: virtual time, ten events each second; journals.
 */
#include "support/cmocka.h"
#include "support/mark_scene.h"

#include <string.h>

#define MS UINT64_C(1000000)

static struct {
    struct rig rig;
    struct player p;
    struct player c;
    weir_rate *rate;
    weir_subscription by;
} f;

static void open_scene(uint64_t seed, uint64_t burst) {
    const weir_rate_options options = {.allowed = 10, .interval_ns = 1000 * MS, .burst = burst};
    f.p = (struct player)MARK_PRODUCER("p");
    f.c = (struct player)MARK_CONSUMER("c");
    rig_open(&f.rig, &(weir_runtime_options){
                         .mode = WEIR_SIMULATED, .workers = 1 + (unsigned)seed % 2, .seed = seed});
    assert_int_equal(weir_rate_open(f.rig.runtime, &options, &f.rate), WEIR_OK);
    PLAYERS_START(&f.rig, &f.p, &f.c);
}

static void subscribe(void) {
    const weir_subscribe_options options = {
        .max_demand = 40, .rate = f.rate, .cancel = WEIR_TEMPORARY};
    f.by = player_subscribe(&f.c, &f.p, &options);
    rig_rest(&f.rig);
    player_expect(&f.c, "subscribe p\n");
}

static void advance(uint64_t ms) {
    assert_int_equal(weir_runtime_advance(f.rig.runtime, ms * MS), WEIR_OK);
}

static void close_scene(void) {
    weir_rate_close(f.rate);
    rig_close(&f.rig);
}

/* Three, a mark, two, two marks. */
static void say_five_and_three(void) {
    static const uint64_t casts[] = {3, 1005, 2, 1006, 1007};
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) player_cast(&f.p, casts[i]);
}

static void a_mark_comes_in_its_place(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 1);
        subscribe();
        player_cast(&f.p, 1001);
        advance(1);
        player_expect(&f.c, "watermark 1\n"); /* nothing waits */
        say_five_and_three();
        advance(10);
        player_expect(&f.c, "events 0\n");
        advance(100);
        player_expect(&f.c, "events 1\n");
        advance(100);
        player_expect(&f.c, "events 2\nwatermark 5\n");
        advance(100);
        player_expect(&f.c, "events 3\n");
        advance(100);
        player_expect(&f.c, "events 4\nwatermark 6\nwatermark 7\n");
        close_scene();
    }
}

/* Those that it left wait again, and what came behind them behind them. */
static weir_verdict handle_one(weir_stage *self, struct player *player, weir_batch batch) {
    RIG_CHECK(player->rig, batch.count < 2 || weir_batch_rest(self, 1) == WEIR_OK);
    player->handled -= batch.count - 1;
    return WEIR_CONTINUE;
}

/* Its journal is of all that it was handed: so this is of the numbers handled, and marks. */
static weir_verdict expect_handled(weir_stage *self, struct player *player, const weir_peer *from,
                                   const weir_mark *mark) {
    (void)self, (void)from;
    RIG_CHECK(player->rig, mark->value == player->handled);
    player->next++;
    return WEIR_CONTINUE;
}

static void it_waits_with_what_is_left(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 5);
        f.c.quiet = true;
        f.c.does.events = handle_one;
        f.c.does.mark = expect_handled;
        const weir_subscribe_options options = {.max_demand = 40, .rate = f.rate};
        player_subscribe(&f.c, &f.p, &options);
        rig_rest(&f.rig);
        static const uint64_t casts[] = {3, 1003, 2, 1005, 7, 1012};
        for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) player_cast(&f.p, casts[i]);
        advance(3000);
        assert_int_equal(f.c.handled, 12);
        assert_int_equal(f.c.next, 3);
        close_scene();
    }
}

static weir_verdict emit_and_finish(weir_stage *self, struct player *player, uint64_t number) {
    player_emit(self, number);
    RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_END_OF_FILE, number) == WEIR_OK);
    return WEIR_FINISH;
}

static void an_end_comes_behind_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 1);
        subscribe();
        f.p.does.cast = emit_and_finish;
        player_cast(&f.p, 3);
        advance(1000);
        player_expect(&f.c, "events 0\nevents 1\nevents 2\nend of file 3\ndown p normal\n");
        close_scene();
    }
}

static void a_drain_takes_it_along(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 1);
        subscribe();
        say_five_and_three();
        advance(10);
        assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        f.c.journal.text[f.c.journal.used] = '\0';
        assert_non_null(strstr(f.c.journal.text,
                               "events 2\nwatermark 5\nevents 3\nevents 4\nwatermark 6\n"
                               "watermark 7\n"));
        f.c.journal.used = 0;
        close_scene();
    }
}

static void a_cancel_takes_it_along(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 1);
        subscribe();
        say_five_and_three();
        advance(10);
        assert_int_equal(weir_cancel(f.rig.runtime, f.by, WEIR_REASON_NORMAL), WEIR_OK);
        advance(1000);
        f.c.journal.text[f.c.journal.used] = '\0';
        assert_non_null(strstr(f.c.journal.text,
                               "events 2\nwatermark 5\nevents 3\nevents 4\nwatermark 6\n"
                               "watermark 7\n"));
        f.c.journal.used = 0;
        close_scene();
    }
}

/* Events go back, and marks do not. */
static void who_stops_drops_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct player d = MARK_CONSUMER("d");
        open_scene(seed, 1);
        subscribe();
        say_five_and_three();
        advance(10);
        player_stop(&f.c, WEIR_REASON_NORMAL);
        advance(10);
        player_start(&d, &f.rig, NULL);
        player_subscribe(&d, &f.p, &(weir_subscribe_options){.max_demand = 40});
        advance(10);
        assert_int_equal(d.handled, 4);
        assert_null(strstr(d.journal.text, "watermark"));
        close_scene();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_comes_in_its_place), cmocka_unit_test(it_waits_with_what_is_left),
        cmocka_unit_test(an_end_comes_behind_it),    cmocka_unit_test(a_drain_takes_it_along),
        cmocka_unit_test(a_cancel_takes_it_along),   cmocka_unit_test(who_stops_drops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
