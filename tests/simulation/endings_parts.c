/*
 * The parts of the graphs of endings.c: inlets, iterators, streams and pools.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "endings.h"

/* A consumer that is a part is done with what it gets. */
static void done_with(struct node *node, const void *event) {
    unsigned number = node_number(node);
    uint64_t identity = ledger_came(number, LEDGER_ANYBODY, endings_identity(event));
    if (identity != 0) ledger_becomes(identity, HANDLED, number);
}

/* --- inlets -------------------------------------------------------------------------------- */

bool endings_push(struct node *inlet, weir_port *port, unsigned count, uint64_t timeout_ns) {
    uint64_t identities[4];
    _Alignas(8) unsigned char events[4 * sizeof(struct event)];
    unsigned number = node_number(inlet);
    unsigned made = 0;
    for (; made < count; made++) {
        identities[made] = ledger_new(number);
        if (identities[made] == 0) break;
    }
    if (made == 0) return true;
    for (unsigned i = 0; i < made; i++) ledger_out(identities[i], number);
    endings_write(events, identities, made);
    weir_status status = port != NULL ? weir_port_push(port, events, made, timeout_ns)
                                      : weir_inlet_push(inlet->inlet, events, made, timeout_ns);
    if (status == WEIR_OK || status == WEIR_DROPPED) return true;
    /* A callback cannot wait for room: it is the wrong thread. */
    SIM_REQUIRE(status == WEIR_FULL || status == WEIR_TIMEOUT || status == WEIR_NO_STAGE ||
                status == WEIR_WRONG_THREAD);
    for (unsigned i = 0; i < made; i++) ledger_refused(identities[i]);
    endings_refused(identities, made);
    return status != WEIR_NO_STAGE;
}

void endings_feed(struct node *node) {
    struct node *inlet = node->feeds;
    if (inlet->inlet == NULL) return;
    bool was_known = node->feeds_known;
    bool takes = endings_push(inlet, NULL, 1, 0);
    node->feeds_known = node->feeds_known || takes;
    if (takes && node->part == CONSUMER) inlet->fed_by |= UINT32_C(1) << node_number(node);
    if (was_known && !takes && !node->behind_ring) SIM_REQUIRE(inlet->cut || graph.upset);
}

/* --- ends of parts ------------------------------------------------------------------------- */

static void part_ended(void *context, weir_ref stage, weir_reason reason) {
    struct node *node = context;
    sim_note("gone: part", node_number(node));
    sim_note("... with", reason);
    endings_ended(reason);
    node->ends_told++;
    SIM_REQUIRE(node->ends_told <= node->opens);
    if (stage.bits != node->ref.bits) return;
    node->finished = reason == WEIR_REASON_NORMAL && !node->stops_alone;
    node->alive = false;
    if (node->part == INLET && node->finished && !node->cut) endings_check_feeders(node);
}

static bool opened(struct node *node, weir_status status) {
    if (status != WEIR_OK) {
        SIM_REQUIRE(status == WEIR_NO_STAGE || status == WEIR_CLOSED);
        return false;
    }
    node->alive = node->known = true;
    node->lives++;
    node->opens++;
    must(weir_on_end(world.runtime, node->ref, part_ended, node));
    return true;
}

/* --- iterators ----------------------------------------------------------------------------- */

static weir_made next(void *context, weir_room room) {
    struct node *node = context;
    unsigned number = node_number(node);
    unsigned left = node->total - node->made;
    size_t count = room.count > 1 ? 1 + (size_t)sim_draw(room.count) : room.count;
    count = count < left ? count : left;
    for (size_t i = 0; i < count; i++) {
        uint64_t identity = ledger_new(number);
        ledger_out(identity, number);
        endings_write((char *)room.events + i * graph.event_bytes, &identity, 1);
    }
    node->made += (unsigned)count;
    if (node->made < node->total) return (weir_made){count, WEIR_ITERATOR_MORE};
    if (!node->stops_alone && node->dies == 0) return (weir_made){count, WEIR_ITERATOR_END};
    graph.upset = graph.unheard = true;
    return (weir_made){count, WEIR_ITERATOR_ERROR};
}

static void closed(void *context) {
    struct node *node = context;
    SIM_REQUIRE(++node->closes == node->opens);
}

static bool start_iterator(struct node *node, const weir_stage_options *like) {
    const weir_iterator_options options = {.event_bytes = graph.event_bytes,
                                           .type = endings_type(),
                                           .next = next,
                                           .close = closed,
                                           .discarded = endings_discarded,
                                           .context = node,
                                           .on_cancel = like->on_cancel,
                                           .dispatcher = like->dispatcher,
                                           .dispatcher_options = like->dispatcher_options,
                                           .worker = like->worker};
    node->opens++; /* it may have closed before the start returns */
    bool started = must(weir_iterator_start(world.runtime, &options, &node->ref));
    node->opens--;
    return started && opened(node, WEIR_OK);
}

static bool open_inlet(struct node *node, const weir_stage_options *like) {
    static const weir_when_full policies[] = {WEIR_REFUSE, WEIR_REFUSE,      WEIR_BLOCK,
                                              WEIR_BLOCK,  WEIR_DROP_NEWEST, WEIR_DROP_OLDEST};
    weir_when_full policy = policies[sim_draw(6)];
    node->bounded = policy == WEIR_DROP_NEWEST || policy == WEIR_DROP_OLDEST;
    const weir_inlet_options options = {.event_bytes = graph.event_bytes,
                                        .type = endings_type(),
                                        .capacity = 4 + (size_t)sim_draw(8),
                                        .capacity_bytes = endings_capacity_bytes(),
                                        .when_full = policy,
                                        .on_cancel = like->on_cancel,
                                        .dispatcher = like->dispatcher,
                                        .dispatcher_options = like->dispatcher_options,
                                        .worker = like->worker,
                                        .discarded = endings_discarded,
                                        .context = node};
    return opened(node, weir_inlet_open(world.runtime, &options, &node->inlet, &node->ref));
}

/* --- pools --------------------------------------------------------------------------------- */

static weir_task_result task(void *context, const void *event, weir_task *self) {
    struct node *node = context;
    done_with(node, event);
    for (uint64_t wait = sim_draw(20); wait > 0 && !weir_task_ending(self); wait--) sim_now_ns();
    if (node->feeds != NULL && sim_draw(4) == 0) endings_feed(node);
    return sim_draw(4) == 0 ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static bool open_pool(struct node *node, const weir_subscribe_to *list, unsigned count) {
    const weir_pool_options options = {.event_bytes = graph.event_bytes,
                                       .threads = 1 + (size_t)sim_draw(2),
                                       .worker = world_somewhere(),
                                       .task = task,
                                       .discarded = endings_discarded,
                                       .context = node,
                                       .shutdown_ns = WEIR_FOREVER,
                                       .subscribe_to = count > 0 ? list : NULL,
                                       .subscribe_count = count};
    return opened(node, weir_pool_open(world.runtime, &options, &node->pool, &node->ref));
}

/* --- streams ------------------------------------------------------------------------------- */

static bool open_stream(struct node *node, const weir_subscribe_to *list, unsigned count) {
    const weir_stream_options options = {.event_bytes = graph.event_bytes,
                                         .subscribe_to = count > 0 ? list : NULL,
                                         .subscribe_count = count,
                                         .demand = WEIR_STREAM_LEAVE,
                                         .worker = world_somewhere(),
                                         .discarded = endings_discarded,
                                         .context = node};
    weir_stream *stream;
    weir_status status = weir_stream_open(world.runtime, &options, &stream);
    if (status == WEIR_OK) node->ref = weir_stream_stage(stream);
    if (!opened(node, status)) return false;
    node->stream = stream;
    return true;
}

weir_status endings_read(struct node *node, uint64_t timeout_ns) {
    struct event event;
    weir_batch batch = {.events = &event, .count = 1};
    weir_status status;
    if (sim_draw(2) == 0)
        status = weir_stream_next(node->stream, &event, timeout_ns);
    else
        batch = weir_stream_batch(node->stream, sim_draw(3), timeout_ns, &status);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_TIMEOUT || status == WEIR_END);
    for (size_t i = 0; i < batch.count && status == WEIR_OK; i++)
        done_with(node, (const char *)batch.events + i * graph.event_bytes);
    return status;
}

void endings_leave(struct node *node, bool again) {
    weir_subscribe_to list[ENDINGS_LINES];
    unsigned count = 0;
    weir_stream_close(node->stream);
    node->stream = NULL;
    if (!again) return;
    for (unsigned i = 0; i < graph.lines; i++) {
        const struct line *line = &graph.line[i];
        if (line->consumer != node || !line->producer->alive) continue;
        list[count] =
            (weir_subscribe_to){.producer = line->producer->ref, .options = line->options};
        list[count++].options.cancel = WEIR_TEMPORARY;
    }
    if (count > 0) open_stream(node, list, count);
}

bool endings_start_part(struct node *node, const weir_subscribe_to *list, unsigned count,
                        const weir_stage_options *like) {
    switch (node->part) {
    case ITERATOR:
        return start_iterator(node, like);
    case INLET:
        return open_inlet(node, like);
    case STREAM:
        return open_stream(node, list, count);
    default:
        return open_pool(node, list, count);
    }
}
