/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H
#include <weir/dispatcher.h>
#include <weir/ending.h>
#include <weir/events.h>
#include <weir/subscription.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_peer {
    weir_subscription subscription;
    weir_ref stage;
    weir_kind side;
    const weir_subscribe_options *options;
} weir_peer;
typedef enum weir_subscribe_verdict {
    WEIR_AUTOMATIC = 0,
    WEIR_MANUAL = 1,
    WEIR_SUBSCRIBE_REFUSE = 2,
    WEIR_SUBSCRIBE_STOP = 3
} weir_subscribe_verdict;
typedef struct weir_callbacks {
    weir_verdict (*init)(weir_stage *self, void *argument);
    weir_verdict (*handle_demand)(weir_stage *self, uint64_t demand);
    weir_verdict (*handle_events)(weir_stage *self, weir_batch batch);
    weir_subscribe_verdict (*handle_subscribe)(weir_stage *self, const weir_peer *peer);
    weir_verdict (*handle_cancel)(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason);
    weir_verdict (*handle_call)(weir_stage *self, weir_from from, const void *request,
                                size_t bytes);
    weir_verdict (*handle_cast)(weir_stage *self, const void *message, size_t bytes);
    weir_verdict (*handle_info)(weir_stage *self, const void *message, size_t bytes);
    weir_verdict (*handle_down)(weir_stage *self, weir_ref stage, weir_reason reason);
    weir_verdict (*handle_drain)(weir_stage *self);
    weir_verdict (*handle_end)(weir_stage *self);
    void (*discarded)(weir_stage *self, uint64_t count, weir_discard cause);
    void (*terminate)(weir_stage *self, weir_reason reason);
    void (*reserved[8])(void);
} weir_callbacks;
#define WEIR_BUFFER_SIZE_DEFAULT  10000
#define WEIR_EVENT_BYTES_LIMIT    65536
#define WEIR_TIMERS_LIMIT_DEFAULT 1048576
#define WEIR_WORKER(number) ((unsigned)(number) + 1u)
typedef struct weir_stage_options {
    weir_kind kind;
    const char *name;
    bool registered;
    size_t event_bytes;
    size_t takes_bytes;
    const void *state;
    size_t state_bytes;
    void *argument;
    unsigned worker;
    size_t buffer_size;
    weir_keep buffer_keep;
    weir_demand_mode demand;
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    bool drop_unheard;
    bool discard_returned;
    bool as_genstage;
    size_t mailbox_limit;
    size_t timers_limit;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    weir_callbacks on;
    uintptr_t reserved[8];
} weir_stage_options;
weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref *out);
weir_status weir_stop(weir_runtime *runtime, weir_ref stage, weir_reason reason);
weir_status weir_cast(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes);
weir_status weir_info(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes);
weir_status weir_demand(weir_runtime *runtime, weir_ref stage, weir_demand_mode mode);
void *weir_state(weir_stage *self);
weir_runtime *weir_stage_runtime(const weir_stage *self);
weir_ref weir_self(const weir_stage *self);
const char *weir_stage_name(const weir_stage *self);
uint64_t weir_buffered(const weir_stage *self);
uint64_t weir_held(const weir_stage *self);
weir_verdict weir_stop_with(weir_stage *self, weir_reason reason);
#ifdef __cplusplus
}
#endif
#endif
