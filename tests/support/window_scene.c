/*
 * A window scene: see window_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/window_scene.h"

#include "support/cmocka.h"
#include "support/deeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct window_seen window_seen;
weir_ref window_sources[2];
weir_ref window_stage;

static void window_rest(void) {
    if (window_seen.timed) {
        assert_int_equal(weir_runtime_advance(window_seen.rig->runtime, 0), WEIR_OK);
    } else {
        rig_rest(window_seen.rig);
    }
}

static weir_place place_of(void *context, const void *event) {
    (void)context;
    const struct window_event *e = event;
    return (weir_place){.key = e->key, .time = e->time};
}

static void add_number(void *context, void *accumulator, const void *event) {
    (void)context;
    uint64_t *sum = accumulator; /* and whether it is owned */
    window_seen.owned += sum[1] == 0 ? 1 : 0;
    sum[1] = 1;
    sum[0] += ((const struct window_event *)event)->number;
}

static void merge_sums(void *context, void *accumulator, void *other) {
    (void)context;
    uint64_t *sum = accumulator;
    const uint64_t *more = other;
    if (sum[1] == 1 && more[1] == 1) window_seen.owned--;
    sum[1] |= more[1];
    sum[0] += more[0];
}

static void emit_sum(void *context, weir_stage *self, const weir_window *window,
                     void *accumulator) {
    (void)context;
    const struct window_result result = {*window, *(const uint64_t *)accumulator};
    RIG_CHECK(window_seen.rig, weir_emit(self, &result, 1) == WEIR_OK);
}

static void drop_sum(void *context, void *accumulator) {
    (void)context;
    RIG_CHECK(window_seen.rig, ((uint64_t *)accumulator)[1] == 1);
    window_seen.owned--;
}

static void tell_late(void *context, const void *event, weir_place place) {
    (void)context;
    rig_text_add(&window_seen.late, "%" PRIu64 "@%" PRIu64 " ",
                 ((const struct window_event *)event)->number, place.time);
}

/* ---- a source, and who takes results ----------------------------------------- */

/* A cast of events emits them; one of a mark emits that. */
weir_verdict window_emit_cast(weir_stage *self, const void *message, size_t bytes) {
    if (bytes == sizeof(weir_mark)) {
        RIG_CHECK(window_seen.rig, weir_emit_mark(self, message) == WEIR_OK);
    } else {
        RIG_CHECK(window_seen.rig,
                  weir_emit(self, message, bytes / sizeof(struct window_event)) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static const char *const triggers[] = {"over",  "count", "events", "time",
                                       "flush", "late",  "full",   "end"};

static weir_verdict note_results(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct window_result *r = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const weir_window *w = &r[i].window;
        char end[32];
        snprintf(end, sizeof end, "%" PRIu64, w->end);
        rig_text_add(&window_seen.results,
                     "%" PRIu64 " [%" PRIu64 ", %s) %" PRIu64 " of %" PRIu64 "%s%s\n", w->key,
                     w->begin, w->end == UINT64_MAX ? "end" : end, r[i].sum, w->count,
                     w->last ? ", " : " so far, ", triggers[w->trigger]);
        window_seen.sum_of_last += w->last || w->trigger == WEIR_TRIGGER_FULL ? r[i].sum : 0;
    }
    return WEIR_CONTINUE;
}

/* Of many: the sums alone. */
weir_verdict window_add_up(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct window_result *r = batch.events;
    for (size_t i = 0; i < batch.count; i++) window_seen.sum_of_last += r[i].sum;
    return WEIR_CONTINUE;
}

static weir_verdict note_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    (void)self, (void)from;
    static const char *const kinds[] = {"", "watermark", "flush", "end of file"};
    rig_text_add(&window_seen.results, "%s %" PRIu64 "\n", kinds[mark->kind], mark->value);
    return WEIR_CONTINUE;
}

static weir_subscription taking;

weir_window_options window_of(weir_window_kind kind, uint64_t size) {
    return (weir_window_options){.takes_bytes = sizeof(struct window_event),
                                 .event_bytes = sizeof(struct window_result),
                                 .accumulator_bytes = 2 * sizeof(uint64_t),
                                 .kind = kind,
                                 .size = size,
                                 .place = place_of,
                                 .add = add_number,
                                 .merge = merge_sums,
                                 .emit = emit_sum,
                                 .drop = drop_sum,
                                 .late = tell_late};
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self, (void)peer;
    return WEIR_MANUAL;
}

/* So many sources, a window stage, and a consumer, which asks by hand. */
void window_open(struct rig *rig, const weir_window_options *options, unsigned count,
                 uint64_t asked) {
    memset(&window_seen, 0, sizeof window_seen);
    window_seen.rig = rig;
    weir_subscribe_to from[2] = {0};
    for (unsigned i = 0; i < count; i++) {
        const weir_stage_options source = {
            .kind = WEIR_PRODUCER,
            .event_bytes = sizeof(struct window_event),
            .on = {.handle_demand = deed_no_demand, .handle_cast = window_emit_cast}};
        assert_int_equal(weir_stage_start(rig->runtime, &source, &window_sources[i]), WEIR_OK);
        from[i].producer = window_sources[i];
    }
    weir_window_options used = *options;
    used.subscribe_to = from;
    used.subscribe_count = count;
    assert_int_equal(weir_window_start(rig->runtime, &used, &window_stage), WEIR_OK);
    const weir_stage_options taker = {.kind = WEIR_CONSUMER,
                                      .on = {.handle_events = note_results,
                                             .handle_mark = note_mark,
                                             .handle_subscribe = by_hand}};
    weir_ref consumer;
    assert_int_equal(weir_stage_start(rig->runtime, &taker, &consumer), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, consumer, window_stage, NULL, &taking), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, taking, asked), WEIR_OK);
    rig_rest(rig);
}

void window_come(unsigned source, const struct window_event *events, size_t count) {
    assert_int_equal(
        weir_cast(window_seen.rig->runtime, window_sources[source], events, count * sizeof *events),
        WEIR_OK);
    window_seen.rig->emitted += count;
    window_rest();
}

void window_mark(unsigned source, uint32_t kind, uint64_t value) {
    const weir_mark mark = {.kind = kind, .value = value};
    assert_int_equal(
        weir_cast(window_seen.rig->runtime, window_sources[source], &mark, sizeof mark), WEIR_OK);
    window_rest();
}

void window_watermark(uint64_t time) {
    window_mark(0, WEIR_MARK_WATERMARK, time);
}

weir_window_counts window_counts(void) {
    weir_window_counts got;
    assert_int_equal(weir_window_look(window_seen.rig->runtime, window_stage, WEIR_FOREVER, &got),
                     WEIR_OK);
    return got;
}

void window_expect(const char *expected) {
    rig_text_expect(&window_seen.results, expected);
}

/* The players are none, so the rig's own sums are not used. */
void window_close(void) {
    weir_accounts accounts;
    struct rig *rig = window_seen.rig;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    assert_int_equal(window_seen.owned, 0);
}

void window_ask(uint64_t count) {
    assert_int_equal(weir_ask(window_seen.rig->runtime, taking, count), WEIR_OK);
    rig_rest(window_seen.rig);
}
