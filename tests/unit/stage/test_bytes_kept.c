/*
 * Bounds in bytes: what a buffer keeps, also in a drain; and what is no bound.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a buffer keeps what its bytes allow, the oldest or the newest, and one event always; a
 * drain drops nothing for it; what is no bound is refused, and where there can be none.
 * Method: events emitted to nobody, and then to somebody who notes which are there.
 */
#include "support/bytes_scene.h"
#include "support/worlds.h"

#include <string.h>

/* ---- what a buffer keeps --------------------------------------------------------- */

static struct {
    uint64_t kept[BYTES_EVENTS];
    size_t count;
    uint64_t discarded;
} b;

static weir_verdict emit_all(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    while (bytes_scene.made < bytes_scene.limit) bytes_emit_one(self);
    return WEIR_CONTINUE;
}

static void count_discarded(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self;
    RIG_CHECK(bytes_scene.rig, why == WEIR_DISCARD_OVERFLOW);
    b.discarded += count;
}

static weir_verdict note_kept(weir_stage *self, weir_batch batch) {
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++) {
        const unsigned char *event = (const unsigned char *)batch.events + i * bytes;
        memcpy(&b.kept[b.count++],
               event + (bytes_scene.flat_bytes != 0 ? 0 : offsetof(struct bytes_line, number)), 8);
    }
    bytes_scene.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* Emits `limit` events to nobody, twice; then somebody takes what was kept: numbers first..last. */
static void fill(weir_keep keep, size_t size, size_t bytes, uint64_t first, uint64_t last) {
    memset(&b, 0, sizeof b);
    bytes_scene.seen[0] = bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    weir_stage_options options = {.buffer_size = size,
                                  .buffer_bytes = bytes,
                                  .buffer_keep = keep,
                                  .on.handle_cast = emit_all,
                                  .on.discarded = count_discarded};
    bytes_start_producer(NULL, options);
    assert_int_equal(weir_demand(bytes_scene.rig->runtime, bytes_scene.producer, WEIR_FORWARD),
                     WEIR_OK);
    uint64_t limit = bytes_scene.limit;
    for (bytes_scene.limit = limit / 2; bytes_scene.limit <= limit;
         bytes_scene.limit += limit - limit / 2) {
        assert_int_equal(weir_cast(bytes_scene.rig->runtime, bytes_scene.producer, "", 0), WEIR_OK);
        rig_rest(bytes_scene.rig);
    }
    bytes_scene.limit = limit;
    const weir_subscribe_to to = {.producer = bytes_scene.producer, .options.max_demand = 3};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .on.handle_events = note_kept};
    assert_int_equal(weir_stage_start(bytes_scene.rig->runtime, &consumer, NULL), WEIR_OK);
    rig_rest(bytes_scene.rig);
    assert_int_equal(b.count, last - first + 1);
    for (size_t i = 0; i < b.count; i++) assert_int_equal(b.kept[i], first + i);
    assert_int_equal(b.discarded + b.count, limit);
}

static void scene_of(struct rig *rig, uint64_t length, uint64_t limit) {
    bytes_open(rig);
    bytes_scene.shortest = bytes_scene.longest = length;
    bytes_scene.limit = limit;
}

static void a_buffer_keeps_what_its_bytes_allow(struct rig *rig) {
    enum { LINE = 1000 + sizeof(struct bytes_line) };
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_LAST, 0, 5 * LINE, 15, 19);
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_FIRST, 0, 5 * LINE, 0, 4);
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_FIRST, 0, 5 * LINE - 1, 0, 3);
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_LAST, 3, 5 * LINE, 17, 19);
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_LAST, 0, 13 * LINE, 7, 19); /* some of the first half, too */
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_LAST, 0, 1, 19, 19); /* one, however long it is */
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_FIRST, 0, 1, 0, 0);
    scene_of(rig, 1000, 20);
    fill(WEIR_KEEP_LAST, 0, WEIR_INFINITY, 0, 19);
    rig_close(rig);
}

static void a_bound_in_bytes_of_flat_events_is_one_in_events(struct rig *rig) {
    const struct {
        size_t size, bytes;
        uint64_t first;
    } rows[] = {{0, 128, 12}, {3, 128, 17}, {0, 1, 19}, {WEIR_INFINITY, 127, 13}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scene_of(rig, 0, 20);
        bytes_scene.flat_bytes = 16;
        fill(WEIR_KEEP_LAST, rows[i].size, rows[i].bytes, rows[i].first, 19);
    }
    rig_close(rig);
}

/* ---- a drain ------------------------------------------------------------------------ */

static weir_verdict produce_and_finish(weir_stage *self, uint64_t demand) {
    bytes_produce(self, demand);
    return bytes_scene.made == bytes_scene.limit ? WEIR_FINISH : WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    bytes_scene.rig->handled += batch.count;
    bytes_scene.rig->emitted += batch.count;
    return weir_forward(self);
}

static weir_subscribe_verdict never_ask(weir_stage *self, const weir_peer *peer) {
    (void)self, (void)peer;
    return WEIR_MANUAL;
}

/* A buffer that is bounded, in bytes, too, is not filled beyond for a drain's sake. */
static void a_drain_drops_nothing(struct rig *rig) {
    scene_of(rig, 10, 50);
    bytes_scene.seen[0] = bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    weir_ref between;
    weir_subscribe_to to = {0};
    const weir_stage_options first = {
        .kind = WEIR_PRODUCER, .type = &bytes_lines, .on.handle_demand = produce_and_finish};
    weir_stage_options next = {.kind = WEIR_PRODUCER_CONSUMER,
                               .type = &bytes_lines,
                               .buffer_bytes = 260,
                               .subscribe_to = &to,
                               .subscribe_count = 1,
                               .on.handle_events = pass_on};
    assert_int_equal(weir_stage_start(rig->runtime, &first, &to.producer), WEIR_OK);
    assert_int_equal(weir_stage_start(rig->runtime, &next, &between), WEIR_OK);
    to.producer = between;
    next = (weir_stage_options){.kind = WEIR_CONSUMER,
                                .subscribe_to = &to,
                                .subscribe_count = 1,
                                .on = {.handle_events = note_kept, .handle_subscribe = never_ask}};
    assert_int_equal(weir_stage_start(rig->runtime, &next, NULL), WEIR_OK);
    rig_rest(rig);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, 1000000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.accounts.discarded, 0);
    weir_accounts accounts; /* which discards them */
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

/* ---- what is refused ---------------------------------------------------------------- */

static void expect_refusal(const char *words) {
    assert_string_equal(weir_refusal(), words);
}

static void no_bound_is_refused(struct rig *rig) {
    scene_of(rig, 10, 1);
    bytes_start_producer(NULL, (weir_stage_options){0});
    const weir_subscribe_to none = {.producer = bytes_scene.producer,
                                    .options.max_bytes = WEIR_NONE};
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .subscribe_to = &none,
                                  .subscribe_count = 1,
                                  .on.handle_events = note_kept};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    expect_refusal("stage consumer: max_bytes must be at least 1, got WEIR_NONE");
    options.subscribe_count = 0;
    options.buffer_bytes = 5;
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    expect_refusal("stage consumer: buffer_bytes is for producers and producer_consumers only");
    options = (weir_stage_options){.kind = WEIR_PRODUCER,
                                   .event_bytes = 8,
                                   .buffer_bytes = WEIR_NONE,
                                   .on.handle_demand = bytes_produce};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    expect_refusal("stage producer: buffer_bytes must be at least 1, got WEIR_NONE");
    rig_close(rig);
}

static void the_shared_dispatcher_knows_no_bytes(struct rig *rig) {
    scene_of(rig, 10, 5);
    bytes_scene.seen[1] = bytes_scene.seen[2] = UINT64_MAX;
    bytes_start_producer(weir_shared_dispatcher(), (weir_stage_options){0});
    weir_ref consumer =
        bytes_start_consumer(0, (weir_subscribe_options){0}); /* not bounded, as bytes_lines are */
    const weir_subscribe_options bounded = {.max_bytes = 100};
    assert_int_equal(weir_subscribe(rig->runtime, consumer, bytes_scene.producer, &bounded, NULL),
                     WEIR_INVALID);
    expect_refusal("max_bytes must not be set: stage consumer subscribes to stage producer, which "
                   "has the shared dispatcher");
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, bytes_scene.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(bytes_scene.seen[0], 5);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_buffer_keeps_what_its_bytes_allow),
        TEST_STEPPED(a_bound_in_bytes_of_flat_events_is_one_in_events),
        TEST_STEPPED(a_drain_drops_nothing),
        TEST_STEPPED(no_bound_is_refused),
        TEST_STEPPED(the_shared_dispatcher_knows_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
