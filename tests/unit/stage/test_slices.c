/*
 * Slices and rooms: payload that several events point into.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever writes to an event that he owns writes to nobody else's bytes, in whatever order
 * its batch was sliced, owned, forwarded and stashed; what cannot be sliced any more is refused;
 * a room lasts no longer than its callback; few slices of many inputs take little memory;
 * without memory nothing is lost or leaks.
 * Method: short texts that say their number, in every world; allocations failing in turn.
 */
#include "support/chain.h"
#include "support/worlds.h"

#include <string.h>

enum { TEXT = 10 };

struct note {
    weir_bytes text;
    uint64_t number;
};

static const weir_event_type notes = {.bytes = sizeof(struct note), .spans = 1};

static struct {
    struct chain chain; /* starved: calls may be refused for want of memory */
    uint64_t made, limit, seen, loud, refused;
} f;

static void open_scene(struct rig *rig, uint64_t limit) {
    memset(&f, 0, sizeof f);
    f.chain = (struct chain){.rig = rig, .type = &notes};
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
    RIG_CHECK(f.chain.rig, right);
    RIG_CHECK(f.chain.rig, strstr(weir_refusal(), why) != NULL);
    f.refused++;
}

static bool done(weir_status status) {
    RIG_CHECK(f.chain.rig, status == WEIR_OK || (f.chain.starved && status == WEIR_NO_MEMORY));
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
            RIG_CHECK(f.chain.rig, f.chain.starved);
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
        RIG_CHECK(f.chain.rig, says(&note[i], 'a') || says(&note[i], 'A'));
        f.loud += says(&note[i], 'A');
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static weir_ref source(const weir_dispatcher *dispatcher) {
    return chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                      .dispatcher = dispatcher,
                                                      .on.handle_demand = produce});
}

static weir_ref behind(weir_ref producer, weir_kind kind, chain_handles *handle, size_t max) {
    return chain_behind(&f.chain, producer, kind, handle,
                        (weir_subscribe_options){.max_demand = max, .cancel = WEIR_TEMPORARY});
}

/* A source, one that does so with it, and a reader. */
static void play(struct rig *rig, chain_handles *handle, uint64_t limit) {
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
    RIG_CHECK(f.chain.rig, weir_forward(self) == WEIR_CONTINUE);
    expect_refused(weir_emit_slices(self, batch.events, batch.count) == WEIR_INVALID,
                   "the batch was forwarded");
    return WEIR_CONTINUE;
}

static void what_was_forwarded_is_not_sliced(struct rig *rig) {
    play(rig, forward_and_slice, 30);
    assert_true(f.seen == 30 && f.refused > 0);
    chain_close(&f.chain);
}

static weir_verdict stash_and_slice(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.chain.rig, weir_stash(self, 0, 1) == WEIR_OK);
    expect_refused(weir_emit_slices(self, batch.events, batch.count) == WEIR_INVALID,
                   "some of the batch is in the stash");
    RIG_CHECK(f.chain.rig, weir_stash_emit(self, 1) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void what_is_stashed_is_not_sliced(struct rig *rig) {
    play(rig, stash_and_slice, 30);
    assert_true(f.seen > 0 && f.refused > 0);
    chain_close(&f.chain);
}

static weir_verdict slice_and_stash(weir_stage *self, weir_batch batch) {
    done(weir_emit_slices(self, batch.events, batch.count));
    RIG_CHECK(f.chain.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    RIG_CHECK(f.chain.rig, weir_stash_emit(self, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Each is made loud by the next stage, in bytes of its own: none is so twice. */
static weir_verdict own_and_shout(weir_stage *self, weir_batch batch) {
    struct note *mine = weir_own(self);
    RIG_CHECK(f.chain.rig, mine != NULL);
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.chain.rig, says(&mine[i], 'a'));
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
    chain_close(&f.chain);
}

/* Of the input, of a copy of it, and of a copy of that; an empty one is none. */
static weir_verdict slice_again_and_again(weir_stage *self, weir_batch batch) {
    done(weir_emit_slices(self, batch.events, batch.count));
    struct note *mine = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) shout(&mine[i]);
    RIG_CHECK(f.chain.rig, weir_emit_slices(self, mine, 0) == WEIR_OK);
    RIG_CHECK(f.chain.rig, weir_own(self) == mine); /* nobody has that copy yet */
    done(weir_emit_slices(self, mine, batch.count));
    mine = weir_own(self);
    RIG_CHECK(f.chain.rig, mine != NULL && says(mine, 'A'));
    return weir_forward(self);
}

static void a_batch_is_owned_again_once_it_was_sliced(struct rig *rig) {
    play(rig, slice_again_and_again, 30);
    assert_int_equal(f.seen, 90);
    assert_int_equal(f.loud, 60);
    chain_close(&f.chain);
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
    weir_ref twins = chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                                .type = &notes,
                                                                .on.handle_demand = produce_twins});
    for (int i = 0; i < 2; i++) {
        behind(behind(twins, WEIR_PRODUCER_CONSUMER, own_and_shout, 1), WEIR_CONSUMER, read_notes,
               50);
    }
    rig_rest(rig);
    assert_true(f.seen > 1);
    assert_int_equal(f.loud, f.seen);
    chain_close(&f.chain);
}

/* ---- rooms --------------------------------------------------------------------------- */

static weir_verdict reserve_only(weir_stage *self, uint64_t demand) {
    (void)demand;
    RIG_CHECK(f.chain.rig, weir_reserve_bytes(self, 100).events != NULL);
    return WEIR_CONTINUE;
}

static weir_verdict commit_late(weir_stage *self, const void *message, size_t bytes) {
    const struct note none = {.text = {NULL, 0, 0}};
    (void)message, (void)bytes;
    expect_refused(weir_commit_bytes(self, 10, &none, 1) == WEIR_INVALID,
                   "the bytes reserved, 0, got 10");
    expect_refused(weir_commit_bytes(self, 0, &none, 1) == WEIR_INVALID, "has reserved no bytes");
    weir_reserve_bytes(self, 10);
    expect_refused(weir_commit(self, 1) == WEIR_INVALID, "have spans: weir_emit, or");
    return WEIR_CONTINUE;
}

static void a_room_ends_with_its_callback(struct rig *rig) {
    open_scene(rig, 0);
    weir_ref stage = chain_start(
        &f.chain,
        (weir_stage_options){.kind = WEIR_PRODUCER,
                             .type = &notes,
                             .on = {.handle_demand = reserve_only, .handle_cast = commit_late}});
    behind(stage, WEIR_CONSUMER, read_notes, 5);
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, stage, NULL, 0), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.refused, 3);
    chain_close(&f.chain);
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
    behind(chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                      .type = &narrow,
                                                      .on.handle_demand = commit_too_much}),
           WEIR_CONSUMER, read_notes, 5);
    rig_rest(rig);
    assert_int_equal(f.refused, 1);
    chain_close(&f.chain);
}

/* ---- memory ------------------------------------------------------------------------------ */

static weir_verdict keep_all(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f.chain.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    return read_notes(self, batch);
}

/* One slice of each of two inputs, in turns: they wait, and their blocks are small. */
static void slices_of_many_inputs_take_little(struct rig *rig) {
    open_scene(rig, 800);
    weir_ref one = source(NULL);
    weir_ref other = source(NULL);
    weir_subscribe_to to[] = {{.producer = one, .options = {.max_demand = 1}},
                              {.producer = other, .options = {.max_demand = 1}}};
    weir_ref relay = chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                                .type = &notes,
                                                                .subscribe_to = to,
                                                                .subscribe_count = 2,
                                                                .on.handle_events = slice});
    behind(relay, WEIR_CONSUMER, keep_all, 1000);
    rig_rest(rig);
    assert_int_equal(f.seen, 800);
    assert_true(rig->memory.bytes < 3 << 20);
    chain_close(&f.chain);
}

/* ---- little of much ------------------------------------------------------------------- */

enum { MUCH = 40000, INPUTS = 50 };

static weir_verdict produce_much(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < INPUTS; demand--, f.made++) {
        weir_room room = weir_reserve_bytes(self, MUCH);
        RIG_CHECK(f.chain.rig, room.events != NULL);
        memset(room.events, '-', MUCH);
        write_note((char *)room.events + 500, f.made);
        const struct note much = {{room.events, MUCH, 0}, f.made};
        done(weir_commit_bytes(self, MUCH, &much, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict slice_little(weir_stage *self, weir_batch batch) {
    const struct note *much = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const struct note little = {{much[i].text.at + 500, TEXT, 0}, much[i].number};
        done(weir_emit_slices(self, &little, 1));
    }
    return WEIR_CONTINUE;
}

/* They lie with a reader outside, and keep no more than they are. */
static void little_of_much_keeps_little(struct rig *rig) {
    open_scene(rig, INPUTS);
    weir_ref much = chain_start(
        &f.chain, (weir_stage_options){.kind = WEIR_PRODUCER, .on.handle_demand = produce_much});
    weir_ref slicer = behind(much, WEIR_PRODUCER_CONSUMER, slice_little, 2);
    const weir_subscribe_to to = {.producer = slicer, .options.cancel = WEIR_TEMPORARY};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(rig->runtime,
                                      &(weir_stream_options){.event_bytes = sizeof(struct note),
                                                             .subscribe_to = &to,
                                                             .subscribe_count = 1},
                                      &stream),
                     WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.made, INPUTS);
    assert_in_range(rig_accounts(rig).blocks_live, 1, INPUTS / 3);
    while (f.seen < INPUTS) {
        weir_status status;
        weir_batch batch = weir_stream_batch(stream, 0, WEIR_FOREVER, &status);
        const struct note *note = batch.events;
        for (size_t i = 0; i < batch.count; i++) assert_true(says(&note[i], 'a'));
        f.seen += batch.count;
    }
    weir_stream_close(stream);
    chain_close(&f.chain);
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
    weir_ref first =
        chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
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
    chain_close(&f.chain);
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
        f.chain.starved = true;
        uint64_t before = rig.memory.calls;
        test_memory_fail(&rig.memory, nth, false);
        play_starved();
        weir_runtime_step(rig.runtime, 3000);
        failed = rig.memory.calls - before >= nth;
        test_memory_fail_never(&rig.memory);
        chain_close(&f.chain);
    }
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
        TEST_IN_WORLDS(little_of_much_keeps_little),
        TEST_IN_WORLDS(what_cannot_be_copied_is_not_owned),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
