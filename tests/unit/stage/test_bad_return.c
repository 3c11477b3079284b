/*
 * Bad returns: a callback's answer that is none stops its stage, and the log says which.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever callback returns what is no verdict, its stage stops with BAD_RETURN, and one
 * line of the log names the stage, the callback and the value.
 * Method: a stage whose callbacks all return 42 has one of them called, each in turn.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>

enum { WRONG = 42 };

static weir_verdict events(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return (weir_verdict)WRONG;
}

static weir_verdict demand(weir_stage *self, uint64_t count) {
    (void)self;
    (void)count;
    return (weir_verdict)WRONG;
}

static weir_verdict message(weir_stage *self, const void *bytes, size_t count) {
    (void)self;
    (void)bytes;
    (void)count;
    return (weir_verdict)WRONG;
}

static weir_verdict request(weir_stage *self, weir_from from, const void *bytes, size_t count) {
    weir_reply(weir_stage_runtime(self), from, NULL, 0);
    (void)bytes;
    (void)count;
    return (weir_verdict)WRONG;
}

static weir_verdict cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                           weir_reason reason) {
    (void)self;
    (void)peer;
    (void)cause;
    (void)reason;
    return (weir_verdict)WRONG;
}

static weir_verdict down(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)self;
    (void)stage;
    (void)reason;
    return (weir_verdict)WRONG;
}

static weir_verdict ending(weir_stage *self) {
    (void)self;
    return (weir_verdict)WRONG;
}

static weir_reason ended;

static void terminate(weir_stage *self, weir_reason reason) {
    (void)self;
    ended = reason;
}

/* It watches the stage whose reference it is given. */
static weir_verdict watch(weir_stage *self, void *argument) {
    const weir_ref *watched = argument;
    return weir_monitor_stage(self, *watched, NULL) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

enum way { EVENTS, DEMAND, CANCEL, CALL, CAST, INFO, DOWN, DRAIN, END, WAYS };

static weir_callbacks callbacks_for(enum way way) {
    weir_callbacks on = {.handle_cancel = cancel,
                         .handle_call = request,
                         .handle_cast = message,
                         .handle_info = message,
                         .handle_down = down,
                         .terminate = terminate};
    if (way == DEMAND) on.handle_demand = demand;
    if (way != DEMAND) on.handle_events = events;
    if (way == DRAIN) on.handle_drain = ending;
    if (way == END) on.handle_end = ending;
    if (way == DOWN) on.init = watch;
    return on;
}

static void provoke(struct rig *rig, enum way way, struct player *other, weir_ref bad) {
    weir_runtime *runtime = rig->runtime;
    weir_answer answer = {.bytes = NULL};
    switch (way) {
    case EVENTS:
        assert_int_equal(weir_subscribe(runtime, bad, other->ref, NULL, NULL), WEIR_OK);
        player_cast(other, 1);
        break;
    case DEMAND:
        assert_int_equal(weir_subscribe(runtime, other->ref, bad, NULL, NULL), WEIR_OK);
        break;
    case CANCEL:
        assert_int_equal(weir_subscribe(runtime, bad, other->ref, NULL, NULL), WEIR_OK);
        rig_rest(rig);
        player_stop(other, WEIR_REASON_NORMAL);
        break;
    case CALL:
        assert_int_equal(weir_call(runtime, bad, "", 1, &answer, WEIR_FOREVER), WEIR_OK);
        break;
    case CAST:
        assert_int_equal(weir_cast(runtime, bad, "", 1), WEIR_OK);
        break;
    case INFO:
        assert_int_equal(weir_info(runtime, bad, "", 1), WEIR_OK);
        break;
    case DOWN:
        player_stop(other, WEIR_REASON_NORMAL);
        break;
    default:
        assert_int_equal(weir_finish(runtime, bad), WEIR_OK);
    }
}

static void the_log_names_the_callback(struct rig *rig, int way) {
    static const char *const names[WAYS] = {"handle_events", "handle_demand", "handle_cancel",
                                            "handle_call",   "handle_cast",   "handle_info",
                                            "handle_down",   "handle_drain",  "handle_end"};
    struct player other = {.name = "other", .kind = way == DEMAND ? WEIR_CONSUMER : WEIR_PRODUCER};
    char expected[100];
    weir_ref bad;
    player_start(&other, rig, NULL);
    const weir_stage_options options = {.kind = way == DEMAND ? WEIR_PRODUCER : WEIR_CONSUMER,
                                        .name = "bad",
                                        .event_bytes = way == DEMAND ? 8 : 0,
                                        .argument = &other.ref,
                                        .on = callbacks_for((enum way)way)};
    assert_int_equal(weir_stage_start(rig->runtime, &options, &bad), WEIR_OK);
    rig_rest(rig);
    ended = WEIR_REASON_NORMAL;
    provoke(rig, (enum way)way, &other, bad);
    rig_rest(rig);
    assert_int_equal(ended, WEIR_REASON_BAD_RETURN);
    snprintf(expected, sizeof expected, "error: stage bad stops: %s has returned 42\n", names[way]);
    rig_expect_log(rig, expected);
    if (way == EVENTS) rig->handled = 1;
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(the_log_names_the_callback, WAYS),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
