/*
 * Who steps: one thread at a time, and the others are told.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: while one thread steps a runtime, be it amid a callback or asleep, another one that would
 * is refused with a sentence, in whichever call, and has changed nothing; what it need not step
 * for it may do; threads that take turns see what the others did; who steps may do so again
 * inside a function that is called meanwhile.
 * Method: a callback that does not return until all has been tried from another thread; one
 * thread pushes, and one steps, as often as they may; a drain's `done` that waits for a stage.
 */
#include "support/cmocka.h"
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/thread.h"

#include <string.h>
#include <weir/inlet.h>
#include <weir/pool.h>
#include <weir/stream.h>

enum { SECOND = 1000000000 };

static struct {
    struct rig rig;
    struct player c; /* in its callback as long as it is `held` */
    weir_inlet *inlet;
    weir_port *port;
    weir_stream *stream;
    weir_pool *pool;
    uint32_t entered; /* atomic, as is the next */
    uint32_t held;
    uint32_t over;
} f;

/* ---- all that steps ------------------------------------------------------------ */

static weir_verdict stay(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    weir__store_release_u32(&f.entered, 1);
    while (weir__load_acquire_u32(&f.held) != 0) weir__thread_yield();
    return WEIR_CONTINUE;
}

static weir_task_result nothing_to_do(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static void open_all(weir_runtime_mode mode) {
    memset(&f, 0, sizeof f);
    rig_open(&f.rig, &(weir_runtime_options){.mode = mode, .workers = 2});
    f.c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .does.cast = stay};
    player_start(&f.c, &f.rig, NULL);
    const weir_inlet_options inlet = {.event_bytes = 8, .capacity = 2, .when_full = WEIR_BLOCK};
    const weir_stream_options stream = {.event_bytes = 8};
    const weir_pool_options pool = {.event_bytes = 8, .task = nothing_to_do};
    assert_int_equal(weir_inlet_open(f.rig.runtime, &inlet, &f.inlet, NULL), WEIR_OK);
    assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
    assert_int_equal(weir_stream_open(f.rig.runtime, &stream, &f.stream), WEIR_OK);
    assert_int_equal(weir_pool_open(f.rig.runtime, &pool, &f.pool, NULL), WEIR_OK);
    f.held = 1;
}

static void step_alone(void *unused) {
    (void)unused;
    RIG_CHECK(&f.rig, weir_runtime_run(f.rig.runtime, 0) == WEIR_TIMEOUT);
}

#define REFUSED(call)                                                             \
    do {                                                                          \
        assert_int_equal((call), WEIR_WRONG_THREAD);                              \
        assert_string_equal(weir_refusal(), "another thread steps this runtime"); \
    } while (0)

static void try_all(weir_runtime_mode mode) {
    weir_runtime *runtime = f.rig.runtime;
    weir_drain_report report;
    uint64_t event = 1;
    uint64_t answer;
    REFUSED(weir_runtime_run(runtime, WEIR_FOREVER));
    REFUSED(weir_runtime_settle(runtime, WEIR_FOREVER));
    REFUSED(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    REFUSED(weir_runtime_holdup(runtime, &report));
    REFUSED(weir_runtime_close(runtime, NULL));
    assert_int_equal(weir_runtime_step(runtime, 1), 0);
    assert_string_equal(weir_refusal(), "another thread steps this runtime");
    if (mode == WEIR_SIMULATED) REFUSED(weir_runtime_advance(runtime, 1));
    REFUSED(player_try_call(&f.c, 1, WEIR_FOREVER, &answer));
    REFUSED(weir_stop_wait(runtime, f.c.ref, WEIR_REASON_NORMAL, WEIR_FOREVER));
    REFUSED(weir_pool_close(f.pool, NULL));
    REFUSED(weir_stream_next(f.stream, &event, WEIR_FOREVER));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_inlet_push(f.inlet, &event, 1, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(weir_port_push(f.port, &event, 1, WEIR_FOREVER), WEIR_OK);
    }
    f.rig.emitted += 4;
    REFUSED(weir_inlet_push(f.inlet, &event, 1, WEIR_FOREVER));
    REFUSED(weir_port_push(f.port, &event, 1, WEIR_FOREVER));
    /* what need not wait does not step */
    assert_int_equal(weir_inlet_push(f.inlet, &event, 1, 0), WEIR_TIMEOUT);
    assert_int_equal(weir_port_push(f.port, &event, 1, 0), WEIR_TIMEOUT);
    assert_int_equal(weir_stream_next(f.stream, &event, 0), WEIR_TIMEOUT);
}

static void others_are_refused(void **state) {
    (void)state;
    static const weir_runtime_mode modes[] = {WEIR_STEPPED, WEIR_SIMULATED};
    for (int i = 0; i < 2; i++) {
        open_all(modes[i]);
        player_cast(&f.c, 0);
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "stepper", step_alone, NULL), 0);
        while (weir__load_acquire_u32(&f.entered) == 0) weir__thread_yield();
        try_all(modes[i]);
        assert_int_equal(weir_stream_close(f.stream), WEIR_TIMEOUT); /* given back all the same */
        weir__store_release_u32(&f.held, 0);
        weir__thread_join(&thread);
        weir_port_close(f.port);
        weir_inlet_close(f.inlet);
        assert_int_equal(weir_pool_close(f.pool, NULL), WEIR_OK);
        rig_rest(&f.rig);
        player_expect(&f.c, "cast 0\n");
        rig_close(&f.rig);
    }
}

/* ---- in turns ------------------------------------------------------------------ */

enum { EVENTS = 2000 };

static void push_all(void *unused) {
    (void)unused;
    for (uint64_t i = 0; i < EVENTS;) {
        weir_status status = weir_inlet_push(f.inlet, &i, 1, WEIR_FOREVER);
        RIG_CHECK(&f.rig, status == WEIR_OK || status == WEIR_WRONG_THREAD);
        i += status == WEIR_OK;
    }
    weir__store_release_u32(&f.over, 1);
}

/* Each steps when the other does not. */
static void threads_take_turns(void **state) {
    (void)state;
    static const weir_runtime_mode modes[] = {WEIR_STEPPED, WEIR_SIMULATED};
    for (int i = 0; i < 2; i++) {
        memset(&f, 0, sizeof f);
        rig_open(&f.rig, &(weir_runtime_options){.mode = modes[i], .workers = 2});
        const weir_inlet_options options = {
            .event_bytes = 8, .capacity = 4, .when_full = WEIR_BLOCK};
        struct player in = {.name = "in", .rig = &f.rig};
        assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &in.ref), WEIR_OK);
        f.c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&f.c, &f.rig, NULL);
        player_subscribe(&f.c, &in, NULL);
        rig_rest(&f.rig);
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "pusher", push_all, NULL), 0);
        while (weir__load_acquire_u32(&f.over) == 0) weir_runtime_step(f.rig.runtime, 3);
        weir__thread_join(&thread);
        f.rig.emitted = EVENTS;
        rig_rest(&f.rig);
        assert_int_equal(f.c.handled, EVENTS);
        weir_inlet_close(f.inlet);
        rig_close(&f.rig);
    }
}

/* ---- once more amid it --------------------------------------------------------- */

static void step_again(void *context, weir_status status, const weir_drain_report *report) {
    uint64_t answer;
    (void)report;
    RIG_CHECK(&f.rig, context == &f && status == WEIR_TIMEOUT);
    RIG_CHECK(&f.rig, player_try_call(&f.c, 1, SECOND, &answer) == WEIR_OK);
    f.over = 1;
}

static void who_steps_may_do_so_amid_it(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    rig_open(&f.rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
    f.c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&f.c, &f.rig, NULL);
    weir_token token; /* or it would have drained at once */
    assert_int_equal(weir_busy(f.rig.runtime, f.c.ref, &token), WEIR_OK);
    assert_int_equal(weir_runtime_drain_begin(f.rig.runtime, 1, step_again, &f, NULL), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(weir_runtime_advance(f.rig.runtime, SECOND), WEIR_OK);
    assert_int_equal(f.over, 1);
    assert_int_equal(weir_done(f.rig.runtime, token), WEIR_OK);
    rig_close(&f.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(who_steps_may_do_so_amid_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
