/*
 * The inlet's opening and its pushers' side: what is refused, and why.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every bad option is named, with what is allowed; without memory an
 * inlet does not open and a push changes nothing.
 * Method: each bad option by itself; an allocator that fails the k-th time, for
 * k = 1, 2, ... until the call succeeds.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include "parts/inlet.h"

#include <string.h>

static void bad_options_are_refused(struct rig *rig) {
    weir_inlet *inlet = NULL;
    weir_ref ref = {7};
    const weir_inlet_options good = {.event_bytes = 8};
    assert_int_equal(weir_inlet_open(rig->runtime, NULL, &inlet, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
    assert_int_equal(weir_inlet_open(rig->runtime, &good, NULL, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    static const struct {
        weir_inlet_options options;
        const char *sentence;
    } cases[] = {
        {{.event_bytes = 0}, "stage inlet: event_bytes must be at least 1, got 0"},
        {{.event_bytes = 65537}, "stage inlet: event_bytes must be at most 65536, got 65537"},
        {{.event_bytes = 8, .when_full = (weir_when_full)4},
         "when_full must be one of WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST, WEIR_DROP_OLDEST, "
         "got 4"},
        {{.event_bytes = 8, .capacity = WEIR_NONE},
         "capacity must be from 1 to 70368744177663, got 0"},
        {{.event_bytes = 8, .worker = WEIR_WORKER(1)},
         "stage inlet: worker must be below 1, got 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_inlet_open(rig->runtime, &cases[i].options, &inlet, &ref),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_null(inlet);
    assert_int_equal(ref.bits, 7);
    rig_close(rig);
}

static void without_memory_nothing_is_pushed(struct rig *rig) {
    const weir_inlet_options options = {.event_bytes = 8, .capacity = 10};
    weir_inlet *inlet;
    weir_ref ref;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, rig, NULL);
    weir_status status = WEIR_NO_MEMORY;
    for (uint64_t at = 1; status != WEIR_OK; at++) {
        uint64_t live = rig->memory.live;
        test_memory_fail(&rig->memory, at, false);
        status = weir_inlet_open(rig->runtime, &options, &inlet, &ref);
        test_memory_fail_never(&rig->memory);
        assert_true(status == WEIR_OK || (status == WEIR_NO_MEMORY && rig->memory.live == live));
    }
    uint64_t numbers[10] = {0};
    test_memory_fail(&rig->memory, 1, true);
    assert_int_equal(weir_inlet_push(inlet, numbers, 10, 0), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for 10 events, 80 bytes");
    assert_int_equal(weir_inlet_waiting(inlet), 0);
    test_memory_fail_never(&rig->memory);
    assert_int_equal(weir_inlet_push(inlet, numbers, 10, 0), WEIR_OK);
    rig->emitted = 10;
    struct player in = {.name = "in", .rig = rig, .ref = ref};
    player_subscribe(&c, &in, NULL);
    rig_rest(rig);
    assert_int_equal(c.handled, 10);
    weir_inlet_close(inlet);
    rig_close(rig);
}

/* ---- the bound, whatever happens ----------------------------------------- */

static weir_inlet *open_small(struct rig *rig, struct player *in) {
    const weir_inlet_options options = {.name = "in", .event_bytes = 8, .capacity = 10};
    weir_inlet *inlet;
    in->name = "in";
    in->rig = rig;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &in->ref), WEIR_OK);
    return inlet;
}

/* Pushes one at a time until it is refused; returns how many it took. */
static uint64_t push_until_full(struct rig *rig, weir_inlet *inlet) {
    uint64_t pushed = 0;
    uint64_t number = 0;
    while (pushed < 100 && weir_inlet_push(inlet, &number, 1, 0) == WEIR_OK) {
        pushed++;
        rig_rest(rig);
    }
    rig->emitted += pushed;
    return pushed;
}

/* Demand that was never answered is gone with who asked: what is pushed waits in here. */
static void demand_leaves_with_the_consumer(struct rig *rig, int how) {
    struct player in = {0};
    weir_inlet *inlet = open_small(rig, &in);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, rig, NULL);
    weir_subscription subscription =
        player_subscribe(&c, &in, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig); /* a thousand are asked for */
    if (how == 0) weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    if (how == 1) player_stop(&c, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(push_until_full(rig, inlet), 10);
    weir_inlet_close(inlet);
    weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL);
    rig_close(rig);
}

static void demand_held_back_is_no_demand(struct rig *rig) {
    struct player in = {0};
    weir_inlet *inlet = open_small(rig, &in);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, rig, NULL);
    player_subscribe(&c, &in, NULL);
    rig_rest(rig);
    player_demand(&in, WEIR_ACCUMULATE);
    rig_rest(rig);
    assert_int_equal(push_until_full(rig, inlet), 10);
    player_demand(&in, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(c.handled, 10);
    weir_inlet_close(inlet);
    rig_close(rig);
}

/* What a dead consumer gave back goes out before a finished inlet stops. */
static void finish_waits_for_what_came_back(struct rig *rig) {
    struct player in = {0};
    weir_inlet *inlet = open_small(rig, &in);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = deed_stop};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &c, &d);
    const weir_subscribe_options options = {.max_demand = 10, .min_demand = 8};
    player_subscribe(&c, &in, &options);
    rig_rest(rig);
    const uint64_t numbers[6] = {0, 1, 2, 3, 4, 5};
    assert_int_equal(weir_inlet_push(inlet, numbers, 6, 0), WEIR_OK);
    rig->emitted = 6;
    rig_rest(rig); /* c has died with 0 and 1 */
    weir_inlet_close(inlet);
    rig_rest(rig);
    assert_int_equal(weir_runtime_stages(rig->runtime), 2);
    player_subscribe(&d, &in, &options);
    rig_rest(rig);
    assert_non_null(strstr(d.journal.text, "terminate normal"));
    assert_int_equal(d.sum, 2 + 3 + 4 + 5);
    rig_close(rig);
}

/* What pushers left behind when the stage had already drained its stack, by hand. */
static void what_nobody_will_emit_is_counted_by_the_last_pusher(struct rig *rig) {
    struct player in = {0};
    weir_inlet *inlet = open_small(rig, &in);
    player_stop(&in, WEIR_REASON_NORMAL);
    rig_rest(rig);
    for (size_t count = 1; count <= 3; count++) {
        struct weir__chunk *chunk =
            weir__alloc(&rig->runtime->allocator, weir__inlet_chunk_bytes(inlet, count, 0), 16);
        assert_non_null(chunk);
        chunk->charge = count;
        chunk->payload = 0;
        weir__stack_push(&inlet->pushed, &chunk->link);
    }
    inlet->newest_dropped = 4;
    uint64_t number = 0;
    assert_int_equal(weir_inlet_push(inlet, &number, 1, 0), WEIR_NO_STAGE);
    assert_int_equal(rig_accounts(rig).discarded, 10);
    rig->emitted = 10;
    rig_expect_log(rig,
                   "warning: 10 events were discarded: they were pushed into an inlet that just "
                   "stopped\n");
    weir_inlet_close(inlet);
    rig_close(rig);
}

/* ---- waiting for room where nobody else runs the stages ------------------ */

static weir_inlet *open_blocking(struct rig *rig, struct player *in) {
    const weir_inlet_options options = {
        .name = "in", .event_bytes = 8, .capacity = 10, .when_full = WEIR_BLOCK};
    weir_inlet *inlet;
    *in = (struct player){.name = "in", .rig = rig};
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &in->ref), WEIR_OK);
    return inlet;
}

static void push_waits_by_stepping(struct rig *rig) {
    struct player in;
    weir_inlet *inlet = open_blocking(rig, &in);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, rig, NULL);
    player_subscribe(&c, &in, &(weir_subscribe_options){.max_demand = 3});
    for (uint64_t i = 0; i < 100; i += 10) {
        const uint64_t numbers[10] = {i,     i + 1, i + 2, i + 3, i + 4,
                                      i + 5, i + 6, i + 7, i + 8, i + 9};
        assert_int_equal(weir_inlet_push(inlet, numbers, 10, WEIR_FOREVER), WEIR_OK);
        rig->emitted += 10;
    }
    rig_rest(rig);
    assert_int_equal(c.handled, 100);
    weir_inlet_close(inlet);
    weir_inlet_close(NULL);
    rig_close(rig);
}

/* Nobody will ever make room; and a timeout of none does not step at all. */
static void push_does_not_wait_for_what_will_not_come(struct rig *rig) {
    struct player in;
    weir_inlet *inlet = open_blocking(rig, &in);
    const uint64_t numbers[10] = {0};
    assert_int_equal(weir_inlet_push(inlet, numbers, 10, WEIR_FOREVER), WEIR_OK);
    rig->emitted += 10;
    assert_int_equal(weir_inlet_push(inlet, numbers, 1, WEIR_FOREVER), WEIR_TIMEOUT);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, rig, NULL);
    player_subscribe(&c, &in, NULL);
    assert_int_equal(weir_inlet_push(inlet, numbers, 1, 0), WEIR_TIMEOUT);
    assert_int_equal(c.handled, 0);
    assert_int_equal(weir_inlet_push(inlet, numbers, 1, WEIR_FOREVER), WEIR_OK);
    rig->emitted++;
    weir_inlet_close(inlet);
    rig_rest(rig);
    assert_int_equal(c.handled, 11);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(bad_options_are_refused),
        TEST_STEPPED(without_memory_nothing_is_pushed),
        TEST_IN_WORLDS_AND_WAYS(demand_leaves_with_the_consumer, 2),
        TEST_IN_WORLDS(demand_held_back_is_no_demand),
        TEST_IN_WORLDS(finish_waits_for_what_came_back),
        TEST_STEPPED(what_nobody_will_emit_is_counted_by_the_last_pusher),
        TEST_IN_WORLDS(push_waits_by_stepping),
        TEST_IN_WORLDS(push_does_not_wait_for_what_will_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
