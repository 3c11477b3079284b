/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_answer {
    void *bytes;
    size_t room;
    size_t count;
} weir_answer;
weir_status weir_call(weir_runtime *runtime, weir_ref stage, const void *request, size_t bytes,
                      weir_answer *answer, uint64_t timeout_ns);
weir_status weir_reply(weir_runtime *runtime, weir_from from, const void *answer, size_t bytes);
weir_status weir_reply_after(weir_stage *self, weir_from from, const void *answer, size_t bytes);
weir_status weir_stop_wait(weir_runtime *runtime, weir_ref stage, weir_reason reason,
                           uint64_t timeout_ns);
weir_status weir_info_wait(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes,
                           uint64_t timeout_ns);
weir_status weir_demand_mode_of(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                weir_demand_mode *out);
weir_status weir_estimate_buffered(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                   uint64_t *out);
weir_status weir_consumers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count);
weir_status weir_producers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count);
typedef struct weir_lag {
    weir_subscription subscription;
    uint64_t open_demand;
    uint64_t silent_ns;
    bool leaving;
    uint32_t in_line;
    uintptr_t reserved[4];
} weir_lag;
weir_status weir_lags(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns, weir_lag *out,
                      size_t room, size_t *count);
#ifdef __cplusplus
}
#endif
#endif
