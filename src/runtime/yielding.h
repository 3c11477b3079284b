/*
 * Yielding: what a worker does before it sleeps, with more workers than cores.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping and waking cost several microseconds each time, which is more than most
 * batches take.  A worker that runs dry therefore lets the others on its core run
 * first, a few times: they use up what it has published and fill its inputs, and find
 * it awake.
 *
 * A yield gives up the rest of the worker's share of the core.  Where somebody else
 * computes there, or a peer's callback takes long, the worker is back after
 * milliseconds, though it may have had work at once: who sleeps and is woken goes
 * ahead of him.  So whoever was away for long abstains from yielding for the next so
 * many times that he runs dry, twice as many each time; it is half as many again for
 * each yield that was short.
 *
 * One owner: the worker.
 */
#ifndef WEIR__RUNTIME_YIELDING_H
#define WEIR__RUNTIME_YIELDING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WEIR__YIELDS = 4,              /* in a row, then it sleeps                        */
    WEIR__YIELD_LONG_NS = 500000,  /* a round of all peers' batches takes far less    */
    WEIR__YIELD_ABSTAIN = 64,      /* times, after the first long one                 */
    WEIR__YIELD_ABSTAIN_MAX = 2048 /* a long one is then a few percent of the time    */
};

struct weir__yielding {
    uint32_t yields;  /* since it last had something to do, or all of them      */
    uint32_t abstain; /* how many times more it does not yield when it runs dry */
    uint32_t penalty; /* how many those will be, after the next long one        */
};

/* It has something to do (again). */
static inline void weir__yielding_busy(struct weir__yielding *yielding) {
    yielding->yields = 0;
}

/* It has nothing to do: true when it is to yield, and to call weir__yielding_back. */
static inline bool weir__yielding_try(struct weir__yielding *yielding) {
    if (yielding->yields == 0 && yielding->abstain > 0) {
        yielding->abstain--;
        yielding->yields = WEIR__YIELDS;
    }
    if (yielding->yields >= WEIR__YIELDS) {
        return false;
    }
    yielding->yields++;
    return true;
}

/* It runs again, after so long. */
static inline void weir__yielding_back(struct weir__yielding *yielding, uint64_t away_ns) {
    uint32_t penalty = yielding->penalty;
    if (away_ns < WEIR__YIELD_LONG_NS) {
        yielding->penalty = penalty / 2;
        return;
    }
    penalty = penalty < WEIR__YIELD_ABSTAIN ? WEIR__YIELD_ABSTAIN : penalty;
    yielding->abstain = penalty;
    yielding->yields = WEIR__YIELDS;
    yielding->penalty = penalty < WEIR__YIELD_ABSTAIN_MAX ? penalty * 2 : penalty;
}

#endif
