/*
 * Waiting for a stream's events: on the stream itself, and on its descriptor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a reader that sleeps is woken by events and by the end; the descriptor is
 * readable while there is something to take or the end to be learnt, and quiet
 * once TIMEOUT was returned, however the calls are mixed; what another thread does
 * meanwhile is never missed.
 * Method: stepped runtimes and poll without waiting, for what is certain; real
 * workers and a reader that waits for ever, for the rest: a lost wake-up hangs.
 */
#include "support/cmocka.h"
#include "support/stream_scene.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static struct stream_scene f;

static int descriptor(void) {
    int fd = -1;
    assert_int_equal(weir_stream_fd(f.stream, &fd), WEIR_OK);
    return fd;
}

static bool readable(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_true(poll(&wanted, 1, 0) >= 0);
    return (wanted.revents & POLLIN) != 0;
}

/* ---- the descriptor, stepped --------------------------------------------- */

static void open_by_hand(void) {
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 0, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
    rig_rest(&f.rig);
}

static void readable_while_there_is_something(void **state) {
    (void)state;
    open_by_hand();
    int fd = descriptor();
    assert_int_equal(descriptor(), fd);
    assert_false(readable(fd));
    player_cast(&f.p, 3);
    assert_false(readable(fd));
    rig_rest(&f.rig);
    assert_true(readable(fd));
    scene_take_numbers(&f, 0, 1); /* one at a time, as who waits each time does */
    assert_true(readable(fd));
    scene_take_numbers(&f, 1, 2);
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    assert_false(readable(fd));
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    player_cast(&f.p, 1);
    rig_rest(&f.rig);
    assert_true(readable(fd));
    scene_take_numbers(&f, 3, 1);
    player_cast(&f.p, 1);
    rig_rest(&f.rig);
    scene_take_numbers(&f, 4, 1); /* without a TIMEOUT in between */
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    assert_false(readable(fd));
    player_stop(&f.p, WEIR_REASON_USER);
    rig_rest(&f.rig);
    assert_true(readable(fd)); /* the end */
    scene_expect_end(&f, WEIR_REASON_USER);
    assert_true(readable(fd));
    scene_finish(&f);
}

/* It is asked for amid a batch, behind events, and behind the end. */
static void the_descriptor_may_come_late(void **state) {
    (void)state;
    open_by_hand();
    player_cast(&f.p, 3);
    rig_rest(&f.rig);
    scene_take_numbers(&f, 0, 2);
    assert_true(readable(descriptor())); /* one is left of the batch at hand */
    scene_finish(&f);
    open_by_hand();
    player_cast(&f.p, 3);
    rig_rest(&f.rig);
    assert_true(readable(descriptor()));
    scene_finish(&f);
    open_by_hand();
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_rest(&f.rig);
    assert_true(readable(descriptor()));
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

/* Waiting in next leaves the descriptor as quiet, or as readable, as it ought to be. */
static void waiting_calls_and_the_descriptor(void **state) {
    (void)state;
    open_by_hand();
    int fd = descriptor();
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT); /* at rest */
    assert_false(readable(fd));
    player_cast(&f.p, 2);
    scene_take_numbers(&f, 0, 1);
    assert_true(readable(fd));
    scene_take_numbers(&f, 1, 1);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    assert_false(readable(fd));
    scene_finish(&f);
}

/* A signal that comes late, when all is taken, costs one call and is then quiet. */
static void a_late_signal_is_cleared(void **state) {
    (void)state;
    open_by_hand();
    int fd = descriptor();
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    uint64_t one = 1;
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
    assert_true(readable(fd));
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    assert_false(readable(fd));
    scene_finish(&f);
}

/* The reader may go while it waits at its descriptor, which the stage then closes. */
static void the_descriptor_goes_with_the_stream(void **state) {
    (void)state;
    open_by_hand();
    int fd = descriptor();
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    scene_close_stream(&f);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 0), 1);
    assert_int_equal(wanted.revents, POLLNVAL);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_close(&f.rig);
}

static void without_descriptors_it_is_refused(void **state) {
    (void)state;
    open_by_hand();
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int fd = -7;
    weir_status status = weir_stream_fd(f.stream, &fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, WEIR_SYSTEM);
    assert_int_equal(fd, -7);
    assert_string_equal(weir_refusal(), "no eventfd: Too many open files");
    assert_false(readable(descriptor()));
    scene_finish(&f);
}

/* ---- on real workers ----------------------------------------------------- */

enum { MANY = 20000 };

static void open_threads(weir_idle idle, weir_subscribe_options options, uint64_t limit) {
    rig_open(&f.rig, &(weir_runtime_options){.workers = 2, .idle = idle, .unpinned = true});
    scene_start(&f, &f.p, "p", limit, true);
    scene_open(&f, options);
}

static void a_sleeping_reader_is_woken_by_events(void **state) {
    (void)state;
    static const size_t demands[] = {1, 2, 10, 1000};
    for (int i = 0; i < 8; i++) {
        open_threads(i < 4 ? WEIR_IDLE_PARK : WEIR_IDLE_SPIN_THEN_PARK,
                     (weir_subscribe_options){.max_demand = demands[i % 4]}, MANY);
        scene_take_numbers(&f, 0, i % 4 < 2 ? MANY / 10 : MANY);
        scene_finish(&f);
    }
}

static void time_runs_out(void **state) {
    (void)state;
    open_threads(WEIR_IDLE_PARK, (weir_subscribe_options){0}, 0);
    for (int i = 0; i < 3; i++) assert_int_equal(scene_try(&f, 100000), WEIR_TIMEOUT);
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    int fd = descriptor();
    assert_int_equal(scene_try(&f, 100000), WEIR_TIMEOUT);
    player_cast(&f.p, 1);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, -1), 1);
    scene_take_numbers(&f, 0, 1);
    scene_finish(&f);
}

/* Where looking is in vain, it looks for less; the fixed ways to idle keep to what they are. */
static void who_waited_in_vain_looks_for_less(void **state) {
    (void)state;
    static const struct {
        weir_idle idle;
        uint32_t looks[5]; /* at first, and after each wait */
    } cases[] = {{WEIR_IDLE_ADAPT, {256, 128, 64, 32, 32}},
                 {WEIR_IDLE_SPIN_THEN_PARK, {256, 256, 256, 256, 256}},
                 {WEIR_IDLE_PARK, {0, 0, 0, 0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1, .idle = cases[i].idle});
        scene_start(&f, &f.p, "p", 0, true);
        scene_open(&f, (weir_subscribe_options){0});
        for (int waits = 0; waits < 5; waits++) {
            assert_int_equal(f.stream->quay.polls, cases[i].looks[waits]);
            assert_int_equal(scene_try(&f, 1000), WEIR_TIMEOUT);
        }
        scene_finish(&f);
    }
}

static void stop_the_stage(void *argument) {
    (void)argument;
    weir_stop(f.rig.runtime, f.s.ref, WEIR_REASON_USER);
}

static void a_sleeping_reader_is_woken_by_the_end(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        open_threads(WEIR_IDLE_PARK, (weir_subscribe_options){0}, 0);
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "stopper", stop_the_stage, NULL), 0);
        scene_expect_end(&f, WEIR_REASON_USER);
        weir__thread_join(&thread);
        scene_finish(&f);
    }
}

/* Waits at the descriptor; then takes one, or all there is, as `all` says. */
static void read_by_epoll(uint64_t count, bool all) {
    int epoll = epoll_create1(0);
    int fd = descriptor();
    struct epoll_event wanted = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted), 0);
    for (uint64_t next = 0; next < count;) {
        struct epoll_event ready;
        assert_int_equal(epoll_wait(epoll, &ready, 1, -1), 1);
        uint64_t number;
        do {
            weir_status status = weir_stream_next(f.stream, &number, 0);
            if (status == WEIR_TIMEOUT) break;
            assert_int_equal(status, WEIR_OK);
            assert_int_equal(number, next++);
            f.s.handled++;
        } while (all && next < count);
    }
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
    close(epoll);
}

static void an_epoll_loop_misses_nothing(void **state) {
    (void)state;
    static const size_t demands[] = {1, 3, 100};
    for (int i = 0; i < 6; i++) {
        open_threads(i < 3 ? WEIR_IDLE_PARK : WEIR_IDLE_SPIN_THEN_PARK,
                     (weir_subscribe_options){.max_demand = demands[i % 3]}, MANY);
        read_by_epoll(MANY / 4, i % 2 == 0);
        scene_finish(&f);
    }
}

/* Who has waited and taken all has told the stage: a settled runtime knows it. */
static void what_was_read_is_on_the_books(void **state) {
    (void)state;
    open_threads(WEIR_IDLE_PARK, (weir_subscribe_options){.max_demand = 100}, 70);
    scene_take_numbers(&f, 0, 70);
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).handled, 70);
    assert_int_equal(rig_accounts(&f.rig).in_flight, 0);
    scene_finish(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readable_while_there_is_something),
        cmocka_unit_test(the_descriptor_may_come_late),
        cmocka_unit_test(waiting_calls_and_the_descriptor),
        cmocka_unit_test(a_late_signal_is_cleared),
        cmocka_unit_test(the_descriptor_goes_with_the_stream),
        cmocka_unit_test(without_descriptors_it_is_refused),
        cmocka_unit_test(a_sleeping_reader_is_woken_by_events),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(who_waited_in_vain_looks_for_less),
        cmocka_unit_test(a_sleeping_reader_is_woken_by_the_end),
        cmocka_unit_test(an_epoll_loop_misses_nothing),
        cmocka_unit_test(what_was_read_is_on_the_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
