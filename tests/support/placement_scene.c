/*
 * Placed stages: see placement_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/placement_scene.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

struct place_scene place_scene;

static void note(void *context, weir_log_level level, const char *text) {
    (void)context;
    size_t used = strlen(place_scene.log);
    snprintf(place_scene.log + used, sizeof place_scene.log - used, "%s%s\n",
             level == WEIR_LOG_WARNING ? "" : "not a warning: ", text);
}

void place_open_with(weir_runtime_options options) {
    memset(&place_scene, 0, sizeof place_scene);
    options.log = note;
    assert_int_equal(weir_runtime_open(&options, &place_scene.runtime), WEIR_OK);
}

void place_open(unsigned workers) {
    place_open_with((weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
}

void place_expect_log(const char *expected) {
    assert_string_equal(place_scene.log, expected);
    place_scene.log[0] = '\0';
}

void place_close(void) {
    assert_int_equal(weir_runtime_close(place_scene.runtime, NULL), WEIR_OK);
    place_expect_log("");
}

unsigned place_where(weir_ref stage) {
    return weir__runtime_worker(place_scene.runtime, stage)->index;
}

/* ---- stages ------------------------------------------------------------------ */

static weir_verdict make(weir_stage *self, size_t demand) {
    (void)self;
    (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

weir_stage_options place_stage_of(weir_kind kind) {
    weir_stage_options options = {.kind = kind};
    options.event_bytes = kind == WEIR_CONSUMER ? 0 : 8;
    options.on.handle_demand = kind == WEIR_PRODUCER ? make : NULL;
    options.on.handle_events = kind == WEIR_PRODUCER ? NULL : take;
    return options;
}

weir_ref place_start(weir_stage_options options) {
    weir_ref stage;
    assert_int_equal(weir_stage_start(place_scene.runtime, &options, &stage), WEIR_OK);
    return stage;
}

weir_ref place_producer(unsigned worker) {
    weir_stage_options options = place_stage_of(WEIR_PRODUCER);
    options.worker = worker;
    return place_start(options);
}

/* One that consumes from so many. */
weir_ref place_behind(weir_kind kind, unsigned worker, const weir_ref *from, size_t count) {
    weir_subscribe_to to[4] = {{.name = NULL}};
    for (size_t i = 0; i < count; i++) to[i].producer = from[i];
    weir_stage_options options = place_stage_of(kind);
    options.worker = worker;
    options.subscribe_to = to;
    options.subscribe_count = count;
    return place_start(options);
}

weir_ref place_consumer(unsigned worker, weir_ref from) {
    return place_behind(WEIR_CONSUMER, worker, &from, 1);
}

weir_ref place_middle(weir_ref from) {
    return place_behind(WEIR_PRODUCER_CONSUMER, WEIR_ANY_WORKER, &from, 1);
}

void place_end(weir_ref stage) {
    weir_stop(place_scene.runtime, stage, WEIR_REASON_NORMAL);
    assert_int_equal(weir_runtime_settle(place_scene.runtime, WEIR_FOREVER), WEIR_OK);
}
