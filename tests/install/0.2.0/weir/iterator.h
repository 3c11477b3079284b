/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ITERATOR_H
#define WEIR_ITERATOR_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_iterator_verdict {
    WEIR_ITERATOR_MORE = 0,
    WEIR_ITERATOR_END = 1,
    WEIR_ITERATOR_ERROR = 2
} weir_iterator_verdict;
typedef struct weir_made {
    size_t count;
    weir_iterator_verdict verdict;
} weir_made;
typedef struct weir_iterator_options {
    const char *name;
    bool registered;
    size_t event_bytes;
    weir_made (*next)(void *context, weir_room room);
    void (*close)(void *context);
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    weir_reason error_reason;
    unsigned worker;
    size_t buffer_size;
    weir_demand_mode demand;
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    uintptr_t reserved[8];
} weir_iterator_options;
weir_status weir_iterator_start(weir_runtime *runtime, const weir_iterator_options *options,
                                weir_ref *out);
#ifdef __cplusplus
}
#endif
#endif
