/*
 * Rates as programs have them: opened, named, set, closed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: bad options and rates of others are refused in words; a rate may be closed at any time;
 * pools and streams keep to it; tokens can be had by hand; on threads whoever waits is woken by
 * a change, and no more events are begun than the clock allows.
 * Method: refusals one by one; virtual time; then threads, with the clock read before and after.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include "os/clock.h"
#include "ring/rate.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

static struct rig rig;

static weir_rate *open_rate(weir_runtime *runtime, uint64_t allowed, uint64_t burst) {
    weir_rate *rate = NULL;
    const weir_rate_options options = {.allowed = allowed, .burst = burst};
    assert_int_equal(weir_rate_open(runtime, &options, &rate), WEIR_OK);
    return rate;
}

static void open_simulated(uint64_t seed) {
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed});
}

/* ---- options ----------------------------------------------------------------- */

static void bad_options_are_refused_in_words(void **state) {
    (void)state;
    static const struct {
        weir_rate_options options;
        const char *words;
    } bad[] = {
        {{.allowed = 0}, "allowed must be at least 1, got 0"},
        {{.allowed = 1000000001}, "allowed must be at most 1000000000, got 1000000001"},
        {{.allowed = 1, .interval_ns = WEIR_RATE_INTERVAL_LIMIT + 1},
         "interval_ns must be at most 100000000000000000, got 100000000000000001"},
        {{.allowed = 1, .burst = 1000000001}, "burst must be at most 1000000000, got 1000000001"},
        {{.allowed = 11, .interval_ns = 10},
         "allowed must be at most one a nanosecond, 10 in this interval_ns, got 11"},
    };
    open_simulated(1);
    weir_rate *rate = open_rate(rig.runtime, 100, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_rate *none = NULL;
        assert_int_equal(weir_rate_open(rig.runtime, &bad[i].options, &none), WEIR_INVALID);
        assert_string_equal(weir_refusal(), bad[i].words);
        assert_null(none);
        assert_int_equal(weir_rate_set(rate, &bad[i].options), WEIR_INVALID);
    }
    weir_rate_options now;
    assert_int_equal(weir_rate_get(rate, &now), WEIR_OK);
    assert_int_equal(now.allowed, 100);
    assert_int_equal(now.interval_ns, SECOND);
    assert_int_equal(now.burst, 100);
    assert_int_equal(weir_rate_open(rig.runtime, NULL, &rate), WEIR_INVALID);
    assert_int_equal(weir_rate_set(NULL, &now), WEIR_INVALID);
    assert_int_equal(weir_rate_get(NULL, &now), WEIR_INVALID);
    assert_int_equal(weir_rate_take(NULL, 1, 0, NULL), 0);
    weir_rate_close(rate);
    weir_rate_close(NULL);
    rig_close(&rig);
}

static void expect_refused(struct player *to, struct player *from, weir_rate *rate,
                           const char *words) {
    const weir_subscribe_options options = {.rate = rate};
    assert_int_equal(weir_subscribe(rig.runtime, to->ref, from->ref, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), words);
}

static void rates_of_others_are_refused(void **state) {
    (void)state;
    static struct player source = {.name = "source", .kind = WEIR_PRODUCER};
    static struct player shared = {.name = "shared", .kind = WEIR_PRODUCER};
    static struct player taker = {.name = "taker", .kind = WEIR_CONSUMER};
    weir_runtime *other;
    const weir_runtime_options stepped = {.mode = WEIR_STEPPED, .workers = 1};
    assert_int_equal(weir_runtime_open(&stepped, &other), WEIR_OK);
    weir_rate *theirs = open_rate(other, 1, 1);
    weir_rate *real = open_rate(NULL, 1, 1);
    open_simulated(1);
    weir_rate *own = open_rate(rig.runtime, 1, 1);
    player_start(&source, &rig, NULL);
    player_start(&taker, &rig, NULL);
    player_start(&shared, &rig, &(weir_stage_options){.dispatcher = weir_shared_dispatcher()});
    expect_refused(&taker, &source, theirs,
                   "rate must be of this runtime: this one was opened for another runtime");
    expect_refused(&taker, &source, real,
                   "rate must be of this runtime: this one has real time, and this runtime has "
                   "not: open it for this runtime");
    expect_refused(&taker, &shared, own,
                   "rate must not be set: stage taker subscribes to stage shared, which has the "
                   "shared dispatcher");
    assert_int_equal(weir_runtime_close(other, NULL), WEIR_OK);
    const weir_rate_options options = {.allowed = 2};
    assert_int_equal(weir_rate_set(theirs, &options), WEIR_CLOSED);
    assert_int_equal(weir_rate_set(real, &options), WEIR_OK);
    weir_rate_close(theirs); /* after its runtime, as well */
    weir_rate_close(real);
    weir_rate_close(own);
    rig_close(&rig);
}

/* ---- by hand ------------------------------------------------------------------- */

static void tokens_by_hand(void **state) {
    (void)state;
    uint64_t due;
    weir_rate *rate = open_rate(NULL, 10, 3);
    uint64_t now = weir__clock_now_ns() + SECOND;
    assert_int_equal(weir_rate_take(rate, 2, now, &due), 2);
    assert_int_equal(due, now);
    assert_int_equal(weir_rate_take(rate, 2, now, &due), 1);
    assert_in_range(due - now, 100 * MS - 100, 100 * MS + 100); /* a millionth */
    uint64_t next = due;
    assert_int_equal(weir_rate_take(rate, 1, now, NULL), 0);
    assert_int_equal(weir_rate_reserve(rate, 3, now, &due), WEIR_OK);
    assert_int_equal(due, next + 200 * MS);
    assert_int_equal(weir_rate_take(rate, 1, due, NULL), 0);
    assert_int_equal(weir_rate_take(rate, 1, due + 100 * MS, NULL), 1);
    assert_int_equal(weir_rate_reserve(rate, 4, now, &due), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be 1 to the rate's burst, 3, got 4");
    assert_int_equal(weir_rate_reserve(rate, 0, now, &due), WEIR_INVALID);
    assert_int_equal(weir_rate_reserve(rate, 2, due + 100 * SECOND, &due), WEIR_OK);
    weir_rate_close(rate);
}

/* ---- closing ------------------------------------------------------------------- */

static void one_that_is_closed_is_kept_to(void **state) {
    (void)state;
    static struct player source, taker;
    source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = 30, .quiet = true};
    taker = (struct player){.name = "taker", .kind = WEIR_CONSUMER, .quiet = true};
    open_simulated(2);
    weir_rate *rate = open_rate(rig.runtime, 10, 1);
    const weir_subscribe_options options = {.rate = rate};
    PLAYERS_START(&rig, &source, &taker);
    player_subscribe(&taker, &source, &options);
    weir_rate_close(rate);
    weir_runtime_advance(rig.runtime, SECOND + MS);
    assert_int_equal(taker.handled, 11);
    for (int i = 0; i < 100; i++) weir_rate_close(open_rate(rig.runtime, 10, 1));
    weir_runtime_advance(rig.runtime, 2 * SECOND);
    assert_int_equal(taker.handled, 30);
    rig_close(&rig);
}

/* ---- parts ----------------------------------------------------------------------- */

static uint64_t tasks;

static weir_task_result count_task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    tasks++;
    return WEIR_TASK_OK;
}

static void a_pool_begins_tasks_at_the_rate(void **state) {
    (void)state;
    static struct player source;
    source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = 40, .quiet = true};
    open_simulated(3);
    tasks = 0;
    weir_rate *rate = open_rate(rig.runtime, 10, 5);
    player_start(&source, &rig, NULL);
    const weir_subscribe_to to = {.producer = source.ref, .options = {.rate = rate}};
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = WEIR_NONE,
                                       .task = count_task,
                                       .subscribe_to = &to,
                                       .subscribe_count = 1};
    weir_pool *pool;
    assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, NULL), WEIR_OK);
    weir_runtime_advance(rig.runtime, SECOND + MS);
    assert_int_equal(tasks, 15);
    weir_runtime_advance(rig.runtime, 3 * SECOND);
    assert_int_equal(tasks, 40);
    rig.handled += tasks;
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    weir_rate_close(rate);
    rig_close(&rig);
}

static void a_stream_is_shown_events_at_the_rate(void **state) {
    (void)state;
    static struct player source;
    source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = 12, .quiet = true};
    open_simulated(4);
    weir_rate *rate = open_rate(rig.runtime, 10, 2);
    player_start(&source, &rig, NULL);
    const weir_subscribe_to to = {.producer = source.ref, .options = {.rate = rate}};
    const weir_stream_options options = {
        .event_bytes = sizeof(uint64_t), .subscribe_to = &to, .subscribe_count = 1};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(rig.runtime, &options, &stream), WEIR_OK);
    uint64_t began = weir_runtime_now(rig.runtime);
    for (uint64_t i = 0; i < 12; i++) {
        uint64_t number;
        assert_int_equal(weir_stream_next(stream, &number, 10 * SECOND), WEIR_OK);
        assert_int_equal(number, i);
        uint64_t passed = weir_runtime_now(rig.runtime) - began;
        uint64_t due = i < 2 ? 0 : (i - 1) * (SECOND / 10);
        assert_true(passed >= due && passed < due + MS);
    }
    rig.handled += 12;
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    weir_rate_close(rate);
    rig_close(&rig);
}

/* ---- threads ---------------------------------------------------------------------- */

/* Two consumers on two workers, and a thread that sets: what is begun is what the clock allows. */
static void on_threads_no_more_is_begun_than_the_clock_allows(void **state) {
    (void)state;
    enum { ALLOWED = 20000, BURST = 100, EVENTS = 4000 };
    static struct player source, takers[2];
    source =
        (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = EVENTS, .quiet = true};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2});
    uint64_t began = weir__clock_now_ns();
    weir_rate *rate = open_rate(NULL, ALLOWED, BURST);
    player_start(&source, &rig, NULL);
    for (unsigned i = 0; i < 2; i++) {
        takers[i] = (struct player){.name = "taker", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&takers[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
        player_subscribe(&takers[i], &source, &(weir_subscribe_options){.rate = rate});
    }
    const weir_rate_options same = {.allowed = ALLOWED, .burst = BURST};
    weir_accounts accounts;
    do {
        assert_int_equal(weir_rate_set(rate, &same), WEIR_OK);
        weir__clock_sleep_ns(MS / 2);
        accounts = rig_accounts(&rig);
        uint64_t passed = weir__clock_now_ns() - began;
        assert_true(accounts.handled <= passed / (SECOND / ALLOWED) + BURST);
    } while (accounts.handled < EVENTS);
    assert_true(weir__clock_now_ns() - began >= (EVENTS - BURST) * (SECOND / ALLOWED));
    weir_rate_close(rate);
    rig_close(&rig);
}

/* Without being woken it would sleep for an hour. */
static void on_threads_who_waits_is_woken(void **state) {
    (void)state;
    static struct player source, taker;
    source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = 50, .quiet = true};
    taker = (struct player){.name = "taker", .kind = WEIR_CONSUMER, .quiet = true};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2});
    weir_rate *rate;
    const weir_rate_options slow = {.allowed = 1, .interval_ns = 3600 * SECOND};
    assert_int_equal(weir_rate_open(rig.runtime, &slow, &rate), WEIR_OK);
    PLAYERS_START(&rig, &source, &taker);
    player_subscribe(&taker, &source, &(weir_subscribe_options){.rate = rate});
    while (rig_accounts(&rig).handled < 1) weir__clock_sleep_ns(MS);
    const weir_rate_options fast = {.allowed = 100000};
    assert_int_equal(weir_rate_set(rate, &fast), WEIR_OK);
    while (rig_accounts(&rig).handled < 50) weir__clock_sleep_ns(MS);
    weir_rate_close(rate);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused_in_words),
        cmocka_unit_test(rates_of_others_are_refused),
        cmocka_unit_test(tokens_by_hand),
        cmocka_unit_test(one_that_is_closed_is_kept_to),
        cmocka_unit_test(a_pool_begins_tasks_at_the_rate),
        cmocka_unit_test(a_stream_is_shown_events_at_the_rate),
        cmocka_unit_test(on_threads_no_more_is_begun_than_the_clock_allows),
        cmocka_unit_test(on_threads_who_waits_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
