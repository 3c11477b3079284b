/*
 * Taking: events that own something become the program's, and weir drops them no more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what was taken is the taker's alone; of what others have he gets a copy, or is refused;
 * the rest of the batch is dropped as ever.  What is made writable or forwarded keeps its owner,
 * is dropped once, and what cannot be is refused and changes nothing.
 * Method: relays and sinks that do one of these with what they get, in every world; a ledger.
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};

static weir_ref source_of(uint64_t limit) {
    return owned_scene_source((struct owned_source){.limit = limit}, (weir_stage_options){0});
}

static void check_refusal(weir_status status, weir_status expected, const char *why) {
    RIG_CHECK(owned_scene.rig, status == expected);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), why) != NULL);
}

/* Two producers of the same consumers: whoever comes first does not matter to what is expected. */
static weir_ref broadcast_to(owned_handle *one, owned_handle *other, uint64_t limit) {
    weir_ref source = owned_scene_source(
        (struct owned_source){.limit = limit},
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    owned_scene_sink(source, one, ten);
    owned_scene_sink(source, other, ten);
    rig_rest(owned_scene.rig);
    assert_int_equal(weir_demand(owned_scene.rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(owned_scene.rig);
    return source;
}

/* ---- taking --------------------------------------------------------------------- */

/* The second and third of five. */
static weir_verdict take_two(weir_stage *self, weir_batch batch) {
    struct owned mine[2];
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, batch.count == 5);
    RIG_CHECK(owned_scene.rig, weir_take(self, 1, 2, mine) == WEIR_OK);
    check_refusal(weir_take(self, 2, 2, mine), WEIR_INVALID, "some of them were taken");
    check_refusal(weir_take(self, 4, 2, mine), WEIR_INVALID, "the batch has fewer");
    check_refusal(weir_take(self, 6, 0, mine), WEIR_INVALID, "the batch has fewer");
    RIG_CHECK(owned_scene.rig, weir_take(self, 5, 0, mine) == WEIR_OK);
    owned_release(&owned_scene.ledger, mine[0]);
    owned_release(&owned_scene.ledger, mine[1]);
    return WEIR_CONTINUE;
}

static void what_is_taken_is_not_dropped(struct rig *rig) {
    owned_scene_open(rig);
    owned_scene_sink(source_of(50), take_two, ten);
    rig_rest(rig);
    owned_expect(&owned_scene.ledger, "handled 30, released 20");
    assert_int_equal(rig_accounts(rig).taken, 20);
    owned_scene_close("handled 30, released 20");
}

/* Whether others have them still depends on who came first: then a copy is taken. */
static weir_verdict take_all(weir_stage *self, weir_batch batch) {
    struct owned mine[10];
    owned_scene_look(self, batch);
    if (weir_take(self, 0, batch.count, mine) == WEIR_OK) {
        for (size_t i = 0; i < batch.count; i++) owned_release(&owned_scene.ledger, mine[i]);
    }
    return WEIR_CONTINUE;
}

static void what_others_have_too_is_copied(struct rig *rig) {
    owned_scene_open(rig);
    broadcast_to(take_all, take_all, 50);
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.taken, 100);
    assert_int_equal(accounts.copied, 50); /* the second one takes the event itself */
    owned_expect(&owned_scene.ledger, "released 100");
    owned_scene_close("released 100");
}

static void what_cannot_be_copied_is_refused(struct rig *rig, int way) {
    owned_scene_open(rig);
    owned_scene.ledger.copies_fail = way == 1;
    if (way == 0) owned_scene.ledger.type.copy = NULL;
    broadcast_to(take_all, take_all, 50);
    assert_int_equal(rig_accounts(rig).taken, 50); /* by the second one */
    owned_expect(&owned_scene.ledger, "released 50");
    assert_non_null(strstr(weir_refusal(),
                           way == 0 ? "their type cannot copy them" : "their type made no copy"));
    owned_scene_close("released 50");
}

/* ---- forwarding, owning ------------------------------------------------------------ */

static weir_verdict take_and_forward(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_take(self, 0, 1, &mine) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_forward(self) == WEIR_STOP);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), "some of its events were taken") != NULL);
    owned_release(&owned_scene.ledger, mine);
    return WEIR_CONTINUE;
}

static void what_was_taken_cannot_be_forwarded(struct rig *rig) {
    owned_scene_open(rig);
    owned_scene_sink(owned_scene_relay(source_of(20), take_and_forward, ten), owned_scene_look,
                     ten);
    rig_rest(rig);
    owned_scene_close("handled 16, released 4");
}

static weir_verdict forward_twice(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_forward(self) == WEIR_CONTINUE);
    check_refusal(weir_take(self, 0, 1, &mine), WEIR_INVALID, "the batch was forwarded");
    return WEIR_CONTINUE;
}

static void what_was_forwarded_cannot_be_taken(struct rig *rig) {
    owned_scene_open(rig);
    owned_scene_sink(owned_scene_relay(source_of(20), forward_twice, ten), owned_scene_look, ten);
    rig_rest(rig);
    owned_scene_close("handled 20");
}

/* A relay whose events are flat, or of another type, has nothing to forward. */
static weir_verdict forward_in_vain(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_forward(self) == WEIR_STOP);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), "of another type") != NULL);
    return WEIR_CONTINUE;
}

static void events_of_another_type_are_not_forwarded(struct rig *rig, int way) {
    owned_scene_open(rig);
    weir_event_type other = owned_scene.ledger.type;
    const weir_subscribe_to to = {.producer = source_of(20), .options = ten};
    weir_ref relay = owned_scene_start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                            .event_bytes = sizeof(struct owned),
                                                            .type = way == 0 ? NULL : &other,
                                                            .subscribe_to = &to,
                                                            .subscribe_count = 1,
                                                            .on.handle_events = forward_in_vain});
    owned_scene_sink(relay, owned_scene_look, ten);
    rig_rest(rig);
    owned_scene_close("handled 20");
}

/* Writes to all of them, and passes them on. */
static weir_verdict own_and_forward(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    struct owned *mine = weir_own(self);
    RIG_CHECK(owned_scene.rig, mine != NULL);
    for (size_t i = 0; mine != NULL && i < batch.count; i++) {
        struct owned other = owned_make(&owned_scene.ledger); /* each owns something else now */
        owned_release(&owned_scene.ledger, mine[i]);
        mine[i] = other;
    }
    return weir_forward(self);
}

static void what_is_written_to_is_owned_by_one(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source(
        (struct owned_source){.limit = 20},
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    for (int i = 0; i < 2; i++) {
        owned_scene_sink(owned_scene_relay(source, own_and_forward, ten), owned_scene_look, ten);
    }
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).copied, 20);
    /* 20 originals and 20 copies were given up by hand, for as many that were handled. */
    owned_scene_close("handled 40, released 40");
}

static weir_verdict own_in_vain(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    if (weir_own(self) == NULL) {
        RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), "their type makes none") != NULL);
        owned_scene.told++;
    }
    return WEIR_CONTINUE;
}

static void what_cannot_be_copied_is_not_owned(struct rig *rig, int way) {
    owned_scene_open(rig);
    owned_scene.ledger.copies_fail = way == 1;
    if (way == 0) owned_scene.ledger.type.copy = NULL;
    broadcast_to(own_in_vain, own_in_vain, 20);
    assert_int_equal(owned_scene.told, 4); /* the second one is alone with them */
    owned_scene_close("handled 20");
}

static weir_verdict own_what_was_taken(weir_stage *self, weir_batch batch) {
    struct owned mine;
    owned_scene_look(self, batch);
    if (weir_take(self, 0, 1, &mine) != WEIR_OK) return WEIR_CONTINUE;
    owned_release(&owned_scene.ledger, mine);
    RIG_CHECK(owned_scene.rig, weir_own(self) == NULL);
    RIG_CHECK(owned_scene.rig, strstr(weir_refusal(), "has taken some of the batch") != NULL);
    owned_scene.told++;
    return WEIR_CONTINUE;
}

static void what_was_taken_is_not_owned(struct rig *rig) {
    owned_scene_open(rig);
    broadcast_to(own_what_was_taken, own_what_was_taken, 20);
    assert_int_equal(owned_scene.told, 8);
    owned_scene_close(NULL);
}

static weir_verdict own_and_die(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    RIG_CHECK(owned_scene.rig, weir_own(self) != NULL);
    return weir_stop_with(self, WEIR_REASON_USER);
}

/* The copy, and what it was made of. */
static void what_was_owned_is_abandoned(struct rig *rig) {
    owned_scene_open(rig);
    broadcast_to(own_and_die, owned_scene_look, 5);
    owned_scene_close(owned_scene.ledger.copies > 0 ? "abandoned 10" : "abandoned 5");
}

/* ---- what own nothing ---------------------------------------------------------------------- */

static weir_verdict take_flat(weir_stage *self, weir_batch batch) {
    uint64_t number;
    (void)batch;
    check_refusal(weir_take(self, 0, 1, &number), WEIR_INVALID, "they own nothing: copy them");
    owned_scene.told++;
    return WEIR_CONTINUE;
}

static weir_verdict emit_flat(weir_stage *self, uint64_t demand) {
    for (uint64_t i = 0; i < demand; i++) weir_emit(self, &i, 1);
    return WEIR_FINISH;
}

static void flat_events_are_not_taken(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_start((weir_stage_options){
        .kind = WEIR_PRODUCER, .event_bytes = 8, .on.handle_demand = emit_flat});
    owned_scene_sink(source, take_flat, ten);
    rig_rest(rig);
    assert_true(owned_scene.told > 0);
    struct owned mine;
    assert_int_equal(weir_take(NULL, 0, 1, &mine), WEIR_INVALID);
    owned_scene_close("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_is_taken_is_not_dropped),
        TEST_IN_WORLDS(what_others_have_too_is_copied),
        TEST_IN_WORLDS_AND_WAYS(what_cannot_be_copied_is_refused, 2),
        TEST_IN_WORLDS(what_was_taken_cannot_be_forwarded),
        TEST_IN_WORLDS(what_was_forwarded_cannot_be_taken),
        TEST_IN_WORLDS_AND_WAYS(events_of_another_type_are_not_forwarded, 2),
        TEST_IN_WORLDS(what_is_written_to_is_owned_by_one),
        TEST_IN_WORLDS_AND_WAYS(what_cannot_be_copied_is_not_owned, 2),
        TEST_IN_WORLDS(what_was_taken_is_not_owned),
        TEST_STEPPED(what_was_owned_is_abandoned),
        TEST_IN_WORLDS(flat_events_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
