/*
 * How much memory a file of long lines takes: what the guide says, and no more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever a file's lines are like, options unchanged, a graph takes no more than the
 * formula in the guide's "How much memory"; in a steady state it allocates nothing.
 * Method: a reader, one that makes each line anew, one that splits it where it lies, a writer;
 * the allocator's high-water mark, on one worker and on two, stepped; other lines in each way.
 */
#include "support/worlds.h"

#include <string.h>

enum { LONG = 60000, ALL = 30000000 };

static const weir_event_type lines = {.bytes = sizeof(weir_bytes), .spans = 1};

static struct {
    struct rig *rig;
    uint64_t made, read;   /* bytes */
    uint64_t shortest;     /* lines: of every length from that on to LONG */
    uint64_t count, words; /* lines made, parts read */
} f;

static uint32_t next_length(void) {
    return (uint32_t)(f.shortest + f.count * 7919 % (LONG - f.shortest + 1));
}

/* As a file is read: each line to where it will lie, and as many as were asked for; where they are
 * of any length, as many as there is room for. */
static weir_verdict read_lines(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < ALL; demand--) {
        uint32_t length = next_length();
        if (f.shortest < LONG && weir_open_demand(self).bytes < length + sizeof(weir_bytes)) {
            RIG_CHECK(f.rig, weir_demand_rest(self, demand) == WEIR_OK);
            return WEIR_CONTINUE;
        }
        weir_room room = weir_reserve_bytes(self, length);
        RIG_CHECK(f.rig, room.events != NULL);
        memset(room.events, 'x', length);
        const weir_bytes line = {.at = room.events, .count = length};
        RIG_CHECK(f.rig, weir_commit_bytes(self, length, &line, 1) == WEIR_OK);
        f.made += length;
        f.count++;
    }
    return f.made < ALL ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict make_anew(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.rig, weir_emit(self, batch.events, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* In parts of 1,000 bytes, as long as they are asked for. */
static weir_verdict split(weir_stage *self, weir_batch batch) {
    const weir_bytes *line = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (i > 0 && weir_open_demand(self).events == 0) {
            RIG_CHECK(f.rig, weir_batch_rest(self, i) == WEIR_OK);
            return WEIR_CONTINUE;
        }
        for (uint32_t at = 0; at < line[i].count; at += 1000) {
            uint32_t left = line[i].count - at;
            const weir_bytes part = {line[i].at + at, left < 1000 ? left : 1000, 0};
            RIG_CHECK(f.rig, weir_emit_slices(self, &part, 1) == WEIR_OK);
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_parts(weir_stage *self, weir_batch batch) {
    const weir_bytes *part = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, part[i].count == 0 || part[i].at[part[i].count - 1] == 'x');
        f.read += part[i].count;
    }
    f.words += batch.count;
    return WEIR_CONTINUE;
}

enum { STAGES = 4 };

/* What the guide's "How much memory" says of this graph. */
static uint64_t formula(void) {
    uint64_t way = STAGES - 1; /* subscriptions                     */
    uint64_t under_way = 2 * way * WEIR_MAX_BYTES_DEFAULT;
    uint64_t one_callback = 2 * 1000 * 16 + 2 * (uint64_t)LONG; /* the splitter's, beyond that */
    uint64_t blocks = STAGES * 2 * 65536 * 2;
    return under_way + one_callback + blocks;
}

static void start_graph(void) {
    const weir_stage_options row[STAGES] = {
        {.kind = WEIR_PRODUCER, .type = &lines, .on.handle_demand = read_lines},
        {.kind = WEIR_PRODUCER_CONSUMER, .type = &lines, .on.handle_events = make_anew},
        {.kind = WEIR_PRODUCER_CONSUMER, .type = &lines, .on.handle_events = split},
        {.kind = WEIR_CONSUMER, .on.handle_events = read_parts}};
    weir_ref stages[STAGES];
    assert_int_equal(weir_stages_start(f.rig->runtime, row, STAGES, stages), WEIR_OK);
    assert_int_equal(weir_chain(f.rig->runtime, stages, STAGES, NULL), WEIR_OK);
}

static void read_file(unsigned workers, uint64_t shortest) {
    static struct rig rig;
    memset(&f, 0, sizeof f);
    f.rig = &rig;
    f.shortest = shortest;
    rig_open(&rig, &(weir_runtime_options){.workers = workers, .mode = WEIR_STEPPED});
    uint64_t before = rig.memory.bytes;
    start_graph();
    rig_rest(&rig);
    assert_int_equal(f.read, f.made);
    assert_true(f.made >= ALL && f.words > f.count);
    uint64_t took = rig.memory.most - before;
    if (took > formula()) print_error("%lu bytes, not %lu\n", (long)took, (long)formula());
    assert_true(took <= formula());
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&rig, &accounts);
}

static void a_file_takes_what_the_guide_says(void **state) {
    (void)state;
    static const uint64_t shortest[] = {LONG, 1, LONG - 10000};
    for (size_t i = 0; i < sizeof shortest / sizeof *shortest; i++) {
        read_file(1, shortest[i]);
        read_file(2, shortest[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_takes_what_the_guide_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
