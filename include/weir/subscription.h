/*
 * Subscriptions: who consumes from whom, and with how much demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * On an automatic subscription the consumer asks for max_demand events at
 * once, handles them in batches of at most max_demand - min_demand, and asks
 * again, back up to max_demand, each time that min_demand or fewer are
 * outstanding.  So at most max_demand events are ever on their way, and one
 * ask travels for every max_demand - min_demand events.  (GenStage's rule;
 * docs/guide.md has a worked example.)
 *
 * Who says nothing of all this (max_demand, min_demand and max_bytes all 0) has a window of 1,000
 * events, or, of events of more than about 1 KiB, of as many as are 1 MiB
 * (WEIR_MAX_BYTES_DEFAULT): 128 of 8 KiB, 16 of 64 KiB.
 *
 * max_bytes bounds the bytes of those events, too: what they take themselves, and what their spans
 * point at (event.h).  One event is always let through where none is under way, however long it
 * is.  An event is under way from when it is sent until the batch that it came in was handled.
 * The producer is asked for as many events as there is room for, at what one is expected to
 * weigh: that of flat events is known; of others it is asked for one at first, then for as many as
 * if all were like that, and later as if all were like the longest of late.  While as much is under
 * way as may be, a producer_consumer begins no message, and inlets, ports and iterators emit
 * nothing; they pass max_bytes by one message, or a few events.
 * A producer that was asked for many events, since they were short, and emits long ones passes it
 * by all of those: unless it looks at weir_open_demand (events.h), and so passes nothing.
 *
 * A batch that is larger than 64 KiB is handed out in pieces, as it lies in memory:
 * handle_events is called for each (see weir_batch), and the ask is behind the last.
 */
#ifndef WEIR_SUBSCRIPTION_H
#define WEIR_SUBSCRIPTION_H

#include <weir/events.h>
#include <weir/rate.h>
#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_MAX_DEMAND_DEFAULT 1000
#define WEIR_MAX_DEMAND_LIMIT   1000000000
#define WEIR_MAX_BYTES_DEFAULT  1048576

/* Wants the partition of that number, from 0. */
#define WEIR_PARTITION(number) ((unsigned)(number) + 1u)

typedef struct weir_subscribe_options {
    size_t max_demand;       /* events; 1..WEIR_MAX_DEMAND_LIMIT; default 1000, or 1 MiB (above) */
    size_t min_demand;       /* events; 0 (say WEIR_NONE)..max-1; default max / 2     */
    weir_cancel_mode cancel; /* default WEIR_PERMANENT                                */
    void *user;              /* handed to both handle_subscribe callbacks             */
    /* Broadcast: false refuses the event.  Called once for each, on the producer's worker.
     * Ownership: it borrows.  Who refuses an event that owns something does not have it; one
     * that all refuse is dropped as UNWANTED. */
    bool (*selector)(void *context, const void *event);
    /* Instead: says it for one or more events that lie side by side, in their order: true in
     * wanted[i] for those that it takes.  All are false before.  For small events, where a call
     * for each is what costs most; each is shown once, and how many are shown together says
     * nothing about how they came. */
    void (*select_many)(void *context, weir_batch batch, bool *wanted);
    void *selector_context; /* handed to whichever it is                           */
    /* Partitions: which one it wants, by number or by name; one of the two is required. */
    unsigned partition;         /* WEIR_PARTITION(n)                                    */
    const char *partition_name; /* not copied: to be kept while the subscription lasts  */
    size_t max_bytes;           /* bytes under way; 1..SIZE_MAX / 4 or WEIR_INFINITY; default */
                                /* WEIR_MAX_BYTES_DEFAULT for events of any length, none for  */
                                /* others (see above); not with the shared dispatcher         */
    weir_rate *rate;       /* a token of it for each event as it is begun (rate.h); NULL: none; */
                           /* not with the shared dispatcher                             */
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_subscribe_options;

/* One entry of a stage's subscribe_to list. */
typedef struct weir_subscribe_to {
    weir_ref producer;
    const char *name; /* unless NULL: the producer is whoever has it (weir_whereis) */
    weir_subscribe_options options;
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_subscribe_to;

/*
 * Subscribes `consumer` to `producer`.
 * Arguments  options may be NULL: all defaults.  out may be NULL.
 * Returns    WEIR_OK once the request is on its way to the consumer; it cannot
 *            be lost.  A producer that stops meanwhile is seen as handle_cancel
 *            (WEIR_DOWN, NOPROC), one that has no memory for a consumer more likewise
 *            (WEIR_CANCEL, NO_MEMORY).
 * Errors     INVALID (an option; or the consumer takes events of another size, as its
 *            takes_bytes says; or the producer has a partition dispatcher, and no partition is
 *            named; weir_refusal() says which), NOT_A_CONSUMER, NOT_A_PRODUCER,
 *            NO_STAGE, NO_MEMORY, CLOSED.
 * Threads    any thread, also inside callbacks; lock-free but for the memory.
 * Source     GenStage.async_subscribe.
 */
weir_status weir_subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                           const weir_subscribe_options *options, weir_subscription *out);

/*
 * The same, and waits until both ends have accepted; the producer may have it in line
 * behind one that was cancelled, and is not done with what it was sent (see weir_cancel).
 * Returns    also WEIR_TIMEOUT (the subscription may still come about; at once when
 *            a callback could no longer wait for it without end); FULL (callers).
 * Errors     also NO_SUBSCRIPTION (an end refused it, or it has ended already)
 *            and those of weir_call.
 * Threads    any thread.  Inside callbacks as weir_call.
 * Source     GenStage.sync_subscribe, which does not wait for the producer.
 */
weir_status weir_subscribe_wait(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                const weir_subscribe_options *options, uint64_t timeout_ns,
                                weir_subscription *out);

/*
 * Replaces a subscription: cancels `old` with the reason, and subscribes its
 * consumer anew, to `producer` ({0}: the same one), which cancels the old one
 * before it accepts the new.  The consumer sees handle_subscribe, then
 * handle_cancel of the old one, whose cancel mode acts.  To go on as before, use WEIR_TEMPORARY,
 * or WEIR_TRANSIENT and a reason that is normal.  After a WEIR_PERMANENT one with such a reason
 * the consumer finishes: it has what the new one brings, and ends when that producer, and what
 * others it has, have ended.
 * A producer that ends before it hears of this ends the new one, too: behind the old one, and for
 * the same reason (NOPROC, where that is not known any more).
 * Returns, Errors, Threads as weir_subscribe; an `old` that has ended is no error.
 * Source     GenStage.async_resubscribe.
 */
weir_status weir_resubscribe(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                             weir_ref producer, const weir_subscribe_options *options,
                             weir_subscription *out);

/*
 * The same, and waits until both ends have accepted the new one.
 * Returns, Errors, Threads as weir_subscribe_wait.
 * Source     GenStage.sync_resubscribe.
 */
weir_status weir_resubscribe_wait(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                                  weir_ref producer, const weir_subscribe_options *options,
                                  uint64_t timeout_ns, weir_subscription *out);

/*
 * Asks for `count` more events on a manual subscription (0 asks nothing).
 * Nothing is counted for the caller: to keep within max_demand is his task.
 * Returns    WEIR_OK; NO_SUBSCRIPTION when it is known to have ended (from
 *            another thread an ask may also reach a subscription that has just
 *            ended and is then without effect); INVALID above
 *            WEIR_MAX_DEMAND_LIMIT; NO_STAGE; NO_MEMORY (other threads only).
 * Threads    any thread.  Inside a callback of the consumer it takes effect at
 *            once, without memory; else it travels as a message, which no limit
 *            counts.
 * Source     GenStage.ask.
 */
weir_status weir_ask(weir_runtime *runtime, weir_subscription subscription, uint64_t count);

/*
 * Ends a subscription.  It acts at the producer as soon as that comes to its mail, whatever
 * the consumer is doing: a consumer that hangs in a callback holds nobody up any more
 * (weir_lags, in call.h, tells who does).  Events sent before are the consumer's still, and
 * are handled as usual; then it sees handle_cancel (WEIR_CANCEL, reason), and its cancel mode
 * decides whether it stops.  Ownership: they are dropped as any that are handled.
 *
 * What comes next overtakes nothing: a new subscription of the same consumer to the same
 * producer is read when the old one has ended at the consumer; one of a partition's next
 * consumer begins (handle_subscribe at the producer, and events) when the last one has
 * handled what it was sent, or has died of it.  A consumer of several partitions that has
 * cancelled several of them waits likewise.
 *
 * Returns    WEIR_OK, also for one that has ended, which is left alone; NO_SUBSCRIPTION for
 *            that in a callback of one of the two; NO_STAGE when the consumer has stopped;
 *            NO_MEMORY (elsewhere only: it travels as two messages, which no limit counts).
 * Threads    any thread.  In a callback of the producer it acts when that has returned.
 * Source     GenStage.cancel, which goes to the producer first as well.
 */
weir_status weir_cancel(weir_runtime *runtime, weir_subscription subscription, weir_reason reason);

#ifdef __cplusplus
}
#endif
#endif
