/*
 * Pipelines: a whole ingestion, from sources to sinks, declared in one structure.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   sources ──► processors ──► batchers ──► batch processors, or sinks
 *                  │   ▲                        │
 *                  └───┘ retries                └──► dead letters: a batcher, too
 *
 * Messages (message.h) come from sources, are handled one by one in processors, are gathered into
 * batches by batchers, and are settled, each exactly once, when the batch that they are in was
 * handled: acknowledged, or given back to the source to come again.  At least once, whatever
 * fails.  (Broadway's shape, and its words; docs/broadway.md goes through it feature by feature.)
 *
 *   static weir_outcome parse(void *context, weir_work *work, weir_message *message);
 *   const weir_pipeline_batcher store = {
 *       .name = "store", .sink = &sink, .sink_contexts = (void *[]){file}};
 *   weir_pipeline *pipeline;
 *   weir_must(weir_pipeline_open(runtime, &(weir_pipeline_options){
 *       .source = &tail, .source_contexts = (void *[]){log}, .source_count = 1,
 *       .processors = {.count = 4, .handle_message = parse},
 *       .batchers = &store, .batcher_count = 1}, &pipeline));
 *   ...
 *   weir_must(weir_pipeline_close(pipeline, NULL));
 *
 * Outcomes.  What handle_message returns, and what each message of a batch has when handle_batch
 * returns:
 *   OK      it goes on: to its batcher; from there, or where there are no batchers, it is done,
 *           and acknowledged
 *   SKIP    it is done, goes nowhere else, and is acknowledged
 *   FAILED  it is tried again, as often as `retry` says, counting the first time.  When no try is
 *           left it has failed for good, and goes where one that is DEAD goes
 *   DEAD    it is not tried again.  It goes to the batcher `dead`, and is acknowledged once that
 *           has stored it.  Who has no such batcher acknowledges it as DEAD, or as FAILED if it has
 *           failed: the source knows what to do with it (source.h)
 *   RETRY   as FAILED; says that it was nobody's fault.  Where there are no tries left it is a nak
 *   NAK     it is given back to the source at once
 * A message that fails in the batcher `dead` is given back to the source: there is no loop.
 * Before a message that has FAILED for good, or is DEAD, goes its way, handle_failed is asked.
 *
 * Dead letters.  handle_failed sees of each message its outcome, FAILED or DEAD, its tries, this
 * one included, where that was (failed_in: WEIR_ROLE_PROCESSOR or BATCHES), the batcher that it was
 * for, and the program's `reason`.  Whoever handles the batches of `dead` sees the same of a dead
 * letter: failed_as is the outcome, as handle_failed left it; tries, failed_in, batcher and reason
 * are as they were.  Tries of the dead letter itself are batch->attempt.  Where handle_failed is
 * asked about one that could not be stored, failed_as is set already; otherwise it is OK, also for
 * what handle_message has sent to that batcher by itself.  (Broadway: message.status, batcher.)
 *
 * Retries.  A message that is tried again waits where it failed, in a processor's heap or in its
 * batch, without a thread, for the delay that `retry` says; what comes after it goes on meanwhile,
 * unless retry.in_order.  It counts as outstanding.  In a processor handle_message is called again
 * with the message as that left it; in a batch handle_batch is called again with those messages
 * that have failed, and no others (batch->attempt).  A drain waits for no retry: what waits is
 * given back to the source, and in a processor that is in order what waits behind it, too.  Batches
 * behind one that waits are handled then.  Who sets delay or in_order, and tries nowhere, is
 * refused, unless handle_failed or a sink may have something tried again.
 *   Batches behind one that waits are handled meanwhile, but not where an order is promised: with
 * a batcher's partition_by, or its retry.in_order, it is one of the `count` that are handled at the
 * same time until it is through; nor behind one whose sink is LOST, which is the next to be
 * written.  So many may wait at each sink context, or handle_batch: 1,024, fewer where `size` is
 * above that (2^20 messages together, but 16 at least), since a batch keeps the memory of all that
 * it had; those behind the last of them wait, too.
 *
 * A source that breaks.  Where a driver says BROKEN its source can bring nothing more: the error is
 * logged, and the pipeline drains by itself, as by weir_pipeline_drain, for shutdown_ns at most:
 * what has come is handled, and told to its driver while that takes it, other sources are finished.
 * Then its stages have ended, and it is to be closed.
 *
 * Threads.  handle_message runs on workers, one call at a time for each processor, and must not
 * block; `blocking` processors run on threads of their own.  handle_batch and sinks run on threads
 * of a pool, and may block, unless their batcher is `quick`.  In STEPPED and SIMULATED runtimes
 * there are no threads: all runs where the runtime is stepped.
 * One `context` is handed to all callbacks: what several of them change at once needs atomics.
 *
 * Order.  Messages of one source go to processors as those are free.  With processors.partition_by
 * those of one partition are handled by one processor, in the source's order; a batcher's
 * partition_by keeps it through batches.  Retries change it: what failed comes behind what came
 * after it.  In processors retry.in_order keeps it all the same.  From batch to batch a batcher's
 * partition_by or retry.in_order does; but not within a batch, where those that did not fail are
 * done at once: of "a b c d", of which a has FAILED, b, c and d are stored, and then a.  A handler
 * that needs the order there, too, fails all that is behind the first that failed:
 *
 *   size_t i = 0;
 *   while (i < count && store(&messages[i])) i++;
 *   while (i < count) messages[i++].outcome = WEIR_MESSAGE_FAILED;
 *
 * Then a, b, c and d are tried again together, and each has one try less.  (A sink may return LOST
 * instead: the whole batch is written again, as often as it takes, and what it had stored of that
 * is stored twice, unless it knows it.)  What is DEAD or given back has left the order.
 *
 * Signals.  A pipeline ends when somebody calls weir_pipeline_close, which no handler of a signal
 * may do.  So block SIGTERM and SIGINT (pthread_sigmask) before the runtime is opened, and take
 * them by sigtimedwait, as docs/examples/log_shipper.c does.  weir's own threads take no signals.
 *   It may have ended before, since a source is broken, or a stage has stopped too often: then
 * weir_pipeline_await says so, also with a timeout of 0.  A program that waits for signals alone
 * would stay, and do nothing.
 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <weir/backoff.h>
#include <weir/batcher.h>
#include <weir/message.h>
#include <weir/rate.h>
#include <weir/runtime.h>
#include <weir/sink.h>
#include <weir/source.h>
#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_PIPELINE_NAME_BYTES       32 /* of a name, its end included */
#define WEIR_PIPELINE_STAGE_BYTES      80
#define WEIR_PROCESSORS_LIMIT          1024
#define WEIR_PROCESSORS_DEMAND_DEFAULT 256
#define WEIR_BATCHERS_LIMIT            256
#define WEIR_BATCHER_COUNT_LIMIT       256
#define WEIR_SOURCES_LIMIT             1024
#define WEIR_TRIES_LIMIT               1000000
#define WEIR_MAX_OUTSTANDING_DEFAULT   10000
#define WEIR_PIPELINE_SHUTDOWN_DEFAULT UINT64_C(30000000000)

typedef struct weir_pipeline weir_pipeline;
typedef struct weir_work weir_work; /* the running handle_message, for the functions below */

/* How a message, or a batch's, is tried again. */
typedef struct weir_tries {
    unsigned tries;     /* how often at most, the first time included; 1..10^6; default 1: it is */
                        /* not tried again                                                       */
    weir_backoff delay; /* before each; default 100 ms, factor 2, a minute at most, jitter 0.2,  */
                        /* all together where first_ns is 0; where that is set the others' are   */
                        /* as in backoff.h: no jitter.  To have none: .first_ns = 1, .factor = 1 */
    bool in_order;      /* what comes behind it in its processor waits for it; of a batcher the  */
                        /* batches behind its: see "Retries" and "Order" above                   */
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_tries;

typedef struct weir_processors {
    unsigned count; /* 1..1024; default as many as the runtime has workers                       */
    bool blocking;  /* handle_message may block: each of them is a thread.  Not with in_order    */
    /* Of each processor at each producer, as in subscription.h: a processor has so many messages
     * at hand.  Default 256, half of that, and no bound; of `blocking` ones, which are one pool
     * unless partition_by is set, as many as there are threads. */
    size_t max_demand;
    size_t min_demand;
    size_t max_bytes;
    /* Unless NULL: messages for which it says the same, modulo count, are handled by the same
     * processor.  On a source's thread or a worker. */
    uint32_t (*partition_by)(void *context, const weir_message *message);
    /* Unless NULL: each message begun takes one token of it, and so does each that is tried again.
     * What waits for tokens hears of other terms (weir_rate_set) at once.  Not closed with the
     * pipeline; it may be closed before, and the pipeline goes on at its rate. */
    weir_rate *rate;
    /* Unless NULL: called with what came together, before handle_message is with each of them: to
     * look up many things at once.  Not with `blocking`, whose messages are begun one by one, as
     * threads are free: what blocks and is to be for many at once is a batcher's handle_batch. */
    void (*prepare)(void *context, weir_message *messages, size_t count);
    /* Default: every message is OK. */
    weir_outcome (*handle_message)(void *context, weir_work *work, weir_message *message);
    unsigned worker;       /* as in stage.h; default WEIR_SPREAD */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_processors;

typedef struct weir_pipeline_batcher {
    const char *name;    /* required, of at most 31 characters, none of control; different from  */
                         /* the others'                                                          */
    size_t size;         /* messages of a batch, 1..; default 100                                */
    size_t bytes;        /* of their spans together; default: no bound                           */
    uint64_t timeout_ns; /* a batch goes at the latest so long after its first message; default  */
                         /* one second; WEIR_FOREVER                                             */
    /* Unless NULL: instead of size and bytes.  As weir_batcher_options.full (batcher.h). */
    bool (*full)(void *context, const weir_message *next, uint64_t *sum);
    /* Unless NULL: messages of one batch have the same key; else message.batch_key says it. */
    uint64_t (*batch_key)(void *context, const weir_message *message);
    size_t keys;    /* open batches at most; with one key more the oldest goes; default 1024     */
    unsigned count; /* batches that are handled at the same time, 1..256; default 1              */
    /* Unless NULL: messages for which it says the same, modulo count, are in the same batches,
     * which are handled one after the other, in order.  On a worker. */
    uint32_t (*partition_by)(void *context, const weir_message *message);
    weir_rate *rate; /* unless NULL: each batch takes one token of it, and one more for each try */

    /* One of the two, required.  handle_batch sets outcomes, which are OK before; if it returns
     * anything but OK, that is the outcome of all that it left OK. */
    weir_outcome (*handle_batch)(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch);
    const weir_sink *sink;      /* kept, not copied                                              */
    void *const *sink_contexts; /* `count` of them; copied; the same one twice: sink.h.  NULL,   */
                                /* count 1: `context`                                            */

    weir_tries retry; /* of what fails in its batches.  tries 0, and delay.first_ns 0: as    */
                      /* the pipeline's, each by itself; in_order: here or there             */
    bool quick;       /* handle_batch, or the sink, does not block: it runs on a worker     */
    /*
     * As in stage.h: where its batches are gathered, and what hands them to the threads that handle
     * them, lives.  Default WEIR_ANY_WORKER.  WEIR_TIMELY_WORKER: a batch goes to its thread within
     * 1 ms of its time, whatever processors are at work on.  WEIR_OWN_WORKER is for gathering
     * alone.  `quick`: batches are handled there, too, but not on the timely worker.
     */
    unsigned worker;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_pipeline_batcher;

/* What a stage of a pipeline is for. */
typedef enum weir_role {
    WEIR_ROLE_SOURCE = 1,
    WEIR_ROLE_PUSH = 2, /* for weir_pipeline_push and weir_pipeline_test     */
    WEIR_ROLE_DEAD = 3, /* dead letters come by it to their batcher         */
    WEIR_ROLE_PROCESSOR = 4,
    WEIR_ROLE_BATCHER = 5,
    WEIR_ROLE_BATCHES = 6 /* handles a batcher's batches                      */
} weir_role;

/* What observe is told: a processor has handled what came together, or a batch was. */
typedef struct weir_telemetry {
    const char *pipeline;
    const char *stage; /* its name, as in weir_pipeline_topology                            */
    weir_role role;    /* PROCESSOR or BATCHES                                              */
    unsigned index;    /* which processor; or which batcher                                 */
    uint64_t start_ns; /* of weir_runtime_now                                               */
    uint64_t took_ns;
    size_t count;  /* messages                                                          */
    size_t failed; /* of these: neither OK nor SKIP                                     */
    const weir_batch_info *batch; /* NULL for a processor                                   */
    uintptr_t reserved[4];        /* for later versions (version.h)                         */
} weir_telemetry;

typedef struct weir_pipeline_options {
    const char
        *name;     /* for messages and its stages' names; at most 31 characters, none of control; */
                   /* default "pipeline"                                                          */
    void *context; /* handed to all callbacks but a source's and a sink's */

    /* Where messages come from: any of these, or nothing but pushes.  A source is one table of a
     * driver (source.h), with a context and a thread for each of source_count. */
    const weir_source_driver *source; /* kept, not copied                                        */
    void *const *source_contexts; /* source_count of them; copied; the same one twice: two        */
                                  /* threads call with it at the same time                        */
    unsigned source_count;        /* 0..1024                                                     */
    /* Stages that emit weir_message, of weir_message_type (message.h).  With a partition_by of
     * processors each must have a partition dispatcher with a partition for each processor, or one
     * of the program's that heeds the partition that a subscription names.  They
     * are the program's: a drain leaves them, when it has what they have sent.
     *   A source of the program's own (weir_source_open) is such a producer, by its stage: with
     * a name and bounds of its own, with another driver than `source`, or with none, for pushes
     * whose outcomes are told (weir_source_push's `settled`):
     *     weir_source_open(runtime, &(weir_source_options){.name = "calls"}, &source, &stage);
     *     ... .producers = &stage, .producer_count = 1 ...
     *     weir_source_push(source, messages, count, 0, settled, context);
     * Drain it before the pipeline is drained, and close it behind that. */
    const weir_ref *producers;
    size_t producer_count;

    size_t max_outstanding; /* messages of a source that are not settled; default 10000; also */
                            /* what may wait of pushes, and of dead letters                  */
    size_t
        max_outstanding_bytes; /* of their spans; default: no bound                             */

    weir_processors processors;
    const weir_pipeline_batcher
        *batchers;        /* copied; a message's `batcher` is a number in this list, */
    size_t batcher_count; /* 0..256; default 0, the first                            */
    weir_tries retry;
    const char *dead; /* the batcher's name; default none */

    /*
     * Unless NULL: asked about messages that have FAILED for good or are DEAD, some that lie side
     * by side at a time, before they go their way.  It may change their outcomes: to OK or SKIP,
     * and they are done; to DEAD, NAK, FAILED; to RETRY: they have one try more.  On the thread
     * that handled them.
     */
    void (*handle_failed)(void *context, weir_message *messages, size_t count);

    /* Unless NULL: called for each of what processors and batch processors have done, on the
     * thread that did it. */
    void (*observe)(void *context, const weir_telemetry *telemetry);

    uint64_t
        shutdown_ns; /* how long weir_pipeline_close waits for what is under way; default 30 s */
    /* A stage of its that stops is started again: not more than max_restarts times within
     * max_seconds, as in supervisor.h; then the pipeline ends.  Defaults 3 and 5. */
    size_t max_restarts;
    size_t max_seconds;

    /* Of its sources, as in weir_source_options; 0: their defaults. */
    uint64_t reopen_ns;      /* back-off of a driver's open: the first, 0.1 s, is doubled ...    */
    uint64_t reopen_most_ns; /* ... up to this, 10 s; at least reopen_ns                         */
    uint64_t redeliver_ns;   /* when a nak is to come again; 1 s; 1: at once                     */
    unsigned ack_tries;      /* how often an ack meets LOST before it is given up; 3             */

    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_pipeline_options;

/*
 * Opens a pipeline: starts its stages and the threads of its sources and pools.  It runs at once.
 * Arguments  All of options is copied, but for what is said to be kept.
 * Errors     INVALID (which option, the value, and what is allowed: weir_refusal), NO_MEMORY,
 *            SYSTEM (a thread could not be started), WRONG_THREAD (in a callback), CLOSED,
 *            NO_STAGE and NOT_A_PRODUCER (producers).  Nothing is left behind.
 * Lifetime   of the handle: until weir_pipeline_close, which comes before weir_runtime_close.
 * Threads    any.
 * Source     Broadway.start_link.
 */
weir_status weir_pipeline_open(weir_runtime *runtime, const weir_pipeline_options *options,
                               weir_pipeline **out);

/*
 * What it has done so far, in messages.  Exact at rest, and when it is closed.  The account of what
 * its sources brought is in what their drivers were told, each message in one of these:
 *
 *   pulled == acked + naks + lost_acks + forgotten + left + outstanding
 *
 * and when weir_pipeline_close has returned WEIR_OK none is outstanding, however it has ended.  Who
 * is to know what comes again looks there, and not at `done`: what was handled well, but too late
 * for its driver to be told, is `done`, and among the naks, the lost acks or what was left.
 */
typedef struct weir_pipeline_stats {
    uint64_t begun;    /* handle_message was called with it for the first time       */
    uint64_t retried;  /* times that one was tried again, in processors and batches  */
    uint64_t batches;  /* that were handled, tries included                          */
    uint64_t batched;  /* messages in them, likewise                                 */
    uint64_t reopened; /* times that a sink was LOST                                 */
    /* What its callbacks have made of messages, of pushed ones and those of weir_work_more, too. */
    uint64_t done;       /* settled as OK or SKIP by processors or in batches          */
    uint64_t dead;       /* stored as dead letters, or settled as DEAD                 */
    uint64_t failed;     /* settled as FAILED                                          */
    uint64_t given_back; /* settled as NAK                                             */
    uint64_t restarts;   /* of its stages                                              */
    /* Of its sources (weir_source_stats): brought, and told to their drivers, or not; see below. */
    uint64_t pulled;
    uint64_t acked;       /* OK, SKIP, DEAD                                            */
    uint64_t naks;        /* the others: they come again, or as the driver has it      */
    uint64_t lost_acks;   /* the connection was lost too often: they come again        */
    uint64_t broken;      /* sources whose driver said BROKEN; counted once they are over      */
    uint64_t outstanding; /* now: in the pipeline, or settled and not told yet         */
    uint64_t forgotten;   /* told to nobody, as their lane was revoked (source.h)      */
    uint64_t left;        /* cumulative: above their lane's position at the end: they come again */
    uint64_t reserved[2]; /* for later versions (version.h)                            */
} weir_pipeline_stats;

/*
 * Has the pipeline finish: sources are asked for no more, what is under way is handled, open
 * batches go as they are, retries that wait are given back to their sources, and all that was
 * settled is acknowledged; then drivers are closed.  Pushes are refused from now on.
 * Arguments  timeout_ns: how long to wait.
 * Returns    WEIR_OK: all its stages have ended; TIMEOUT: some are at work still; call it again, or
 *            close it, which gives up.
 * Errors     WRONG_THREAD inside a callback or task of its runtime, and, of a stepped one, while
 *            another thread steps it.  NO_MEMORY: producers of the program's are not left yet: call
 *            it again.
 * Threads    one at a time, of this and weir_pipeline_close and weir_pipeline_test.
 * Source     Broadway.stop's draining, Broadway.Producer.prepare_for_draining.
 */
weir_status weir_pipeline_drain(weir_pipeline *pipeline, uint64_t timeout_ns);

/*
 * Ends the pipeline: drains it until its deadline, in shutdown_ns, then stops what still runs,
 * which gives its messages back to their sources; acknowledges; closes drivers and sinks; joins
 * threads; and frees it.  What its callbacks use may be freed when it has returned WEIR_OK.
 *   Behind the deadline what was stopped has one second in all: stages to end, tasks to return,
 * sources, in half of it, to tell their drivers.  Nobody can end a callback but itself: one that
 * may take long should look at weir_ending_here (stage.h) now and then.
 * Returns    WEIR_OK, also where it had to give up, or a source is broken (weir_pipeline_stats
 *            counts what was given back, and who is broken); TIMEOUT, at that deadline and a second
 *            at the latest: a callback has not returned (weir_refusal: whose).  Nothing was freed
 *            then, and what is with that callback is outstanding still; call it again, which
 *            waits for shutdown_ns more.  (A sink's `close` is called here, and waited for.)
 * Arguments  pipeline: NULL: there is nothing to close.  stats: unless NULL, receives
 *            the last figures.
 * Errors     WRONG_THREAD, as weir_pipeline_drain.
 * Threads    one; nobody else may use the handle during or after the call.
 */
weir_status weir_pipeline_close(weir_pipeline *pipeline, weir_pipeline_stats *stats);

/*
 * Waits until all of its sources have ended by themselves (WEIR_SOURCE_END, source.h), and all that
 * they have brought is settled, and told to their drivers.  For pipelines that have an end.
 * Returns    WEIR_OK, at once where it has no sources; TIMEOUT.
 * Errors     WRONG_THREAD, as weir_pipeline_drain; NO_STAGE: they have ended otherwise: a driver
 *            said BROKEN (weir_pipeline_stats.broken), or the pipeline has ended without being
 *            drained, since a stage had stopped for good.  weir_refusal says which.
 * Threads    any.
 */
weir_status weir_pipeline_await(weir_pipeline *pipeline, uint64_t timeout_ns);

/*
 * Brings in messages of the program's own, beside its sources: they are handled like all others,
 * and nobody is told what becomes of them.  What their spans point at is copied.
 * Arguments  messages: of each data, key, headers, time, batch_key, batcher and flush count.
 *            batcher: below batcher_count, unless that is 0.
 *            count: up to max_outstanding, and to 1024.
 * Returns    WEIR_OK; FULL: max_outstanding are not settled yet, or some 1024 wait for
 *            processors to ask for them.  All or none.
 * Errors     NO_STAGE (it drains, or has ended), NO_MEMORY, INVALID.
 * Threads    any.  Source: Broadway.push_messages.
 */
weir_status weir_pipeline_push(weir_pipeline *pipeline, const weir_message *messages, size_t count);

/* When the batches of a test's messages go. */
typedef enum weir_batch_mode {
    WEIR_BATCH_BULK =
        0, /* as those of others do: by their batcher's size, bytes, time, and so on */
    WEIR_BATCH_FLUSH =
        1 /* at once: each message's with it, whatever the batcher says             */
} weir_batch_mode;

/*
 * For tests: pushes messages, and waits until all are settled.  In a SIMULATED runtime it steps
 * that, and time is virtual: a batcher's timeout and back-off take none.
 * Arguments  count: as weir_pipeline_push.
 *            mode: FLUSH for what becomes of each message by itself; BULK for batches as they will
 *            be: what does not fill one waits for timeout_ns of its batcher, or, where that is
 *            WEIR_FOREVER, for more messages.
 *            outcomes: receives what each was settled as: OK, SKIP, FAILED, DEAD or NAK.
 *            timeout_ns: how long to wait.
 * Returns    WEIR_OK; TIMEOUT: those that are not settled have outcome RETRY.
 * Errors     those of weir_pipeline_push; INVALID (mode); WRONG_THREAD, as weir_pipeline_drain.
 * Threads    one at a time, as weir_pipeline_drain.  Source: Broadway.test_message, test_batch.
 */
weir_status weir_pipeline_test(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                               weir_batch_mode mode, uint64_t timeout_ns, weir_outcome *outcomes);

/*
 * For a running handle_message, of its message.
 *
 * All of them may be called in `blocking` processors, too: bytes lie in memory that is no worker's.
 * New data begins at a multiple of 8: a struct that was copied, or written, may be read there.
 *
 * weir_work_set   new data, copied; what it had is let go.  false: no memory
 * weir_work_room  the same, to be written by the caller, who gets `count` bytes.  NULL: no memory
 * weir_work_more  one message more: a copy of it, to be filled, with the same bytes as yet.  It
 *                 goes to its `batcher` behind what is handled now, if handle_message returns OK
 *                 or SKIP, and its source is told when both are settled.  Valid until
 *                 handle_message returns, or the next call.  NULL: no memory
 * weir_work_ack   settles it now, by its outcome, and it goes on: its source is not told of what
 *                 becomes of it (Broadway's ack_immediately).  false: no memory
 */
bool weir_work_set(weir_work *work, const void *data, size_t count);
char *weir_work_room(weir_work *work, size_t count);
weir_message *weir_work_more(weir_work *work);
bool weir_work_ack(weir_work *work);

/* One of a pipeline's stages. */
typedef struct weir_pipeline_stage {
    weir_ref stage; /* as it was last started                                             */
    weir_role role;
    unsigned index;     /* of a source or processor: which; else which batcher             */
    unsigned partition; /* of a batcher, or of what handles its batches: which of `count`   */
    bool idempotent;    /* its sink is                                                     */
    bool alive;         /* it runs                                                         */
    char name[WEIR_PIPELINE_STAGE_BYTES]; /* "NAME.processor.0", "NAME.batcher.store.0"     */
    uintptr_t reserved[2];                /* for later versions (version.h)                 */
} weir_pipeline_stage;

/*
 * Lists its stages: sources first, then the others in the order of the enum above.
 * Arguments  out: room for `room` of them; may be NULL where that is 0.
 * Returns    how many there are.
 * Threads    any.  Source: Broadway.topology, producer_names, all_running.
 */
size_t weir_pipeline_topology(const weir_pipeline *pipeline, weir_pipeline_stage *out, size_t room);

/* Whether all of its stages run; a source that has ended does not.
 * Threads: any.  Source: Broadway.all_running?. */
bool weir_pipeline_running(const weir_pipeline *pipeline);

/* What it has done so far.  Errors: INVALID.  Threads: any; wait-free. */
weir_status weir_pipeline_read_stats(const weir_pipeline *pipeline, weir_pipeline_stats *out);

#ifdef __cplusplus
}
#endif
#endif
