/*
 * Supplying: the producer's side of a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One rule serves the buffer: after each subscribe, ask, cancel and switch to
 * forward, buffered events are served as far as the dispatcher has open
 * demand, and only what the dispatcher passed up beyond those reaches
 * handle_demand.  New events join the tail of a buffer that is not empty.
 * So no buffered event waits beside open demand, and nothing overtakes.
 */
#include "base/check.h"
#include "stage/control.h"
#include "stage/stage.h"
#include "stage/takers.h"

/* One run of the buffer, up to the next mark.  Returns how many were taken. */
static uint64_t serve_run(weir_stage *stage, uint64_t open) {
    struct weir__queue *queue = &stage->buffer.queue;
    uint64_t count = weir__buffer_run(&stage->buffer, open);
    if (count == 0) {
        return 0;
    }
    return weir__stage_dispatch(stage, queue, count);
}

uint64_t weir__stage_serve_buffer(weir_stage *stage) {
    uint64_t served = 0;
    while (stage->mode == WEIR_FORWARD && stage->buffer.queue.events > 0) {
        uint64_t open = weir__stage_open_demand(stage);
        uint64_t taken = open > 0 ? serve_run(stage, open) : 0;
        weir__buffer_release(&stage->buffer, open - taken, weir__stage_info_passed, stage);
        if (taken == 0) {
            break;
        }
        served += taken;
    }
    weir__count(&stage->host->counters.buffered, 0 - served);
    return served;
}

static bool hold_mark(weir_stage *stage, void *mark, enum weir__mark_kind kind) {
    struct weir__item item = {.mark = mark, .flags = WEIR__MARK, .kind = kind};
    if (weir__queue_push(&stage->held, item)) {
        return true;
    }
    stage->stopping = true;
    stage->reason = WEIR_REASON_NO_MEMORY;
    return false;
}

/* Demand that waits is one sum, as far as no emission lies between. */
static void hold_demand(weir_stage *stage, uint64_t demand) {
    struct weir__queue *held = &stage->held;
    if (held->count > 0) {
        struct weir__item *last = weir__queue_at(held, held->count - 1);
        if ((last->flags & WEIR__MARK) != 0 && last->kind == WEIR__MARK_DEMAND) {
            last->mark = (void *)((uintptr_t)last->mark + (uintptr_t)demand);
            return;
        }
    }
    hold_mark(stage, (void *)(uintptr_t)demand, WEIR__MARK_DEMAND);
}

/*
 * A part that keeps events of its own (an inlet) looks at open demand itself:
 * what the dispatcher owes to consumers that have left is never passed up.
 */
void weir__stage_supply(weir_stage *stage) {
    stage->supply_due = false;
    if (!stage->stopping && stage->mode == WEIR_FORWARD) {
        weir__stage_enter(stage);
        weir__stage_leave(stage, stage->part->supply(stage));
    }
}

/* Later in the turn: several may have asked by then, and get theirs of one emission. */
static inline void supply_soon(weir_stage *stage) {
    stage->supply_due = WEIR__PART(stage, supply) != NULL;
}

void weir__stage_demand(weir_stage *stage, uint64_t demand) {
    if (stage->mode == WEIR_ACCUMULATE) {
        if (demand > 0) {
            hold_demand(stage, demand);
        }
        return;
    }
    uint64_t served = weir__stage_serve(stage);
    if (WEIR__PART(stage, supply) != NULL) {
        stage->supply_due = true;
        return;
    }
    if (stage->kind == WEIR_PRODUCER && demand > served && !stage->stopping && !stage->finishing) {
        weir__stage_enter(stage);
        weir__stage_leave(stage, stage->on.handle_demand(stage, demand - served));
    }
}

bool weir__stage_poll_demand(weir_stage *stage, struct weir__edge *edge) {
    bool moved = weir__edge_flush(edge);
    if (moved && edge->shared != NULL) {
        weir__outbox_touch_shared(&stage->host->outbox, edge->shared);
    } else if (moved) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__EVENTS);
    }
    uint64_t asked = weir__edge_demand(edge);
    if (asked == 0) {
        return moved;
    }
    edge->heard_ns = stage->host->now_ns;
    const struct weir__dispatch *dispatch = &stage->dispatch;
    weir__stage_demand(stage, dispatch->table->ask(dispatch->state, &edge->outlet, asked));
    return true;
}

static weir_peer consumer_of(const struct weir__edge *edge) {
    return (weir_peer){.subscription = edge->id,
                       .stage = edge->id.consumer,
                       .side = WEIR_CONSUMER,
                       .options = &edge->options};
}

void weir__stage_close_edge(struct weir__host *host, struct weir__edge *edge,
                            weir_cancel_cause cause, weir_reason reason) {
    weir__outbox_flush(&host->outbox); /* our reference goes with the mail */
    edge->attached = false;
    edge->final = edge->sent;
    edge->close_cause = cause;
    edge->close_reason = reason;
    edge->close.kind = WEIR__MAIL_EDGE_CLOSE;
    edge->close.to = edge->id.consumer;
    weir__mail_send(edge->at[WEIR__EVENTS]->bell, &edge->close);
}

/* Off the lists of the producer's side; its reference is still held. */
static void take_off(weir_stage *stage, struct weir__edge *edge) {
    weir__stage_unlink_consumer(stage, edge);
    weir__index_remove(&stage->known, &edge->at_producer);
    edge->attached = false;
    if (edge->ready[WEIR__DEMAND].hot) {
        weir__edge_unheat(edge, WEIR__DEMAND);
    }
}

/*
 * The producer's end of a subscription: the dispatcher forgets it (unless it
 * never knew), the consumer is told, then handle_cancel.  GenStage calls the
 * dispatcher last; but what handle_cancel emits must not go to who leaves.
 * Returns what the dispatcher passes up, which the caller demands.
 */
static uint64_t end(weir_stage *stage, struct weir__edge *edge, weir_cancel_cause cause,
                    weir_reason reason, bool dispatched) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    weir__edge_hold(edge); /* it is used after CLOSE has passed our reference on */
    take_off(stage, edge);
    uint64_t upstream = 0;
    if (dispatched) {
        upstream = dispatch->table->cancel(dispatch->state, &edge->outlet);
        weir__stage_leaves(stage, edge);
    }
    if (cause == WEIR_CANCEL) {
        weir__stage_close_edge(stage->host, edge, cause, reason);
    }
    if (stage->on.handle_cancel != NULL) {
        weir_peer peer = consumer_of(edge);
        weir__stage_enter(stage);
        weir__stage_leave(stage, stage->on.handle_cancel(stage, &peer, cause, reason));
    }
    weir__outbox_let_go(&stage->host->outbox, edge);
    return upstream;
}

/* What the subscription wants and its dispatcher would ignore in silence, or NULL. */
static const char *wanted_in_vain(const weir_stage *stage, const struct weir__edge *edge) {
    const weir_subscribe_options *options = &edge->options;
    const weir_dispatcher *table = stage->dispatch.table;
    if (weir__selects(options) && !table->selects) {
        return "selector";
    }
    bool partition = options->partition != 0 || options->partition_name != NULL;
    return partition && !table->partitions ? "partition" : NULL;
}

/* Shows the dispatcher its new consumer.  NORMAL, or why it is refused. */
static weir_reason introduce(weir_stage *stage, struct weir__edge *edge, uint64_t *upstream) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    const char *vain = wanted_in_vain(stage, edge);
    if (vain != NULL) {
        weir__host_log(stage->host, WEIR_LOG_ERROR,
                       "stage %s refuses a subscription: its dispatcher, %s, knows no %s",
                       stage->name, dispatch->table->name, vain);
        return WEIR_REASON_BAD_OPTIONS;
    }
    if (!weir__outlet_open(&edge->outlet, dispatch->table, stage->host->allocator)) {
        return WEIR_REASON_NO_MEMORY;
    }
    return dispatch->table->subscribe(dispatch->state, &edge->outlet, upstream);
}

void weir__stage_attach(weir_stage *stage, struct weir__edge *edge) {
    weir__stage_link_consumer(stage, edge);
    edge->attached = true;
    edge->heard_ns = stage->host->now_ns;
    weir_subscribe_verdict verdict = weir__stage_ask_user(stage, consumer_of(edge));
    weir_reason refused = WEIR_REASON_REFUSED;
    uint64_t upstream = 0;
    if (verdict == WEIR_AUTOMATIC) {
        refused = introduce(stage, edge, &upstream);
    } else if (stage->stopping) {
        return; /* its end tells the consumer */
    }
    if (refused != WEIR_REASON_NORMAL) {
        end(stage, edge, WEIR_CANCEL, refused, false);
        return;
    }
    if (stage->desk.shared != NULL) {
        weir__stage_taker_joins(stage, edge);
    }
    weir__stage_demand(stage, upstream);
    if (!stage->stopping) {
        weir__stage_poll_demand(stage, edge);
    }
}

/* The one that the edge replaces ends.  Returns what is to be demanded for it. */
static uint64_t take_over(weir_stage *stage, const struct weir__edge *edge) {
    struct weir__edge *old =
        weir__stage_find_consumer(stage, (weir_subscription){.id = edge->replaces});
    if (old != NULL && old->attached) {
        weir__stage_poll_demand(stage, old); /* what was asked before the cancel counts */
    }
    if (old == NULL || stage->stopping) {
        return 0;
    }
    if (!old->attached) {
        weir__stage_end_subscription(stage, old, edge->replace_reason);
        return 0;
    }
    return end(stage, old, WEIR_CANCEL, edge->replace_reason, true);
}

/* A consumer that replaces its subscription misses nothing that others get: until the new
 * one is attached, nothing is served for the end of the old one. */
void weir__stage_open_edge(weir_stage *stage, struct weir__edge *edge) {
    uint64_t upstream = edge->takes_over ? take_over(stage, edge) : 0;
    if (stage->stopping) { /* OPEN came too late: it bounces with the rest of the mail */
        weir__mail_list_push(&stage->control, &edge->forth);
        return;
    }
    weir__index_add(&stage->known, &edge->at_producer, edge->id.id);
    weir__stage_admit(stage, edge);
    if (edge->takes_over && !stage->stopping) {
        weir__stage_demand(stage, upstream);
    }
}

void weir__stage_detach(weir_stage *stage, struct weir__edge *edge, weir_cancel_cause cause,
                        weir_reason reason) {
    if (cause == WEIR_CANCEL) {
        weir__stage_poll_demand(stage, edge); /* what was asked before the cancel counts */
    }
    if (edge->attached && !stage->stopping) {
        uint64_t upstream = end(stage, edge, cause, reason, true);
        weir__stage_consumer_left(stage, reason);
        if (!stage->stopping) {
            weir__stage_demand(stage, upstream);
        }
    }
}

void weir__stage_consumer_left(weir_stage *stage, weir_reason reason) {
    if (stage->on_cancel == WEIR_ON_CANCEL_STOP && stage->known.count == 0 && !stage->stopping) {
        stage->stopping = true;
        stage->reason = reason;
        stage->bereft = true;
    }
}

/* Events of a consumer that has stopped, which nobody gets: discarded and counted. */
static void discard_returned(weir_stage *stage, struct weir__queue *events, weir_discard cause) {
    uint64_t count = events->events;
    weir__queue_drop(events, count, &stage->host->pool);
    weir__stage_discard(stage, count, cause, true);
}

/* A program's dispatcher has sent them to the very consumer that they came back from. */
static void discard_sent_again(weir_stage *stage, struct weir__edge *edge,
                               struct weir__queue *scratch) {
    uint64_t lost = weir__edge_recover(edge, scratch, &stage->host->pool);
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    discard_returned(stage, scratch, WEIR_DISCARD_CONSUMER);
}

/* Events that come back: to the dispatcher, to the buffer's head, or discarded and counted. */
static void give_back(weir_stage *stage, struct weir__edge *edge, struct weir__queue *events) {
    if (events->events == 0) {
        return;
    }
    bool wanted = weir__stage_offer_back(stage, edge, events);
    uint64_t count = events->events;
    if (wanted && weir__buffer_put_front(&stage->buffer, events)) {
        weir__count(&stage->host->counters.returned, count);
        weir__count(&stage->host->counters.buffered, count);
        weir__stage_serve(stage);
        return;
    }
    discard_returned(stage, events, wanted ? WEIR_DISCARD_NO_MEMORY : WEIR_DISCARD_CONSUMER);
}

void weir__stage_consumer_down(weir_stage *stage, struct weir__edge *edge) {
    struct weir__queue events;
    weir__queue_open(&events, stage->host->allocator);
    bool attached = edge->attached;
    bool waited = weir__stage_waits_no_more(stage, edge);
    if (attached) {
        weir__stage_detach(stage, edge, WEIR_DOWN, edge->down_reason);
    } else if (waited) {
        weir__stage_consumer_left(stage, edge->down_reason);
    }
    if (edge->shared != NULL) {
        weir__stage_taker_left(stage, edge);
    }
    uint64_t lost = weir__edge_recover(edge, &events, &stage->host->pool);
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    give_back(stage, edge, &events);
    discard_sent_again(stage, edge, &events);
    weir__queue_close(&events, &stage->host->pool);
    weir__stage_left(stage, edge);
    supply_soon(stage);
    if (waited || (attached && !edge->attached)) {
        weir__outbox_let_go(&stage->host->outbox, edge); /* the producer's side */
    }
}

/* ---- the demand mode, and infos ------------------------------------------ */

/* Without memory to put an emission together its items go one after the other. */
static void offer_item(weir_stage *stage, struct weir__item item) {
    struct weir__queue one = {.items = &item,
                              .capacity = 1,
                              .count = 1,
                              .events = item.count,
                              .allocator = stage->host->allocator};
    weir__stage_offer(stage, &one);
}

/* An emission that was held, whose first item that is. */
static void replay_emission(weir_stage *stage, struct weir__item item) {
    struct weir__queue events;
    weir__queue_open(&events, stage->host->allocator);
    for (;;) {
        bool more = (item.flags & WEIR__MORE) != 0;
        weir__count(&stage->host->counters.buffered, 0 - (uint64_t)item.count);
        if (!weir__queue_push(&events, item)) {
            if (events.events > 0) {
                weir__stage_offer(stage, &events);
            }
            offer_item(stage, item);
        }
        if (!more) {
            break;
        }
        item = weir__queue_pop(&stage->held);
    }
    if (events.events > 0) {
        weir__stage_offer(stage, &events);
    }
    weir__queue_close(&events, &stage->host->pool);
}

/* The next item of what was held, in order, as it would have been done then. */
static void replay(weir_stage *stage) {
    struct weir__item item = weir__queue_pop(&stage->held);
    if ((item.flags & WEIR__MARK) == 0) {
        replay_emission(stage, item);
    } else if (item.kind == WEIR__MARK_DEMAND) {
        weir__stage_demand(stage, (uintptr_t)item.mark);
    } else {
        weir__stage_supply_info(stage, item.mark);
    }
}

/* A stage that finishes holds nothing back: it would never come to its end. */
void weir__stage_set_mode(weir_stage *stage, weir_demand_mode mode) {
    stage->mode = stage->finishing ? WEIR_FORWARD : mode;
    while (stage->mode == WEIR_FORWARD && !stage->stopping && !weir__queue_empty(&stage->held)) {
        replay(stage);
    }
    if (!stage->stopping) {
        weir__stage_serve(stage);
        supply_soon(stage);
    }
}

void weir__stage_supply_info(weir_stage *stage, struct weir__message *message) {
    bool no_memory = false;
    bool waits = stage->held.events > 0 && !stage->as_genstage;
    if (stage->mode == WEIR_ACCUMULATE && waits) {
        if (hold_mark(stage, message, WEIR__MARK_INFO)) {
            return;
        }
    } else if (weir__buffer_mark_store(&stage->buffer, message, WEIR__MARK_INFO, &no_memory)) {
        return;
    }
    weir__stage_info_passed(stage, message, WEIR__MARK_INFO);
}
