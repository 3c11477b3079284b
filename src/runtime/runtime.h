/*
 * The runtime's own structure, for the files of this room.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ordering of its words, which any thread writes and reads:
 *   T1 -> T2   stop_all_sent 0 -> 1 (full) -> 1 -> 0 (full): who finds the node in flight
 *              has sent its own mail before; the worker takes the stack again after it.
 *   T5 -> T6   alive goes down (full) -> is read (acquire): who waits for 0 sees all that
 *              the stages have done.
 *   T7 -> T8   closing (release) -> its readers (acquire): stop_reason is out before.
 *   T21 -> T22  a worker has done what the end of a search told it: away goes down (release) ->
 *              is looked at by who begins the next (acquire), and may use that mail again.
 *   T9 -> T10  stops goes up (full) -> is read by who starts a stage, and by the worker that
 *              it joins (acquire): a stage whose count is an older one is told to stop.
 *   T11 -> T12  search is let go (release) -> is taken (CAS): one search at a time (rings.h).
 *   T13 -> T14  drain (release) -> who steps, begins the next, or closes (acquire).
 *   T15 -> T16 givers up before a token's mail is sent, down (full) at the very end -> is 0
 *              (acquire): what that mail has ended may be freed.
 *   T17 -> T18  a drain's over (release) -> who begins the next (acquire).
 *   T19 -> T20  drain_begins is let go (release) -> is taken (CAS): one writer of drain at a time.
 *   T23 -> T24  stepper is let go (release) -> is taken (CAS): one thread at a time steps, and sees
 *              what the one before it has done.
 *   T25 -> T26  timely: see timely.h.
 * draining and finish_all_sent are ordered by the mail that follows them.
 */
#ifndef WEIR__RUNTIME_RUNTIME_H
#define WEIR__RUNTIME_RUNTIME_H

#include "base/forked.h"
#include "base/rng.h"
#include "memory/index.h"
#include "os/fork.h"
#include "ring/caller.h"
#include "ring/tokens.h"
#include "runtime/names.h"
#include "runtime/worker.h"

struct weir__drain;
struct weir__rate_user;

struct weir_runtime {
    /* constant */
    uint32_t forks; /* forked.h: as it was opened */
    weir_runtime_options options;
    struct weir__allocator allocator;
    struct weir__hiring hiring; /* how its threads are to be */
    struct weir__worker *workers;
    unsigned worker_count; /* without the timely one, which is behind them (timely.h) */
    bool crowded;          /* more workers than cores, which yield before they sleep */

    struct weir__registry registry;
    struct weir__callers calls;
    struct weir__names names;
    struct weir__tokens tokens;
    struct weir__pool loose;        /* blocks that no worker has made                   */
    struct weir__sheet sheet;       /* counters.c: what all do, for others to read */
    struct weir__index supervisors; /* by reference (parts/supervisor_kin.c), under a lock */
    uint32_t supervisors_lock;
    struct weir__index outputs; /* of stages, by their references (outputs.c), under a lock */
    uint32_t outputs_lock;
    struct weir__rate_user *rates;  /* rates.c, under its lock: that its subscriptions name */
    WEIR__APART uint64_t next_edge; /* atomic: ids of subscriptions               */
    uint64_t next_timer;            /* atomic: ids of timers                      */
    uint32_t next_worker;           /* atomic: placement (placement.h)            */
    uint32_t owned;                 /* atomic: workers that are a stage's own     */
    uint32_t timely;                /* atomic (timely.h): 1: that worker is open  */
    uint32_t timely_lock;
    WEIR__APART uint32_t alive; /* atomic: stages; a futex of who waits for 0 */
    uint32_t closing;           /* atomic: no more starts                     */
    uint32_t draining;          /* atomic: likewise                           */
    uint64_t search;            /* atomic: odd while somebody looks for rings */
    struct weir__drain *drain;  /* atomic: the last that nobody waits for; NULL */
    uint32_t drain_begins;      /* atomic: 1: somebody begins one             */
    uint32_t quit;              /* atomic: workers leave                      */
    uint32_t stop_reason;       /* atomic: of STOP_ALL                        */
    uint32_t stops;             /* atomic: calls of weir_runtime_stop         */

    /* events that other threads discarded, read, and left unread (atomic): see
     * weir__runtime_discarded and weir__runtime_read */
    WEIR__APART uint64_t foreign_discarded;
    uint64_t foreign_handled;
    uint64_t foreign_lost;
    uint64_t foreign_messages_dropped;

    /* what workers have lent to other threads, which bring it back by mail (atomic) */
    WEIR__APART uint64_t abroad;
    uint32_t givers;     /* threads in weir_done (atomic): a close waits until they have left */
    uint64_t tokens_out; /* likewise: tokens (ending.h); also those of stages that have gone */

    weir_runtime *next_open; /* runtime/forked.c, under its lock: all of the process */
    weir_runtime *previous_open;

    uint64_t stepper; /* atomic: the thread that steps, by the address of its weir__here; or 0 */

    /* the stepping thread's */
    uint32_t steps_within; /* how often it has said that it steps */
    struct weir__rng rng;
    uint64_t virtual_ns; /* step.c moves it; anybody reads it (atomic) */
    unsigned next_step;
};

/* True, and a refusal: there is none, or it is the parent's of this process. */
static inline bool weir__unfit(const weir_runtime *runtime) {
    return weir__missing(runtime, "runtime") || weir__forked(runtime->forks);
}

/* A function of the program's, `what`, that the runtime has called returns.  In a child of fork it
 * may not: the process ends. */
static inline void weir__runtime_forked(const weir_runtime *runtime, const char *what) {
    if (weir__is_child() && runtime->forks != weir__forks) {
        weir__fork_returned(what);
    }
}

/* Whether its workers have cores of their own. */
static inline bool weir__runtime_is_pinned(const weir_runtime *runtime) {
    return runtime->options.mode == WEIR_THREADS && !runtime->options.unpinned;
}

/* All its workers, with the timely one, if that is open. */
static inline unsigned weir__runtime_all(const weir_runtime *runtime) {
    return runtime->worker_count + weir__load_acquire_u32(&runtime->timely); /* T25 -> T26 */
}

static inline bool weir__worker_is_timely(const struct weir__worker *worker) {
    return worker->index == worker->host.runtime->worker_count;
}

static inline bool weir__worker_is_pinned(const struct weir__worker *worker) {
    return weir__runtime_is_pinned(worker->host.runtime) && !weir__worker_is_timely(worker);
}

/* The worker that a reference belongs to, though its stage be gone; NULL: it is of no stage
 * that this runtime ever had.  For any reference. */
static inline struct weir__worker *weir__runtime_worker(const weir_runtime *runtime, weir_ref ref) {
    struct weir__bell *bell = weir__registry_bell(&runtime->registry, ref);
    return bell == NULL ? NULL : WEIR__CONTAINER_OF(bell, struct weir__worker, bell);
}

/* A stage has gone from its worker. */
void weir__runtime_gone(weir_runtime *runtime);

/* As weir_subscribe; the consumer's end of the subscription says `counted`. */
weir_status weir__subscribe_counted(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                    const weir_subscribe_options *options, weir_subscription *out);

/*
 * Whoever is about to step a runtime, or to look at its stages as if he did, says so first, and
 * when he is through; also once more amid that.  Where there are threads nobody steps: OK.
 * Errors   WRONG_THREAD: another thread steps it; _from also those of weir__check_outside.
 */
weir_status weir__stepping_begin(weir_runtime *runtime);
weir_status weir__stepping_begin_from(weir_runtime *runtime, const char *call);
void weir__stepping_end(weir_runtime *runtime);

/* As weir_runtime_step, amid that. */
size_t weir__runtime_step(weir_runtime *runtime, size_t turns);

/*
 * For tests of SIMULATED runtimes: the callback that runs takes so much virtual time.  What it
 * sends goes at its start; its worker does nothing else until then.
 */
void weir__runtime_takes(weir_stage *self, uint64_t ns);

/*
 * A stepped runtime goes on, likewise: at most `turns` turns or, with everything at rest, to
 * the next timer, if that is due before the deadline (of weir_runtime_now), or to what
 * another thread sends until then.  call, unless NULL: or to its answer.  False: nothing
 * more happens before the deadline.
 */
bool weir__runtime_go_on(weir_runtime *runtime, size_t turns, uint64_t deadline_ns,
                         const struct weir__caller *call);

/*
 * Work that a part's own threads do is not at rest.  A worker, in a turn, says
 * how much it is going to lend; who brings some back says so when its mail is
 * sent (Q5 -> Q6, worker.h).
 */
static inline void weir__runtime_abroad(weir_runtime *runtime, uint64_t count) {
    weir__fetch_add_u64(&runtime->abroad, count);
}
static inline void weir__runtime_home(weir_runtime *runtime, uint64_t count) {
    weir__fetch_sub_u64(&runtime->abroad, count); /* Q5 -> Q6 */
}

/* Waits until every stage has stopped; false: until the deadline. */
bool weir__runtime_await_end(weir_runtime *runtime, uint64_t deadline);

/* True when every worker rests and nothing waits anywhere. */
bool weir__runtime_at_rest(const weir_runtime *runtime);

/* check.c: at a quiet point. */
void weir__runtime_check(const weir_runtime *runtime);

/* A message is used up: frees it, counts it off. */
void weir__message_used_up(struct weir__host *host, struct weir__message *message);

/* A token's mail has come (host->token_back). */
void weir__token_back(struct weir__host *host, struct weir__mail *mail);

/* Counts events that were accepted and discarded by a thread that is no worker. */
void weir__runtime_discarded(weir_runtime *runtime, uint64_t count);

/* Counts events of a batch that a reader still had when its stage was gone already. */
void weir__runtime_read(weir_runtime *runtime, uint64_t handled, uint64_t lost);

void weir__runtime_log(weir_runtime *runtime, weir_log_level level, const char *text);

#endif
