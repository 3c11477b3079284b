/*
 * What a meter has found is noted where others read it, from the stage's first day to its last.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See meter.h.
 */
#include "stage/meter.h"

#include "stage/stage.h"

#include <stdio.h>

/* ---- who has something to note ------------------------------------------- */

void weir__meter_list(weir_stage *stage) {
    struct weir__host *host = stage->host;
    struct weir__meter *meter = &stage->meter;
    meter->listed = true;
    meter->listed_next = NULL;
    meter->listed_previous = host->unnoted_last;
    if (host->unnoted_last != NULL) {
        host->unnoted_last->meter.listed_next = stage;
    } else {
        host->unnoted = stage;
    }
    host->unnoted_last = stage;
}

static void delist(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    if (!meter->listed) {
        return;
    }
    meter->listed = false;
    if (meter->listed_next != NULL) {
        meter->listed_next->meter.listed_previous = meter->listed_previous;
    } else {
        stage->host->unnoted_last = meter->listed_previous;
    }
    if (meter->listed_previous != NULL) {
        meter->listed_previous->meter.listed_next = meter->listed_next;
    } else {
        stage->host->unnoted = meter->listed_next;
    }
}

/* ---- noting -------------------------------------------------------------- */

static void note_now(const weir_stage *stage, weir_counters_stage *slot) {
    bool emits = stage->kind != WEIR_CONSUMER;
    weir__sheet_put(&slot->buffered, stage->buffer.queue.events + stage->deferred.events);
    weir__sheet_put(&slot->held, emits ? stage->desk.held : 0);
    weir__sheet_put(&slot->stashed, stage->stash.events + stage->kept);
    weir__sheet_put(&slot->queued, stage->inq.events + stage->lent.events + stage->limit_events);
    weir__sheet_put(&slot->open_demand, emits ? weir__stage_open_demand(stage) : 0);
    weir__sheet_put(&slot->consumers, stage->known.count);
    weir__sheet_put(&slot->producers, stage->subscriptions.count);
}

static uint64_t handled_by(const weir_stage *stage) {
    const struct weir__tally *tally = &stage->meter.tally;
    return tally->events_in - tally->unhandled - stage->stash.events - stage->kept;
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
    weir__store_relaxed_u32(&slot->handling, meter->handling.number);
    weir__store_relaxed_u32(&slot->pipeline, meter->pipeline.number);
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

/* The least of some: between others the thread may have been put aside.  By steps time stands still
 * or is its own. */
static uint64_t look_takes(const struct weir__host *host) {
    enum { LOOKS = 16 };
    uint64_t least = UINT64_MAX;
    uint64_t before = weir_runtime_now(host->runtime);
    for (int i = 0; i < LOOKS; i++) {
        uint64_t now = weir_runtime_now(host->runtime);
        least = now - before < least ? now - before : least;
        before = now;
    }
    return least;
}

void weir__meter_joins(struct weir__host *host, int stages) {
    if (host->look_ns == 0 && host->seen->thread != 0) {
        host->look_ns = look_takes(host);
    }
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
    meter->slot = weir__sheet_take(stage->host->sheet, weir_counters_slots(WEIR_COUNTERS_STAGE),
                                   &meter->number);
    if (meter->slot == NULL) {
        return false;
    }
    weir__sheet_fill(meter->slot, &fresh);
    meter->left = meter->drawn = 1;
    meter->mean_ns = meter->own_ns = WEIR__LOOKS_NS;
    meter->state = WEIR_STATE_IDLE;
    meter->since_ns = now;
    meter->cooled = true; /* till its first visit nobody looks at it */
    return true;
}

void weir__meter_sum(const weir_stage *stage) {
    const struct weir__meter *meter = &stage->meter;
    weir_counters_worker *seen = stage->host->seen;
    weir__count(&seen->ended, 1);
    weir__count(&seen->ended_batches, meter->tally.batches);
    weir__count(&seen->ended_in, meter->tally.events_in);
    weir__count(&seen->ended_out, meter->tally.events_out);
    weir__count(&seen->ended_handled, handled_by(stage));
    weir__count(&seen->ended_messages, meter->tally.messages);
    weir__count(&seen->ended_calls, meter->tally.calls);
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) {
        weir__count(&seen->ended_discarded[i], meter->slot->discarded[i]);
    }
}

void weir__meter_late(struct weir__host *host, uint64_t handled, uint64_t lost) {
    weir__count(&host->seen->ended_handled, handled);
    weir__count(&host->seen->ended_discarded[WEIR_DISCARD_STOPPED], lost);
}

void weir__meter_close(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    struct weir__sheet *sheet = stage->host->sheet;
    delist(stage);
    weir__timing_close(&meter->handling, sheet);
    weir__timing_close(&meter->pipeline, sheet);
    if (meter->slot != NULL) {
        weir__sheet_give(sheet, meter->number, weir_counters_slots(WEIR_COUNTERS_STAGE));
    }
}
