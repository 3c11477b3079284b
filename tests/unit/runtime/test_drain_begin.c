/*
 * Draining without waiting, and closing with a deadline.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a drain that was begun is over once, and told: by a function, with the report, and by a
 * descriptor; a close that cannot end says so in time, frees nothing, and ends when it is called
 * again.
 * Method: pipelines on threads and in every world; a callback that stays.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/ending.h>

static struct rig rig;

struct told {
    uint32_t times; /* atomic */
    weir_status status;
    weir_drain_report report;
    weir_status inside; /* of a call that would wait */
};

static void tell(void *context, weir_status status, const weir_drain_report *report) {
    struct told *told = context;
    told->status = status;
    told->report = *report;
    told->inside = weir_runtime_close(rig.runtime, NULL);
    weir__fetch_add_u32(&told->times, 1);
}

static void start_pair(struct player *p, struct player *c, uint64_t limit) {
    *p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = limit, .quiet = true};
    *c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(&rig, p, c);
    player_subscribe(c, p, NULL);
}

static bool readable(int fd, int timeout_ms) {
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, timeout_ms) == 1;
}

static void an_event_loop_drains(void **state) {
    (void)state;
    struct player p, c;
    struct told told = {0};
    int fd;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    start_pair(&p, &c, UINT64_MAX);
    assert_int_equal(weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &told, &fd),
                     WEIR_OK);
    assert_true(readable(fd, -1));
    assert_int_equal(weir__load_acquire_u32(&told.times), 1);
    assert_int_equal(told.status, WEIR_OK);
    assert_int_equal(told.report.stages, 0);
    assert_int_equal(told.inside, WEIR_WRONG_THREAD);
    assert_int_equal(c.handled, p.emitted);
    assert_int_equal(weir_runtime_drain(rig.runtime, 0, NULL), WEIR_OK);
    assert_int_equal(rig_close(&rig).discarded, 0);
}

static void who_steps_drains_in_passing(void) {
    struct player p, c;
    struct told told = {0};
    int fd;
    start_pair(&p, &c, UINT64_MAX);
    weir_runtime_step(rig.runtime, 20);
    assert_int_equal(weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &told, &fd),
                     WEIR_OK);
    assert_int_equal(told.times, 0);
    while (told.times == 0) weir_runtime_step(rig.runtime, 3);
    assert_true(readable(fd, 0));
    assert_int_equal(told.status, WEIR_OK);
    assert_int_equal(told.inside, WEIR_WRONG_THREAD);
    weir_runtime_step(rig.runtime, 3);
    assert_int_equal(told.times, 1);
    assert_int_equal(c.handled, p.emitted);
    rig_close(&rig);
}

/* Time passes, and somebody keeps events: the same report as of a drain that waits. */
static void when_time_is_up_it_is_told_as_well(void **state) {
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct player p = {.name = "lonely", .kind = WEIR_PRODUCER};
        struct told told = {0};
        rig_open(&rig,
                 threads == 0 ? NULL : &(weir_runtime_options){.workers = 1, .unpinned = true});
        player_start(&p, &rig, NULL);
        player_cast(&p, 5);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain_begin(rig.runtime, 1000000, tell, &told, NULL),
                         WEIR_OK);
        while (weir__load_acquire_u32(&told.times) == 0) {
            if (threads == 0) weir_runtime_step(rig.runtime, 1);
            sched_yield();
        }
        assert_int_equal(told.status, WEIR_TIMEOUT);
        assert_string_equal(told.report.name, "lonely");
        assert_int_equal(told.report.why, WEIR_HOLDUP_DEMAND);
        rig_close(&rig);
    }
}

/* ---- one after the other --------------------------------------------------- */

/* What told of the first begins the second. */
static struct {
    struct told first;
    struct told second;
    weir_status begun;
    weir_status amid; /* one more while that is under way */
    weir_token token;
} again;

static void begin_again(void *context, weir_status status, const weir_drain_report *report) {
    tell(context, status, report);
    again.begun = weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &again.second, NULL);
    again.amid = weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &again.second, NULL);
    weir_done(rig.runtime, again.token);
}

static void a_drain_whose_time_was_up_is_begun_again(void **state) {
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        memset(&again, 0, sizeof again);
        rig_open(&rig,
                 threads == 0 ? NULL : &(weir_runtime_options){.workers = 1, .unpinned = true});
        player_start(&c, &rig, NULL);
        weir_busy(rig.runtime, c.ref, &again.token);
        assert_int_equal(
            weir_runtime_drain_begin(rig.runtime, 1000000, begin_again, &again.first, NULL),
            WEIR_OK);
        while (weir__load_acquire_u32(&again.second.times) == 0) {
            if (threads == 0) weir_runtime_step(rig.runtime, 1);
            sched_yield();
        }
        assert_int_equal(again.first.status, WEIR_TIMEOUT);
        assert_int_equal(again.first.report.why, WEIR_HOLDUP_TOKENS);
        assert_int_equal(again.begun, WEIR_OK);
        assert_int_equal(again.amid, WEIR_INVALID);
        assert_int_equal(again.second.status, WEIR_OK);
        assert_int_equal(again.first.times, 1);
        rig_close(&rig);
    }
}

/* As the runtime closes there is none to begin. */
static void none_begins_as_it_closes(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        memset(&again, 0, sizeof again);
        rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
        player_start(&c, &rig, NULL);
        weir_busy(rig.runtime, c.ref, &again.token);
        assert_int_equal(
            weir_runtime_drain_begin(rig.runtime, 10000, begin_again, &again.first, NULL), WEIR_OK);
        rig_close(&rig);
        assert_int_equal(again.first.times, 1);
        assert_int_equal(again.second.times, again.begun == WEIR_OK);
        assert_true(again.begun == WEIR_OK || again.begun == WEIR_CLOSED);
    }
}

/* It is closed before that: the drain is over with the last stage. */
static void a_runtime_closed_amid_its_drain(void **state) {
    (void)state;
    for (int world = -1; world < 0 || rig_open_world(&rig, world); world++) {
        struct player p = {.name = "lonely", .kind = WEIR_PRODUCER};
        struct told told = {0};
        if (world < 0) rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
        player_start(&p, &rig, NULL);
        player_cast(&p, 5);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &told, NULL),
                         WEIR_OK);
        rig_close(&rig);
        assert_int_equal(told.times, 1);
        assert_int_equal(told.status, WEIR_OK);
    }
}

static void count_end(void *context, weir_ref stage, weir_reason reason) {
    uint32_t *ends = context;
    (void)stage, (void)reason;
    weir__fetch_add_u32(ends, 1);
}

static struct {
    weir_ref stage;
    uint32_t ends; /* atomic */
    int fd;
} late;

static void ask_for_the_end(void *context, weir_status status, const weir_drain_report *report) {
    tell(context, status, report);
    assert_int_equal(weir_on_end(rig.runtime, late.stage, count_end, &late.ends), WEIR_OK);
    assert_int_equal(weir_end_fd(rig.runtime, late.stage, &late.fd), WEIR_OK);
}

/* What `done` asks for, when the runtime closes already, comes before that returns. */
static void what_done_asks_for_is_told(void **state) {
    (void)state;
    for (int world = -1; world < 0 || rig_open_world(&rig, world); world++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        struct told told = {0};
        if (world < 0) rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
        player_start(&c, &rig, NULL);
        late.stage = c.ref;
        late.ends = 0;
        assert_int_equal(
            weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, ask_for_the_end, &told, NULL),
            WEIR_OK);
        rig_close(&rig);
        assert_int_equal(told.times, 1);
        assert_int_equal(late.ends, 1);
        assert_true(readable(late.fd, 0));
        close(late.fd);
    }
}

/* A loop of two, which nobody but the drain can end: one run is enough. */
static void who_runs_drains_rings(void) {
    struct player one = {.name = "one", .kind = WEIR_PRODUCER_CONSUMER};
    struct player two = {.name = "two", .kind = WEIR_PRODUCER_CONSUMER};
    struct told told = {0};
    PLAYERS_START(&rig, &one, &two);
    player_subscribe(&two, &one, NULL);
    player_subscribe(&one, &two, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, tell, &told, NULL),
                     WEIR_OK);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    weir_runtime_step(rig.runtime, 1);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.status, WEIR_OK);
    rig_close(&rig);
}

/* ---- closing ------------------------------------------------------------- */

/* A close without end would wait for that, and say that all is well. */
static void *let_it_go_at_last(void *unused) {
    const struct timespec nap = {0, 10000000};
    (void)unused;
    for (int i = 0; i < 500 && weir__load_relaxed_u32(&deed_gate.leave) == 0; i++) {
        nanosleep(&nap, NULL);
    }
    weir__exchange_u32(&deed_gate.leave, 1);
    return NULL;
}

static void a_close_says_who_keeps_it_and_may_be_called_again(void **state) {
    (void)state;
    pthread_t thread;
    memset(&deed_gate, 0, sizeof deed_gate);
    struct player c = {.name = "busy", .kind = WEIR_CONSUMER, .does.cast = deed_stay_in_cast};
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true, .close_ns = 1000000});
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    while (weir__load_relaxed_u32(&deed_gate.inside) == 0) sched_yield();
    pthread_create(&thread, NULL, let_it_go_at_last, NULL);
    weir_status status = weir_runtime_close(rig.runtime, NULL);
    assert_int_equal(status, WEIR_TIMEOUT);
    rig_expect_log(&rig, "warning: weir_runtime_close waits for a callback of stage busy to "
                         "return\n");
    assert_int_equal(weir_runtime_stages(rig.runtime), 1);
    weir__exchange_u32(&deed_gate.leave, 1);
    pthread_join(thread, NULL);
    weir_runtime_run(rig.runtime, WEIR_FOREVER);
    rig_close(&rig);
}

static void stay_in_done(void *context, weir_status status, const weir_drain_report *report) {
    (void)context, (void)status, (void)report;
    deed_stay();
}

static void a_close_says_that_done_keeps_it(void **state) {
    (void)state;
    pthread_t thread;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    memset(&deed_gate, 0, sizeof deed_gate);
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true, .close_ns = 1000000});
    player_start(&c, &rig, NULL);
    weir_runtime_drain_begin(rig.runtime, WEIR_FOREVER, stay_in_done, NULL, NULL);
    while (weir__load_relaxed_u32(&deed_gate.inside) == 0) sched_yield();
    pthread_create(&thread, NULL, let_it_go_at_last, NULL);
    assert_int_equal(weir_runtime_close(rig.runtime, NULL), WEIR_TIMEOUT);
    rig_expect_log(&rig, "warning: weir_runtime_close waits for a drain's `done` to return\n");
    weir__exchange_u32(&deed_gate.leave, 1);
    pthread_join(thread, NULL);
    rig_close(&rig);
}

static weir_verdict leave_when_told(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    weir__exchange_u32(&deed_gate.inside, 2);
    while (!weir_ending_here()) sched_yield();
    return WEIR_CONTINUE;
}

static void a_callback_that_asks_does_not_hold_it_up(void **state) {
    (void)state;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = leave_when_told};
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    while (weir__load_relaxed_u32(&deed_gate.inside) != 2) sched_yield();
    rig_close(&rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_loop_drains),
        IN_WORLDS(who_steps_drains_in_passing),
        cmocka_unit_test(when_time_is_up_it_is_told_as_well),
        cmocka_unit_test(a_drain_whose_time_was_up_is_begun_again),
        cmocka_unit_test(none_begins_as_it_closes),
        cmocka_unit_test(a_runtime_closed_amid_its_drain),
        cmocka_unit_test(what_done_asks_for_is_told),
        IN_WORLDS(who_runs_drains_rings),
        cmocka_unit_test(a_close_says_who_keeps_it_and_may_be_called_again),
        cmocka_unit_test(a_close_says_that_done_keeps_it),
        cmocka_unit_test(a_callback_that_asks_does_not_hold_it_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
