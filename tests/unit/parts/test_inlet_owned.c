/*
 * Events that own something in inlets and ports: each way out, with its cause.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a push accepts is dropped exactly once, for the documented cause, or goes out; what
 * it refuses is the caller's still.
 * Method: a scene for each way, with the inlet alone and with a port, in every world, with
 * events that have names and own memory, and with such that have text of their own as well,
 * which is looked at wherever they end.
 */
#include "support/cmocka.h"
#include "support/owned_inlet.h"
#include "support/worlds.h"

static struct owned_inlet *const f = &owned_inlet;

/* ---- what goes out ------------------------------------------------------------ */

static void what_is_pushed_goes_out(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(3), WEIR_OK);
    assert_int_equal(owned_inlet_push(5), WEIR_OK);
    owned_inlet_expect("left 8", 0, 0);
    owned_inlet_consume(6);
    owned_inlet_expect("handled 6, left 2", 0, 0);
    assert_int_equal(owned_inlet_push(8), WEIR_OK); /* round the end of the ring */
    owned_inlet_ask(10);
    owned_inlet_close("handled 16");
}

static void what_waits_in_a_finished_one_goes_out(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(7), WEIR_OK);
    assert_int_equal(weir_inlet_finish(f->inlet), WEIR_OK);
    assert_int_equal(owned_inlet_push(2), WEIR_NO_STAGE);
    rig_rest(rig);
    owned_inlet_expect("released 2, left 7", 0, 0);
    owned_inlet_consume(7);
    assert_true(weir_inlet_stopped(f->inlet));
    owned_inlet_close("handled 7, released 2");
}

static void what_waits_in_a_closed_port_goes_out(struct rig *rig, int way) {
    bool rests = (way & 1) != 0;
    owned_inlet_open(rig, OWNED_PORTED | way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(7), WEIR_OK);
    weir_port_close(f->port);
    f->port = NULL;
    if (rests) rig_rest(rig);
    owned_inlet_expect("left 7", 0, 0);
    owned_inlet_consume(7);
    owned_inlet_close("handled 7");
}

/* ---- what is refused ----------------------------------------------------------- */

static void what_is_refused_is_the_callers(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(8), WEIR_OK);
    assert_int_equal(owned_inlet_push(3), WEIR_FULL);
    assert_int_equal(owned_inlet_push(11), WEIR_INVALID);
    owned_inlet_expect("released 14, left 8", 0, 0);
    owned_inlet_stop();
    assert_int_equal(owned_inlet_push(1), WEIR_NO_STAGE);
    owned_inlet_expect("stopped 8, released 15", 0, 8);
    owned_inlet_close("stopped 8, released 15");
}

static weir_verdict push_inside(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    RIG_CHECK(f->rig, owned_inlet_push_until(1, WEIR_FOREVER) == WEIR_WRONG_THREAD);
    return WEIR_CONTINUE;
}

static void start_pusher(weir_verdict (*cast)(weir_stage *, const void *, size_t), size_t count) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .on = {.handle_events = owned_inlet_handle, .handle_cast = cast}};
    weir_ref ref;
    assert_int_equal(weir_stage_start(f->rig->runtime, &options, &ref), WEIR_OK);
    assert_int_equal(weir_cast(f->rig->runtime, ref, &count, sizeof count), WEIR_OK);
    rig_rest(f->rig);
}

static void who_waits_in_vain_keeps_his(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_BLOCK);
    assert_int_equal(owned_inlet_push(10), WEIR_OK);
    assert_int_equal(owned_inlet_push_until(1, 0), WEIR_TIMEOUT);
    assert_int_equal(owned_inlet_push_until(2, 100000), WEIR_TIMEOUT);
    assert_int_equal(owned_inlet_push_until(3, WEIR_FOREVER), WEIR_TIMEOUT); /* all stages rest */
    start_pusher(push_inside, 1);
    owned_inlet_expect("released 7, left 10", 0, 0);
    owned_inlet_consume(4);
    assert_int_equal(owned_inlet_push_until(4, WEIR_FOREVER), WEIR_OK);
    owned_inlet_close("handled 4, stopped 10, released 7");
}

static void without_memory_a_push_keeps_its(struct rig *rig, int way) {
    static const int ways[] = {OWNED_ALONE, OWNED_LINES, OWNED_LINES | OWNED_PORTED};
    owned_inlet_open(rig, ways[way], WEIR_REFUSE);
    test_memory_fail(&rig->memory, 1, true);
    assert_int_equal(owned_inlet_push(4), WEIR_NO_MEMORY);
    test_memory_fail_never(&rig->memory);
    owned_inlet_close("released 4");
}

/* ---- what is dropped without room ------------------------------------------------ */

static void the_newest_are_dropped_by_their_push(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_DROP_NEWEST);
    assert_int_equal(owned_inlet_push(8), WEIR_OK);
    assert_int_equal(owned_inlet_push(3), WEIR_DROPPED);
    owned_inlet_expect("overflow 3, left 8", 3, 0); /* before the stage knows */
    assert_int_equal(owned_inlet_push(2), WEIR_OK);
    owned_expect_one(&f->ledger, 9, WEIR_DISCARD_OVERFLOW);
    rig_rest(rig);
    assert_int_equal(f->told[WEIR_DISCARD_OVERFLOW], 3);
    owned_inlet_consume(10);
    owned_inlet_expect("handled 10, overflow 3", 3, 0);
    owned_inlet_close("handled 10, overflow 3");
}

static weir_verdict push_too_many(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    RIG_CHECK(f->rig, owned_inlet_push(10) == WEIR_OK);
    RIG_CHECK(f->rig, owned_inlet_push(5) == WEIR_DROPPED);
    return WEIR_CONTINUE;
}

static void a_callback_drops_the_newest_on_its_worker(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_DROP_NEWEST);
    start_pusher(push_too_many, 0);
    owned_inlet_expect("overflow 5, left 10", 5, 0);
    owned_inlet_stop();
    owned_inlet_expect("overflow 5, stopped 10", 5, 10);
    owned_inlet_close("overflow 5, stopped 10");
}

static void the_oldest_are_dropped_by_the_stage(struct rig *rig, int way) {
    owned_inlet_open(rig, way == 0 ? OWNED_ALONE : OWNED_LINES, WEIR_DROP_OLDEST);
    assert_int_equal(owned_inlet_push(4), WEIR_OK);
    assert_int_equal(owned_inlet_push(4), WEIR_OK);
    assert_int_equal(owned_inlet_push(8), WEIR_DROPPED); /* of older ones */
    owned_inlet_expect("left 16", 0, 0);
    assert_int_equal(owned_inlet_push(5),
                     WEIR_DROPPED); /* of these: there are too many until it has looked */
    owned_inlet_expect("overflow 5, left 16", 5, 0);
    rig_rest(rig);
    owned_inlet_expect("overflow 11, left 10", 11, 0);
    owned_expect_one(&f->ledger, 6, WEIR_DISCARD_OVERFLOW);
    owned_inlet_consume(3);
    owned_expect_one(&f->ledger, 7, WEIR_DISCARD_HANDLED);
    owned_inlet_close("handled 3, overflow 11, stopped 7");
}

/* ---- what waits when the stage stops ---------------------------------------------- */

static void what_waits_is_dropped_as_it_stops(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(5), WEIR_OK);
    assert_int_equal(owned_inlet_push(5), WEIR_OK);
    owned_inlet_consume(7);
    assert_int_equal(owned_inlet_push(7),
                     WEIR_OK); /* round the end of the ring; and nobody has looked */
    assert_int_equal(weir_stop(rig->runtime, f->stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    owned_inlet_expect("handled 7, stopped 10", 0, 10);
    assert_int_equal(f->told[WEIR_DISCARD_STOPPED], 10);
    owned_inlet_close("handled 7, stopped 10");
}

static void what_waits_in_a_closed_port_is_dropped_too(struct rig *rig, int way) {
    bool rests = (way & 1) != 0;
    owned_inlet_open(rig, OWNED_PORTED | way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(7), WEIR_OK);
    weir_port_close(f->port);
    f->port = NULL;
    if (rests) rig_rest(rig);
    owned_inlet_stop();
    owned_inlet_expect("stopped 7", 0, 7);
    owned_inlet_close("stopped 7");
}

static void what_waits_is_dropped_by_close(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(9), WEIR_OK);
    owned_inlet_close("stopped 9"); /* nobody has asked */
}

/* No memory to emit with: it stops, and none of them is lost. */
static void without_memory_to_emit_they_are_dropped(struct rig *rig, int way) {
    owned_inlet_open(rig, way, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(4), WEIR_OK);
    assert_int_equal(owned_inlet_push(6), WEIR_OK);
    owned_inlet_consume(0);
    assert_int_equal(weir_ask(rig->runtime, f->subscription, 8), WEIR_OK);
    test_memory_fail(&rig->memory, 1, true);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    assert_int_equal(weir_inlet_reason(f->inlet), WEIR_REASON_NO_MEMORY);
    owned_inlet_expect("stopped 10", 0, 10);
    owned_inlet_close("stopped 10");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(what_is_pushed_goes_out, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(what_waits_in_a_finished_one_goes_out, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(what_waits_in_a_closed_port_goes_out, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(what_is_refused_is_the_callers, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(who_waits_in_vain_keeps_his, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(without_memory_a_push_keeps_its, 3),
        TEST_IN_WORLDS_AND_WAYS(the_newest_are_dropped_by_their_push, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(a_callback_drops_the_newest_on_its_worker, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(the_oldest_are_dropped_by_the_stage, 2),
        TEST_IN_WORLDS_AND_WAYS(what_waits_is_dropped_as_it_stops, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(what_waits_in_a_closed_port_is_dropped_too, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(what_waits_is_dropped_by_close, OWNED_WAYS),
        TEST_IN_WORLDS_AND_WAYS(without_memory_to_emit_they_are_dropped, OWNED_WAYS),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
