/*
 * The limit: of a subscription that names a rate, what has come and may not begin yet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What such an edge brings waits here, not in its stage's input queue: so it keeps nobody else
 * waiting.  As there are tokens, so many events go from here into the input queue, as a message,
 * and are handled at once; so a limit gives only when nothing is in that queue and its gate is open
 * (stage/limit.c).
 *
 *   idle      the queue is empty
 *   listed    among its stage's limits: it gives when the gate is open and there are tokens
 *   waiting   its timer is armed: for the tokens that it has reserved, for at most as many
 *             as it has events
 *
 * The worker's of the consumer's stage; but `until_ns` anybody may read, and the edge's owners see
 * to its memory.
 */
#ifndef WEIR__EDGE_LIMIT_H
#define WEIR__EDGE_LIMIT_H

#include "memory/queue.h"
#include "ring/rate.h"
#include "ring/timers.h"

#include <weir/stage.h>

struct weir__edge;

enum weir__limit_state { WEIR__LIMIT_IDLE = 0, WEIR__LIMIT_LISTED, WEIR__LIMIT_WAITING };

struct weir__limit {
    struct weir_rate *rate; /* constant, with a reference */
    struct weir__edge *edge;
    weir_stage *stage; /* its consumer, once something has come */
    struct weir__queue queue;
    uint32_t fresh;           /* items at its end that pin blocks, perhaps */
    uint32_t state;           /* an enum weir__limit_state */
    struct weir__limit *next; /* listed */
    struct weir__limit *previous;
    struct weir__reserved reserved; /* that it has, and has not used */
    struct weir__reserved last;     /* the numbers that were used last */
    struct weir__timer timer;
    uint64_t until_ns; /* atomic: when the timer is due; 0: it is not armed */
};

#endif
