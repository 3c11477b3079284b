/*
 * What a partition dispatcher's files share: its partitions and its arithmetic.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   partition.c  demand, consumers and infos
 *   hash.c       which partition each event is for
 *   deal.c       the way of events to their partitions
 *   sort.c       the same for many small events, in short runs
 *   choice.c     the options
 *
 * Demand is one pool, `waiting`.  In events,
 *
 *   waiting + all queues == all demands + pending + all prepaid
 *
 * where `pending` is demand of consumers that have left, passed upstream and not
 * answered yet, to be set off against the next asks; and `prepaid` is the same for
 * one partition: events that came back to its queue from a dead consumer.
 *
 *   demand > 0  =>  the partition has an owner, and no events are in its queue
 *   a partition in which an info has to wait is marked `behind`; none is `touched`
 *
 * and within one, of what is dealt and all wanted, with nothing before it,
 *
 *   straight > 0  =>  the partition has an owner, whose demand is at least that, and no queue
 *
 * One owner, the producer's worker: no threads.
 */
#ifndef WEIR__DISPATCH_PARTITION_H
#define WEIR__DISPATCH_PARTITION_H

#include "base/marks.h"
#include "dispatch/seam.h"
#include "memory/index.h"

enum {
    WEIR__DEAL_EVENTS = 4080,    /* that are dealt at a time              */
    WEIR__SHORT_RUNS = INT32_MAX /* as many as there are events, or nearly */
};

/* Of numbers of partitions, four at a time: vectors, whatever the compiler makes of loops. */
typedef uint32_t weir__four __attribute__((vector_size(16)));
typedef weir__four weir__loose_four __attribute__((aligned(4), may_alias));

struct weir__partition {
    weir_outlet *owner;
    weir_outlet *leaving; /* owners that have cancelled and not left yet, the last one first */
    weir_hold *queue;
    uint64_t demand;
    uint64_t prepaid;
    bool backed_up; /* as_genstage: all it asked for has come, and it has not asked since */

    /* deal.c */
    struct weir__block *fill; /* its events are gathered here; NULL: none yet */
    unsigned char *to;        /* where the next one goes; NULL: they are sliced, or lost */
    bool lost;                /* no memory for those of this deal                        */
    uint32_t chosen;          /* events of this deal                                     */
    uint32_t runs;            /* that they come in                                       */
    uint64_t arrived;         /* in the queue since the dispatch began, or `straight`    */
    uint32_t straight;        /* of the block, those that go without having been queued  */
    uint32_t first;           /* the first one of them                                   */
};

struct weir__partition_name {
    struct weir__index_node node; /* by the text's hash */
    const char *text;
};

struct weir__partitions {
    weir_desk *desk;
    struct weir__partition *at;
    uint32_t count;
    uint64_t waiting;
    uint64_t pending;
    struct weir__marks behind; /* all partitions in which an info has to wait, and some more */

    /* the choice */
    uint32_t (*hash)(void *context, const void *event);
    uint32_t (*rewrite)(void *context, void *event);
    void (*hash_many)(void *context, weir_batch batch, uint32_t *partitions);
    void *context;
    struct weir__partition_name *names; /* as many as partitions; NULL: none */
    struct weir__index by_name;         /* those, by the hash of their texts */
    char *texts;                        /* one after the other               */
    size_t texts_bytes;
    bool discards; /* a queue whose consumer leaves */
    bool as_genstage;

    /* deal.c */
    /* The partition of each event of a deal; `count`: nobody's; `count` + 1: likewise, and it
     * was a bad number (of events that own something: that is what they are dropped for). */
    uint32_t *chosen;
    bool owning;                /* the events that are dealt own something                  */
    struct weir__marks touched; /* partitions, by this dispatch                             */
    struct weir__block *nobody; /* sort.c: where what is nobody's is copied to, or NULL     */
    uint64_t unwanted;          /* events that were dropped                                 */
    uint64_t bad;
    uint64_t again; /* events to be demanded anew */
};

/* The first partition in which events wait; `count`: there is none. */
uint32_t weir__partitions_waiting(const struct weir__partitions *all);

/* ---- choice.c ------------------------------------------------------------ */

/* Reads the options, takes the memory.  Refused: nothing is left behind. */
weir_status weir__partitions_open(struct weir__partitions *all, weir_desk *desk,
                                  const weir_partition_dispatcher_options *options);
void weir__partitions_close(struct weir__partitions *all);

/* The partition that a subscription wants.  Not NORMAL: why there is none. */
weir_reason weir__partitions_wanted(const struct weir__partitions *all,
                                    const weir_subscribe_options *options, uint32_t *index);

/* ---- hash.c -------------------------------------------------------------- */

/*
 * Asks the hash whose the run's first events are, as far as demand waits, which is
 * lowered, and counts those that nobody gets.  Returns how many; 0: no memory.
 */
uint32_t weir__partitions_choose(struct weir__partitions *all, const weir_run *run);

/* ---- deal.c -------------------------------------------------------------- */

/*
 * Moves the run's first events into the queues of their partitions, as far as
 * demand waits, marks those partitions touched and counts what was dropped.
 */
void weir__partitions_deal(struct weir__partitions *all, weir_run *run);

/* The slice of what goes straight, its reference with it; `straight` is the caller's to clear. */
static inline struct weir__item weir__partition_straight(const struct weir__partition *partition) {
    return (struct weir__item){.block = partition->fill,
                               .first = partition->first,
                               .count = partition->straight,
                               .event_bytes = partition->fill->event_bytes};
}

/* It does not: something comes behind it, or it cannot.  It is queued, or lost for want of
 * memory. */
void weir__partitions_hold_straight(struct weir__partitions *all,
                                    struct weir__partition *partition);

/* ---- sort.c -------------------------------------------------------------- */

/*
 * Whether the first `count` events, which are chosen, are small and hardly come in runs:
 * told by a sample.
 */
bool weir__sort_short_runs(const struct weir__partitions *all, uint32_t count,
                           uint32_t event_bytes);

/*
 * Counts them, and has them all copied.  false: there are too few of them, or too many
 * partitions, for this to be worth it.
 */
bool weir__sort_count(struct weir__partitions *all, uint32_t count);

/*
 * Copies those events, for each of which there is room in its partition.  false: no
 * memory, and nothing is done.
 */
bool weir__sort_move(struct weir__partitions *all, const weir_run *run, uint32_t count);

#endif
