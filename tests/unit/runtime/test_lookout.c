/*
 * The lookout in runtimes without threads.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a runtime that rests has looked at all that is ready, of whichever worker; and beside other
 * work it looks after so many turns, whatever the clock says.
 * Method: many pollers on two workers that share the lookout, found in an order that shows each
 * worker the other's first; and a stage that always has something to do.
 */
#include "runtime/lookout.h"

#include "support/cmocka.h"
#include "support/rig.h"

#include <weir/poller.h>

#include <sys/socket.h>
#include <unistd.h>

enum { EACH = 16, POLLERS = 2 * EACH }; /* a worker's; as many as one look finds */

static struct rig rig;
static int own[POLLERS];
static int ends[POLLERS];
static unsigned reads;

static weir_verdict read_one(weir_stage *self, int fd, unsigned ready, void *context) {
    char byte;
    (void)self, (void)ready, (void)context;
    reads += read(fd, &byte, 1) == 1;
    return WEIR_CONTINUE;
}

static weir_verdict begin(weir_stage *self, void *argument) {
    const weir_poller_watch watch = {.want = WEIR_POLL_READ, .ready = read_one};
    weir_must(weir_poller_add(self, *(int *)argument, &watch));
    return WEIR_CONTINUE;
}

static weir_verdict never(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void open_poller(unsigned number, unsigned worker) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    own[number] = pair[0];
    ends[number] = pair[1];
    const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                      .worker = worker,
                                      .argument = &own[number],
                                      .on = {.init = begin, .handle_events = never}};
    assert_int_equal(weir_poller_start(rig.runtime, &(weir_poller_options){.stage = &stage}, NULL),
                     WEIR_OK);
}

/* Those of `last` become ready last. */
static void all_are_read(unsigned last) {
    const unsigned before = reads;
    for (unsigned i = 0; i < POLLERS; i++) {
        const unsigned number = last == 0 ? POLLERS - 1 - i : i;
        assert_int_equal(write(ends[number], "x", 1), 1);
    }
    rig_rest(&rig);
    assert_int_equal(reads - before, POLLERS);
}

static void all_are_looked_at_before_it_rests(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    for (unsigned i = 0; i < POLLERS; i++) open_poller(i, WEIR_WORKER(i / EACH));
    rig_rest(&rig);
    for (unsigned turns = 0; turns < 2; turns++) { /* whoever looks first */
        all_are_read(0);
        all_are_read(1);
        weir_runtime_step(rig.runtime, 1);
    }
    rig_close(&rig);
    for (unsigned i = 0; i < POLLERS; i++) close(ends[i]);
}

/* ---- beside other work ----------------------------------------------------------------- */

static weir_verdict go_on(weir_stage *self, const void *message, size_t bytes) {
    weir_must(weir_cast(weir_stage_runtime(self), weir_self(self), message, bytes));
    return WEIR_CONTINUE;
}

static void turns_say_when_it_looks(void **state) {
    enum { TIMES = 50, TURNS = 24 }; /* a few microseconds */
    (void)state;
    rig_open(&rig, NULL);
    open_poller(0, WEIR_WORKER(0));
    const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                      .on = {.handle_events = never, .handle_cast = go_on}};
    weir_ref busy;
    assert_int_equal(weir_stage_start(rig.runtime, &stage, &busy), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_cast(rig.runtime, busy, "x", 1), WEIR_OK);
    for (unsigned i = 0; i < TIMES; i++) {
        const unsigned before = reads;
        assert_int_equal(write(ends[0], "x", 1), 1);
        assert_int_equal(weir_runtime_step(rig.runtime, TURNS), TURNS);
        assert_int_equal(reads - before, 1);
    }
    assert_int_equal(weir_stop(rig.runtime, busy, WEIR_REASON_NORMAL), WEIR_OK);
    rig_close(&rig);
    close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_looked_at_before_it_rests),
        cmocka_unit_test(turns_say_when_it_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
