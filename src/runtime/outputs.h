/*
 * Outputs, as their stage is started, and as they are found.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They are made before their stage's init runs, and known before it is: so its first callback finds
 * them.  What they are, stage/outputs.h tells.
 */
#ifndef WEIR__RUNTIME_OUTPUTS_H
#define WEIR__RUNTIME_OUTPUTS_H

#include "runtime/runtime.h"
#include "stage/outputs.h"

/* Of a stage's options: OK, or which option of which output is bad. */
weir_status weir__options_outputs(const weir_stage_options *options, unsigned workers);

/* Makes those of a stage on that worker, which nobody knows yet.  *out: NULL: it has none. */
weir_status weir__outputs_open(weir_runtime *runtime, struct weir__worker *worker,
                               const weir_stage_options *options, struct weir__outputs **out);

/* Nothing has come of it. */
void weir__outputs_drop(weir_runtime *runtime, struct weir__outputs *outputs);

/* Their stage is made, and about to be known: they are. */
void weir__outputs_launch(weir_runtime *runtime, weir_stage *parent, struct weir__outputs *outputs);

/* Their stage has gone. */
void weir__outputs_forget(weir_runtime *runtime, weir_stage *parent);

#endif
