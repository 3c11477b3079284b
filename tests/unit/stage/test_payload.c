/*
 * Payload: events of any length, whose bytes weir keeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what spans point at comes whole to whoever gets the event, however it was emitted:
 * copied, written in place, or a slice of the input; it lasts as long as any event that points
 * into it, through buffers, stashes, broadcasts, partitions, and consumers' deaths, and then
 * goes; a running pipe allocates nothing; what cannot be is refused and changes nothing.
 * Method: lines that say their own number and length, so that each is checked byte by byte; in
 * every world; an address sanitizer, which sees what is read too late.
 */
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

struct line {
    weir_bytes text;
    weir_bytes key;
    uint64_t number;
};

static uint64_t given_back; /* by the type that has a drop */

static void count_back(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)why;
    given_back += count;
}

/* Spans are not its affair. */
static bool copy_rest(void *context, const void *event, void *copy) {
    (void)context;
    memset(copy, 0xff, sizeof(struct line));
    ((struct line *)copy)->number = ((const struct line *)event)->number;
    return true;
}

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 2};
static const weir_event_type counted = {
    .bytes = sizeof(struct line), .spans = 2, .drop = count_back, .copy = copy_rest};

static struct {
    struct rig *rig;
    uint64_t made, limit, seen, told;
    uint64_t burst;
    const weir_event_type *type; /* of stages that are not told another */
    size_t most;                 /* bytes of a line */
    uint64_t next;               /* the number that comes next, where there is order */
    bool ordered;
} f;

static void open_scene(struct rig *rig, uint64_t limit, size_t most) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.limit = limit;
    f.type = &lines;
    f.most = most;
    given_back = 0;
}

/* ---- lines -------------------------------------------------------------------- */

static uint32_t length_of(uint64_t number) {
    return (uint32_t)(number * 2654435761u % 997 * (f.most / 997 + 1) % (f.most + 1));
}

static char letter_of(uint64_t number, size_t at) {
    return (char)('a' + (number + at) % 26);
}

static void write_text(char *to, uint64_t number) {
    for (uint32_t i = 0; i < length_of(number); i++) to[i] = letter_of(number, i);
}

static bool is_right(const struct line *line) {
    char key[24];
    int bytes = snprintf(key, sizeof key, "%llu", (unsigned long long)line->number);
    if (line->text.count != length_of(line->number)) return false;
    if (line->key.count != (uint32_t)bytes) return false;
    if (memcmp(line->key.at, key, line->key.count) != 0) return false;
    for (uint32_t i = 0; i < line->text.count; i++) {
        if (line->text.at[i] != letter_of(line->number, i)) return false;
    }
    return true;
}

static weir_status emit_line(weir_stage *self, uint64_t number) {
    static char text[1 << 17];
    char key[24];
    write_text(text, number);
    int bytes = snprintf(key, sizeof key, "%llu", (unsigned long long)number);
    const struct line line = {
        .text = {text, length_of(number), 0}, .key = {key, (uint32_t)bytes, 0}, .number = number};
    return weir_emit(self, &line, 1);
}

/* ---- stages ---------------------------------------------------------------------- */

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    uint64_t count = f.burst > 0 ? f.burst : demand;
    for (; count > 0 && f.made < f.limit; count--) {
        RIG_CHECK(f.rig, emit_line(self, f.made) == WEIR_OK);
        f.made++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, is_right(&line[i]));
        RIG_CHECK(f.rig, !f.ordered || line[i].number == f.next);
        f.next++;
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    return weir_forward(self);
}

static void tell(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self, (void)why;
    f.told += count;
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    options.on.discarded = tell;
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref source(weir_stage_options options) {
    options.kind = WEIR_PRODUCER;
    options.type = options.type != NULL ? options.type : f.type;
    options.on.handle_demand = produce;
    return start(options);
}

typedef weir_verdict handles(weir_stage *self, weir_batch batch);

static weir_ref behind(weir_ref producer, weir_kind kind, handles *handle,
                       weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return start((weir_stage_options){.kind = kind,
                                      .type = kind == WEIR_CONSUMER ? NULL : f.type,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = handle});
}

static void close_scene(void) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(f.rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(f.rig, &accounts);
}

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};

/* ---- copied ------------------------------------------------------------------------ */

static void lines_come_whole_and_in_order(struct rig *rig, int way) {
    static const size_t most[] = {120, 2000, 70000};
    static const uint64_t counts[] = {1000, 300, 12};
    open_scene(rig, counts[way], most[way]);
    f.ordered = true;
    behind(source((weir_stage_options){0}), WEIR_CONSUMER, read_lines, ten);
    rig_rest(rig);
    assert_int_equal(f.seen, f.limit);
    close_scene();
}

static void a_type_may_own_more_than_spans(struct rig *rig) {
    open_scene(rig, 500, 300);
    behind(source((weir_stage_options){.type = &counted}), WEIR_CONSUMER, read_lines, ten);
    rig_rest(rig);
    assert_int_equal(given_back, 500);
    close_scene();
}

static void lines_wait_in_buffers(struct rig *rig) {
    open_scene(rig, 400, 700);
    f.burst = 100;
    weir_ref first = source((weir_stage_options){.buffer_size = 60});
    behind(first, WEIR_CONSUMER, read_lines, (weir_subscribe_options){.max_demand = 3});
    rig_rest(rig);
    assert_int_equal(f.seen + f.told, 400);
    assert_true(f.told > 0);
    close_scene();
}

static void several_may_have_them(struct rig *rig) {
    open_scene(rig, 300, 500);
    weir_ref first = source(
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    weir_ref relay = behind(first, WEIR_PRODUCER_CONSUMER, pass_on, ten);
    behind(relay, WEIR_CONSUMER, read_lines, (weir_subscribe_options){.max_demand = 3});
    behind(first, WEIR_CONSUMER, read_lines, (weir_subscribe_options){.max_demand = 100});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, first, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen, 900);
    close_scene();
}

/* Each writes capitals into its own. */
static weir_verdict shout(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    struct line *mine = weir_own(self);
    RIG_CHECK(f.rig, mine != NULL);
    for (size_t i = 0; mine != NULL && i < batch.count; i++) {
        char *text = (char *)(uintptr_t)mine[i].text.at;
        for (uint32_t k = 0; k < mine[i].text.count; k++) text[k] = (char)(text[k] - 'a' + 'A');
    }
    return weir_forward(self);
}

static weir_verdict read_shouted(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        for (uint32_t k = 0; k < line[i].text.count; k++) {
            char letter = (char)(letter_of(line[i].number, k) - 'a' + 'A');
            RIG_CHECK(f.rig, line[i].text.at[k] == letter);
        }
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static void what_is_written_to_is_ones_own(struct rig *rig, int owns_more) {
    open_scene(rig, 200, 400);
    if (owns_more) f.type = &counted;
    weir_ref first = source(
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    for (int i = 0; i < 2; i++) {
        behind(behind(first, WEIR_PRODUCER_CONSUMER, shout, ten), WEIR_CONSUMER, read_shouted, ten);
    }
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, first, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.seen, 800);
    close_scene();
}

static uint32_t by_key(void *context, const void *event) {
    (void)context;
    RIG_CHECK(f.rig, is_right(event));
    return (uint32_t)(((const struct line *)event)->number % 2);
}

static weir_verdict stash_some(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    RIG_CHECK(f.rig, weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    RIG_CHECK(f.rig, weir_stash(self, batch.count / 2, batch.count - batch.count / 2) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict let_go(weir_stage *self) {
    RIG_CHECK(f.rig, weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void partitions_and_stashes_keep_them(struct rig *rig) {
    static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = by_key};
    open_scene(rig, 400, 300);
    weir_ref first = source((weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                 .dispatcher_options = &two});
    for (unsigned i = 0; i < 2; i++) {
        weir_subscribe_to to = {.producer = first, .options = ten};
        to.options.partition = WEIR_PARTITION(i);
        to.options.cancel = WEIR_PERMANENT;
        weir_ref relay =
            start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                       .type = &lines,
                                       .subscribe_to = &to,
                                       .subscribe_count = 1,
                                       .on = {.handle_events = stash_some, .handle_end = let_go}});
        behind(relay, WEIR_CONSUMER, read_lines, (weir_subscribe_options){.max_demand = 4});
    }
    rig_rest(rig);
    assert_int_equal(weir_finish(rig->runtime, first), WEIR_OK);
    rig_rest(rig);
    assert_true(f.seen > 400 && f.seen <= 800);
    close_scene();
}

static weir_verdict die_at_once(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void consumers_die_and_others_go_on(struct rig *rig) {
    open_scene(rig, 100, 900);
    weir_ref first = source((weir_stage_options){0});
    for (int i = 0; i < 5; i++) {
        behind(first, WEIR_CONSUMER, die_at_once, ten);
        rig_rest(rig);
    }
    behind(first, WEIR_CONSUMER, read_lines, ten);
    rig_rest(rig);
    assert_int_equal(f.seen, 100);
    close_scene();
}

static void all_is_closed_at_any_moment(struct rig *rig, int turns) {
    open_scene(rig, 3000, 1500);
    weir_ref relay = behind(source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER, pass_on,
                            (weir_subscribe_options){.max_demand = 60});
    behind(relay, WEIR_CONSUMER, read_lines, (weir_subscribe_options){.max_demand = 7});
    weir_runtime_step(rig->runtime, (uint64_t)turns * 3);
    close_scene();
}

/* ---- written in place, and slices --------------------------------------------------- */

/* A chunk of text: lines of the scene with a newline behind each, as from read(2). */
static weir_verdict read_chunks(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < f.limit; demand--) {
        weir_room room = weir_reserve_bytes(self, f.most + 2);
        RIG_CHECK(f.rig, room.count >= f.most + 2);
        char *at = room.events;
        size_t used = 0;
        while (f.made < f.limit && used + length_of(f.made) + 1 <= room.count && used < 6000) {
            write_text(at + used, f.made);
            used += length_of(f.made++);
            at[used++] = '\n';
        }
        const struct line chunk = {.text = {at, (uint32_t)used, 0}};
        RIG_CHECK(f.rig, weir_commit_bytes(self, used, &chunk, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* Each line of the chunk goes on where it lies. */
static weir_verdict split(weir_stage *self, weir_batch batch) {
    const struct line *chunk = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const char *at = chunk[i].text.at;
        const char *end = at + chunk[i].text.count;
        while (at < end) {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            const struct line line = {.text = {at, (uint32_t)(newline - at), 0},
                                      .number = f.next++};
            RIG_CHECK(f.rig, weir_emit_slices(self, &line, 1) == WEIR_OK);
            at = newline + 1;
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_split(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, line[i].number == f.seen + i);
        RIG_CHECK(f.rig, line[i].text.count == length_of(line[i].number));
        for (uint32_t k = 0; k < line[i].text.count; k++) {
            RIG_CHECK(f.rig, line[i].text.at[k] == letter_of(line[i].number, k));
        }
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static void chunks_are_split_without_a_copy(struct rig *rig, int way) {
    uint64_t count = way == 0 ? 2000 : 200;
    open_scene(rig, count, way == 0 ? 80 : 5000);
    weir_ref first = start((weir_stage_options){
        .kind = WEIR_PRODUCER, .type = &lines, .on.handle_demand = read_chunks});
    weir_ref second = behind(first, WEIR_PRODUCER_CONSUMER, split,
                             (weir_subscribe_options){.max_demand = 4, .min_demand = 2});
    behind(second, WEIR_CONSUMER, read_split, ten);
    rig_rest(rig);
    assert_int_equal(f.seen, count);
    close_scene();
}

/* ---- slices that are written to ---------------------------------------------------------- */

static weir_verdict slice_twice(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    for (int i = 0; i < 2; i++) {
        RIG_CHECK(f.rig, weir_emit_slices(self, batch.events, batch.count) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* Two events have the same bytes: each is in capitals once. */
static void who_writes_to_a_slice_has_his_own(struct rig *rig) {
    open_scene(rig, 100, 300);
    const weir_subscribe_options one = {.max_demand = 1};
    weir_ref twice =
        behind(source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER, slice_twice, ten);
    behind(behind(twice, WEIR_PRODUCER_CONSUMER, shout, one), WEIR_CONSUMER, read_shouted, ten);
    rig_rest(rig);
    assert_int_equal(f.seen, 100 + 2 * 100 + 2 * 100);
    close_scene();
}

static weir_verdict slice_and_shout(weir_stage *self, weir_batch batch) {
    read_lines(self, batch);
    RIG_CHECK(f.rig, weir_emit_slices(self, batch.events, batch.count) == WEIR_OK);
    struct line *mine = weir_own(self);
    RIG_CHECK(f.rig, mine != NULL);
    for (size_t i = 0; mine != NULL && i < batch.count; i++) {
        memset((char *)(uintptr_t)mine[i].text.at, '!', mine[i].text.count);
    }
    return WEIR_CONTINUE;
}

static void what_was_sliced_is_written_to_elsewhere(struct rig *rig) {
    open_scene(rig, 100, 300);
    weir_ref first = source((weir_stage_options){0});
    behind(behind(first, WEIR_PRODUCER_CONSUMER, slice_and_shout, ten), WEIR_CONSUMER, read_lines,
           ten);
    rig_rest(rig);
    assert_int_equal(f.seen, 200);
    close_scene();
}

/* ---- refusals ------------------------------------------------------------------------- */

static void refused(bool right, const char *why) {
    RIG_CHECK(f.rig, right);
    RIG_CHECK(f.rig, strstr(weir_refusal(), why) != NULL);
    f.told++;
}

static weir_verdict emit_wrongly(weir_stage *self, uint64_t demand) {
    static char text[1 << 12];
    struct line line = {.text = {text, 1 << 12, 0}};
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
    const struct line *lines_here = batch.events;
    struct line line = lines_here[0];
    struct line mine;
    line.text.at = (const char *)&line;
    line.text.count = 4;
    refused(weir_emit_slices(self, &line, 1) == WEIR_INVALID,
            "has a span that is not in that payload");
    refused(weir_take(self, 0, 1, &mine) == WEIR_INVALID, "their payload stays with weir");
    return WEIR_CONTINUE;
}

static void what_cannot_be_is_refused(struct rig *rig) {
    static const weir_event_type narrow = {
        .bytes = sizeof(struct line), .spans = 2, .payload_limit = 1000};
    open_scene(rig, 3, 100);
    weir_ref wrong = start((weir_stage_options){
        .kind = WEIR_PRODUCER, .type = &narrow, .on.handle_demand = emit_wrongly});
    behind(wrong, WEIR_CONSUMER, read_lines, ten);
    rig_rest(rig);
    assert_int_equal(f.told, 9);
    behind(source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER, slice_wrongly,
           (weir_subscribe_options){.max_demand = 1});
    rig_rest(rig);
    close_scene();
}

static void types_that_are_none(struct rig *rig) {
    open_scene(rig, 0, 1);
    weir_event_type type = lines;
    weir_stage_options options = {
        .kind = WEIR_PRODUCER, .type = &type, .on.handle_demand = produce};
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
    close_scene();
}

/* ---- memory -------------------------------------------------------------------------------- */

static void a_running_pipe_allocates_nothing(struct rig *rig) {
    open_scene(rig, 1 << 20, 200);
    weir_ref relay = behind(source((weir_stage_options){0}), WEIR_PRODUCER_CONSUMER, pass_on, ten);
    behind(relay, WEIR_CONSUMER, read_lines, ten);
    weir_runtime_step(rig->runtime, 2000);
    uint64_t calls = rig->memory.calls;
    uint64_t seen = f.seen;
    weir_runtime_step(rig->runtime, 2000);
    assert_int_equal(rig->memory.calls, calls);
    assert_true(f.seen > seen + 1000);
    close_scene();
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
        TEST_IN_WORLDS_AND_WAYS(chunks_are_split_without_a_copy, 2),
        TEST_IN_WORLDS(who_writes_to_a_slice_has_his_own),
        TEST_IN_WORLDS(what_was_sliced_is_written_to_elsewhere),
        TEST_STEPPED(what_cannot_be_is_refused),
        TEST_STEPPED(types_that_are_none),
        TEST_STEPPED(a_running_pipe_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
