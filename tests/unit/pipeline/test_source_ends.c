/*
 * How long a source waits: for what is outstanding as it ends, and between calls of its driver.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: only who names a deadline has one; pauses and deadlines count from when a driver's call has
 * returned; a driver that broke stays so.
 * Method: a consumer that keeps its messages, in virtual time where that is there; calls of the
 * driver's that take some of it.
 */
#include "runtime/runtime.h"
#include "support/cmocka.h"
#include "support/source_keeper.h"
#include "support/source_scene.h"
#include "support/worlds.h"

enum { MS = 1000000 };

static struct source_scene *const f = &source_scene;

/* ---- as it ends ---- */

/* Longer than shutdown_ns: nothing is nak'd, until somebody closes it. */
static void expect_patience(struct rig *rig, bool closes) {
    enum { WHILE_MS = 100 };
    const bool virtual_time = weir_runtime_advance(rig->runtime, WHILE_MS * MS) == WEIR_OK;
    rig_rest(rig);
    assert_false(weir_source_over(f->source));
    source_expect(WEIR_MESSAGE_NAK, 0);
    source_settle_kept(40);
    if (closes) {
        const uint64_t before = weir_runtime_now(rig->runtime);
        assert_int_equal(source_scene_close().abandoned, 60);
        if (virtual_time) {
            assert_in_range(weir_runtime_now(rig->runtime) - before, 10 * MS, 11 * MS);
        }
        source_settle_kept(60);
        source_expect(WEIR_MESSAGE_NAK, 60);
    } else {
        source_settle_kept(60);
        rig_rest(rig);
        assert_true(weir_source_over(f->source));
        assert_int_equal(source_scene_close().abandoned, 0);
        source_expect(WEIR_MESSAGE_OK, 100);
    }
    source_expect_all();
    source_scene_end();
}

static void begin_to_keep(struct rig *rig, bool stays) {
    source_scene_begin(rig, 100);
    f->stays = stays;
    f->options.shutdown_ns = 10 * MS;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    assert_int_equal(source_keeper.count, 100);
}

static void its_end_waits_for_all(struct rig *rig) {
    begin_to_keep(rig, false);
    expect_patience(rig, false);
}

static void its_end_waits_until_it_is_closed(struct rig *rig) {
    begin_to_keep(rig, false);
    expect_patience(rig, true);
}

static void a_drain_waits_for_all(struct rig *rig) {
    weir_drain_report report;
    begin_to_keep(rig, true);
    assert_int_equal(weir_runtime_drain(rig->runtime, 1, &report), WEIR_TIMEOUT);
    expect_patience(rig, false);
}

/* ---- calls that take long ------------------------------------------------------------------- */

enum { LONG_MS = 150, SHORT_MS = 50 };

/* In virtual time a call of the driver's takes so long. */
static void take_long(void) {
    f->rig->runtime->virtual_ns += (uint64_t)LONG_MS * MS;
}

static uint64_t open_returned;

static weir_pulled open_slowly(void *context) {
    (void)context;
    const uint64_t now = weir_runtime_now(f->rig->runtime);
    RIG_CHECK(f->rig, f->opens == 0 || now - open_returned >= (uint64_t)SHORT_MS / 2 * MS);
    take_long();
    open_returned = weir_runtime_now(f->rig->runtime);
    f->is_open = ++f->opens > 3;
    return f->is_open ? WEIR_PULLED : WEIR_LOST;
}

/* The pause begins when open has returned, not when it was called. */
static void a_slow_open_is_backed_off_from(struct rig *rig) {
    source_scene_begin(rig, 10);
    if (rig->runtime->options.mode == WEIR_SIMULATED) {
        f->driver.open = open_slowly;
        f->options.reopen_ns = f->options.reopen_most_ns = (uint64_t)SHORT_MS * MS;
        source_scene_open();
        source_consume(NULL, 0);
        assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(f->opens, 4);
        source_scene_close();
    }
    source_scene_end();
}

static weir_pulled (*usual_pull)(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                 uint64_t timeout_ns);

static weir_pulled pull_and_break(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                  uint64_t timeout_ns) {
    weir_pulled said = usual_pull(context, pull, events, bytes, timeout_ns);
    if (said == WEIR_PULLED) {
        return said;
    }
    take_long();
    f->breaks = true;
    return WEIR_BROKEN;
}

/* A slow pull that breaks: what is outstanding has all of shutdown_ns from then on. */
static void a_slow_break_leaves_time(struct rig *rig) {
    source_scene_begin(rig, 100);
    if (rig->runtime->options.mode == WEIR_SIMULATED) {
        usual_pull = f->driver.pull;
        f->driver.pull = pull_and_break;
        f->options.shutdown_ns = (uint64_t)SHORT_MS * MS;
        source_scene_open();
        source_keep();
        rig_rest(rig);
        assert_int_equal(weir_runtime_advance(rig->runtime, (SHORT_MS - 10) * MS), WEIR_OK);
        assert_true(f->breaks);
        assert_false(weir_source_over(f->source));
        source_expect(WEIR_MESSAGE_NAK, 0);
        assert_int_equal(weir_runtime_advance(rig->runtime, 20 * MS), WEIR_OK);
        assert_true(weir_source_over(f->source));
        source_scene_close();
        source_settle_kept(source_keeper.count);
    }
    source_scene_end();
}

/* The last pull revokes a lane, whose acks say BROKEN, and then ends as if nothing were. */
static weir_pulled pull_and_revoke(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                   uint64_t timeout_ns) {
    weir_pulled said = usual_pull(context, pull, events, bytes, timeout_ns);
    if (said == WEIR_PULLED) {
        return said;
    }
    if (source_keeper.count < 10) {
        return WEIR_IDLE;
    }
    source_settle_kept(10);
    weir_pull_revoke(pull, 0, 0);
    return WEIR_SOURCE_END;
}

static weir_pulled ack_and_break(void *context, const weir_ack *acks, size_t count) {
    (void)context, (void)acks, (void)count;
    return WEIR_BROKEN;
}

static void broken_within_a_pull_is_broken(struct rig *rig) {
    source_scene_begin(rig, 10);
    usual_pull = f->driver.pull;
    f->driver.pull = pull_and_revoke;
    f->driver.ack = ack_and_break;
    f->driver.idle_ns = 1;
    source_scene_open();
    weir_ref consumer = source_keep();
    weir_reason reason = WEIR_REASON_NORMAL;
    assert_int_equal(weir_wait(rig->runtime, consumer, WEIR_FOREVER, &reason), WEIR_OK);
    assert_int_equal(reason, WEIR_REASON_USER);
    rig_rest(rig);
    rig_expect_log(rig, "error: source scene: its driver is broken\n"
                        "warning: source scene: acks of 10 messages are given up, as driver scene "
                        "takes none: they may be delivered again\n");
    assert_int_equal(source_scene_close().lost_acks, 10);
    source_scene_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(its_end_waits_for_all),    TEST_IN_WORLDS(its_end_waits_until_it_is_closed),
        TEST_IN_WORLDS(a_drain_waits_for_all),    TEST_IN_WORLDS(a_slow_open_is_backed_off_from),
        TEST_IN_WORLDS(a_slow_break_leaves_time), TEST_IN_WORLDS(broken_within_a_pull_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
