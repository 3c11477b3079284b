/*
 * A merge: see merge_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/merge_scene.h"

#include "memory/pool.h"

#include <string.h>

struct merge_scene merge_scene;

enum { TEXT = 80 };

struct line {
    weir_bytes text;
    uint8_t who;
};

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};

static uint64_t batch_of(const struct merge_maker *maker) {
    size_t min = maker->how.min_demand;
    min = min == WEIR_NONE ? 0 : min == 0 ? maker->how.max_demand / 2 : min;
    return maker->how.max_demand - min;
}

/* ---- the stages ---------------------------------------------------------- */

static weir_verdict make_lines(weir_stage *self, uint64_t demand) {
    static const char text[TEXT];
    const struct merge_maker *maker = weir_state(self);
    const struct line line = {.text = {.at = text, .count = TEXT}, .who = maker->who};
    for (uint64_t i = 0; i < demand && weir_open_demand(self).events > 0; i++) {
        RIG_CHECK(merge_scene.rig, weir_emit(self, &line, 1) == WEIR_OK);
        merge_scene.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict make(weir_stage *self, uint64_t demand) {
    const struct merge_maker *maker = weir_state(self);
    while (demand > 0) {
        weir_room room = weir_reserve(self, demand);
        for (size_t i = 0; i < room.count; i++) {
            ((uint8_t *)room.events)[i * maker->bytes] = maker->who;
        }
        RIG_CHECK(merge_scene.rig, weir_commit(self, room.count) == WEIR_OK);
        merge_scene.rig->emitted += room.count;
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    merge_scene.rig->emitted += batch.count;
    merge_scene.rig->handled += batch.count;
    return weir_forward(self);
}

unsigned merge_whose(const weir_stage *self, weir_batch batch) {
    return weir_batch_event_bytes(self) == sizeof(struct line)
               ? ((const struct line *)batch.events)->who
               : *(const uint8_t *)batch.events;
}

void merge_enter(unsigned who, size_t events) {
    uint64_t whole = batch_of(&merge_scene.makers[who]);
    merge_scene.rig->handled += events;
    merge_scene.begun[who] += events;
    for (; merge_scene.begun[who] >= whole; merge_scene.begun[who] -= whole) {
        if (merge_scene.batches < merge_scene.wanted)
            merge_scene.ledger[merge_scene.batches++] = (uint8_t)who;
    }
}

weir_verdict merge_note(weir_stage *self, weir_batch batch) {
    merge_enter(merge_whose(self, batch), batch.count);
    return WEIR_CONTINUE;
}

static weir_verdict swallow(weir_stage *self, weir_batch batch) {
    (void)self;
    merge_scene.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* ---- the scene ----------------------------------------------------------- */

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    assert_int_equal(weir_stage_start(merge_scene.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref start_maker(const struct merge_maker *maker) {
    bool flat = maker->bytes > 0;
    weir_callbacks on = maker->on;
    if (on.handle_demand == NULL) on.handle_demand = flat ? make : make_lines;
    weir_ref ref = start((weir_stage_options){
        .kind = WEIR_PRODUCER,
        .name = "maker",
        .event_bytes = flat ? maker->bytes : sizeof(struct line),
        .type = flat ? NULL : &lines,
        .state = maker,
        .state_bytes = sizeof *maker,
        .worker = WEIR_WORKER(maker->worker),
        .on = on,
    });
    if (!maker->through) return ref;
    const weir_subscribe_to to = {.producer = ref, .options = maker->how};
    return start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                      .name = "between",
                                      .event_bytes = maker->bytes,
                                      .worker = WEIR_WORKER(maker->worker),
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = pass_on});
}

void merge_open(struct rig *rig, unsigned count, size_t bytes, weir_subscribe_options how) {
    memset(&merge_scene, 0, sizeof merge_scene);
    merge_scene.rig = rig;
    merge_scene.count = count;
    merge_scene.wanted = MERGE_BATCHES;
    for (unsigned i = 0; i < count; i++) {
        merge_scene.makers[i] = (struct merge_maker){.who = (uint8_t)i, .bytes = bytes, .how = how};
    }
    merge_scene.round = how.max_demand / batch_of(&merge_scene.makers[0]);
}

void merge_spread(unsigned workers) {
    for (unsigned i = 0; i < merge_scene.count; i++) merge_scene.makers[i].worker = i % workers;
}

void merge_start_makers(weir_subscribe_to *to) {
    for (unsigned i = 0; i < merge_scene.count; i++) {
        merge_scene.producers[i] = start_maker(&merge_scene.makers[i]);
        to[i] = (weir_subscribe_to){.producer = merge_scene.producers[i],
                                    .options = merge_scene.makers[i].how};
    }
}

weir_ref merge_start(weir_kind kind, merge_handles *handle) {
    weir_subscribe_to to[MERGE_MOST];
    merge_start_makers(to);
    return start(
        (weir_stage_options){.kind = kind,
                             .name = "merge",
                             .event_bytes = kind == WEIR_CONSUMER ? 0 : merge_scene.makers[0].bytes,
                             .worker = WEIR_WORKER(0),
                             .subscribe_to = to,
                             .subscribe_count = merge_scene.count,
                             .on.handle_events = handle});
}

void merge_start_sink(weir_ref producer, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    start((weir_stage_options){.kind = WEIR_CONSUMER,
                               .name = "sink",
                               .worker = WEIR_WORKER(0),
                               .subscribe_to = &to,
                               .subscribe_count = 1,
                               .on.handle_events = swallow});
}

void merge_fill(void) {
    while (merge_scene.batches < merge_scene.wanted) {
        assert_int_equal(weir_runtime_step(merge_scene.rig->runtime, 1000), 1000);
    }
}

uint64_t merge_least(unsigned first) {
    uint64_t got[MERGE_MOST] = {0};
    uint64_t least = MERGE_WINDOW;
    for (size_t i = 0; i < merge_scene.batches; i++) {
        got[merge_scene.ledger[i]]++;
        if (i >= MERGE_WINDOW) got[merge_scene.ledger[i - MERGE_WINDOW]]--;
        for (unsigned who = first; who < merge_scene.count && i + 1 >= MERGE_WINDOW; who++) {
            if (got[who] < least) least = got[who];
        }
    }
    return least;
}

/* A window of each fits into one turn of the consumer, and into one message. */
static bool is_even(void) {
    bool even = true;
    for (unsigned i = 0; i < merge_scene.count; i++) {
        uint64_t bytes = batch_of(&merge_scene.makers[i]) * merge_scene.makers[i].bytes;
        even = even && bytes > 0 && bytes <= WEIR__BLOCK_BYTES_MAX;
    }
    return even;
}

void merge_expect_shares(void) {
    uint64_t share = MERGE_WINDOW / merge_scene.count;
    assert_in_range(merge_least(0), is_even() ? share - 2 * merge_scene.round : share * 3 / 4,
                    share);
    rig_close(merge_scene.rig);
}
