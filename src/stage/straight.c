/*
 * Straight: messages that are handled where they are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Most messages are one slice, or events that lie in the ring entry itself, and find nothing
 * before them.  Such a one need not become an item of the input queue: it is cut by the window and
 * given to handle_events as it is taken from the ring.  What the turn has no budget left for goes
 * into the queue then, as the rest of a message that has begun (intake.c).
 *
 * Inline events that are handled so need no block and no queue: this is the whole path of an event
 * at max_demand 1.
 */
#include "edge/rack.h"
#include "memory/pool.h"
#include "stage/handle.h"
#include "stage/keeping.h"
#include "stage/subscription.h"

/* Nothing waits before it, and nothing is to keep it from being handled now. */
static inline bool may_go_first(const weir_stage *stage, const struct weir__edge *edge) {
    return WEIR__PART(stage, lend) == NULL && edge->paced == 0 && weir__queue_empty(&stage->inq) &&
           weir__queue_empty(&edge->partial) &&
           (stage->kind == WEIR_CONSUMER || weir__stage_has_appetite(stage));
}

/* A batch of `count` is next: how many it makes due. */
static inline uint64_t take_from_window(weir_stage *stage, struct weir__edge *edge,
                                        uint64_t count) {
    uint64_t over = 0;
    uint64_t ask_for = weir__window_take(&edge->window, count, &over);
    if (WEIR__UNLIKELY(over > 0)) {
        weir__stage_excess(stage, over);
    }
    return ask_for;
}

/* Asks for what a batch has made due, and tells who has published so far. */
static inline void ask_on(weir_stage *stage, struct weir__edge *edge, uint64_t ask_for,
                          uint64_t bytes) {
    if (ask_for > 0) {
        weir__subscription_ask(stage, edge, ask_for);
    }
    weir__outbox_flush(&stage->host->outbox);
    if (ask_for > 0) {
        weir__outbox_touched_much(edge, WEIR__DEMAND, bytes);
    }
}

/* ---- inline events ------------------------------------------------------- */

/*
 * Hands inline events to handle_events, which may forward or stash them.  Returns how many it
 * leaves.  Their slot is freed behind what that emitted: the producer looks at that line, and what
 * goes to it would wait for the line.
 */
static inline uint32_t handle_entry(weir_stage *stage, struct weir__edge *edge,
                                    const struct weir__entry *entry) {
    struct weir__item item = {
        .count = entry->count, .event_bytes = weir__entry_event_bytes(entry), .owner = edge};
    stage->host->batch_events = entry->events;
    weir__stage_handle(stage, &item, entry->events);
    weir__edge_free_slot(edge);
    return entry->count - item.count;
}

static WEIR__NOINLINE bool handle_by_hand(weir_stage *stage, struct weir__edge *edge,
                                          const struct weir__entry *entry) {
    uint64_t nothing = 0;
    uint32_t rest = handle_entry(stage, edge, entry);
    if (rest > 0) {
        weir__stage_rested(stage, edge, rest, &nothing, false);
    }
    weir__outbox_flush(&stage->host->outbox);
    return true;
}

/* (No edge with a load has such.)  false: cut by the general path, which can be paused. */
bool weir__stage_straight_inline(weir_stage *stage, struct weir__edge *edge,
                                 const struct weir__entry *entry) {
    if (!may_go_first(stage, edge)) {
        return false;
    }
    if (edge->manual) {
        return handle_by_hand(stage, edge, entry);
    }
    uint64_t left = entry->count;
    weir__window_message(&edge->window);
    if (weir__window_batch(&edge->window, left) < left) {
        return false; /* rare */
    }
    uint64_t ask_for = take_from_window(stage, edge, left);
    uint32_t rest = handle_entry(stage, edge, entry);
    if (WEIR__UNLIKELY(rest > 0)) {
        weir__stage_rested(stage, edge, rest, &ask_for, true);
    }
    ask_on(stage, edge, ask_for, 0);
    return true;
}

/* ---- slices -------------------------------------------------------------- */

/* Events, without a bound in bytes, whose handler is not a part that counts by itself; and all of
 * them were asked for. */
static inline bool is_plain(const weir_stage *stage, const struct weir__edge *edge,
                            const struct weir__entry *entry) {
    return (entry->flags & (WEIR__MORE | WEIR__MARK)) == 0 && !edge->manual && edge->load == NULL &&
           !stage->counts_handled && entry->count <= edge->window.outstanding;
}

/* So many of an entry's events, from that one of its block on. */
static inline struct weir__item slice_from(struct weir__edge *edge, const struct weir__entry *entry,
                                           uint32_t first, uint64_t count) {
    return (struct weir__item){.block = entry->block,
                               .first = first,
                               .count = (uint32_t)count,
                               .flags = entry->flags,
                               .event_bytes = weir__entry_event_bytes(entry),
                               .owner = edge};
}

/* What there is no budget for, or what comes behind a rest: it waits as what has begun.  There is
 * room in the queue. */
static WEIR__NOINLINE void put_off(weir_stage *stage, struct weir__item item) {
    weir__queue_push(&stage->inq, item);
    stage->inq_fresh++;
}

/* Batches of a slice, one after the other. */
static inline void handle_slice(weir_stage *stage, struct weir__edge *edge,
                                const struct weir__entry *entry, uint32_t *budget) {
    uint32_t first = entry->first;
    uint64_t left = entry->count;
    bool on = true;
    weir__window_message(&edge->window);
    stage->message_windowed = true;
    stage->pulled += 1 + weir__window_more(&edge->window, left);
    while (left > 0 && WEIR__LIKELY(on)) {
        uint32_t count = (uint32_t)weir__window_batch(&edge->window, left);
        uint64_t ask_for = weir__window_take_asked(&edge->window, count);
        left -= count;
        stage->message_left = left;
        stage->begun = left > 0;
        if (left > 0) {
            weir__block_hold_here(entry->block, &stage->host->pool);
        }
        struct weir__item item = slice_from(edge, entry, first, count);
        weir__stage_handle(stage, &item, weir__block_at(item.block, first, item.event_bytes));
        first += count;
        bool rests = (item.flags & WEIR__REST) != 0;
        if (WEIR__UNLIKELY(rests)) {
            weir__stage_rested(stage, edge, count - item.count, &ask_for, true);
        }
        ask_on(stage, edge, ask_for, (uint64_t)count * item.event_bytes);
        weir__stage_spend(stage, budget);
        on = !(rests || *budget == 0 || stage->stopping);
    }
    if (WEIR__UNLIKELY(left > 0)) {
        put_off(stage, slice_from(edge, entry, first, left));
    }
}

bool weir__stage_straight(weir_stage *stage, struct weir__edge *edge,
                          const struct weir__entry *entry, uint32_t *budget) {
    if (!may_go_first(stage, edge) || !is_plain(stage, edge, entry) ||
        !weir__queue_reserve(&stage->inq, 1)) { /* for what is put off; a rest sees to its own */
        return false;
    }
    handle_slice(stage, edge, entry, budget);
    return true;
}
