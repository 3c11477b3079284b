/*
 * How the graphs of endings.c are started.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "endings.h"

#include <string.h>

static struct dealt {
    weir_partition_dispatcher_options partition;
    weir_shared_dispatcher_options shared;
} dealt[ENDINGS_NODES];

static bool is_stage(const struct node *node) {
    return node->part != ITERATOR && node->part != INLET && node->part != STREAM &&
           node->part != POOL;
}

static const weir_dispatcher *dispatcher_of(struct node *node, const void **options) {
    struct dealt *own = &dealt[node_number(node)];
    *options = NULL;
    switch (node->deal) {
    case BY_BROADCAST:
        return weir_broadcast_dispatcher();
    case BY_PARTITION:
        own->partition = (weir_partition_dispatcher_options){
            .partitions = node->partitions, .hash = endings_partition, .context = node};
        *options = &own->partition;
        return weir_partition_dispatcher();
    case BY_SHARE:
        own->shared = (weir_shared_dispatcher_options){.grain = sim_draw(3), .entries = 16};
        *options = &own->shared;
        return weir_shared_dispatcher();
    default:
        return weir_demand_dispatcher();
    }
}

/* Those of its lines whose producer there is; later: the one that closes a ring. */
static unsigned lines_of(const struct node *node, weir_subscribe_to *list, bool later) {
    unsigned count = 0;
    for (unsigned i = 0; i < graph.lines; i++) {
        const struct line *line = &graph.line[i];
        bool back = line->producer > line->consumer;
        if (line->consumer != node || back != later || !line->producer->known) continue;
        list[count] =
            (weir_subscribe_to){.producer = line->producer->ref, .options = line->options};
        if (line->producer->supervised)
            list[count].producer = WEIR_SIBLING(line->producer->ref.bits);
        count++;
    }
    return count;
}

static weir_stage_options like(struct node *node) {
    static const weir_kind kinds[] = {WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER};
    weir_stage_options options = {.kind = kinds[is_source(node) ? 0
                                                : is_sink(node) ? 2
                                                                : 1],
                                  .name = "node",
                                  .event_bytes = is_sink(node) ? 0 : graph.event_bytes,
                                  .type = is_sink(node) ? NULL : endings_type(),
                                  .state_bytes = sizeof(unsigned),
                                  .argument = node,
                                  .worker = world_somewhere(),
                                  .demand = node->accumulates ? WEIR_ACCUMULATE : WEIR_FORWARD,
                                  .on_cancel = node->stops_alone ? WEIR_ON_CANCEL_STOP
                                                                 : WEIR_ON_CANCEL_CONTINUE,
                                  .on = endings_callbacks};
    size_t bound = node->bounded ? 1 + (size_t)sim_draw(6) : 0;
    if (!is_sink(node)) options.buffer_size = bound;
    if (node->bounded) options.buffer_keep = (weir_keep)sim_draw(2);
    if (!is_sink(node)) options.dispatcher = dispatcher_of(node, &options.dispatcher_options);
    if (!is_source(node)) options.on.handle_demand = NULL;
    if (is_source(node)) options.on.handle_events = NULL;
    if (!node->has_end) options.on.handle_end = NULL;
    return options;
}

/* Where its producer has ended before, it does not come about. */
static void start(struct node *node) {
    weir_subscribe_to list[ENDINGS_LINES];
    weir_stage_options options = like(node);
    unsigned count = lines_of(node, list, false);
    if (!is_stage(node)) {
        node->known = endings_start_part(node, list, count, &options);
    } else {
        options.subscribe_to = count > 0 ? list : NULL;
        options.subscribe_count = count;
        weir_status status = weir_stage_start(world.runtime, &options, NULL);
        node->known = status != WEIR_NO_STAGE && must(status);
        if (!node->known) node->alive = false;
    }
    if (!node->known) graph.unheard = true;
}

/* All that are plain stages, under one supervisor.  Until they run, `ref` is the child's number. */
static void start_supervised(void) {
    weir_stage_options stages[ENDINGS_NODES];
    weir_subscribe_to lists[ENDINGS_NODES][8];
    weir_supervised children[ENDINGS_NODES] = {{0}};
    unsigned count = 0;
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (!is_stage(node)) continue;
        weir_subscribe_to list[ENDINGS_LINES];
        unsigned lines = lines_of(node, list, false);
        lines = lines < 8 ? lines : 8;
        memcpy(lists[count], list, lines * sizeof *list);
        stages[count] = like(node);
        stages[count].subscribe_to = lines > 0 ? lists[count] : NULL;
        stages[count].subscribe_count = lines;
        children[count].stage = &stages[count];
        children[count].restart = WEIR_RESTART_TRANSIENT;
        node->ref.bits = count++;
        node->known = node->supervised = true;
    }
    const weir_supervisor_options options = {.worker = world_somewhere(),
                                             .strategy = (weir_strategy)sim_draw(3),
                                             .max_restarts = WEIR_INFINITY,
                                             .children = children,
                                             .child_count = count};
    weir_status status = weir_supervisor_start(world.runtime, &options, &graph.supervisor);
    if (status == WEIR_NO_STAGE) /* one of their producers has ended before */
        graph.upset = graph.unheard = true;
    else
        must(status);
    for (unsigned i = 0; i < graph.nodes; i++) {
        graph.node[i].supervised = false;
        if (graph.node[i].lives == 0) graph.node[i].known = false;
    }
}

static void start_clock(void) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .name = "clock", .worker = world_somewhere(), .on = endings_clock};
    graph.clock_alive = true;
    must(weir_stage_start(world.runtime, &options, &graph.clock));
}

static void start_parts(bool (*like_these)(const struct node *node)) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (like_these(&graph.node[i]) && !is_stage(&graph.node[i])) start(&graph.node[i]);
}

/* Where the first of the two has ended meanwhile, there is nobody to send back to. */
static void close_ring(const struct node *node) {
    weir_subscribe_to list[ENDINGS_LINES];
    if (lines_of(node, list, true) == 0) return;
    weir_status status = weir_subscribe_wait(world.runtime, node->ref, list[0].producer,
                                             &list[0].options, WEIR_FOREVER, NULL);
    if (status == WEIR_NO_STAGE || status == WEIR_NO_SUBSCRIPTION)
        graph.unheard = true;
    else
        must(status);
}

void graph_start(void) {
    start_clock();
    if (graph.supervised) {
        start_parts(is_source);
        start_supervised();
        start_parts(is_sink);
    }
    for (unsigned i = 0; i < graph.nodes && !graph.supervised; i++) start(&graph.node[i]);
    for (unsigned i = 0; i < graph.nodes; i++) {
        struct node *node = &graph.node[i];
        if (node->known && node->in_ring) close_ring(node);
        if (node->known && node->feeds != NULL && node->feeds->known && sim_draw(2) == 0)
            node->feeds_known = weir_feeds(world.runtime, node->ref, node->feeds->ref) == WEIR_OK;
    }
    for (unsigned i = 0; i < graph.nodes; i++)
        if (graph.node[i].known && graph.node[i].accumulates)
            weir_demand(world.runtime, graph.node[i].ref, WEIR_FORWARD);
}
