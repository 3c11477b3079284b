/*
 * Starting: a stage whose options are checked.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__RUNTIME_START_H
#define WEIR__RUNTIME_START_H

#include "runtime/runtime.h"

/*
 * As weir_stage_start.  near: a stage that it will be subscribed to, for its place; {0}: none.
 * requests, unless NULL: receives those of its subscribe_to, linked by
 * producers_next, for the caller to send or to drop (request.h); the stage runs meanwhile.
 */
weir_status weir__start(weir_runtime *runtime, const weir_stage_options *options, weir_ref near,
                        weir_ref *out, struct weir__edge **requests);

/* The same, and the options are checked. */
weir_status weir__start_near(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref near, weir_ref *out);

/*
 * For outputs.c: a stage without subscriptions is made on the worker that its options name, and
 * nobody knows it; then nothing comes of it, or it is launched.
 */
weir_status weir__start_quietly(weir_runtime *runtime, const weir_stage_options *options,
                                weir_ref *ref, weir_stage **out);
void weir__start_undo(weir_runtime *runtime, weir_ref ref, weir_stage *stage);
void weir__start_launch(weir_runtime *runtime, weir_ref ref, weir_stage *stage);

#endif
