/*
 * Limits: events wait for tokens of a rate before they are begun.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in no interval more are begun than allowed and burst, by all that share the rate, over
 * changes of it and whatever callbacks leave; all events come, in order, and at their moment;
 * equal ones get equal shares; at high rates batches are no crumbs; other subscriptions go on; what
 * waits is handled at a drain, which says for what it waits; what waits when a stage stops
 * goes back.
 * Method: virtual time; each event that is begun is noted, with the moment; all windows are
 * looked at.
 */
#include "support/cmocka.h"

#include "base/rng.h"
#include "support/owned.h"
#include "support/player.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

enum { CONSUMERS = 3, BEGUN = 60000 };

static struct {
    struct rig rig;
    struct player source;
    struct player consumers[CONSUMERS];
    weir_rate *rate;
    uint64_t began; /* when time began for the rate */
    uint64_t at[BEGUN];
    uint64_t count;
    uint64_t batches;
} f;

static uint64_t now(void) {
    return weir_runtime_now(f.rig.runtime) - f.began;
}

/* Each event of a batch is begun now. */
static void note(uint64_t count) {
    f.batches++;
    for (; count > 0 && f.count < BEGUN; count--) f.at[f.count++] = now();
}

static weir_verdict note_events(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player;
    note(batch.count);
    return WEIR_CONTINUE;
}

static void expect_windows(uint64_t interval_ns, uint64_t most) {
    uint64_t first = 0;
    for (uint64_t last = 0; last < f.count; last++) {
        while (f.at[last] - f.at[first] >= interval_ns) first++;
        assert_true(last - first + 1 <= most);
    }
}

static void open_rate(uint64_t allowed, uint64_t interval_ns, uint64_t burst) {
    const weir_rate_options options = {allowed, interval_ns, burst, {0}};
    assert_int_equal(weir_rate_open(f.rig.runtime, &options, &f.rate), WEIR_OK);
    f.began = weir_runtime_now(f.rig.runtime);
}

static void open_scene(uint64_t seed, unsigned workers) {
    static const char *const names[CONSUMERS] = {"a", "b", "c"};
    memset(&f, 0, sizeof f);
    rig_open(&f.rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = workers, .seed = seed});
    f.source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .quiet = true};
    for (int i = 0; i < CONSUMERS; i++) {
        f.consumers[i] = (struct player){
            .name = names[i], .kind = WEIR_CONSUMER, .quiet = true, .does.events = note_events};
    }
}

static void close_scene(void) {
    weir_rate_close(f.rate);
    rig_close(&f.rig);
}

static void advance(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(f.rig.runtime, ns), WEIR_OK);
}

static weir_subscribe_options limited(size_t max_demand) {
    return (weir_subscribe_options){.max_demand = max_demand, .rate = f.rate};
}

static void subscribe(struct player *consumer, struct player *producer, size_t max_demand) {
    weir_subscribe_options options = limited(max_demand);
    player_subscribe(consumer, producer, &options);
}

/* ---- moments ------------------------------------------------------------------ */

static void each_event_comes_at_its_moment(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        open_scene(seed, 2);
        open_rate(100, SECOND, 10);
        f.source.limit = 350;
        PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
        subscribe(&f.consumers[0], &f.source, 40);
        advance(5 * SECOND);
        assert_int_equal(f.count, 350);
        assert_true(f.at[9] < MS);
        for (uint64_t i = 10; i < 350; i++) {
            uint64_t due = (i - 9) * (SECOND / 100);
            assert_true(f.at[i] >= due && f.at[i] < due + MS);
        }
        expect_windows(SECOND, 110);
        expect_windows(SECOND / 100, 11);
        close_scene();
    }
}

/* Within each window, over three on two workers, and equal shares. */
static void who_shares_a_rate_has_an_equal_share(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_scene(seed, 1 + (unsigned)(seed % 3));
        open_rate(300, SECOND, 1 + seed % 7);
        f.source.limit = 1000000;
        player_start(&f.source, &f.rig, NULL);
        for (int i = 0; i < CONSUMERS; i++) {
            player_start(&f.consumers[i], &f.rig, NULL);
            subscribe(&f.consumers[i], &f.source, i == 0 ? 2 : 60);
        }
        advance(10 * SECOND);
        assert_in_range(f.count, 2990, 3010);
        expect_windows(SECOND, 300 + 1 + seed % 7);
        for (int i = 0; i < CONSUMERS; i++) assert_in_range(f.consumers[i].handled, 900, 1100);
        close_scene();
    }
}

static void a_high_rate_makes_no_crumbs(void **state) {
    (void)state;
    open_scene(3, 1);
    open_rate(1000000, SECOND, 2000);
    f.source.limit = 50000;
    PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
    subscribe(&f.consumers[0], &f.source, 1000);
    advance(SECOND);
    assert_int_equal(f.count, 50000);
    assert_true(f.at[f.count - 1] < 50 * MS);
    expect_windows(MS, 3000);
    assert_true(f.batches < 50000 / 50);
    close_scene();
}

/* ---- others --------------------------------------------------------------------- */

static void other_subscriptions_go_on(void **state) {
    (void)state;
    static struct player other;
    open_scene(1, 1);
    open_rate(1, SECOND, 1);
    other = (struct player){.name = "other", .kind = WEIR_PRODUCER, .quiet = true, .limit = 1000};
    f.source.limit = 10;
    PLAYERS_START(&f.rig, &f.source, &other, &f.consumers[0]);
    subscribe(&f.consumers[0], &f.source, 8);
    advance(MS);
    player_subscribe(&f.consumers[0], &other, NULL);
    advance(10 * MS);
    assert_int_equal(f.count, 1001);
    advance(20 * SECOND);
    assert_int_equal(f.count, 1010);
    close_scene();
}

static void a_middle_stage_takes_tokens_for_what_it_begins(void **state) {
    (void)state;
    static struct player middle;
    open_scene(1, 2);
    open_rate(10, SECOND, 5);
    f.source.limit = 40;
    f.consumers[0].manual = true;
    f.consumers[0].does.events = NULL;
    middle = (struct player){
        .name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_COPIES, .quiet = true};
    PLAYERS_START(&f.rig, &f.source, &middle, &f.consumers[0]);
    weir_subscription below = player_subscribe(&f.consumers[0], &middle, NULL);
    subscribe(&middle, &f.source, 20);
    advance(10 * SECOND);
    assert_int_equal(middle.handled, 0); /* nobody asks it */
    weir_ask(f.rig.runtime, below, 1);
    advance(10 * MS);
    assert_int_equal(middle.handled, 5); /* the burst, and no more for having waited */
    weir_ask(f.rig.runtime, below, 1000);
    advance(SECOND);
    assert_int_equal(middle.handled, 15);
    advance(10 * SECOND);
    assert_int_equal(f.consumers[0].handled, 40);
    close_scene();
}

static weir_verdict begin_one(weir_stage *self, struct player *player, weir_batch batch) {
    note(1);
    RIG_CHECK(player->rig, *(const uint64_t *)batch.events == player->next++);
    RIG_CHECK(player->rig, batch.count < 2 || weir_batch_rest(self, 1) == WEIR_OK);
    player->handled -= batch.count - 1;
    return WEIR_CONTINUE;
}

/* What is left has its tokens still, as long as their time is. */
static void what_is_left_takes_no_more_tokens(void **state) {
    (void)state;
    open_scene(1, 1);
    open_rate(10, SECOND, 10);
    f.source.limit = 60;
    f.consumers[0].does.events = begin_one;
    PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
    subscribe(&f.consumers[0], &f.source, 40);
    advance(4 * SECOND + MS);
    assert_int_equal(f.count, 50);
    advance(SECOND);
    assert_int_equal(f.count, 60);
    expect_windows(SECOND, 20);
    close_scene();
}

static void an_info_comes_behind_what_waits(void **state) {
    (void)state;
    static struct player middle;
    open_scene(1, 1);
    open_rate(10, SECOND, 1);
    f.source.limit = 5;
    middle =
        (struct player){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_COPIES};
    PLAYERS_START(&f.rig, &f.source, &middle, &f.consumers[0]);
    player_subscribe(&f.consumers[0], &middle, NULL);
    subscribe(&middle, &f.source, 20);
    advance(MS);
    player_info(&middle, 7);
    advance(SECOND);
    player_expect(&middle, "subscribe source\nsubscribe a\n"
                           "events 0\nevents 1\nevents 2\nevents 3\nevents 4\ninfo 7\n");
    close_scene();
}

/* ---- changes ---------------------------------------------------------------------- */

static void who_waits_hears_of_a_faster_rate(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        open_scene(seed, 2);
        open_rate(1, 3600 * SECOND, 1);
        f.source.limit = 101;
        PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
        subscribe(&f.consumers[0], &f.source, 40);
        advance(100 * SECOND);
        assert_int_equal(f.count, 1);
        const weir_rate_options faster = {.allowed = 1000, .burst = 1};
        assert_int_equal(weir_rate_set(f.rate, &faster), WEIR_OK);
        advance(MS + 100000);
        assert_true(f.count >= 2);
        advance(100 * MS);
        assert_int_equal(f.count, 101);
        expect_windows(SECOND / 1000, 2);
        close_scene();
    }
}

static void over_changes_no_window_has_more(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        open_scene(seed, 2);
        open_rate(50, SECOND, 10);
        f.source.limit = 1000000;
        player_start(&f.source, &f.rig, NULL);
        for (int i = 0; i < CONSUMERS; i++) {
            player_start(&f.consumers[i], &f.rig, NULL);
            subscribe(&f.consumers[i], &f.source, 30);
        }
        for (uint64_t i = 0; i < 60; i++) {
            advance(70 * MS + seed * MS);
            const weir_rate_options other = {.allowed = 10 + (i * seed) % 41, .burst = 1 + i % 10};
            assert_int_equal(weir_rate_set(f.rate, &other), WEIR_OK);
        }
        assert_true(f.count > 60);
        expect_windows(SECOND, 60);
        close_scene();
    }
}

/* ---- ends ----------------------------------------------------------------------------- */

static void a_drain_waits_for_the_rate(void **state) {
    (void)state;
    open_scene(1, 2);
    open_rate(10, SECOND, 5);
    f.source.limit = 1000000;
    PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
    subscribe(&f.consumers[0], &f.source, 40);
    advance(10 * MS);
    weir_lag lag;
    size_t count;
    assert_int_equal(weir_lags(f.rig.runtime, f.source.ref, SECOND, &lag, 1, &count), WEIR_OK);
    assert_int_equal(count, 1);
    assert_in_range(lag.rate_due_ns, f.began + 100 * MS, f.began + 100 * MS + 10000);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(f.rig.runtime, 50 * MS, &report), WEIR_TIMEOUT);
    assert_int_equal(report.why, WEIR_HOLDUP_RATE);
    assert_string_equal(report.name, "a");
    assert_false(report.stalled);
    assert_string_equal(weir_holdup_text(report.why), "rate");
    assert_int_equal(weir_runtime_drain(f.rig.runtime, 100 * SECOND, &report), WEIR_OK);
    assert_int_equal(f.count, f.source.emitted);
    assert_int_equal(report.accounts.discarded, 0);
    expect_windows(SECOND, 15);
    close_scene();
}

static weir_verdict finish_at_once(weir_stage *self, struct player *player, uint64_t demand) {
    player_emit(self, demand < player->limit ? demand : player->limit);
    return WEIR_FINISH;
}

/* The end comes behind what waits. */
static void an_end_comes_behind_what_waits(void **state) {
    (void)state;
    open_scene(1, 2);
    open_rate(10, SECOND, 1);
    f.source.limit = 20;
    f.source.does.demand = finish_at_once;
    PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
    subscribe(&f.consumers[0], &f.source, 40);
    advance(SECOND);
    assert_in_range(f.count, 10, 12);
    assert_int_equal(weir_runtime_stages(f.rig.runtime), 1);
    advance(2 * SECOND);
    assert_int_equal(f.count, 20);
    assert_int_equal(weir_runtime_stages(f.rig.runtime), 0);
    close_scene();
}

static void what_waits_goes_back_when_its_stage_stops(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_scene(seed, 2);
        open_rate(10, SECOND, 5);
        f.source.limit = 100;
        PLAYERS_START(&f.rig, &f.source, &f.consumers[0], &f.consumers[1]);
        subscribe(&f.consumers[0], &f.source, 100);
        advance(10 * MS);
        assert_int_equal(f.count, 5);
        player_stop(&f.consumers[0], WEIR_REASON_NORMAL);
        advance(MS);
        player_subscribe(&f.consumers[1], &f.source, NULL);
        advance(MS);
        assert_int_equal(f.consumers[1].handled, 95);
        assert_int_equal(f.consumers[1].sum, 99 * 100 / 2 - 10);
        close_scene();
    }
}

static void a_subscription_that_is_cancelled_is_handled_at_its_rate(void **state) {
    (void)state;
    open_scene(2, 1);
    open_rate(10, SECOND, 5);
    f.source.limit = 30;
    weir_subscribe_options options = limited(100);
    options.cancel = WEIR_TEMPORARY;
    PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
    weir_subscription given = player_subscribe(&f.consumers[0], &f.source, &options);
    advance(10 * MS);
    assert_int_equal(weir_cancel(f.rig.runtime, given, WEIR_REASON_NORMAL), WEIR_OK);
    advance(SECOND);
    assert_int_equal(f.count, 15);
    advance(10 * SECOND);
    assert_int_equal(f.count, 30);
    close_scene();
}

/* ---- whatever happens ------------------------------------------------------------------ */

enum { COMERS = 24, NUMBERS = 600 };

static struct {
    struct player players[COMERS];
    weir_subscription by[COMERS];
    bool lives[COMERS];
    size_t count;
    uint8_t begun[NUMBERS];
} life;

static weir_verdict note_numbers(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++)
        RIG_CHECK(player->rig, numbers[i] < NUMBERS && life.begun[numbers[i]]++ == 0);
    note(batch.count);
    return WEIR_CONTINUE;
}

static void come(struct weir__rng *rng) {
    if (life.count == COMERS) return;
    struct player *player = &life.players[life.count];
    *player = (struct player){
        .name = "comer", .kind = WEIR_CONSUMER, .quiet = true, .does.events = note_numbers};
    player_start(player, &f.rig, NULL);
    weir_subscribe_options options = limited(1 + weir__rng_below(rng, 60));
    options.cancel = WEIR_TEMPORARY;
    life.by[life.count] = player_subscribe(player, &f.source, &options);
    life.lives[life.count++] = true;
}

/* One of the others stops, or leaves; what it waits with goes back, or is handled yet. */
static void go(struct weir__rng *rng) {
    size_t who = 1 + weir__rng_below(rng, life.count - 1);
    if (!life.lives[who]) return;
    life.lives[who] = false;
    if (weir__rng_below(rng, 2) == 0) {
        player_stop(&life.players[who], WEIR_REASON_NORMAL);
    } else {
        assert_int_equal(weir_cancel(f.rig.runtime, life.by[who], WEIR_REASON_NORMAL), WEIR_OK);
    }
}

static void play_life(uint64_t seed) {
    struct weir__rng rng;
    weir__rng_seed(&rng, seed);
    open_scene(seed, 1 + (unsigned)weir__rng_below(&rng, 3));
    memset(&life, 0, sizeof life);
    open_rate(1 + weir__rng_below(&rng, 300), SECOND, 1 + weir__rng_below(&rng, 20));
    f.source.limit = NUMBERS;
    player_start(&f.source, &f.rig, NULL);
    come(&rng);
    come(&rng);
    for (int i = 0; i < 60; i++) {
        advance(weir__rng_below(&rng, 60 * MS));
        uint64_t what = weir__rng_below(&rng, 6);
        const weir_rate_options other = {.allowed = 1 + weir__rng_below(&rng, 300),
                                         .burst = 1 + weir__rng_below(&rng, 20)};
        if (what == 0) assert_int_equal(weir_rate_set(f.rate, &other), WEIR_OK);
        if (what == 1) go(&rng);
        if (what == 2) come(&rng);
    }
    advance(MS); /* who has stopped gives back what he has, before the source ends */
    assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    for (uint64_t i = 0; i < NUMBERS; i++) assert_int_equal(life.begun[i], i < f.source.next);
    expect_windows(SECOND, 300 + 20);
    close_scene();
}

static void whatever_happens_each_event_is_begun_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) play_life(seed);
}

/* ---- what owns something ----------------------------------------------------------------- */

static struct owned_ledger ledger;

static weir_verdict make_owned(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && ledger.made < 40; demand--) {
        struct owned event = owned_make(&ledger);
        RIG_CHECK(&f.rig, weir_emit(self, &event, 1) == WEIR_OK);
        f.rig.emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict handle_owned(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct owned *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) owned_look(&ledger, &events[i]);
    note(batch.count);
    f.rig.handled += batch.count;
    return WEIR_CONTINUE;
}

static void owned_events_that_wait_are_dropped_once(void **state) {
    (void)state;
    open_scene(1, 1);
    owned_open(&ledger);
    open_rate(10, SECOND, 5);
    weir_ref source;
    const weir_stage_options made = {
        .kind = WEIR_PRODUCER, .type = &ledger.type, .on.handle_demand = make_owned};
    assert_int_equal(weir_stage_start(f.rig.runtime, &made, &source), WEIR_OK);
    const weir_subscribe_to to = {.producer = source, .options = limited(40)};
    const weir_stage_options takes = {.kind = WEIR_CONSUMER,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = handle_owned};
    assert_int_equal(weir_stage_start(f.rig.runtime, &takes, NULL), WEIR_OK);
    advance(500 * MS + MS);
    assert_int_equal(f.count, 10);
    weir_rate_close(f.rate);
    weir_accounts accounts = rig_close(&f.rig); /* stops both */
    assert_int_equal(accounts.discarded, 30);
    owned_expect(&ledger, "handled 10, stopped 30");
    owned_close(&ledger, &accounts);
}

/* What follows it at its producer is read behind it; until then nobody spins. */
static void who_follows_one_that_waits_is_not_looked_at(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        open_scene(workers, workers);
        open_rate(1, SECOND, 1);
        f.source.limit = 100;
        PLAYERS_START(&f.rig, &f.source, &f.consumers[0]);
        weir_subscribe_options options = limited(4);
        options.cancel = WEIR_TEMPORARY;
        weir_subscription by = player_subscribe(&f.consumers[0], &f.source, &options);
        rig_rest(&f.rig);
        options.rate = NULL;
        assert_int_equal(
            weir_resubscribe(f.rig.runtime, by, WEIR_REASON_NORMAL, f.source.ref, &options, NULL),
            WEIR_OK);
        assert_true(weir_runtime_step(f.rig.runtime, 1000) < 1000); /* it comes to rest */
        assert_int_equal(f.count, 1);
        advance(SECOND + MS);
        assert_int_equal(f.count, 2);
        advance(3 * SECOND);
        assert_int_equal(f.count, 100);
        assert_int_equal(f.consumers[0].sum, 99 * 100 / 2);
        close_scene();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_comes_at_its_moment),
        cmocka_unit_test(who_shares_a_rate_has_an_equal_share),
        cmocka_unit_test(a_high_rate_makes_no_crumbs),
        cmocka_unit_test(other_subscriptions_go_on),
        cmocka_unit_test(a_middle_stage_takes_tokens_for_what_it_begins),
        cmocka_unit_test(what_is_left_takes_no_more_tokens),
        cmocka_unit_test(an_info_comes_behind_what_waits),
        cmocka_unit_test(who_waits_hears_of_a_faster_rate),
        cmocka_unit_test(over_changes_no_window_has_more),
        cmocka_unit_test(a_drain_waits_for_the_rate),
        cmocka_unit_test(an_end_comes_behind_what_waits),
        cmocka_unit_test(what_waits_goes_back_when_its_stage_stops),
        cmocka_unit_test(a_subscription_that_is_cancelled_is_handled_at_its_rate),
        cmocka_unit_test(whatever_happens_each_event_is_begun_once),
        cmocka_unit_test(owned_events_that_wait_are_dropped_once),
        cmocka_unit_test(who_follows_one_that_waits_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
