/*
 * The meter: see meter.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/meter.h"

#include "base/times.h"
#include "stage/stage.h"
#include "stage/stamp.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOKS_NS = 25000,   /* of turns, for each timed visit: its three looks take some 75 */
    EVERY_MOST = 1024,  /* visits that one may stand for, on average                    */
    WAKE_NS = 100000,   /* a gap behind which the first visit is timed anyway           */
    UNSEEN_NS = 500000, /* between two looks: a visit took long that was not timed      */
    WATCHED = 64,       /* stages that are timed all the more then                      */
    NOTE_NS = 1000000,  /* while the worker is busy                                     */
    NOTED_AT_ONCE = 64, /* stages                                                       */
    CALLS_TIMED = 4,    /* in one visit, of short ones                                  */
    LONG_NS = 100000    /* a callback behind which others of the worker come first      */
};

/* ---- what it is about ---------------------------------------------------- */

static bool has_hot_work(const weir_stage *stage) {
    const struct weir__ready_list *events = &stage->ready->hot[WEIR__EVENTS];
    const struct weir__ready_list *demand = &stage->ready->hot[WEIR__DEMAND];
    return (events->count > 0 && weir__edge_has_events(events->first->edge)) ||
           (demand->count > 0 && weir__edge_has_demand(demand->first->edge));
}

/* Of its first producers one owes it something: others hardly differ. */
static bool asks(const weir_stage *stage) {
    const struct weir__edge *edge = stage->producers;
    for (uint32_t i = 0; i < WEIR__EDGES_NOTED && edge != NULL; i++) {
        if (edge->asked > edge->received) {
            return true;
        }
        edge = edge->producers_next;
    }
    return false;
}

/* Of a stage that has nothing to do. */
static weir_stage_state lack_of(const weir_stage *stage) {
    if (stage->kind == WEIR_CONSUMER) {
        return asks(stage) ? WEIR_STATE_STARVED : WEIR_STATE_IDLE;
    }
    if (weir__stage_open_demand(stage) > 0) {
        return WEIR_STATE_STARVED;
    }
    bool has = stage->kind == WEIR_PRODUCER || weir__stage_has_input(stage) ||
               stage->buffer.queue.events > 0;
    return has ? WEIR_STATE_BLOCKED : WEIR_STATE_IDLE;
}

static bool has_work(const weir_stage *stage) {
    return stage->begun || stage->control.first != NULL || has_hot_work(stage) ||
           weir__ready_raised(stage->ready) ||
           (weir__stage_has_input(stage) && weir__stage_can_drain(stage));
}

static weir_stage_state state_now(const weir_stage *stage) {
    return has_work(stage) ? WEIR_STATE_WAITING : lack_of(stage);
}

/* ---- visits -------------------------------------------------------------- */

/* To a word of a slot that this worker alone writes. */
static void add_to(uint64_t *word, uint64_t more) {
    weir__sheet_put(word, *word + more);
}

/*
 * One visit took long, though none that was timed: those that come will all be timed for a while.
 * What they stand for until then is a visit more than were.
 */
static void watch_closely(struct weir__host *host) {
    weir_stage *stage = host->unnoted;
    for (uint32_t i = 0; i < WATCHED && stage != NULL; i++) {
        struct weir__meter *meter = &stage->meter;
        meter->mean_ns = meter->mean_ns < LOOKS_NS ? LOOKS_NS : meter->mean_ns;
        if (meter->left > 1) {
            meter->drawn -= meter->left - 1;
            meter->left = 1;
        }
        stage = meter->listed_next;
    }
}

static uint64_t clock_of(struct weir__host *host) {
    uint64_t before = host->now_ns;
    host->now_ns = weir_runtime_now(host->runtime);
    if (WEIR__UNLIKELY(host->now_ns - before >= UNSEEN_NS)) {
        watch_closely(host);
    }
    return host->now_ns;
}

/* A time that stands for `weight` like it; if it is long, that is one of a kind. */
static uint64_t weighed(uint64_t ns, uint32_t weight) {
    return ns <= LOOKS_NS ? ns * weight : (uint64_t)LOOKS_NS * (weight - 1) + ns;
}

static void enlist(weir_stage *stage) {
    struct weir__host *host = stage->host;
    struct weir__meter *meter = &stage->meter;
    meter->listed = true;
    meter->listed_previous = NULL;
    meter->listed_next = host->unnoted;
    if (host->unnoted != NULL) {
        host->unnoted->meter.listed_previous = stage;
    }
    host->unnoted = stage;
}

static void delist(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    if (!meter->listed) {
        return;
    }
    meter->listed = false;
    if (meter->listed_next != NULL) {
        meter->listed_next->meter.listed_previous = meter->listed_previous;
    }
    if (meter->listed_previous != NULL) {
        meter->listed_previous->meter.listed_next = meter->listed_next;
    } else {
        stage->host->unnoted = meter->listed_next;
    }
}

/* Of the visits that follow, the one that is timed: so many on, on average. */
static void draw_gap(struct weir__meter *meter, struct weir__host *host) {
    uint64_t every = LOOKS_NS / (meter->mean_ns + 1) + 1;
    every = every < EVERY_MOST ? every : EVERY_MOST;
    meter->turns += meter->drawn;
    meter->drawn = 1 + (uint32_t)weir__rng_below(&host->rng, 2 * every - 1);
    meter->left = 1; /* the next visit closes the gap */
    meter->closing = true;
}

/*
 * The stage had cooled.  How long that was.  Since others raised it, as far as the worker knows, it
 * has waited for who was visited meanwhile.
 */
static uint64_t end_cold_gap(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    uint64_t now = stage->host->now_ns;
    uint64_t gap = now - meter->since_ns;
    uint64_t came = stage->ready->came_ns;
    uint64_t waited = came > meter->since_ns && came < now ? now - came : 0;
    meter->cooled = false;
    meter->times[meter->state] += gap - waited;
    meter->times[WEIR_STATE_WAITING] += waited;
    return gap;
}

/* Of a gap in which it lacked something, and that ends with it there, one half. */
static uint64_t waited_in(const weir_stage *stage, uint64_t gap) {
    bool may_have = gap > LOOKS_NS && stage->meter.state != WEIR_STATE_WAITING;
    return may_have && has_work(stage) ? gap / 2 : 0;
}

/* The gap behind the last timed visit ends here. */
static void end_hot_gap(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    uint64_t gap = clock_of(stage->host) - meter->since_ns;
    uint64_t waited = waited_in(stage, gap);
    meter->closing = false;
    meter->times[meter->state] += weighed(gap, meter->weight) - waited;
    meter->times[WEIR_STATE_WAITING] += waited;
    meter->left = meter->drawn - 1;
}

static void begin_timed(struct weir__meter *meter, struct weir__host *host, uint32_t weight) {
    meter->weight = weight;
    meter->began_ns = clock_of(host);
    host->timed = CALLS_TIMED;
    host->stamps = WEIR__STAMPS_TIMED;
}

void weir__meter_begins_anew(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    struct weir__host *host = stage->host;
    bool wakes = false;
    if (!meter->listed) {
        enlist(stage);
    }
    if (meter->cooled) {
        wakes = end_cold_gap(stage) >= WAKE_NS;
    }
    if (meter->left == 0 && meter->closing) {
        end_hot_gap(stage);
    }
    if (meter->left == 0 || wakes) {
        begin_timed(meter, host, meter->left == 0 ? meter->drawn : 1);
    }
}

static void end_timed(weir_stage *stage, bool busy) {
    struct weir__meter *meter = &stage->meter;
    struct weir__host *host = stage->host;
    uint64_t now = clock_of(host);
    uint64_t took = now - meter->began_ns;
    uint64_t share = weighed(took, meter->weight);
    host->timed = 0;
    host->took_long = false;
    meter->times[busy ? WEIR_STATE_BUSY : meter->state] += share;
    if (busy) {
        add_to(&host->seen->turn_ns, share);
        meter->mean_ns += took / 8;
        meter->mean_ns -= meter->mean_ns / 8;
    }
    host->bell->came_ns = now - (took > LOOKS_NS ? took / 2 : 0);
    meter->since_ns = now;
    meter->state = (uint8_t)state_now(stage);
    if (meter->left == 0) {
        draw_gap(meter, host);
    }
    if (now - host->noted_ns >= NOTE_NS) {
        weir__meter_note(host, NOTED_AT_ONCE);
    }
}

void weir__meter_ends(weir_stage *stage, bool busy) {
    struct weir__host *host = stage->host;
    if ((host->stamps & WEIR__STAMPS_TIMED) != 0) {
        end_timed(stage, busy);
    }
    host->stamps = 0;
    host->origin_ns = 0;
}

void weir__meter_cools(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    if (meter->closing) { /* what follows is measured by itself */
        meter->closing = false;
        meter->left = meter->drawn;
    }
    meter->cooled = true;
    meter->since_ns = stage->host->now_ns;
    meter->state = (uint8_t)lack_of(stage);
}

/* ---- callbacks ----------------------------------------------------------- */

uint64_t weir__meter_clock(struct weir__host *host) {
    return clock_of(host);
}

weir_counters_times *weir__meter_times(struct weir__host *host, uint64_t owner, uint32_t *number) {
    weir_counters_times fresh = {.slot.kind = WEIR_COUNTERS_TIMES, .owner = owner};
    weir_counters_times *times = weir__sheet_take(host->sheet, 2, number);
    if (times != NULL) {
        weir__sheet_fill(times, &fresh, 2);
    }
    return times;
}

static void say_longest(weir_stage *stage, uint64_t took) {
    weir_counters_worker *seen = stage->host->seen;
    if (took > seen->longest_ns) {
        weir__sheet_put(&seen->longest_ns, took);
        weir__sheet_put(&seen->longest_stage, stage->ref.bits);
    }
}

void weir__meter_called(weir_stage *stage, uint64_t began_ns) {
    struct weir__meter *meter = &stage->meter;
    struct weir__host *host = stage->host;
    uint64_t took = clock_of(host) - began_ns;
    if (meter->handling == NULL) {
        meter->handling = weir__meter_times(host, stage->ref.bits, &meter->handling_number);
    }
    if (meter->handling != NULL) {
        weir__times_add(meter->handling, took);
    }
    say_longest(stage, took);
    if (took >= LONG_NS) {
        host->took_long = host->seen->thread != 0; /* by steps, turns are as long in any run */
    } else if (meter->mean_ns < LOOKS_NS) {
        host->timed--;
    }
}

/* ---- noting -------------------------------------------------------------- */

static void note_now(const weir_stage *stage, weir_counters_stage *slot) {
    bool emits = stage->kind != WEIR_CONSUMER;
    weir__sheet_put(&slot->buffered, stage->buffer.queue.events + stage->deferred.events);
    weir__sheet_put(&slot->held, emits ? stage->desk.held : 0);
    weir__sheet_put(&slot->stashed, stage->stash.events);
    weir__sheet_put(&slot->queued, stage->inq.events + stage->lent.events);
    weir__sheet_put(&slot->open_demand, emits ? weir__stage_open_demand(stage) : 0);
    weir__sheet_put(&slot->consumers, stage->known.count);
    weir__sheet_put(&slot->producers, stage->subscriptions.count);
}

static uint64_t handled_by(const weir_stage *stage) {
    const struct weir__tally *tally = &stage->meter.tally;
    return tally->events_in - tally->unhandled - stage->stash.events;
}

static void note_tally(const weir_stage *stage, weir_counters_stage *slot) {
    const struct weir__meter *meter = &stage->meter;
    const struct weir__tally *tally = &meter->tally;
    uint32_t since = meter->closing ? 0 : meter->drawn - meter->left;
    weir__sheet_put(&slot->turns, meter->turns + since);
    weir__sheet_put(&slot->batches, tally->batches);
    weir__sheet_put(&slot->events_in, tally->events_in);
    weir__sheet_put(&slot->handled, handled_by(stage));
    weir__sheet_put(&slot->bytes_in, tally->bytes_in);
    weir__sheet_put(&slot->demands, tally->demands);
    weir__sheet_put(&slot->events_out, tally->events_out);
    weir__sheet_put(&slot->messages, tally->messages);
    weir__sheet_put(&slot->calls, tally->calls);
    weir__sheet_put(&slot->restarts, tally->restarts);
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        weir__sheet_put(&slot->times[i], meter->times[i]);
    }
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) {
        weir__sheet_put(&slot->discarded[i], meter->discarded[i]);
    }
}

/* Those that are hot: others were noted as they cooled. */
static void note_hot(const struct weir__ready_list *hot) {
    const struct weir__ready_edge *ready = hot->first;
    for (uint32_t i = 0; i < hot->count && i < WEIR__EDGES_NOTED; i++, ready = ready->hot_next) {
        weir__edge_note(ready->edge, (enum weir__direction)ready->direction);
    }
}

/* Of a few, all: who asks by hand makes none hot. */
static void note_edges(const weir_stage *stage) {
    if (weir__stage_notes_as_they_cool(stage)) {
        note_hot(&stage->ready->hot[WEIR__DEMAND]);
        note_hot(&stage->ready->hot[WEIR__EVENTS]);
        return;
    }
    struct weir__edge *edge;
    for (edge = stage->consumers; edge != NULL; edge = edge->consumers_next) {
        weir__edge_note(edge, WEIR__DEMAND);
    }
    for (edge = stage->producers; edge != NULL; edge = edge->producers_next) {
        weir__edge_note(edge, WEIR__EVENTS);
    }
}

static void note_stage(weir_stage *stage, uint64_t now) {
    struct weir__meter *meter = &stage->meter;
    weir_counters_stage *slot = meter->slot;
    delist(stage);
    note_now(stage, slot);
    note_tally(stage, slot);
    note_edges(stage);
    weir__store_relaxed_u32(&slot->handling, meter->handling_number);
    weir__store_relaxed_u32(&slot->pipeline, meter->pipeline_number);
    weir__store_relaxed_u32(&slot->state, meter->state);
    weir__sheet_put(&slot->state_ns, meter->since_ns);
    weir__sheet_put(&slot->noted_ns, now);
}

static void note_worker(struct weir__host *host) {
    weir_counters_worker *seen = host->seen;
    weir__sheet_put(&seen->seen_ns, host->now_ns);
    weir__sheet_put(&seen->turns, host->counters.turns);
    weir__sheet_put(&seen->wakes, host->bell->wakes);
}

void weir__meter_note(struct weir__host *host, uint32_t most) {
    host->noted_ns = host->now_ns;
    note_worker(host);
    for (uint32_t i = 0; i < most && host->unnoted != NULL; i++) {
        note_stage(host->unnoted, host->now_ns);
    }
}

void weir__meter_rests(struct weir__host *host, bool rests) {
    weir_counters_worker *seen = host->seen;
    if (!rests) {
        host->bell->came_ns = host->now_ns;
        weir__sheet_put(&seen->rest_ns, seen->rest_ns + (host->now_ns - seen->seen_ns));
    }
    weir__sheet_put(&seen->seen_ns, host->now_ns);
    weir__sheet_put(&seen->asleep, rests);
}

void weir__meter_joins(struct weir__host *host, int stages) {
    weir__sheet_put(&host->seen->stages, host->seen->stages + (uint64_t)stages);
}

/* ---- begin and end ------------------------------------------------------- */

bool weir__meter_open(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    uint64_t now = weir_runtime_now(stage->host->runtime);
    weir_counters_stage fresh = {.slot.kind = WEIR_COUNTERS_STAGE,
                                 .ref = stage->ref.bits,
                                 .worker = (uint32_t)stage->host->seen->index,
                                 .stage_kind = stage->kind,
                                 .event_bytes = (uint32_t)stage->event_bytes,
                                 .state = WEIR_STATE_IDLE,
                                 .begun_ns = now,
                                 .state_ns = now};
    snprintf(fresh.name, sizeof fresh.name, "%s", stage->name);
    meter->slot = weir__sheet_take(stage->host->sheet, 1, &meter->number);
    if (meter->slot == NULL) {
        return false;
    }
    weir__sheet_fill(meter->slot, &fresh, 1);
    meter->left = meter->drawn = 1;
    meter->mean_ns = LOOKS_NS;
    meter->state = WEIR_STATE_IDLE;
    meter->since_ns = now;
    meter->cooled = true; /* till its first visit nobody looks at it */
    return true;
}

void weir__meter_sum(const weir_stage *stage) {
    const struct weir__meter *meter = &stage->meter;
    weir_counters_worker *seen = stage->host->seen;
    add_to(&seen->ended, 1);
    add_to(&seen->ended_batches, meter->tally.batches);
    add_to(&seen->ended_in, meter->tally.events_in);
    add_to(&seen->ended_out, meter->tally.events_out);
    add_to(&seen->ended_handled, handled_by(stage));
    add_to(&seen->ended_messages, meter->tally.messages);
    add_to(&seen->ended_calls, meter->tally.calls);
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) {
        add_to(&seen->ended_discarded[i], meter->discarded[i]);
    }
}

void weir__meter_late(struct weir__host *host, uint64_t handled, uint64_t lost) {
    add_to(&host->seen->ended_handled, handled);
    add_to(&host->seen->ended_discarded[WEIR_DISCARD_STOPPED], lost);
}

void weir__meter_close(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    struct weir__sheet *sheet = stage->host->sheet;
    delist(stage);
    if (meter->handling != NULL) {
        weir__sheet_give(sheet, meter->handling_number, 2);
    }
    if (meter->pipeline != NULL) {
        weir__sheet_give(sheet, meter->pipeline_number, 2);
    }
    if (meter->slot != NULL) {
        weir__sheet_give(sheet, meter->number, 1);
    }
}
