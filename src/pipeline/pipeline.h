/*
 * A pipeline's memory: what was declared, its stages, and their counts.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   pipeline_options.c  what is allowed
 *   producers.c         whether producers of the program's fit
 *   pipeline_copy.c     a copy of that, with defaults
 *   pipeline_open.c     the stages, and who subscribes to whom
 *   pipeline_drain.c    drain, and the end of the sources
 *   pipeline_close.c    close
 *   pipeline_push.c     what comes from the program: push, test
 *   pipeline_list.c     what there is, and what it has done
 *   processor.h         processors, which handle messages one by one
 *   retries.c           what is to be tried again, in order of when
 *   made.c, room.c      what handle_message makes: messages, and bytes of theirs
 *   fate.c              what becomes of messages that are not OK
 *   crew.c              a crew: handles a batcher's batches, one after the other or several
 *   crew_sink.c         its sink
 *
 * A *bin* is a batcher as it was declared.  It has one *gatherer*, a batcher stage, for each of its
 * partitions (one, without partition_by), and *crews*, pools that handle batches: one for each
 * partition; else one for each context of a sink; else one with `count` threads.
 *
 *   source, push ──► processor ──► gatherer ──► crew
 *                        │            ▲           │
 *                        └──► dead ───┘ ◄─────────┘
 *
 * Each of these is a *member*, a child of the pipeline's supervisor, which keeps them subscribed
 * (temporarily: nobody ends because another one does), starts those again that can be started on
 * a worker, and has them all finish.
 *
 * Writers and readers.  What was declared is written before the first member is started, and only
 * read then.  A member's `ref` is written by whoever starts it, at last the supervisor's
 * worker, and read by anybody; counts are added to by whoever counts, and read by anybody;
 * `draining` is set by who drains, and read by processors and crews, `lost` of a crew the other way
 * round: all of them relaxed, since nothing else is published by them.  Who drains looks at pools;
 * a pool may have been opened by the supervisor's worker: P3 -> P4.  A processor is its worker's,
 * of its stage's callbacks; a crew with an order its one thread's, and under its lock, since
 * the pool that was there before may have a task at work yet.
 *   A source whose driver is broken has the pipeline drained on its own thread (weir__source_kin),
 * while the program's threads may open it, drain it or close it: what is `ending` is under its
 * lock, and after `shut` was set there the source touches nothing of the pipeline's any more.
 */
#ifndef WEIR__PIPELINE_PIPELINE_H
#define WEIR__PIPELINE_PIPELINE_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "memory/allocator.h"
#include "pipeline/made.h"
#include "pipeline/retries.h"
#include "pipeline/source.h"
#include "ring/rate.h"

#include <weir/inlet.h>
#include <weir/pipeline.h>
#include <weir/pool.h>
#include <weir/supervisor.h>

enum { WEIR__TALLIES = sizeof(weir_pipeline_stats) / sizeof(uint64_t) };

/* One of its stages. */
struct weir__member {
    weir_pipeline *pipeline;
    enum weir_role role;
    unsigned index;     /* which source, processor or bin                    */
    unsigned partition; /* of a gatherer; of a crew: which of its bin's      */
    uint64_t ref;       /* atomic: its stage, as it was last started; 0: not */
    uint32_t starts;    /* how often: of who starts it */
    char name[WEIR_PIPELINE_STAGE_BYTES];
};

/* A pool whose stage has stopped and was started anew: it is closed in the end. */
struct weir__retired {
    weir_pool *pool;
    struct weir__retired *next;
};

struct weir__processor {
    struct weir__member *member; /* NULL: blocking ones without an order are one pool */
    struct weir__retries waiting;
    weir_timer timer; /* of the first that waits; {0}: none is set */
    uint64_t timer_due;
    struct weir__reserved line; /* of its rate, for those that wait and are due         */
    uint64_t token_ns;          /* when the first of these has its token; 0: it is none */
    struct weir__made made;     /* by the callback that runs                            */
    bool finishing;
    weir_pool *pool;                  /* of one that blocks, which has nothing of the above, but */
    struct weir__made_list task_made; /* for its tasks, each of which may need one */
    uint32_t lock;                    /* likewise, in order: as a crew's           */
};

struct weir__crew {
    struct weir__member *member;
    struct weir__bin *bin;
    weir_pool *pool;
    void *context;         /* of its sink                         */
    bool opened;           /* the sink's open was called, with success, and it is not lost */
    bool tried;            /* open was called, so close is to be  */
    bool wrote;            /* its write was called with the batch at hand */
    bool broken;           /* it has said so last, and that is logged     */
    uint64_t silent_until; /* messages that it did not store are not logged before */
    uint32_t odd;          /* atomic: outcomes that are none were set, and that is logged */
    uint32_t lock; /* in order: its task is at work, of this pool or of one that was retired */
    uint64_t lost; /* atomic: its sink is, and the batch of that child waits for it; or 0 */
};

struct weir__bin {
    weir_pipeline_batcher options;
    char name[WEIR_PIPELINE_NAME_BYTES];
    weir_pipeline *pipeline;
    unsigned number;
    unsigned partitions; /* gatherers                                          */
    unsigned first;      /* number of its first one among all bins' gatherers  */
    unsigned crew_count;
    struct weir__crew *crews;
    bool in_order; /* each crew handles one batch at a time, on one thread */
    bool waits;    /* what is behind a batch that is to be tried again waits, too */
    bool dead;     /* dead letters come here */
};

/* It ends since a driver is broken.  Under the lock, but for `broke`. */
struct weir__ending_early {
    uint32_t lock;
    uint32_t broke;  /* atomic: a driver is */
    bool open;       /* all members are started */
    bool shut;       /* it is closed, or could not be opened */
    bool begun;      /* all have been told to finish */
    bool late;       /* what was left at end_by is stopped */
    uint64_t end_by; /* 0: it does not */
};

struct weir_pipeline {
    weir_runtime *runtime;
    const struct weir__allocator *allocator;
    weir_pipeline_options options; /* with defaults; pointers are to copies below */
    char name[WEIR_PIPELINE_NAME_BYTES];

    void **source_contexts;
    weir_source **sources; /* one for each; NULL: not open */
    weir_ref *producers;
    weir_source *push;
    weir_inlet *dead;
    weir_ref dead_stage;
    struct weir__bin *dead_bin; /* NULL: there are no dead letters */

    struct weir__processor *processors;
    unsigned processor_count; /* members; fewer than declared where one pool is all of them */
    struct weir__bin *bins;
    struct weir__crew *crews;
    size_t crew_count;
    size_t crew_room; /* of `crews` */
    size_t gatherer_count;

    struct weir__member *members; /* in the order of their roles */
    size_t member_count;
    weir_ref supervisor;
    bool drained;                  /* weir_pipeline_close has waited for that */
    uint32_t gave_up;              /* atomic: a drain is hopeless, as a member was lost */
    bool holds_rates;              /* references to those that it names */
    struct weir__retired *retired; /* of the supervisor's worker, until it has ended */

    struct weir__source_kin kin; /* of its sources */
    struct weir__ending_early ending;

    WEIR__APART uint32_t draining;               /* atomic */
    uint64_t draws;                              /* atomic: so many delays were drawn by lot */
    WEIR__APART uint64_t tallies[WEIR__TALLIES]; /* atomic: weir_pipeline_stats */
};

/* Adds to a count, which is a member of weir_pipeline_stats. */
#define WEIR__TALLY(pipeline, what, more) \
    weir__pipeline_tally((pipeline), offsetof(weir_pipeline_stats, what), (more))
static inline void weir__pipeline_tally(weir_pipeline *pipeline, size_t at, uint64_t more) {
    if (more > 0) {
        weir__fetch_add_u64(&pipeline->tallies[at / sizeof(uint64_t)], more);
    }
}

/* Its stage, as it was last started; {0}: it was not. */
/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__pipeline_unfit(const weir_pipeline *pipeline) {
    return weir__missing(pipeline, "pipeline") ||
           (weir__is_child() && weir__forked(pipeline->runtime->forks));
}

static inline weir_ref weir__member_ref(const struct weir__member *member) {
    return (weir_ref){weir__load_relaxed_u64(&member->ref)};
}

static inline bool weir__pipeline_draining(const weir_pipeline *pipeline) {
    return weir__load_relaxed_u32(&pipeline->draining) != 0;
}

/* printf to the runtime's log, with the pipeline's name. */
void weir__pipeline_log(const weir_pipeline *pipeline, weir_log_level level, const char *format,
                        ...) WEIR__PRINTF(3, 4);

/* Tells `observe`, if there is one, what a member has done since start_ns. */
void weir__pipeline_observed(const struct weir__member *member, uint64_t start_ns, size_t count,
                             size_t failed, const weir_batch_info *batch);

/* ---- pipeline_options.c --------------------------------------------------- */

/* WEIR_OK, or INVALID and why. */
weir_status weir__pipeline_check(weir_runtime *runtime, const weir_pipeline_options *options);

/* ---- producers.c ---------------------------------------------------------- */

/* With a partition_by of processors, each of the program's producers has as many partitions. */
weir_status weir__producers_check(const weir_runtime *runtime,
                                  const weir_pipeline_options *options);

/* It has partitions; false, too, where it has just gone. */
bool weir__producer_is_partitioned(const weir_runtime *runtime, weir_ref producer);

/* ---- pipeline_copy.c ------------------------------------------------------ */

/* The number of the batcher that has that name, of the first `count`; or count. */
/* What each processor asks for at most; 0: as a subscription does. */
size_t weir__pipeline_max_demand(const weir_processors *processors, const weir_runtime *runtime);

size_t weir__pipeline_find(const weir_pipeline_batcher *batchers, size_t count, const char *name);

/* Copies what was declared, with defaults; false: no memory. */
bool weir__pipeline_copy(weir_pipeline *pipeline, const weir_pipeline_options *options);
void weir__pipeline_free(weir_pipeline *pipeline);

/* ---- processor.c ---------------------------------------------------------- */

/* What the stage of a processor is; its argument is the processor. */
void weir__processor_stage(struct weir__processor *processor, weir_stage_options *out);
void weir__processor_free(struct weir__processor *processor);

/* ---- blocking.c ----------------------------------------------------------- */

weir_status weir__blocking_start(struct weir__processor *processor, const weir_pool_emits *emits,
                                 weir_ref *out);

/* ---- fate.c --------------------------------------------------------------- */

/* What has just been tried. */
struct weir__trial {
    const weir_tries *tries;
    weir_role where; /* PROCESSOR or BATCHES */
    uint32_t dead;   /* in the batcher `dead`: how often, as dead letters; 0: elsewhere  */
    bool ending;     /* nothing waits any more: it is given back instead                 */
};

/*
 * Says what becomes of messages that lie side by side, of which some callback has just said what
 * is neither OK nor SKIP: RETRY, they wait and are tried again; DEAD, dead letters, or settled so
 * where there is no batcher for them; SKIP, FAILED, NAK: settled.  Each has been tried once more.
 * What is to be known of a dead letter is written to it.
 */
void weir__pipeline_judge(weir_pipeline *pipeline, weir_message *messages, size_t count,
                          const struct weir__trial *trial);

/* A dead letter, which is the caller's, goes to its batcher, or is given back. */
void weir__pipeline_bury(weir_pipeline *pipeline, weir_message *message);

/* When a message that has failed so often is to be tried again. */
uint64_t weir__pipeline_due(weir_pipeline *pipeline, const weir_tries *tries,
                            const weir_message *message);

/* Counts messages that are about to be settled by their outcomes. */
void weir__pipeline_count(weir_pipeline *pipeline, const weir_message *messages, size_t count);

/* Counts messages that are the caller's, and settles them. */
void weir__pipeline_settle(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                           weir_discard why);

/* ---- crew.c --------------------------------------------------------------- */

weir_status weir__crew_start(struct weir__crew *crew, weir_ref *out);

/* ---- crew_sink.c ---------------------------------------------------------- */

/* Opens its sink, if it is not, and writes to it; what is wrong is logged. */
weir_pulled weir__crew_write(struct weir__crew *crew, weir_message *messages, size_t count,
                             const weir_batch_info *info);

/* It is lost, and it is the batch of that child that waits for it. */
void weir__crew_sink_lost(struct weir__crew *crew, uint64_t child);

/* When its pool is closed. */
void weir__crew_close_sink(struct weir__crew *crew);

/* ---- pipeline_members.c --------------------------------------------------- */

/* Says who its members are: of each what it is, and its name. */
void weir__pipeline_members(weir_pipeline *pipeline);

/* Opens those that a supervisor's start cannot open, in which they are handed to it. */
weir_status weir__members_open(weir_pipeline *pipeline);

/* Starts a member: the start of the supervisor's child (weir_supervised). */
weir_status weir__member_start(weir_runtime *runtime, void *argument, weir_ref *out);

/* It was started, and has not ended.  Any thread. */
bool weir__member_lives(const struct weir__member *member);

/* Members that have that role: the first one's number, and how many there are. */
size_t weir__members_of(const weir_pipeline *pipeline, weir_role role, size_t *count);

/* ---- pipeline_list.c ------------------------------------------------------ */

/* It was started, and has not ended.  Any thread. */
bool weir__stage_lives(const weir_pipeline *pipeline, weir_ref stage);

/* Adds a source's figures; NULL has none. */
void weir__pipeline_add_source(weir_pipeline_stats *stats, const weir_source *source);

/* It is over, and its driver had said BROKEN. */
bool weir__source_is_broken(const weir_source *source);

/* ---- pipeline_drain.c ----------------------------------------------------- */

/* From now until a moment, UINT64_MAX being WEIR_FOREVER. */
uint64_t weir__pipeline_time_left(const weir_pipeline *pipeline, uint64_t deadline);

/* What its sources tell it in the rounds of their ends. */
uint64_t weir__pipeline_source_ends(const struct weir__source_kin *kin, uint64_t now_ns,
                                    bool broken, bool late);

/* All of it is there / its pools and sources are about to go: see weir__ending_early. */
void weir__pipeline_opened(weir_pipeline *pipeline);
void weir__pipeline_shuts(weir_pipeline *pipeline);

/* weir_pipeline_drain, until then. */
weir_status weir__pipeline_drain(weir_pipeline *pipeline, uint64_t deadline);

/* ---- pipeline_close.c ----------------------------------------------------- */

/* How long what was stopped is waited for behind the deadline.  For tests: it may be less. */
extern uint64_t weir__pipeline_grace_ns;

/* Stops all stages and closes what was opened; TIMEOUT: a function of the program's does not
 * return, and it is to be called again. */
weir_status weir__pipeline_shut(weir_pipeline *pipeline, uint64_t deadline);

#endif
