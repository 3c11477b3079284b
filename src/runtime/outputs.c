/*
 * Outputs, as their stage is started, and as they are found: see outputs.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/outputs.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "os/lock.h"
#include "runtime/options.h"
#include "runtime/placement.h"
#include "runtime/start.h"

#include <stdio.h>

enum { NAME_BYTES = 256 };

/* ---- options ------------------------------------------------------------------- */

/* What comes out of it is put in by its stage's callbacks. */
static weir_verdict make_nothing(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

/* One output as a stage; its name goes to `name`. */
static weir_stage_options output_stage(const weir_stage_options *parent,
                                       const weir_output_options *output, char *name) {
    bool as_parent = output->event_bytes == 0 && output->type == NULL;
    size_t parents = parent->event_bytes != 0 ? parent->event_bytes : parent->takes_bytes;
    snprintf(name, NAME_BYTES, "%s/%s", weir__options_name(parent), output->name);
    return (weir_stage_options){.kind = WEIR_PRODUCER,
                                .name = name,
                                .registered = parent->registered,
                                .event_bytes = as_parent ? parents : output->event_bytes,
                                .type = as_parent ? parent->type : output->type,
                                .buffer_size = output->buffer_size,
                                .buffer_bytes = output->buffer_bytes,
                                .buffer_keep = output->buffer_keep,
                                .dispatcher = output->dispatcher,
                                .dispatcher_options = output->dispatcher_options,
                                .on_cancel = output->on_cancel,
                                .drop_unheard = output->drop_unheard,
                                .on = {.handle_demand = make_nothing}};
}

static weir_status check_holding(const weir_stage_options *options,
                                 const weir_output_options *output) {
    if (output->holds_back && options->kind == WEIR_PRODUCER) {
        return weir__refuse(WEIR_INVALID, "holds_back is for outputs of stages that take events");
    }
    if (output->holds_back && output->buffer_size == WEIR_NONE) {
        return weir__refuse(WEIR_INVALID, "buffer_size must not be WEIR_NONE with holds_back");
    }
    return WEIR_OK;
}

static weir_status check_output(const weir_stage_options *options,
                                const weir_output_options *output, unsigned workers) {
    char name[NAME_BYTES];
    if (WEIR__RESERVED_SET(output, "weir_output_options") || weir__missing(output->name, "name")) {
        return WEIR_INVALID;
    }
    weir_status status = check_holding(options, output);
    const weir_stage_options stage = output_stage(options, output, name);
    return status != WEIR_OK ? status : weir__options_stage(&stage, workers);
}

weir_status weir__options_outputs(const weir_stage_options *options, unsigned workers) {
    if (options->output_count > WEIR_OUTPUTS_LIMIT) {
        return weir__refuse(WEIR_INVALID, "output_count must be at most %d, got %zu",
                            WEIR_OUTPUTS_LIMIT, options->output_count);
    }
    if (options->output_count > 0 && options->outputs == NULL) {
        return weir__refuse(WEIR_INVALID, "outputs must be set when output_count is %zu",
                            options->output_count);
    }
    for (size_t i = 0; i < options->output_count; i++) {
        weir_status status = check_output(options, &options->outputs[i], workers);
        if (status != WEIR_OK) {
            return weir__refuse(status, "output %zu: %s", i + 1, weir_refusal());
        }
    }
    return WEIR_OK;
}

/* ---- starting ------------------------------------------------------------------ */

/* What its buffer takes is what its stage waits for; so nothing of it is discarded. */
static void let_hold_back(struct weir__outputs *outputs, struct weir__output *output, bool holds) {
    struct weir__buffer *buffer = &output->stage->buffer;
    if (holds) {
        output->hold_events = buffer->size;
        output->hold_bytes = buffer->most;
        buffer->size = UINT64_MAX;
        buffer->most = buffer->most == UINT64_MAX ? UINT64_MAX : UINT64_MAX - 1; /* and counted */
        output->stage->holds_back = true;
        outputs->hold_back = true;
    }
}

weir_status weir__outputs_open(weir_runtime *runtime, struct weir__worker *worker,
                               const weir_stage_options *options, struct weir__outputs **out) {
    struct weir__outputs *outputs = NULL;
    weir_status status = WEIR_OK;
    size_t bytes = sizeof *outputs + options->output_count * sizeof *outputs->at;
    *out = NULL;
    if (options->output_count == 0) {
        return WEIR_OK;
    }
    outputs = weir__alloc_zeroed(&runtime->allocator, bytes, 16);
    if (outputs == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu outputs", options->output_count);
    }
    outputs->bytes = bytes;
    while (outputs->count < options->output_count && status == WEIR_OK) {
        const weir_output_options *given = &options->outputs[outputs->count];
        struct weir__output *output = &outputs->at[outputs->count];
        char name[NAME_BYTES];
        weir_stage_options stage = output_stage(options, given, name);
        stage.worker = WEIR_WORKER(worker->index);
        status = weir__start_quietly(runtime, &stage, &output->ref, &output->stage);
        if (status == WEIR_OK) {
            outputs->count++;
            let_hold_back(outputs, output, given->holds_back);
        }
    }
    if (status != WEIR_OK) {
        weir__outputs_drop(runtime, outputs);
        return status;
    }
    *out = outputs;
    return WEIR_OK;
}

void weir__outputs_drop(weir_runtime *runtime, struct weir__outputs *outputs) {
    if (outputs == NULL) {
        return;
    }
    for (uint32_t i = 0; i < outputs->count; i++) {
        weir__start_undo(runtime, outputs->at[i].ref, outputs->at[i].stage);
    }
    weir__free(&runtime->allocator, outputs, outputs->bytes);
}

void weir__outputs_launch(weir_runtime *runtime, weir_stage *parent,
                          struct weir__outputs *outputs) {
    if (outputs == NULL) {
        return;
    }
    weir__outputs_adopt(parent, outputs);
    for (uint32_t i = 0; i < outputs->count; i++) {
        weir__start_launch(runtime, outputs->at[i].ref, outputs->at[i].stage);
    }
    weir__lock(&runtime->outputs_lock);
    weir__index_add(&runtime->outputs, &outputs->by_stage, parent->ref.bits);
    weir__unlock(&runtime->outputs_lock);
}

void weir__outputs_forget(weir_runtime *runtime, weir_stage *parent) {
    if (parent->outputs != NULL) {
        weir__lock(&runtime->outputs_lock);
        weir__index_remove(&runtime->outputs, &parent->outputs->by_stage);
        weir__unlock(&runtime->outputs_lock);
    }
}

/* ---- finding ------------------------------------------------------------------- */

/* {0}: it has not so many. */
static weir_ref look_up_output(weir_runtime *runtime, weir_ref stage, unsigned output,
                               unsigned *count) {
    weir_ref found = {0};
    weir__lock(&runtime->outputs_lock);
    const struct weir__outputs *outputs =
        WEIR__INDEX_FIND(&runtime->outputs, stage.bits, struct weir__outputs, by_stage);
    *count = outputs == NULL ? 0 : outputs->count;
    if (output <= *count) {
        found = outputs->at[output - 1].ref;
    }
    weir__unlock(&runtime->outputs_lock);
    return found;
}

weir_status weir_stage_output(weir_runtime *runtime, weir_ref stage, unsigned output,
                              weir_ref *out) {
    unsigned count = 0;
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_ref found = output == 0 ? stage : look_up_output(runtime, stage, output, &count);
    if (weir__registry_find(&runtime->registry, stage) == NULL) { /* behind the look-up: its end */
        return weir__refuse(WEIR_NO_STAGE, "stage names no living stage"); /* forgets them */
    }
    if (found.bits == 0) {
        return weir__refuse(WEIR_INVALID, "output must be at most %u, got %u", count, output);
    }
    if (weir__registry_find(&runtime->registry, found) == NULL) {
        return weir__refuse(WEIR_NO_STAGE, "output %u has ended", output);
    }
    *out = found;
    return WEIR_OK;
}
