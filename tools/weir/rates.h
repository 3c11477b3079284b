/*
 * What happened between two views of a runtime, per second and in shares of the time.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_RATES_H
#define TOOL_RATES_H

#include "view.h"

struct stage_rates {
    double in; /* per second, this one and the next */
    double out;
    double bytes_in;
    double batches;
    double demands;
    double messages;
    double turns;
    double discards;              /* of all causes */
    uint64_t discarded;           /* events, of all causes, since it began */
    uint64_t restarts;            /* in the stretch */
    double share[WEIR_STATES];    /* of its time; they make up 1 */
    weir_counters_times handling; /* of the stretch: a histogram of what came in it */
    weir_counters_times pipeline;
    double fill; /* of the windows of its subscriptions as a consumer, together: 0..1 */
};

struct subscription_rates {
    double events;    /* a second, that the consumer took over */
    uint64_t ring;    /* events that were sent and not taken over */
    double in_flight; /* those, and its part of what its consumer has queued */
    uint64_t open;    /* asked for and not yet sent; 0 where `sent` is not counted */
    double fill;      /* in_flight, of max_demand: 0..1 */
    weir_counters_times waiting;
};

struct worker_rates {
    double load;     /* share of the time in turns that did something */
    double rest;     /* ... and asleep, or spinning with nothing to do */
    double coreless; /* ... and ready to run without a core: others have it */
    double turns;
    double wakes;
};

struct rates {
    double seconds;             /* between the views, on the runtime's clock */
    struct stage_rates *stages; /* by the numbers of the later view */
    struct subscription_rates *subscriptions;
    struct worker_rates *workers;
};

/*
 * The rates from `before` until `now`; what is in `now` alone has begun with nothing.  Without
 * `before` (NULL), or where that is not the same runtime's, they are since each began.
 * Errors     no memory (trouble.h); there is nothing to free then.
 */
bool rates_make(struct rates *rates, const struct view *before, const struct view *now);
void rates_free(struct rates *rates);

#endif
