/*
 * Lines and flat events that weigh what they say: see bytes_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/bytes_scene.h"

#include "support/cmocka.h"

#include <string.h>

const weir_event_type bytes_lines = {.bytes = sizeof(struct bytes_line), .spans = 1};
static const char text[BYTES_LONG];

struct bytes_scene bytes_scene;

void bytes_open(struct rig *rig) {
    memset(&bytes_scene, 0, sizeof bytes_scene);
    bytes_scene.rig = rig;
    bytes_scene.limit = BYTES_EVENTS;
    bytes_scene.one_long = UINT64_MAX;
}

/* Of event number i. */
static uint64_t bytes_length(uint64_t i) {
    if (bytes_scene.long_from > 0)
        return i >= bytes_scene.long_from || i == bytes_scene.one_long ? bytes_scene.longest
                                                                       : bytes_scene.shortest;
    return bytes_scene.shortest + i * 7919 % (bytes_scene.longest - bytes_scene.shortest + 1);
}

uint64_t bytes_weight(uint64_t i) {
    return bytes_scene.flat_bytes != 0 ? bytes_scene.flat_bytes
                                       : sizeof(struct bytes_line) + bytes_length(i);
}

static void note_most(void) {
    for (int i = 0; i < BYTES_CONSUMERS; i++) {
        uint64_t bytes = bytes_scene.bytes_made - bytes_scene.bytes_seen[i];
        if (bytes_scene.seen[i] < UINT64_MAX && bytes > bytes_scene.most) bytes_scene.most = bytes;
    }
}

void bytes_emit_one(weir_stage *self) {
    unsigned char flat[BYTES_FLAT_MOST] = {0};
    const struct bytes_line line = {{text, (uint32_t)bytes_length(bytes_scene.made), 0},
                                    bytes_scene.made};
    memcpy(flat, &bytes_scene.made, sizeof bytes_scene.made);
    const void *event = bytes_scene.flat_bytes != 0 ? (const void *)flat : &line;
    RIG_CHECK(bytes_scene.rig, weir_emit(self, event, 1) == WEIR_OK);
    bytes_scene.bytes_made += bytes_weight(bytes_scene.made);
    bytes_scene.made++;
    bytes_scene.rig->emitted++;
    note_most();
}

bool bytes_goes_now(weir_stage *self) {
    weir_asked asked = weir_open_demand(self);
    return asked.events > 0 && asked.bytes >= bytes_weight(bytes_scene.made);
}

weir_verdict bytes_produce(weir_stage *self, uint64_t demand) {
    if (demand > bytes_scene.asked_most) bytes_scene.asked_most = demand;
    if (++bytes_scene.calls > 100 * BYTES_EVENTS) return WEIR_STOP; /* it is called on and on */
    for (; demand > 0 && bytes_scene.made < bytes_scene.limit &&
           (!bytes_scene.looks || bytes_goes_now(self));
         demand--)
        bytes_emit_one(self);
    if (bytes_scene.looks && bytes_scene.made < bytes_scene.limit)
        RIG_CHECK(bytes_scene.rig, weir_demand_rest(self, demand) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict read_events(weir_stage *self, weir_batch batch) {
    const uint64_t me = *(uint64_t *)weir_state(self);
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++) {
        const unsigned char *event = (const unsigned char *)batch.events + i * bytes;
        uint64_t number;
        memcpy(&number,
               event + (bytes_scene.flat_bytes != 0 ? 0 : offsetof(struct bytes_line, number)), 8);
        RIG_CHECK(bytes_scene.rig, number == bytes_scene.seen[me]);
        bytes_scene.bytes_seen[me] += bytes_weight(bytes_scene.seen[me]++);
    }
    bytes_scene.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

void bytes_start_producer(const weir_dispatcher *dispatcher, weir_stage_options options) {
    options.kind = WEIR_PRODUCER;
    options.type = bytes_scene.flat_bytes != 0 ? NULL : &bytes_lines;
    options.event_bytes = bytes_scene.flat_bytes;
    options.dispatcher = dispatcher;
    options.demand = WEIR_ACCUMULATE;
    options.on.handle_demand = bytes_produce;
    assert_int_equal(weir_stage_start(bytes_scene.rig->runtime, &options, &bytes_scene.producer),
                     WEIR_OK);
}

weir_ref bytes_start_consumer(uint64_t me, weir_subscribe_options subscribe) {
    subscribe.cancel = WEIR_TEMPORARY;
    const weir_subscribe_to to = {.producer = bytes_scene.producer, .options = subscribe};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state = &me,
                                        .state_bytes = sizeof me,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = read_events};
    weir_ref ref;
    assert_int_equal(weir_stage_start(bytes_scene.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

/* Only the first `consumers` count. */
void bytes_play(const weir_dispatcher *dispatcher, unsigned consumers,
                weir_subscribe_options subscribe) {
    for (unsigned i = consumers; i < BYTES_CONSUMERS; i++) bytes_scene.seen[i] = UINT64_MAX;
    bytes_scene.max_bytes = subscribe.max_bytes;
    bytes_start_producer(dispatcher, (weir_stage_options){0});
    for (unsigned i = 0; i < consumers; i++) bytes_start_consumer(i, subscribe);
    rig_rest(bytes_scene.rig);
    assert_int_equal(weir_demand(bytes_scene.rig->runtime, bytes_scene.producer, WEIR_FORWARD),
                     WEIR_OK);
    rig_rest(bytes_scene.rig);
    for (unsigned i = 0; i < consumers; i++)
        assert_int_equal(bytes_scene.seen[i], bytes_scene.limit);
}
