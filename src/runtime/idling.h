/*
 * Idling: whether a worker that has run dry looks for work, or sleeps at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Looking costs the core; sleeping costs a wake, and who waits for the work waits for that as
 * well.  Which is less depends on how soon work comes.  So the worker keeps two averages:
 *
 *   gap    from when it ran dry until work came
 *   wake   from when somebody rang its bell until it ran
 *
 * and looks where the gap is no more than WORTH wakes long, for PATIENCE gaps, which is longer
 * than nearly all of them.  Then it sleeps.  Where work comes later than that, it sleeps at once.
 * A gap is known to the nanosecond while it sleeps, too, for who rings says when (ring/ready.h);
 * so it notices when to look again.
 *
 * A gap counts as no more than LONG wakes: after a quiet night it takes some tens of events at a
 * high rate to look again, not as many as the night was long; and one pause between many short
 * gaps is no reason to sleep at the next.  It begins where it only just looks.
 *
 * Where looking is of no use, the gap counts as LONG, however short it was:
 *   - a thread on the worker's own core rang: it cannot run while the worker looks;
 *   - the worker was away from its core between its last two looks, and then there was work: a
 *     thread on its own core took the core from it to bring that, most likely.
 * And a worker that is away for AWAY_NS has lost its core to somebody who computes.  One that
 * sleeps is let in when it is woken, and one that looked is not.  So it does not look the next
 * ABSTAIN times that it runs dry, twice as many after the next such, and fewer again as it
 * looks undisturbed.
 *
 * The first look is shorter.  Nothing is known yet, but that the thread that opens the runtime is
 * about to bring work: soon, if it does not have to wait for its own core meanwhile.
 *
 * One owner: the worker.  Nothing wraps: all that is kept is bounded.
 */
#ifndef WEIR__RUNTIME_IDLING_H
#define WEIR__RUNTIME_IDLING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WEIR__IDLE_WAKE_NS = 15000,      /* of the average, before anybody was woken       */
    WEIR__IDLE_WAKE_LEAST_NS = 1000, /* a wake counts as no less, and as no more       */
    WEIR__IDLE_WAKE_MOST_NS = 20000,
    WEIR__IDLE_WORTH = 2,        /* wakes: work that comes so soon is looked for       */
    WEIR__IDLE_LONG = 8,         /* wakes: a gap counts as no more                     */
    WEIR__IDLE_PATIENCE = 6,     /* gaps: nearly all of them are shorter than so many  */
    WEIR__IDLE_WEIGHT = 16,      /* one gap, or one wake, of so many in the average    */
    WEIR__IDLE_BRIEF_NS = 4000,  /* no two looks are so far apart, but for who is away */
    WEIR__IDLE_AWAY_NS = 100000, /* away for good: not for who only brings work        */
    WEIR__IDLE_ABSTAIN = 16,     /* times, after that                                  */
    WEIR__IDLE_ABSTAIN_MAX = 2048,
    WEIR__IDLE_FORGET = 8, /* undisturbed times: one less */
    WEIR__IDLE_FIRST_NS =
        50000 /* the first look: as long as it takes to open, and to start a stage */
};

struct weir__idling {
    uint64_t since_ns; /* when it ran dry, as far as it knows; 0: it has not */
    uint64_t until_ns; /* it looks so long                                   */
    uint64_t last_ns;  /* when it looked last                                */
    uint64_t first_ns; /* the first look lasts at most so long               */
    uint32_t gap_ns;   /* on average                                         */
    uint32_t wake_ns;  /* on average                                         */
    uint32_t abstain;  /* how many times more it does not look               */
    uint32_t penalty;  /* times FORGET: how many those will be, the next time */
    bool away;         /* between the last two looks                         */
};

void weir__idling_open(struct weir__idling *idling);

/* Its first look lasts at most so long; 0: there is none. */
static inline void weir__idling_begins(struct weir__idling *idling, uint64_t first_ns) {
    idling->first_ns = first_ns;
}

/* Whether it would look for work, if it ran dry now. */
bool weir__idling_looks(const struct weir__idling *idling);

static inline bool weir__idling_is_dry(const struct weir__idling *idling) {
    return idling->since_ns != 0;
}

/* It has run dry: true when it is to look, and to call weir__idling_look each time. */
bool weir__idling_dry(struct weir__idling *idling, uint64_t now_ns);

/* There is nothing yet: true when it is to look on. */
bool weir__idling_look(struct weir__idling *idling, uint64_t now_ns);

/* Work came behind the last look. */
void weir__idling_found(struct weir__idling *idling);

/*
 * Work has come while it slept.  rung_ns: when its bell was rung; from before it ran dry, nobody
 * knows.  neighbour: by a thread on its own core.
 */
void weir__idling_woken(struct weir__idling *idling, uint64_t now_ns, uint64_t rung_ns,
                        bool neighbour);

#endif
