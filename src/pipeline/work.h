/*
 * Work: a running handle_message, and what it makes beside its message.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What it makes is in the stage's `made` until the stage's callback ends, or in one of the
 * processor's for tasks, until the task does.
 */
#ifndef WEIR__PIPELINE_WORK_H
#define WEIR__PIPELINE_WORK_H

#include "pipeline/pipeline.h"

struct weir_work {
    weir_stage *self; /* NULL: a task of a blocking processor */
    struct weir__processor *processor;
    weir_message *message;
    struct weir__made *made; /* NULL: a task has needed none yet */
};

/* Calls handle_message.  Returns what it has said, as a weir_outcome: FAILED for nonsense. */
uint8_t weir__work_call(weir_pipeline *pipeline, struct weir_work *work);

/* Emits what was made, or settles it where there are no batchers. */
void weir__work_send_more(struct weir__processor *processor, weir_stage *self);

/* A task has handled its message, well or not: the same, or what was made is not to be. */
void weir__work_end_task(struct weir_work *work, weir_task *self, bool well);

#endif
