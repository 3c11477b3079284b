/*
 * Stages: the callbacks a program writes, and how a stage is started.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage belongs to one worker, which runs its callbacks one at a time; its
 * state needs no lock.  Callbacks must not block for long: the other stages of
 * that worker wait meanwhile.  All callbacks are optional but handle_demand
 * for a producer and handle_events for the other two kinds; what is of another kind is ignored.
 */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include <weir/dispatcher.h>
#include <weir/ending.h>
#include <weir/event.h>
#include <weir/events.h>
#include <weir/mark.h>
#include <weir/output.h>
#include <weir/subscription.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One end's view of a subscription, for handle_subscribe and handle_cancel. */
typedef struct weir_peer {
    weir_subscription subscription;
    weir_ref stage; /* the other end                                              */
    weir_kind side; /* what the other end is to us: WEIR_PRODUCER or WEIR_CONSUMER */
    const weir_subscribe_options *options; /* defaults filled in                  */
} weir_peer;

/*
 * What handle_subscribe returns.  MANUAL (consumers only): nothing is asked or
 * counted; a batch is a whole message, or a piece of one that is larger than 64 KiB;
 * the program calls weir_ask.  REFUSE: as if it had not been asked for; at a producer
 * it ends with reason REFUSED (so does MANUAL there, which only a consumer can be).
 * STOP stops the stage; so does any other value, with BAD_RETURN, and an error is logged.
 */
typedef enum weir_subscribe_verdict {
    WEIR_AUTOMATIC = 0,
    WEIR_MANUAL = 1,
    WEIR_SUBSCRIBE_REFUSE = 2,
    WEIR_SUBSCRIBE_STOP = 3
} weir_subscribe_verdict;

typedef struct weir_callbacks {
    /*
     * Prepares the state, on the thread that starts the stage, before any
     * worker knows of it.  STOP fails the start with WEIR_INIT_STOPPED.
     */
    weir_verdict (*init)(weir_stage *self, void *argument);

    /*
     * Producers: `demand` (at least 1) more events are wanted.  Emitting more
     * buffers the rest; emitting fewer leaves the shortfall to be emitted from
     * any later callback: it is not asked for again.
     */
    weir_verdict (*handle_demand)(weir_stage *self, uint64_t demand);

    /* Consumers and producer_consumers: one batch.  Ownership: borrowed (weir_batch). */
    weir_verdict (*handle_events)(weir_stage *self, weir_batch batch);

    /* A subscription begins; called at both ends.  Default: WEIR_AUTOMATIC. */
    weir_subscribe_verdict (*handle_subscribe)(weir_stage *self, const weir_peer *peer);

    /* A subscription ended; called at both ends, at the consumer behind the last event and
     * before the cancel mode acts. */
    weir_verdict (*handle_cancel)(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason);

    /*
     * weir_call: a request whose caller waits.  Answer with weir_reply, here or
     * later, from any thread, or with weir_reply_after.  Aligned to 16.
     */
    weir_verdict (*handle_call)(weir_stage *self, weir_from from, const void *request,
                                size_t bytes);

    /* weir_cast: a message from any thread.  Aligned to 16. */
    weir_verdict (*handle_cast)(weir_stage *self, const void *message, size_t bytes);

    /* weir_info: a message behind all that the stage had buffered; weir_send_after. */
    weir_verdict (*handle_info)(weir_stage *self, const void *message, size_t bytes);

    /* A stage that this one watches (weir_monitor) has stopped. */
    weir_verdict (*handle_down)(weir_stage *self, weir_ref stage, weir_reason reason);

    /*
     * The stage is to finish (weir_runtime_drain, weir_finish from outside): handle_demand is
     * not called any more, and it should begin nothing new.  Events may still come to it:
     * those that are under way, and those of producers that are not through.
     */
    weir_verdict (*handle_drain)(weir_stage *self);

    /*
     * The stage finishes, and its last input has come: all producers have ended, and all that
     * they sent is handled (for a producer: no more demand will come).  Here it emits what it
     * keeps to itself, a last and incomplete batch, say.  Called once; and again if something
     * has come all the same: a message, a timer's, a token (weir_busy) that was given back,
     * or, in a ring of stages, an event that went round.
     */
    weir_verdict (*handle_end)(weir_stage *self);

    /*
     * `count` events were lost, for the cause given: once for each overflow of
     * the buffer, and before terminate when the stage still holds events.
     * Without it a warning is logged, but for WEIR_DISCARD_UNWANTED.  What was on its way
     * when both ends of a subscription had stopped is nobody's: there is a warning only.
     * Ownership: what they owned their type's `drop` gives back (event.h), not this.
     */
    void (*discarded)(weir_stage *self, uint64_t count, weir_discard cause);

    /* The stage stops.  The last callback.  Ownership: what was taken (weir_take) and lies in
     * the state is the program's to free, here or later. */
    void (*terminate)(weir_stage *self, weir_reason reason);

    /*
     * A mark (mark.h) has come from that producer, behind all events that it was emitted behind.
     * Called between batches, whether or not anybody asks this stage for events.  Default: a
     * producer_consumer passes it on.  The mark is there until the callback returns.
     */
    weir_verdict (*handle_mark)(weir_stage *self, const weir_peer *from, const weir_mark *mark);

    void (*reserved[7])(void); /* for later versions (version.h): NULL */
} weir_callbacks;

#define WEIR_BUFFER_SIZE_DEFAULT  10000
#define WEIR_EVENT_BYTES_LIMIT    65536
#define WEIR_TIMERS_LIMIT_DEFAULT 1048576

/*
 * The worker that a stage lives on, from its start to its end.  WEIR_WORKER(n): that one, from 0.
 *
 * WEIR_ANY_WORKER, the default: a chain stays together, and what branches off is spread.  A stage
 * that is the first to consume from its only producer lives where that one does: their events stay
 * in one core's cache, and one wake is enough for all of them.  A producer goes where the
 * fewest producers are, and all others, a producer's second consumer say, where the fewest stages
 * are; in turn where it makes no difference.
 * WEIR_SPREAD: where the fewest stages are, whoever its producer is.  For stages of a chain that
 * have much work each, more than one core can do.
 * WEIR_WITH_PRODUCER: with its first producer, whatever lives there, and however many consumers
 * that has; as WEIR_SPREAD where there is none.  Not for producers.
 * WEIR_OWN_WORKER: on one that nobody is placed on any more but by WEIR_WORKER and
 * WEIR_WITH_PRODUCER.  For a stage that must not wait for others, or that others must not wait
 * for.  Who lives there already stays, so start it early: it gets the worker with the fewest
 * stages, and a warning is logged if those are any.  One worker is always left to the others: when
 * the rest are taken a warning is logged, and it is WEIR_SPREAD.
 * WEIR_TIMELY_WORKER: on one more worker, where nobody lives but who says this.  For stages with a
 * time to keep and short callbacks (batchers, retries, rates): what others of the runtime do does
 * not delay them, however long their callbacks take.  It opens with the first such stage: a thread,
 * "weir/timely", that is pinned to no core, sleeps while it has nothing to do, and asks the system
 * to run soon when it wakes (short slices, and nice -10 where the process may have that).  What
 * goes to and from it crosses to another thread, though; and a stage there with long callbacks
 * spoils it for all.  Its consumers do not follow it there, but by WEIR_WITH_PRODUCER.  Errors,
 * beside those of weir_stage_start: SYSTEM where its thread cannot be started.
 *
 * Whose consumer a stage will be is what subscribe_to says, or a supervisor's subscriptions; where
 * nothing says it, in a row (weir_stages_start), the stage before it.
 */
#define WEIR_WORKER(number) ((unsigned)(number) + 1u)
#define WEIR_ANY_WORKER     0u
#define WEIR_WITH_PRODUCER  0xffffffffu
#define WEIR_SPREAD         0xfffffffeu
#define WEIR_OWN_WORKER     0xfffffffdu
#define WEIR_TIMELY_WORKER  0xfffffffcu

typedef struct weir_stage_options {
    weir_kind kind;          /* required                                                */
    const char *name;        /* for messages; copied; no control characters; default the */
                             /* kind's name                                             */
    bool registered;         /* `name` is its alone, and weir_whereis finds it by it    */
    size_t event_bytes;      /* of what it emits, 1..65536; required; of a consumer it  */
                             /* is takes_bytes                                          */
    size_t takes_bytes;      /* of what it takes: who emits another size is refused when */
                             /* it subscribes; 1..65536; default: any                   */
    const void *state;       /* first contents of the state, copied; default zeros      */
    size_t state_bytes;      /* of its state, zeroed; default 0                         */
    void *argument;          /* handed to init                                          */
    unsigned worker;         /* WEIR_WORKER(n), or a word above; default WEIR_ANY_WORKER */
    size_t buffer_size;      /* events; WEIR_NONE, n or WEIR_INFINITY; default 10000,   */
                             /* for a producer_consumer WEIR_INFINITY; not for consumers */
    weir_keep buffer_keep;   /* default WEIR_KEEP_LAST                                  */
    weir_demand_mode demand; /* producers only; default WEIR_FORWARD        */
    const weir_dispatcher *dispatcher; /* default weir_demand_dispatcher()            */
    const void *dispatcher_options;    /* handed to its init; `dispatcher` is set then */
    weir_on_cancel on_cancel; /* when its last consumer leaves; default WEIR_ON_CANCEL_CONTINUE  */
    bool drop_unheard; /* discard what is emitted while nobody is subscribed (what a partition */
                       /* dispatcher had been asked for waits in its queues)               */
    bool discard_returned; /* discard what dead consumers had not begun, as GenStage does */
    bool as_genstage;      /* what an accumulating producer held is overtaken: by infos, and by */
                           /* events that held demand brings forth as it is let go; and the    */
                           /* normal end of a permanent subscription stops it at once          */
    size_t mailbox_limit;  /* messages that may wait for it, 1..2147483647; default the       */
                           /* runtime's mailbox_limit                                         */
    size_t timers_limit;   /* timers that it may have, 1..2147483647; default 1048576         */
    const weir_subscribe_to *subscribe_to; /* producers to subscribe to, in order     */
    size_t subscribe_count; /* how many; with 0 it subscribes to nobody                   */
    weir_callbacks on;
    const weir_event_type *type; /* of what it emits, where that owns something (event.h): kept, */
                                 /* not copied, until the runtime is closed; event_bytes is then */
                                 /* 0 or the type's; not for consumers                           */
    size_t buffer_bytes; /* of the buffer's events, spans' included, beside buffer_size: one      */
                         /* always fits; 1..SIZE_MAX / 4 or WEIR_INFINITY (default); not for      */
                         /* consumers                                                             */
    const weir_output_options
        *outputs;          /* ways out beside the one above (output.h), from number 1 */
    size_t output_count;   /* how many; 0..64                                         */
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_stage_options;

/*
 * Starts a stage: runs its init here, hands it to its worker, and requests the
 * subscriptions of subscribe_to.
 * Arguments  out may be NULL.
 * Errors     INVALID (which option of which stage, or which producer's events have another
 *            size than takes_bytes, or has a partition dispatcher, of which no partition is
 *            named: weir_refusal()), NO_MEMORY (also: a runtime has
 *            2^20 places for stages; one that was taken stays with its worker, and
 *            is used again there), INIT_STOPPED, NO_STAGE, NOT_A_PRODUCER
 *            (subscribe_to), CLOSED, SYSTEM (the process has started 2^42 stages:
 *            there are no more references).  Nothing is left behind, nor used up.
 * Threads    any thread, also inside callbacks.
 * Source     GenStage.start_link.
 */
weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref *out);

/*
 * Tells a stage to stop: it handles the messages sent to it before, terminates
 * with the reason, and its peers see WEIR_DOWN.  Events that it has not begun go
 * back to their producer's dispatcher, or are discarded and counted; an info that
 * still waits its turn is dropped, as is what was sent behind the stop: both are counted
 * (weir_accounts) and logged.  Returns without waiting.  Of several stops that
 * are on their way the first one's reason counts.
 * Ownership  what it holds of events that own something is dropped as STOPPED, unless it goes
 *            back.
 * Errors     NO_STAGE; nothing else, for it needs neither room nor memory.
 * Threads    any.  Lock-free.
 */
weir_status weir_stop(weir_runtime *runtime, weir_ref stage, weir_reason reason);

/*
 * Sends a message to handle_cast.  The bytes are copied.
 * Returns    WEIR_OK: it is handled, unless the stage stops before it comes to it, or has no
 *            handle_cast; then it is dropped, counted (messages_dropped of weir_accounts) and
 *            logged, once for a stage that stops.  FULL when as many casts, infos and calls as
 *            its mailbox_limit have been sent to the stage and not yet been handled.
 * Errors     NO_STAGE, NO_MEMORY, INVALID (bytes above 1 GiB), CLOSED.
 * Threads    any; messages of one thread arrive in order.
 * Source     GenStage.cast.
 */
weir_status weir_cast(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes);

/*
 * Sends a message to handle_info behind everything that the stage has queued or
 * buffered when it arrives: the way to learn that these events have gone out.
 * (Without memory to note its place it is handled at once.)
 * As weir_cast.  Source: GenStage.async_info.
 */
weir_status weir_info(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes);

/*
 * Switches a producer between forwarding and accumulating demand.  No limit counts it.
 * Errors     NO_STAGE, NO_MEMORY, INVALID; NOT_A_PRODUCER for the other kinds.
 * Source     GenStage.demand/2.
 */
weir_status weir_demand(weir_runtime *runtime, weir_ref stage, weir_demand_mode mode);

/* ---- inside callbacks, about one's own stage ------------------------------ */

/* The stage's state: state_bytes bytes, aligned to 64; NULL when that is 0. */
void *weir_state(weir_stage *self);

/* The runtime it runs in, its reference, its name. */
weir_runtime *weir_stage_runtime(const weir_stage *self);
weir_ref weir_self(const weir_stage *self);
const char *weir_stage_name(const weir_stage *self);

/*
 * Events in its buffer, as GenStage.estimate_buffered_count: not those that its
 * dispatcher holds (a partition's queue), nor its input.
 */
uint64_t weir_buffered(const weir_stage *self);

/* Events that its dispatcher holds: in a partition dispatcher's queues. */
uint64_t weir_held(const weir_stage *self);

/* Returns WEIR_STOP, having set the reason that the stage stops with. */
weir_verdict weir_stop_with(weir_stage *self, weir_reason reason);

#ifdef __cplusplus
}
#endif
#endif
