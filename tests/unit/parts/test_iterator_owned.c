/*
 * Events that own something from an iterator: what of `next`'s events is whose.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what `next` returns is weir's, whichever its verdict is, and goes out; what it wrote
 * beyond that, and all that it made when it says that it made too many, is its own still; a
 * type is checked as a stage's is.
 * Method: a function that makes a few events and then returns as the test says, in every world,
 * with events that have names and own memory (support/owned.h).
 */
#include "support/cmocka.h"
#include "support/owned.h"
#include "support/worlds.h"

#include <string.h>

static struct owned_ledger ledger;

/* What `next` does in its first call, and in the second one. */
static struct {
    size_t makes;
    size_t says[2];
    weir_iterator_verdict verdict[2];
    size_t calls;
    struct owned kept[8]; /* what it made and did not hand over */
    size_t kept_count;
} f;

static weir_made next(void *context, weir_room room) {
    (void)context;
    size_t call = f.calls++;
    struct owned *out = room.events;
    for (size_t i = 0; i < f.makes; i++) {
        out[i] = owned_make(&ledger);
        bool handed_over = f.says[call] <= room.count && i < f.says[call];
        if (!handed_over) f.kept[f.kept_count++] = out[i];
    }
    return (weir_made){f.says[call], f.verdict[call]};
}

static weir_verdict look(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) owned_look(&ledger, &events[i]);
    return WEIR_CONTINUE;
}

static void play(struct rig *rig) {
    weir_ref ref;
    owned_open(&ledger);
    const weir_iterator_options options = {
        .name = "it", .type = &ledger.type, .event_bytes = sizeof(struct owned), .next = next};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &ref), WEIR_OK);
    const weir_subscribe_to to = {.producer = ref,
                                  .options = {.max_demand = 10, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options consumer = {
        .kind = WEIR_CONSUMER, .subscribe_to = &to, .subscribe_count = 1, .on.handle_events = look};
    assert_int_equal(weir_stage_start(rig->runtime, &consumer, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
}

static void close_scene(struct rig *rig, uint64_t handled, const char *expected) {
    for (size_t i = 0; i < f.kept_count; i++) owned_release(&ledger, f.kept[i]);
    rig->emitted = rig->handled = handled;
    weir_accounts accounts = rig_close(rig);
    owned_expect(&ledger, expected);
    owned_close(&ledger, &accounts);
}

static void what_it_returns_goes_out(struct rig *rig, int verdict) {
    memset(&f, 0, sizeof f);
    f.makes = 3;
    f.says[0] = f.says[1] = 3;
    f.verdict[1] = (weir_iterator_verdict)(1 + verdict); /* END, ERROR, and one there is not */
    play(rig);
    if (verdict == 2) {
        rig_expect_log(rig, "error: iterator it: next returned an unknown verdict, made 3 of 7 "
                            "events\n");
    }
    close_scene(rig, 6, "handled 6");
}

static void what_it_does_not_count_stays_its_own(struct rig *rig) {
    memset(&f, 0, sizeof f);
    f.makes = 4;
    f.says[0] = 3;
    f.verdict[1] = WEIR_ITERATOR_END; /* with none of those that it made */
    play(rig);
    close_scene(rig, 3, "handled 3, released 5");
}

static void of_too_many_none_is_taken(struct rig *rig) {
    memset(&f, 0, sizeof f);
    f.makes = 2;
    f.says[0] = 2;
    f.says[1] = 9;
    play(rig);
    rig_expect_log(rig, "error: iterator it: next made more than was wanted, made 9 of 8 events\n");
    close_scene(rig, 2, "handled 2, released 2");
}

static void bad_types_are_refused(struct rig *rig) {
    weir_ref ref = {7};
    const weir_event_type type = {.bytes = 8};
    const weir_iterator_options options = {.type = &type, .next = next};
    assert_int_equal(weir_iterator_start(rig->runtime, &options, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "type->drop must be set");
    assert_int_equal(ref.bits, 7);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(what_it_returns_goes_out, 3),
        TEST_IN_WORLDS(what_it_does_not_count_stays_its_own),
        TEST_IN_WORLDS(of_too_many_none_is_taken),
        TEST_STEPPED(bad_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
