/*
 * Rests: what a callback leaves of a batch or of a demand, and what tells it to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who makes many events of one, or long ones, looks at what is asked for (weir_open_demand) and
 * leaves the rest.  Of a batch that is put back as the front of the input queue: a message of its
 * own, that is begun again as any, by the gate that messages pass (intake.c).  The window is
 * told as if it had not come.
 *
 * Something must change before a rest is looked at again, or the stage would be called without
 * end.  Demand in events is the gate's affair.  What waits for bytes is called when a consumer
 * moves `done` (edge.h), or leaves; where one that has asked for more has nothing under way,
 * something could have gone, and there is nothing to wait for: it is called again soon.
 */
#include "base/refusal.h"
#include "memory/spans.h"
#include "stage/keeping.h"
#include "stage/limit.h"
#include "stage/stage.h"

/* ---- what is asked for ------------------------------------------------------ */

/* What the running callback has emitted so far, of which the most part was weighed before. */
static uint64_t weigh_emission(weir_stage *stage) {
    struct weir__weighed *weighed = &stage->weighed;
    const struct weir__queue *emission = &stage->emission;
    if (weighed->emission != stage->host->counters.emitted || weighed->events > emission->events) {
        *weighed = (struct weir__weighed){.emission = stage->host->counters.emitted};
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < emission->count; i++) {
        const struct weir__item *item = weir__queue_at(emission, i);
        uint64_t end = seen + item->count;
        if (end > weighed->events) {
            uint32_t first = (uint32_t)(weighed->events - seen);
            weighed->bytes += weir__item_weigh(item, first, item->count - first);
            weighed->events = end;
        }
        seen = end;
    }
    return weighed->bytes;
}

/*
 * What one consumer has room for: one event, however long it is, when it has none; so whoever asks
 * is told that anything goes, until he has emitted something.
 */
static uint64_t room_of(const weir_stage *stage, const struct weir__edge *edge) {
    bool free = edge->load == NULL || (edge->load->events == 0 && stage->emission.events == 0);
    return free ? UINT64_MAX : weir__load_room(edge->load);
}

/*
 * The most that one of those with open demand has room for; the least, where each event goes to
 * all of them that select it.  Demand that is nobody's in particular (of who competes, or has
 * left) has no bound.
 */
static uint64_t room_in_bytes(const weir_stage *stage) {
    bool all = stage->dispatch.table->selects;
    bool any = false;
    uint64_t room = UINT64_MAX;
    for (const struct weir__edge *edge = stage->consumers; edge != NULL;
         edge = edge->consumers_next) {
        if (weir__edge_open_demand(edge) > 0) {
            uint64_t its = room_of(stage, edge);
            bool better = all ? its < room : its > room;
            room = better || !any ? its : room;
            any = true;
        }
    }
    return room;
}

bool weir__stage_full(const weir_stage *stage) {
    return room_in_bytes(stage) == 0;
}

static uint64_t less(uint64_t from, uint64_t count) {
    return from > count ? from - count : 0;
}

weir_asked weir_open_demand(weir_stage *self) {
    if (weir__self_unfit(self) || self->kind == WEIR_CONSUMER || self->mode == WEIR_ACCUMULATE) {
        return (weir_asked){0};
    }
    if (self->relaxed) {
        return (weir_asked){.events = UINT64_MAX, .bytes = UINT64_MAX};
    }
    weir__stage_end_strip(self);
    weir_asked asked = {
        .events = less(weir__stage_open_demand(self), self->emission.events),
        .bytes = self->weighs ? room_in_bytes(self) : UINT64_MAX,
    };
    if (asked.events == 0) {
        asked.bytes = 0;
    } else if (asked.bytes != UINT64_MAX) {
        asked.bytes = less(asked.bytes, weigh_emission(self));
    }
    return asked;
}

/*
 * Each consumer that has asked for more has bytes that count, and will say when it is through with
 * them; of a broadcast's it is enough that one has.  false: something could go now.
 */
static bool waits_for_bytes(const weir_stage *stage) {
    const struct weir__edge *edge = stage->weighs ? stage->consumers : NULL;
    bool one_is_enough = stage->dispatch.table->selects;
    bool any = false;
    for (; edge != NULL; edge = edge->consumers_next) {
        if (weir__edge_open_demand(edge) > 0) {
            bool loaded = edge->load != NULL && edge->load->events > 0;
            if (loaded == one_is_enough) {
                return loaded;
            }
            any = any || loaded;
        }
    }
    return any;
}

/* ---- of a batch ------------------------------------------------------------- */

/* Why these may not come again; NULL: they may. */
static const char *unreturnable(const weir_stage *self, const struct weir__item *item,
                                size_t from) {
    const char *absent = weir__stage_not_in_batch(item, from, 0);
    if (absent != NULL) {
        return absent;
    }
    if ((item->flags & WEIR__STASHED) != 0 && from < self->stash_next) {
        return "those up to the last one stashed may be in the stash";
    }
    return weir__item_some_taken(item, from, item->count - from) ? "some of them were taken" : NULL;
}

/* It would be called again just so: no demand in events keeps it. */
static bool nothing_done(const weir_stage *stage, size_t from) {
    return from == 0 && stage->emission.events == 0 && stage->strip.to == NULL &&
           stage->kind == WEIR_PRODUCER_CONSUMER && !stage->relaxed &&
           stage->appetite == WEIR__TAKES_ON_DEMAND;
}

/* What was copied to be written to goes on as that; what was shown is done with. */
static void let_shown_go(struct weir__host *host, const struct weir__item *item, size_t from) {
    if ((item->flags & (WEIR__COPIED | WEIR__OWNING)) == (WEIR__COPIED | WEIR__OWNING)) {
        weir__owned_let_go(host->batch_shown, host->batch_shown_first + (uint32_t)from,
                           item->count - (uint32_t)from, weir__fate_of(WEIR_DISCARD_HANDLED),
                           &host->pool);
    }
}

/* The events, with a reference of their own, or in a block at last.  false: no memory. */
static bool hold_rest(weir_stage *self, const struct weir__item *item, size_t from,
                      struct weir__item *out) {
    *out = (struct weir__item){.count = item->count - (uint32_t)from,
                               .event_bytes = item->event_bytes,
                               .owner = item->owner};
    if (item->block == NULL) {
        const unsigned char *events = self->host->batch_events;
        return weir__stage_keep(self, NULL, events + from * item->event_bytes, out);
    }
    out->block = item->block;
    out->first = item->first + (uint32_t)from;
    out->flags = item->flags & WEIR__LASTING;
    weir__block_hold(out->block, &self->host->pool);
    return true;
}

weir_status weir_batch_rest(weir_stage *self, size_t from) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    struct weir__item *item = weir__stage_batch(self);
    const char *why = unreturnable(self, item, from);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot leave events from number %zu on: %s",
                            self->name, from, why);
    }
    struct weir__item rest;
    if (from == item->count) {
        return WEIR_OK;
    }
    /* One for the rest, one for what is left of its message behind it (straight.c). */
    if (!weir__queue_reserve(&self->inq, 2) || !hold_rest(self, item, from, &rest)) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory to leave %zu events",
                            (size_t)item->count - from);
    }
    let_shown_go(self->host, item, from);
    bool again = (item->flags & WEIR__REST) != 0; /* a second one, before the first */
    rest.flags |= self->message_left > 0 || again ? WEIR__MORE : 0;
    weir__queue_push_front(&self->inq, rest);
    bool waits = nothing_done(self, from) && waits_for_bytes(self);
    self->rest = waits ? WEIR__REST_BYTES : WEIR__REST_TURN;
    self->pieces_left += rest.count; /* with what it was a piece of */
    item->count = (uint32_t)from;
    item->flags |= WEIR__REST;
    return WEIR_OK;
}

void weir__stage_rested(weir_stage *stage, struct weir__edge *edge, uint64_t count,
                        uint64_t *ask_for, bool windowed) {
    if (windowed) {
        *ask_for += stage->pieces_left > count ? stage->pieces_ask : 0; /* more of it was to come */
        weir__window_return(&edge->window, stage->pieces_left, ask_for);
    }
    stage->pieces_left = 0;
    stage->message_left = 0;
    stage->begun = false;
    if (WEIR__UNLIKELY(weir__edge_is_limited(edge))) {
        weir__limit_rested(stage, edge);
    }
}

/* ---- of a demand ------------------------------------------------------------ */

/* What was left of a demand, and is to be asked for again, is mail to the stage itself. */
static void ask_rest_again(weir_stage *stage) {
    uint64_t count = stage->demand_rest;
    stage->demand_rest = 0;
    stage->desk.calls->demand_again(stage, count);
}

/* It waits for bytes to go, or for demand; where there is neither to wait for it comes soon. */
weir_status weir_demand_rest(weir_stage *self, uint64_t count) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    uint64_t most = weir__stage_can_emit(self) ? self->demand_left : 0;
    if (count > most) {
        return weir__refuse(WEIR_INVALID,
                            "count must be at most what is left of the last demand, %llu, got %llu",
                            (unsigned long long)most, (unsigned long long)count);
    }
    self->demand_left -= count;
    self->demand_rest += count;
    if (self->demand_rest > 0 && weir__stage_open_demand(self) > 0 && !waits_for_bytes(self)) {
        ask_rest_again(self);
    }
    return WEIR_OK;
}

void weir__stage_bytes_gone(weir_stage *stage) {
    stage->rest = WEIR__REST_READY;
    weir__stage_supply_soon(stage);
    if (stage->demand_rest > 0 && !stage->stopping) {
        ask_rest_again(stage);
    }
}
