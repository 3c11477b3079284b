/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TIMER_H
#define WEIR_TIMER_H
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
weir_status weir_send_after(weir_runtime *runtime, weir_ref stage, const void *message,
                            size_t bytes, uint64_t delay_ns, weir_timer *out);
weir_status weir_cancel_timer(weir_runtime *runtime, weir_timer timer);
#ifdef __cplusplus
}
#endif
#endif
