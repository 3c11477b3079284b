/*
 * Bounds in bytes: what is under way to a consumer, and what a buffer keeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: never are more bytes under way than max_bytes, or one event: of flat events, of lines
 * of one length as soon as that is known, and of any lines if their producer looks; all
 * arrive, in order, whoever leaves or is slow; a buffer keeps what its bytes allow; what is no
 * bound is refused.
 * Method: a producer that knows what its consumers have had, in every world.
 */
#include "support/worlds.h"

#include <string.h>

enum { LONG = 60000, EVENTS = 400, CONSUMERS = 3 };

struct line {
    weir_bytes text;
    uint64_t number;
};

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};
static const char text[LONG];

static struct {
    struct rig *rig;
    size_t flat_bytes; /* 0: lines                           */
    uint64_t shortest; /* bytes of a line, and of the longest */
    uint64_t longest;
    bool looks; /* the producer looks, and leaves the rest */
    uint64_t limit;
    uint64_t made, seen[CONSUMERS];
    uint64_t bytes_made, bytes_seen[CONSUMERS];
    uint64_t most;       /* bytes that were ever under way   */
    uint64_t asked_most; /* the largest demand at once      */
    uint64_t max_bytes;
    uint64_t calls;
    weir_ref producer;
} f;

static void open_scene(struct rig *rig) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.limit = EVENTS;
}

/* Of event number i. */
static uint64_t length_of(uint64_t i) {
    return f.shortest + i * 7919 % (f.longest - f.shortest + 1);
}

static uint64_t weight_of(uint64_t i) {
    return f.flat_bytes != 0 ? f.flat_bytes : sizeof(struct line) + length_of(i);
}

static void note_most(void) {
    for (int i = 0; i < CONSUMERS; i++) {
        uint64_t bytes = f.bytes_made - f.bytes_seen[i];
        if (f.seen[i] < UINT64_MAX && bytes > f.most) f.most = bytes;
    }
}

static void emit_one(weir_stage *self) {
    unsigned char flat[256] = {0};
    const struct line line = {{text, (uint32_t)length_of(f.made), 0}, f.made};
    memcpy(flat, &f.made, sizeof f.made);
    const void *event = f.flat_bytes != 0 ? (const void *)flat : &line;
    RIG_CHECK(f.rig, weir_emit(self, event, 1) == WEIR_OK);
    f.bytes_made += weight_of(f.made);
    f.made++;
    f.rig->emitted++;
    note_most();
}

static bool goes_now(weir_stage *self) {
    weir_asked asked = weir_open_demand(self);
    return asked.events > 0 && asked.bytes >= weight_of(f.made);
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    if (demand > f.asked_most) f.asked_most = demand;
    if (++f.calls > 100 * EVENTS) return WEIR_STOP; /* it is called on and on */
    for (; demand > 0 && f.made < f.limit && (!f.looks || goes_now(self)); demand--) emit_one(self);
    if (f.looks && f.made < f.limit) RIG_CHECK(f.rig, weir_demand_rest(self, demand) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict read_events(weir_stage *self, weir_batch batch) {
    const uint64_t me = *(uint64_t *)weir_state(self);
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++) {
        const unsigned char *event = (const unsigned char *)batch.events + i * bytes;
        uint64_t number;
        memcpy(&number, event + (f.flat_bytes != 0 ? 0 : offsetof(struct line, number)), 8);
        RIG_CHECK(f.rig, number == f.seen[me]);
        f.bytes_seen[me] += weight_of(f.seen[me]++);
    }
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

static void start_producer(const weir_dispatcher *dispatcher, weir_stage_options options) {
    options.kind = WEIR_PRODUCER;
    options.type = f.flat_bytes != 0 ? NULL : &lines;
    options.event_bytes = f.flat_bytes;
    options.dispatcher = dispatcher;
    options.demand = WEIR_ACCUMULATE;
    options.on.handle_demand = produce;
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, &f.producer), WEIR_OK);
}

static weir_ref start_consumer(uint64_t me, weir_subscribe_options subscribe) {
    subscribe.cancel = WEIR_TEMPORARY;
    const weir_subscribe_to to = {.producer = f.producer, .options = subscribe};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state = &me,
                                        .state_bytes = sizeof me,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = read_events};
    weir_ref ref;
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

/* Only the first `consumers` count. */
static void play(const weir_dispatcher *dispatcher, unsigned consumers,
                 weir_subscribe_options subscribe) {
    for (unsigned i = consumers; i < CONSUMERS; i++) f.seen[i] = UINT64_MAX;
    f.max_bytes = subscribe.max_bytes;
    start_producer(dispatcher, (weir_stage_options){0});
    for (unsigned i = 0; i < consumers; i++) start_consumer(i, subscribe);
    rig_rest(f.rig);
    assert_int_equal(weir_demand(f.rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(f.rig);
    for (unsigned i = 0; i < consumers; i++) assert_int_equal(f.seen[i], f.limit);
}

/* ---- what is under way -------------------------------------------------------- */

static void flat_events_are_never_more(struct rig *rig) {
    for (size_t bytes = 8; bytes <= 200; bytes += 64) {
        open_scene(rig);
        f.flat_bytes = bytes;
        play(NULL, 1, (weir_subscribe_options){.max_bytes = 1000});
        assert_true(f.most <= 1000 && f.most + bytes > 1000);
    }
    rig_close(rig);
}

static void one_event_always_passes(struct rig *rig) {
    open_scene(rig);
    f.flat_bytes = 64;
    play(NULL, 1, (weir_subscribe_options){.max_bytes = 1});
    assert_int_equal(f.most, 64);
    open_scene(rig);
    f.flat_bytes = 8; /* which would have room inside a ring's entry */
    play(NULL, 1, (weir_subscribe_options){.max_bytes = 1});
    assert_int_equal(f.most, 8);
    for (int looks = 0; looks < 2; looks++) {
        open_scene(rig);
        f.looks = looks;
        f.shortest = f.longest = 5000;
        play(NULL, 1,
             (weir_subscribe_options){.max_bytes = 4000, .max_demand = 7, .min_demand = 5});
        assert_int_equal(f.most, 5000 + sizeof(struct line));
    }
    rig_close(rig);
}

/* As a file of long lines is read: whatever the producer was asked for it emits. */
static void long_lines_are_asked_for_a_few_at_a_time(struct rig *rig) {
    open_scene(rig);
    f.shortest = f.longest = LONG;
    play(NULL, 1, (weir_subscribe_options){0});
    assert_true(f.most <= WEIR_MAX_BYTES_DEFAULT);
    assert_true(f.asked_most > 1 && f.asked_most <= WEIR_MAX_BYTES_DEFAULT / LONG);
    rig_close(rig);
}

static void short_lines_are_asked_for_as_ever(struct rig *rig) {
    open_scene(rig);
    f.shortest = f.longest = 20;
    f.limit = 20000;
    play(NULL, 1, (weir_subscribe_options){0});
    assert_true(f.asked_most >= 500 && f.asked_most <= 1000);
    rig_close(rig);
}

static void who_looks_never_passes_the_bound(struct rig *rig) {
    open_scene(rig);
    f.looks = true;
    f.shortest = 1;
    f.longest = LONG;
    play(NULL, 1, (weir_subscribe_options){.max_bytes = 150000});
    assert_true(f.most <= 150000 && f.most > 150000 / 2);
    rig_close(rig);
}

static void a_broadcast_waits_for_the_fullest(struct rig *rig) {
    open_scene(rig);
    f.looks = true;
    f.shortest = 1000;
    f.longest = 9000;
    play(weir_broadcast_dispatcher(), CONSUMERS, (weir_subscribe_options){.max_bytes = 30000});
    assert_true(f.most <= 30000);
    rig_close(rig);
}

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)batch;
    RIG_CHECK(f.rig, weir_batch_rest(self, 0) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict count_seen(weir_stage *self, weir_batch batch) {
    (void)self;
    f.rig->handled += batch.count;
    f.bytes_seen[0] = f.bytes_made; /* it is never full */
    return WEIR_CONTINUE;
}

/* One of two has asked for more than it has room for, and is through with nothing. */
static void who_is_full_keeps_nothing_from_others(struct rig *rig) {
    open_scene(rig);
    f.looks = true;
    f.shortest = 10;
    f.longest = 5000;
    f.max_bytes = 6000;
    f.seen[1] = f.seen[2] = UINT64_MAX;
    start_producer(NULL, (weir_stage_options){0});
    const weir_subscribe_to to = {.producer = f.producer, .options.max_bytes = f.max_bytes};
    const weir_stage_options full = {.kind = WEIR_PRODUCER_CONSUMER, /* nobody asks it */
                                     .event_bytes = 8,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on.handle_events = take_none};
    const weir_stage_options other = {.kind = WEIR_CONSUMER,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = count_seen};
    assert_int_equal(weir_stage_start(rig->runtime, &full, NULL), WEIR_OK);
    assert_int_equal(weir_stage_start(rig->runtime, &other, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.made, f.limit);
    assert_int_equal(weir_stop(rig->runtime, f.producer, WEIR_REASON_NORMAL), WEIR_OK);
    rig_close(rig);
}

/* What was left waits for bytes that go with the one that has them: it is asked for again. */
static void a_consumer_that_leaves_holds_nothing_up(struct rig *rig) {
    open_scene(rig);
    f.looks = true;
    f.shortest = f.longest = 100;
    f.seen[1] = f.seen[2] = UINT64_MAX;
    f.max_bytes = 300;
    start_producer(NULL, (weir_stage_options){0});
    weir_ref first = start_consumer(0, (weir_subscribe_options){.max_bytes = 300});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    assert_int_equal(weir_stop(rig->runtime, first, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    start_consumer(0, (weir_subscribe_options){.max_bytes = 300});
    rig_rest(rig);
    assert_int_equal(f.seen[0], EVENTS);
    rig_close(rig);
}

/* Whose an event will be nobody knows: all of them are asked for, however long they are. */
static void who_competes_has_no_bound(struct rig *rig) {
    open_scene(rig);
    f.looks = true;
    f.shortest = f.longest = 5000;
    f.max_bytes = 1;
    f.seen[1] = f.seen[2] = UINT64_MAX;
    start_producer(weir_shared_dispatcher(), (weir_stage_options){0});
    start_consumer(0, (weir_subscribe_options){0});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen[0], EVENTS);
    rig_close(rig);
}

static weir_verdict look_held_back(weir_stage *self, const void *message, size_t bytes) {
    weir_asked asked = weir_open_demand(self);
    (void)message, (void)bytes;
    RIG_CHECK(f.rig, asked.events == 0 && asked.bytes == 0);
    f.calls++;
    return WEIR_CONTINUE;
}

/* A producer that holds back sends nothing, whoever has asked. */
static void who_holds_back_is_asked_for_nothing(struct rig *rig) {
    open_scene(rig);
    f.flat_bytes = 8;
    f.limit = 3;
    f.seen[1] = f.seen[2] = UINT64_MAX;
    start_producer(NULL, (weir_stage_options){.on.handle_cast = look_held_back});
    start_consumer(0, (weir_subscribe_options){0});
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, f.producer, "", 0), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.calls, 1);
    rig_close(rig);
}

/* ---- a stage between ------------------------------------------------------------- */

static weir_verdict produce_numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < f.limit; demand--, ++*next) {
        RIG_CHECK(f.rig, weir_emit(self, next, 1) == WEIR_OK);
        f.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

/* A line for each number, as long as it goes at once. */
static weir_verdict write_lines(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    size_t count = 0;
    f.calls++;
    for (; count < batch.count && goes_now(self); count++) {
        RIG_CHECK(f.rig, number[count] == f.made);
        emit_one(self);
    }
    f.rig->handled += count;
    RIG_CHECK(f.rig, weir_batch_rest(self, count) == WEIR_OK);
    RIG_CHECK(f.rig, weir_buffered(self) == 0);
    return WEIR_CONTINUE;
}

/* It is not called when it could do nothing, but once for each time that there may be room. */
static void a_stage_between_keeps_to_the_bound(struct rig *rig) {
    open_scene(rig);
    f.shortest = 1;
    f.longest = LONG;
    f.max_bytes = 150000;
    f.seen[1] = f.seen[2] = UINT64_MAX;
    weir_ref numbers, writer;
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .event_bytes = sizeof(uint64_t),
                                        .state_bytes = sizeof(uint64_t),
                                        .demand = WEIR_ACCUMULATE,
                                        .on.handle_demand = produce_numbers};
    assert_int_equal(weir_stage_start(rig->runtime, &options, &numbers), WEIR_OK);
    const weir_subscribe_to to = {.producer = numbers, .options.cancel = WEIR_TEMPORARY};
    const weir_stage_options between = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .type = &lines,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = write_lines};
    assert_int_equal(weir_stage_start(rig->runtime, &between, &writer), WEIR_OK);
    f.producer = writer;
    start_consumer(0, (weir_subscribe_options){.max_bytes = f.max_bytes});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, numbers, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen[0], f.limit);
    assert_true(f.most <= f.max_bytes);
    assert_true(f.calls <= f.limit);
    rig_close(rig);
}

/* ---- what a buffer keeps --------------------------------------------------------- */

static struct {
    uint64_t kept[EVENTS];
    size_t count;
    uint64_t discarded;
} b;

static weir_verdict emit_all(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    while (f.made < f.limit) emit_one(self);
    return WEIR_CONTINUE;
}

static void count_discarded(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self;
    RIG_CHECK(f.rig, why == WEIR_DISCARD_OVERFLOW);
    b.discarded += count;
}

static weir_verdict note_kept(weir_stage *self, weir_batch batch) {
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++) {
        const unsigned char *event = (const unsigned char *)batch.events + i * bytes;
        memcpy(&b.kept[b.count++], event + (f.flat_bytes != 0 ? 0 : offsetof(struct line, number)),
               8);
    }
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* Emits `limit` events to nobody, twice; then somebody takes what was kept: numbers first..last. */
static void fill(weir_keep keep, size_t size, size_t bytes, uint64_t first, uint64_t last) {
    memset(&b, 0, sizeof b);
    f.seen[0] = f.seen[1] = f.seen[2] = UINT64_MAX;
    weir_stage_options options = {.buffer_size = size,
                                  .buffer_bytes = bytes,
                                  .buffer_keep = keep,
                                  .on.handle_cast = emit_all,
                                  .on.discarded = count_discarded};
    start_producer(NULL, options);
    assert_int_equal(weir_demand(f.rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    uint64_t limit = f.limit;
    for (f.limit = limit / 2; f.limit <= limit; f.limit += limit - limit / 2) {
        assert_int_equal(weir_cast(f.rig->runtime, f.producer, "", 0), WEIR_OK);
        rig_rest(f.rig);
    }
    f.limit = limit;
    const weir_subscribe_to to = {.producer = f.producer, .options.max_demand = 3};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .on.handle_events = note_kept};
    assert_int_equal(weir_stage_start(f.rig->runtime, &consumer, NULL), WEIR_OK);
    rig_rest(f.rig);
    assert_int_equal(b.count, last - first + 1);
    for (size_t i = 0; i < b.count; i++) assert_int_equal(b.kept[i], first + i);
    assert_int_equal(b.discarded + b.count, limit);
}

static void scene_of(struct rig *rig, uint64_t length, uint64_t limit) {
    open_scene(rig);
    f.shortest = f.longest = length;
    f.limit = limit;
}

static void a_buffer_keeps_what_its_bytes_allow(struct rig *rig) {
    enum { LINE = 1000 + sizeof(struct line) };
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
        f.flat_bytes = 16;
        fill(WEIR_KEEP_LAST, rows[i].size, rows[i].bytes, rows[i].first, 19);
    }
    rig_close(rig);
}

/* ---- what is refused ---------------------------------------------------------------- */

static void expect_refusal(const char *words) {
    assert_string_equal(weir_refusal(), words);
}

static void no_bound_is_refused(struct rig *rig) {
    scene_of(rig, 10, 1);
    start_producer(NULL, (weir_stage_options){0});
    const weir_subscribe_to none = {.producer = f.producer, .options.max_bytes = WEIR_NONE};
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
                                   .on.handle_demand = produce};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    expect_refusal("stage producer: buffer_bytes must be at least 1, got WEIR_NONE");
    rig_close(rig);
}

static void the_shared_dispatcher_knows_no_bytes(struct rig *rig) {
    scene_of(rig, 10, 5);
    f.seen[1] = f.seen[2] = UINT64_MAX;
    start_producer(weir_shared_dispatcher(), (weir_stage_options){0});
    weir_ref consumer =
        start_consumer(0, (weir_subscribe_options){0}); /* not bounded, as lines are */
    const weir_subscribe_options bounded = {.max_bytes = 100};
    assert_int_equal(weir_subscribe(rig->runtime, consumer, f.producer, &bounded, NULL),
                     WEIR_INVALID);
    expect_refusal("max_bytes must not be set: stage consumer subscribes to stage producer, which "
                   "has the shared dispatcher");
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, f.producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen[0], 5);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(flat_events_are_never_more),
        TEST_IN_WORLDS(one_event_always_passes),
        TEST_IN_WORLDS(long_lines_are_asked_for_a_few_at_a_time),
        TEST_IN_WORLDS(short_lines_are_asked_for_as_ever),
        TEST_IN_WORLDS(who_looks_never_passes_the_bound),
        TEST_IN_WORLDS(a_broadcast_waits_for_the_fullest),
        TEST_IN_WORLDS(who_is_full_keeps_nothing_from_others),
        TEST_IN_WORLDS(a_consumer_that_leaves_holds_nothing_up),
        TEST_IN_WORLDS(who_competes_has_no_bound),
        TEST_STEPPED(who_holds_back_is_asked_for_nothing),
        TEST_IN_WORLDS(a_stage_between_keeps_to_the_bound),
        TEST_STEPPED(a_buffer_keeps_what_its_bytes_allow),
        TEST_STEPPED(a_bound_in_bytes_of_flat_events_is_one_in_events),
        TEST_STEPPED(no_bound_is_refused),
        TEST_STEPPED(the_shared_dispatcher_knows_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
