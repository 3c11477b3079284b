/*
 * Dispatchers: how a producer's events are shared out among its consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A dispatcher is a table of functions over a state of its own.  It deals in
 * consumers (weir_outlet: one subscription as its producer sees it) and in
 * runs (weir_run: the events at hand, in order).  It knows no stage, and no
 * stage knows one dispatcher from another.  It runs on the producer's worker,
 * so its state needs no lock.
 *
 * Two facts are kept apart.  *Open demand* is how many events the dispatcher
 * would deliver right now.  What is *owed* is what was asked upstream and has
 * not been answered; a dispatcher keeps it to itself, and returns from
 * subscribe, ask and cancel only the demand to pass upstream.
 */
#ifndef WEIR_DISPATCHER_H
#define WEIR_DISPATCHER_H

#include <weir/subscription.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_outlet weir_outlet; /* one consumer's subscription */
typedef struct weir_run weir_run;       /* events to be dispatched, in order */

typedef struct weir_dispatcher {
    const char *name;
    size_t state_bytes;  /* zeroed memory handed to init, aligned to 64            */
    size_t outlet_bytes; /* zeroed memory for each consumer: weir_outlet_state     */

    bool selects; /* it heeds the selectors of subscriptions                   */

    /* Reads its options.  Not WEIR_OK: the stage's start fails with it. */
    weir_status (*init)(void *state, const void *options);

    /* Frees what init and the others allocated.  May be NULL. */
    void (*close)(void *state);

    /*
     * A consumer begins.  Returns WEIR_REASON_NORMAL, or why it is refused:
     * the subscription then ends with that reason, and cancel is not called.
     */
    weir_reason (*subscribe)(void *state, weir_outlet *consumer, uint64_t *upstream);

    /* A consumer asks for `count` (> 0) more.  Returns the demand to pass up. */
    uint64_t (*ask)(void *state, weir_outlet *consumer, uint64_t count);

    /* A consumer leaves.  Returns the demand to pass up. */
    uint64_t (*cancel)(void *state, weir_outlet *consumer);

    /*
     * Delivers from the run's front with weir_run_send; what it leaves in the
     * run is buffered by the stage.  `count` (> 0) is weir_run_count(run).
     */
    void (*dispatch)(void *state, weir_run *run, uint64_t count);

    /* How many events it would deliver right now. */
    uint64_t (*open_demand)(const void *state);

    /*
     * `count` of this consumer's events come back undelivered: it died before
     * it began them.  Called after cancel.  Returns true when they are to go to
     * the buffer's head, false when they are to be discarded (also when NULL).
     */
    bool (*give_back)(void *state, weir_outlet *consumer, uint64_t count);
} weir_dispatcher;

/* Events left in the run. */
uint64_t weir_run_count(const weir_run *run);

/*
 * Sends the run's first `count` events to the consumer as one message.
 * count is 1..weir_run_count(run).
 */
void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count);

/*
 * Sends the run's first `count` events to the consumer as one message and
 * leaves them in the run, for others: all of them hold the same memory.  The
 * consumer's selector, if it has one, refuses some.
 * Returns how many it refused.
 */
uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count);

/* Takes the first `count` events, which were shared, out of the run. */
void weir_run_skip(weir_run *run, uint64_t count);

/*
 * Asks `count` on the consumer's behalf, for events it refused: later, in the
 * producer's own order, the dispatcher's ask is called with them.
 */
void weir_run_ask_again(weir_run *run, weir_outlet *consumer, uint64_t count);

/*
 * What the dispatcher keeps about a consumer: outlet_bytes of memory, zeroed
 * before subscribe, aligned to 16, there until give_back at the latest.
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
    bool as_genstage; /* a refused stage's next attempt is accepted, and it gets all twice */
} weir_broadcast_dispatcher_options;

#ifdef __cplusplus
}
#endif
#endif
