/*
 * Work: a running handle_message, and what it makes beside its message.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What weir_work_more makes lies in the processor's `more`, until the callback of its stage ends.
 */
#ifndef WEIR__PIPELINE_WORK_H
#define WEIR__PIPELINE_WORK_H

#include "pipeline/pipeline.h"

struct weir_work {
    weir_stage *self; /* NULL: a task of a blocking processor */
    struct weir__processor *processor;
    weir_message *message;
};

/* Calls handle_message.  Returns what it has said, as a weir_outcome: FAILED for nonsense. */
uint8_t weir__work_call(weir_pipeline *pipeline, struct weir_work *work);

/* Those from that one on are not to be: their source is not told to wait for them. */
void weir__work_undo(struct weir__processor *processor, size_t from);

/* Emits them, or settles them where there are no batchers. */
void weir__work_send_more(struct weir__processor *processor, weir_stage *self);

#endif
