/*
 * Stamps: how long events wait between two stages, and how old they are when they are consumed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * In a visit that is timed (meter.h) what a stage sends is stamped: of each edge that has no
 * stamp under way, the first event.  A stamp lies in the edge, beside its events: their position,
 * when they were sent, and when a source emitted what they came of.  The consumer that has taken
 * that position over adds to its times, and what it emits in the same visit carries the origin on.
 *
 *   at          free: none is under way.  Else the position of the stamped event.
 *               writers: the producer where it is free, the consumer where it is not
 *   sent_ns,    writer: the producer, while `at` is free; reader: the consumer, once it has taken
 *   origin_ns   the event.  origin 0: not known
 *
 * Ordering: a stamp is written before its event is on the ring, and so is seen with it (R1 -> R2
 * of ring/ring.h).
 *   P1 -> P2  at is free: the consumer's release, when it has read -> the producer's acquire
 * Progress: wait-free; while one is under way others are not made.  Wrap: positions do not.
 * With the shared dispatcher events have no position of an edge's, and no stamp.
 */
#ifndef WEIR__STAGE_STAMP_H
#define WEIR__STAGE_STAMP_H

#include "edge/edge.h"
#include "stage/meter.h"

/* Why what a visit sends is stamped: host->stamps. */
enum weir__stamps { WEIR__STAMPS_TIMED = 1, WEIR__STAMPS_CARRIED = 2 };

/* Before `edge` is sent something. */
void weir__stage_stamp(weir_stage *stage, struct weir__edge *edge);

/* Stamped events were taken over. */
void weir__stage_stamped(weir_stage *stage, struct weir__edge *edge);

static inline bool weir__stamp_came(const struct weir__edge *edge) {
    return WEIR__METERED &&
           WEIR__UNLIKELY(edge->received > weir__load_relaxed_u64(&edge->stamp.at));
}

#endif
