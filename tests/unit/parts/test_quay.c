/*
 * The quay: its poke, its references, and who waits there.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: however much comes, one poke is on its way, and the next only when the stage rests; what
 * comes as it rests keeps it awake; the last reference tells what was lost, and who waits to be
 * alone is, when all others have gone; a wait ends when what it is for has come, at its deadline,
 * at rest, and is refused in a callback.
 * Method: a part that is made of nothing but its quay, stepped; threads for a sleep that only
 * another can end.  (Interleavings: tests/simulation/quay.c.)
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include "os/thread.h"
#include "parts/quay.h"

#include <string.h>

static struct {
    struct rig rig;
    struct weir__quay quay;
    struct weir__berth berth;
    uint32_t pokes;
    uint32_t late;
    uint32_t looks;
    uint32_t came;     /* brought, and not seen; atomic */
    uint64_t told;     /* of discarded events           */
    weir_status slept; /* what a wait in the poke said  */
    bool dozes;
    bool nobodys;
} f;

static bool has_come(void *waiter) {
    (void)waiter;
    return weir__load_relaxed_u32(&f.came) > 0;
}

static const struct weir__doze until_it_comes = {.what = "a ship", .turns = 16, .come = has_come};

static weir_status doze(uint64_t timeout_ns) {
    return weir__quay_doze(&f.quay, &f.berth, &until_it_comes, NULL,
                           weir__quay_deadline(&f.quay, timeout_ns));
}

/* ---- a part ---------------------------------------------------------------- */

static weir_verdict poked(weir_stage *self) {
    f.pokes++;
    if (f.dozes) f.slept = doze(WEIR_FOREVER);
    weir__quay_watch(self);
    weir__quay_release(&f.quay, 1);
    return WEIR_CONTINUE;
}

static bool look(weir_stage *self) {
    (void)self;
    f.looks++;
    return weir__exchange_u32(&f.came, 0) > 0;
}

static bool came_again(weir_stage *self) {
    (void)self;
    return weir__load_relaxed_u32(&f.came) > 0;
}

static bool rests(weir_stage *self) {
    return weir__quay_rest(&f.quay, WEIR__POKED_COLD, self, came_again);
}

static weir_verdict init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.poke = poked, .look = look, .rest = rests};
    (void)argument;
    self->part = &calls;
    return WEIR_CONTINUE;
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void terminate(weir_stage *self, weir_reason reason) {
    (void)reason;
    self->ready->watched = false;
    weir__quay_release(&f.quay, 1);
}

static void arrived_late(struct weir__quay *quay) {
    weir__quay_give_up(quay, WEIR__POKED_COLD);
    f.late++;
}

static void is_nobodys(struct weir__quay *quay) {
    (void)quay;
    f.nobodys = true;
}

static void note_discarded(void *context, uint64_t count, weir_discard cause) {
    RIG_CHECK(&f.rig, context == &f && cause == WEIR_DISCARD_STOPPED);
    f.told += count;
}

static void open_quay(weir_runtime_mode mode, bool tells) {
    static const struct weir__quay_kind kind = {
        .name = "dock", .late = "sank", .arrived_late = arrived_late, .nobodys = is_nobodys};
    memset(&f, 0, sizeof f);
    rig_open(&f.rig, &(weir_runtime_options){.mode = mode, .workers = 1});
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER,
        .on = {.init = init, .handle_events = no_events, .terminate = terminate}};
    weir__quay_open(&f.quay, &kind, f.rig.runtime, tells ? note_discarded : NULL, &f);
    assert_int_equal(weir_stage_start(f.rig.runtime, &stage, &f.quay.stage), WEIR_OK);
}

static void stop_stage(void) {
    assert_int_equal(weir_stop(f.rig.runtime, f.quay.stage, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&f.rig);
}

static void close_quay(void) {
    stop_stage();
    weir__quay_release(&f.quay, 1);
    assert_true(f.nobodys);
    rig_close(&f.rig);
}

static void bring(void) {
    weir__fetch_add_u32(&f.came, 1);
    weir__quay_poke(&f.quay);
}

/* ---- the poke -------------------------------------------------------------- */

static void one_poke_is_on_its_way(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    for (int i = 0; i < 3; i++) bring();
    assert_int_equal(f.quay.refs, 3);
    weir_runtime_step(f.rig.runtime, 1);
    assert_int_equal(f.pokes, 1);
    bring(); /* it looks already */
    rig_rest(&f.rig);
    assert_int_equal(f.pokes, 1);
    assert_int_equal(f.came, 0);
    assert_int_equal(f.quay.refs, 2);
    assert_int_equal(f.quay.poked, WEIR__POKED_COLD);
    bring();
    rig_rest(&f.rig);
    assert_int_equal(f.pokes, 2);
    assert_int_equal(f.came, 0);
    close_quay();
}

static bool brings_and_looks(weir_stage *self) {
    (void)self;
    weir__fetch_add_u32(&f.came, 1);
    return true;
}

static bool brings_pokes_and_looks(weir_stage *self) {
    bring();
    return brings_and_looks(self);
}

static bool sees_nothing(weir_stage *self) {
    (void)self;
    return false;
}

/* What comes without a poke it looks at itself; with one that comes, which is mail. */
static void what_comes_as_it_rests_is_seen(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    assert_true(weir__quay_rest(&f.quay, WEIR__POKED_WAITS, NULL, sees_nothing));
    assert_int_equal(f.quay.poked, WEIR__POKED_WAITS);
    assert_false(weir__quay_rest(&f.quay, WEIR__POKED_COLD, NULL, brings_and_looks));
    assert_int_equal(f.quay.poked, WEIR__POKED_TOLD);
    assert_int_equal(f.quay.refs, 2);
    assert_true(weir__quay_rest(&f.quay, WEIR__POKED_COLD, NULL, brings_pokes_and_looks));
    assert_int_equal(f.quay.refs, 3);
    rig_rest(&f.rig);
    assert_int_equal(f.pokes, 1);
    close_quay();
}

static void a_poke_that_comes_too_late_is_told(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    stop_stage();
    bring();
    rig_rest(&f.rig);
    assert_int_equal(f.pokes, 0);
    assert_int_equal(f.late, 1);
    assert_int_equal(f.quay.refs, 1);
    weir__quay_release(&f.quay, 1);
    assert_true(f.nobodys);
    rig_close(&f.rig);
}

/* ---- references ------------------------------------------------------------ */

static void who_waits_to_be_alone(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    assert_false(weir__quay_alone(&f.quay, 1, "close"));            /* not at all */
    assert_false(weir__quay_alone(&f.quay, WEIR_FOREVER, "close")); /* at rest, and it lives */
    bring();
    assert_int_equal(weir_stop(f.rig.runtime, f.quay.stage, WEIR_REASON_NORMAL), WEIR_OK);
    assert_true(weir__quay_alone(&f.quay, WEIR_FOREVER, "close")); /* it has stepped */
    assert_false(f.nobodys);
    weir__quay_hold(&f.quay, 2);
    weir__quay_release(&f.quay, 2);
    assert_true(weir__quay_alone(&f.quay, 1, "close"));
    weir__quay_release(&f.quay, 1);
    assert_true(f.nobodys);
    rig_close(&f.rig);
}

static void release_others(void *argument) {
    (void)argument;
    for (int i = 0; i < 3; i++) weir__quay_release(&f.quay, 1);
    weir_stop(f.rig.runtime, f.quay.stage, WEIR_REASON_NORMAL);
}

static void who_sleeps_until_he_is_alone_is_woken(void **state) {
    (void)state;
    struct weir__thread thread;
    open_quay(WEIR_THREADS, true);
    weir__quay_hold(&f.quay, 3);
    assert_false(weir__quay_alone(&f.quay, 2, "close")); /* its time is up */
    assert_int_equal(weir__thread_start(&thread, "others", release_others, NULL), 0);
    assert_true(weir__quay_alone(&f.quay, WEIR_FOREVER, "close"));
    weir__thread_join(&thread);
    weir__quay_release(&f.quay, 1);
    rig_close(&f.rig);
}

static void the_last_reference_tells_what_was_lost(void **state) {
    (void)state;
    for (int tells = 0; tells < 2; tells++) {
        open_quay(WEIR_STEPPED, tells == 1);
        stop_stage();
        weir__quay_hold(&f.quay, 1);
        weir__quay_lost(&f.quay, 3);
        weir__quay_release(&f.quay, 1);
        assert_int_equal(f.told, 0);
        weir__quay_lost(&f.quay, 4);
        weir__quay_release(&f.quay, 1);
        assert_int_equal(f.told, tells * 7);
        if (tells == 0) rig_expect_log(&f.rig, "warning: 7 events sank\n");
        rig_close(&f.rig);
    }
}

/* ---- waiting --------------------------------------------------------------- */

static void a_wait_ends(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    assert_int_equal(doze(0), WEIR_TIMEOUT);
    assert_int_equal(doze(1000000), WEIR_TIMEOUT);
    assert_int_equal(doze(WEIR_FOREVER), WEIR_TIMEOUT); /* at rest nothing comes any more */
    weir__fetch_add_u32(&f.came, 1);
    assert_int_equal(doze(0), WEIR_OK);
    assert_int_equal(doze(WEIR_FOREVER), WEIR_OK);
    assert_int_equal(f.berth.sleepers, 0);
    close_quay();
}

static void a_callback_cannot_wait(void **state) {
    (void)state;
    open_quay(WEIR_STEPPED, true);
    f.dozes = true;
    bring();
    rig_rest(&f.rig);
    assert_int_equal(f.slept, WEIR_WRONG_THREAD);
    assert_string_equal(weir_refusal(), "a callback cannot wait for a ship");
    close_quay();
}

static void bring_late(void *argument) {
    (void)argument;
    while (weir__load_relaxed_u32(&f.berth.sleepers) == 0) weir__cpu_relax();
    weir__fetch_add_u32(&f.came, 1);
    weir__berth_wake(&f.berth, 1);
}

static void who_sleeps_is_woken(void **state) {
    (void)state;
    struct weir__thread thread;
    open_quay(WEIR_THREADS, true);
    assert_int_equal(doze(1000), WEIR_TIMEOUT);
    assert_int_equal(weir__thread_start(&thread, "late", bring_late, NULL), 0);
    assert_int_equal(doze(WEIR_FOREVER), WEIR_OK);
    weir__thread_join(&thread);
    assert_int_equal(f.berth.sleepers, 0);
    close_quay();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_poke_is_on_its_way),
        cmocka_unit_test(what_comes_as_it_rests_is_seen),
        cmocka_unit_test(a_poke_that_comes_too_late_is_told),
        cmocka_unit_test(who_waits_to_be_alone),
        cmocka_unit_test(who_sleeps_until_he_is_alone_is_woken),
        cmocka_unit_test(the_last_reference_tells_what_was_lost),
        cmocka_unit_test(a_wait_ends),
        cmocka_unit_test(a_callback_cannot_wait),
        cmocka_unit_test(who_sleeps_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
