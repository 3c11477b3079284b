/*
 * The words of weir: kinds, references, reasons and the constants of options.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   runtime    the set of workers and of all stages on them
 *   worker     one thread, pinned to one core, that runs the stages placed
 *              on it, one callback at a time
 *   stage      a producer, a producer_consumer or a consumer
 *   event      a fixed number of bytes; a stage emits events of one size
 *   demand     how many events a consumer has asked for and not yet received
 *   batch      the consecutive events that one callback is handed
 *
 * The meanings are GenStage's (Elixir), whose words these are.
 */
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

/*
 * In an option, 0 means the default.  Where zero itself is wanted (min_demand,
 * buffer_size) say WEIR_NONE; where no bound is wanted say WEIR_INFINITY.
 */
#define WEIR_NONE     SIZE_MAX
#define WEIR_INFINITY (SIZE_MAX - 1)

/* A timeout that never passes.  Timeouts are nanoseconds from now; one that leads beyond the
 * end of time (2^64 - 1, in SIMULATED runtimes 2^63 - 1) never passes either. */
#define WEIR_FOREVER UINT64_MAX

/* What a stage does.  Also names the *other* end in a weir_peer. */
typedef enum weir_kind {
    WEIR_PRODUCER = 1,
    WEIR_PRODUCER_CONSUMER = 2,
    WEIR_CONSUMER = 3
} weir_kind;

/*
 * A reference to a stage: a value to copy and keep.  It stays safe to use
 * after the stage has gone, and with another runtime: calls with it then return
 * WEIR_NO_STAGE.  No two stages of a process ever have the same reference.
 * {0} refers to no stage.
 */
typedef struct weir_ref {
    uint64_t bits;
} weir_ref;

/* A subscription of `consumer` to `producer`; {0} is none.  A value, as above. */
typedef struct weir_subscription {
    weir_ref consumer;
    weir_ref producer;
    uint64_t id;
} weir_subscription;

/* Who waits for the answer of a call (weir_call); a value, safe to keep: it is of that call
 * and never of another, of whatever runtime. */
typedef struct weir_from {
    uint64_t bits;
} weir_from;

/* A message that is to arrive later (weir_send_after); {0} is none.  A value. */
typedef struct weir_timer {
    weir_ref stage;
    uint64_t id;
} weir_timer;

/* Work for a stage that is under way outside of it (weir_busy); {0} is none.  A value: no two
 * of a process are the same. */
typedef struct weir_token {
    uint64_t bits;
    uint32_t place;
} weir_token;

/*
 * Why a stage stops or a subscription ends.  Reasons from WEIR_REASON_USER up
 * are the program's own and count as abnormal, as all do but NORMAL and
 * SHUTDOWN.
 */
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
    X(EXCEPTION, 12, "exception")                      \
    X(USER, 256, "user")

typedef enum weir_reason {
#define WEIR_REASON_ENUM(name, value, text) WEIR_REASON_##name = (value),
    WEIR_REASON_LIST(WEIR_REASON_ENUM)
#undef WEIR_REASON_ENUM
        WEIR_REASON_MAX = INT32_MAX
} weir_reason;

/* The reason's word ("shutdown"; "user" for every reason of the program's own). */
const char *weir_reason_text(weir_reason reason);

/*
 * What a consumer does when a subscription ends (GenStage's cancel option).
 *   PERMANENT  it ends, too: after NORMAL or SHUTDOWN it finishes (ending.h), so that what it
 *              has is handled and goes on, and its other producers are waited for; after any
 *              other reason it stops with that one
 *   TRANSIENT  it goes on after NORMAL or SHUTDOWN, and stops after any other reason
 *   TEMPORARY  it goes on.
 * (GenStage's permanent consumers stop at once in both cases: as_genstage.)
 * The reasons with which weir refuses a subscription (BAD_OPTIONS, ALREADY_SUBSCRIBED, the
 * three about partitions) never stop a consumer; that of a producer's own
 * handle_subscribe, REFUSED, is one like any other.  So is NOPROC (the producer was gone), but
 * not for a consumer that finishes.
 */
typedef enum weir_cancel_mode {
    WEIR_PERMANENT = 0,
    WEIR_TRANSIENT = 1,
    WEIR_TEMPORARY = 2
} weir_cancel_mode;

/* How a subscription ended: somebody cancelled it, or the other end stopped. */
typedef enum weir_cancel_cause { WEIR_CANCEL = 1, WEIR_DOWN = 2 } weir_cancel_cause;

/*
 * When the last consumer of a stage leaves (GenStage's on_cancel): it waits for another; or
 * it stops, with the reason for which that one left, and what it holds is discarded and told.
 */
typedef enum weir_on_cancel { WEIR_ON_CANCEL_CONTINUE = 0, WEIR_ON_CANCEL_STOP = 1 } weir_on_cancel;

/* Which events a full buffer keeps: the newest (the default) or the oldest. */
typedef enum weir_keep { WEIR_KEEP_LAST = 0, WEIR_KEEP_FIRST = 1 } weir_keep;

/* Whether a producer passes demand on, or holds it until it is told to. */
typedef enum weir_demand_mode { WEIR_FORWARD = 0, WEIR_ACCUMULATE = 1 } weir_demand_mode;

/*
 * Why events were discarded; and for what weir drops events that own something (event.h), which
 * it does with all of them in the end.
 */
typedef enum weir_discard {
    WEIR_DISCARD_HANDLED = 0,       /* event.h: they were handled, as they should   */
    WEIR_DISCARD_OVERFLOW = 1,      /* the stage's buffer was full                  */
    WEIR_DISCARD_STOPPED = 2,       /* a stage, stream or pool's child ended with them */
    WEIR_DISCARD_CONSUMER = 3,      /* a consumer's emissions, or came back unwanted */
    WEIR_DISCARD_UNHEARD = 4,       /* nobody was subscribed (option drop_unheard)  */
    WEIR_DISCARD_NO_MEMORY = 5,     /* there was no memory to keep or send them     */
    WEIR_DISCARD_UNWANTED = 6,      /* no partition wants them, or no selector      */
    WEIR_DISCARD_BAD_PARTITION = 7, /* it named a partition that there is not       */
    WEIR_DISCARD_LEFT = 8,          /* they waited for a consumer that left         */
    WEIR_DISCARD_ABANDONED = 9,     /* event.h: their callback stopped abnormally   */
    WEIR_DISCARD_REPLACED = 10      /* conflate.h: a newer one of its key came      */
} weir_discard;

#define WEIR_DISCARD_CAUSES 11

#ifdef __cplusplus
}
#endif
#endif
