/*
 * Dispatchers: how a producer's events are shared out among its consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A dispatcher is a table of functions over a state of its own.  It deals in
 * consumers (weir_outlet: one subscription as its producer sees it), in runs
 * (weir_run: the events at hand, in order) and in holds (weir_hold: a queue of
 * events that it keeps back).  It knows no stage, and no stage knows one
 * dispatcher from another.  But for init and close it runs on the producer's
 * worker, so its state needs no lock.
 *
 * Two facts are kept apart.  *Open demand* is how many events the dispatcher
 * would deliver right now.  What is *owed* is what was asked upstream and has
 * not been answered; a dispatcher keeps it to itself, and returns from
 * subscribe, ask and cancel only the demand to pass upstream.
 *
 * Ownership  Of events that own something (event.h) a dispatcher owns none: it looks at them, and
 * says where they go.  weir drops each once, for the cause that this page names.
 */
#ifndef WEIR_DISPATCHER_H
#define WEIR_DISPATCHER_H

#include <weir/mark.h>
#include <weir/subscription.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_outlet weir_outlet;   /* one consumer's subscription */
typedef struct weir_run weir_run;         /* events to be dispatched, in order */
typedef struct weir_hold weir_hold;       /* events kept back, in order        */
typedef struct weir_notice weir_notice;   /* an info on its way to handle_info */
typedef struct weir_passing weir_passing; /* a mark on its way to consumers   */
typedef struct weir_desk weir_desk;       /* a dispatcher's place at its stage */

typedef struct weir_dispatcher {
    const char *name;
    size_t state_bytes;  /* zeroed memory handed to init, aligned to 64            */
    size_t outlet_bytes; /* zeroed memory for each consumer: weir_outlet_state     */

    bool selects;    /* it heeds the selectors of subscriptions                */
    bool partitions; /* it heeds their partitions                              */

    /*
     * Reads its options, on the thread that starts the stage.  The desk is its
     * own until close.  Not WEIR_OK: the stage's start fails with it, and close
     * is not called.  May be NULL.
     */
    weir_status (*init)(void *state, weir_desk *desk, const void *options);

    /*
     * Frees what init and the others allocated, holds among them.  The stage has
     * ended: what was held is discarded already.  May be NULL.
     */
    void (*close)(void *state);

    /*
     * A consumer begins.  Returns WEIR_REASON_NORMAL, or why it is refused:
     * the subscription then ends with that reason, and cancel is not called.
     * A subscription that asks for a selector or a partition of a dispatcher
     * that heeds none is refused before, with WEIR_REASON_BAD_OPTIONS.
     */
    weir_reason (*subscribe)(void *state, weir_outlet *consumer, uint64_t *upstream);

    /* A consumer asks for `count` (> 0) more.  Returns the demand to pass up. */
    uint64_t (*ask)(void *state, weir_outlet *consumer, uint64_t count);

    /* A consumer leaves.  Returns the demand to pass up. */
    uint64_t (*cancel)(void *state, weir_outlet *consumer);

    /*
     * Delivers from the run's front with weir_run_send, keeps with
     * weir_run_hold, or drops; what it leaves in the run is buffered by the
     * stage.  `count` (> 0) is weir_run_count(run).
     */
    void (*dispatch)(void *state, weir_run *run, uint64_t count);

    /*
     * How many events it would take right now: deliver, or hold.  When dispatch
     * comes, it takes no more than this (what it drops does not count): what is
     * buffered would be overtaken.  dispatch is also called when it is 0, so that the
     * dispatcher knows of events that came.
     */
    uint64_t (*open_demand)(const void *state);

    /*
     * Events of this consumer's come back undelivered: it died before it began
     * them.  Called after cancel.  The dispatcher may take them as in dispatch,
     * or ahead of what it holds (weir_run_hold_first).  What it leaves in the run
     * goes to the buffer's head when it returns true, and is discarded when it
     * returns false, and when there is no such function.
     */
    bool (*give_back)(void *state, weir_outlet *consumer, weir_run *events);

    /*
     * For whom order matters across consumers (a partition's); may be NULL.  A consumer that
     * has cancelled may still be at work on what it was sent.  `left` says that it is done,
     * or dead, after cancel and give_back: there is nothing of the outlet any more.  `behind`
     * says which consumer, one that was cancelled and has not left, has to leave before one
     * with these options may be subscribed; NULL: nobody.
     */
    void (*left)(void *state, weir_outlet *consumer);
    weir_outlet *(*behind)(void *state, const weir_subscribe_options *options);

    /*
     * An info has passed all that the buffer held before it.  A dispatcher that
     * holds events puts it behind those (weir_hold_info, in each of its holds
     * if it likes); without that, and when NULL, it goes on at once.
     */
    void (*info)(void *state, weir_notice *info);

    /*
     * A mark (mark.h) has passed all that the buffer held before it.  A dispatcher that holds
     * events gives it to each consumer once: at once (weir_passing_send), or behind what is held
     * for it (weir_passing_hold).  NULL: all consumers have it at once; but the stage of a
     * dispatcher that has `info`, because it holds events, may then emit no marks, and those that
     * come to it end there.
     */
    void (*mark)(void *state, weir_passing *mark);

    void (*reserved[7])(void); /* for later versions (version.h): NULL */
} weir_dispatcher;

/* Events left in the run. */
uint64_t weir_run_count(const weir_run *run);

/*
 * The run's first events, as many as lie side by side: none only when the run is
 * empty.  Read only; until the run is next used.
 * Ownership  borrowed.
 */
weir_batch weir_run_events(const weir_run *run);

/* The size of those events; 0 when the run is empty. */
size_t weir_run_event_bytes(const weir_run *run);

/*
 * Sends the run's first `count` events to the consumer as one message.
 * count is 1..weir_run_count(run).
 * Ownership  the consumer has them, who borrows; what finds no memory is dropped as NO_MEMORY.
 */
void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count);

/*
 * Sends the run's first `count` events to the consumer as one message and
 * leaves them in the run, for others: all of them hold the same memory.  The
 * consumer's selector, if it has one, is asked once for each event, and refuses some.
 * Returns how many it refused.
 * Ownership  each consumer that does not refuse an event has it; it is dropped behind the last,
 *            for the worst cause.
 */
uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count);

/*
 * Takes the first `count` events, which were shared, out of the run.  Those of them
 * that never were, nobody has: they are dropped, as weir_run_drop does, with
 * WEIR_DISCARD_UNWANTED.
 */
void weir_run_skip(weir_run *run, uint64_t count);

/*
 * Asks `count` on the consumer's behalf, for events it refused: later, in the
 * producer's own order, the dispatcher's ask is called with them.
 */
void weir_run_ask_again(weir_run *run, weir_outlet *consumer, uint64_t count);

/*
 * Discards the run's first `count` events: counted, and told to the stage's
 * `discarded` callback with the cause.  Without that callback a warning is
 * logged, but for WEIR_DISCARD_UNWANTED.
 * Ownership  what they own is dropped for that cause.
 */
void weir_run_drop(weir_run *run, uint64_t count, weir_discard cause);

/*
 * Demands `count` more of the producer, in place of events that were dropped:
 * later, in its own order, as if the dispatcher had passed them up.
 */
void weir_run_demand(weir_run *run, uint64_t count);

/* ---- holding events back -------------------------------------------------- */

/*
 * Opens an empty hold.  NULL: no memory.  Allowed in init and later.  What it
 * holds counts as buffered in the accounts, has no bound but memory, and is
 * discarded with WEIR_DISCARD_STOPPED when the stage stops.
 */
weir_hold *weir_hold_open(weir_desk *desk);

/* Frees it (NULL is allowed).  Events still in it are discarded, as STOPPED. */
void weir_hold_close(weir_hold *hold);

/* Events in it. */
uint64_t weir_hold_count(const weir_hold *hold);

/*
 * Moves the run's first `count` events behind what the hold has / ahead of it,
 * without copying them.  Those that no memory allows to keep are discarded.
 * Returns how many were kept: 0 in a hold that is NULL.
 * Ownership  the hold has those that it keeps; the others are dropped as NO_MEMORY.
 */
uint64_t weir_run_hold(weir_run *run, weir_hold *hold, uint64_t count);
uint64_t weir_run_hold_first(weir_run *run, weir_hold *hold, uint64_t count);

/*
 * Sends the hold's first events, at most `count`, to the consumer: as one
 * message, or, where infos lie among them, as one up to each.  Allowed whenever
 * the dispatcher is called with a consumer or a run.  An info goes on as soon as
 * the event before it has gone.
 * Returns how many were sent: less than `count` only when the hold is empty.
 * Ownership  as weir_run_send.
 */
uint64_t weir_hold_send(weir_hold *hold, weir_outlet *consumer, uint64_t count);

/* Discards the hold's first `count` events, as weir_run_drop.  Returns how many. */
uint64_t weir_hold_drop(weir_hold *hold, uint64_t count, weir_discard cause);

/*
 * Puts an info behind what the hold has; only in the table's `info`.  It goes on
 * when it has come out of every hold it was put in.
 * Returns false when the hold is empty, or there is no memory: it is not in it.
 */
bool weir_hold_info(weir_hold *hold, weir_notice *info);

/*
 * Only in the table's `mark`.  Sends the mark to the consumer, now / behind what the hold has: it
 * goes to whom weir_hold_send then sends the event before it, and is dropped with that event
 * where weir_hold_drop discards it.
 * weir_passing_hold returns false when the hold is empty: the mark is not in it.
 */
void weir_passing_send(weir_passing *mark, weir_outlet *consumer);
bool weir_passing_hold(weir_passing *mark, weir_hold *hold);

/* What it says; there until `mark` returns. */
weir_mark weir_passing_mark(const weir_passing *mark);

/* ---- consumers ------------------------------------------------------------ */

/*
 * What the dispatcher keeps about a consumer: outlet_bytes of memory, zeroed
 * before subscribe, aligned to 16, there until the consumer has left.
 */
void *weir_outlet_state(weir_outlet *consumer);

/* The options that the consumer subscribed with, and its subscription. */
const weir_subscribe_options *weir_outlet_options(const weir_outlet *consumer);
weir_subscription weir_outlet_subscription(const weir_outlet *consumer);

/*
 * The default: each emission goes to the consumer with the most open demand,
 * as far as that reaches, then to the next (GenStage.DemandDispatcher).
 * Equal demands take turns: who was served goes behind his equals.
 */
const weir_dispatcher *weir_demand_dispatcher(void);

typedef struct weir_demand_dispatcher_options {
    uint64_t max_demand; /* as GenStage's; a larger ask is served alike */
    /* The first emission goes to the consumers in random order, whatever they have asked
     * for: with many producers started at once, not all to the same consumer. */
    bool shuffle_first;
    uint64_t seed;         /* draws that order */
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_demand_dispatcher_options;

/*
 * Every event goes to every consumer, at the pace of the slowest: demand is what
 * all of them have open (GenStage.BroadcastDispatcher).  A consumer may refuse
 * events by its subscription's selector.  A stage may subscribe once; a second
 * subscription ends with WEIR_REASON_ALREADY_SUBSCRIBED.  What a dead consumer had
 * not begun is discarded and counted: the others have it.
 */
const weir_dispatcher *weir_broadcast_dispatcher(void);

typedef struct weir_broadcast_dispatcher_options {
    /* As GenStage: events that come while nobody waits for them answer no demand, so
     * too little may be asked upstream, and consumers wait for ever. */
    bool as_genstage;
    /* As GenStage: a stage that was refused is accepted when it tries again, and gets
     * every event twice. */
    bool forgets_refused;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_broadcast_dispatcher_options;

/*
 * Every event to the consumer of its partition, which a hash names
 * (GenStage.PartitionDispatcher).  A subscription says which partition it wants;
 * one consumer has each.  Order is kept within a partition: its next consumer waits, in line,
 * until one that was cancelled has handled what it was sent, or has died; a consumer that
 * hangs so keeps its partition, whoever cancels it, and weir_lags shows it.
 *
 * Demand is pooled: what all consumers ask for is one sum, so events may come for a
 * partition whose consumer has asked for none, or that has none.  They wait in
 * that partition's queue, which buffer_size does not bound and weir_buffered does
 * not count (weir_held does; so do the accounts, as buffered).  All queues together
 * hold at most what the consumers have asked for.  A partition that nobody takes
 * so holds up the others in the end, as in GenStage.
 *
 * A subscription without a partition is refused where it is asked for (WEIR_INVALID).  One
 * for a partition that there is not ends with UNKNOWN_PARTITION, for one that has a consumer
 * with PARTITION_TAKEN (WEIR_REASON_...); nobody stops for that, and of a consumer without
 * handle_cancel an error is logged.  (Where another dispatcher asks this one, without a
 * partition: MISSING_PARTITION.)
 *
 * What a dead consumer had not begun goes to the head of its partition's queue, and
 * is not asked of the producer again; with QUEUE_DISCARD it is discarded
 * (WEIR_DISCARD_CONSUMER).
 *
 * Cost  a call of the hash for each event, or of hash_many for many, and a copy of it
 *       unless long runs of events belong to one partition; one message for each
 *       partition and dispatch.
 */
const weir_dispatcher *weir_partition_dispatcher(void);

#define WEIR_PARTITIONS_LIMIT 65536

/* A hash's answer: the event is for nobody.  It is dropped (UNWANTED), and demanded anew. */
#define WEIR_PARTITION_NONE UINT32_MAX

/* What becomes of a partition's queue when its consumer leaves. */
typedef enum weir_partition_queue {
    WEIR_QUEUE_KEEP = 0,   /* it waits for the partition's next consumer                 */
    WEIR_QUEUE_DISCARD = 1 /* it is discarded (WEIR_DISCARD_LEFT), and demanded anew     */
} weir_partition_queue;

typedef struct weir_partition_dispatcher_options {
    size_t partitions;        /* how many, 1..WEIR_PARTITIONS_LIMIT; required               */
    const char *const *names; /* as many, all different; copied; default: numbers only      */
    /*
     * Says which partition an event is for: its number, or WEIR_PARTITION_NONE.  It borrows.
     * Called once for each event.  Events with any other answer are dropped, counted
     * (WEIR_DISCARD_BAD_PARTITION) and demanded anew.  Default: all of its bytes,
     * padding included, are hashed; of events with spans what those point at.
     */
    uint32_t (*hash)(void *context, const void *event);
    /* Instead: may change the event, too.  What that then owns no more is rewrite's to free. */
    uint32_t (*rewrite)(void *context, void *event);
    /*
     * Instead: says it for one or more events that lie side by side, in their order, by
     * a number for each.  For small events, where a call for each is what costs most.  How
     * many are shown together says nothing about how they came.
     */
    void (*hash_many)(void *context, weir_batch batch, uint32_t *partitions);
    void *context;              /* handed to whichever it is                               */
    weir_partition_queue queue; /* default WEIR_QUEUE_KEEP                                 */
    /*
     * To the event as GenStage does: QUEUE_DISCARD; a dead consumer's events are
     * discarded; dropped ones are not demanded anew; an info waits one ask longer, and
     * for partitions that have nothing left but have got all they asked for.
     */
    bool as_genstage;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_partition_dispatcher_options;

/* The partition, below `partitions`, that the default hash gives these bytes: for a
 * hash of one's own that looks at a part of the event, its key. */
uint32_t weir_partition_of(const void *key, size_t bytes, uint32_t partitions);

/*
 * Consumers compete: each event goes to whichever of them is free first, so
 * no event waits behind a busy consumer while another is idle.  There is no
 * order across consumers.  Each one's own batches come in the order of emission,
 * but for what was taken back when another consumer came or left.  (GenStage has
 * no such dispatcher.)
 *
 * Events wait on one queue, in entries; a consumer takes one entry, handles it
 * as one message, and takes the next.  What it asks for joins one pool of demand:
 * the producer is asked for the sum.  A consumer's max_demand so says how much it
 * adds to the pool, and max_demand - min_demand of the smallest consumer is the
 * most that an entry holds.  For uneven work choose entries small: by `grain`, or
 * with max_demand 2 and min_demand 1 (single events).
 *
 * Manual subscriptions take part: such a consumer takes while it has asked
 * for more than it took.  Where one of several consumers is manual, every entry
 * holds a single event, since nobody can tell who takes it.  An automatic consumer
 * about to take more than it has outstanding asks up to max_demand first, so
 * it may ask a little earlier than its min_demand says.
 *
 * Lifetime   A consumer that cancels may take until the producer's answer is
 *            there; what is left is the others'.  What a dead consumer had taken
 *            and not begun goes back to the buffer's head.  When the producer
 *            stops, the consumers take what is left of the queue, and then see
 *            its end.  Events that nobody is left to take are discarded and counted;
 *            a producer that ends when no consumer is left tells them to its
 *            `discarded` (STOPPED), the last consumer of one that has gone to the log.
 * Selectors  are refused (WEIR_REASON_BAD_OPTIONS).
 * Cost       A consumer's take is one compare-and-swap on a line that all of them
 *            write.  For each callback that emits, the producer looks at each
 *            consumer's flag, and wakes as many sleepers as entries wait.
 */
const weir_dispatcher *weir_shared_dispatcher(void);

#define WEIR_SHARED_ENTRIES_DEFAULT 256
#define WEIR_SHARED_ENTRIES_LIMIT   65536

typedef struct weir_shared_dispatcher_options {
    size_t grain;   /* events of an entry at most; default: the least max - min of all */
    size_t entries; /* of the ring, of 72 bytes each; a power of two, 2..65536; default 256. */
                    /* What finds no room waits behind it: not a bound on events             */
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_shared_dispatcher_options;

#ifdef __cplusplus
}
#endif
#endif
