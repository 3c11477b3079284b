/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENDING_H
#define WEIR_ENDING_H
#include <weir/events.h>
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
weir_status weir_finish(weir_runtime *runtime, weir_ref stage);
weir_verdict weir_finish_with(weir_stage *self, weir_reason reason);
weir_status weir_busy(weir_runtime *runtime, weir_ref stage, weir_token *out);
weir_status weir_done(weir_runtime *runtime, weir_token token);
weir_status weir_feeds(weir_runtime *runtime, weir_ref feeder, weir_ref stage);
bool weir_ending(const weir_runtime *runtime, weir_ref stage);
bool weir_ending_here(void);
weir_status weir_wait(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                      weir_reason *reason);
weir_status weir_on_end(weir_runtime *runtime, weir_ref stage,
                        void (*ended)(void *context, weir_ref stage, weir_reason reason),
                        void *context);
weir_status weir_end_fd(weir_runtime *runtime, weir_ref stage, int *out);
#ifdef __cplusplus
}
#endif
#endif
