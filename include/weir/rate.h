/*
 * Rates: so many events a time, for all who share one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A service that allows 100 calls a second is called by several stages, on several workers; what
 * they may do together is one weir_rate.  Subscriptions name it (weir_subscribe_options.rate):
 * then a token is taken for each event as it is begun, that is, as it is handed to handle_events.
 * A stage that has to wait leaves what came by that subscription where it is, in order, asks for
 * no more, and takes no thread: it sleeps by a timer of its worker, and what comes by other
 * subscriptions of its goes on.
 *
 * The bound.  Within any `interval_ns`, wherever that begins, no more than allowed + burst events
 * are begun, by all together; within any other time no more than come in it, and burst.  A rate
 * that was idle lets a burst go at once, and then one event every interval_ns / allowed.  What is
 * not used is not saved up beyond that, nor is the part of a token's time that has passed: with
 * burst = 1 events never come closer than that, by the clock, but for who waited in line and woke
 * late (below).
 *
 * Exactness.  That holds to the event by the clock of the runtime (weir_runtime_now), as it was
 * read just before an event was begun; with virtual time, for all to see.  Where a token comes due
 * is counted to a millionth of its time, or to two nanoseconds where that is more, and a rate that
 * was idle begins at the next such moment.  In real time a thread
 * that the system takes its core away between the two begins its batch late.  A worker wakes
 * some tens of microseconds late; so burst must have room for what comes meanwhile, or that is
 * lost: at 100,000 a second and burst 1 a worker does not keep up.  With burst = 1 who wakes late
 * has his token still until the next one is due: that one then comes sooner behind it than a
 * token's time, by as much as he was late.  Who waits, waits for what
 * comes in a tenth of a millisecond at once, where there is so much to do: so a rate of a million
 * a second is batches of some hundred, and not of one.
 *
 * Fairness.  Who waits has a place in line, and later ones come behind him.
 *
 * Of a batch that a callback has left (weir_batch_rest) the tokens are given back, unless their
 * time is over.  An event that comes again after its consumer has died is begun once more, and
 * takes a token more.  A worker pool begins an event as it makes a child of it, which a thread
 * takes when it is free: a max_demand of as many as there are threads keeps the two together.  A
 * stream begins a batch as it shows it to its reader.  On a manual subscription a batch is what
 * there are tokens for.  Of the shared dispatcher's consumers none may have a rate: whoever is free
 * would take events, and then wait.
 *
 * Who tries something again takes tokens, too: the restarts of a pool (restart_rate, pool.h), and a
 * pipeline's retries.  Each of these stages has one place in line for all that it has waiting.
 *
 * At a drain what waits for a rate is handled at that rate: nothing is lost, and the report says
 * WEIR_HOLDUP_RATE.  weir_lags tells of a consumer until when it waits.
 */
#ifndef WEIR_RATE_H
#define WEIR_RATE_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_rate weir_rate;

#define WEIR_RATE_ALLOWED_LIMIT  1000000000
#define WEIR_RATE_INTERVAL_LIMIT UINT64_C(100000000000000000) /* some three years */

typedef struct weir_rate_options {
    uint64_t allowed;      /* events; 1..10^9, and at most interval_ns; required              */
    uint64_t interval_ns;  /* in so much time; 1..10^17; default one second                   */
    uint64_t burst;        /* at once, of an idle rate; 1..10^9; default `allowed`            */
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_rate_options;

/*
 * Opens a rate, which is full: a burst may go at once.
 * Arguments  runtime: whose stages share it, and whose clock it has.  NULL: stages of all
 *            runtimes of the process that have real time (THREADS, STEPPED).
 * Errors     INVALID (which option), NO_MEMORY.
 * Threads    any.  Source: Broadway's rate_limiting.
 */
weir_status weir_rate_open(weir_runtime *runtime, const weir_rate_options *options,
                           weir_rate **out);

/*
 * Other options from now on; what is 0 has its default, as with open.  What has been taken of the
 * burst stays taken, and of the next token the part that has passed.  Who waits hears of it at
 * once: his worker is woken.
 * Errors     INVALID (which option: nothing has changed), CLOSED (its runtime is).
 * Threads    any, at any time, also inside callbacks.  Takes a lock for a moment.
 * Source     Broadway.update_rate_limiting.
 */
weir_status weir_rate_set(weir_rate *rate, const weir_rate_options *options);

/* The options that it has now, filled in.  Threads: any; lock-free. */
weir_status weir_rate_get(const weir_rate *rate, weir_rate_options *out);

/*
 * For code that is not a subscription (a pool's task, a thread of the program's): takes at most
 * `most` tokens that may be used now.
 * Arguments  now_ns: weir_runtime_now, of the rate's runtime, just read.
 *            due_ns: unless NULL, when the next token may be used if nobody takes it before
 *            (WEIR_FOREVER: beyond the end of time); it is now_ns where all `most` were taken.
 * Returns    how many: 0..most.
 * Threads    any; lock-free.  Cost: a locked operation.
 */
uint64_t weir_rate_take(weir_rate *rate, uint64_t most, uint64_t now_ns, uint64_t *due_ns);

/*
 * Takes the next `count` tokens, which nobody else has then, and says when all of them may be
 * used.  For who can wait until then: a timer, a task that sleeps.  They are to be used at that
 * moment: who uses them later than the burst is long adds to what others do then.  Who does not
 * use them has wasted them; there is no way to give them back.  The moment is by the terms of now:
 * who has got it is not told of other ones.  Where terms change use weir_rate_take, and look again.
 * Returns    WEIR_OK; FULL: so many were reserved that they cannot be counted.
 * Errors     INVALID (count is 0, or above burst).
 * Threads, Cost as weir_rate_take.
 */
weir_status weir_rate_reserve(weir_rate *rate, uint64_t count, uint64_t now_ns, uint64_t *due_ns);

/* The program is through with it.  Subscriptions that name it go on at its rate until they end,
 * pools and pipelines until they are closed; before or after its runtime is closed.  (An allocator
 * of the program's must outlive both.  What a supervisor's child says in subscribe_to is no
 * subscription yet: close its rate when the supervisor has ended.)  NULL is left alone. */
void weir_rate_close(weir_rate *rate);

#ifdef __cplusplus
}
#endif

#endif
