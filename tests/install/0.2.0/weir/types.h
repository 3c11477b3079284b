/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_runtime weir_runtime;
typedef struct weir_stage weir_stage;
#define WEIR_NONE     SIZE_MAX
#define WEIR_INFINITY (SIZE_MAX - 1)
#define WEIR_FOREVER UINT64_MAX
typedef enum weir_kind {
    WEIR_PRODUCER = 1,
    WEIR_PRODUCER_CONSUMER = 2,
    WEIR_CONSUMER = 3
} weir_kind;
typedef struct weir_ref {
    uint64_t bits;
} weir_ref;
typedef struct weir_subscription {
    weir_ref consumer;
    weir_ref producer;
    uint64_t id;
} weir_subscription;
typedef struct weir_from {
    uint64_t bits;
} weir_from;
typedef struct weir_timer {
    weir_ref stage;
    uint64_t id;
} weir_timer;
typedef struct weir_token {
    uint64_t bits;
    uint32_t place;
} weir_token;
#define WEIR_REASON_LIST(X)                            \
    X(NORMAL, 0, "normal")                             \
    X(SHUTDOWN, 1, "shutdown")                         \
    X(NOPROC, 2, "noproc")                             \
    X(ALREADY_SUBSCRIBED, 3, "already_subscribed")     \
    X(UNKNOWN_SUBSCRIPTION, 4, "unknown_subscription") \
    X(REFUSED, 5, "refused")                           \
    X(BAD_RETURN, 6, "bad_return_value")               \
    X(NO_MEMORY, 7, "no_memory")                       \
    X(MISSING_PARTITION, 8, "missing_partition")       \
    X(UNKNOWN_PARTITION, 9, "unknown_partition")       \
    X(PARTITION_TAKEN, 10, "partition_taken")          \
    X(BAD_OPTIONS, 11, "bad_options")                  \
    X(USER, 256, "user")
typedef enum weir_reason {
#define WEIR_REASON_ENUM(name, value, text) WEIR_REASON_##name = (value),
    WEIR_REASON_LIST(WEIR_REASON_ENUM)
#undef WEIR_REASON_ENUM
        WEIR_REASON_MAX = INT32_MAX
} weir_reason;
const char *weir_reason_text(weir_reason reason);
typedef enum weir_cancel_mode {
    WEIR_PERMANENT = 0,
    WEIR_TRANSIENT = 1,
    WEIR_TEMPORARY = 2
} weir_cancel_mode;
typedef enum weir_cancel_cause { WEIR_CANCEL = 1, WEIR_DOWN = 2 } weir_cancel_cause;
typedef enum weir_on_cancel { WEIR_ON_CANCEL_CONTINUE = 0, WEIR_ON_CANCEL_STOP = 1 } weir_on_cancel;
typedef enum weir_keep { WEIR_KEEP_LAST = 0, WEIR_KEEP_FIRST = 1 } weir_keep;
typedef enum weir_demand_mode { WEIR_FORWARD = 0, WEIR_ACCUMULATE = 1 } weir_demand_mode;
typedef enum weir_discard {
    WEIR_DISCARD_OVERFLOW = 1,
    WEIR_DISCARD_STOPPED = 2,
    WEIR_DISCARD_CONSUMER = 3,
    WEIR_DISCARD_UNHEARD = 4,
    WEIR_DISCARD_NO_MEMORY = 5,
    WEIR_DISCARD_UNWANTED = 6,
    WEIR_DISCARD_BAD_PARTITION = 7,
    WEIR_DISCARD_LEFT = 8
} weir_discard;
#ifdef __cplusplus
}
#endif
#endif
