/*
 * Simulates ends: random graphs of every part, ended in every way at every moment.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a graph is drawn (endings.h): one to three sources (producers asked by demand, told
 * by casts, or answered later by somebody outside; iterators; inlets with ports and feeders),
 * what is between (passes, filters, gathers with last words and reminders, delays, asks
 * outside, a ring), and consumers, streams and pools; dispatchers, demands, cancel modes and
 * perhaps a supervisor.  The main thread and up to two others push, cast, take tokens, finish,
 * stop, cancel, close; callbacks fail; readers leave and come again.  At some moment it is
 * drained, run until it has ended by itself, stopped or closed.
 *
 * Each event is one entry of the ledger (ledger.h), which agrees with weir's accounts and with
 * what was told as discarded.  Where nobody was stopped and nobody left (graph.upset, unheard)
 * a drain comes to its end, and every event was handled once; who does not let it end is alive,
 * and there is a reason.  Each stage that finishes was told its end last, and kept nothing.
 *
 *   stepped    a SIMULATED runtime, stepped by the main thread: fast
 *   threads    workers are threads of their own, and reorder stores
 *   owned      both of these again, with events that own something, or bytes of any number: each
 *              is dropped once (endings_types.c)
 */
#include "endings.h"
#include "driver.h"

#include <string.h>

enum {
    HANDS = 2,
    READERS = ENDINGS_NODES,
    OWNED = 0x100 /* of a scenario's number: events own something */
};

/* --- rounds --------------------------------------------------------------------------------- */

/* Who is named lives, and there is a reason. */
static void check_report(const weir_drain_report *report) {
    bool known =
        report->stage.bits == graph.clock.bits || report->stage.bits == graph.supervisor.bits;
    for (unsigned i = 0; i < graph.nodes; i++)
        known = known || (graph.node[i].alive && graph.node[i].ref.bits == report->stage.bits);
    SIM_REQUIRE(report->stages > 0);
    SIM_REQUIRE(report->why > WEIR_HOLDUP_NONE && report->why < WEIR_HOLDUP_WORK);
    if (!known) sim_fail("a stage is named that there is not: %s", report->name);
}

static void rest(void) {
    weir_accounts accounts;
    weir_drain_report report;
    bool alone = graph.hands == 0; /* else a hand may begin a drain behind the settling */
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    if (world.mode == WEIR_SIMULATED && alone) {
        must(weir_runtime_holdup(world.runtime, &report));
        if (report.stage.bits != 0) check_report(&report);
    }
    must(weir_runtime_accounts(world.runtime, &accounts));
    bool moves = graph.hands > 0 || endings_asks_open() || graph.drain_begun ||
                 world.mode == WEIR_THREADS; /* a timer may come in between */
    for (unsigned i = 0; i < graph.nodes; i++) {
        /* What readers have begun is not counted yet, nor what waits in an inlet; and what
         * nobody can have any more of a pool's, because that or a subscription of its is over, is
         * told as the pool is closed. */
        enum part part = graph.node[i].part;
        bool over = part == POOL && (!graph.node[i].alive || graph.upset);
        moves = moves || part == STREAM || part == INLET || over;
    }
    if (moves) return;
    const char *wrong = weir_accounts_check(&accounts);
    if (wrong != NULL) sim_fail("%s", wrong);
    ledger_compare(&accounts, world.discarded);
}

static void one_round(void) {
    struct hand hand = {0};
    for (uint64_t left = 1 + sim_draw(8); left > 0; left--) {
        endings_deed(&hand);
        if (world.mode == WEIR_SIMULATED) weir_runtime_step(world.runtime, sim_draw(30));
        if (world.mode == WEIR_SIMULATED && sim_draw(3) == 0) endings_read_all();
    }
    endings_hand_empty(&hand);
    if (sim_draw(3) == 0) rest();
}

/* --- ends ----------------------------------------------------------------------------------- */

static int hands[HANDS];
static unsigned hand_count;
static int readers[READERS];
static unsigned reader_count;

static void join_hands(void) {
    for (unsigned i = 0; i < hand_count; i++) sim_join(hands[i]);
    hand_count = 0;
    graph.alone = true;
}

static bool help(void) {
    if (hand_count > 0) {
        join_hands();
        return true;
    }
    if (world.mode == WEIR_SIMULATED && endings_read_all()) return true;
    bool open = endings_asks_open();
    if (open) sim_sleep_ns(1000);
    return open;
}

/* Who else is to go on before the drain can.  False: nobody, and everything is at rest. */
static bool helped(void) {
    if (help()) return true;
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    return help();
}

/* A last time after all is at rest: what came since may wait for a timer. */
static bool drain(void) {
    weir_drain_report report;
    uint64_t timeout = world.mode == WEIR_THREADS ? 100000000 : WEIR_FOREVER;
    for (int rests = 0; rests < 2; rests = helped() ? 0 : rests + 1) {
        weir_status status = weir_runtime_drain(world.runtime, timeout, &report);
        if (status == WEIR_OK) SIM_REQUIRE(report.stages == 0);
        if (status == WEIR_OK) return true;
        SIM_REQUIRE(status == WEIR_TIMEOUT);
    }
    if (!graph.unheard)
        sim_fail("the drain does not end: %s, %s, %s", report.name, weir_holdup_text(report.why),
                 report.path);
    check_report(&report);
    return false;
}

/* All have permanent subscriptions: as the sources end, so do all. */
static bool run_out(void) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (is_source(&graph.node[i]) && graph.node[i].known)
            endings_may(weir_finish(world.runtime, graph.node[i].ref));
    join_hands();
    endings_may(weir_finish(world.runtime, graph.clock));
    uint64_t timeout = world.mode == WEIR_THREADS ? 200000000 : WEIR_FOREVER;
    for (int rests = 0; rests < 2; rests = helped() ? 0 : rests + 1)
        if (weir_runtime_run(world.runtime, timeout) == WEIR_OK) return true;
    if (!graph.unheard) sim_fail("the sources have ended, and somebody lives on");
    return false;
}

static void stop_all(void) {
    endings_upset();
    must(weir_runtime_stop(world.runtime, WEIR_REASON_SHUTDOWN));
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
}

/* Readers are let go; what the program holds is given back. */
static void give_back(bool ended) {
    graph.quit = true;
    join_hands();
    for (unsigned i = 0; i < graph.nodes && !ended; i++) {
        struct node *node = &graph.node[i];
        if (node->part != STREAM || !node->known) continue;
        node->leave = true;
        endings_may(weir_stop(world.runtime, node->ref, WEIR_REASON_SHUTDOWN));
    }
    endings_asks_end();
    for (unsigned i = 0; i < reader_count; i++) sim_join(readers[i]);
    for (unsigned i = 0; i < graph.nodes; i++) { /* whose tasks may push into inlets */
        struct node *node = &graph.node[i];
        if (node->part == POOL && node->known) must(weir_pool_close(node->pool, NULL));
    }
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (node->stream != NULL) endings_leave(node, false);
        node->cut = true;
        if (node->inlet != NULL) weir_inlet_close(node->inlet);
        node->inlet = NULL;
    }
}

static bool any_feeds(void) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (graph.node[i].feeds != NULL) return true;
    return false;
}

static void finish(void) {
    bool ended = false;
    uint64_t way = sim_draw(10);
    if (sim_draw(3) == 0) rest();
    if (way < 6)
        ended = drain();
    else if (way < 8 && graph.permanent && !graph.has_ring)
        ended = run_out();
    /* An inlet is closed when nobody pushes any more. */
    if (!ended && (way < 9 || graph.drain_begun || any_feeds())) {
        stop_all();
        ended = true;
    }
    if (!ended) endings_upset();
    give_back(ended);
    world_close_runtime();
    ledger_compare(&world.accounts, world.discarded);
    endings_types_over(&world.accounts);
    SIM_REQUIRE(graph.drain_told == graph.drain_begun);
    for (unsigned i = 0; i < graph.nodes; i++) {
        const struct node *node = &graph.node[i];
        SIM_REQUIRE(!node->alive && node->ends_told == node->opens);
        if (node->part == ITERATOR && node->known) SIM_REQUIRE(node->closes == 1);
    }
    if (graph.upset) return;
    SIM_REQUIRE(world.discarded == 0);
    ledger_is_clean();
}

static void endings_main(void *unused) {
    (void)unused;
    if (!world_open_runtime()) return;
    graph_draw();
    endings_asks_begin();
    graph_start();
    if (sim_draw(2) == 0) endings_asks_serve();
    for (unsigned i = 0; i < graph.nodes && world.mode == WEIR_THREADS; i++)
        if (graph.node[i].part == STREAM && graph.node[i].stream != NULL)
            readers[reader_count++] = sim_spawn("reader", endings_reader, &graph.node[i]);
    hand_count = (unsigned)sim_draw(HANDS + 1);
    graph.alone = hand_count == 0;
    graph.hands = hand_count;
    for (unsigned i = 0; i < hand_count; i++) hands[i] = sim_spawn("hand", endings_hand, NULL);
    for (uint64_t rounds = sim_draw(4); rounds > 0; rounds--) one_round();
    finish();
}

/* --- the list ------------------------------------------------------------------------------- */

static void begin(const struct sim_scenario *scenario) {
    world_begin(endings_main, 1);
    world.mode = (weir_runtime_mode)(scenario->number & ~(unsigned)OWNED);
    endings_types_begin((scenario->number & OWNED) != 0);
    reader_count = hand_count = 0;
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"stepped", 80000, 4000000, true, begin, NULL, NULL, WEIR_SIMULATED},
        {"threads", 20000, 8000000, true, begin, NULL, NULL, WEIR_THREADS},
        {"owned", 6000, 4000000, true, begin, NULL, NULL, WEIR_SIMULATED | OWNED},
        {"owned_threads", 2000, 8000000, true, begin, NULL, NULL, WEIR_THREADS | OWNED},
    };
    int result = SIM_MAIN(count, arguments, scenarios);
    if (result == 1) {
        graph_tell();
        ledger_tell();
    }
    return result;
}
