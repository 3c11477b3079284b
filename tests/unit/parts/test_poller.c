/*
 * The poller: descriptors of a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what comes by descriptors is read as it is asked for, each in turn, and none of it is lost;
 * each descriptor is closed once, whatever ends it; connections are bounded; a drain reads no more,
 * accepts no more, and waits for writes.
 * Method: pairs of sockets whose other ends are the test's, and a consumer that asks by hand, in
 * runtimes that are stepped; numbers say who sent what.  (On threads: test_poller_threads.c; a
 * whole service: examples.)
 */
#include "support/poller_scene.h"
#include "support/worlds.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- reading as it is asked for --------------------------------------------------- */

static void nothing_is_read_unasked(void) {
    poller_scene_begin();
    poller_scene_start(1);
    poller_scene_send(0, 0, 50);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.reads[0], 0);
    poller_scene_ask(3);
    assert_int_equal(poller_scene.reads[0], 3);
    assert_int_equal(poller_scene.c.handled, 3);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.reads[0], 3);
    poller_scene_ask(100);
    assert_int_equal(poller_scene.c.handled, 50);
    assert_int_equal(poller_scene.c.sum, 49 * 50 / 2);
    poller_scene_send(0, 50, 10); /* who is asked is woken by what comes */
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.c.handled, 60);
    poller_scene_end(1);
}

/* It goes first, and until it has gone nothing is read. */
static void what_was_read_beyond_is_kept(void) {
    poller_scene_begin();
    poller_scene.bytes_a_read = 20 * sizeof(uint64_t);
    poller_scene_start(1);
    poller_scene_send(0, 0, 40);
    poller_scene_ask(5);
    assert_int_equal(poller_scene.reads[0], 1);
    poller_scene_ask(14);
    assert_int_equal(poller_scene.reads[0], 1);
    assert_int_equal(poller_scene.c.handled, 19);
    poller_scene_ask(2);
    assert_int_equal(poller_scene.reads[0], 2);
    poller_scene_ask(100);
    assert_int_equal(poller_scene.c.handled, 40);
    assert_int_equal(poller_scene.c.sum, 39 * 40 / 2);
    poller_scene_end(1);
}

/* More of them than are found at once, and one asked for at a time. */
static void each_has_its_turn(void) {
    poller_scene_begin();
    poller_scene_start(SOCKETS);
    for (unsigned i = 0; i < SOCKETS; i++) poller_scene_send(i, 0, 3);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < SOCKETS; i++) poller_scene_ask(1);
        for (unsigned i = 0; i < SOCKETS; i++)
            assert_in_range(poller_scene.reads[i], round - 1, round + 1);
    }
    poller_scene_ask(1000);
    assert_int_equal(poller_scene.c.handled, 3 * SOCKETS);
    poller_scene_end(SOCKETS);
}

static void each_has_its_turn_at_once(void) {
    poller_scene_begin();
    poller_scene_start(3);
    for (uint64_t i = 0; i < EACH; i++) poller_scene_send(0, i, 1);
    poller_scene_send(1, 0, 2);
    poller_scene_send(2, 0, 2);
    poller_scene_ask(8);
    assert_int_equal(poller_scene.reads[1], 2);
    assert_int_equal(poller_scene.reads[2], 2);
    poller_scene_ask(1000);
    assert_int_equal(poller_scene.c.handled, EACH + 4);
    poller_scene_end(3);
}

static void some_are_read_at_any_time(void) {
    poller_scene_begin();
    poller_scene.want = WEIR_POLL_READ_ALWAYS;
    poller_scene_start(1);
    poller_scene_send(0, 0, 5);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.reads[0], 5);
    assert_int_equal(poller_scene.c.handled, 0);
    poller_scene_ask(10);
    assert_int_equal(poller_scene.c.handled, 5);
    poller_scene_end(1);
}

/* ---- how one ends ------------------------------------------------------------------- */

/* What was sent before is read first. */
static void an_end_is_read_when_it_is_asked_for(void) {
    poller_scene_begin();
    poller_scene_start(2);
    poller_scene_send(0, 0, 4);
    close(poller_scene.ends[0]);
    poller_scene.ends[0] = -1;
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.closed, 0);
    poller_scene_ask(4);
    assert_int_equal(poller_scene.c.handled, 4);
    poller_scene_ask(1);
    assert_int_equal(poller_scene.closed, 1);
    poller_scene_send(1, 0, 1);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.c.handled, 5);
    poller_scene_end(2);
}

static weir_verdict write_only(weir_stage *self) {
    poller_scene.status = weir_poller_want(self, poller_scene.own[0], WEIR_POLL_WRITE);
    return WEIR_CONTINUE;
}

static weir_verdict wait_for_nothing(weir_stage *self) {
    poller_scene.status = weir_poller_want(self, poller_scene.own[0], 0);
    return WEIR_CONTINUE;
}

static void written_when_there_is_room(void) {
    poller_scene_begin();
    poller_scene_start(1);
    poller_scene_cast(wait_for_nothing);
    static const char zeros[4096];
    while (write(poller_scene.own[0], zeros, sizeof zeros) > 0) {}
    poller_scene.cast = write_only;
    assert_int_equal(weir_cast(poller_scene.rig.runtime, poller_scene.poller, NULL, 0), WEIR_OK);
    weir_runtime_step(poller_scene.rig.runtime, 1000);
    assert_int_equal(poller_scene.status, WEIR_OK);
    assert_int_equal(poller_scene.writes, 0);
    char got[4096];
    for (int i = 0; i < 200 && poller_scene.writes == 0; i++) {
        assert_true(recv(poller_scene.ends[0], got, sizeof got, MSG_DONTWAIT) > 0);
        weir_runtime_step(poller_scene.rig.runtime, 10);
    }
    assert_true(poller_scene.writes > 0);
    poller_scene_cast(wait_for_nothing);
    unsigned writes = poller_scene.writes;
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.writes, writes);
    poller_scene_end(1);
}

static weir_verdict close_it(weir_stage *self) {
    size_t before = weir_poller_count(self);
    poller_scene.status = weir_poller_close(self, poller_scene.own[0]);
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == before - 1);
    RIG_CHECK(&poller_scene.rig, weir_poller_close(self, poller_scene.own[0]) == WEIR_INVALID);
    return WEIR_CONTINUE;
}

static weir_verdict remove_it(weir_stage *self) {
    poller_scene.status = weir_poller_remove(self, poller_scene.own[0]);
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == poller_scene.sockets - 1);
    return WEIR_CONTINUE;
}

static void one_is_closed_amid_others(void) {
    poller_scene_begin();
    poller_scene_start(3);
    for (unsigned i = 0; i < 3; i++) poller_scene_send(i, 0, 2);
    poller_scene_ask(1); /* the others were found, and are not read yet */
    poller_scene_cast(close_it);
    assert_int_equal(poller_scene.status, WEIR_OK);
    assert_int_equal(poller_scene.closed, 1);
    poller_scene_ask(100);
    assert_in_range(poller_scene.c.handled, 4, 5);
    poller_scene_end(3);
}

/* It is open elsewhere: the set would have it still, if nobody took it out. */
static void a_copy_does_not_keep_it(void) {
    poller_scene_begin();
    poller_scene_start(1);
    int copy = dup(poller_scene.own[0]);
    poller_scene_cast(close_it);
    poller_scene_send(0, 0, 2);
    poller_scene_ask(10);
    assert_int_equal(poller_scene.c.handled, 0);
    close(copy);
    poller_scene_end(1);
}

static void one_is_removed_and_stays_open(void) {
    poller_scene_begin();
    poller_scene_start(1);
    poller_scene_send(0, 0, 1);
    poller_scene_cast(remove_it);
    poller_scene_ask(10);
    assert_int_equal(poller_scene.c.handled, 0);
    uint64_t number;
    assert_int_equal(read(poller_scene.own[0], &number, sizeof number), sizeof number);
    close(poller_scene.own[0]);
    poller_scene_end(0);
}

static void a_stop_closes_all(void) {
    poller_scene_begin();
    poller_scene_start(3);
    poller_scene_send(0, 0, 5);
    assert_int_equal(weir_stop(poller_scene.rig.runtime, poller_scene.poller, WEIR_REASON_NORMAL),
                     WEIR_OK);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.closed, 3);
    poller_scene_end(3);
}

static weir_verdict stops(weir_stage *self) {
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void a_start_that_fails_closes_all(void **state) {
    (void)state;
    poller_scene_begin();
    rig_open(&poller_scene.rig, NULL);
    poller_scene_open_sockets(2);
    poller_scene.init = stops;
    assert_int_equal(poller_scene_try_start(WEIR_PRODUCER), WEIR_INIT_STOPPED);
    poller_scene_end(2);
}

static void without_memory_there_is_none(void **state) {
    (void)state;
    for (uint64_t fail = 1;; fail++) {
        poller_scene_begin();
        rig_open(&poller_scene.rig, NULL);
        poller_scene_open_sockets(0);
        test_memory_fail(&poller_scene.rig.memory, fail, true);
        weir_status status = poller_scene_try_start(WEIR_PRODUCER);
        test_memory_fail_never(&poller_scene.rig.memory);
        if (status != WEIR_OK) assert_int_equal(status, WEIR_NO_MEMORY);
        poller_scene_end(0);
        if (status == WEIR_OK) break;
    }
}

/* ---- accepting ---------------------------------------------------------------------- */

static weir_verdict accept_one(weir_stage *self, int fd, unsigned ready, void *context) {
    (void)context;
    RIG_CHECK(&poller_scene.rig, ready == WEIR_POLL_ACCEPT);
    int socket = accept(fd, NULL, NULL);
    if (socket < 0) return WEIR_CONTINUE;
    const weir_poller_watch watch = poller_scene_watch(poller_scene.accepted);
    RIG_CHECK(&poller_scene.rig, weir_poller_add(self, socket, &watch) == WEIR_OK);
    poller_scene.own[poller_scene.accepted++] = socket;
    return WEIR_CONTINUE;
}

static weir_verdict add_listener(weir_stage *self) {
    poller_scene.status = weir_poller_add(self, poller_scene.listener,
                                          &(weir_poller_watch){.want = WEIR_POLL_ACCEPT,
                                                               .ready = accept_one,
                                                               .closed = poller_scene_closed});
    return WEIR_CONTINUE;
}

static void connections_are_bounded(void) {
    poller_scene_begin();
    poller_scene.most = 3;
    poller_scene_listen();
    poller_scene_start(0);
    poller_scene_cast(add_listener);
    assert_int_equal(poller_scene.status, WEIR_OK);
    for (int i = 0; i < 5; i++) poller_scene_connect();
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.accepted, 2); /* and itself */
    assert_int_equal(poller_scene.closed, 0);
    poller_scene_cast(close_it); /* own[0] */
    assert_int_equal(poller_scene.accepted, 3);
    poller_scene_end(4);
}

/* ---- the end -------------------------------------------------------------------------- */

static void a_drain_reads_and_accepts_no_more(void) {
    poller_scene_begin();
    poller_scene_listen();
    poller_scene_start(0);
    poller_scene_cast(add_listener);
    poller_scene_connect();
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.accepted, 1);
    poller_scene_send(0, 0, 5);
    poller_scene_ask(3);
    assert_int_equal(poller_scene.c.handled, 3);
    poller_scene_connect();
    assert_int_equal(weir_finish(poller_scene.rig.runtime, poller_scene.poller), WEIR_OK);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.c.handled, 3);
    assert_int_equal(poller_scene.closed, 2);
    poller_scene_end(2);
}

static weir_verdict written(weir_stage *self, int fd, unsigned ready, void *context) {
    (void)context;
    RIG_CHECK(&poller_scene.rig, ready == WEIR_POLL_WRITE);
    poller_scene.writes++;
    RIG_CHECK(&poller_scene.rig, write(fd, "x", 1) == 1);
    poller_scene.status = weir_poller_want(self, fd, 0);
    return WEIR_CONTINUE;
}

static weir_verdict fill_and_wait(weir_stage *self) {
    static const char zeros[4096];
    while (write(poller_scene.own[0], zeros, sizeof zeros) > 0) {}
    RIG_CHECK(&poller_scene.rig, weir_poller_remove(self, poller_scene.own[0]) == WEIR_OK);
    poller_scene.status = weir_poller_add(self, poller_scene.own[0],
                                          &(weir_poller_watch){.want = WEIR_POLL_WRITE,
                                                               .ready = written,
                                                               .closed = poller_scene_closed});
    return WEIR_CONTINUE;
}

static void a_drain_waits_for_writes(void) {
    poller_scene_begin();
    poller_scene_start(1);
    poller_scene_cast(fill_and_wait);
    assert_int_equal(poller_scene.status, WEIR_OK);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(poller_scene.rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.why, WEIR_HOLDUP_WRITES);
    assert_string_equal(report.name, "in");
    assert_string_equal(weir_holdup_text(report.why), "writes");
    char got[4096];
    while (recv(poller_scene.ends[0], got, sizeof got, MSG_DONTWAIT) > 0) {}
    assert_int_equal(weir_runtime_drain(poller_scene.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(poller_scene.writes, 1);
    assert_int_equal(poller_scene.closed, 1);
    poller_scene_end(1);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&poller_scene.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(nothing_is_read_unasked),
        IN_WORLDS(what_was_read_beyond_is_kept),
        IN_WORLDS(each_has_its_turn),
        IN_WORLDS(each_has_its_turn_at_once),
        IN_WORLDS(some_are_read_at_any_time),
        IN_WORLDS(an_end_is_read_when_it_is_asked_for),
        IN_WORLDS(written_when_there_is_room),
        IN_WORLDS(one_is_closed_amid_others),
        IN_WORLDS(a_copy_does_not_keep_it),
        IN_WORLDS(one_is_removed_and_stays_open),
        IN_WORLDS(a_stop_closes_all),
        cmocka_unit_test(a_start_that_fails_closes_all),
        cmocka_unit_test(without_memory_there_is_none),
        IN_WORLDS(connections_are_bounded),
        IN_WORLDS(a_drain_reads_and_accepts_no_more),
        IN_WORLDS(a_drain_waits_for_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
