/*
 * Slices and rooms: payload that several events point into.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever writes to an event that he owns writes to nobody else's bytes, in whatever order
 * its batch was sliced, owned, forwarded and stashed; what cannot be sliced any more is refused;
 * a room lasts no longer than its callback; few slices of many inputs take little memory;
 * events are alike for the default hash if what they say is alike; without memory nothing
 * is lost or leaks.
 * Method: short texts that say their number, in every world; allocations failing in turn.
 */
#include "support/worlds.h"

#include <string.h>

enum { TEXT = 10 };

struct note {
    weir_bytes text;
    uint64_t number;
};

static const weir_event_type notes = {.bytes = sizeof(struct note), .spans = 1};

static struct {
    struct rig *rig;
    uint64_t made, limit, seen, loud, refused;
    bool starved; /* calls may be refused for want of memory */
} f;

static void open_scene(struct rig *rig, uint64_t limit) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.limit = limit;
}

static void write_note(char *to, uint64_t number) {
    for (uint64_t i = 0; i < TEXT; i++) to[i] = (char)('a' + (number + i) % 26);
}

static bool says(const struct note *note, char first) {
    for (uint64_t i = 0; i < TEXT; i++) {
        if (note->text.at[i] != (char)(first + (char)((note->number + i) % 26))) return false;
    }
    return note->text.count == TEXT;
}

static void shout(const struct note *note) {
    char *text = (char *)(uintptr_t)note->text.at;
    for (int i = 0; i < TEXT; i++) text[i] = (char)(text[i] - 'a' + 'A');
}

static void expect_refused(bool right, const char *why) {
    RIG_CHECK(f.rig, right);
    RIG_CHECK(f.rig, strstr(weir_refusal(), why) != NULL);
    f.refused++;
}

static bool done(weir_status status) {
    RIG_CHECK(f.rig, status == WEIR_OK || (f.starved && status == WEIR_NO_MEMORY));
    return status == WEIR_OK;
}

/* ---- stages ------------------------------------------------------------------- */

/* Notes that are written where they will lie, some at a time. */
static weir_verdict produce(weir_stage *self, uint64_t demand) {
    while (demand > 0 && f.made < f.limit) {
        struct note some[3];
        size_t count = 0;
        weir_room room = weir_reserve_bytes(self, sizeof some);
        if (room.events == NULL) {
            RIG_CHECK(f.rig, f.starved);
            return WEIR_CONTINUE;
        }
        for (; count < 3 && count < demand && f.made + count < f.limit; count++) {
            char *at = (char *)room.events + count * TEXT;
            some[count] = (struct note){.text = {at, TEXT, 0}, .number = f.made + count};
            write_note(at, f.made + count);
        }
        if (!done(weir_commit_bytes(self, count * TEXT, some, count))) return WEIR_CONTINUE;
        f.made += count;
        demand -= count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_notes(weir_stage *self, weir_batch batch) {
    const struct note *note = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, says(&note[i], 'a') || says(&note[i], 'A'));
        f.loud += says(&note[i], 'A');
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static void untold(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self, (void)count, (void)why;
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref = {0};
    options.on.discarded = untold;
    weir_status status = weir_stage_start(f.rig->runtime, &options, &ref);
    assert_true(status == WEIR_OK || (f.starved && status == WEIR_NO_MEMORY));
    return ref;
}

static weir_ref source(const weir_dispatcher *dispatcher) {
    return start((weir_stage_options){.kind = WEIR_PRODUCER,
                                      .type = &notes,
                                      .dispatcher = dispatcher,
                                      .on.handle_demand = produce});
}

typedef weir_verdict handles(weir_stage *self, weir_batch batch);

static weir_ref behind(weir_ref producer, weir_kind kind, handles *handle, size_t max) {
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = max, .cancel = WEIR_TEMPORARY}};
    if (producer.bits == 0) return producer;
    return start((weir_stage_options){.kind = kind,
                                      .type = kind == WEIR_CONSUMER ? NULL : &notes,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = handle});
}

static void close_scene(void) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(f.rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(f.rig, &accounts);
}

/* A source, one that does so with it, and a reader. */
static void play(struct rig *rig, handles *handle, uint64_t limit) {
    open_scene(rig, limit);
    behind(behind(source(NULL), WEIR_PRODUCER_CONSUMER, handle, 6), WEIR_CONSUMER, read_notes, 50);
    rig_rest(rig);
}

/* ---- in every order -------------------------------------------------------------- */

static weir_verdict slice(weir_stage *self, weir_batch batch) {
    done(weir_emit_slices(self, batch.events, batch.count));
    return WEIR_CONTINUE;
}

static weir_verdict forward_and_slice(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.rig, weir_forward(self) == WEIR_CONTINUE);
    expect_refused(weir_emit_slices(self, batch.events, batch.count) == WEIR_INVALID,
                   "the batch was forwarded");
    return WEIR_CONTINUE;
}

static void what_was_forwarded_is_not_sliced(struct rig *rig) {
    play(rig, forward_and_slice, 30);
    assert_true(f.seen == 30 && f.refused > 0);
    close_scene();
}

static weir_verdict stash_and_slice(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.rig, weir_stash(self, 0, 1) == WEIR_OK);
    expect_refused(weir_emit_slices(self, batch.events, batch.count) == WEIR_INVALID,
                   "some of the batch is in the stash");
    RIG_CHECK(f.rig, weir_stash_emit(self, 1) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void what_is_stashed_is_not_sliced(struct rig *rig) {
    play(rig, stash_and_slice, 30);
    assert_true(f.seen > 0 && f.refused > 0);
    close_scene();
}

static weir_verdict slice_and_stash(weir_stage *self, weir_batch batch) {
    done(weir_emit_slices(self, batch.events, batch.count));
    RIG_CHECK(f.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    RIG_CHECK(f.rig, weir_stash_emit(self, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Each is made loud by the next stage, in bytes of its own: none is so twice. */
static weir_verdict own_and_shout(weir_stage *self, weir_batch batch) {
    struct note *mine = weir_own(self);
    RIG_CHECK(f.rig, mine != NULL);
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, says(&mine[i], 'a'));
        shout(&mine[i]);
    }
    return weir_forward(self);
}

static void slices_are_written_to_apart(struct rig *rig) {
    open_scene(rig, 30);
    weir_ref twice = behind(source(NULL), WEIR_PRODUCER_CONSUMER, slice_and_stash, 6);
    weir_ref loud = behind(twice, WEIR_PRODUCER_CONSUMER, own_and_shout, 6);
    behind(loud, WEIR_CONSUMER, read_notes, 50);
    rig_rest(rig);
    assert_int_equal(f.seen, 60);
    assert_int_equal(f.loud, 60);
    close_scene();
}

/* Of the input, of a copy of it, and of a copy of that; an empty one is none. */
static weir_verdict slice_again_and_again(weir_stage *self, weir_batch batch) {
    done(weir_emit_slices(self, batch.events, batch.count));
    struct note *mine = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) shout(&mine[i]);
    RIG_CHECK(f.rig, weir_emit_slices(self, mine, 0) == WEIR_OK);
    RIG_CHECK(f.rig, weir_own(self) == mine); /* nobody has that copy yet */
    done(weir_emit_slices(self, mine, batch.count));
    mine = weir_own(self);
    RIG_CHECK(f.rig, mine != NULL && says(mine, 'A'));
    return weir_forward(self);
}

static void a_batch_is_owned_again_once_it_was_sliced(struct rig *rig) {
    play(rig, slice_again_and_again, 30);
    assert_int_equal(f.seen, 90);
    assert_int_equal(f.loud, 60);
    close_scene();
}

/* Two events with the same bytes. */
static weir_verdict produce_twins(weir_stage *self, uint64_t demand) {
    (void)demand;
    if (f.made == f.limit) return WEIR_CONTINUE;
    weir_room room = weir_reserve_bytes(self, TEXT);
    write_note(room.events, f.made);
    struct note twins[2] = {{.text = {room.events, TEXT, 0}, .number = f.made}};
    twins[1] = twins[0];
    done(weir_commit_bytes(self, TEXT, twins, 2));
    f.made++;
    return WEIR_CONTINUE;
}

static void events_that_overlap_are_written_to_apart(struct rig *rig) {
    open_scene(rig, 4);
    weir_ref twins = start((weir_stage_options){
        .kind = WEIR_PRODUCER, .type = &notes, .on.handle_demand = produce_twins});
    for (int i = 0; i < 2; i++) {
        behind(behind(twins, WEIR_PRODUCER_CONSUMER, own_and_shout, 1), WEIR_CONSUMER, read_notes,
               50);
    }
    rig_rest(rig);
    assert_true(f.seen > 1);
    assert_int_equal(f.loud, f.seen);
    close_scene();
}

/* ---- rooms --------------------------------------------------------------------------- */

static weir_verdict reserve_only(weir_stage *self, uint64_t demand) {
    (void)demand;
    RIG_CHECK(f.rig, weir_reserve_bytes(self, 100).events != NULL);
    return WEIR_CONTINUE;
}

static weir_verdict commit_late(weir_stage *self, const void *message, size_t bytes) {
    const struct note none = {.text = {NULL, 0, 0}};
    (void)message, (void)bytes;
    expect_refused(weir_commit_bytes(self, 10, &none, 1) == WEIR_INVALID,
                   "the bytes reserved, 0, got 10");
    expect_refused(weir_commit_bytes(self, 0, &none, 1) == WEIR_INVALID, "has reserved no bytes");
    weir_reserve_bytes(self, 10);
    expect_refused(weir_commit(self, 1) == WEIR_INVALID, "the room reserved");
    return WEIR_CONTINUE;
}

static void a_room_ends_with_its_callback(struct rig *rig) {
    open_scene(rig, 0);
    weir_ref stage = start(
        (weir_stage_options){.kind = WEIR_PRODUCER,
                             .type = &notes,
                             .on = {.handle_demand = reserve_only, .handle_cast = commit_late}});
    behind(stage, WEIR_CONSUMER, read_notes, 5);
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, stage, NULL, 0), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.refused, 3);
    close_scene();
}

static weir_verdict commit_too_much(weir_stage *self, uint64_t demand) {
    (void)demand;
    struct note note = {.text = {weir_reserve_bytes(self, 8).events, 17, 0}};
    expect_refused(weir_commit_bytes(self, 20, &note, 1) == WEIR_INVALID, "payload_limit");
    return WEIR_FINISH;
}

static void the_limit_is_for_rooms_too(struct rig *rig) {
    static const weir_event_type narrow = {
        .bytes = sizeof(struct note), .spans = 1, .payload_limit = 16};
    open_scene(rig, 0);
    behind(start((weir_stage_options){
               .kind = WEIR_PRODUCER, .type = &narrow, .on.handle_demand = commit_too_much}),
           WEIR_CONSUMER, read_notes, 5);
    rig_rest(rig);
    assert_int_equal(f.refused, 1);
    close_scene();
}

/* ---- memory ------------------------------------------------------------------------------ */

static weir_verdict keep_all(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    return read_notes(self, batch);
}

/* One slice of each of two inputs, in turns: they wait, and their blocks are small. */
static void slices_of_many_inputs_take_little(struct rig *rig) {
    open_scene(rig, 800);
    weir_ref one = source(NULL);
    weir_ref other = source(NULL);
    weir_subscribe_to to[] = {{.producer = one, .options = {.max_demand = 1}},
                              {.producer = other, .options = {.max_demand = 1}}};
    weir_ref relay = start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                .type = &notes,
                                                .subscribe_to = to,
                                                .subscribe_count = 2,
                                                .on.handle_events = slice});
    behind(relay, WEIR_CONSUMER, keep_all, 1000);
    rig_rest(rig);
    assert_int_equal(f.seen, 800);
    assert_true(rig->memory.bytes < 3 << 20);
    close_scene();
}

static bool copy_never(void *context, const void *event, void *copy) {
    (void)context, (void)event, (void)copy;
    return false;
}

static weir_verdict own_in_vain(weir_stage *self, weir_batch batch) {
    if (weir_own(self) == NULL) f.refused++;
    return read_notes(self, batch);
}

/* Without a `drop`, too. */
static void what_cannot_be_copied_is_not_owned(struct rig *rig) {
    static const weir_event_type once = {
        .bytes = sizeof(struct note), .spans = 1, .copy = copy_never};
    open_scene(rig, 20);
    weir_ref first = start((weir_stage_options){.kind = WEIR_PRODUCER,
                                                .type = &once,
                                                .dispatcher = weir_broadcast_dispatcher(),
                                                .demand = WEIR_ACCUMULATE,
                                                .on.handle_demand = produce});
    for (int i = 0; i < 2; i++) behind(first, WEIR_CONSUMER, own_in_vain, 6);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, first, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_true(f.refused > 0);
    assert_int_equal(f.seen, 40);
    close_scene();
}

static void play_starved(void) {
    weir_ref sliced = behind(source(NULL), WEIR_PRODUCER_CONSUMER, slice, 6);
    behind(sliced, WEIR_CONSUMER, read_notes, 4);
}

/* Whichever allocation fails, what comes is whole, and nothing leaks or is dropped twice. */
static void without_memory_nothing_is_lost(void **state) {
    (void)state;
    static struct rig rig;
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        rig_open(&rig, NULL);
        open_scene(&rig, 100);
        f.starved = true;
        uint64_t before = rig.memory.calls;
        test_memory_fail(&rig.memory, nth, false);
        play_starved();
        weir_runtime_step(rig.runtime, 3000);
        failed = rig.memory.calls - before >= nth;
        test_memory_fail_never(&rig.memory);
        close_scene();
    }
}

/* ---- the default hash ---------------------------------------------------------------------- */

static weir_verdict produce_same(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < f.limit; demand--, f.made++) {
        char text[TEXT];
        write_note(text, 0);
        const struct note note = {.text = {text, TEXT, 0}};
        done(weir_emit(self, &note, 1));
    }
    return WEIR_CONTINUE;
}

static uint64_t came_to[4];

static weir_verdict count_where(weir_stage *self, weir_batch batch) {
    came_to[*(const unsigned *)weir_state(self)] += batch.count;
    return WEIR_CONTINUE;
}

static void the_same_text_has_one_partition(struct rig *rig) {
    static const weir_partition_dispatcher_options four = {.partitions = 4};
    open_scene(rig, 40);
    memset(came_to, 0, sizeof came_to);
    weir_ref first = start((weir_stage_options){.kind = WEIR_PRODUCER,
                                                .type = &notes,
                                                .dispatcher = weir_partition_dispatcher(),
                                                .dispatcher_options = &four,
                                                .on.handle_demand = produce_same});
    for (unsigned i = 0; i < 4; i++) {
        const weir_subscribe_to to = {
            .producer = first, .options = {.max_demand = 10, .partition = WEIR_PARTITION(i)}};
        start((weir_stage_options){.kind = WEIR_CONSUMER,
                                   .state = &i,
                                   .state_bytes = sizeof i,
                                   .subscribe_to = &to,
                                   .subscribe_count = 1,
                                   .on.handle_events = count_where});
    }
    rig_rest(rig);
    unsigned used = 0;
    for (unsigned i = 0; i < 4; i++) used += came_to[i] > 0;
    assert_int_equal(used, 1);
    close_scene();
}

static void types_have_room_for_spans_side_by_side(struct rig *rig) {
    weir_event_type type = {.bytes = 20, .spans = 1};
    open_scene(rig, 0);
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER, .type = &type, .on.handle_demand = produce};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(
        strstr(weir_refusal(), "type->bytes must be a multiple of 8 with spans, got 20"));
    close_scene();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_was_forwarded_is_not_sliced),
        TEST_IN_WORLDS(what_is_stashed_is_not_sliced),
        TEST_IN_WORLDS(slices_are_written_to_apart),
        TEST_IN_WORLDS(a_batch_is_owned_again_once_it_was_sliced),
        TEST_IN_WORLDS(events_that_overlap_are_written_to_apart),
        TEST_IN_WORLDS(a_room_ends_with_its_callback),
        TEST_IN_WORLDS(the_limit_is_for_rooms_too),
        TEST_STEPPED(slices_of_many_inputs_take_little),
        TEST_IN_WORLDS(what_cannot_be_copied_is_not_owned),
        cmocka_unit_test(without_memory_nothing_is_lost),
        TEST_IN_WORLDS(the_same_text_has_one_partition),
        TEST_STEPPED(types_have_room_for_spans_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
