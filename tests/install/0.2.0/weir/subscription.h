/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SUBSCRIPTION_H
#define WEIR_SUBSCRIPTION_H
#include <weir/events.h>
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
#define WEIR_MAX_DEMAND_DEFAULT 1000
#define WEIR_MAX_DEMAND_LIMIT   1000000000
#define WEIR_PARTITION(number) ((unsigned)(number) + 1u)
typedef struct weir_subscribe_options {
    size_t max_demand;
    size_t min_demand;
    weir_cancel_mode cancel;
    void *user;
    bool (*selector)(void *context, const void *event);
    void (*select_many)(void *context, weir_batch batch, bool *wanted);
    void *selector_context;
    unsigned partition;
    const char *partition_name;
    uintptr_t reserved[4];
} weir_subscribe_options;
typedef struct weir_subscribe_to {
    weir_ref producer;
    const char *name;
    weir_subscribe_options options;
    uintptr_t reserved[2];
} weir_subscribe_to;
weir_status weir_subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                           const weir_subscribe_options *options, weir_subscription *out);
weir_status weir_subscribe_wait(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                const weir_subscribe_options *options, uint64_t timeout_ns,
                                weir_subscription *out);
weir_status weir_resubscribe(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                             weir_ref producer, const weir_subscribe_options *options,
                             weir_subscription *out);
weir_status weir_resubscribe_wait(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                                  weir_ref producer, const weir_subscribe_options *options,
                                  uint64_t timeout_ns, weir_subscription *out);
weir_status weir_ask(weir_runtime *runtime, weir_subscription subscription, uint64_t count);
weir_status weir_cancel(weir_runtime *runtime, weir_subscription subscription, weir_reason reason);
#ifdef __cplusplus
}
#endif
#endif
