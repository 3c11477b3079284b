/*
 * Sinks: where a pipeline's batches go.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A sink is a table of functions over something that takes batches: a file, a table of a database,
 * a stream of a broker.  A batcher that names one (pipeline.h) calls them on a thread of a pool,
 * where they may block; one at a time for each context, as long as that is named once: two
 * batchers with the same context, or sink_contexts that are the same, call them at the same time.
 *
 *   open    before the first write, and again after LOST, with the batcher's back-off in between
 *   write   one batch: stores it, or says of each message what is wrong with it
 *   close   once, after the last write, if open was ever called
 *
 * A write that returns WEIR_LOST has stored all, some or none of its batch; nobody knows.  So the
 * whole batch is written again when the sink is open again, and nothing overtakes it.  A sink that
 * recognises what it has stored already (by the message's key, say, or its time) is `idempotent`:
 * then each message is stored once.  With one that is not, some may be stored twice.
 *
 * What is logged: that it is LOST, and open again; that it is BROKEN; and that messages of a batch
 * were not stored (an outcome that is neither OK nor SKIP), with the `reason` of the first and what
 * weir_refuse was told in `write`, but once a minute at most.
 *
 * Order.  `write` has its messages in order, and what it says of one says nothing of the others: if
 * the first FAILED and the rest is OK, the first is tried again behind the rest, also with
 * retry.in_order and partition_by.  A sink that must keep the order fails all that is behind the
 * first that failed, or returns LOST (pipeline.h, "Order").
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <weir/batcher.h>
#include <weir/message.h>
#include <weir/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a batch is, for who handles it. */
typedef struct weir_batch_info {
    const char *batcher;        /* its batcher's name                                     */
    uint64_t key;               /* what its messages have in common (batch_key)           */
    weir_batch_trigger trigger; /* why it went (batcher.h)                                */
    unsigned number;            /* of its batcher, in the pipeline's list                 */
    unsigned partition;         /* which of the batcher's `count`; 0 without partition_by */
    unsigned attempt;           /* 1, and one more for each time that it is tried again   */
    uint64_t bytes;             /* of its spans together, as it left the batcher          */
    uintptr_t reserved[4];      /* for later versions (version.h)                         */
} weir_batch_info;

typedef struct weir_sink {
    const char *name; /* for logs and telemetry; default "sink"                                  */
    bool idempotent;  /* what is written twice is stored once; said in weir_pipeline_topology    */
    bool needs_context; /* a batcher that has no sink_contexts, or NULL in them, is refused      */

    /* Unless NULL: connects.  WEIR_PULLED: it is open; LOST: it cannot now, try again; BROKEN: it
     * never will, the batch fails as if each of its messages had. */
    weir_pulled (*open)(void *context);

    /*
     * Required.  Stores `count` messages, in order.  WEIR_PULLED: each message's `outcome` says
     * what became of it, and is OK unless this sets another.  LOST: see above; outcomes do not
     * count.  BROKEN: the batch fails.  Any other value counts as BROKEN and is logged.
     * Lifetime: the messages and the batch's information last until it returns.
     */
    weir_pulled (*write)(void *context, weir_message *messages, size_t count,
                         const weir_batch_info *batch);

    /* Unless NULL: what open and write have made is given back.  No batch comes after it. */
    void (*close)(void *context);

    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_sink;

#ifdef __cplusplus
}
#endif
#endif
