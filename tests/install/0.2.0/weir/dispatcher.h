/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DISPATCHER_H
#define WEIR_DISPATCHER_H
#include <weir/subscription.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_outlet weir_outlet;
typedef struct weir_run weir_run;
typedef struct weir_hold weir_hold;
typedef struct weir_notice weir_notice;
typedef struct weir_desk weir_desk;
typedef struct weir_dispatcher {
    const char *name;
    size_t state_bytes;
    size_t outlet_bytes;
    bool selects;
    bool partitions;
    weir_status (*init)(void *state, weir_desk *desk, const void *options);
    void (*close)(void *state);
    weir_reason (*subscribe)(void *state, weir_outlet *consumer, uint64_t *upstream);
    uint64_t (*ask)(void *state, weir_outlet *consumer, uint64_t count);
    uint64_t (*cancel)(void *state, weir_outlet *consumer);
    void (*dispatch)(void *state, weir_run *run, uint64_t count);
    uint64_t (*open_demand)(const void *state);
    bool (*give_back)(void *state, weir_outlet *consumer, weir_run *events);
    void (*left)(void *state, weir_outlet *consumer);
    weir_outlet *(*behind)(void *state, const weir_subscribe_options *options);
    void (*info)(void *state, weir_notice *info);
    void (*reserved[8])(void);
} weir_dispatcher;
uint64_t weir_run_count(const weir_run *run);
weir_batch weir_run_events(const weir_run *run);
size_t weir_run_event_bytes(const weir_run *run);
void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count);
uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count);
void weir_run_skip(weir_run *run, uint64_t count);
void weir_run_ask_again(weir_run *run, weir_outlet *consumer, uint64_t count);
void weir_run_drop(weir_run *run, uint64_t count, weir_discard cause);
void weir_run_demand(weir_run *run, uint64_t count);
weir_hold *weir_hold_open(weir_desk *desk);
void weir_hold_close(weir_hold *hold);
uint64_t weir_hold_count(const weir_hold *hold);
uint64_t weir_run_hold(weir_run *run, weir_hold *hold, uint64_t count);
uint64_t weir_run_hold_first(weir_run *run, weir_hold *hold, uint64_t count);
uint64_t weir_hold_send(weir_hold *hold, weir_outlet *consumer, uint64_t count);
uint64_t weir_hold_drop(weir_hold *hold, uint64_t count, weir_discard cause);
bool weir_hold_info(weir_hold *hold, weir_notice *info);
void *weir_outlet_state(weir_outlet *consumer);
const weir_subscribe_options *weir_outlet_options(const weir_outlet *consumer);
weir_subscription weir_outlet_subscription(const weir_outlet *consumer);
const weir_dispatcher *weir_demand_dispatcher(void);
typedef struct weir_demand_dispatcher_options {
    uint64_t max_demand;
    bool shuffle_first;
    uint64_t seed;
    uintptr_t reserved[4];
} weir_demand_dispatcher_options;
const weir_dispatcher *weir_broadcast_dispatcher(void);
typedef struct weir_broadcast_dispatcher_options {
    bool as_genstage;
    bool forgets_refused;
    uintptr_t reserved[4];
} weir_broadcast_dispatcher_options;
const weir_dispatcher *weir_partition_dispatcher(void);
#define WEIR_PARTITIONS_LIMIT 65536
#define WEIR_PARTITION_NONE UINT32_MAX
typedef enum weir_partition_queue {
    WEIR_QUEUE_KEEP = 0,
    WEIR_QUEUE_DISCARD = 1
} weir_partition_queue;
typedef struct weir_partition_dispatcher_options {
    size_t partitions;
    const char *const *names;
    uint32_t (*hash)(void *context, const void *event);
    uint32_t (*rewrite)(void *context, void *event);
    void (*hash_many)(void *context, weir_batch batch, uint32_t *partitions);
    void *context;
    weir_partition_queue queue;
    bool as_genstage;
    uintptr_t reserved[4];
} weir_partition_dispatcher_options;
uint32_t weir_partition_of(const void *key, size_t bytes, uint32_t partitions);
const weir_dispatcher *weir_shared_dispatcher(void);
#define WEIR_SHARED_ENTRIES_DEFAULT 256
#define WEIR_SHARED_ENTRIES_LIMIT   65536
typedef struct weir_shared_dispatcher_options {
    size_t grain;
    size_t entries;
    uintptr_t reserved[4];
} weir_shared_dispatcher_options;
#ifdef __cplusplus
}
#endif
#endif
