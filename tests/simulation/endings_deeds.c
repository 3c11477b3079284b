/*
 * What befalls the graphs of endings.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "endings.h"

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
    return node->part == ON_CAST || node->part == BETWEEN;
}

static bool is_any(const struct node *node) {
    (void)node;
    return true;
}

void endings_may(weir_status status) {
    if (status == WEIR_NO_STAGE || status == WEIR_NO_SUBSCRIPTION || status == WEIR_CLOSED) return;
    must(status);
}

void endings_upset(void) {
    graph.upset = graph.unheard = true;
}

/* --- deeds ---------------------------------------------------------------------------------- */

/* Who steps the runtime, or need not, may wait for room. */
static uint64_t patience(void) {
    bool may_wait = world.mode == WEIR_THREADS || (graph.alone && sim_draw(2) == 0);
    return may_wait ? sim_draw(20000) : 0;
}

/* By its port, if it has one: of an inlet that may be finished by now. */
static void push(struct hand *hand) {
    struct node *inlet = hand->port != NULL ? hand->inlet : some_node(is_inlet);
    if (inlet == NULL) return;
    if (hand->port == NULL && sim_draw(2) == 0) {
        weir_status status = weir_port_open(inlet->inlet, &hand->port);
        if (status != WEIR_INVALID) endings_may(status); /* who drops the oldest has no ports */
        if (status != WEIR_OK) hand->port = NULL;
        hand->inlet = inlet;
    }
    endings_push(inlet, hand->port, 1 + (unsigned)sim_draw(3), patience());
    if (sim_draw(4) == 0) endings_hand_empty(hand);
}

void endings_hand_empty(struct hand *hand) {
    weir_port_close(hand->port);
    hand->port = NULL;
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
        endings_may(status);
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
static void feed(struct node *fed) {
    const struct node *feeder = some_node(may_feed);
    if (fed == NULL || feeder == NULL || graph.supervised || graph_leads(fed, feeder)) return;
    fed->leads_here |= UINT32_C(1) << node_number(feeder);
    weir_status status = weir_feeds(world.runtime, feeder->ref, fed->ref);
    if (status != WEIR_OK) {
        endings_may(status);
        return;
    }
    if (!feeder->alive) return;
    fed->fed_by |= UINT32_C(1) << node_number(feeder);
    if (!fed->alive && fed->finished && !fed->cut) endings_check_feeders(fed);
}

/* And perhaps somebody feeds it from now on, or comes too late. */
static void finish(struct node *node) {
    endings_may(weir_finish(world.runtime, node->ref));
    if (sim_draw(2) == 0 && (is_inlet(node) || takes_casts(node))) feed(node);
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
        endings_upset();
    endings_may(weir_cancel(world.runtime, subscription, reason));
    if (sim_draw(4) == 0) endings_may(weir_finish(world.runtime, subscription.producer));
}

static void close_pool(struct node *pool) {
    if (!graph.alone || pool->pool == NULL) return;
    endings_upset();
    must(weir_pool_close(pool->pool, NULL));
    pool->pool = NULL;
}

static void drained(void *context, weir_status status, const weir_drain_report *report) {
    (void)context;
    graph.drain_told++;
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_TIMEOUT);
    if (status == WEIR_OK) SIM_REQUIRE(report->stages == 0);
}

static void drain_quietly(void) {
    if (graph.drain_begun) return;
    graph.drain_begun = true;
    uint64_t timeout = sim_draw(2) == 0 ? WEIR_FOREVER : sim_draw(100000000);
    must(weir_runtime_drain_begin(world.runtime, timeout, drained, NULL, NULL));
}

/* For a moment. */
static void wait_for(const struct node *node) {
    weir_reason reason;
    if (world.mode != WEIR_THREADS && !graph.alone) return;
    unsigned lives = node->lives;
    weir_status status = weir_wait(world.runtime, node->ref, sim_draw(20000), &reason);
    if (status == WEIR_TIMEOUT || !must(status)) return;
    bool told = node->part == CONSUMER || node->part < ITERATOR || node->part == BETWEEN;
    if (told) SIM_REQUIRE(!node->alive || node->lives != lives); /* by terminate, before */
}

static void disturb(struct node *node) {
    switch (sim_draw(5)) {
    case 0:
        endings_upset();
        endings_may(weir_stop(world.runtime, node->ref,
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

void endings_deed(struct hand *hand) {
    struct node *node = some_node(is_any);
    if (node == NULL) return;
    switch (sim_draw(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
        push(hand);
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
        if (sim_draw(2) == 0) finish(node);
        return;
    case 10:
        wait_for(node);
        return;
    case 11:
        feed(some_node(sim_draw(2) == 0 ? is_inlet : takes_casts));
        return;
    default:
        if (sim_draw(6) == 0) disturb(node);
        return;
    }
}

void endings_hand(void *unused) {
    (void)unused;
    struct hand hand = {0};
    for (uint64_t left = 1 + sim_draw(6); left > 0; left--) endings_deed(&hand);
    endings_hand_empty(&hand);
    graph.hands--;
}

/* --- readers -------------------------------------------------------------------------------- */

static void leave_early(struct node *stream) {
    stream->leave = false;
    endings_upset();
    endings_leave(stream, !graph.quit && sim_draw(2) == 0);
}

void endings_reader(void *argument) {
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
bool endings_read_all(void) {
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
