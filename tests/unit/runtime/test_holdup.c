/*
 * Who holds a runtime up: the cause is named, and who waits for whom.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a callback that does not return is named, wherever its events wait; a stage at work, one
 * whose timers or tokens are out, a reader that does not read; the consumer that does not ask is
 * told beside who keeps its events, or the partition that nobody has; a stall is told from
 * rest, and from work; work without end, with the way round.
 * Method: chains of players that stand still in one place each.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <sched.h>
#include <string.h>

static struct rig rig;

static void push_numbers(weir_inlet *inlet, uint64_t count) {
    for (uint64_t number = 0; number < count; number++) {
        assert_int_equal(weir_inlet_push(inlet, &number, 1, 0), WEIR_OK);
    }
    rig.emitted += count;
}

/* Events wait in the inlet and in the parser; the sink is the one to blame. */
static void a_callback_that_stays_is_the_cause(void **state) {
    (void)state;
    weir_inlet *inlet;
    weir_ref records;
    weir_drain_report report;
    struct player parse = {.name = "parse", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player sink = {.name = "sink", .kind = WEIR_CONSUMER, .quiet = true};
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    sink.does.events = deed_stay_in_events;
    assert_int_equal(weir_inlet_open(rig.runtime,
                                     &(weir_inlet_options){.name = "records",
                                                           .event_bytes = 8,
                                                           .capacity = 5000,
                                                           .worker = WEIR_WORKER(0)},
                                     &inlet, &records),
                     WEIR_OK);
    player_start(&parse, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&sink, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    const weir_subscribe_options hundred = {.max_demand = 100};
    player_subscribe(&sink, &parse, &hundred);
    assert_int_equal(weir_subscribe(rig.runtime, parse.ref, records, &hundred, NULL), WEIR_OK);
    push_numbers(inlet, 5000);
    while (weir__load_relaxed_u32(&deed_gate.inside) == 0) sched_yield();
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "sink");
    assert_int_equal(report.why, WEIR_HOLDUP_CALLBACK);
    assert_int_equal(report.stages, 3);
    assert_false(report.stalled);
    weir__exchange_u32(&deed_gate.leave, 1);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.why, WEIR_HOLDUP_NONE);
    assert_string_equal(report.path, "");
    assert_int_equal(sink.handled, 5000);
    weir_inlet_close(inlet);
    rig_close(&rig);
}

static void stay_to_the_end(weir_stage *self, struct player *player) {
    (void)self, (void)player;
    deed_stay();
}

static void stay_behind_the_end(void *context, weir_ref stage, weir_reason reason) {
    (void)context, (void)stage, (void)reason;
    deed_stay();
}

/* Its terminate, or who is told of its end: it has no callback to come, and others on its worker
 * had theirs before it. */
static void who_does_not_come_out_of_its_end(void **state) {
    (void)state;
    for (int told = 0; told < 2; told++) {
        struct player innocent = {.name = "innocent", .kind = WEIR_CONSUMER};
        struct player guilty = {.name = "guilty", .kind = WEIR_CONSUMER};
        weir_drain_report report;
        weir_token token;
        memset(&deed_gate, 0, sizeof deed_gate);
        rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
        guilty.does.terminate = told ? NULL : stay_to_the_end;
        PLAYERS_START(&rig, &guilty, &innocent);
        assert_int_equal(weir_busy(rig.runtime, innocent.ref, &token), WEIR_OK);
        if (told) weir_on_end(rig.runtime, guilty.ref, stay_behind_the_end, NULL);
        player_cast(&innocent, 0);
        player_stop(&guilty, WEIR_REASON_NORMAL);
        while (weir__load_relaxed_u32(&deed_gate.inside) == 0) sched_yield();
        assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
        assert_string_equal(report.name, "guilty");
        assert_true(report.stage.bits == guilty.ref.bits);
        assert_int_equal(report.why, WEIR_HOLDUP_CALLBACK);
        weir__exchange_u32(&deed_gate.leave, 1);
        weir_done(rig.runtime, token);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        rig_close(&rig);
    }
}

/* ---- demand -------------------------------------------------------------- */

static void who_does_not_ask_is_told_beside_who_keeps(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50};
    struct player relay = {.name = "relay", .kind = WEIR_PRODUCER_CONSUMER};
    struct player idle = {.name = "idle", .kind = WEIR_CONSUMER, .manual = true};
    weir_drain_report report;
    PLAYERS_START(&rig, &p, &relay, &idle);
    player_subscribe(&idle, &relay, NULL);
    player_subscribe(&relay, &p, &(weir_subscribe_options){.max_demand = 10});
    rig_rest(&rig);
    assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
    assert_string_equal(report.name, "relay");
    assert_true(report.stage.bits == relay.ref.bits);
    assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
    assert_string_equal(report.waits_for_name, "idle");
    assert_true(report.waits_for.bits == idle.ref.bits);
    assert_string_equal(report.path, "relay -> idle");
    assert_true(report.stalled);
    rig_close(&rig);
}

static uint32_t odd(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event & 1;
}

/* The odd ones wait for who will have their partition, and not for who has the other. */
static void a_partition_that_nobody_has(void **state) {
    (void)state;
    const weir_partition_dispatcher_options halves = {.partitions = 2, .hash = odd};
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50};
        struct player even = {.name = "even", .kind = WEIR_CONSUMER};
        struct player late = {.name = "late", .kind = WEIR_CONSUMER, .manual = true};
        weir_drain_report report;
        player_start(&p, &rig,
                     &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                           .dispatcher_options = &halves});
        PLAYERS_START(&rig, &even, &late);
        player_subscribe(&even, &p, &(weir_subscribe_options){.partition = WEIR_PARTITION(0)});
        rig_rest(&rig);
        assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
        assert_string_equal(report.path, "p");
        assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
        assert_true(report.waits_for.bits == 0);
        assert_string_equal(report.waits_for_name, "partition 1");
        assert_true(report.stalled);
        player_subscribe(&late, &p, &(weir_subscribe_options){.partition = WEIR_PARTITION(1)});
        rig_rest(&rig);
        assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
        assert_string_equal(report.path, "p -> late");
        assert_string_equal(report.waits_for_name, "late");
        rig_close(&rig);
    }
}

static void a_stash_at_rest(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50};
    struct player keeper = {.name = "keeper", .kind = WEIR_CONSUMER};
    weir_drain_report report;
    keeper.does.events = deed_stash;
    players_pair(&rig, &p, &keeper, NULL);
    assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
    assert_string_equal(report.name, "keeper");
    assert_int_equal(report.why, WEIR_HOLDUP_STASH);
    assert_string_equal(weir_holdup_text(report.why), "stash");
    assert_true(report.stalled);
    player_stop(&keeper, WEIR_REASON_NORMAL);
    keeper.handled = 0; /* the stash went back */
    rig_close(&rig);
}

/* Nothing that goes round ever leaves: in the end the ring is at work, and that is told. */
static void what_goes_round_for_ever(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1};
    struct player one = {.name = "one", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player two = {.name = "two", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    const weir_subscribe_options few = {.max_demand = 4};
    weir_drain_report report;
    PLAYERS_START(&rig, &p, &one, &two);
    player_subscribe(&two, &one, &few);
    player_subscribe(&one, &two, &few);
    player_subscribe(&one, &p, &few);
    weir_runtime_step(rig.runtime, 50);
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.why, WEIR_HOLDUP_WORK);
    assert_false(report.stalled);
    if (strcmp(report.path, "one -> two -> one") != 0)
        assert_string_equal(report.path, "two -> one -> two");
    player_stop(&one, WEIR_REASON_NORMAL);
    rig_close(&rig);
}

static void nobody_is_told_when_nothing_waits(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_drain_report report;
    players_pair(&rig, &p, &c, NULL);
    assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
    assert_true(report.stage.bits == 0);
    assert_string_equal(report.name, "");
    assert_false(report.stalled);
    assert_int_equal(report.stages, 2);
    rig_close(&rig);
}

/* Asks for one of each side, and for the next of each when it has a pair. */
struct zip {
    weir_subscription side[2];
    uint64_t waits[2];
    int sides;
    uint64_t pairs;
};

static weir_subscribe_verdict join_side(weir_stage *self, struct player *player,
                                        const weir_peer *peer) {
    struct zip *zip = player->own;
    zip->side[zip->sides++] = peer->subscription;
    RIG_CHECK(player->rig, weir_ask(weir_stage_runtime(self), peer->subscription, 1) == WEIR_OK);
    return WEIR_MANUAL;
}

static weir_verdict pair_up(weir_stage *self, struct player *player, weir_batch batch) {
    struct zip *zip = player->own;
    zip->waits[weir_batch_subscription(self).id == zip->side[1].id] += batch.count;
    if (zip->waits[0] == 0 || zip->waits[1] == 0) return WEIR_CONTINUE;
    zip->waits[0]--;
    zip->waits[1]--;
    zip->pairs++;
    for (int i = 0; i < 2; i++) {
        RIG_CHECK(player->rig, weir_ask(weir_stage_runtime(self), zip->side[i], 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict leave_out(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (numbers[i] >= player->next) player_emit_numbers(self, &numbers[i], 1);
    }
    return WEIR_CONTINUE;
}

/* Branches that differ by more than their windows: each waits for the other. */
static void branches_that_stall_are_told_with_the_way_round(void) {
    struct player source = {.name = "source", .kind = WEIR_PRODUCER, .limit = 200};
    struct player all = {.name = "all", .kind = WEIR_PRODUCER_CONSUMER};
    struct player few = {.name = "few", .kind = WEIR_PRODUCER_CONSUMER, .next = 20};
    struct zip zip = {.sides = 0};
    struct player pairs = {.name = "pairs", .kind = WEIR_CONSUMER, .own = &zip};
    weir_drain_report report;
    few.does.events = leave_out;
    pairs.does.subscribe = join_side;
    pairs.does.events = pair_up;
    const weir_subscribe_options window = {.max_demand = 4};
    player_start(&source, &rig,
                 &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                       .demand = WEIR_ACCUMULATE});
    PLAYERS_START(&rig, &all, &few, &pairs);
    player_subscribe(&pairs, &all, &window);
    player_subscribe(&pairs, &few, &window);
    player_subscribe(&all, &source, &window);
    player_subscribe(&few, &source, &window);
    rig_rest(&rig);
    player_demand(&source, WEIR_FORWARD);
    rig_rest(&rig);
    assert_int_equal(zip.pairs, 0);
    assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
    assert_true(report.stalled);
    assert_string_equal(report.name, "all");
    if (strstr(report.path, "all -> pairs -> few -> source -> all") == NULL)
        assert_string_equal(report.path, "source -> all -> pairs -> few -> source");
    rig_close(&rig);
}

/* ---- others -------------------------------------------------------------- */

static void a_reader_that_does_not_read(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    weir_stream *stream;
    weir_drain_report report;
    uint64_t number;
    player_start(&p, &rig, NULL);
    assert_int_equal(weir_stream_open(rig.runtime,
                                      &(weir_stream_options){
                                          .name = "reader",
                                          .event_bytes = 8,
                                          .subscribe_to = &(weir_subscribe_to){.producer = p.ref},
                                          .subscribe_count = 1},
                                      &stream),
                     WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "reader");
    assert_int_equal(report.why, WEIR_HOLDUP_READER);
    while (weir_stream_next(stream, &number, WEIR_FOREVER) == WEIR_OK) rig.handled++;
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    weir_stream_close(stream);
    rig_close(&rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_that_stays_is_the_cause),
        cmocka_unit_test(who_does_not_come_out_of_its_end),
        IN_WORLDS(who_does_not_ask_is_told_beside_who_keeps),
        cmocka_unit_test(a_partition_that_nobody_has),
        IN_WORLDS(a_stash_at_rest),
        IN_WORLDS(what_goes_round_for_ever),
        IN_WORLDS(nobody_is_told_when_nothing_waits),
        IN_WORLDS(branches_that_stall_are_told_with_the_way_round),
        IN_WORLDS(a_reader_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
