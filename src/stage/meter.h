/*
 * The meter: what a stage did, how long it took, and what it waits for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Counts are the stage's own plain words.  Times are sampled, for a look at the clock takes as
 * long as many a turn: of so many visits of the worker one is timed, from its beginning to its
 * end and on to the beginning of the next.  How many that are is drawn anew each time, so that no
 * rhythm of a graph is met again and again, around a mean by which the looks take a few
 * thousandths of the time of turns as long as this stage's are.  Long turns are all timed, and in
 * them each callback.
 *
 * A timed visit does not stand for others: one may hand on a thousand batches, and the next none.
 * It says what a stage's doings take, callbacks and turns alike, and by their number since it was
 * *settled* last the stage was busy; the rest of the time it lacked something, or waited, in the
 * proportions of the last timed visit and the gap behind it.  What the looks themselves take is
 * left out, as far as it is known.
 *
 * A stage that has cooled is looked at by nobody: how long, and what for, is measured each time,
 * with the worker's own idea of what time it is, which is late now and then but costs nothing;
 * what one gap has too much another has too little.  When others raised it is not told: if its
 * worker was with another stage for long, that is taken to have been in the middle of that visit.
 * The first visit after a long gap is timed, too, and stands for itself.
 *
 * All of it is noted where others can read it (weir/counters.h) when the worker runs dry, and
 * while it does not, of 64 stages every millisecond or so: those that were visited since they were
 * noted are in a list, the longest waiting first.
 *
 * One owner: the stage's worker, which is the one writer of the slot.
 */
#ifndef WEIR__STAGE_METER_H
#define WEIR__STAGE_METER_H

#include "base/attributes.h"
#include "memory/sheet.h"

#include <weir/types.h>

/* A build without it shows what it costs (bench/metered.cc): nothing is counted and timed. */
#ifdef WEIR_UNMETERED
#define WEIR__METERED 0
#else
#define WEIR__METERED 1
#endif

struct weir__host;

enum {
    WEIR__EDGES_NOTED = 16, /* of one stage                                                       */
    WEIR__LOOKS_NS = 25000  /* of turns, for each timed visit, whose three looks take some 75     */
};

/* What it did; as in weir_counters_stage. */
struct weir__tally {
    uint64_t batches;
    uint64_t events_in;
    uint64_t unhandled; /* of those, but for the stash: with a pool's tasks, or lost */
    uint64_t bytes_in;
    uint64_t demands;
    uint64_t events_out;
    uint64_t messages;
    uint64_t calls;
    uint64_t restarts;
};

struct weir__meter {
    /* looked at in each visit */
    uint32_t left; /* visits until one that looks at the clock: this one, when it comes to 0 */
    bool cooled;   /* no visit until somebody raises it; since_ns is the worker's idea     */
    bool listed;   /* among those that have something to note                            */
    bool closing;  /* the next look only says how long the gap before it was               */
    uint8_t state; /* a weir_stage_state: what it is about since `since_ns`                */
    struct weir__tally tally;
    uint64_t turns_busy; /* visits in which it did something, and did not only look */
    /* seldom */
    uint32_t drawn;       /* visits that the next timed one stands for                    */
    uint64_t since_ns;    /* when it was settled last: a timed visit, a leg, or it cooled */
    uint64_t settled;     /* what it had done then                                        */
    uint64_t owed_ns;     /* it was busy besides, by what its doings take                 */
    uint64_t began_ns;    /* of the timed visit                                           */
    uint64_t began_over;  /* likewise: host->over_ns                                      */
    uint64_t began_units; /* likewise: what it had done                                   */
    uint64_t mean_ns;     /* about how long a visit takes, with others' legs in it        */
    uint64_t own_ns;      /* the same without those; or a leg of its own                  */
    uint64_t cost_ns;     /* so long took ...                                             */
    uint64_t cost_units;  /* ... so much of what it did                                   */
    uint32_t costs;
    uint64_t last_nested_ns;     /* others' legs in the last timed visit                         */
    uint64_t rest_ns;            /* from then to the next, of each other: it was about `state`,  */
    uint64_t waited_ns;          /* it waited for its worker,                                    */
    uint64_t nested_ns;          /* and others handled what it sent                              */
    uint64_t turns;              /* but for those since `left` was drawn                         */
    uint64_t times[WEIR_STATES]; /* noted with `state`, so that nothing counts twice */
    weir_counters_stage *slot;   /* discards are counted there at once: seldom, that is           */
    uint32_t number;             /* the slot's */
    struct weir__timing handling;
    struct weir__timing pipeline;
    weir_stage *listed_next;
    weir_stage *listed_previous;
};

/* Its slot, and what does not change; before it is known.  false: no memory. */
bool weir__meter_open(weir_stage *stage);

/* Its last callback has returned: what it did is added to what its worker's stages that have
 * ended did. */
void weir__meter_sum(const weir_stage *stage);

/* What becomes of events whose stage has gone. */
void weir__meter_late(struct weir__host *host, uint64_t handled, uint64_t lost);

/* Gives the slot back. */
void weir__meter_close(weir_stage *stage);

/* Around each visit, or those that are timed: the first begins such a one, and the other ends one
 * in which host->stamps is not 0. */
void weir__meter_begins_anew(weir_stage *stage);
void weir__meter_ends(weir_stage *stage, bool busy);

/*
 * A leg (onward.h) of a stage in another's visit.  In a timed visit its time is the leg's stage's,
 * which has no visit meanwhile: it is taken out of that one's next gap, as busy.  What it has
 * stamped and taken is its own.
 */
struct weir__leg {
    uint32_t stamps; /* host->stamps and origin_ns, as it began */
    uint64_t origin_ns;
    uint64_t began_ns; /* these, in a timed visit */
    uint64_t nested_ns;
    uint64_t began_over; /* host->over_ns                                   */
    uint64_t units;      /* what it had done                                */
    uint32_t timed;
    bool cooled; /* the stage was, and is again */
};

/* Around it, where the visit makes stamps; the second also where the leg has made some. */
void weir__leg_begins(weir_stage *stage, struct weir__leg *leg);
void weir__leg_ends(weir_stage *stage, const struct weir__leg *leg);

/* Around a callback, in a timed visit: the first returns the time, 0 in others. */
uint64_t weir__meter_clock(struct weir__host *host);
void weir__meter_called(weir_stage *stage, uint64_t began_ns);

/* The same of a message's: it is in no histogram.  Returns how long it took. */
uint64_t weir__meter_took(weir_stage *stage, uint64_t began_ns);

/* Its worker does not look at it any more until it is raised. */
void weir__meter_cools(weir_stage *stage);

/* The worker: it rests from now on, or not any more (host->now_ns is right); it has one stage more,
 * or less. */
void weir__meter_rests(struct weir__host *host, bool rests);
void weir__meter_joins(struct weir__host *host, int stages);

/* It is among those that have something to note; for meter.c. */
void weir__meter_list(weir_stage *stage);

/* Notes what the host's stages did since they were noted last: of so many, the others later. */
void weir__meter_note(struct weir__host *host, uint32_t most);

#endif
