/*
 * Outputs of a stage: see outputs.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/outputs.h"

#include "base/refusal.h"
#include "stage/ending.h"

void weir__outputs_adopt(weir_stage *parent, struct weir__outputs *outputs) {
    parent->outputs = outputs;
    for (uint32_t i = 0; outputs != NULL && i < outputs->count; i++) {
        weir_stage *output = outputs->at[i].stage;
        output->parent = parent;
        output->output = i + 1;
    }
}

/* ---- emitting to one --------------------------------------------------------- */

/* Why a callback cannot emit to it now, as a status; WEIR_OK: *out is that stage. */
static weir_status find_output(weir_stage *self, unsigned number, weir_stage **out) {
    const struct weir__outputs *outputs = self->outputs;
    uint32_t count = outputs == NULL ? 0 : outputs->count;
    if (number > count) {
        return weir__refuse(WEIR_INVALID, "output must be at most %u, for stage %s, got %u",
                            (unsigned)count, self->name, number);
    }
    *out = number == 0 ? self : outputs->at[number - 1].stage;
    if (*out == NULL) {
        return weir__refuse(WEIR_NO_STAGE, "output %u of stage %s has ended", number, self->name);
    }
    return self->may_emit ? WEIR_OK
                          : weir__refuse(WEIR_INVALID, "stage %s cannot emit here", self->name);
}

/* Until weir__outputs_leave. */
void weir__output_open(weir_stage *stage, weir_stage *output) {
    if (output != stage && !output->may_emit) {
        output->may_emit = true;
        output->opened_next = stage->host->opened;
        stage->host->opened = output;
    }
}

weir_status weir_emit_to(weir_stage *self, unsigned output, const void *events, size_t count) {
    weir_stage *to = self;
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    weir_status status = output == 0 ? WEIR_OK : find_output(self, output, &to);
    if (status != WEIR_OK) {
        return status;
    }
    weir__output_open(self, to);
    return weir_emit(to, events, count);
}

/* It has a turn of its own as well; what it did here is told with that of others. */
static void leave_output(weir_stage *output) {
    if (WEIR__METERED && WEIR__UNLIKELY(!output->meter.listed)) {
        weir__meter_list(output);
    }
    output->may_emit = false;
    output->reserved = 0;
    weir__stage_end_strip(output);
    if (output->emission.count > 0) {
        weir__stage_emitted(output);
    }
}

/* In the order in which they were opened: the list has the last one first. */
void weir__outputs_leave(struct weir__host *host) {
    weir_stage *in_order = NULL;
    while (host->opened != NULL) {
        weir_stage *output = host->opened;
        host->opened = output->opened_next;
        output->opened_next = in_order;
        in_order = output;
    }
    while (in_order != NULL) {
        weir_stage *output = in_order;
        in_order = output->opened_next;
        output->opened_next = NULL;
        leave_output(output);
    }
}

/* ---- forwarding to one ---------------------------------------------------------- */

/* Why these events of the batch at hand cannot go there; NULL: they can. */
static const char *unpassable(const weir_stage *self, const weir_stage *to,
                              const struct weir__item *item, size_t first, size_t count) {
    const char *absent = weir__stage_not_in_batch(item, first, count);
    if (absent != NULL) {
        return absent;
    }
    if ((item->flags & WEIR__STASHED) != 0 && first < self->stash_next) {
        return "those up to the last one stashed may be in the stash";
    }
    if (weir__item_some_taken(item, first, count)) {
        return "some of them were taken";
    }
    if (item->event_bytes != to->event_bytes) {
        return "the output's events are of another size";
    }
    return weir__item_type(item) == to->type ? NULL : "the output's events are of another type";
}

/* One more holder of a part of the batch, in the emission, where there is room for it. */
static bool pass_part(weir_stage *to, struct weir__item *item, size_t first, size_t count) {
    struct weir__item part = {.block = item->block,
                              .first = item->first + (uint32_t)first,
                              .count = (uint32_t)count,
                              .flags = (item->flags & WEIR__LASTING) | WEIR__ALIASED,
                              .event_bytes = item->event_bytes};
    if ((part.flags & WEIR__OWNING) != 0 && !weir__owned_hold(part.block, part.first, part.count)) {
        return false;
    }
    weir__block_hold(part.block, &to->host->pool);
    item->flags |= WEIR__ALIASED; /* who writes to the batch from here on has a copy */
    return weir__queue_push(&to->emission, part);
}

weir_status weir_forward_to(weir_stage *self, unsigned output, size_t first, size_t count) {
    weir_stage *to = self;
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    struct weir__item *item = weir__stage_batch(self);
    weir_status status = find_output(self, output, &to);
    if (status != WEIR_OK) {
        return status;
    }
    const char *why = unpassable(self, to, item, first, count);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID,
                            "stage %s cannot forward %zu events from number %zu on to output %u: "
                            "%s",
                            self->name, count, first, output, why);
    }
    if (count == 0) {
        return WEIR_OK;
    }
    weir__output_open(self, to);
    weir__stage_end_strip(to);
    to->reserved = 0;
    if (item->block == NULL) {
        const unsigned char *events = self->host->batch_events;
        return weir_emit(to, events + first * item->event_bytes, count);
    }
    return weir__queue_reserve(&to->emission, 1) && pass_part(to, item, first, count)
               ? WEIR_OK
               : weir__refuse(WEIR_NO_MEMORY, "no memory to forward %zu events", count);
}

/* ---- holding back ------------------------------------------------------------------ */

static bool is_full_output(const struct weir__output *output) {
    const struct weir__buffer *buffer = &output->stage->buffer;
    return buffer->queue.events >= output->hold_events || buffer->bytes >= output->hold_bytes;
}

const weir_stage *weir__outputs_hold(const weir_stage *stage) {
    const struct weir__outputs *outputs = stage->outputs;
    for (uint32_t i = 0; outputs != NULL && i < outputs->count; i++) {
        const weir_stage *output = outputs->at[i].stage;
        if (output != NULL && output->holds_back && is_full_output(&outputs->at[i])) {
            return output;
        }
    }
    return NULL;
}

/* ---- the end -------------------------------------------------------------------------- */

/* It finishes when what it holds has gone; as its parent stopped, it does. */
static void end_output(weir_stage *output, const weir_stage *parent) {
    output->parent = NULL;
    if (output->stopping) {
        return;
    }
    output->reason = parent->reason;
    if (parent->finishing && parent->end_told) {
        weir__stage_finish(output, false);
    } else {
        output->stopping = true;
    }
    weir__ready_queue(output->ready, false); /* it may have been told before, and have waited */
}

void weir__outputs_end(weir_stage *stage) {
    const struct weir__outputs *outputs = stage->outputs;
    for (uint32_t i = 0; outputs != NULL && i < outputs->count; i++) {
        if (outputs->at[i].stage != NULL) {
            end_output(outputs->at[i].stage, stage);
        }
    }
    if (stage->parent != NULL) {
        stage->parent->outputs->at[stage->output - 1].stage = NULL;
        weir__output_gave(stage);
        stage->parent = NULL;
    }
}
