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
 */
#include "endings.h"
#include "driver.h"

#include <string.h>

enum { HANDS = 2, READERS = ENDINGS_NODES };

static bool alone; /* nobody else does deeds */
static int hands_left;
static struct {
    bool begun;
    unsigned done;
    weir_status status;
} quiet_drain; /* one that nobody waits for */

static struct node *some_node(bool (*like)(const struct node *node)) {
    struct node *node = &graph.node[sim_draw(graph.nodes)];
    for (unsigned i = 0; i < graph.nodes; i++, node++) {
        if (node == graph.node + graph.nodes) node = graph.node;
        if (node->known && like(node)) return node;
    }
    return NULL;
}

static bool is_inlet(const struct node *node) {
    return node->part == INLET && node->inlet != NULL;
}

static bool takes_casts(const struct node *node) {
    return node->part == ON_CAST;
}

static bool is_any(const struct node *node) {
    (void)node;
    return true;
}

static void may(weir_status status) {
    if (status == WEIR_NO_STAGE || status == WEIR_NO_SUBSCRIPTION || status == WEIR_CLOSED) return;
    must(status);
}

static void upset(void) {
    graph.upset = graph.unheard = true;
}

/* --- deeds ---------------------------------------------------------------------------------- */

/* Who steps the runtime, or need not, may wait for room. */
static uint64_t patience(void) {
    bool may_wait = world.mode == WEIR_THREADS || (alone && sim_draw(2) == 0);
    return may_wait ? sim_draw(20000) : 0;
}

static void push(weir_port **port) {
    struct node *inlet = some_node(is_inlet);
    if (inlet == NULL) return;
    if (*port == NULL && sim_draw(2) == 0) {
        weir_port *opened = NULL;
        weir_status status = weir_port_open(inlet->inlet, &opened);
        if (status == WEIR_OK) {
            endings_push(inlet, opened, 1 + (unsigned)sim_draw(3), patience());
            weir_port_close(opened);
        } else if (status != WEIR_INVALID) { /* an inlet that drops the oldest has none */
            may(status);
        }
        return;
    }
    endings_push(inlet, NULL, 1 + (unsigned)sim_draw(3), patience());
}

static void cast_one(struct node *node) {
    uint64_t identity = ledger_new(node_number(node));
    if (identity != 0) endings_cast(node, &identity, 1);
}

/* While it is out the stage takes what is sent to it. */
static void with_token(void) {
    weir_token token;
    struct node *node = some_node(sim_draw(2) == 0 ? is_inlet : takes_casts);
    if (node == NULL) return;
    weir_status status = weir_busy(world.runtime, node->ref, &token);
    if (status != WEIR_OK) {
        may(status);
        return;
    }
    unsigned lives = node->lives;
    node->tokens++;
    node->loose = true;
    for (uint64_t wait = sim_draw(20); wait > 0; wait--) sim_now_ns();
    if (node->part == INLET) {
        if (!endings_push(node, NULL, 1, 0)) SIM_REQUIRE(node->cut || graph.upset);
    } else {
        uint64_t identity = ledger_new(node_number(node));
        if (identity != 0 && !endings_cast(node, &identity, 1)) SIM_REQUIRE(graph.upset);
    }
    if (node->lives == lives) {
        node->tokens--;
        node->end_told = false;
    }
    must(weir_done(world.runtime, token));
}

static bool may_feed(const struct node *node) {
    return node->part == CONSUMER && !node->behind_ring;
}

/* From then on it ends after the other one; of a pair that would feed each other nobody could. */
static void feed(void) {
    struct node *fed = some_node(sim_draw(2) == 0 ? is_inlet : takes_casts);
    const struct node *feeder = some_node(may_feed);
    if (fed == NULL || feeder == NULL || graph.supervised || graph_leads(fed, feeder)) return;
    weir_status status = weir_feeds(world.runtime, feeder->ref, fed->ref);
    if (status != WEIR_OK) {
        may(status);
        return;
    }
    if (!feeder->alive) return;
    fed->fed_by |= UINT32_C(1) << node_number(feeder);
    if (!fed->alive && fed->finished && !fed->cut) endings_check_feeders(fed);
}

static void cut(struct node *inlet) {
    inlet->cut = true;
    must(weir_inlet_finish(inlet->inlet));
}

static bool any_stops_alone(void) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (graph.node[i].stops_alone) return true;
    return false;
}

/* A normal end discards nothing; but what a broadcaster emits then does not come to all. */
static void cancel(void) {
    static const weir_reason reasons[] = {WEIR_REASON_NORMAL, WEIR_REASON_SHUTDOWN,
                                          WEIR_REASON_USER};
    if (graph.subscriptions == 0) return;
    weir_subscription subscription = graph.subscription[sim_draw(graph.subscriptions)];
    weir_reason reason = reasons[sim_draw(3)];
    const struct node *producer = endings_find(subscription.producer);
    graph.unheard = true;
    if (reason == WEIR_REASON_USER || any_stops_alone() || producer == NULL ||
        ledger_is_shared(node_number(producer)))
        upset();
    may(weir_cancel(world.runtime, subscription, reason));
}

static void close_pool(struct node *pool) {
    if (!alone || pool->pool == NULL) return;
    upset();
    must(weir_pool_close(pool->pool, NULL));
    pool->pool = NULL;
}

static void drained(void *context, weir_status status, const weir_drain_report *report) {
    (void)context;
    quiet_drain.done++;
    quiet_drain.status = status;
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_TIMEOUT);
    if (status == WEIR_OK) SIM_REQUIRE(report->stages == 0);
}

static void drain_quietly(void) {
    if (quiet_drain.begun) return;
    quiet_drain.begun = true;
    uint64_t timeout = sim_draw(2) == 0 ? WEIR_FOREVER : sim_draw(100000000);
    must(weir_runtime_drain_begin(world.runtime, timeout, drained, NULL, NULL));
}

/* For a moment. */
static void wait_for(const struct node *node) {
    weir_reason reason;
    if (world.mode != WEIR_THREADS && !alone) return;
    unsigned lives = node->lives;
    weir_status status = weir_wait(world.runtime, node->ref, sim_draw(20000), &reason);
    if (status == WEIR_TIMEOUT || !must(status)) return;
    bool told = node->part == CONSUMER || node->part < ITERATOR || node->part == BETWEEN;
    if (told) SIM_REQUIRE(!node->alive || node->lives != lives); /* by terminate, before */
}

static void disturb(struct node *node) {
    switch (sim_draw(5)) {
    case 0:
        upset();
        may(weir_stop(world.runtime, node->ref,
                      sim_draw(2) == 0 ? WEIR_REASON_USER : WEIR_REASON_SHUTDOWN));
        return;
    case 1:
        cancel();
        return;
    case 2:
        if (node->part == STREAM) node->leave = true;
        if (node->part == POOL) close_pool(node);
        return;
    case 3:
        if (is_inlet(node) && sim_draw(2) == 0) cut(node);
        return;
    default:
        if (sim_draw(4) == 0) drain_quietly();
        return;
    }
}

static void do_deed(weir_port **port) {
    struct node *node = some_node(is_any);
    if (node == NULL) return;
    switch (sim_draw(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
        push(port);
        return;
    case 4:
    case 5:
    case 6:
        node = some_node(takes_casts);
        if (node != NULL) cast_one(node);
        return;
    case 7:
    case 8:
        with_token();
        return;
    case 9:
        if (sim_draw(2) == 0) may(weir_finish(world.runtime, node->ref));
        return;
    case 10:
        wait_for(node);
        return;
    case 11:
        feed();
        return;
    default:
        if (sim_draw(6) == 0) disturb(node);
        return;
    }
}

static void run_hand(void *unused) {
    (void)unused;
    weir_port *port = NULL;
    for (uint64_t left = 1 + sim_draw(6); left > 0; left--) do_deed(&port);
    hands_left--;
}

/* --- readers -------------------------------------------------------------------------------- */

static void leave_early(struct node *stream) {
    stream->leave = false;
    upset();
    endings_leave(stream, !graph.quit && sim_draw(2) == 0);
}

static void run_reader(void *argument) {
    struct node *stream = argument;
    while (stream->stream != NULL) {
        if (stream->leave) {
            leave_early(stream);
            continue;
        }
        if (endings_read(stream, sim_draw(4) == 0 ? sim_draw(5000) : WEIR_FOREVER) == WEIR_END)
            endings_leave(stream, false);
    }
}

/* By who steps the runtime: all that is there.  True when there was something. */
static bool read_all(void) {
    bool any = false;
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (node->part == STREAM && node->stream != NULL && node->leave) leave_early(node);
        while (node->part == STREAM && node->stream != NULL) {
            weir_status status = endings_read(node, sim_draw(2) == 0 ? 0 : sim_draw(1000));
            if (status == WEIR_TIMEOUT) break;
            any = true;
            if (status == WEIR_END) endings_leave(node, false);
        }
    }
    return any;
}

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
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    if (world.mode == WEIR_SIMULATED && hands_left == 0) {
        must(weir_runtime_holdup(world.runtime, &report));
        if (report.stage.bits != 0) check_report(&report);
    }
    must(weir_runtime_accounts(world.runtime, &accounts));
    bool moves = hands_left > 0 || endings_asks_open() || quiet_drain.begun ||
                 world.mode == WEIR_THREADS; /* a timer may come in between */
    for (unsigned i = 0; i < graph.nodes; i++) {
        /* What readers have begun is not counted yet, nor what waits in an inlet. */
        enum part part = graph.node[i].part;
        moves = moves || part == STREAM || part == INLET;
    }
    if (moves) return;
    const char *wrong = weir_accounts_check(&accounts);
    if (wrong != NULL) sim_fail("%s", wrong);
    ledger_compare(&accounts, world.discarded);
}

static void one_round(void) {
    weir_port *port = NULL;
    for (uint64_t left = 1 + sim_draw(8); left > 0; left--) {
        do_deed(&port);
        if (world.mode == WEIR_SIMULATED) weir_runtime_step(world.runtime, sim_draw(30));
        if (world.mode == WEIR_SIMULATED && sim_draw(3) == 0) read_all();
    }
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
    alone = true;
}

static bool help(void) {
    if (hand_count > 0) {
        join_hands();
        return true;
    }
    if (world.mode == WEIR_SIMULATED && read_all()) return true;
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

static bool drain(void) {
    weir_drain_report report;
    uint64_t timeout = world.mode == WEIR_THREADS ? 100000000 : WEIR_FOREVER;
    weir_status status;
    do {
        status = weir_runtime_drain(world.runtime, timeout, &report);
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_TIMEOUT);
    } while (status != WEIR_OK && helped());
    if (status == WEIR_OK) {
        SIM_REQUIRE(report.stages == 0);
        return true;
    }
    status = weir_runtime_drain(world.runtime, timeout, &report);
    if (status == WEIR_OK) return true;
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
            may(weir_finish(world.runtime, graph.node[i].ref));
    join_hands();
    may(weir_finish(world.runtime, graph.clock));
    uint64_t timeout = world.mode == WEIR_THREADS ? 200000000 : WEIR_FOREVER;
    weir_status status;
    do {
        status = weir_runtime_run(world.runtime, timeout);
    } while (status != WEIR_OK && helped());
    if (status != WEIR_OK) status = weir_runtime_run(world.runtime, timeout);
    if (status == WEIR_OK) return true;
    if (!graph.unheard) sim_fail("the sources have ended, and somebody lives on");
    return false;
}

static void stop_all(void) {
    upset();
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
        may(weir_stop(world.runtime, node->ref, WEIR_REASON_SHUTDOWN));
    }
    endings_asks_end();
    for (unsigned i = 0; i < reader_count; i++) sim_join(readers[i]);
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (node->part == POOL && node->known) must(weir_pool_close(node->pool, NULL));
        if (node->stream != NULL) endings_leave(node, false);
        node->cut = true;
        if (node->inlet != NULL) weir_inlet_close(node->inlet);
        node->inlet = NULL;
    }
}

static void finish(void) {
    bool ended = false;
    uint64_t way = sim_draw(10);
    if (sim_draw(3) == 0) rest();
    if (way < 6)
        ended = drain();
    else if (way < 8 && graph.permanent && !graph.has_ring)
        ended = run_out();
    if (!ended && (way < 9 || quiet_drain.begun)) {
        stop_all();
        ended = true;
    }
    if (!ended) upset();
    give_back(ended);
    world_close_runtime();
    ledger_compare(&world.accounts, world.discarded);
    SIM_REQUIRE(quiet_drain.done == quiet_drain.begun);
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
            readers[reader_count++] = sim_spawn("reader", run_reader, &graph.node[i]);
    hand_count = (unsigned)sim_draw(HANDS + 1);
    alone = hand_count == 0;
    hands_left = (int)hand_count;
    for (unsigned i = 0; i < hand_count; i++) hands[i] = sim_spawn("hand", run_hand, NULL);
    for (uint64_t rounds = sim_draw(4); rounds > 0; rounds--) one_round();
    finish();
}

/* --- the list ------------------------------------------------------------------------------- */

static void begin(weir_runtime_mode mode) {
    world_begin(endings_main, 1);
    world.mode = mode;
    memset(&quiet_drain, 0, sizeof quiet_drain);
    reader_count = hand_count = 0;
}

static void begin_stepped(void) {
    begin(WEIR_SIMULATED);
}

static void begin_threads(void) {
    begin(WEIR_THREADS);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"stepped", 60000, 4000000, true, begin_stepped, NULL},
        {"threads", 20000, 8000000, true, begin_threads, NULL},
    };
    int result = sim_main(count, arguments, scenarios, sizeof scenarios / sizeof scenarios[0]);
    if (result == 1) {
        graph_tell();
        ledger_tell();
    }
    return result;
}
