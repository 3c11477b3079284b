/*
 * Batches of events of any length.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a batch has its events' payload, whole, for as long as it lasts, however much that is and
 * wherever it came from; payload counts as weight; what else such events own is dropped once, as
 * of any; events that others have are copied, if they can be, and else the batcher stops.
 * Method: lines whose text tells their number; in every world.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include <string.h>

static struct {
    struct rig *rig;
    struct owned_ledger ledger;
    weir_inlet *inlet;
    weir_ref source;
    weir_ref batcher;
    uint64_t lines;
    uint64_t batches;
    uint64_t bytes;
    uint64_t next;
    weir_gathered kept;
} scene;

static weir_verdict look(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        const struct owned_line *line = batches[i].events;
        uint64_t bytes = 0;
        for (uint32_t k = 0; k < batches[i].count; k++) {
            RIG_CHECK(scene.rig, line[k].event.number == ++scene.next);
            owned_look_at_line(&scene.ledger, &line[k]);
            bytes += sizeof *line + line[k].text.count;
        }
        RIG_CHECK(scene.rig, batches[i].bytes == bytes);
        scene.lines += batches[i].count;
        scene.bytes = bytes > scene.bytes ? bytes : scene.bytes;
    }
    scene.batches += batch.count;
    return WEIR_CONTINUE;
}

static void sink(void) {
    const weir_subscribe_to to = {.producer = scene.batcher, .options = {.max_demand = 10}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .subscribe_to = &to, .subscribe_count = 1, .on.handle_events = look};
    assert_int_equal(weir_stage_start(scene.rig->runtime, &options, NULL), WEIR_OK);
    rig_rest(scene.rig);
}

static void start(struct rig *rig, weir_batcher_options options) {
    owned_open(&scene.ledger);
    scene.rig = rig;
    scene.lines = scene.batches = scene.bytes = scene.next = 0;
    const weir_inlet_options inlet = {.type = &scene.ledger.lines,
                                      .dispatcher = options.dispatcher}; /* not the batcher's own */
    options.dispatcher = NULL;
    assert_int_equal(weir_inlet_open(rig->runtime, &inlet, &scene.inlet, &scene.source), WEIR_OK);
    const weir_subscribe_to to = {.producer = scene.source, .options = {.max_demand = 100}};
    options.type = &scene.ledger.lines;
    options.timeout_ns = WEIR_FOREVER;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_batcher_start(rig->runtime, &options, &scene.batcher), WEIR_OK);
}

static void push(size_t count) {
    char text[OWNED_TEXT_MOST];
    for (size_t i = 0; i < count; i++) {
        struct owned_line line = owned_make_line(&scene.ledger, text);
        assert_int_equal(weir_inlet_push(scene.inlet, &line, 1, 0), WEIR_OK);
        memset(text, '?', sizeof text);
    }
    rig_rest(scene.rig);
}

static void finish(const char *fates) {
    assert_int_equal(weir_inlet_finish(scene.inlet), WEIR_OK);
    assert_int_equal(weir_runtime_run(scene.rig->runtime, WEIR_FOREVER), WEIR_OK);
    weir_inlet_close(scene.inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(scene.rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(scene.rig, &accounts);
    owned_expect(&scene.ledger, fates);
}

static void lines_come_whole(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 7});
    sink();
    push(100);
    assert_int_equal(scene.lines, 98);
    assert_int_equal(scene.batches, 14);
    finish("handled 100");
    assert_int_equal(scene.lines, 100);
}

/* Over several blocks of payload, and blocks of events that have to grow. */
static void a_batch_has_as_much_payload_as_it_takes(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 3000});
    sink();
    for (int i = 0; i < 40; i++) push(100);
    assert_int_equal(scene.batches, 1);
    finish("handled 4000");
    assert_int_equal(scene.batches, 2);
    assert_int_equal(scene.lines, 4000);
}

static void payload_has_its_weight(struct rig *rig) {
    enum { MOST = 400 };
    start(rig, (weir_batcher_options){.size = 1000, .bytes = MOST});
    sink();
    push(300);
    finish("handled 300");
    assert_int_equal(scene.lines, 300);
    assert_true(scene.bytes <= MOST && scene.bytes > MOST - OWNED_TEXT_MOST - 100);
}

static void open_ones_are_dropped_whole(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 1000});
    sink();
    push(50);
    weir_stop(rig->runtime, scene.batcher, WEIR_REASON_USER);
    rig_rest(rig);
    finish("stopped 50");
}

/* A broadcast's events are everybody's; these have no copy. */
static void what_cannot_be_copied_stops_it(struct rig *rig) {
    start(rig, (weir_batcher_options){
                   .name = "b", .size = 5, .dispatcher = weir_broadcast_dispatcher()});
    sink();
    const weir_subscribe_to to = {.producer = scene.source, .options = {.max_demand = 100}};
    const weir_batcher_options second = {.name = "c",
                                         .type = &scene.ledger.lines,
                                         .size = 5,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1};
    weir_ref ref;
    assert_int_equal(weir_batcher_start(rig->runtime, &second, &ref), WEIR_OK);
    scene.batcher = ref;
    sink();
    push(1);
    assert_non_null(strstr(rig->log.text,
                           "stops: others have its events, or had, and their type has "
                           "no copy\n"));
    weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL);
    rig_rest(rig);
    weir_inlet_close(scene.inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    owned_expect(&scene.ledger, "abandoned 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(lines_come_whole),
        TEST_IN_WORLDS(a_batch_has_as_much_payload_as_it_takes),
        TEST_IN_WORLDS(payload_has_its_weight),
        TEST_IN_WORLDS(open_ones_are_dropped_whole),
        TEST_IN_WORLDS(what_cannot_be_copied_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
