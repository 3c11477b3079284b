/*
 * Inlets, ports and iterators before a consumer that is full.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: after a thousand short lines, for which as many were asked, long ones come to a consumer
 * only as far as max_bytes lets them: the rest waits where it is; when the consumer goes on,
 * all of it comes.
 * Method: a consumer that leaves all that it gets while it is told to; steps of a stepped runtime.
 */
#include "support/worlds.h"

#include <string.h>

enum {
    SHORT = 100,
    LONG = 5000,
    SHORTS = 1000,
    LONGS = 100,
    PORTION = 16,
    MAX_BYTES = 65536,
    STEPS = 500
};

static const weir_event_type lines = {.bytes = sizeof(weir_bytes), .spans = 1};
static const char text[LONG];

static struct {
    struct rig *rig;
    uint64_t stops_at; /* when it has seen so many it leaves all that it gets */
    uint64_t made, seen;
} f;

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    if (f.seen >= f.stops_at) {
        RIG_CHECK(f.rig, weir_batch_rest(self, 0) == WEIR_OK);
        return WEIR_CONTINUE;
    }
    f.seen += batch.count;
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

static weir_bytes line_of(uint64_t number) {
    return (weir_bytes){text, number < SHORTS ? SHORT : LONG, 0};
}

static weir_made make(void *context, weir_room room) {
    weir_bytes *line = room.events;
    size_t count = 0;
    (void)context;
    for (; count < room.count && f.made < SHORTS + LONGS; count++) line[count] = line_of(f.made++);
    f.rig->emitted += count;
    bool over = f.made == SHORTS + LONGS;
    return (weir_made){count, over ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void read_from(weir_ref producer) {
    const weir_subscribe_to to = {.producer = producer, .options.max_bytes = MAX_BYTES};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = read_lines};
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, NULL), WEIR_OK);
}

static void push(weir_inlet *inlet, weir_port *port, uint64_t count) {
    for (; count > 0; count--) {
        const weir_bytes line = line_of(f.made++);
        weir_status status =
            port != NULL ? weir_port_push(port, &line, 1, 0) : weir_inlet_push(inlet, &line, 1, 0);
        assert_int_equal(status, WEIR_OK);
        f.rig->emitted++;
    }
}

/* Under way, on so many subscriptions. */
static void expect_bounded(uint64_t subscriptions) {
    weir_accounts accounts = rig_accounts(f.rig);
    uint64_t most = (MAX_BYTES / LONG + PORTION) * subscriptions;
    assert_in_range(accounts.in_flight, 1, most);
}

static void begin(struct rig *rig) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.stops_at = SHORTS;
}

static void end_of(weir_inlet *inlet) {
    f.stops_at = UINT64_MAX;
    rig_rest(f.rig);
    assert_int_equal(f.seen, SHORTS + LONGS);
    weir_inlet_close(inlet);
    rig_close(f.rig);
}

static void an_inlet_keeps_what_there_is_no_room_for(struct rig *rig, int by_port) {
    weir_inlet *inlet;
    weir_port *port = NULL;
    weir_ref stage;
    begin(rig);
    const weir_inlet_options options = {.type = &lines, .capacity = 2000};
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &stage), WEIR_OK);
    if (by_port) assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    read_from(stage);
    push(inlet, port, SHORTS);
    rig_rest(rig);
    assert_int_equal(f.seen, SHORTS);
    push(inlet, port, LONGS);
    weir_runtime_step(rig->runtime, STEPS);
    expect_bounded(1);
    weir_port_close(port);
    weir_inlet_finish(inlet);
    end_of(inlet);
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    f.rig->handled += batch.count;
    f.rig->emitted += batch.count;
    return weir_forward(self);
}

static void who_passes_on_begins_nothing_more(struct rig *rig) {
    weir_ref stages[2];
    begin(rig);
    const weir_iterator_options options = {.type = &lines, .next = make, .demand = WEIR_ACCUMULATE};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &stages[0]), WEIR_OK);
    const weir_subscribe_to to = {.producer = stages[0], .options.max_bytes = MAX_BYTES};
    const weir_stage_options between = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .type = &lines,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = pass_on};
    assert_int_equal(weir_stage_start(rig->runtime, &between, &stages[1]), WEIR_OK);
    read_from(stages[1]);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, stages[0], WEIR_FORWARD), WEIR_OK);
    weir_runtime_step(rig->runtime, 2 * STEPS);
    expect_bounded(2);
    end_of(NULL);
}

static void an_iterator_is_asked_for_what_there_is_room_for(struct rig *rig) {
    weir_ref stage;
    begin(rig);
    const weir_iterator_options options = {.type = &lines, .next = make, .demand = WEIR_ACCUMULATE};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &stage), WEIR_OK);
    read_from(stage);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, stage, WEIR_FORWARD), WEIR_OK);
    weir_runtime_step(rig->runtime, STEPS);
    expect_bounded(1);
    end_of(NULL);
}

static weir_task_result read_one(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    RIG_CHECK(f.rig, f.made < SHORTS || f.made - f.seen <= MAX_BYTES / LONG + 3 * PORTION);
    f.seen++;
    f.rig->handled++;
    return WEIR_TASK_OK;
}

/* What a pool has begun is under way until its task is done. */
static void a_pool_has_no_more_than_it_may(struct rig *rig) {
    weir_ref iterator;
    weir_pool *pool;
    begin(rig);
    f.made = f.seen = SHORTS; /* all of them are long */
    const weir_iterator_options options = {.type = &lines, .next = make, .demand = WEIR_ACCUMULATE};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &iterator), WEIR_OK);
    const weir_subscribe_to to = {.producer = iterator, .options.max_bytes = MAX_BYTES};
    const weir_pool_options pool_options = {.event_bytes = sizeof(weir_bytes),
                                            .threads = WEIR_NONE,
                                            .task = read_one,
                                            .subscribe_to = &to,
                                            .subscribe_count = 1};
    assert_int_equal(weir_pool_open(rig->runtime, &pool_options, &pool, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, iterator, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen, SHORTS + LONGS);
    weir_pool_close(pool, NULL);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(an_inlet_keeps_what_there_is_no_room_for, 2),
        TEST_IN_WORLDS(who_passes_on_begins_nothing_more),
        TEST_IN_WORLDS(a_pool_has_no_more_than_it_may),
        TEST_IN_WORLDS(an_iterator_is_asked_for_what_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
