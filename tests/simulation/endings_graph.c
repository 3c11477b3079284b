/*
 * Which graph it is: see endings.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "endings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct graph graph;

unsigned node_number(const struct node *node) {
    return (unsigned)(node - graph.node);
}

bool is_source(const struct node *node) {
    return node->part < BETWEEN;
}

bool is_sink(const struct node *node) {
    return node->part > BETWEEN;
}

static bool retries(const struct node *node) {
    return node->part == BETWEEN && node->way == RETRIES;
}

/* --- drawing: who there is ------------------------------------------------------------------ */

static struct node *add(enum part part) {
    struct node *node = &graph.node[graph.nodes++];
    memset(node, 0, sizeof *node);
    node->part = part;
    node->has_end = sim_draw(4) > 0;
    node->bounded = sim_draw(12) == 0;
    node->last_words = node->has_end && !is_sink(node) && sim_draw(4) == 0;
    return node;
}

static void add_source(void) {
    struct node *node = add((enum part)sim_draw(INLET + 1));
    node->total = 1 + (unsigned)sim_draw(20);
    node->ends = sim_draw(3) == 0;
    node->lazy = sim_draw(4) == 0;
    node->surplus = sim_draw(4) == 0;
    node->accumulates = node->part == DEMANDED && sim_draw(3) == 0;
    node->stops_alone = sim_draw(12) == 0;
}

static void add_between(void) {
    struct node *node = add(BETWEEN);
    node->way = (enum way)sim_draw(RETRIES);
    node->batch = 2 + (unsigned)sim_draw(4);
    node->reminds = node->way == GATHERS && (!node->has_end || sim_draw(2) == 0);
}

static unsigned consumers_of(const struct node *node) {
    unsigned count = 0;
    for (unsigned i = 0; i < graph.lines; i++) count += graph.line[i].producer == node;
    return count;
}

static unsigned producers_of(const struct node *node) {
    unsigned count = 0;
    for (unsigned i = 0; i < graph.lines; i++) count += graph.line[i].consumer == node;
    return count;
}

static bool has_line(const struct node *consumer, const struct node *producer) {
    for (unsigned i = 0; i < graph.lines; i++)
        if (graph.line[i].consumer == consumer && graph.line[i].producer == producer) return true;
    return false;
}

static void join(struct node *consumer, struct node *producer) {
    static const unsigned most[] = {1, 4, 4, 8};
    if (graph.lines == ENDINGS_LINES || has_line(consumer, producer)) return;
    struct line *line = &graph.line[graph.lines++];
    *line = (struct line){consumer, producer, {0}};
    line->options.max_demand = 1 + (size_t)sim_draw(most[sim_draw(4)]);
    size_t min = (size_t)sim_draw(line->options.max_demand);
    line->options.min_demand = min == 0 ? WEIR_NONE : min;
    line->options.cancel = graph.permanent    ? WEIR_PERMANENT
                           : graph.supervised ? WEIR_TEMPORARY
                                              : (weir_cancel_mode)sim_draw(3);
}

/* Two that feed each other: what the second sends back has gone round once. */
static void draw_ring(unsigned sources) {
    struct node *first = &graph.node[sources];
    struct node *second = first + 1;
    first->way = PASSES;
    second->way = RETRIES;
    first->in_ring = second->in_ring = true;
    graph.has_ring = true;
    join(second, first);
}

static void draw_lines(unsigned sources) {
    for (unsigned i = sources; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (retries(node)) continue;
        for (uint64_t left = 1 + sim_draw(2); left > 0; left--) {
            struct node *producer = &graph.node[sim_draw(i)];
            /* Those of a ring have the consumers that they need. */
            if (!is_sink(producer) && !producer->in_ring) join(node, producer);
        }
        if (producers_of(node) == 0) join(node, &graph.node[sim_draw(sources)]);
    }
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        unsigned from = i + 1 > sources ? i + 1 : sources;
        if (is_sink(node) || consumers_of(node) > 0) continue;
        struct node *consumer = &graph.node[from + sim_draw(graph.nodes - from)];
        join(retries(consumer) ? &graph.node[graph.nodes - 1] : consumer, node);
    }
}

static void draw_feeder(unsigned sources) {
    struct node *inlet = NULL;
    for (unsigned i = 0; i < sources; i++)
        if (graph.node[i].part == INLET) inlet = &graph.node[i];
    struct node *feeder = &graph.node[sources + sim_draw(graph.nodes - sources)];
    if (inlet == NULL || feeder->part == STREAM || graph.supervised || feeder->in_ring) return;
    feeder->feeds = inlet;
}

static bool leads(const struct node *from, const struct node *to, unsigned depth) {
    if (from == to) return true;
    for (unsigned i = 0; i < graph.lines && depth > 0; i++)
        if (graph.line[i].producer == from && leads(graph.line[i].consumer, to, depth - 1))
            return true;
    for (unsigned i = 0; i < graph.nodes && depth > 0; i++)
        if ((graph.node[i].leads_here >> node_number(from) & 1) != 0 &&
            leads(&graph.node[i], to, depth - 1))
            return true;
    return from->feeds != NULL && depth > 0 && leads(from->feeds, to, depth - 1);
}

bool graph_leads(const struct node *from, const struct node *to) {
    return leads(from, to, ENDINGS_NODES);
}

static void mark_rings(void) {
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (node->feeds == NULL || !leads(node->feeds, node, ENDINGS_NODES)) continue;
        graph.has_ring = true;
        for (unsigned j = 0; j < graph.nodes; j++) {
            struct node *other = &graph.node[j];
            if (leads(node->feeds, other, ENDINGS_NODES) && leads(other, node, ENDINGS_NODES))
                other->in_ring = true;
        }
    }
}

/* (A ring with small buffers can stall for good: nothing may be let in.) */
static void mark_behind_rings(void) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (graph.node[i].in_ring) graph.node[i].bounded = false;
    for (unsigned i = 0; i < graph.nodes; i++)
        for (unsigned j = 0; j < graph.nodes && graph.node[i].in_ring; j++)
            if (leads(&graph.node[i], &graph.node[j], ENDINGS_NODES))
                graph.node[j].behind_ring = true;
}

/* --- drawing: how events are dealt ---------------------------------------------------------- */

static void deal(struct node *node) {
    unsigned number = node_number(node);
    unsigned count = consumers_of(node);
    unsigned next = 0;
    node->deal = (enum dealing)sim_draw(4);
    if (node->in_ring && node->way == PASSES) node->deal = BY_DEMAND;
    if (retries(node)) node->deal = BY_PARTITION;
    if (node->deal == BY_BROADCAST) ledger_shares(number, node->part != INLET);
    if (node->deal != BY_PARTITION) return;
    for (unsigned i = 0; i < graph.lines; i++)
        if (graph.line[i].producer == node)
            graph.line[i].options.partition = WEIR_PARTITION(next++);
    node->partitions = count;
}

void graph_draw(void) {
    memset(&graph, 0, offsetof(struct graph, node));
    ledger_begin();
    graph.event_bytes = sim_draw(3) == 0 ? 48 : 8;
    endings_types_draw();
    graph.supervised = sim_draw(7) == 0;
    graph.permanent = !graph.supervised && sim_draw(2) == 0;
    unsigned sources = 1 + (unsigned)sim_draw(3);
    unsigned between = (unsigned)sim_draw(4);
    for (unsigned i = 0; i < sources; i++) add_source();
    for (unsigned i = 0; i < between; i++) add_between();
    static const enum part sinks[] = {CONSUMER, CONSUMER, STREAM, POOL};
    for (uint64_t left = 1 + sim_draw(2); left > 0; left--) add(sinks[sim_draw(4)]);
    if (between >= 2 && !graph.supervised && sim_draw(3) == 0) {
        draw_ring(sources);
        join(&graph.node[graph.nodes - 1], &graph.node[sources + 1]); /* what has gone round */
        draw_lines(sources);
        join(&graph.node[sources], &graph.node[sources + 1]);
    } else {
        draw_lines(sources);
    }
    if (sim_draw(2) == 0) draw_feeder(sources);
    mark_rings();
    mark_behind_rings();
    for (unsigned i = 0; i < graph.nodes; i++)
        if (!is_sink(&graph.node[i])) deal(&graph.node[i]);
    if (sim_draw(4) == 0) graph.node[sim_draw(graph.nodes)].dies = 1 + (unsigned)sim_draw(20);
}

/* --- telling --------------------------------------------------------------------------------- */

void graph_tell(void) {
    static const char *const parts[] = {"by demand", "by casts", "later",  "iterator", "inlet",
                                        "between",   "consumer", "stream", "pool"};
    static const char *const ways[] = {"passes", "filters", "gathers", "delays", "asks", "retries"};
    static const char *const deals[] = {"demand", "broadcast", "partition", "shared"};
    for (unsigned i = 0; i < graph.nodes; i++) {
        const struct node *node = &graph.node[i];
        fprintf(stderr, "  node %u%s: %s %s, %s%s%s%s%s%s%s; kept %u, tokens %u, sources %u", i,
                node->alive ? "" : " (gone)", parts[node->part],
                node->part == BETWEEN ? ways[node->way] : "", deals[node->deal],
                node->in_ring ? ", in a ring" : "", node->stops_alone ? ", stops alone" : "",
                node->ends ? ", ends" : "", node->has_end ? ", told its end" : "",
                node->reminds ? ", reminds" : "", node->cut ? ", cut" : "", node->kept,
                node->tokens, node->sources);
        if (node->feeds != NULL)
            fprintf(stderr, "; feeds %u%s", node_number(node->feeds),
                    node->feeds_known ? ", known" : "");
        fprintf(stderr, "; made %u of %u\n", node->made, node->total);
    }
    for (unsigned i = 0; i < graph.lines; i++)
        fprintf(stderr, "  line: %u <- %u, mode %d, demand %zu\n",
                node_number(graph.line[i].consumer), node_number(graph.line[i].producer),
                (int)graph.line[i].options.cancel, graph.line[i].options.max_demand);
    fprintf(stderr, "  %s%s%s%s\n", graph.upset ? "upset " : "", graph.unheard ? "unheard " : "",
            graph.supervised ? "supervised " : "", graph.has_ring ? "ring" : "");
}
