/*
 * Batchers, retries and conflaters without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever allocation fails, once or from then on, each event is dropped once or is the
 * program's; the accounts balance, nothing is left, and all ends.  Who cannot go on stops, and says
 * for what.
 * Method: owned events, and lines; each scene is played with each of its allocations failing, from
 * when its stages are there.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"

enum { EVENTS = 60, CALLS_MOST = 400 };

enum kind { BATCHER, BATCHER_OF_LINES, RETRY, CONFLATER, CONFLATER_OF_LINES, KINDS };

static struct rig rig;
static enum kind kind;
static weir_ref sink_ref;

static bool has_lines(void) {
    return kind == BATCHER_OF_LINES || kind == CONFLATER_OF_LINES;
}

static uint64_t number_of(const void *event) {
    return has_lines() ? ((const struct owned_line *)event)->event.number
                       : ((const struct owned *)event)->number;
}

static uint64_t by_seven(void *context, const void *event) {
    (void)context;
    return number_of(event) % 7;
}

static uint64_t some_delay(void *context, const void *event) {
    (void)context;
    return number_of(event) % 5 * GATHER_MS;
}

static weir_verdict look(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static weir_status start_part(const weir_event_type *type, const weir_subscribe_to *to) {
    const weir_batcher_options batcher = {.type = type,
                                          .size = 9,
                                          .timeout_ns = 3 * GATHER_MS,
                                          .key = by_seven,
                                          .keys = 5,
                                          .subscribe_to = to,
                                          .subscribe_count = 1};
    const weir_retry_options retry = {
        .type = type, .delay = some_delay, .subscribe_to = to, .subscribe_count = 1};
    const weir_conflate_options conflater = {
        .type = type, .key = by_seven, .keys = 6, .subscribe_to = to, .subscribe_count = 1};
    switch (kind) {
    case RETRY:
        return weir_retry_start(rig.runtime, &retry, &gather_scene.part);
    case CONFLATER:
    case CONFLATER_OF_LINES:
        return weir_conflate_start(rig.runtime, &conflater, &gather_scene.part);
    default:
        return weir_batcher_start(rig.runtime, &batcher, &gather_scene.part);
    }
}

static void start(void) {
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 3});
    owned_open(&gather_scene.ledger);
    const weir_event_type *type =
        has_lines() ? &gather_scene.ledger.lines : &gather_scene.ledger.type;
    const weir_inlet_options options = {.type = type, .capacity = 1024};
    assert_int_equal(
        weir_inlet_open(rig.runtime, &options, &gather_scene.inlet, &gather_scene.source), WEIR_OK);
    weir_subscribe_to to = {.producer = gather_scene.source, .options = {.max_demand = 8}};
    assert_int_equal(start_part(type, &to), WEIR_OK);
    to.producer = gather_scene.part;
    to.options.max_demand = 1;
    const weir_stage_options sink = {
        .kind = WEIR_CONSUMER, .subscribe_to = &to, .subscribe_count = 1, .on.handle_events = look};
    assert_int_equal(weir_stage_start(rig.runtime, &sink, &sink_ref), WEIR_OK);
    rig_rest(&rig);
}

/* What the inlet refuses is the program's. */
static void push_one(void) {
    char text[OWNED_TEXT_MOST];
    struct owned_line line;
    struct owned event;
    if (has_lines()) {
        line = owned_make_line(&gather_scene.ledger, text);
        event = line.event;
    } else {
        event = owned_make(&gather_scene.ledger);
    }
    const void *pushed = has_lines() ? (const void *)&line : &event;
    if (weir_inlet_push(gather_scene.inlet, pushed, 1, 0) != WEIR_OK) {
        owned_release(&gather_scene.ledger, event);
    }
}

/* All ends, unless one has stopped: then the inlet waits for another consumer. */
static void end_it(void) {
    weir_counters_stage stats;
    if (weir_runtime_run(rig.runtime, 1000 * UINT64_C(1000000000)) == WEIR_OK) return;
    assert_true(weir_stage_stats(rig.runtime, gather_scene.part, &stats) == WEIR_NO_STAGE ||
                weir_stage_stats(rig.runtime, sink_ref, &stats) == WEIR_NO_STAGE);
    weir_runtime_stop(rig.runtime, WEIR_REASON_SHUTDOWN);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
}

/* Returns whether as many allocations were asked for. */
static bool play(uint64_t call, bool and_later) {
    start();
    uint64_t before = rig.memory.calls;
    test_memory_fail(&rig.memory, call, and_later);
    for (int i = 0; i < EVENTS; i++) {
        push_one();
        weir_runtime_step(rig.runtime, 3);
        if (i % 10 == 9) (void)weir_runtime_advance(rig.runtime, GATHER_MS);
    }
    bool failed = rig.memory.calls - before >= call;
    test_memory_fail_never(&rig.memory);
    weir_inlet_finish(gather_scene.inlet);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    end_it();
    weir_inlet_close(gather_scene.inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&rig, &accounts);
    assert_string_equal(gather_scene.ledger.wrong, "");
    for (uint64_t i = 1; i <= gather_scene.ledger.made; i++) {
        assert_true(gather_scene.ledger.fates[i].over);
    }
    return failed;
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    for (int each = 0; each < KINDS; each++) {
        kind = (enum kind)each;
        for (int and_later = 0; and_later < 2; and_later++) {
            uint64_t call = 1;
            while (play(call, and_later > 0)) {
                call++;
                assert_true(call < CALLS_MOST);
            }
            assert_true(call > 3);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
