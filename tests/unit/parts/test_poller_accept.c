/*
 * The poller's listeners when the process has no descriptors left.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a listener that stays ready while no connection can be accepted does not call for nothing
 * all the time: it is let be for a while, longer each time, the log tells it once, and nothing that
 * waits is lost; what is closed lets it go on at once.
 * Method: a simulated runtime, whose time is the test's, in a process that may open no more.
 */
#include "support/cmocka.h"
#include "support/poller_scene.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 1000000 };

static unsigned called;
static unsigned refused; /* FULL */
static struct rlimit limit;

static weir_verdict accept_one(weir_stage *self, int fd, unsigned ready, void *context) {
    int socket = -1;
    (void)context;
    called++;
    RIG_CHECK(&poller_scene.rig, ready == WEIR_POLL_ACCEPT);
    weir_status status = weir_poller_accept(self, fd, &socket);
    refused += status == WEIR_FULL;
    RIG_CHECK(&poller_scene.rig, status == WEIR_FULL || status == WEIR_OK);
    if (status != WEIR_OK) return WEIR_CONTINUE;
    const weir_poller_watch watch = poller_scene_watch(poller_scene.accepted);
    RIG_CHECK(&poller_scene.rig, weir_poller_add(self, socket, &watch) == WEIR_OK);
    poller_scene.own[poller_scene.accepted++] = socket;
    return WEIR_CONTINUE;
}

static weir_verdict add_listener(weir_stage *self) {
    const weir_poller_watch watch = {
        .want = WEIR_POLL_ACCEPT, .ready = accept_one, .closed = poller_scene_closed};
    poller_scene.status = weir_poller_add(self, poller_scene.listener, &watch);
    return WEIR_CONTINUE;
}

static void begin(void) {
    poller_scene_begin();
    called = refused = 0;
    rig_open(&poller_scene.rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .seed = 1});
    poller_scene_listen();
    poller_scene_start(0);
    poller_scene_cast(add_listener);
    assert_int_equal(poller_scene.status, WEIR_OK);
}

/* No more than are open: a hole in their numbers would be one more. */
static void may_open_no_more(void) {
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, limit.rlim_max}), 0);
}

static void may_open_more(void) {
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void advance(uint64_t ms) {
    assert_int_equal(weir_runtime_advance(poller_scene.rig.runtime, ms * MS), WEIR_OK);
}

static void expect_warnings(unsigned count) {
    const char *at = poller_scene.rig.log.text;
    unsigned found = 0;
    for (; (at = strstr(at, "cannot accept connections (Too many open files)")) != NULL; at++)
        found++;
    assert_int_equal(found, count);
    poller_scene.rig.log.used = 0;
    poller_scene.rig.log.text[0] = 0;
}

static void it_pauses_longer_each_time(void **state) {
    (void)state;
    begin();
    poller_scene_connect();
    may_open_no_more();
    weir_runtime_step(poller_scene.rig.runtime, 200); /* which is not at rest for ever */
    assert_int_equal(called, 1);
    rig_rest(&poller_scene.rig);
    assert_int_equal(called, 1);
    static const uint64_t pauses[] = {10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000};
    for (unsigned i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        advance(pauses[i] - 1);
        assert_int_equal(called, i + 1);
        advance(1);
        advance(0);
        assert_int_equal(called, i + 2);
    }
    expect_warnings(1);
    may_open_more();
    advance(1000);
    assert_int_equal(poller_scene.accepted, 1);
    assert_int_equal(refused, 11);
    poller_scene_connect(); /* it begins anew */
    may_open_no_more();
    rig_rest(&poller_scene.rig);
    assert_int_equal(refused, 12);
    advance(9);
    assert_int_equal(refused, 12);
    advance(2);
    assert_int_equal(refused, 13);
    expect_warnings(0); /* it has just said so */
    may_open_more();
    advance(1000);
    assert_int_equal(poller_scene.accepted, 2);
    poller_scene_end(3);
}

static weir_verdict close_first(weir_stage *self) {
    poller_scene.status = weir_poller_close(self, poller_scene.own[0]);
    return WEIR_CONTINUE;
}

static void what_is_closed_makes_room(void **state) {
    (void)state;
    begin();
    poller_scene_connect();
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.accepted, 1);
    poller_scene_connect();
    may_open_no_more();
    rig_rest(&poller_scene.rig);
    assert_int_equal(refused, 1);
    poller_scene_cast(close_first);
    assert_int_equal(poller_scene.status, WEIR_OK);
    assert_int_equal(poller_scene.accepted, 2);
    may_open_more();
    expect_warnings(1);
    poller_scene_end(3);
}

static void one_that_ends_pauses_no_more(void **state) {
    (void)state;
    begin();
    poller_scene_connect();
    may_open_no_more();
    rig_rest(&poller_scene.rig);
    may_open_more();
    assert_int_equal(refused, 1);
    assert_int_equal(weir_stop(poller_scene.rig.runtime, poller_scene.poller, WEIR_REASON_NORMAL),
                     WEIR_OK);
    rig_rest(&poller_scene.rig);
    advance(100);
    expect_warnings(1);
    assert_int_equal(called, 1);
    poller_scene_end(1);
}

static weir_verdict accept_badly(weir_stage *self) {
    int out = 7;
    weir_poller_watch watch = poller_scene_watch(0);
    RIG_CHECK(&poller_scene.rig, weir_poller_accept(self, 9999, &out) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig,
              weir_poller_accept(self, poller_scene.listener, &out) == WEIR_TIMEOUT);
    RIG_CHECK(&poller_scene.rig, weir_poller_add(self, poller_scene.own[0], &watch) == WEIR_OK);
    RIG_CHECK(&poller_scene.rig,
              weir_poller_accept(self, poller_scene.own[0], &out) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig, strstr(weir_refusal(), "does not listen") != NULL);
    RIG_CHECK(&poller_scene.rig, out == 7);
    return WEIR_CONTINUE;
}

static void what_is_no_listener_is_refused(void **state) {
    (void)state;
    begin();
    poller_scene_open_sockets(1);
    poller_scene_cast(accept_badly);
    poller_scene_end(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_pauses_longer_each_time),
        cmocka_unit_test(what_is_closed_makes_room),
        cmocka_unit_test(one_that_ends_pauses_no_more),
        cmocka_unit_test(what_is_no_listener_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
