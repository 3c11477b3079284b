/*
 * Outputs: several ways out of one stage, each with demand of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a slow, absent or dead consumer of one output stops nobody else; what is emitted to an
 * output comes in order, once, or is discarded there, counted and told; one that holds its stage
 * back loses nothing; outputs end after their stage, as it does; rings that lead through one end
 * in a drain; what owns something is dropped once.
 * Method: a stage that sends each third event elsewhere, in all worlds, and a ledger of numbers.
 */
#include "support/deeds.h"
#include "support/owned.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum { EVENTS = 3000 };

static struct {
    struct rig rig;
    struct player source, good, dead;
    weir_ref parse, output;
    uint64_t sent[2]; /* to each output */
    bool forwards;
    bool says_last;
    weir_reason ends; /* at event 1,500 */
    weir_verdict how;
} f;

static void send(weir_stage *self, unsigned output, const uint64_t *event, size_t i) {
    weir_status status =
        f.forwards ? weir_forward_to(self, output, i, 1) : weir_emit_to(self, output, event, 1);
    RIG_CHECK(&f.rig, status == WEIR_OK || status == WEIR_NO_STAGE);
    if (status == WEIR_OK) {
        f.sent[output]++;
        f.rig.emitted++;
    }
}

/* Each third event is bad. */
static weir_verdict parse(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    weir_verdict verdict = WEIR_CONTINUE;
    f.rig.handled += batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        send(self, events[i] % 3 == 0 ? 1 : 0, &events[i], i);
        if (f.how != WEIR_CONTINUE && events[i] == 1500) {
            verdict =
                f.how == WEIR_STOP ? weir_stop_with(self, f.ends) : weir_finish_with(self, f.ends);
        }
    }
    return verdict;
}

/* The last word of a stage goes to an output, which is there to take it. */
static weir_verdict say_last(weir_stage *self) {
    const uint64_t last = EVENTS;
    if (f.says_last) {
        RIG_CHECK(&f.rig, weir_emit_to(self, 1, &last, 1) == WEIR_OK);
        f.rig.emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_up(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *events = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, events[i] >= player->next); /* in order */
        player->next = events[i] + 1;
    }
    return WEIR_CONTINUE;
}

static bool open_scene(int world, weir_output_options output) {
    memset(&f, 0, sizeof f);
    if (!rig_open_world(&f.rig, world)) return false;
    output.name = "dead";
    f.source =
        (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = EVENTS, .quiet = true};
    f.good = (struct player){
        .name = "good", .kind = WEIR_CONSUMER, .quiet = true, .does.events = count_up};
    f.dead = f.good;
    f.dead.name = "dead";
    PLAYERS_START(&f.rig, &f.source, &f.good, &f.dead);
    const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .name = "parse",
                                        .event_bytes = sizeof(uint64_t),
                                        .outputs = &output,
                                        .output_count = 1,
                                        .on = {.handle_events = parse, .handle_end = say_last}};
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, &f.parse), WEIR_OK);
    assert_int_equal(weir_stage_output(f.rig.runtime, f.parse, 1, &f.output), WEIR_OK);
    return true;
}

static weir_subscription subscribe(weir_ref consumer, weir_ref producer) {
    weir_subscription subscription;
    assert_int_equal(weir_subscribe(f.rig.runtime, consumer, producer, NULL, &subscription),
                     WEIR_OK);
    return subscription;
}

static void flow(void) {
    subscribe(f.good.ref, f.parse);
    subscribe(f.parse, f.source.ref);
    rig_rest(&f.rig);
}

static void close_scene(void) {
    rig_close(&f.rig);
}

/* ---- apart ------------------------------------------------------------------- */

static void each_output_has_its_events_in_order(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
            f.forwards = i == 1;
            subscribe(f.dead.ref, f.output);
            flow();
            assert_int_equal(f.good.handled, EVENTS / 3 * 2);
            assert_int_equal(f.dead.handled, EVENTS / 3);
            assert_int_equal(f.dead.sum, (uint64_t)EVENTS / 3 * (EVENTS - 3) / 2);
            weir_counters_stage stats;
            assert_int_equal(weir_stage_stats(f.rig.runtime, f.output, &stats), WEIR_OK);
            assert_string_equal(stats.name, "parse/dead");
            assert_int_equal(stats.events_out, EVENTS / 3);
            close_scene();
        }
    }
}

/* Nobody is there, and then somebody who does not ask: the good ones go on. */
static void nobody_waits_for_an_output(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){.buffer_size = 100}); world++) {
        f.dead.manual = true;
        subscribe(f.dead.ref, f.output);
        flow();
        assert_int_equal(f.good.handled, EVENTS / 3 * 2);
        assert_int_equal(f.dead.handled, 0);
        assert_int_equal(rig_accounts(&f.rig).discarded, EVENTS / 3 - 100);
        weir_counters_stage stats;
        assert_int_equal(weir_stage_stats(f.rig.runtime, f.output, &stats), WEIR_OK);
        assert_int_equal(stats.discarded[WEIR_DISCARD_OVERFLOW], EVENTS / 3 - 100);
        assert_int_equal(weir_stage_stats(f.rig.runtime, f.parse, &stats), WEIR_OK);
        assert_int_equal(stats.discarded[WEIR_DISCARD_OVERFLOW], 0);
        rig_text_expect(&f.rig.log, f.rig.log.text);
        close_scene();
    }
}

static void what_nobody_hears_may_be_dropped(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){.drop_unheard = true}); world++) {
        flow();
        assert_int_equal(f.good.handled, EVENTS / 3 * 2);
        assert_int_equal(rig_accounts(&f.rig).discarded, EVENTS / 3);
        assert_int_equal(rig_accounts(&f.rig).buffered, 0);
        rig_text_expect(&f.rig.log, f.rig.log.text);
        close_scene();
    }
}

/* ---- holding back -------------------------------------------------------------- */

static void one_that_holds_back_loses_nothing(void **state) {
    (void)state;
    const weir_output_options holds = {.buffer_size = 400, .holds_back = true};
    for (int world = 0; open_scene(world, holds); world++) {
        f.dead.manual = true;
        weir_subscription slow = subscribe(f.dead.ref, f.output);
        flow();
        assert_true(f.good.handled < EVENTS / 3 * 2); /* it waits */
        assert_int_equal(f.dead.handled, 0);
        assert_in_range(f.sent[1], 400, 400 + 1000 / 3 + 1); /* a message more */
        weir_drain_report report;
        assert_int_equal(weir_runtime_holdup(f.rig.runtime, &report), WEIR_OK);
        assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
        assert_string_equal(report.name, "parse/dead");
        assert_string_equal(report.waits_for_name, "dead");
        for (int i = 0; i < EVENTS / 3; i += 10) {
            weir_ask(f.rig.runtime, slow, 10);
            rig_rest(&f.rig);
        }
        assert_int_equal(f.good.handled, EVENTS / 3 * 2);
        assert_int_equal(f.dead.handled, EVENTS / 3);
        assert_int_equal(rig_accounts(&f.rig).discarded, 0);
        close_scene();
    }
}

/* The output that it waits for ends: it goes on without it. */
static void one_that_ends_holds_nobody_back(void **state) {
    (void)state;
    const weir_output_options holds = {.buffer_size = 400, .holds_back = true};
    for (int world = 0; open_scene(world, holds); world++) {
        flow();
        assert_true(f.good.handled < EVENTS / 3 * 2);
        assert_int_equal(weir_stop(f.rig.runtime, f.output, WEIR_REASON_NORMAL), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(f.good.handled, EVENTS / 3 * 2);
        weir_ref none;
        assert_int_equal(weir_stage_output(f.rig.runtime, f.parse, 1, &none), WEIR_NO_STAGE);
        rig_text_expect(&f.rig.log, f.rig.log.text);
        close_scene();
    }
}

/* ---- ends ------------------------------------------------------------------------ */

static void a_drain_sends_what_outputs_hold(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
        flow();
        assert_int_equal(rig_accounts(&f.rig).buffered, EVENTS / 3);
        subscribe(f.dead.ref, f.output);
        weir_drain_report report;
        assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
        assert_int_equal(f.dead.handled, EVENTS / 3);
        assert_int_equal(report.accounts.discarded, 0);
        close_scene();
    }
}

static void an_output_hears_the_last_word(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
        f.says_last = true;
        subscribe(f.dead.ref, f.output);
        flow();
        assert_int_equal(f.dead.handled, EVENTS / 3);
        assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(f.dead.handled, EVENTS / 3 + 1);
        close_scene();
    }
}

/* As its stage finishes, its outputs do, and hold on to what they have. */
static void outputs_finish_behind_their_stage(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
        f.how = WEIR_FINISH;
        f.ends = WEIR_REASON_NORMAL;
        flow();
        player_stop(&f.source, WEIR_REASON_NORMAL);
        rig_rest(&f.rig);
        weir_ref none;
        assert_int_equal(weir_stage_output(f.rig.runtime, f.parse, 1, &none), WEIR_NO_STAGE);
        assert_int_equal(rig_accounts(&f.rig).buffered, f.sent[1]);
        subscribe(f.dead.ref, f.output);
        rig_rest(&f.rig);
        assert_int_equal(f.dead.handled, f.sent[1]);
        assert_int_equal(weir_runtime_stages(f.rig.runtime), 0);
        close_scene();
    }
}

static weir_reason heard;

static weir_verdict hear_end(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)self, (void)player, (void)peer;
    heard++;
    return WEIR_CONTINUE;
}

static void outputs_stop_with_their_stage(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
        f.how = WEIR_STOP;
        f.ends = WEIR_REASON_USER;
        heard = 0;
        f.dead.manual = true;
        f.dead.does.cancel = hear_end;
        subscribe(f.dead.ref, f.output);
        flow();
        assert_int_equal(heard, 1);
        assert_true(rig_accounts(&f.rig).discarded >= f.sent[1]);
        rig_text_expect(&f.rig.log, f.rig.log.text);
        close_scene();
    }
}

/* What is bad comes again, through a stage that mends it. */
static weir_verdict mend(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    f.rig.handled += batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t mended = events[i] + 100001 - (events[i] % 3 == 0 ? 0 : 1);
        RIG_CHECK(&f.rig, weir_emit(self, &mended, 1) == WEIR_OK);
        f.rig.emitted++;
    }
    return WEIR_CONTINUE;
}

static void a_ring_through_an_output_ends_in_a_drain(void **state) {
    (void)state;
    for (int world = 0; open_scene(world, (weir_output_options){0}); world++) {
        weir_ref mender;
        f.good.does.events = NULL;
        const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                            .name = "mender",
                                            .event_bytes = sizeof(uint64_t),
                                            .on.handle_events = mend};
        assert_int_equal(weir_stage_start(f.rig.runtime, &options, &mender), WEIR_OK);
        subscribe(mender, f.output);
        subscribe(f.parse, mender);
        flow();
        weir_drain_report report;
        assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
        assert_int_equal(f.good.handled + report.accounts.discarded, EVENTS);
        assert_int_equal(report.accounts.discarded, 0);
        close_scene();
    }
}

/* ---- refusals ---------------------------------------------------------------------- */

static weir_verdict try_wrong(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    f.rig.handled += batch.count;
    RIG_CHECK(&f.rig, weir_emit_to(self, 2, events, 1) == WEIR_INVALID);
    RIG_CHECK(&f.rig,
              strcmp(weir_refusal(), "output must be at most 1, for stage taker, got 2") == 0);
    RIG_CHECK(&f.rig, weir_forward_to(self, 1, batch.count, 1) == WEIR_INVALID);
    RIG_CHECK(&f.rig, weir_emit_to(self, 1, events, 1) == WEIR_OK);
    f.rig.emitted++;
    return WEIR_CONTINUE;
}

static void expect_refused(weir_output_options output, weir_kind kind, const char *words) {
    const weir_stage_options options = {
        .kind = kind,
        .name = "one",
        .event_bytes = kind == WEIR_CONSUMER ? 0 : 8,
        .outputs = &output,
        .output_count = 1,
        .on = {.handle_events = parse, .handle_demand = deed_no_demand}};
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), words);
}

static void bad_options_are_refused_in_words(void **state) {
    (void)state;
    assert_true(open_scene(0, (weir_output_options){0}));
    expect_refused((weir_output_options){0}, WEIR_PRODUCER_CONSUMER,
                   "stage one: output 1: name must not be NULL");
    expect_refused((weir_output_options){.name = "x"}, WEIR_CONSUMER,
                   "stage one: output 1: event_bytes must be at least 1, got 0");
    expect_refused((weir_output_options){.name = "x", .event_bytes = 65537}, WEIR_CONSUMER,
                   "stage one: output 1: event_bytes must be at most 65536, got 65537");
    expect_refused((weir_output_options){.name = "x", .holds_back = true}, WEIR_PRODUCER,
                   "stage one: output 1: holds_back is for outputs of stages that take events");
    expect_refused((weir_output_options){.name = "x", .holds_back = true, .buffer_size = WEIR_NONE},
                   WEIR_PRODUCER_CONSUMER,
                   "stage one: output 1: buffer_size must not be WEIR_NONE with holds_back");
    const weir_stage_options many = {.kind = WEIR_PRODUCER_CONSUMER,
                                     .event_bytes = 8,
                                     .output_count = 65,
                                     .on.handle_events = parse};
    assert_int_equal(weir_stage_start(f.rig.runtime, &many, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "stage producer_consumer: output_count must be at most 64, got 65");
    weir_ref none;
    assert_int_equal(weir_stage_output(f.rig.runtime, f.parse, 2, &none), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "output must be at most 1, got 2");
    assert_int_equal(weir_stage_output(f.rig.runtime, f.parse, 0, &none), WEIR_OK);
    assert_int_equal(none.bits, f.parse.bits);
    close_scene();
}

/* A consumer may have outputs beside none. */
static void a_consumer_may_have_outputs(void **state) {
    (void)state;
    assert_true(open_scene(0, (weir_output_options){0}));
    const weir_output_options output = {.name = "rest"};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = "taker",
                                        .takes_bytes = sizeof(uint64_t),
                                        .outputs = &output,
                                        .output_count = 1,
                                        .on.handle_events = try_wrong};
    weir_ref taker, rest;
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, &taker), WEIR_OK);
    assert_int_equal(weir_stage_output(f.rig.runtime, taker, 1, &rest), WEIR_OK);
    subscribe(f.dead.ref, rest);
    subscribe(taker, f.source.ref);
    rig_rest(&f.rig);
    assert_true(f.dead.handled > 0);
    close_scene();
}

/* ---- what owns something ------------------------------------------------------------- */

static struct owned_ledger ledger;
static uint64_t looked;

static weir_verdict make_owned(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && ledger.made < 90; demand--) {
        struct owned event = owned_make(&ledger);
        RIG_CHECK(&f.rig, weir_emit(self, &event, 1) == WEIR_OK);
        f.rig.emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass_some(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    f.rig.handled += batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        if (events[i].number % 3 == 0) {
            RIG_CHECK(&f.rig, weir_forward_to(self, 1, i, 1) == WEIR_OK);
            f.rig.emitted++;
        } else if (events[i].number % 3 == 1) {
            struct owned taken;
            RIG_CHECK(&f.rig, weir_take(self, i, 1, &taken) == WEIR_OK);
            RIG_CHECK(&f.rig, weir_forward_to(self, 1, i, 1) == WEIR_INVALID);
            RIG_CHECK(&f.rig, weir_emit_to(self, 1, &taken, 1) == WEIR_OK);
            f.rig.emitted++;
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict look_at_owned(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) owned_look(&ledger, &events[i]);
    looked += batch.count;
    f.rig.handled += batch.count;
    return WEIR_CONTINUE;
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, &ref), WEIR_OK);
    return ref;
}

static void owned_events_are_dropped_once(void **state) {
    (void)state;
    for (int world = 0; memset(&f, 0, sizeof f), rig_open_world(&f.rig, world); world++) {
        owned_open(&ledger);
        looked = 0;
        const weir_output_options output = {.name = "some"};
        weir_ref some;
        weir_ref source = start((weir_stage_options){
            .kind = WEIR_PRODUCER, .type = &ledger.type, .on.handle_demand = make_owned});
        weir_ref middle = start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                     .name = "middle",
                                                     .type = &ledger.type,
                                                     .outputs = &output,
                                                     .output_count = 1,
                                                     .on.handle_events = pass_some});
        weir_ref end =
            start((weir_stage_options){.kind = WEIR_CONSUMER, .on.handle_events = look_at_owned});
        weir_ref other =
            start((weir_stage_options){.kind = WEIR_CONSUMER, .on.handle_events = look_at_owned});
        assert_int_equal(weir_stage_output(f.rig.runtime, middle, 1, &some), WEIR_OK);
        subscribe(other, middle);
        subscribe(end, some);
        subscribe(middle, source);
        rig_rest(&f.rig);
        assert_int_equal(looked, 60);
        weir_accounts accounts = rig_close(&f.rig);
        owned_expect(&ledger, "handled 90");
        owned_close(&ledger, &accounts);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_output_has_its_events_in_order),
        cmocka_unit_test(nobody_waits_for_an_output),
        cmocka_unit_test(what_nobody_hears_may_be_dropped),
        cmocka_unit_test(one_that_holds_back_loses_nothing),
        cmocka_unit_test(one_that_ends_holds_nobody_back),
        cmocka_unit_test(a_drain_sends_what_outputs_hold),
        cmocka_unit_test(an_output_hears_the_last_word),
        cmocka_unit_test(outputs_finish_behind_their_stage),
        cmocka_unit_test(outputs_stop_with_their_stage),
        cmocka_unit_test(a_ring_through_an_output_ends_in_a_drain),
        cmocka_unit_test(bad_options_are_refused_in_words),
        cmocka_unit_test(a_consumer_may_have_outputs),
        cmocka_unit_test(owned_events_are_dropped_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
