/*
 * What is published for a consumer that is gone, or is going.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a subscription that the outbox names is never freed, whatever a dispatcher or a
 * callback does outside of a turn; what is sent to a dead consumer comes back or is
 * discarded, and said to be.
 * Method: two stepped workers; the consumer's mail of its end lies on the producer's worker
 * as that is made to publish.  Checked builds abort when an edge in the outbox is freed.
 */
#include "support/cmocka.h"
#include "support/rig.h"

enum { EVENTS = 10 };

/* --- a dispatcher that does not care whether its consumer lives -------------------------- */

static struct {
    weir_outlet *consumer;
    weir_hold *hold;
    bool holds;         /* what comes, and sends it in cancel */
    uint64_t discarded; /* as the producer was told            */
    weir_discard cause;
} careless;

static weir_status careless_init(void *state, weir_desk *desk, const void *options) {
    (void)state, (void)options;
    careless.hold = weir_hold_open(desk);
    return careless.hold != NULL ? WEIR_OK : WEIR_NO_MEMORY;
}

static void careless_close(void *state) {
    (void)state;
    weir_hold_close(careless.hold);
}

static weir_reason careless_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    (void)state;
    careless.consumer = consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

static uint64_t careless_ask(void *state, weir_outlet *consumer, uint64_t count) {
    (void)state, (void)consumer;
    return count;
}

static uint64_t careless_cancel(void *state, weir_outlet *consumer) {
    (void)state;
    weir_hold_send(careless.hold, consumer, UINT64_MAX);
    return 0;
}

static void careless_dispatch(void *state, weir_run *run, uint64_t count) {
    (void)state;
    if (careless.holds) {
        weir_run_hold(run, careless.hold, count);
    } else {
        weir_run_send(run, careless.consumer, count);
    }
}

static bool careless_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    (void)state;
    weir_run_send(events, consumer, weir_run_count(events));
    return true;
}

static uint64_t careless_open_demand(const void *state) {
    (void)state;
    return UINT64_MAX;
}

static const weir_dispatcher careless_dispatcher = {.name = "careless",
                                                    .state_bytes = 8,
                                                    .init = careless_init,
                                                    .close = careless_close,
                                                    .subscribe = careless_subscribe,
                                                    .ask = careless_ask,
                                                    .cancel = careless_cancel,
                                                    .dispatch = careless_dispatch,
                                                    .open_demand = careless_open_demand,
                                                    .give_back = careless_give_back};

/* --- stages ------------------------------------------------------------------------------ */

static weir_verdict emit_ten(weir_stage *self, uint64_t demand) {
    static const uint64_t events[EVENTS];
    (void)demand;
    return weir_emit(self, events, EVENTS) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict nothing(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict emit_one(weir_stage *self) {
    static const uint64_t event;
    return weir_emit(self, &event, 1) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict emit_told(weir_stage *self, const void *message, size_t bytes) {
    return weir_emit(self, message, bytes / 8) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void told(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self;
    careless.discarded += count;
    careless.cause = cause;
}

/* A producer on worker 0 and its consumer on worker 1. */
static void open_scene(struct rig *rig, weir_stage_options producer, weir_ref stage[2]) {
    careless.discarded = 0;
    rig_open(rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    producer.kind = WEIR_PRODUCER;
    producer.event_bytes = 8;
    producer.worker = WEIR_WORKER(0);
    producer.on.discarded = told;
    weir_stage_options consumer = {
        .kind = WEIR_CONSUMER, .worker = WEIR_WORKER(1), .on.handle_events = handle};
    assert_int_equal(weir_stage_start(rig->runtime, &producer, &stage[0]), WEIR_OK);
    assert_int_equal(weir_stage_start(rig->runtime, &consumer, &stage[1]), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, stage[1], stage[0], NULL, NULL), WEIR_OK);
}

/* Closes, and lets the rig compare: what callbacks were told is not in a player's books. */
static void close_scene(struct rig *rig, uint64_t emitted, uint64_t handled) {
    rig->emitted = emitted;
    rig->handled = handled;
    weir_accounts accounts = rig_close(rig);
    assert_int_equal(accounts.discarded, careless.discarded);
    assert_int_equal(accounts.in_flight, 0);
}

static void sent_as_a_dead_consumer_is_cancelled_it_comes_back(void **state) {
    (void)state;
    struct rig rig;
    weir_ref stage[2];
    careless.holds = true;
    open_scene(
        &rig,
        (weir_stage_options){.dispatcher = &careless_dispatcher, .on.handle_demand = emit_ten},
        stage);
    rig_rest(&rig);
    weir_stop(rig.runtime, stage[1], WEIR_REASON_USER);
    rig_rest(&rig);
    close_scene(&rig, EVENTS, 0);
    assert_int_equal(careless.discarded, EVENTS);
}

static void sent_back_to_a_dead_consumer_it_is_discarded(void **state) {
    (void)state;
    struct rig rig;
    weir_ref stage[2];
    careless.holds = false;
    open_scene(
        &rig,
        (weir_stage_options){.dispatcher = &careless_dispatcher, .on.handle_demand = emit_ten},
        stage);
    weir_stop(rig.runtime, stage[1], WEIR_REASON_USER);
    rig_rest(&rig); /* it has subscribed and stopped in one turn: nothing is handled */
    close_scene(&rig, EVENTS, 0);
    assert_int_equal(careless.discarded, EVENTS);
    assert_int_equal(careless.cause, WEIR_DISCARD_CONSUMER);
}

/* The consumer's end lies on worker 0's stack, before FINISH_ALL or behind it. */
static void stop_and_drain(struct rig *rig, weir_ref consumer) {
    rig_rest(rig);
    weir_stop(rig->runtime, consumer, WEIR_REASON_NORMAL);
    weir_runtime_step(rig->runtime, 1);
    weir_runtime_drain(rig->runtime, WEIR_FOREVER, NULL);
}

static void last_words_go_to_nobody(void **state) {
    (void)state;
    struct rig rig;
    weir_ref stage[2];
    open_scene(&rig,
               (weir_stage_options){.on = {.handle_demand = nothing, .handle_drain = emit_one}},
               stage);
    stop_and_drain(&rig, stage[1]);
    close_scene(&rig, 1, 0);
}

static void what_was_accumulated_goes_to_nobody(void **state) {
    (void)state;
    static const uint64_t events[2];
    struct rig rig;
    weir_ref stage[2];
    open_scene(&rig,
               (weir_stage_options){.on = {.handle_demand = nothing, .handle_cast = emit_told}},
               stage);
    rig_rest(&rig);
    weir_demand(rig.runtime, stage[0], WEIR_ACCUMULATE);
    weir_cast(rig.runtime, stage[0], events, sizeof events);
    stop_and_drain(&rig, stage[1]);
    close_scene(&rig, 2, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_as_a_dead_consumer_is_cancelled_it_comes_back),
        cmocka_unit_test(sent_back_to_a_dead_consumer_it_is_discarded),
        cmocka_unit_test(last_words_go_to_nobody),
        cmocka_unit_test(what_was_accumulated_goes_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
