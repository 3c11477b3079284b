/*
 * Processors: what their files share.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   processor.c        a stage's callbacks: batches, and where their messages go
 *   processor_again.c  one message; those that wait, and are tried again
 *   work.c             what handle_message does with its message
 *
 * All of a processor belongs to the worker of its stage.
 */
#ifndef WEIR__PIPELINE_PROCESSOR_H
#define WEIR__PIPELINE_PROCESSOR_H

#include "pipeline/pipeline.h"

static inline bool weir__pipeline_has_batchers(const weir_pipeline *pipeline) {
    return pipeline->options.batcher_count > 0;
}

/* Of a message with that outcome: it leaves its batch, to wait or as a dead letter. */
static inline bool weir__pipeline_sends_away(const weir_pipeline *pipeline, uint8_t outcome) {
    return outcome == WEIR_MESSAGE_RETRY ||
           (outcome == WEIR_MESSAGE_DEAD && pipeline->dead_bin != NULL);
}

/* Whether what fails here now is given back rather than tried again. */
static inline bool weir__processor_gives_back(const struct weir__processor *processor) {
    return processor->finishing || weir__pipeline_draining(processor->member->pipeline);
}

/* Calls handle_message, and writes down what it says. */
void weir__processor_handle(struct weir__processor *processor, weir_stage *self,
                            weir_message *message);

/* Says what becomes of messages that lie side by side, of some of which it has said no good. */
void weir__processor_judge(struct weir__processor *processor, weir_message *messages, size_t count);

/* What waits is given back, for that. */
void weir__processor_give_back(struct weir__processor *processor, weir_discard why);

/* What waits and is due is tried again. */
void weir__processor_try_due(struct weir__processor *processor, weir_stage *self);

#endif
