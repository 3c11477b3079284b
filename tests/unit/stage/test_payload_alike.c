/*
 * Payload and types: how events with spans are told apart, and which types there may be.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: events are alike for the default hash if what they say is alike, wherever that lies; a
 * type whose spans would not lie aligned is refused.
 * Method: the same text, copied each time, to four partitions, in every world.
 */
#include "support/chain.h"
#include "support/worlds.h"

#include <string.h>

enum { TEXT = 10, NOTES = 40, PARTITIONS = 4 };

struct note {
    weir_bytes text;
    uint64_t number;
};

static const weir_event_type notes = {.bytes = sizeof(struct note), .spans = 1};

static struct {
    struct chain chain;
    uint64_t made;
    uint64_t came_to[PARTITIONS];
} f;

static void open_scene(struct rig *rig) {
    memset(&f, 0, sizeof f);
    f.chain = (struct chain){.rig = rig, .type = &notes};
}

static weir_verdict produce_same(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < NOTES; demand--, f.made++) {
        char text[TEXT];
        memset(text, 'a', TEXT);
        const struct note note = {.text = {text, TEXT, 0}};
        RIG_CHECK(f.chain.rig, weir_emit(self, &note, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_where(weir_stage *self, weir_batch batch) {
    f.came_to[*(const unsigned *)weir_state(self)] += batch.count;
    return WEIR_CONTINUE;
}

static void the_same_text_has_one_partition(struct rig *rig) {
    static const weir_partition_dispatcher_options four = {.partitions = PARTITIONS};
    open_scene(rig);
    weir_ref first =
        chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                   .dispatcher = weir_partition_dispatcher(),
                                                   .dispatcher_options = &four,
                                                   .on.handle_demand = produce_same});
    for (unsigned i = 0; i < PARTITIONS; i++) {
        const weir_subscribe_to to = {
            .producer = first, .options = {.max_demand = 10, .partition = WEIR_PARTITION(i)}};
        chain_start(&f.chain, (weir_stage_options){.kind = WEIR_CONSUMER,
                                                   .state = &i,
                                                   .state_bytes = sizeof i,
                                                   .subscribe_to = &to,
                                                   .subscribe_count = 1,
                                                   .on.handle_events = count_where});
    }
    rig_rest(rig);
    unsigned used = 0;
    for (unsigned i = 0; i < PARTITIONS; i++) used += f.came_to[i] > 0;
    assert_int_equal(used, 1);
    chain_close(&f.chain);
}

static void types_have_room_for_spans_side_by_side(struct rig *rig) {
    const weir_event_type type = {.bytes = 20, .spans = 1};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER, .type = &type, .on.handle_demand = produce_same};
    open_scene(rig);
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(
        strstr(weir_refusal(), "type->bytes must be a multiple of 8 with spans, got 20"));
    chain_close(&f.chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(the_same_text_has_one_partition),
        TEST_STEPPED(types_have_room_for_spans_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
