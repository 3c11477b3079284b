/*
 * Ways to emit payload, in one callback after each other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a callback emits event by event, many at once, written in place, as slices of its
 * input, and as the input itself comes in just that order, whole; an emission that is refused,
 * or for which there is no memory, leaves those before it, and none of its own.
 * Method: events that are numbered in the order of emission, and whose text says their number;
 * texts as long as makes blocks change amid them; every allocation fails once.
 */
#include "support/chain.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

struct note {
    weir_bytes text;
    uint64_t number;
};

enum { MANY = 3, LIMIT = 40000, LONG = 9000 };

static const weir_event_type notes = {
    .bytes = sizeof(struct note), .spans = 1, .payload_limit = LIMIT};

static struct {
    struct chain chain;
    uint64_t made, limit, refused;
    uint64_t seen, next; /* the least number that may come next */
} f;

static void open_scene(struct rig *rig, uint64_t limit) {
    memset(&f, 0, sizeof f);
    f.chain = (struct chain){.rig = rig, .type = &notes};
    f.limit = limit;
}

static void all_have_come(uint64_t count) {
    assert_int_equal(f.seen, count);
    assert_int_equal(f.next, count);
}

/* ---- notes ----------------------------------------------------------------------- */

static uint32_t length_of(uint64_t number) {
    return number % 11 == 3 ? LONG : (uint32_t)(number * 37 % 200);
}

static struct note write_note(char *to, uint64_t number) {
    uint32_t length = length_of(number);
    for (uint32_t i = 0; i < length; i++) to[i] = (char)('a' + (number + i) % 26);
    return (struct note){.text = {.at = to, .count = length}, .number = number};
}

static weir_status emit_notes(weir_stage *self, uint64_t number, size_t count) {
    static char texts[MANY][LONG];
    struct note some[MANY];
    for (size_t i = 0; i < count; i++) some[i] = write_note(texts[i], number + i);
    return weir_emit(self, some, count);
}

static void emit_in_place(weir_stage *self, uint64_t number) {
    weir_room room = weir_reserve_bytes(self, LONG);
    RIG_CHECK(f.chain.rig, room.count >= LONG);
    const struct note note = write_note(room.events, number);
    RIG_CHECK(f.chain.rig, weir_commit_bytes(self, note.text.count, &note, 1) == WEIR_OK);
}

static weir_verdict read_notes(weir_stage *self, weir_batch batch) {
    const struct note *note = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.chain.rig, note[i].number >= f.next);
        f.next = note[i].number + 1;
        RIG_CHECK(f.chain.rig, note[i].text.count == length_of(note[i].number));
        for (uint32_t k = 0; k < note[i].text.count; k++) {
            RIG_CHECK(f.chain.rig, note[i].text.at[k] == (char)('a' + (note[i].number + k) % 26));
        }
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

/* ---- stages ---------------------------------------------------------------------- */

static weir_ref source(chain_produces *produce) {
    return chain_source(&f.chain, produce);
}

static weir_ref behind(weir_ref producer, weir_kind kind, chain_handles *handle) {
    return chain_behind(&f.chain, producer, kind, handle,
                        (weir_subscribe_options){.max_demand = 10});
}

/* ---- order ----------------------------------------------------------------------- */

static weir_verdict emit_all_ways(weir_stage *self, uint64_t demand) {
    for (uint64_t i = 0; i < demand && f.made < f.limit; i += 7, f.made += 7) {
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made, 1) == WEIR_OK);
        emit_in_place(self, f.made + 1);
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made + 2, MANY) == WEIR_OK);
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made + 2 + MANY, 1) == WEIR_OK);
        emit_in_place(self, f.made + 3 + MANY);
    }
    return WEIR_CONTINUE;
}

static void copied_and_in_place_are_in_order(struct rig *rig) {
    open_scene(rig, 700);
    behind(source(emit_all_ways), WEIR_CONSUMER, read_notes);
    rig_rest(rig);
    all_have_come(700);
    chain_close(&f.chain);
}

/* The producer's notes are the even ones; the odd ones are the relay's. */
static weir_verdict emit_even(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < f.limit; demand--, f.made += 2) {
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict add_odd(weir_stage *self, weir_batch batch) {
    const struct note *note = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t number = note[i].number;
        RIG_CHECK(f.chain.rig, weir_emit_slices(self, &note[i], 1) == WEIR_OK);
        RIG_CHECK(f.chain.rig, emit_notes(self, number + 1, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void slices_are_in_order_with_what_is_copied(struct rig *rig) {
    open_scene(rig, 600);
    behind(behind(source(emit_even), WEIR_PRODUCER_CONSUMER, add_odd), WEIR_CONSUMER, read_notes);
    rig_rest(rig);
    all_have_come(600);
    chain_close(&f.chain);
}

/* As many before each batch as it has; numbers are those of the order of emission. */
static weir_verdict emit_gaps(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < f.limit; demand--) {
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made * 2 + 1, 1) == WEIR_OK);
        f.made++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict put_before(weir_stage *self, weir_batch batch) {
    const struct note *note = batch.events;
    RIG_CHECK(f.chain.rig, batch.count == 1);
    RIG_CHECK(f.chain.rig, emit_notes(self, note->number - 1, 1) == WEIR_OK);
    return weir_forward(self);
}

static void a_batch_is_forwarded_behind_what_was_copied(struct rig *rig) {
    open_scene(rig, 200);
    weir_ref relay = chain_behind(&f.chain, source(emit_gaps), WEIR_PRODUCER_CONSUMER, put_before,
                                  (weir_subscribe_options){.max_demand = 1});
    behind(relay, WEIR_CONSUMER, read_notes);
    rig_rest(rig);
    all_have_come(400);
    chain_close(&f.chain);
}

/* ---- events that are a span and nothing else ------------------------------------------- */

static const weir_event_type bare = {.bytes = sizeof(weir_bytes), .spans = 1};

static weir_verdict emit_bare(weir_stage *self, uint64_t demand) {
    static char text[LONG];
    for (; demand > 0 && f.made < f.limit; demand--) {
        const struct note note = write_note(text, f.made++);
        RIG_CHECK(f.chain.rig, weir_emit(self, &note.text, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict read_bare(weir_stage *self, weir_batch batch) {
    const weir_bytes *span = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const struct note note = {.text = span[i], .number = f.next};
        read_notes(self, (weir_batch){.events = &note, .count = 1});
    }
    return WEIR_CONTINUE;
}

static void bare_spans_come_whole(struct rig *rig) {
    open_scene(rig, 3000);
    weir_ref first = chain_start(
        &f.chain,
        (weir_stage_options){.kind = WEIR_PRODUCER, .type = &bare, .on.handle_demand = emit_bare});
    behind(first, WEIR_CONSUMER, read_bare);
    rig_rest(rig);
    all_have_come(3000);
    chain_close(&f.chain);
}

/* ---- all or nothing -------------------------------------------------------------- */

static weir_verdict emit_too_long(weir_stage *self, uint64_t demand) {
    static char text[LIMIT + 1];
    struct note some[MANY] = {
        {.text = {text, LIMIT, 0}}, {.text = {text, LIMIT, 0}}, {.text = {text, LIMIT + 1, 0}}};
    for (; demand > 0 && f.made < f.limit; demand--) {
        RIG_CHECK(f.chain.rig, emit_notes(self, f.made++, 1) == WEIR_OK);
        RIG_CHECK(f.chain.rig, weir_emit(self, some, MANY) == WEIR_INVALID);
        RIG_CHECK(f.chain.rig, strstr(weir_refusal(), "event 2 has spans of 40001 bytes") != NULL);
        f.refused++;
    }
    return WEIR_CONTINUE;
}

static void one_too_long_takes_none_with_it(struct rig *rig) {
    open_scene(rig, 60);
    behind(source(emit_too_long), WEIR_CONSUMER, read_notes);
    rig_rest(rig);
    all_have_come(60);
    assert_int_equal(f.refused, 60);
    chain_close(&f.chain);
}

static weir_verdict emit_if_there_is_memory(weir_stage *self, uint64_t demand) {
    for (uint64_t i = 0; i < demand; i += MANY) {
        weir_status status = emit_notes(self, f.made, MANY);
        RIG_CHECK(f.chain.rig, status == WEIR_OK || status == WEIR_NO_MEMORY);
        f.made += status == WEIR_OK ? MANY : 0;
        f.refused += status == WEIR_NO_MEMORY;
    }
    return WEIR_CONTINUE;
}

/* What was accepted is seen or, for want of memory further on, discarded; nothing else is. */
static void without_memory_none_is_emitted(void **state) {
    (void)state;
    static struct rig rig;
    bool failed = true;
    uint64_t refused = 0;
    for (uint64_t nth = 1; failed; nth++) {
        rig_open(&rig, NULL);
        open_scene(&rig, 0);
        behind(source(emit_if_there_is_memory), WEIR_CONSUMER, read_notes);
        uint64_t before = rig.memory.calls;
        test_memory_fail(&rig.memory, nth, false);
        weir_runtime_step(rig.runtime, 300);
        failed = rig.memory.calls - before >= nth;
        test_memory_fail_never(&rig.memory);
        refused += f.refused;
        assert_true(f.seen <= f.made);
        chain_close(&f.chain);
    }
    assert_true(refused > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(copied_and_in_place_are_in_order),
        TEST_IN_WORLDS(slices_are_in_order_with_what_is_copied),
        TEST_IN_WORLDS(a_batch_is_forwarded_behind_what_was_copied),
        TEST_IN_WORLDS(bare_spans_come_whole),
        TEST_IN_WORLDS(one_too_long_takes_none_with_it),
        cmocka_unit_test(without_memory_none_is_emitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
