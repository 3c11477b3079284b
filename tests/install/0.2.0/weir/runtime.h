/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RUNTIME_H
#define WEIR_RUNTIME_H
#include <weir/observe.h>
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_runtime_mode {
    WEIR_THREADS = 0,
    WEIR_STEPPED = 1,
    WEIR_SIMULATED = 2
} weir_runtime_mode;
typedef enum weir_idle {
    WEIR_IDLE_ADAPT = 0,
    WEIR_IDLE_SPIN = 1,
    WEIR_IDLE_PARK = 2,
    WEIR_IDLE_SPIN_THEN_PARK = 3
} weir_idle;
typedef enum weir_log_level {
    WEIR_LOG_ERROR = 1,
    WEIR_LOG_WARNING = 2,
    WEIR_LOG_INFO = 3
} weir_log_level;
typedef struct weir_allocator {
    void *(*alloc)(void *context, size_t bytes, size_t alignment);
    void (*free)(void *context, void *memory, size_t bytes);
    void *context;
    uintptr_t reserved[2];
} weir_allocator;
#define WEIR_WORKERS_LIMIT         1024
#define WEIR_MAILBOX_LIMIT_DEFAULT 65536
#define WEIR_CLOSE_NS_DEFAULT      1000000000
#define WEIR_MAILBOX_LIMIT_MAX     2147483647
typedef struct weir_runtime_options {
    weir_runtime_mode mode;
    uint64_t seed;
    unsigned workers;
    bool unpinned;
    weir_idle idle;
    size_t mailbox_limit;
    uint64_t close_ns;
    weir_allocator allocator;
    void (*log)(void *context, weir_log_level level, const char *text);
    void *log_context;
    uintptr_t reserved[8];
} weir_runtime_options;
weir_status weir_runtime_open(const weir_runtime_options *options, weir_runtime **out);
weir_status weir_runtime_run(weir_runtime *runtime, uint64_t timeout_ns);
size_t weir_runtime_step(weir_runtime *runtime, size_t turns);
weir_status weir_runtime_settle(weir_runtime *runtime, uint64_t timeout_ns);
weir_status weir_runtime_advance(weir_runtime *runtime, uint64_t ns);
typedef enum weir_holdup {
    WEIR_HOLDUP_NONE = 0,
    WEIR_HOLDUP_PRODUCERS = 1,
    WEIR_HOLDUP_STASH = 2,
    WEIR_HOLDUP_DEMAND = 3,
    WEIR_HOLDUP_TIMERS = 4,
    WEIR_HOLDUP_MAIL = 5,
    WEIR_HOLDUP_TOKENS = 6,
    WEIR_HOLDUP_TASKS = 7,
    WEIR_HOLDUP_READER = 8,
    WEIR_HOLDUP_WORK = 9,
    WEIR_HOLDUP_CALLBACK = 10
} weir_holdup;
const char *weir_holdup_text(weir_holdup holdup);
typedef struct weir_drain_report {
    weir_accounts accounts;
    size_t stages;
    weir_ref stage;
    char name[64];
    weir_holdup why;
    weir_ref waits_for;
    char waits_for_name[64];
    char path[256];
    bool stalled;
    uintptr_t reserved[8];
} weir_drain_report;
weir_status weir_runtime_drain(weir_runtime *runtime, uint64_t timeout_ns,
                               weir_drain_report *report);
weir_status weir_runtime_drain_begin(weir_runtime *runtime, uint64_t timeout_ns,
                                     void (*done)(void *context, weir_status status,
                                                  const weir_drain_report *report),
                                     void *context, int *fd);
weir_status weir_runtime_holdup(weir_runtime *runtime, weir_drain_report *report);
weir_status weir_runtime_stop(weir_runtime *runtime, weir_reason reason);
weir_status weir_runtime_close(weir_runtime *runtime, weir_accounts *accounts);
unsigned weir_runtime_workers(const weir_runtime *runtime);
size_t weir_runtime_stages(const weir_runtime *runtime);
const char *weir_runtime_allocator(const weir_runtime *runtime);
uint64_t weir_runtime_now(const weir_runtime *runtime);
#ifdef __cplusplus
}
#endif
#endif
