/*
 * Sources: producers of messages that are acknowledged, from a driver's table or by pushes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A driver is a table of functions for one kind of engine: a broker, a file, a socket.  Its calls
 * may block: a source has a thread of its own, and all of them are made there, one at a time, but
 * `wake` and `release`.  Messages go to the source's stage, a producer like any other: subscribe to
 * it.  It asks the driver for as many messages as its consumers have asked for, and as its ledger
 * has room for (max_outstanding); each that the driver adds is settled exactly once (message.h),
 * wherever it ends, and the driver is told by `ack`, in bulk:
 *
 *   open -> [pull -> ack -> pull -> ...] -> ack -> close
 *             ^------- open, after LOST, with back-off
 *
 *   - acks never run beside a pull, nor before open has succeeded; all come before close
 *   - each token that was added is acked once with success, or it is among `lost_acks`: after LOST
 *     its ack is tried again when open has succeeded, ack_tries times in all, and then left to
 *     the engine, which delivers it again
 *   - the stage ends when the driver says SOURCE_END, when the source is finished, at a drain of
 *     the runtime, or when it is stopped; then nothing more is pulled, and the ledger waits for
 *     what is outstanding; acks are delivered, the driver is closed
 *   - it waits until all of it is settled, however long that takes, unless there is a deadline:
 *     weir_source_finish, _drain and _close name one, and a stage that is stopped and a driver that
 *     is BROKEN have shutdown_ns.  SOURCE_END and a drain of the runtime have none of their own.
 *     At the deadline the rest is nak'd (`abandoned`)
 *   - a drain of the runtime waits for that, too, and so does weir_runtime_settle where there are
 *     threads: a source is work outside (weir_busy) of a second stage, NAME.acks, which weir_stages
 *     shows, and which ends when the driver is closed
 *
 * Cumulative sources (Kafka's offsets) know a position for each lane, and no acks of single
 * messages: they are told the position below which all is settled.  It never passes a message that
 * is not.  Such an engine delivers nothing again while the lane is held, so a nak is not its
 * affair: the source itself emits the message again, redeliver_ns later, with `deliveries` one
 * higher, until something acknowledges it (a dead letter's OK does); its lane's position waits.
 * Whoever wants an end to that counts deliveries.  A source that finishes delivers nothing again:
 * the position stays below it, so that the engine does at the next start.
 *
 * SIMULATED and STEPPED runtimes have no threads: all calls are made by the thread that steps, in a
 * turn of the source's, `pull` with a timeout of 0, so that a test runs in virtual time.
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include <weir/inlet.h>
#include <weir/message.h>
#include <weir/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a driver has ------------------------------------------------------------- */

typedef struct weir_pull weir_pull;

/* What pull has found. */
typedef struct weir_incoming {
    weir_bytes data;
    weir_bytes key;
    weir_bytes headers;
    uint64_t token;      /* the driver's: a pointer, a sequence; handed to ack               */
    uint64_t position;   /* cumulative: its place in its lane; rises with each that is added */
    uint64_t time;       /* as message.time                                                  */
    uint32_t lane;       /* a partition, say; for span and weir_pull_revoke; also elsewhere  */
    uint32_t deliveries; /* before this one, as the engine says                              */
    bool lent; /* what spans point at is not copied: it stays until `release` is called for the  */
               /* token; the driver has that function                                            */
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_incoming;

/* What became of one; of a cumulative source, of all of a lane that is below `position`. */
typedef struct weir_ack {
    uint64_t token; /* of a cumulative source: the last one's that is below */
    uint64_t position;
    uint64_t delay_ns; /* of a nak: when it had better be delivered again (redeliver_ns); else 0 */
    uint32_t lane;
    uint32_t deliveries;  /* before this one, as the driver said */
    weir_outcome outcome; /* OK, SKIP, DEAD: done with; the others: to be delivered again */
    weir_discard why;     /* HANDLED, or what befell it                                   */
    int32_t reason;       /* the message's, where it was handled                          */
    uint32_t reserved;    /* for later versions (version.h)                               */
} weir_ack;

typedef enum weir_pulled {
    WEIR_PULLED = 0,     /* done: also of open and ack                                     */
    WEIR_IDLE = 1,       /* there was nothing within the timeout                           */
    WEIR_LOST = 2,       /* the connection is lost: what was added is; open is called next */
    WEIR_SOURCE_END = 3, /* there will be nothing more: pull only                          */
    WEIR_BROKEN = 4      /* nothing will help: the stage stops, with an error logged; of a   */
                         /* pipeline's source: the pipeline drains, and ends (pipeline.h)    */
} weir_pulled;
/* Any other value is logged, and taken as BROKEN.  The first LOST after a success is logged as a
 * warning, and as an info that it is open again; so are, once, acks that are given up. */

typedef struct weir_source_driver {
    const char *name; /* for the log; default "driver" */

    /* As weir_ack says, and above: ack is for positions of lanes, `redelivery` is the source's. */
    bool cumulative;

    /* It is called with a context: who gives none, or NULL, is refused. */
    bool needs_context;

    /* Cumulative: a lane is not pulled from (see weir_pull_lane_full) while a position is so far
     * above the oldest that is not settled; default 4096. */
    uint32_t span;

    /* How long a pull may wait while something is outstanding whose ack may be due meanwhile;
     * default 5 ms.  While nothing is, it may wait for a second. */
    uint64_t idle_ns;

    /* After so long without an ack the engine would deliver a message again: those that are
     * outstanding are told to `extend` each third of it.  0: never.  A cumulative source has no
     * leases of messages: with `extend` that is called so often while anything is outstanding,
     * also when nothing is pulled for long, so that its engine hears that it lives. */
    uint64_t lease_ns;

    /* Connects: before anything else, and again after LOST, with back-off.  PULLED: it has; LOST:
     * not now; BROKEN.  NULL: there is nothing to do. */
    weir_pulled (*open)(void *context);

    /*
     * Adds (weir_pull_add) up to `events` messages, of `bytes` bytes together if that can be known,
     * and waits up to timeout_ns for the first of them; WEIR_IDLE when none came: one that comes
     * back sooner, and had nothing, is called again when idle_ns have passed since it was called,
     * or its timeout.  Required.
     */
    weir_pulled (*pull)(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                        uint64_t timeout_ns);

    /*
     * Tells the engine.  Any but PULLED: none of these is deemed told; LOST: the connection is
     * lost; they come again.  NULL: nobody wants to know.
     */
    weir_pulled (*ack)(void *context, const weir_ack *acks, size_t count);

    /* Somebody is still at work on these.  Goes with lease_ns: both, or neither. */
    void (*extend)(void *context, const uint64_t *tokens, size_t count);

    /*
     * What was lent with this token is not looked at any more.  Called once for each that was lent,
     * behind its ack, and perhaps behind close, of a message that somebody kept beyond the
     * deadline; then on the thread that lets go of it.  So the context lasts until the runtime is
     * closed where anything is lent.
     */
    void (*release)(void *context, uint64_t token);

    /* Makes a pull that waits, now or about to, return soon: called on any thread, perhaps beside
     * the others, as the source ends.  NULL: pulls end with their timeouts. */
    void (*wake)(void *context);

    /* The last call but `release`; also where open never succeeded, if it was called.  May be
     * NULL. */
    void (*close)(void *context);

    void (*reserved[4])(void); /* for later versions (version.h): NULL */
} weir_source_driver;

/*
 * For a running pull, on its thread.
 *
 * weir_pull_add   takes a message: its bytes are copied, unless they are lent.
 *   Returns   true; false, and the message is the driver's still: max_outstanding (or _bytes) is
 *             reached, the lane's span is, the source is stopping, there is no memory, or it is
 *             refused (weir_refusal: lent without `release`; a position that does not rise).
 *             One message always has room in an empty ledger, however large.
 * weir_pull_room  how many it would take, as far as max_outstanding goes.
 * weir_pull_flush sends on what was added; done when the pull returns, and now and then.
 * weir_pull_log   has the runtime log a line, "source NAME: " before it, cut off behind 511 bytes:
 *             of what is amiss though it goes on.  (Why a driver is LOST or BROKEN is logged by
 *             itself: weir_refuse.)  Arguments  format: as printf's.
 * weir_pull_stopping  it had better return: true, too, as soon as the source is to end.
 * weir_pull_lane_full  of a cumulative source: nothing of that lane is taken at present.
 * weir_pull_revoke  a lane goes to somebody else (a rebalance): waits up to wait_ns until what is
 *             outstanding of it has been settled, and calls `ack` for what is; then forgets the
 *             lane: what is settled later is not acked (and counted: forgotten).  This is the one
 *             place where ack is called within a pull.  Without threads it does not wait.
 */
bool weir_pull_add(weir_pull *pull, const weir_incoming *incoming);
uint64_t weir_pull_room(const weir_pull *pull);
void weir_pull_flush(weir_pull *pull);
void weir_pull_log(const weir_pull *pull, weir_log_level level, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;
bool weir_pull_stopping(const weir_pull *pull);
bool weir_pull_lane_full(const weir_pull *pull, uint32_t lane);
void weir_pull_revoke(weir_pull *pull, uint32_t lane, uint64_t wait_ns);

/* ---- sources ----------------------------------------------------------------------- */

#define WEIR_SOURCE_OUTSTANDING_DEFAULT 10000
#define WEIR_SOURCE_OUTSTANDING_LIMIT   4194303
#define WEIR_SOURCE_SHUTDOWN_DEFAULT    UINT64_C(30000000000)
#define WEIR_SOURCE_REOPEN_DEFAULT      UINT64_C(100000000)
#define WEIR_SOURCE_REOPEN_MOST_DEFAULT UINT64_C(10000000000)
#define WEIR_SOURCE_REDELIVER_DEFAULT   UINT64_C(1000000000)
#define WEIR_SOURCE_IDLE_DEFAULT        UINT64_C(5000000)
#define WEIR_SOURCE_SPAN_DEFAULT        4096
#define WEIR_SOURCE_ACK_TRIES_DEFAULT   3

typedef struct weir_source_options {
    const char *name;                 /* default: the driver's, or "source"              */
    const weir_source_driver *driver; /* kept, not copied; NULL: there are only pushes   */
    void *context;                    /* handed to its functions                         */
    size_t max_outstanding;       /* messages that are not acked, 1..4194303; default 10000; of */
                                  /* pushes as many again                                       */
    size_t max_outstanding_bytes; /* their spans' bytes; default WEIR_INFINITY                  */
    weir_when_full when_full;     /* of pushes: WEIR_REFUSE (default) or WEIR_BLOCK             */
    uint64_t shutdown_ns;         /* the deadline's default, where there is one; 30 s           */
    uint64_t reopen_ns;           /* back-off of open: the first, default 0.1 s, is doubled     */
    uint64_t reopen_most_ns;      /* up to this; default 10 s; half of it is drawn by lot       */
    uint64_t redeliver_ns;        /* of naks; default 1 s; 1: at once                           */
    unsigned ack_tries;           /* how often an ack meets LOST before it is given up; default 3 */
    unsigned worker;              /* of its stage, as in weir_stage_options                     */
    const weir_dispatcher *dispatcher; /* likewise                                         */
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    weir_demand_mode demand;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_source_options;

typedef struct weir_source weir_source;

/*
 * Starts a source: its stage and, in a runtime with threads and with a driver, its thread.
 * out and stage receive its handle, and its stage's reference, for subscribing; stage may be NULL.
 * Errors     as weir_stage_start; INVALID; NO_MEMORY: all that is needed for max_outstanding is
 *            taken here (some 100 bytes each, 200 of a cumulative source or one that lends, touched
 *            as they are used), but for messages' bytes; SYSTEM: its thread could not be started.
 * Lifetime   of the handle: until weir_source_close, which must not be in a callback.
 * Threads    any, also inside callbacks (a supervisor's start): but a driver's context is that of
 *            one source, until that is over (weir_source_over).
 */
weir_status weir_source_open(weir_runtime *runtime, const weir_source_options *options,
                             weir_source **out, weir_ref *stage);

/*
 * Nothing more is pulled, nor pushed; what has come goes on, and the stage ends.  What is
 * outstanding is waited for, `within_ns` from now at the latest (0: shutdown_ns); then it is nak'd.
 * Once more, it may be made to be sooner, also of a source that ends by itself; WEIR_FOREVER names
 * no deadline.  Returns without waiting.  Threads: any.
 */
weir_status weir_source_finish(weir_source *source, uint64_t within_ns);

/*
 * The same, and waits until it is over: the driver is closed.  (A source that ends by itself, or
 * with a drain of the runtime, is over as well.)
 * Returns    WEIR_OK; WEIR_TIMEOUT: the driver's functions have not returned until timeout_ns from
 *            now, or messages are still outstanding.
 * Errors     WRONG_THREAD: in a callback, and where another thread steps the runtime.
 */
weir_status weir_source_drain(weir_source *source, uint64_t within_ns, uint64_t timeout_ns);

/* Whether it is over.  Threads: any. */
bool weir_source_over(const weir_source *source);

/*
 * Finishes it, waits until it is over, joins its thread, and gives the handle back.  It waits as
 * long as weir_source_finish said, or shutdown_ns if there is no deadline yet, and a little for the
 * driver's functions to return.
 * Returns    WEIR_OK: source is gone; WEIR_TIMEOUT: a function of the driver's has not returned:
 *            call it again.
 * Errors     WRONG_THREAD.
 * Call it before weir_runtime_close.  NULL: WEIR_OK.
 */
weir_status weir_source_close(weir_source *source);

/* ---- pushes ------------------------------------------------------------------------ */

/* What became of pushed messages, in their order: count of them.  On the thread that settles the
 * last of them; it must not block. */
typedef void weir_pushed(void *context, const weir_ack *acks, size_t count);

/*
 * Sends messages out of band: their bytes are copied, and they are a producer's like those that
 * were pulled.  Of *messages spans, time, batch_key, deliveries, tries, batcher, flush count.
 * Arguments  count: up to max_outstanding, and to 1024; timeout_ns: WEIR_BLOCK only.
 *            settled: unless NULL, called once, when all of them are settled (Broadway's
 *            CallerAcknowledger; with NULL its NoopAcknowledger).  The acks' tokens are the
 *            messages' numbers, from 0.
 * Returns    WEIR_OK; WEIR_FULL: max_outstanding of pushes are outstanding, or 1024 wait for demand
 *            (this WEIR_BLOCK waits for); WEIR_TIMEOUT.
 * Errors     NO_STAGE: it is finished or has stopped; NO_MEMORY; INVALID; WRONG_THREAD (it would
 *            wait, in a callback).
 * Cost       two allocations for a push.
 * Threads    any number.
 */
weir_status weir_source_push(weir_source *source, const weir_message *messages, size_t count,
                             uint64_t timeout_ns, weir_pushed *settled, void *context);

/* ---- what it has done -------------------------------------------------------------- */

typedef struct weir_source_stats {
    uint64_t outstanding; /* now: pulled, and not acked                                  */
    uint64_t bytes;       /* of those                                                    */
    uint64_t pushed;      /* now: pushed, and not settled                                */
    uint64_t pulled;      /* ever: added by pulls                                        */
    uint64_t acked;       /* told to the driver: OK, SKIP, DEAD (cumulative: below a position) */
    uint64_t naks;        /* told to the driver: the others                              */
    uint64_t lost_acks;   /* never told, as the connection was lost too often            */
    uint64_t forgotten;   /* never told, as their lane was revoked                       */
    uint64_t abandoned;   /* not settled at the deadline: nak'd, or left                 */
    uint64_t left;        /* cumulative: above its lane's position in the end            */
    uint64_t redelivered; /* cumulative: emitted again                                   */
    uint64_t extended;    /* tokens whose lease was extended, each time                  */
    uint64_t opened;      /* open has succeeded                                          */
    uint64_t lost;        /* the connection was lost, or could not be had                */
    uint64_t reserved[2];
} weir_source_stats;

/* Each figure is a recent one.  When it is over:
 * pulled == acked + naks + lost_acks + forgotten + left, and what was abandoned is among these.
 * Threads: any; wait-free. */
weir_status weir_source_statistics(const weir_source *source, weir_source_stats *out);

#ifdef __cplusplus
}
#endif
#endif
