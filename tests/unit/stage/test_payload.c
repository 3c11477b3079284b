/*
 * Payload: events of any length, whose bytes weir keeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what spans point at comes whole to whoever gets the event; it lasts as long as the event,
 * through buffers, stashes, broadcasts, partitions, and consumers' deaths, and then goes; a
 * running pipe allocates nothing; what cannot be is refused and changes nothing.
 * Method: lines that say their own number and length, so that each is checked byte by byte; in
 * every world; an address sanitizer, which sees what is read too late.
 */
#include "support/payload_scene.h"
#include "support/worlds.h"

#include <string.h>

static uint64_t given_back; /* by the type that has a drop */

static void count_back(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)why;
    given_back += count;
}

/* Spans are not its affair. */
static bool copy_rest(void *context, const void *event, void *copy) {
    (void)context;
    memset(copy, 0xff, sizeof(struct payload_line));
    ((struct payload_line *)copy)->number = ((const struct payload_line *)event)->number;
    return true;
}

static const weir_event_type counted = {
    .bytes = sizeof(struct payload_line), .spans = 2, .drop = count_back, .copy = copy_rest};

/* ---- copied ------------------------------------------------------------------------ */

static void lines_come_whole_and_in_order(struct rig *rig, int way) {
    static const size_t most[] = {120, 2000, 70000};
    static const uint64_t counts[] = {1000, 300, 12};
    payload_open(rig, counts[way], most[way]);
    payload_scene.ordered = true;
    payload_behind(payload_source((weir_stage_options){0}), WEIR_CONSUMER, payload_read,
                   payload_ten);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, payload_scene.limit);
    chain_close(&payload_scene.chain);
}

static void a_type_may_own_more_than_spans(struct rig *rig) {
    payload_open(rig, 500, 300);
    given_back = 0;
    payload_behind(payload_source((weir_stage_options){.type = &counted}), WEIR_CONSUMER,
                   payload_read, payload_ten);
    rig_rest(rig);
    assert_int_equal(given_back, 500);
    chain_close(&payload_scene.chain);
}

static void lines_wait_in_buffers(struct rig *rig) {
    payload_open(rig, 400, 700);
    payload_scene.burst = 100;
    weir_ref first = payload_source((weir_stage_options){.buffer_size = 60});
    payload_behind(first, WEIR_CONSUMER, payload_read, (weir_subscribe_options){.max_demand = 3});
    rig_rest(rig);
    assert_int_equal(payload_scene.seen + payload_scene.chain.told, 400);
    assert_true(payload_scene.chain.told > 0);
    chain_close(&payload_scene.chain);
}

static void several_may_have_them(struct rig *rig) {
    payload_open(rig, 300, 500);
    weir_ref first = payload_source(
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    weir_ref relay = payload_behind(first, WEIR_PRODUCER_CONSUMER, payload_pass_on, payload_ten);
    payload_behind(relay, WEIR_CONSUMER, payload_read, (weir_subscribe_options){.max_demand = 3});
    payload_behind(first, WEIR_CONSUMER, payload_read, (weir_subscribe_options){.max_demand = 100});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, first, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, 900);
    chain_close(&payload_scene.chain);
}

static void what_is_written_to_is_ones_own(struct rig *rig, int owns_more) {
    payload_open(rig, 200, 400);
    if (owns_more) payload_scene.chain.type = &counted;
    weir_ref first = payload_source(
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    for (int i = 0; i < 2; i++) {
        payload_behind(payload_behind(first, WEIR_PRODUCER_CONSUMER, payload_shout, payload_ten),
                       WEIR_CONSUMER, payload_read_shouted, payload_ten);
    }
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, first, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, 800);
    chain_close(&payload_scene.chain);
}

static uint32_t by_key(void *context, const void *event) {
    (void)context;
    RIG_CHECK(payload_scene.chain.rig, payload_is_right(event));
    return (uint32_t)(((const struct payload_line *)event)->number % 2);
}

static weir_verdict stash_some(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    RIG_CHECK(payload_scene.chain.rig,
              weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    RIG_CHECK(payload_scene.chain.rig,
              weir_stash(self, batch.count / 2, batch.count - batch.count / 2) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict let_go(weir_stage *self) {
    RIG_CHECK(payload_scene.chain.rig,
              weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void partitions_and_stashes_keep_them(struct rig *rig) {
    static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = by_key};
    payload_open(rig, 400, 300);
    weir_ref first = payload_source((weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                         .dispatcher_options = &two});
    for (unsigned i = 0; i < 2; i++) {
        weir_subscribe_to to = {.producer = first, .options = payload_ten};
        to.options.partition = WEIR_PARTITION(i);
        to.options.cancel = WEIR_PERMANENT;
        weir_ref relay = chain_start(
            &payload_scene.chain,
            (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                 .type = &payload_lines,
                                 .subscribe_to = &to,
                                 .subscribe_count = 1,
                                 .on = {.handle_events = stash_some, .handle_end = let_go}});
        payload_behind(relay, WEIR_CONSUMER, payload_read,
                       (weir_subscribe_options){.max_demand = 4});
    }
    rig_rest(rig);
    assert_int_equal(weir_finish(rig->runtime, first), WEIR_OK);
    rig_rest(rig);
    assert_true(payload_scene.seen > 400 && payload_scene.seen <= 800);
    chain_close(&payload_scene.chain);
}

static weir_verdict die_at_once(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void consumers_die_and_others_go_on(struct rig *rig) {
    payload_open(rig, 100, 900);
    weir_ref first = payload_source((weir_stage_options){0});
    for (int i = 0; i < 5; i++) {
        payload_behind(first, WEIR_CONSUMER, die_at_once, payload_ten);
        rig_rest(rig);
    }
    payload_behind(first, WEIR_CONSUMER, payload_read, payload_ten);
    rig_rest(rig);
    assert_int_equal(payload_scene.seen, 100);
    chain_close(&payload_scene.chain);
}

static void all_is_closed_at_any_moment(struct rig *rig, int turns) {
    payload_open(rig, 3000, 1500);
    weir_ref relay = payload_behind(payload_source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER,
                                    payload_pass_on, (weir_subscribe_options){.max_demand = 60});
    payload_behind(relay, WEIR_CONSUMER, payload_read, (weir_subscribe_options){.max_demand = 7});
    weir_runtime_step(rig->runtime, (uint64_t)turns * 3);
    chain_close(&payload_scene.chain);
}

/* ---- refusals ------------------------------------------------------------------------- */

static uint64_t refusals;

static void refused(bool right, const char *why) {
    RIG_CHECK(payload_scene.chain.rig, right);
    RIG_CHECK(payload_scene.chain.rig, strstr(weir_refusal(), why) != NULL);
    refusals++;
}

static weir_verdict emit_wrongly(weir_stage *self, uint64_t demand) {
    static char text[1 << 12];
    struct payload_line line = {.text = {text, 1 << 12, 0}};
    (void)demand;
    refused(weir_emit(self, &line, 1) == WEIR_INVALID, "payload_limit is 1000");
    refused(weir_reserve(self, 1).events == NULL, "weir_reserve_bytes");
    refused(weir_reserve_bytes(self, 0).events == NULL, "least must be from 1 to 1000");
    refused(weir_reserve_bytes(self, 1001).events == NULL, "got 1001");
    refused(weir_commit_bytes(self, 1, &line, 1) == WEIR_INVALID, "the bytes reserved, 0, got 1");
    refused(weir_emit_slices(self, &line, 1) == WEIR_INVALID, "no batch with spans is at hand");
    weir_room room = weir_reserve_bytes(self, 100);
    line.text = (weir_bytes){(char *)room.events + 50, 51, 0};
    refused(weir_commit_bytes(self, 100, &line, 1) == WEIR_INVALID,
            "has a span that is not in that payload");
    line.text = (weir_bytes){(char *)room.events - 1, 5, 0};
    refused(weir_commit_bytes(self, 100, &line, 1) == WEIR_INVALID,
            "has a span that is not in that payload");
    refused(weir_commit_bytes(self, room.count + 1, &line, 0) == WEIR_INVALID,
            "the bytes reserved");
    return WEIR_FINISH;
}

static weir_verdict slice_wrongly(weir_stage *self, weir_batch batch) {
    const struct payload_line *lines_here = batch.events;
    struct payload_line line = lines_here[0];
    struct payload_line mine;
    line.text.at = (const char *)&line;
    line.text.count = 4;
    refused(weir_emit_slices(self, &line, 1) == WEIR_INVALID,
            "has a span that is not in that payload");
    refused(weir_take(self, 0, 1, &mine) == WEIR_INVALID, "their payload stays with weir");
    return WEIR_CONTINUE;
}

static void what_cannot_be_is_refused(struct rig *rig) {
    static const weir_event_type narrow = {
        .bytes = sizeof(struct payload_line), .spans = 2, .payload_limit = 1000};
    payload_open(rig, 3, 100);
    refusals = 0;
    weir_ref wrong =
        chain_start(&payload_scene.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                               .type = &narrow,
                                                               .on.handle_demand = emit_wrongly});
    payload_behind(wrong, WEIR_CONSUMER, payload_read, payload_ten);
    rig_rest(rig);
    assert_int_equal(refusals, 9);
    payload_behind(payload_source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER, slice_wrongly,
                   (weir_subscribe_options){.max_demand = 1});
    rig_rest(rig);
    chain_close(&payload_scene.chain);
}

static void types_that_are_none(struct rig *rig) {
    payload_open(rig, 0, 1);
    weir_event_type type = payload_lines;
    weir_stage_options options = {
        .kind = WEIR_PRODUCER, .type = &type, .on.handle_demand = payload_produce};
    type.spans = 9;
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "type->spans must be at most 8, got 9"));
    type.spans = 3;
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "type->bytes must be at least its 3 spans, 48, got 40"));
    type.spans = 2;
    type.payload_limit = (size_t)WEIR_PAYLOAD_LIMIT_MAX + 1;
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "type->payload_limit must be at most"));
    chain_close(&payload_scene.chain);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void a_running_pipe_allocates_nothing(struct rig *rig) {
    payload_open(rig, 1 << 20, 200);
    weir_ref relay = payload_behind(payload_source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER,
                                    payload_pass_on, payload_ten);
    payload_behind(relay, WEIR_CONSUMER, payload_read, payload_ten);
    weir_runtime_step(rig->runtime, 2000);
    uint64_t calls = rig->memory.calls;
    uint64_t seen = payload_scene.seen;
    weir_runtime_step(rig->runtime, 2000);
    assert_int_equal(rig->memory.calls, calls);
    assert_true(payload_scene.seen > seen + 1000);
    chain_close(&payload_scene.chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(lines_come_whole_and_in_order, 3),
        TEST_IN_WORLDS(a_type_may_own_more_than_spans),
        TEST_IN_WORLDS(lines_wait_in_buffers),
        TEST_IN_WORLDS(several_may_have_them),
        TEST_IN_WORLDS_AND_WAYS(what_is_written_to_is_ones_own, 2),
        TEST_IN_WORLDS(partitions_and_stashes_keep_them),
        TEST_IN_WORLDS(consumers_die_and_others_go_on),
        TEST_IN_WORLDS_AND_WAYS(all_is_closed_at_any_moment, 20),
        TEST_STEPPED(what_cannot_be_is_refused),
        TEST_STEPPED(types_that_are_none),
        TEST_STEPPED(a_running_pipe_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
