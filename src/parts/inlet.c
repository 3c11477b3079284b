/*
 * The inlet: a producer stage that any thread pushes into.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * This file is the stage's side, on its worker; inlet_push.c is the pushers', and
 * port_take.c and port.c are those of the ports.  It is opened by inlet_open.c.
 */
#include "parts/port.h"

void weir__inlet_made_room(weir_inlet *inlet, uint64_t charge) {
    weir__fetch_sub_u64(&inlet->waiting, charge); /* I7 -> I8 */
    weir__inlet_tell_room(inlet);
}

void weir__inlet_shuts(weir_inlet *inlet) {
    weir__berth_ring(&inlet->room);
    weir__lamp_tell(&inlet->room_lamp);
}

uint64_t weir__inlet_count_dropped(weir_inlet *inlet) {
    return weir__exchange_u64(&inlet->newest_dropped, 0);
}

/* ---- the worker's side --------------------------------------------------- */

static weir_inlet *inlet_of(weir_stage *self) {
    return *(weir_inlet **)weir_state(self);
}

/* Accepted and dropped, never emitted: on the books as emitted and discarded. */
static void discard(weir_stage *self, uint64_t count, weir_discard cause) {
    weir__stage_count_out(self, count);
    weir__stage_discard(self, count, cause, false);
}

static void append_chunk(weir_inlet *inlet, struct weir__chunk *chunk) {
    if (inlet->first == NULL) {
        inlet->first = chunk;
    } else {
        inlet->last->link.next = &chunk->link;
    }
    chunk->link.next = NULL;
    inlet->last = chunk;
    inlet->queued += chunk->charge;
}

static void collect(weir_inlet *inlet) {
    ck_stack_entry_t *entry = weir__stack_take_in_order(&inlet->pushed); /* I1 -> I2, I5 -> I6 */
    while (entry != NULL) {
        struct weir__chunk *chunk = weir__chunk_of(entry);
        entry = entry->next;
        if (!weir__chunk_is_mark(chunk) || !weir__inlet_joins_mark(inlet, chunk)) {
            append_chunk(inlet, chunk);
        }
    }
}

/* Takes up to `count` events off the front, as far as the next mark, or as there is room for in
 * bytes; `self` emits them, NULL drops them for that. */
static bool take_front(weir_inlet *inlet, weir_stage *self, uint64_t count, weir_discard why) {
    while (count > 0 && inlet->first != NULL && !weir__chunk_is_mark(inlet->first)) {
        struct weir__chunk *chunk = inlet->first;
        uint64_t left = weir__inlet_chunk_count(inlet, chunk) - chunk->first;
        uint64_t part = left < count ? left : count;
        part = self != NULL ? weir__inlet_portion(self, part) : part;
        if (part == 0) {
            return true;
        }
        const unsigned char *events = chunk->events + chunk->first * inlet->bounds.event_bytes;
        uint64_t charge = weir__charge_of(&inlet->bounds, events, (size_t)part);
        if (self == NULL) {
            weir__inlet_drop(inlet, events, part, why);
        } else if (weir_emit(self, events, (size_t)part) != WEIR_OK) {
            return false;
        }
        count -= part;
        inlet->queued -= charge;
        chunk->first += (size_t)part;
        if (part == left) {
            inlet->first = weir__chunk_of(chunk->link.next);
            weir__inlet_free_chunk(inlet, chunk);
        }
    }
    return true;
}

/* How many of the oldest there are too many, of events of any length, before the next mark. */
static uint64_t spans_beyond(const weir_inlet *inlet) {
    const struct weir__chunk *chunk = inlet->first;
    size_t index = chunk->first;
    uint64_t count = 0;
    for (uint64_t queued = inlet->queued; !weir__charge_fits(&inlet->bounds, queued, 0, 1);) {
        const unsigned char *event = chunk->events + index * inlet->bounds.event_bytes;
        queued -= weir__charge_of(&inlet->bounds, event, 1);
        count++;
        if (++index == weir__inlet_chunk_count(inlet, chunk)) {
            chunk = weir__chunk_of(chunk->link.next);
            index = 0;
            if (chunk == NULL || weir__chunk_is_mark(chunk)) {
                break;
            }
        }
    }
    return count;
}

/* Drops up to `count` events before the next mark.  Returns how many that were. */
static uint64_t drop_front(weir_inlet *inlet, uint64_t count, weir_discard why) {
    uint64_t before = inlet->queued;
    take_front(inlet, NULL, count, why);
    return weir__charge_events(&inlet->bounds, before - inlet->queued);
}

/* Marks between those have nothing before them then, and go. */
static void drop_oldest_pushed(weir_stage *self, weir_inlet *inlet) {
    const struct weir__bounds *bounds = &inlet->bounds;
    uint64_t before = inlet->queued;
    uint64_t count = 0;
    while (inlet->when_full == WEIR_DROP_OLDEST &&
           !weir__charge_fits(bounds, inlet->queued, 0, 1)) {
        uint64_t most = bounds->bytes == 0 ? inlet->queued - bounds->events : spans_beyond(inlet);
        count += drop_front(inlet, most, WEIR_DISCARD_OVERFLOW);
        weir__inlet_pass_marks(inlet, self);
    }
    if (inlet->queued != before) {
        weir__inlet_made_room(inlet, before - inlet->queued);
        discard(self, count, WEIR_DISCARD_OVERFLOW);
    }
}

/* It ends: all that waits is dropped.  Returns how many events that were. */
static uint64_t drop_queued(weir_inlet *inlet) {
    uint64_t count = 0;
    while (inlet->first != NULL) {
        weir__inlet_pass_marks(inlet, NULL);
        count += drop_front(inlet, UINT64_MAX, WEIR_DISCARD_STOPPED);
    }
    return count;
}

/* Whatever came onto the stacks, or was dropped. */
static void gather(weir_stage *self, weir_inlet *inlet) {
    uint64_t marks = weir__load_acquire_u64(&inlet->marks); /* I11 -> I12: before the stack */
    if (WEIR__UNLIKELY(marks != inlet->marks_seen)) {
        inlet->marks_seen = marks;
        inlet->marks_due = true;
    }
    if (weir__load_relaxed_ptr(&inlet->fresh.head) != NULL) {
        weir__ports_adopt(inlet);
    }
    if (weir__load_relaxed_u64(&inlet->newest_dropped) > 0) {
        discard(self, weir__inlet_count_dropped(inlet), WEIR_DISCARD_OVERFLOW);
    }
    if (weir__load_relaxed_ptr(&inlet->pushed.head) != NULL) {
        collect(inlet);
        drop_oldest_pushed(self, inlet);
    }
}

/*
 * Blocked pushers are not woken for each event that leaves, only to sleep again: but
 * for a good part of the capacity, when nothing more leaves, and now and then (look).
 */
static void make_room_and_seldom_wake(weir_inlet *inlet, uint64_t charge) {
    weir__fetch_sub_u64(&inlet->waiting, charge); /* I7 -> I8 */
    inlet->unwoken += charge;
    if (weir__charge_is_good(&inlet->bounds, inlet->unwoken)) {
        inlet->unwoken = 0;
        weir__inlet_tell_room(inlet);
    }
}

static bool take_queue(weir_inlet *inlet, weir_stage *self, uint64_t *open) {
    uint64_t before = inlet->queued;
    uint64_t taken = 1;
    bool emitted = true;
    weir__inlet_pass_marks(inlet, self);
    while (emitted && taken > 0 && *open > 0 && inlet->first != NULL) {
        uint64_t queued = inlet->queued;
        emitted = take_front(inlet, self, *open, WEIR_DISCARD_STOPPED);
        taken = weir__charge_events(&inlet->bounds, queued - inlet->queued);
        *open -= taken;
        weir__inlet_pass_marks(inlet, self);
    }
    if (inlet->queued != before) {
        make_room_and_seldom_wake(inlet, before - inlet->queued);
    }
    return emitted;
}

/* Marks that came, and have nothing before them, need no demand. */
static void pass_due_marks(weir_inlet *inlet, weir_stage *self) {
    uint64_t open = 0;
    inlet->marks_due = false;
    take_queue(inlet, self, &open);
    weir__ports_pass_marks(inlet, self);
    weir__ports_adopt(inlet);
    weir__inlet_combine(inlet, self);
}

/* The queue and the ports take turns at being first.  False: no memory. */
static bool take_stack(weir_inlet *inlet, weir_stage *self, uint64_t open) {
    uint64_t most = open;
    bool port_first = inlet->port_next;
    bool emitted = true;
    inlet->port_next = !port_first;
    if (inlet->queued > 0 && !port_first) {
        emitted = take_queue(inlet, self, &open);
    }
    if (emitted && open > 0 && inlet->ports > 0) {
        emitted = weir__ports_take(inlet, self, &open);
    }
    if (emitted && open > 0 && inlet->queued > 0) {
        emitted = take_queue(inlet, self, &open);
    }
    inlet->left += most - open;
    return emitted;
}

/* It was finished, and nothing is or will be on its way. */
static bool is_empty(const weir_inlet *inlet) {
    weir__fence_full();                                    /* A7 -> A8: after finished */
    return weir__load_relaxed_u64(&inlet->waiting) == 0 && /* I3 -> I4 */
           weir__ports_empty(inlet);
}

static bool is_wanted(const weir_stage *self) {
    return self->mode == WEIR_FORWARD && weir__stage_is_asked(self);
}

static weir_verdict emit(weir_stage *self, weir_inlet *inlet) {
    /* While demand is held back, events wait in here, where the capacity holds. */
    uint64_t open = is_wanted(self) ? weir__stage_open_demand(self) : 0;
    uint64_t left = inlet->left;
    if (open > 0 && !take_stack(inlet, self, open)) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    if (WEIR__UNLIKELY(inlet->marks_due)) {
        pass_due_marks(inlet, self);
    }
    if (inlet->keeper != NULL) {
        inlet->keeper->asked(inlet->keeper, inlet, open - (inlet->left - left));
    }
    inlet->finish_seen = weir__load_relaxed_u32(&inlet->finished) == WEIR__INLET_FINISHED;
    self->is_shut = inlet->finish_seen;
    return inlet->finish_seen ? WEIR_FINISH : WEIR_CONTINUE; /* what it has goes out first */
}

/* What has come free, or that it is finished, is told; who lies down after that sees it himself. */
static void settle(weir_inlet *inlet) {
    uint32_t finished = weir__load_relaxed_u32(&inlet->finished);
    bool all = finished != inlet->finished_at_settle;
    inlet->unsettled = 0;
    inlet->unwoken = 0;
    if (inlet->left != inlet->left_at_settle) {
        weir__inlet_tell_room(inlet); /* I7 -> I8 */
    }
    inlet->left_at_settle = inlet->left;
    inlet->finished_at_settle = finished;
    weir__ports_settle(inlet, all);
    if (inlet->keeper != NULL) {
        inlet->keeper->settled(inlet->keeper);
    }
}

/*
 * Who waits for room is told as a good part of it comes free, and of the rest when nothing
 * more leaves; but another's events may leave for ever, so now and then all the same.
 */
static bool look_at_stacks(weir_stage *self) {
    enum { UNSETTLED_MOST = 16 };
    weir_inlet *inlet = inlet_of(self);
    weir__stage_enter(self);
    gather(self, inlet);
    weir__stage_leave(self, "poke", emit(self, inlet));
    bool moved = inlet->left != inlet->left_at_look; /* now, or as demand came */
    inlet->left_at_look = inlet->left;
    if (moved && ++inlet->unsettled < UNSETTLED_MOST) {
        return true;
    }
    settle(inlet);
    return moved || inlet->marks_due;
}

/* Only events may come that nobody wants: until there is demand it need not look. */
static bool waits_for_demand(const weir_stage *self, const weir_inlet *inlet) {
    bool drops = inlet->when_full == WEIR_DROP_NEWEST || inlet->when_full == WEIR_DROP_OLDEST;
    return !is_wanted(self) && !drops && !inlet->finish_seen && !self->finishing;
}

/* After poked was given up. */
static bool inlet_news(weir_stage *self) {
    const weir_inlet *inlet = inlet_of(self);
    bool finish = weir__load_relaxed_u32(&inlet->finished) == WEIR__INLET_FINISHED;
    if (finish != inlet->finish_seen || weir__load_relaxed_ptr(&inlet->fresh.head) != NULL ||
        weir__load_relaxed_u64(&inlet->marks) != inlet->marks_seen) { /* I11 -> I12 */
        return true;
    }
    return !waits_for_demand(self, inlet) && (weir__load_relaxed_ptr(&inlet->pushed.head) != NULL ||
                                              weir__load_relaxed_u64(&inlet->newest_dropped) > 0 ||
                                              weir__ports_news(inlet, is_wanted(self)));
}

/* What it looks for has come, but for what is amid its push. */
static bool has_come(weir_stage *self) {
    const weir_inlet *inlet = inlet_of(self);
    bool pushed = weir__load_relaxed_ptr(&inlet->pushed.head) != NULL || weir__ports_come(inlet);
    return weir__load_relaxed_u64(&inlet->marks) != inlet->marks_seen ||
           (pushed && !waits_for_demand(self, inlet));
}

static bool inlet_rests(weir_stage *self) {
    weir_inlet *inlet = inlet_of(self);
    bool waits = waits_for_demand(self, inlet);
    return weir__quay_rest(&inlet->quay, waits ? WEIR__POKED_WAITS : WEIR__POKED_COLD, self,
                           inlet_news); /* I1 -> I2, A5 -> A6 */
}

/*
 * Demand is looked at where it changes (supply), not summed here: a consumer
 * that leaves takes its demand along, and what is pushed then waits in here,
 * within the capacity.
 */
static weir_verdict handle_demand(weir_stage *self, uint64_t demand) {
    (void)self;
    (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict supply(weir_stage *self) {
    weir_inlet *inlet = inlet_of(self);
    weir__quay_look_on(&inlet->quay, self); /* before it looks: the token is its own again */
    gather(self, inlet);
    return emit(self, inlet);
}

/* False: it was something else, and is still. */
static bool goes_from(weir_inlet *inlet, uint32_t from, uint32_t to) {
    return weir__cas_u32(&inlet->finished, &from, to); /* I3 -> I4, A7 -> A8 */
}

/* As weir_inlet_finish, but on the worker; in a ring of stages in steps, of which the last may be
 * undone. */
static void shut(weir_stage *self, enum weir__shutting whom) {
    weir_inlet *inlet = inlet_of(self);
    switch (whom) {
    case WEIR__SHUT_ALL:
        weir__exchange_u32(&inlet->finished, WEIR__INLET_FINISHED); /* I3 -> I4, A7 -> A8 */
        break;
    case WEIR__SHUT_TRIED:
        goes_from(inlet, WEIR__INLET_WITHIN, WEIR__INLET_TRIED);
        return;
    default:
        if (!goes_from(inlet, WEIR__INLET_TRIED, WEIR__INLET_WITHIN)) {
            goes_from(inlet, WEIR__INLET_OPEN, WEIR__INLET_WITHIN);
        }
    }
    weir__inlet_shuts(inlet);
    weir__quay_look_on(&inlet->quay, self);
}

static void inlet_drained(weir_stage *self) {
    const weir_inlet *inlet = inlet_of(self);
    if (inlet->keeper != NULL) {
        inlet->keeper->finishes(inlet->keeper);
    }
}

static weir_holdup inlet_holds(const weir_stage *self) {
    const weir_inlet *inlet = *(weir_inlet *const *)self->state;
    uint32_t finished = weir__load_relaxed_u32(&inlet->finished);
    if (!is_empty(inlet)) {
        return WEIR_HOLDUP_DEMAND;
    }
    return finished == WEIR__INLET_FINISHED || finished == WEIR__INLET_TRIED
               ? WEIR_HOLDUP_NONE
               : WEIR_HOLDUP_PRODUCERS; /* of a kind */
}

/* Something has come. */
static weir_verdict inlet_poked(weir_stage *self) {
    weir_inlet *inlet = inlet_of(self);
    weir__quay_watch(self);
    gather(self, inlet);
    weir_verdict verdict = emit(self, inlet); /* before the mail behind it, such as a stop */
    weir__quay_release(&inlet->quay, 1);      /* the poke's */
    return verdict;
}

static weir_verdict inlet_init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.poke = inlet_poked,
                                                  .supply = supply,
                                                  .look = look_at_stacks,
                                                  .rest = inlet_rests,
                                                  .news = has_come,
                                                  .drained = inlet_drained,
                                                  .shut = shut,
                                                  .holds = inlet_holds};
    (void)argument;
    self->part = &calls;
    return WEIR_CONTINUE;
}

static void inlet_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    weir__quay_discarded(&inlet_of(self)->quay, self->name, count, cause);
}

static void inlet_terminate(weir_stage *self, weir_reason reason) {
    weir_inlet *inlet = inlet_of(self);
    self->ready->watched = false;
    inlet->reason = reason;
    weir__exchange_u32(&inlet->dead, 1); /* I5 -> I6 */
    weir__inlet_shuts(inlet);
    collect(inlet);
    uint64_t left = drop_queued(inlet);
    left += weir__ports_end(inlet);
    discard(self, weir__inlet_count_dropped(inlet), WEIR_DISCARD_OVERFLOW);
    discard(self, left, WEIR_DISCARD_STOPPED);
    if (inlet->keeper != NULL) {
        inlet->keeper->gone(inlet->keeper);
    }
    weir__quay_release(&inlet->quay, 1); /* the stage's */
}

const weir_callbacks weir__inlet_callbacks = {.init = inlet_init,
                                              .handle_demand = handle_demand,
                                              .discarded = inlet_discarded,
                                              .terminate = inlet_terminate};
