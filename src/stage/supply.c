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
#include "base/attributes.h"
#include "base/check.h"
#include "stage/keeping.h"
#include "stage/mark.h"
#include "stage/outputs.h"
#include "stage/stage.h"
#include "stage/timed.h"

/* One run of the buffer, up to the next mark.  Returns how many were taken. */
static uint64_t serve_run(weir_stage *stage, uint64_t open) {
    struct weir__queue *queue = &stage->buffer.queue;
    uint64_t count = weir__buffer_run(&stage->buffer, open);
    if (count == 0) {
        return 0;
    }
    weir__buffer_taking(&stage->buffer, count);
    uint64_t taken = weir__stage_dispatch(stage, queue, count);
    weir__buffer_left(&stage->buffer, count - taken);
    return taken;
}

uint64_t weir__stage_serve_buffer(weir_stage *stage) {
    uint64_t served = 0;
    while (stage->mode == WEIR_FORWARD && stage->buffer.queue.events > 0) {
        uint64_t open = weir__stage_open_demand(stage);
        uint64_t taken = open > 0 ? serve_run(stage, open) : 0;
        weir__buffer_release(&stage->buffer, open - taken, weir__stage_came_out, stage);
        if (taken == 0) {
            break;
        }
        served += taken;
    }
    weir__count(&stage->host->counters.buffered, 0 - served);
    weir__output_gave(stage);
    return served;
}

static bool defer_mark(weir_stage *stage, struct weir__item mark) {
    if (weir__queue_push(&stage->deferred, mark)) {
        return true;
    }
    stage->stopping = true;
    stage->reason = WEIR_REASON_NO_MEMORY;
    return false;
}

/* Demand that waits is one sum, as far as no emission lies between. */
static void defer_demand(weir_stage *stage, uint64_t demand) {
    struct weir__queue *held = &stage->deferred;
    if (held->count > 0) {
        struct weir__item *last = weir__queue_at(held, held->count - 1);
        if ((last->flags & WEIR__MARK) != 0 && last->kind == WEIR__MARK_DEMAND) {
            last->demand += (uintptr_t)demand;
            return;
        }
    }
    defer_mark(stage, (struct weir__item){.demand = (uintptr_t)demand,
                                          .flags = WEIR__MARK,
                                          .kind = WEIR__MARK_DEMAND});
}

/*
 * A part that keeps events of its own (an inlet) looks at open demand itself:
 * what the dispatcher owes to consumers that have left is never passed up.
 */
void weir__stage_supply(weir_stage *stage) {
    stage->supply_due = false;
    if (!stage->stopping && stage->mode == WEIR_FORWARD) {
        stage->meter.tally.demands++;
        weir__stage_enter(stage);
        weir__stage_leave(stage, "supply", stage->part->supply(stage));
    }
}

void weir__stage_demand(weir_stage *stage, uint64_t demand) {
    if (stage->mode == WEIR_ACCUMULATE) {
        if (demand > 0) {
            defer_demand(stage, demand);
        }
        return;
    }
    stage->rest = WEIR__REST_READY; /* somebody else may take it */
    uint64_t served = weir__stage_serve(stage);
    if (WEIR__PART(stage, supply) != NULL) {
        stage->supply_due = true;
        return;
    }
    demand += stage->demand_rest; /* what was left may go now (rest.c) */
    if (stage->kind == WEIR_PRODUCER && demand > served && !stage->stopping && !stage->finishing) {
        weir__stage_enter(stage);
        demand -= served;
        stage->demand_rest = 0;
        stage->demand_left = demand;
        stage->meter.tally.demands++;
        uint64_t began_ns = weir__stage_clock(stage);
        weir_verdict verdict = stage->on.handle_demand(stage, demand);
        weir__stage_called(stage, began_ns);
        weir__stage_leave(stage, "handle_demand", verdict);
    }
}

static inline bool moves_overflow(weir_stage *stage, struct weir__edge *edge) {
    bool moved = weir__edge_flush(edge);
    if (moved && edge->rack != NULL) {
        weir__outbox_touch_rack(&stage->host->outbox, edge->rack);
    } else if (moved) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__EVENTS);
    }
    return moved;
}

static inline bool pass_up(weir_stage *stage, struct weir__edge *edge, uint64_t asked) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    edge->heard_ns = stage->host->now_ns;
    weir__stage_demand(stage, dispatch->table->ask(dispatch->state, &edge->outlet, asked));
    return true;
}

/* Where bytes are bounded: those that have gone make room first. */
static WEIR__NOINLINE bool poll_loaded(weir_stage *stage, struct weir__edge *edge) {
    bool moved = moves_overflow(stage, edge);
    if (weir__edge_unload(edge)) {
        moved = true;
        weir__stage_bytes_gone(stage);
    }
    uint64_t asked = weir__edge_hear(edge);
    return asked == 0 ? moved : pass_up(stage, edge, asked);
}

bool weir__stage_poll_demand(weir_stage *stage, struct weir__edge *edge) {
    if (WEIR__UNLIKELY(edge->load != NULL)) {
        return poll_loaded(stage, edge);
    }
    bool moved = moves_overflow(stage, edge);
    uint64_t asked = weir__edge_demand(edge);
    return asked == 0 ? moved : pass_up(stage, edge, asked);
}

/* ---- what comes back from a consumer that has stopped ---------------------- */

/* Events of a consumer that has stopped, which nobody gets: discarded and counted. */
static void discard_returned(weir_stage *stage, struct weir__queue *events, weir_discard cause) {
    uint64_t count = events->events;
    weir__queue_discard(events, count, cause, &stage->host->pool);
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
static void give_back_to_dispatcher(weir_stage *stage, struct weir__edge *edge,
                                    struct weir__queue *events) {
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

void weir__stage_take_back(weir_stage *stage, struct weir__edge *edge) {
    struct weir__queue events;
    weir__queue_open(&events, stage->host->allocator);
    uint64_t lost = weir__edge_recover(edge, &events, &stage->host->pool);
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    give_back_to_dispatcher(stage, edge, &events);
    discard_sent_again(stage, edge, &events);
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &stage->host->pool);
}

/* ---- the demand mode, and infos ------------------------------------------ */

/* Without memory to put an emission together its items go one after the other. */
static void offer_item(weir_stage *stage, struct weir__item item) {
    struct weir__queue one = {.items = &item, .capacity = 1, .count = 1, .events = item.count};
    weir__stage_offer(stage, &one);
}

/* An emission that was deferred, whose first item that is. */
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
        item = weir__queue_pop(&stage->deferred);
    }
    if (events.events > 0) {
        weir__stage_offer(stage, &events);
    }
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &stage->host->pool);
}

/* The next item of what was deferred, in order, as it would have been done then. */
static void replay(weir_stage *stage) {
    struct weir__item item = weir__queue_pop(&stage->deferred);
    if ((item.flags & WEIR__MARK) == 0) {
        replay_emission(stage, item);
    } else if (item.kind == WEIR__MARK_DEMAND) {
        weir__stage_demand(stage, item.demand);
    } else if (weir__item_is_programs_mark(&item)) {
        stage->deferred_marks--;
        weir__stage_replay_mark(stage, &item);
    } else {
        weir__stage_supply_info(stage, item.mark);
    }
}

/* A stage that finishes holds nothing back: it would never come to its end. */
void weir__stage_set_mode(weir_stage *stage, weir_demand_mode mode) {
    stage->mode = stage->finishing ? WEIR_FORWARD : mode;
    while (stage->mode == WEIR_FORWARD && !stage->stopping &&
           !weir__queue_empty(&stage->deferred)) {
        replay(stage);
    }
    if (!stage->stopping) {
        weir__stage_serve(stage);
        weir__stage_supply_soon(stage);
    }
}

void weir__stage_supply_info(weir_stage *stage, struct weir__message *message) {
    bool no_memory = false;
    bool waits = stage->deferred.events > 0 && !stage->as_genstage;
    struct weir__item mark = {.mark = message, .flags = WEIR__MARK, .kind = WEIR__MARK_INFO};
    if (stage->mode == WEIR_ACCUMULATE && waits) {
        if (defer_mark(stage, mark)) {
            return;
        }
    } else if (weir__buffer_mark_store(&stage->buffer, &mark, &no_memory)) {
        return;
    }
    weir__stage_came_out(stage, &mark);
}
