/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H
#include <weir/events.h>
#include <weir/subscription.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_stream_demand {
    WEIR_STREAM_FORWARD = 0,
    WEIR_STREAM_ACCUMULATE = 1,
    WEIR_STREAM_LEAVE = 2
} weir_stream_demand;
typedef struct weir_stream_options {
    const char *name;
    size_t event_bytes;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    weir_stream_demand demand;
    unsigned worker;
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    uint64_t close_ns;
    uintptr_t reserved[8];
} weir_stream_options;
typedef struct weir_stream weir_stream;
weir_status weir_stream_open(weir_runtime *runtime, const weir_stream_options *options,
                             weir_stream **out);
weir_status weir_stream_subscribe(weir_stream *stream, weir_ref producer,
                                  const weir_subscribe_options *options, weir_subscription *out);
weir_status weir_stream_next(weir_stream *stream, void *event, uint64_t timeout_ns);
weir_batch weir_stream_batch(weir_stream *stream, size_t most, uint64_t timeout_ns,
                             weir_status *status);
weir_subscription weir_stream_subscription(const weir_stream *stream);
weir_status weir_stream_fd(weir_stream *stream, int *out);
weir_reason weir_stream_reason(const weir_stream *stream);
weir_ref weir_stream_stage(const weir_stream *stream);
weir_status weir_stream_close(weir_stream *stream);
#ifdef __cplusplus
}
#endif
#endif
