/*
 * Payload and turns: much of it is handled while it is in the nearest cache.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whom much was sent runs next, and so does who is to send it anew: whether much means
 * large events, or small ones with much payload.
 * Method: partitions of events of 8 KiB, on one worker, whose consumers have turns of their own;
 * who runs is written down.  With much payload the producer, put ahead to refill what has just been
 * handled, has its turn between them about as often as with large events, and not once for all.
 */
#include "support/worlds.h"

#include <string.h>

enum { LONG = 8192, COUNT = 48, CONSUMERS = 3 };

struct line {
    weir_bytes text;
};

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};

static struct {
    struct rig *rig;
    uint64_t made;
    uint32_t placed;
    uint64_t *counts;
    bool flat;
    char order[512]; /* of callbacks: p, or the consumer's digit */
    size_t called;
} f;

static void note(char who) {
    RIG_CHECK(f.rig, f.called < sizeof f.order - 1);
    f.order[f.called++] = who;
}

/* Each in turn, whatever is in it. */
static uint32_t place(void *context, const void *event) {
    (void)context, (void)event;
    return f.placed++ % CONSUMERS;
}

static weir_verdict emit_long(weir_stage *self, uint64_t demand) {
    static const char text[LONG];
    const struct line line = {.text = {text, LONG, 0}};
    note('p');
    for (; demand > 0 && f.made < COUNT; demand--) {
        RIG_CHECK(f.rig, weir_emit(self, f.flat ? (const void *)text : &line, 1) == WEIR_OK);
        f.made++;
        f.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_mine(weir_stage *self, weir_batch batch) {
    uint64_t **mine = weir_state(self);
    note((char)('0' + (*mine - f.counts)));
    **mine += batch.count;
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

static void start_consumer(weir_ref producer, uint32_t number) {
    uint64_t *count = &f.counts[number];
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = 4,
                                              .min_demand = 2,
                                              .max_bytes = WEIR_INFINITY,
                                              .partition = WEIR_PARTITION(number)}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state = &count,
                                        .state_bytes = sizeof count,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = count_mine};
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, NULL), WEIR_OK);
}

/* How many each of the consumers is handed. */
static void share_long_ones(struct rig *rig, bool flat, uint64_t counts[CONSUMERS]) {
    const weir_partition_dispatcher_options by_turns = {.partitions = CONSUMERS, .hash = place};
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .dispatcher = weir_partition_dispatcher(),
                                        .dispatcher_options = &by_turns,
                                        .type = flat ? NULL : &lines,
                                        .event_bytes = flat ? LONG : 0,
                                        .demand = WEIR_ACCUMULATE,
                                        .on.handle_demand = emit_long};
    weir_ref producer;
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.flat = flat;
    f.counts = counts;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &producer), WEIR_OK);
    for (uint32_t i = 0; i < CONSUMERS; i++) start_consumer(producer, i);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(counts[0] + counts[1] + counts[2], COUNT);
}

/* How often it was the producer's turn, between consumers'. */
static unsigned refills(void) {
    unsigned count = 0;
    for (size_t i = 1; i < f.called; i++) count += f.order[i] == 'p' && f.order[i - 1] != 'p';
    return count;
}

static void payload_counts_as_events_do(struct rig *rig) {
    uint64_t flat[CONSUMERS] = {0}, spans[CONSUMERS] = {0};
    share_long_ones(rig, true, flat);
    unsigned of_flat = refills();
    share_long_ones(rig, false, spans);
    assert_true(refills() > of_flat / 2); /* its batches are longer: as they lie, not gathered */
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(payload_counts_as_events_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
