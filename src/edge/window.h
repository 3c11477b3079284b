/*
 * The demand window: a consumer's arithmetic of max_demand and min_demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * GenStage's rule: a message is cut, from its start, into batches of at most
 * max - min; after each, when min or fewer are outstanding, ask back up to max.
 * Events beyond what was outstanding when the message arrived are "excess":
 * handled, but not counted against the demand.
 *
 *   0 <= min < max,   min < outstanding <= max between batches
 *
 * Pure arithmetic, in one owner's private memory.
 */
#ifndef WEIR__EDGE_WINDOW_H
#define WEIR__EDGE_WINDOW_H

#include "base/attributes.h"
#include "base/check.h"

#include <stdint.h>

struct weir__window {
    uint64_t max;
    uint64_t min;
    uint64_t outstanding; /* asked for and not yet counted as received       */
    uint64_t covered;     /* of the message at hand: outstanding at its start,
                             less what its batches have used                  */
};

/* Of an automatic subscription. */
void weir__window_check(const struct weir__window *window);

/* outstanding becomes max: the first ask, which the caller sends. */
void weir__window_open(struct weir__window *window, uint64_t max, uint64_t min);

/*
 * `count` events have been taken that nobody had promised.  Returns how many to
 * ask for, up to max, so that what is outstanding covers them; 0: it does.
 * count is at most max.
 */
uint64_t weir__window_cover(struct weir__window *window, uint64_t count);

/* A message begins. */
static inline void weir__window_message(struct weir__window *window) {
    WEIR__VERIFY(weir__window_check(window));
    window->covered = window->outstanding;
}

/* The size of the message's next batch, of which `left` events remain. */
static inline uint64_t weir__window_batch(const struct weir__window *window, uint64_t left) {
    uint64_t largest = window->max - window->min;
    return left < largest ? left : largest;
}

/* How many batches come behind the first one, of a message of so many events. */
static inline uint64_t weir__window_more(const struct weir__window *window, uint64_t events) {
    uint64_t largest = window->max - window->min;
    return WEIR__LIKELY(events <= largest) ? 0 : (events - 1) / largest;
}

/* Asks back up to max, whatever is outstanding, for `most` at most.  Returns for how many. */
static inline uint64_t weir__window_fill(struct weir__window *window, uint64_t most) {
    uint64_t more = window->max - window->outstanding;
    more = more < most ? more : most;
    window->outstanding += more;
    return more;
}

/*
 * Of a batch for which *ask_for is due `count` events come again: *ask_for becomes what is due
 * for the others.
 */
void weir__window_return(struct weir__window *window, uint64_t count, uint64_t *ask_for);

/* weir__window_take for a message of which all was asked for: there is no excess. */
static inline uint64_t weir__window_take_asked(struct weir__window *window, uint64_t count) {
    WEIR__VERIFY(weir__window_check(window));
    uint64_t rest = window->outstanding - count;
    window->covered -= count;
    if (rest > window->min) {
        window->outstanding = rest;
        return 0;
    }
    window->outstanding = window->max;
    return window->max - rest;
}

/*
 * A batch of `count` is accounted for.
 * Returns how many events to ask for after it was handled (0: none);
 * *excess is increased by those beyond the demand.
 */
static inline uint64_t weir__window_take(struct weir__window *window, uint64_t count,
                                         uint64_t *excess) {
    uint64_t counted = count < window->covered ? count : window->covered;
    *excess += count - counted;
    return weir__window_take_asked(window, counted);
}

#endif
