/*
 * Marks that are pushed into an inlet.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "parts/port.h"
#include "stage/mark.h"

/* ---- the worker's side ----------------------------------------------------- */

static weir_mark *mark_of_chunk(struct weir__chunk *chunk) {
    return (weir_mark *)(void *)chunk->events;
}

bool weir__inlet_joins_mark(weir_inlet *inlet, struct weir__chunk *chunk) {
    struct weir__chunk *last = inlet->last;
    if (inlet->first == NULL || !weir__chunk_is_mark(last) ||
        !weir__mark_replaces(mark_of_chunk(last), mark_of_chunk(chunk))) {
        return false;
    }
    *mark_of_chunk(last) = *mark_of_chunk(chunk);
    weir__inlet_made_room(inlet, chunk->charge);
    weir__inlet_free_chunk(inlet, chunk);
    return true;
}

void weir__inlet_pass_marks(weir_inlet *inlet, weir_stage *self) {
    while (inlet->first != NULL && weir__chunk_is_mark(inlet->first)) {
        struct weir__chunk *chunk = inlet->first;
        const weir_mark mark = *mark_of_chunk(chunk);
        inlet->first = weir__chunk_of(chunk->link.next);
        inlet->queued -= chunk->charge;
        inlet->left++;
        weir__inlet_free_chunk(inlet, chunk);
        if (self != NULL) {
            inlet->speaks = inlet->speaks || mark.kind == WEIR_MARK_WATERMARK;
            weir__inlet_emit_mark(inlet, self, &mark, &inlet->said);
        }
    }
}

static void emit_mark(weir_stage *self, const weir_mark *mark) {
    const struct weir__item item = weir__mark_item(mark);
    weir__stage_emit_mark(self, &item);
}

/* 0: somebody has said none yet. */
static uint64_t least_said(const weir_inlet *inlet) {
    uint64_t least = inlet->speaks ? inlet->said : UINT64_MAX;
    const weir_port *port = inlet->port;
    for (uint32_t left = inlet->ports; left > 0; left--) {
        port = port->next;
        least = port->said < least ? port->said : least;
    }
    return inlet->speaks || inlet->ports > 0 ? least : 0;
}

void weir__inlet_combine(weir_inlet *inlet, weir_stage *self) {
    if (weir__load_relaxed_ptr(&inlet->fresh.head) != NULL) {
        inlet->marks_due = true; /* again when that is known */
        return;
    }
    const uint64_t least = least_said(inlet);
    if (least > inlet->watermark) {
        inlet->watermark = least;
        emit_mark(self, &(weir_mark){
                            .kind = WEIR_MARK_WATERMARK, .source = inlet->source, .value = least});
    }
}

void weir__inlet_emit_mark(weir_inlet *inlet, weir_stage *self, const weir_mark *mark,
                           uint64_t *said) {
    if (mark->kind != WEIR_MARK_WATERMARK) {
        emit_mark(self, mark);
        return;
    }
    *said = mark->value;
    inlet->source = mark->source;
    weir__inlet_combine(inlet, self);
}

/* ---- any thread -------------------------------------------------------------- */

void weir__inlet_marked(weir_inlet *inlet) {
    weir__fetch_add_u64(&inlet->marks, 1); /* I11 -> I12 */
    weir__quay_poke(&inlet->quay);
}

weir_status weir__inlet_may_mark(weir_inlet *inlet, const weir_mark *mark) {
    if (!weir__mark_has_kind(mark)) {
        return weir__mark_refuse_kind(mark);
    }
    if (inlet->markless) {
        return weir__refuse(WEIR_INVALID, "this inlet takes no marks: its dispatcher %s",
                            "has consumers that compete, or holds events and has no `mark`");
    }
    return weir__inlet_know_feeder(inlet);
}

weir_status weir_inlet_push_mark(weir_inlet *inlet, const weir_mark *mark, uint64_t timeout_ns) {
    if (weir__inlet_unfit(inlet) || weir__missing(mark, "mark")) {
        return weir__refused();
    }
    const weir_status status = weir__inlet_may_mark(inlet, mark);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir__parcel parcel = {.events = mark, .payload = sizeof *mark, .charge = 1};
    return weir__inlet_push_parcel(inlet, &parcel, timeout_ns);
}
