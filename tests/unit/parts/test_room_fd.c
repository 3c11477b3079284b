/*
 * Room for who may not wait: as many as have room, and a descriptor that says when there is more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: push_some takes what has room, whatever the policy, and drops and waits for nothing; of
 * what it leaves the caller is the owner still.  The descriptor is readable until somebody was
 * refused, and again when there is room for what he was refused, or will never be; no sooner.  Of
 * marks likewise.
 * Method: stepped runtimes, an inlet of ten, in each test with a port and without; poll without a
 * timeout.  (Wake-ups under every order: simulation ports.)
 */
#include "support/inlet_scene.h"
#include "support/poller_scene.h"
#include "support/worlds.h"

#include <poll.h>
#include <string.h>

static struct inlet_scene f;

static bool readable(int fd) {
    struct pollfd what = {.fd = fd, .events = POLLIN};
    return poll(&what, 1, 0) == 1;
}

static int room_fd(void) {
    int fd = -1;
    assert_int_equal(f.port != NULL ? weir_port_room_fd(f.port, &fd)
                                    : weir_inlet_room_fd(f.inlet, &fd),
                     WEIR_OK);
    return fd;
}

/* As inlet_scene_push.  Returns how many were taken. */
static size_t push_some(size_t count, weir_status expected) {
    uint64_t numbers[64];
    size_t taken = 99;
    for (size_t i = 0; i < count; i++) numbers[i] = f.in.next + i;
    weir_status status = f.port != NULL ? weir_port_push_some(f.port, numbers, count, &taken)
                                        : weir_inlet_push_some(f.inlet, numbers, count, &taken);
    assert_int_equal(status, expected);
    f.in.next += taken;
    f.in.emitted += taken;
    return taken;
}

static void open_with(bool port, weir_when_full when_full) {
    if (port) {
        inlet_scene_open_port(&f, when_full);
    } else {
        inlet_scene_open(&f, when_full);
    }
    f.c.quiet = true;
}

static void as_many_as_have_room(bool port) {
    for (int policy = WEIR_REFUSE; policy <= WEIR_DROP_OLDEST; policy++) {
        if (port && policy == WEIR_DROP_OLDEST) continue; /* it has no ports */
        rig_open(&f.rig, NULL);
        open_with(port, (weir_when_full)policy);
        assert_int_equal(push_some(0, WEIR_OK), 0);
        assert_int_equal(push_some(4, WEIR_OK), 4);
        assert_int_equal(push_some(7, WEIR_FULL), 6);
        assert_int_equal(push_some(1, WEIR_FULL), 0);
        inlet_scene_ask(&f, 3);
        assert_int_equal(push_some(64, WEIR_FULL), 3); /* more than will ever fit */
        inlet_scene_ask(&f, 100);
        assert_int_equal(push_some(3, WEIR_OK), 3);
        rig_rest(&f.rig);
        assert_int_equal(f.c.handled, 16);
        assert_int_equal(f.c.sum, 120);
        inlet_scene_close(&f);
    }
}

static void says_when_there_is_room(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(room_fd(), fd);
    assert_true(readable(fd)); /* nobody was refused */
    assert_int_equal(push_some(10, WEIR_OK), 10);
    assert_true(readable(fd));
    assert_int_equal(push_some(1, WEIR_FULL), 0);
    assert_false(readable(fd));
    rig_rest(&f.rig);
    assert_false(readable(fd));
    inlet_scene_ask(&f, 1);
    assert_true(readable(fd));
    assert_true(readable(fd));
    assert_int_equal(push_some(2, WEIR_FULL), 1);
    assert_false(readable(fd));
    inlet_scene_close(&f);
}

/* All or none: it was refused three, and one is no help. */
static void says_when_there_is_room_for_all_of_it(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(inlet_scene_push(&f, 10), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, 3), WEIR_FULL);
    inlet_scene_ask(&f, 1);
    if (readable(fd)) assert_int_equal(inlet_scene_push(&f, 3), WEIR_FULL);
    assert_false(readable(fd));
    inlet_scene_ask(&f, 2);
    assert_true(readable(fd));
    assert_int_equal(inlet_scene_push(&f, 3), WEIR_OK);
    inlet_scene_close(&f);
}

/* It waits for room, but not in a loop: its timeout is 0. */
static void of_who_waits_no_longer(bool port) {
    open_with(port, WEIR_BLOCK);
    int fd = room_fd();
    assert_int_equal(inlet_scene_push(&f, 10), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, 1), WEIR_TIMEOUT);
    assert_false(readable(fd));
    inlet_scene_ask(&f, 10);
    assert_true(readable(fd));
    inlet_scene_close(&f);
}

/* ---- marks ------------------------------------------------------------------ */

static weir_status push_mark(uint64_t value) {
    const weir_mark mark = {.kind = WEIR_MARK_USER, .value = value};
    return f.port != NULL ? weir_port_push_mark(f.port, &mark, 0)
                          : weir_inlet_push_mark(f.inlet, &mark, 0);
}

/* In an inlet a mark takes the last event's room; in a port it has a room of its own. */
static void a_mark_takes_the_last_room(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(push_some(9, WEIR_OK), 9);
    assert_int_equal(push_mark(0), WEIR_OK);
    assert_true(readable(fd));
    size_t more = push_some(1, port ? WEIR_OK : WEIR_FULL);
    assert_int_equal(more, port ? 1 : 0);
    assert_int_equal(push_some(1, WEIR_FULL), 0);
    assert_false(readable(fd));
    if (!port) assert_int_equal(push_mark(1), WEIR_FULL);
    assert_false(readable(fd));
    inlet_scene_ask(&f, 9);
    assert_true(readable(fd));
    assert_int_equal(push_some(9, WEIR_OK), 9);
    inlet_scene_ask(&f, 100);
    rig_rest(&f.rig);
    inlet_scene_close(&f);
}

/* A mark alone makes room as it goes out. */
static void a_mark_is_refused(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(push_some(1, WEIR_OK), 1); /* so that none goes out */
    uint64_t marks = 0;
    while (push_mark(marks) == WEIR_OK) marks++;
    assert_in_range(marks, port ? WEIR_PORT_MARKS : 9, port ? WEIR_PORT_MARKS + 1 : 9);
    assert_false(readable(fd));
    rig_rest(&f.rig);
    if (readable(fd)) { /* one is in the worker's hands */
        while (push_mark(marks) == WEIR_OK) marks++;
        rig_rest(&f.rig);
    }
    assert_false(readable(fd));
    inlet_scene_ask(&f, 1);
    assert_true(readable(fd));
    assert_int_equal(push_mark(marks), WEIR_OK);
    assert_int_equal(weir_finish(f.rig.runtime, f.in.ref), WEIR_OK);
    inlet_scene_ask(&f, 100);
    assert_true(readable(fd));
    assert_int_equal(push_mark(marks), WEIR_NO_STAGE);
    inlet_scene_close(&f);
}

static void readable_at_the_end(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(push_some(11, WEIR_FULL), 10);
    assert_false(readable(fd));
    assert_int_equal(weir_stop(f.rig.runtime, f.in.ref, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&f.rig);
    assert_true(readable(fd));
    assert_int_equal(push_some(1, WEIR_NO_STAGE), 0);
    assert_true(readable(fd));
    inlet_scene_close(&f);
}

static void readable_when_it_was_finished(bool port) {
    open_with(port, WEIR_REFUSE);
    int fd = room_fd();
    assert_int_equal(push_some(11, WEIR_FULL), 10);
    assert_int_equal(weir_finish(f.rig.runtime, f.in.ref), WEIR_OK);
    rig_rest(&f.rig);
    assert_true(readable(fd));
    assert_int_equal(push_some(1, WEIR_NO_STAGE), 0);
    inlet_scene_ask(&f, 100);
    assert_int_equal(f.c.handled, 10);
    inlet_scene_close(&f);
}

static void refused_where_events_are_dropped(bool port) {
    int fd = -1;
    open_with(port, WEIR_DROP_NEWEST);
    assert_int_equal(port ? weir_port_room_fd(f.port, &fd) : weir_inlet_room_fd(f.inlet, &fd),
                     WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "WEIR_DROP_NEWEST"));
    assert_int_equal(fd, -1);
    inlet_scene_close(&f);
}

static void it_goes_with_its_handle(bool port) {
    int before = poller_scene_descriptors();
    rig_open(&f.rig, NULL);
    open_with(port, WEIR_REFUSE);
    room_fd();
    assert_true(poller_scene_descriptors() > before);
    inlet_scene_close(&f);
    assert_int_equal(poller_scene_descriptors(), before);
}

/* ---- events with spans ------------------------------------------------------ */

static uint64_t handled_bytes;

static weir_verdict count_bytes(weir_stage *self, weir_batch batch) {
    const weir_bytes *spans = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) handled_bytes += spans[i].count;
    return WEIR_CONTINUE;
}

/* Of 100 bytes, each event takes what it has and sixteen of its own. */
static void as_many_bytes_as_have_room(bool port) {
    static const weir_event_type type = {
        .bytes = sizeof(weir_bytes), .spans = 1, .payload_limit = 60};
    static const char text[64] = "text";
    const weir_inlet_options options = {.type = &type, .capacity = 10, .capacity_bytes = 100};
    weir_bytes spans[5] = {0};
    static const uint32_t counts[5] = {4, 14, 34, 1, 61};
    size_t taken = 99;
    for (int i = 0; i < 5; i++) spans[i] = (weir_bytes){.at = text, .count = counts[i]};
    memset(&f.inlet, 0, sizeof f - offsetof(struct inlet_scene, inlet));
    handled_bytes = 0;
    assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &f.in.ref), WEIR_OK);
    if (port) assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
    int fd = room_fd();
    for (int again = 0; again < 2; again++) {
        size_t expected = again == 0 ? 3 : 0; /* 20 + 30 + 50 */
        assert_int_equal(port ? weir_port_push_some(f.port, spans, 4, &taken)
                              : weir_inlet_push_some(f.inlet, spans, 4, &taken),
                         WEIR_FULL);
        assert_int_equal(taken, expected);
        assert_false(readable(fd));
    }
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .takes_bytes = sizeof(weir_bytes),
                                         .subscribe_to = &(weir_subscribe_to){.producer = f.in.ref},
                                         .subscribe_count = 1,
                                         .on = {.handle_events = count_bytes}};
    assert_int_equal(weir_stage_start(f.rig.runtime, &consumer, NULL), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(handled_bytes, 4 + 14 + 34);
    assert_true(readable(fd));
    assert_int_equal(port ? weir_port_push_some(f.port, spans + 3, 2, &taken)
                          : weir_inlet_push_some(f.inlet, spans + 3, 2, &taken),
                     WEIR_INVALID); /* none went */
    assert_int_equal(taken, 0);
    assert_int_equal(weir_port_waiting(f.port) + weir_inlet_waiting(f.inlet), 0);
    f.rig.emitted = f.rig.handled = 3;
    inlet_scene_close(&f);
}

/* With a port, and without one. */
#define BOTH(name)                      \
    static void name##_by_inlet(void) { \
        name(false);                    \
    }                                   \
    static void name##_by_port(void) {  \
        name(true);                     \
    }

BOTH(says_when_there_is_room)
BOTH(says_when_there_is_room_for_all_of_it)
BOTH(of_who_waits_no_longer)
BOTH(a_mark_takes_the_last_room)
BOTH(a_mark_is_refused)
BOTH(readable_at_the_end)
BOTH(readable_when_it_was_finished)
BOTH(refused_where_events_are_dropped)
BOTH(as_many_bytes_as_have_room)

static void as_many_of_each_policy(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) as_many_as_have_room(way == 1);
}

static void descriptors_go_with_their_handles(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) it_goes_with_its_handle(way == 1);
}

#define IN_BOTH(name) \
    TEST_IN_WORLDS_OF(&f.rig, name##_by_inlet), TEST_IN_WORLDS_OF(&f.rig, name##_by_port)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_of_each_policy),
        IN_BOTH(says_when_there_is_room),
        IN_BOTH(says_when_there_is_room_for_all_of_it),
        IN_BOTH(of_who_waits_no_longer),
        IN_BOTH(a_mark_takes_the_last_room),
        IN_BOTH(a_mark_is_refused),
        IN_BOTH(readable_at_the_end),
        IN_BOTH(readable_when_it_was_finished),
        IN_BOTH(refused_where_events_are_dropped),
        IN_BOTH(as_many_bytes_as_have_room),
        cmocka_unit_test(descriptors_go_with_their_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
