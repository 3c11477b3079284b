/*
 * Events of any length from an iterator.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the spans of `next`'s events point at comes whole, though it is written anew in the
 * next call; without memory for it, and where it is too long, all that was made is dropped,
 * once, and the stage stops and says why.
 * Method: a function that writes all its lines into the same few bytes; in every world.
 */
#include "support/cmocka.h"
#include "support/worlds.h"

#include <string.h>

struct line {
    weir_bytes text;
    uint64_t number;
};

enum { TEXT_MOST = 3000, LIMIT = 600 };

static struct {
    struct rig *rig;
    uint64_t made, handled, largest, calls;
    uint64_t fails_at; /* the call behind which there is no memory */
    uint64_t long_at;  /* the number that is too long; 0: none     */
    uint64_t dropped[WEIR_DISCARD_CAUSES];
    char text[64 * TEXT_MOST];
} f;

static uint32_t length_of(uint64_t number) {
    return (uint32_t)(number * 37 % 301);
}

static char letter_of(uint64_t number, uint32_t at) {
    return (char)('a' + (number + at) % 26);
}

static bool is_whole(const struct line *line) {
    uint32_t i = 0;
    while (i < line->text.count && line->text.at[i] == letter_of(line->number, i)) i++;
    return i == line->text.count;
}

static void drop_lines(void *context, const void *events, size_t count, weir_discard why) {
    const struct line *line = events;
    (void)context;
    for (size_t i = 0; i < count; i++) RIG_CHECK(f.rig, is_whole(&line[i]));
    f.dropped[why] += count;
}

static const weir_event_type lines = {
    .bytes = sizeof(struct line), .spans = 1, .drop = drop_lines, .payload_limit = TEXT_MOST - 1};

/* ---- the iterator and its consumer ------------------------------------------------- */

static weir_made next(void *context, weir_room room) {
    struct line *line = room.events;
    size_t count = room.count < 60 ? room.count : 60;
    (void)context;
    memset(f.text, '?', sizeof f.text); /* what was there is gone */
    char *at = f.text;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = ++f.made;
        uint32_t length = number == f.long_at ? TEXT_MOST : length_of(number);
        line[i] = (struct line){.text = {.at = at, .count = length}, .number = number};
        for (uint32_t k = 0; k < length; k++) *at++ = letter_of(number, k);
    }
    f.largest = room.count > f.largest ? room.count : f.largest;
    if (++f.calls == f.fails_at) test_memory_fail(&f.rig->memory, 1, true);
    return (weir_made){count, f.made < LIMIT ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, is_whole(&line[i]));
        RIG_CHECK(f.rig, line[i].number == f.handled + i + 1);
    }
    f.handled += batch.count;
    return WEIR_CONTINUE;
}

static uint64_t told[WEIR_DISCARD_CAUSES];

static void tell(void *context, uint64_t count, weir_discard why) {
    (void)context;
    told[why] += count;
}

static void play(struct rig *rig, size_t max_demand, const weir_event_type *type) {
    weir_ref ref;
    const weir_iterator_options options = {
        .name = "it", .type = type, .next = next, .discarded = tell};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &ref), WEIR_OK);
    const weir_subscribe_to to = {.producer = ref,
                                  .options = {.max_demand = max_demand, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .on.handle_events = read_lines};
    assert_int_equal(weir_stage_start(rig->runtime, &consumer, NULL), WEIR_OK);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
}

static void begin(struct rig *rig) {
    memset(&f, 0, sizeof f);
    memset(told, 0, sizeof told);
    f.rig = rig;
}

static void close_scene(struct rig *rig) {
    rig->emitted = f.made;
    rig->handled = f.handled;
    weir_accounts accounts = rig_close(rig);
    assert_int_equal(accounts.accepted, f.made);
    assert_int_equal(accounts.dropped, f.made);
    assert_int_equal(f.dropped[WEIR_DISCARD_HANDLED], f.handled);
}

/* ---- what holds ------------------------------------------------------------------- */

static void lines_come_whole_and_in_order(struct rig *rig, int way) {
    static const size_t demands[] = {1, 7, 1000};
    begin(rig);
    play(rig, demands[way], &lines);
    assert_int_equal(f.handled, f.made);
    assert_true(f.made >= LIMIT && f.largest <= demands[way]);
    close_scene(rig);
}

static void large_ones_are_made_one_by_one(struct rig *rig) {
    weir_event_type large = lines;
    large.bytes = 8192;
    begin(rig);
    f.made = LIMIT - 5;
    f.handled = f.made;
    play(rig, 100, &large);
    assert_int_equal(f.handled, f.made);
    assert_int_equal(f.largest, 1);
    f.made = f.handled = 5; /* of which weir knows */
    close_scene(rig);
}

static void without_memory_what_was_made_is_dropped(struct rig *rig) {
    begin(rig);
    f.fails_at = 1; /* nothing is there to be used again yet */
    play(rig, 50, &lines);
    assert_int_equal(f.dropped[WEIR_DISCARD_NO_MEMORY], 16);
    assert_int_equal(told[WEIR_DISCARD_NO_MEMORY], 16);
    assert_int_equal(f.handled, 0);
    close_scene(rig);
}

static void what_is_too_long_stops_it(struct rig *rig) {
    begin(rig);
    f.long_at = 30; /* amid those of a call */
    play(rig, 10, &lines);
    rig_expect_log(rig, "error: iterator it: next made one beyond payload_limit, made 10 of 10 "
                        "events\n");
    assert_int_equal(f.handled, f.made - 10);
    assert_int_equal(f.dropped[WEIR_DISCARD_STOPPED], 10);
    assert_int_equal(told[WEIR_DISCARD_STOPPED], 10);
    close_scene(rig);
}

static void bad_types_are_refused(struct rig *rig) {
    static const struct {
        size_t bytes;
        unsigned spans;
        const char *sentence;
    } cases[] = {
        {24, 9, "stage iterator: type->spans must be at most 8, got 9"},
        {0, 1, "stage iterator: type->bytes must be at least 1, got 0"},
        {65544, 1, "stage iterator: type->bytes must be at most 65536, got 65544"},
        {8, 1, "stage iterator: type->bytes must be at least its 1 spans, 16, got 8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_event_type type = {.bytes = cases[i].bytes, .spans = cases[i].spans};
        const weir_iterator_options options = {.type = &type, .next = next};
        assert_int_equal(weir_iterator_start(rig->runtime, &options, NULL), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(lines_come_whole_and_in_order, 3),
        TEST_STEPPED(large_ones_are_made_one_by_one),
        TEST_IN_WORLDS(without_memory_what_was_made_is_dropped),
        TEST_STEPPED(what_is_too_long_stops_it),
        TEST_STEPPED(bad_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
