/*
 * The runtime: it opens whole or not at all, waits as told, and leaves nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: workers are as many as asked for, each a thread or none; run, settle and
 * step keep to their mode and their time; stop reaches every stage; close ends
 * whatever runs, joins every thread and frees everything; refusals inside
 * callbacks; a thread that cannot be started undoes the whole opening.
 * Method: stages that hold their worker until the test lets go; the threads
 * that the kernel lists; memory that fails at each call in turn.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

#include "base/atomic.h"
#include "os/futex.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const weir_runtime_options stepped = {.mode = WEIR_STEPPED, .workers = 1};
static const weir_runtime_options threads = {.mode = WEIR_THREADS, .workers = 2};

/* Threads that bear a worker's name: sanitizers have threads of their own. */
static unsigned count_workers(void) {
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char name[16] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL) continue;
        if (fgets(name, sizeof name, file) != NULL) count += strncmp(name, "weir/", 5) == 0;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

/*
 * A thread names itself as it begins, and the kernel lists it for a moment after
 * it was joined: waits, for ever if need be, until there are so many.
 */
static void expect_workers(unsigned count) {
    while (count_workers() != count) sched_yield();
}

/* ---- opening and closing ------------------------------------------------- */

static void opens_as_many_workers_as_asked_for(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        for (unsigned workers = 1; workers <= 9; workers += 4) {
            struct rig rig;
            rig_open(&rig,
                     &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = workers});
            assert_int_equal(weir_runtime_workers(rig.runtime), workers);
            assert_int_equal(weir_runtime_stages(rig.runtime), 0);
            expect_workers(mode == WEIR_THREADS ? workers : 0);
            assert_string_equal(weir_runtime_allocator(rig.runtime), "user");
            rig_close(&rig);
            expect_workers(0);
        }
    }
}

static void opens_without_options(void **state) {
    (void)state;
    weir_runtime *runtime;
    assert_int_equal(weir_runtime_open(NULL, &runtime), WEIR_OK);
    assert_true(weir_runtime_workers(runtime) >= 1);
    expect_workers(weir_runtime_workers(runtime));
    assert_string_not_equal(weir_runtime_allocator(runtime), "user");
    assert_int_equal(weir_runtime_run(runtime, 0), WEIR_OK); /* nothing runs */
    assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    expect_workers(0);
}

static void several_may_be_open(void **state) {
    (void)state;
    struct rig rigs[3];
    struct player c[3];
    memset(c, 0, sizeof c);
    for (int i = 0; i < 3; i++) {
        rig_open(&rigs[i], i == 1 ? &stepped : &threads);
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        player_start(&c[i], &rigs[i], NULL);
    }
    for (int i = 0; i < 3; i++) { /* a reference of one is nobody's in another */
        for (int k = 0; k < 3; k++) {
            weir_status status = weir_info(rigs[i].runtime, c[k].ref, NULL, 0);
            assert_int_equal(status, i == k ? WEIR_OK : WEIR_NO_STAGE);
        }
    }
    for (int i = 2; i >= 0; i--) {
        rig_rest(&rigs[i]);
        player_expect(&c[i], "info 0\n");
        rig_close(&rigs[i]);
    }
}

static void without_memory_nothing_is_left(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_STEPPED; mode++) {
        weir_status status = WEIR_NO_MEMORY;
        uint64_t at = 1;
        for (; status != WEIR_OK; at++) {
            struct rig rig;
            memset(&rig, 0, offsetof(struct rig, journal));
            test_memory_open(&rig.memory);
            test_memory_fail(&rig.memory, at, false);
            weir_runtime_options options = {.mode = (weir_runtime_mode)mode,
                                            .workers = 3,
                                            .allocator = rig.memory.allocator.use};
            status = weir_runtime_open(&options, &rig.runtime);
            if (status == WEIR_OK) {
                weir_runtime_close(rig.runtime, NULL);
            } else {
                assert_int_equal(status, WEIR_NO_MEMORY);
                assert_string_equal(weir_refusal(), "no memory for a runtime of 3 workers");
            }
            test_memory_close(&rig.memory);
            expect_workers(0);
        }
        assert_true(at > 2);
    }
}

/* The pipeline runs on when it is told to close: whatever is on its way is counted. */
static void closes_whatever_runs(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        for (int idle = WEIR_IDLE_ADAPT; idle <= WEIR_IDLE_SPIN_THEN_PARK; idle++) {
            struct rig rig;
            rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode,
                                                   .workers = 2,
                                                   .idle = (weir_idle)idle,
                                                   .seed = 5});
            struct player p = {
                .name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
            struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
            PLAYERS_START(&rig, &p, &t, &c);
            player_subscribe(&t, &p, NULL);
            player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 100});
            if (mode == WEIR_THREADS) {
                while (rig_accounts(&rig).handled < 1000) weir__cpu_relax();
            } else {
                weir_runtime_step(rig.runtime, 50);
            }
            rig_close(&rig);
            expect_workers(0);
        }
    }
}

/* ---- running ------------------------------------------------------------- */

static weir_verdict stop_when_done(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    (void)batch;
    return player->handled >= 1000 ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_verdict stop_too(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)self;
    (void)player;
    (void)peer;
    return WEIR_STOP;
}

static void runs_until_all_have_stopped(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 2});
        struct player p = {.name = "p",
                           .kind = WEIR_PRODUCER,
                           .limit = UINT64_MAX,
                           .quiet = true,
                           .does.cancel = stop_too};
        struct player c = {
            .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.events = stop_when_done};
        PLAYERS_START(&rig, &p, &c);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 50});
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(weir_runtime_stages(rig.runtime), 0);
        assert_true(c.handled >= 1000);
        assert_int_equal(weir_runtime_run(rig.runtime, 0), WEIR_OK);
        rig_close(&rig);
    }
}

static void does_not_wait_for_who_will_never_stop(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 2});
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&c, &rig, NULL);
        /* Stepped, it knows at once; threads are waited for. */
        uint64_t timeout = mode == WEIR_THREADS ? 1000 : WEIR_FOREVER;
        assert_int_equal(weir_runtime_run(rig.runtime, timeout), WEIR_TIMEOUT);
        rig_close(&rig);
    }
}

static void keeps_to_its_time(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 2});
        struct player c = {
            .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = deed_cast_again};
        player_start(&c, &rig, NULL);
        player_cast(&c, 1);
        assert_int_equal(weir_runtime_run(rig.runtime, 0), WEIR_TIMEOUT);
        assert_int_equal(weir_runtime_settle(rig.runtime, 0), WEIR_TIMEOUT);
        assert_int_equal(weir_runtime_run(rig.runtime, 100000), WEIR_TIMEOUT);
        assert_int_equal(weir_runtime_settle(rig.runtime, 100000), WEIR_TIMEOUT);
        rig_close(&rig);
    }
}

/* ---- settling ------------------------------------------------------------ */

struct gate {
    uint32_t inside; /* atomic */
    uint32_t open;   /* atomic, a futex */
};

static weir_verdict wait_at_gate(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    (void)number;
    struct gate *gate = player->own;
    weir__store_release_u32(&gate->inside, 1);
    while (weir__load_acquire_u32(&gate->open) == 0) {
        weir__futex_wait(&gate->open, 0, UINT64_MAX);
    }
    return WEIR_CONTINUE;
}

/* Not at rest while a callback runs, wherever and whatever else is still. */
static void is_not_at_rest_while_a_callback_runs(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &threads);
    struct gate gate = {0, 0};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .own = &gate, .does.cast = wait_at_gate};
    player_start(&c, &rig, NULL);
    rig_rest(&rig);
    player_cast(&c, 1);
    assert_int_equal(weir_runtime_settle(rig.runtime, 0), WEIR_TIMEOUT);
    while (weir__load_acquire_u32(&gate.inside) == 0) weir__cpu_relax();
    assert_int_equal(weir_runtime_settle(rig.runtime, 1000), WEIR_TIMEOUT);
    weir__store_release_u32(&gate.open, 1);
    weir__futex_wake(&gate.open, 1);
    rig_rest(&rig);
    player_expect(&c, "cast 1\n");
    rig_close(&rig);
}

/* When it says so, every event has been handled: asked again and again while it runs. */
static void at_rest_means_at_rest(void **state) {
    (void)state;
    for (int idle = WEIR_IDLE_ADAPT; idle <= WEIR_IDLE_SPIN_THEN_PARK; idle++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.workers = 3, .idle = (weir_idle)idle});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
        struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        PLAYERS_START(&rig, &p, &t, &c);
        const weir_subscribe_options options = {.max_demand = 10};
        player_subscribe(&t, &p, &options);
        player_subscribe(&c, &t, &options);
        for (uint64_t i = 1; i <= 60; i++) {
            player_cast(&p, i);
            rig_rest(&rig);
            assert_int_equal(c.handled, i * (i + 1) / 2);
        }
        rig_close(&rig);
    }
}

/* ---- stopping ------------------------------------------------------------ */

static void stop_reaches_every_stage(void **state) {
    (void)state;
    enum { STAGES = 12 };
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 3});
        static struct player c[STAGES];
        memset(c, 0, sizeof c);
        for (int i = 0; i < STAGES; i++) {
            c[i].name = "c";
            c[i].kind = WEIR_CONSUMER;
            player_start(&c[i], &rig, NULL);
        }
        assert_int_equal(weir_runtime_stages(rig.runtime), STAGES);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_stop(rig.runtime, WEIR_REASON_USER), WEIR_OK);
        assert_int_equal(weir_runtime_stop(rig.runtime, WEIR_REASON_USER), WEIR_OK);
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        for (int i = 0; i < STAGES; i++) player_expect(&c[i], "terminate user\n");
        /* It is open still. */
        struct player d = {.name = "d", .kind = WEIR_CONSUMER};
        player_start(&d, &rig, NULL);
        rig_rest(&rig);
        player_stop(&d, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&d, "terminate normal\n");
        rig_close(&rig);
    }
}

/* ---- inside callbacks ---------------------------------------------------- */

static weir_verdict call_from_inside(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    weir_runtime *runtime = weir_stage_runtime(self);
    (void)number;
    RIG_CHECK(rig, weir_runtime_run(runtime, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(rig, strcmp(weir_refusal(), "weir_runtime_run would wait for the worker that calls "
                                          "it") == 0);
    RIG_CHECK(rig, weir_runtime_settle(runtime, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(rig, weir_runtime_close(runtime, NULL) == WEIR_WRONG_THREAD);
    RIG_CHECK(rig, strcmp(weir_refusal(), "weir_runtime_close would wait for the worker that "
                                          "calls it") == 0);
    RIG_CHECK(rig, weir_runtime_step(runtime, 1) == 0);
    weir_accounts accounts;
    RIG_CHECK(rig, weir_runtime_accounts(runtime, &accounts) == WEIR_OK);
    RIG_CHECK(rig, weir_runtime_stages(runtime) == 1);
    RIG_CHECK(rig, weir_runtime_stop(runtime, WEIR_REASON_USER) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void waiting_inside_a_callback_is_refused(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 1});
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = call_from_inside};
        player_start(&c, &rig, NULL);
        player_cast(&c, 1);
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        player_expect(&c, "cast 1\nterminate user\n");
        rig_close(&rig);
    }
}

static void start_another(weir_stage *self, struct player *player) {
    weir_runtime *runtime = weir_stage_runtime(self);
    struct player *other = player->own;
    weir_status status = player_try_start(other, player->rig, NULL);
    player_say(player, "%s: %s", weir_status_name(status), weir_refusal());
    status = weir_subscribe(runtime, weir_self(self), weir_self(self), NULL, NULL);
    player_say(player, "%s", weir_status_name(status));
    player->rig->players = other->started;
}

static void closing_is_the_end_of_starting(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 2});
        struct player other = {.name = "other", .kind = WEIR_CONSUMER};
        struct player c = {
            .name = "c", .kind = WEIR_CONSUMER, .own = &other, .does.terminate = start_another};
        player_start(&c, &rig, NULL);
        rig_close(&rig);
        player_expect(&c, "terminate shutdown\nWEIR_CLOSED: the runtime is closing\n"
                          "WEIR_CLOSED\n");
    }
}

/* ---- threads that cannot be had ------------------------------------------ */

/* In a child process: 0 when opening was refused and nothing was left of it. */
static int open_more_than_there_is_room_for(void) {
    struct test_memory memory;
    test_memory_open(&memory);
    weir_runtime_options options = {.workers = 1000, .allocator = memory.allocator.use};
    weir_runtime *runtime;
    weir_status status = weir_runtime_open(&options, &runtime);
    if (status != WEIR_SYSTEM || memory.live != 0) return 1;
    expect_workers(0);
    return strstr(weir_refusal(), " of 1000 could not be started: ") != NULL ? 0 : 3;
}

static void a_thread_that_cannot_be_started_undoes_it_all(void **state) {
    (void)state;
    test_with_little_memory(open_more_than_there_is_room_for, 512u << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_cannot_be_started_undoes_it_all),
        cmocka_unit_test(opens_as_many_workers_as_asked_for),
        cmocka_unit_test(opens_without_options),
        cmocka_unit_test(several_may_be_open),
        cmocka_unit_test(without_memory_nothing_is_left),
        cmocka_unit_test(closes_whatever_runs),
        cmocka_unit_test(runs_until_all_have_stopped),
        cmocka_unit_test(does_not_wait_for_who_will_never_stop),
        cmocka_unit_test(keeps_to_its_time),
        cmocka_unit_test(is_not_at_rest_while_a_callback_runs),
        cmocka_unit_test(at_rest_means_at_rest),
        cmocka_unit_test(stop_reaches_every_stage),
        cmocka_unit_test(waiting_inside_a_callback_is_refused),
        cmocka_unit_test(closing_is_the_end_of_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
