/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_child {
    uint64_t bits;
    uint32_t place;
} weir_child;
typedef struct weir_task weir_task;
typedef enum weir_task_result { WEIR_TASK_OK = 0, WEIR_TASK_FAILED = 1 } weir_task_result;
typedef enum weir_start_verdict {
    WEIR_CHILD_START = 0,
    WEIR_CHILD_IGNORE = 1,
    WEIR_CHILD_ERROR = 2
} weir_start_verdict;
typedef enum weir_child_restart {
    WEIR_CHILD_TEMPORARY = 0,
    WEIR_CHILD_TRANSIENT = 1,
    WEIR_CHILD_PERMANENT = 2
} weir_child_restart;
typedef enum weir_child_exit {
    WEIR_CHILD_FINISHED = 1,
    WEIR_CHILD_FAILED = 2,
    WEIR_CHILD_ENDED = 3,
    WEIR_CHILD_GIVEN_BACK = 4,
    WEIR_CHILD_DISCARDED = 5
} weir_child_exit;
#define WEIR_POOL_THREADS_LIMIT        1024
#define WEIR_POOL_MAX_RESTARTS_DEFAULT 3
#define WEIR_POOL_MAX_RESTARTS_LIMIT   10000
#define WEIR_POOL_MAX_SECONDS_DEFAULT  5
#define WEIR_POOL_MAX_SECONDS_LIMIT    1000000000
#define WEIR_POOL_SHUTDOWN_DEFAULT     UINT64_C(5000000000)
typedef struct weir_pool_options {
    const char *name;
    bool registered;
    size_t event_bytes;
    size_t threads;
    unsigned worker;
    weir_task_result (*task)(void *context, const void *event, weir_task *self);
    weir_start_verdict (*start)(void *context, const void *event);
    void (*exited)(void *context, weir_child child, const void *event, weir_child_exit how);
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    weir_child_restart restart;
    size_t max_restarts;
    size_t max_seconds;
    uint64_t shutdown_ns;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    uintptr_t reserved[8];
} weir_pool_options;
typedef struct weir_pool weir_pool;
weir_status weir_pool_open(weir_runtime *runtime, const weir_pool_options *options, weir_pool **out,
                           weir_ref *stage);
weir_status weir_pool_start_child(weir_pool *pool, const void *event, weir_child *out);
weir_status weir_pool_end_child(weir_pool *pool, weir_child child);
typedef enum weir_child_state {
    WEIR_CHILD_QUEUED = 1,
    WEIR_CHILD_RUNNING = 2,
    WEIR_CHILD_RESTARTING = 3
} weir_child_state;
typedef struct weir_child_info {
    weir_child child;
    weir_child_state state;
    bool ending;
    weir_ref producer;
    uintptr_t reserved[4];
} weir_child_info;
size_t weir_pool_children(const weir_pool *pool, weir_child_info *list, size_t room);
typedef struct weir_pool_counts {
    size_t specs;
    size_t workers;
    size_t active;
    size_t queued;
    size_t running;
    size_t restarting;
    uintptr_t reserved[4];
} weir_pool_counts;
weir_status weir_pool_count(const weir_pool *pool, weir_pool_counts *out);
size_t weir_pool_threads(const weir_pool *pool);
weir_status weir_pool_close(weir_pool *pool, size_t *running);
bool weir_task_ending(const weir_task *self);
weir_child weir_task_child(const weir_task *self);
#ifdef __cplusplus
}
#endif
#endif
