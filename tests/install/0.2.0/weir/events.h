/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EVENTS_H
#define WEIR_EVENTS_H
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_verdict { WEIR_CONTINUE = 0, WEIR_STOP = 1, WEIR_FINISH = 2 } weir_verdict;
typedef struct weir_batch {
    const void *events;
    size_t count;
} weir_batch;
typedef struct weir_room {
    void *events;
    size_t count;
} weir_room;
weir_subscription weir_batch_subscription(const weir_stage *self);
size_t weir_batch_event_bytes(const weir_stage *self);
weir_status weir_emit(weir_stage *self, const void *events, size_t count);
weir_room weir_reserve(weir_stage *self, size_t want);
weir_status weir_commit(weir_stage *self, size_t count);
weir_verdict weir_forward(weir_stage *self);
void *weir_own(weir_stage *self);
weir_status weir_stash(weir_stage *self, size_t first, size_t count);
uint64_t weir_stashed(const weir_stage *self);
weir_batch weir_stash_front(weir_stage *self, size_t most);
size_t weir_stash_event_bytes(const weir_stage *self);
weir_status weir_stash_emit(weir_stage *self, size_t count);
weir_status weir_stash_drop(weir_stage *self, size_t count);
#ifdef __cplusplus
}
#endif
#endif
