/*
 * The batcher: events in, batches of them out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage between producers and whoever wants many events at once: rows for one statement, lines
 * for one request.  It gathers events in batches, of which one is open for each key, and each batch
 * goes out as one event, a weir_gathered, when the first of these is so:
 *
 *   it has `size` events (100), or as many bytes as `bytes` allows, or `full` says so
 *   an event says so, by `flush`: its batch goes with it
 *   its first event has waited for timeout_ns (1 s)
 *   there are more keys than may be open (1024): the oldest batch goes
 *   no events can come any more: the source has ended, or the runtime drains
 *
 * A batch is an event like any other.  Its consumers ask for batches, so many at a time; a pool
 * handles them where that blocks; a dispatcher shares them out, or sends those of one key to the
 * same consumer (weir_gathered_by_key): then batches of one key, and the events in them, stay in
 * order.  Nothing cuts a batch in two.
 *
 * Demand.  While nobody asks for batches the batcher takes no events, so its producers wait.  A
 * batch whose time has come goes out all the same: to the batcher's buffer.  So no more is kept
 * than what is in `keys` open batches, and as many again that wait.
 *
 * Time.  No event waits longer than timeout_ns for its batch to go, as long as the batcher's worker
 * comes to it: there is one timer for all batches, and whatever comes has it look at the clock.  A
 * neighbour on that worker whose callback takes long delays it by as much.  Where callbacks are
 * long, have the batcher live where there are none: with `worker` WEIR_TIMELY_WORKER (stage.h) a
 * batch goes within 1 ms of its time, whatever the others do, as long as the system gives that
 * thread a core.  It costs that events cross to another thread.  (A batch has gone when it is in
 * its consumer's queue or the batcher's buffer: a consumer that is busy handles it later.)
 *
 * Marks (mark.h).  A flush, the end of a file and a program's own marks have all open batches go
 * (WEIR_BY_FLUSH), and go on behind them.  A watermark has none go: it goes on when all batches
 * have gone that were open as it came, so that nothing behind it is late; that is when their
 * timeouts are over at the latest, and with WEIR_FOREVER perhaps not before the end.  While one
 * waits, the last of those that come waits behind it, and stands for the others.
 *
 * Ownership.  A batch owns its events, if those own something (option `type`): they were taken from
 * their producer, as by weir_take.  Whoever handles a batch borrows it, and all that is in it,
 * until its callback returns.  When the batch is dropped, for whatever cause, each of its events is
 * dropped by its own type, for the same cause; what was taken out of it (weir_gathered_take)
 * is not.  A batch that was taken whole (weir_take, weir_task_take) is the taker's, who gives it
 * back with weir_gathered_drop.
 *
 * Memory.  Events of a batch lie side by side, in a block of weir's; those with spans have their
 * payload copied once, to blocks of the batch.  Blocks are used again: there is no allocation for
 * an event, nor, in a steady state, for a batch.
 *
 * Accounts.  Events in open batches count as buffered, as stashed ones do; a batch is emitted as
 * one event, and its events then count as handled.  weir_stop drops what is in open batches, as
 * STOPPED.
 *
 * Source: Broadway's batchers (batch_size, batch_timeout, batch_key, batch_mode).
 */
#ifndef WEIR_BATCHER_H
#define WEIR_BATCHER_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a batch went. */
typedef enum weir_batch_trigger {
    WEIR_BY_SIZE = 0,  /* it had `size` events, or `full` said so                        */
    WEIR_BY_BYTES = 1, /* it had as many bytes as it may, or the next event had no room  */
    WEIR_BY_TIME = 2,  /* its first event had waited for timeout_ns                      */
    WEIR_BY_FLUSH = 3, /* `flush` said so of its last event, or a mark came              */
    WEIR_BY_KEYS = 4,  /* there was another key, and it was the oldest of as many as may be */
    WEIR_BY_END = 5    /* no more events could come                                      */
} weir_batch_trigger;

/* A batch, the event that a batcher emits. */
typedef struct weir_gathered {
    void *events;   /* count events, side by side, aligned as in a batch (events.h)      */
    uint32_t count; /* 1 or more                                                         */
    weir_batch_trigger trigger;
    uint64_t key;                /* what they have in common; 0 where there are no keys         */
    uint64_t bytes;              /* what they weigh together                                    */
    uint64_t began_ns;           /* when the first came, and                                    */
    uint64_t closed_ns;          /* when the batch went, by weir_runtime_now                    */
    uint32_t event_bytes;        /* of each                                                     */
    uint32_t attempt;            /* the program's: 0 as it leaves the batcher                   */
    const weir_event_type *type; /* of the events; NULL: they own nothing                */
    uintptr_t reserved[4];       /* weir's: to be copied along, and not to be changed    */
} weir_gathered;

#define WEIR_BATCH_SIZE_DEFAULT    100
#define WEIR_BATCH_SIZE_LIMIT      16777216
#define WEIR_BATCH_TIMEOUT_DEFAULT UINT64_C(1000000000) /* 1 s */
#define WEIR_BATCH_KEYS_DEFAULT    1024
#define WEIR_BATCH_KEYS_LIMIT      1048576

typedef struct weir_batcher_options {
    const char *name;   /* default "batcher"                                             */
    bool registered;    /* as in weir_stage_options                                      */
    size_t event_bytes; /* of what it takes, 1..65536; required; with a type, 0 or the type's */
    /* Of what it takes, where that owns something, or has spans: the very one that its producers
     * have.  Kept until the runtime is closed.  Who brings events of another type stops the
     * batcher (BAD_OPTIONS, and an error is logged). */
    const weir_event_type *type;

    size_t size;  /* events of a batch, 1..WEIR_BATCH_SIZE_LIMIT; default 100                    */
    size_t bytes; /* what the events of a batch weigh at most; one always has room, and one that */
                  /* weighs more is a batch of its own; default: no bound                        */
    uint64_t timeout_ns; /* default 1 s; WEIR_FOREVER: never for that                            */
    size_t keys; /* batches that are open at a time, 1..WEIR_BATCH_KEYS_LIMIT; default 1024; */
                 /* only with `key`                                                          */

    /*
     * All of these may be NULL, are called on the batcher's worker, in order, for each event, and
     * borrow it.  They must not call anything that is for a running callback.
     */
    uint64_t (*key)(void *context, const void *event);    /* default: one batch for all        */
    uint64_t (*weight)(void *context, const void *event); /* default: its bytes and its spans'  */
    bool (*flush)(void *context, const void *event);      /* true: its batch goes, with it      */
    /* Instead of size and bytes: called for each event that is put in a batch; *sum is the
     * batch's, 0 at first, the callback's to use.  true: it goes, with this one. */
    bool (*full)(void *context, const void *event, uint64_t *sum);
    /* Unless NULL: called with the count of each discard, on the worker: of batches, or, of what
     * lies in open ones, of events.  Without it a warning is logged. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context; /* handed to all of them                                             */

    unsigned worker;    /* these as in weir_stage_options; sizes and demand in batches; */
                        /* WEIR_TIMELY_WORKER keeps its time beside long callbacks      */
    size_t buffer_size; /* batches that may wait; default WEIR_INFINITY (see above)     */
    weir_keep buffer_keep;
    /* A partition dispatcher without a hash of its own has weir_gathered_by_key. */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    size_t mailbox_limit;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_batcher_options;

/*
 * Starts a batcher: a producer_consumer, which is subscribed to and by as any.
 * Arguments  out may be NULL.
 * Errors     as weir_stage_start; INVALID, too, for an option above that is out of its range, or
 *            for size or bytes beside `full`, or keys without `key`.  While it runs: without memory
 *            for a batch it stops with NO_MEMORY.
 * Threads    any thread, also inside callbacks.
 */
weir_status weir_batcher_start(weir_runtime *runtime, const weir_batcher_options *options,
                               weir_ref *out);

/*
 * The type of batches.  A stage that passes them on (weir_forward, weir_emit) or a part that does
 * so names it as its own `type`.  It has a `copy`, which is of the batch, not of what is in it:
 * both have the same events then, to be read, and those are dropped behind the last; taken out of
 * it they are copied by their type.
 * Threads    any; wait-free.
 */
const weir_event_type *weir_gathered_type(void);

/*
 * A hash for a partition dispatcher: of a batch's key, so that all batches of one key go to one
 * partition.  partitions, the hash's context, is how many there are: (void *)(uintptr_t)4.
 */
uint32_t weir_gathered_by_key(void *partitions, const void *batch);

/*
 * Takes events first..first+count-1 out of a batch: they are the caller's from now on, and are not
 * dropped with it.  They stay readable in the batch as long as that.
 * Arguments  self: the stage in whose running callback the batch is at hand; NULL: of a batch that
 *            the caller has taken whole.  events: room for `count` of them, anywhere.
 * Returns    WEIR_OK; WEIR_INVALID where the batch is not at hand, or others have it, for events
 *            that it has not or that were taken before, and where they own nothing, or have spans
 *            (copy them); WEIR_NO_MEMORY when their type's `copy` could not.  But for WEIR_OK none
 *            of them is taken.
 * Threads    the callback's; of a taken batch any, one at a time.
 */
weir_status weir_gathered_take(weir_stage *self, const weir_gathered *batch, size_t first,
                               size_t count, void *events);

/*
 * Gives a batch back that was taken whole: its events are dropped, each by its own type, for that
 * cause, but for those that were taken out of it; *batch is emptied.  One that is empty is left
 * alone.
 * Threads    any, before the runtime is closed.
 */
void weir_gathered_drop(weir_gathered *batch, weir_discard why);

#ifdef __cplusplus
}
#endif
#endif
