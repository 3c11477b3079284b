/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SUPERVISOR_H
#define WEIR_SUPERVISOR_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_strategy {
    WEIR_ONE_FOR_ONE = 0,
    WEIR_REST_FOR_ONE = 1,
    WEIR_ONE_FOR_ALL = 2
} weir_strategy;
typedef enum weir_restart {
    WEIR_RESTART_PERMANENT = 0,
    WEIR_RESTART_TRANSIENT = 1,
    WEIR_RESTART_TEMPORARY = 2
} weir_restart;
#ifdef __cplusplus
#define WEIR_SIBLING(number) (weir_ref{(uint64_t)(uint32_t)(number) << 22 | 1u})
#else
#define WEIR_SIBLING(number) ((weir_ref){(uint64_t)(uint32_t)(number) << 22 | 1u})
#endif
typedef struct weir_supervised {
    const weir_stage_options *stage;
    weir_status (*start)(weir_runtime *runtime, void *argument, weir_ref *out);
    void *argument;
    const char *name;
    weir_restart restart;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    uintptr_t reserved[4];
} weir_supervised;
#define WEIR_MAX_RESTARTS_DEFAULT 3
#define WEIR_MAX_RESTARTS_LIMIT   10000
#define WEIR_MAX_SECONDS_DEFAULT  5
#define WEIR_MAX_SECONDS_LIMIT    1000000000
#define WEIR_RETRY_NS_DEFAULT     10000000
typedef struct weir_supervisor_options {
    const char *name;
    bool registered;
    unsigned worker;
    weir_strategy strategy;
    size_t max_restarts;
    size_t max_seconds;
    uint64_t retry_ns;
    bool ends_with_children;
    const weir_supervised *children;
    size_t child_count;
    uintptr_t reserved[8];
} weir_supervisor_options;
weir_status weir_supervisor_start(weir_runtime *runtime, const weir_supervisor_options *options,
                                  weir_ref *out);
typedef struct weir_supervised_info {
    uint32_t number;
    weir_restart restart;
    weir_ref stage;
    uint64_t restarts;
    char name[48];
    uintptr_t reserved[4];
} weir_supervised_info;
weir_status weir_supervisor_children(weir_runtime *runtime, weir_ref supervisor,
                                     uint64_t timeout_ns, weir_supervised_info *out, size_t room,
                                     size_t *count);
weir_status weir_supervisor_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                  uint64_t timeout_ns, weir_ref *out);
weir_status weir_supervisor_start_child(weir_runtime *runtime, weir_ref supervisor,
                                        const weir_supervised *child, uint64_t timeout_ns,
                                        uint32_t *number, weir_ref *out);
weir_status weir_supervisor_stop_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                       uint64_t timeout_ns);
weir_status weir_supervisor_restart_child(weir_runtime *runtime, weir_ref supervisor,
                                          uint32_t number, uint64_t timeout_ns, weir_ref *out);
weir_status weir_supervisor_delete_child(weir_runtime *runtime, weir_ref supervisor,
                                         uint32_t number, uint64_t timeout_ns);
#ifdef __cplusplus
}
#endif
#endif
