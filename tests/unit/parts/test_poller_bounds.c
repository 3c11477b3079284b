/*
 * The poller's descriptors when there are many, and when somebody else has his hands on them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: one busy connection keeps hundreds of others waiting for one read, not for its end; what
 * was closed behind the poller's back is refused and closed by nobody a second time; copies of one
 * socket may be two pollers'; a supervisor starts a poller again, whose init opens anew.
 * Method: pairs of sockets whose other ends are the test's, in runtimes that are stepped.
 */
#include "support/poller_scene.h"
#include "support/worlds.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void one_busy_beside_hundreds(void) {
    poller_scene_begin();
    poller_scene_start(SOCKETS_MOST);
    poller_scene_send(0, 0, EACH);
    for (unsigned i = 1; i < SOCKETS_MOST; i++) poller_scene_send(i, 0, 2);
    poller_scene_ask(SOCKETS_MOST);
    for (unsigned i = 0; i < SOCKETS_MOST; i++) assert_int_equal(poller_scene.reads[i], 1);
    poller_scene_ask(10000);
    assert_int_equal(poller_scene.c.handled, EACH + 2 * (SOCKETS_MOST - 1));
    poller_scene_end(SOCKETS_MOST);
}

/* ---- closed by others -------------------------------------------------------------- */

static int other = -1; /* has the number now */

static weir_verdict want_what_is_closed(weir_stage *self) {
    RIG_CHECK(&poller_scene.rig,
              weir_poller_want(self, poller_scene.own[0], WEIR_POLL_WRITE) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig,
              strstr(weir_refusal(), other < 0 ? "is no descriptor" : "is not the one") != NULL);
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == 2);
    return WEIR_CONTINUE;
}

static weir_verdict close_what_is_closed(weir_stage *self) {
    poller_scene.status = weir_poller_close(self, poller_scene.own[0]);
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == 1);
    return WEIR_CONTINUE;
}

static void closed_by_others(bool anew, bool copied) {
    poller_scene_begin();
    poller_scene.closes = true;
    poller_scene_start(2);
    int copy = copied ? dup(poller_scene.own[0]) : -1;
    close(poller_scene.own[0]);
    other = anew ? fcntl(poller_scene.ends[1], F_DUPFD_CLOEXEC, poller_scene.own[0]) : -1;
    if (anew) assert_int_equal(other, poller_scene.own[0]);
    poller_scene_cast(want_what_is_closed);
    poller_scene_cast(close_what_is_closed);
    assert_int_equal(poller_scene.status, WEIR_OK);
    assert_non_null(strstr(poller_scene.rig.log.text, "was closed by somebody else"));
    poller_scene.rig.log.used = 0;
    poller_scene.rig.log.text[0] = 0;
    if (anew) assert_true(fcntl(other, F_GETFD) >= 0);
    poller_scene.closed = 0; /* of this one it was told, though it was closed by others */
    poller_scene_send(1, 0, 3);
    poller_scene_ask(5);
    assert_int_equal(poller_scene.c.handled, 3);
    if (copied) { /* what a set names still is there */
        poller_scene_send(0, 0, 1);
        weir_runtime_step(poller_scene.rig.runtime, 50);
        assert_int_equal(poller_scene.c.handled, 3);
        close(copy);
    }
    if (anew) close(other);
    poller_scene_end(1);
}

static void one_was_closed(void) {
    closed_by_others(false, false);
}

static void one_is_another_now(void) {
    closed_by_others(true, false);
}

static void one_was_closed_and_has_a_copy(void) {
    closed_by_others(true, true);
}

/* ---- two pollers -------------------------------------------------------------------- */

static int copy_of;
static uint64_t read_by_other;

static weir_verdict read_one(weir_stage *self, int fd, unsigned ready, void *context) {
    uint64_t number;
    (void)self, (void)ready, (void)context;
    read_by_other += read(fd, &number, sizeof number) == sizeof number;
    return WEIR_CONTINUE;
}

static weir_verdict begin_with_copy(weir_stage *self, void *argument) {
    (void)argument;
    return weir_poller_add(self, copy_of,
                           &(weir_poller_watch){.want = WEIR_POLL_READ, .ready = read_one}) ==
                   WEIR_OK
               ? WEIR_CONTINUE
               : WEIR_STOP;
}

static weir_verdict nothing_comes(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void copies_of_two_pollers(void) {
    poller_scene_begin();
    poller_scene_start(1);
    copy_of = dup(poller_scene.own[0]);
    read_by_other = 0;
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER, .on = {.init = begin_with_copy, .handle_events = nothing_comes}};
    weir_ref poller;
    assert_int_equal(weir_poller_start(poller_scene.rig.runtime,
                                       &(weir_poller_options){.stage = &stage}, &poller),
                     WEIR_OK);
    rig_rest(&poller_scene.rig);
    assert_int_equal(weir_ask(poller_scene.rig.runtime, poller_scene.subscription, 1000), WEIR_OK);
    poller_scene_send(0, 0, 50);
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.reads[0] + read_by_other, 50);
    assert_int_equal(weir_stop(poller_scene.rig.runtime, poller, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&poller_scene.rig);
    poller_scene_send(0, 50, 5); /* one has closed his, and the other reads on */
    rig_rest(&poller_scene.rig);
    assert_int_equal(poller_scene.reads[0] + read_by_other, 55);
    poller_scene_end(1);
}

/* ---- supervised ----------------------------------------------------------------------- */

static unsigned begun;

static weir_verdict begin_anew(weir_stage *self, void *argument) {
    copy_of = dup(poller_scene.own[0]);
    begun++;
    return begin_with_copy(self, argument);
}

static weir_status start_reader(weir_runtime *runtime, void *argument, weir_ref *out) {
    const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                      .on = {.init = begin_anew, .handle_events = nothing_comes}};
    (void)argument;
    return weir_poller_start(runtime, &(weir_poller_options){.stage = &stage}, out);
}

static void a_supervisor_starts_it_again(void) {
    poller_scene_begin();
    poller_scene_start(1); /* which nobody asks */
    begun = 0;
    read_by_other = 0;
    weir_ref supervisor;
    weir_ref child;
    const weir_supervised children = {.start = start_reader};
    const weir_supervisor_options options = {.children = &children, .child_count = 1};
    assert_int_equal(weir_supervisor_start(poller_scene.rig.runtime, &options, &supervisor),
                     WEIR_OK);
    poller_scene_send(0, 0, 3);
    rig_rest(&poller_scene.rig);
    assert_int_equal(read_by_other, 3);
    assert_int_equal(
        weir_supervisor_child(poller_scene.rig.runtime, supervisor, 0, WEIR_FOREVER, &child),
        WEIR_OK);
    assert_int_equal(weir_stop(poller_scene.rig.runtime, child, WEIR_REASON_USER), WEIR_OK);
    rig_rest(&poller_scene.rig);
    poller_scene_send(0, 3, 2);
    rig_rest(&poller_scene.rig);
    assert_int_equal(begun, 2);
    assert_int_equal(read_by_other, 5);
    poller_scene_end(1);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&poller_scene.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(one_busy_beside_hundreds), IN_WORLDS(one_was_closed),
        IN_WORLDS(one_is_another_now),       IN_WORLDS(one_was_closed_and_has_a_copy),
        IN_WORLDS(copies_of_two_pollers),    IN_WORLDS(a_supervisor_starts_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
