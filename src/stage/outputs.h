/*
 * Outputs of a stage: producers beside it, to which its callbacks emit.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An output is a stage of the kind producer on the same worker, whose *parent* the stage is.  Its
 * handle_demand does nothing: what comes out of it the parent's callbacks have put into its
 * emission, which is dispatched as that of the callback is.  For all else it is a stage as any.
 *
 *   parent->outputs->at[n - 1].stage == the output number n, as long as both live; NULL then
 *   output->parent  ==  it, likewise.  An output with a parent is fed, and does not finish
 *   host->opened    ==  outputs that the callback that runs has emitted to; may_emit is true of
 *                       those, besides of the running stage alone
 *
 * Who holds back: a parent begins no message while one of its outputs that says so has as much in
 * its buffer as it takes; the output makes it ready as that becomes less, or as it ends.
 *
 * One owner: the worker of both; but `at[].ref` is constant, and looked at under the runtime's lock
 * (runtime/start.c), while the parent lives.
 */
#ifndef WEIR__STAGE_OUTPUTS_H
#define WEIR__STAGE_OUTPUTS_H

#include "stage/stage.h"

struct weir__outputs {
    struct weir__index_node by_stage; /* the runtime's (runtime/start.c) */
    size_t bytes;
    uint32_t count;
    bool hold_back; /* one of them does */
    struct weir__output {
        weir_stage *stage;
        weir_ref ref;
        uint64_t hold_events; /* of one that holds back: as many in its buffer, which has no */
        uint64_t hold_bytes;  /* bound of its own, keep its stage                            */
    } at[];
};

/* Takes them as its own, before the worker knows any. */
void weir__outputs_adopt(weir_stage *parent, struct weir__outputs *outputs);

/* How many it has had, and that one of them, from 0 on; NULL: it has ended. */
static inline uint32_t weir__outputs_count(const weir_stage *stage) {
    return WEIR__LIKELY(stage->outputs == NULL) ? 0 : stage->outputs->count;
}

static inline weir_stage *weir__outputs_at(const weir_stage *stage, uint32_t index) {
    return stage->outputs->at[index].stage;
}

/* The stage's callback may emit to it, until it returns; to the stage itself it may anyway. */
void weir__output_open(weir_stage *stage, weir_stage *output);

/* An output that holds the stage back now, or NULL. */
const weir_stage *weir__outputs_hold(const weir_stage *stage);

static inline bool weir__stage_is_held(const weir_stage *stage) {
    return WEIR__UNLIKELY(stage->outputs != NULL) && stage->outputs->hold_back &&
           weir__outputs_hold(stage) != NULL;
}

/* The buffer of one has become less: its parent may go on. */
static inline void weir__output_gave(const weir_stage *output) {
    if (WEIR__UNLIKELY(output->holds_back) && output->parent != NULL) {
        weir__ready_queue(output->parent->ready, false);
    }
}

/* The stage terminates: its outputs end, too; or it was one. */
void weir__outputs_end(weir_stage *stage);

#endif
