/*
 * Messages that are events which own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a cast or an info of an event is dropped once, for what became of it: handled, taken,
 * abandoned, or never come to; what was refused is the sender's; others cannot be taken.
 * Method: stages that hear, take and stop, in every world; a ledger.
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

static void check_refusal(weir_status status, weir_status expected, const char *why) {
    RIG_CHECK(owned_scene.rig, status == expected);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), why) != NULL);
}

static weir_verdict hear(weir_stage *self, const void *message, size_t bytes) {
    (void)self;
    RIG_CHECK(owned_scene.rig, bytes == sizeof(struct owned));
    owned_look(&owned_scene.ledger, message);
    owned_scene.seen++;
    return WEIR_CONTINUE;
}

static weir_verdict hear_and_die(weir_stage *self, const void *message, size_t bytes) {
    hear(self, message, bytes);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_verdict hear_and_take(weir_stage *self, const void *message, size_t bytes) {
    struct owned mine;
    hear(self, message, bytes);
    RIG_CHECK(owned_scene.rig, weir_take_message(self, &mine) == WEIR_OK);
    check_refusal(weir_take_message(self, &mine), WEIR_INVALID, "or was taken");
    owned_release(&owned_scene.ledger, mine);
    return WEIR_CONTINUE;
}

typedef weir_verdict hears(weir_stage *self, const void *message, size_t bytes);

static weir_ref start_hearer(hears *cast, hears *info) {
    return owned_scene_start((weir_stage_options){
        .kind = WEIR_CONSUMER,
        .on = {.handle_events = owned_scene_look, .handle_cast = cast, .handle_info = info}});
}

/* What is refused is the sender's. */
static void send(weir_ref stage, int count) {
    weir_runtime *runtime = owned_scene.rig->runtime;
    for (int i = 0; i < count; i++) {
        struct owned event = owned_make(&owned_scene.ledger);
        weir_status status =
            i % 2 == 0 ? weir_cast_event(runtime, stage, &owned_scene.ledger.type, &event)
                       : weir_info_event(runtime, stage, &owned_scene.ledger.type, &event);
        if (status != WEIR_OK) owned_release(&owned_scene.ledger, event);
    }
}

static void messages_are_handled_or_taken(struct rig *rig) {
    owned_scene_open(rig);
    send(start_hearer(hear, hear_and_take), 10);
    rig_rest(rig);
    assert_int_equal(owned_scene.seen, 10);
    owned_scene_close("handled 5, released 5");
}

static void messages_to_who_stops_are_dropped(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref stage = start_hearer(hear_and_die, hear);
    send(stage, 10);
    rig_rest(rig);
    send(stage, 4);
    owned_expect(&owned_scene.ledger, "stopped 9, abandoned 1, released 4");
    assert_int_equal(owned_scene.seen, 1);
    owned_scene_close("stopped 9, abandoned 1, released 4");
}

static void messages_to_who_is_closed_are_dropped(struct rig *rig) {
    owned_scene_open(rig);
    send(start_hearer(hear, hear), 10);
    owned_scene_close(NULL);
    assert_int_equal(owned_scene.ledger.made, 10);
}

static void messages_that_nobody_handles_are_dropped(struct rig *rig) {
    owned_scene_open(rig);
    send(start_hearer(NULL, hear), 10);
    rig_rest(rig);
    rig_expect_log(rig, "warning: stage consumer has no handle_cast: a message of 16 bytes was "
                        "dropped\n"
                        "warning: stage consumer has no handle_cast: a message of 16 bytes was "
                        "dropped\n"
                        "warning: stage consumer has no handle_cast: a message of 16 bytes was "
                        "dropped\n"
                        "warning: stage consumer has no handle_cast: a message of 16 bytes was "
                        "dropped\n"
                        "warning: stage consumer has no handle_cast: a message of 16 bytes was "
                        "dropped\n");
    owned_scene_close("handled 5, unwanted 5");
}

static weir_verdict take_no_message(weir_stage *self, const void *message, size_t bytes) {
    struct owned mine;
    (void)message, (void)bytes;
    check_refusal(weir_take_message(self, &mine), WEIR_INVALID, "it owns nothing");
    owned_scene.told++;
    return WEIR_CONTINUE;
}

/* ---- of any length ------------------------------------------------------------------- */

struct note {
    weir_bytes text, key;
    uint64_t number;
};

static uint64_t notes_dropped;

static void drop_notes(void *context, const void *events, size_t count, weir_discard why) {
    const struct note *note = events;
    (void)context, (void)why;
    for (size_t i = 0; i < count; i++) notes_dropped += note[i].text.count == 5 * note[i].number;
}

static weir_verdict hear_note(weir_stage *self, const void *message, size_t bytes) {
    const struct note *note = message;
    struct note mine;
    RIG_CHECK(owned_scene.rig, bytes == sizeof *note);
    RIG_CHECK(owned_scene.rig, note->text.count == 5 * note->number);
    for (uint32_t i = 0; i < note->text.count; i++) {
        RIG_CHECK(owned_scene.rig, note->text.at[i] == "hello"[i % 5]);
    }
    RIG_CHECK(owned_scene.rig, note->key.count == 3 && memcmp(note->key.at, "key", 3) == 0);
    check_refusal(weir_take_message(self, &mine), WEIR_INVALID, "payload stays with weir");
    owned_scene.seen++;
    return WEIR_CONTINUE;
}

static weir_status tell_note(weir_ref stage, const weir_event_type *type, uint64_t number) {
    char text[100], key[] = "key";
    for (size_t i = 0; i < sizeof text; i++) text[i] = "hello"[i % 5];
    const struct note note = {{text, (uint32_t)(5 * number), 0}, {key, 3, 0}, number};
    weir_status status = number % 2 == 0
                             ? weir_cast_event(owned_scene.rig->runtime, stage, type, &note)
                             : weir_info_event(owned_scene.rig->runtime, stage, type, &note);
    memset(text, '-', sizeof text); /* weir has a copy */
    memset(key, '-', sizeof key);
    return status;
}

static void messages_may_be_of_any_length(struct rig *rig) {
    for (int owns_more = 0; owns_more < 2; owns_more++) {
        const weir_event_type notes = {.bytes = sizeof(struct note),
                                       .drop = owns_more ? drop_notes : NULL,
                                       .spans = 2,
                                       .payload_limit = 83};
        owned_scene_open(rig);
        notes_dropped = 0;
        weir_ref stage = start_hearer(hear_note, hear_note);
        for (uint64_t i = 0; i <= 16; i++) {
            assert_int_equal(tell_note(stage, &notes, i), WEIR_OK);
        }
        assert_int_equal(tell_note(stage, &notes, 17), WEIR_INVALID);
        assert_string_equal(weir_refusal(), "the event has spans of 88 bytes, its type's "
                                            "payload_limit is 83");
        rig_rest(rig);
        assert_int_equal(owned_scene.seen, 17);
        assert_int_equal(notes_dropped, owns_more ? 17 : 0);
        tell_note(stage, &notes, 16); /* which nobody comes to */
        if (owns_more == 0) assert_int_equal(weir_stop(rig->runtime, stage, 0), WEIR_OK);
        rig_rest(rig);
    }
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    assert_int_equal(notes_dropped, 18);
    assert_int_equal(accounts.dropped, 36);
}

static void messages_that_are_none(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref stage = start_hearer(take_no_message, NULL);
    weir_event_type none = owned_scene.ledger.type;
    struct owned event = owned_make(&owned_scene.ledger);
    none.drop = NULL;
    check_refusal(weir_cast_event(rig->runtime, stage, &none, &event), WEIR_INVALID,
                  "type->drop must be set");
    check_refusal(weir_info_event(rig->runtime, stage, NULL, &event), WEIR_INVALID, "type");
    owned_release(&owned_scene.ledger, event);
    assert_int_equal(weir_cast(rig->runtime, stage, &event, sizeof event), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(owned_scene.told, 1);
    owned_scene_close("released 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(messages_are_handled_or_taken),
        TEST_STEPPED(messages_to_who_stops_are_dropped),
        TEST_IN_WORLDS(messages_to_who_is_closed_are_dropped),
        TEST_STEPPED(messages_that_nobody_handles_are_dropped),
        TEST_IN_WORLDS(messages_may_be_of_any_length),
        TEST_STEPPED(messages_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
