/*
 * The life of a subscription: the states of its two ends, and what moves them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each end has one state, which its own worker alone moves; the moves are made in
 * stage/subscription.c, and in stage/leaving.c where a subscription waits or leaves.  What
 * one end wants of the other, and what it has done, goes by mail (ring/mail.h).
 *
 *   the consumer's end            to         when
 *
 *   REQUESTED  it is asked for,   OPEN       handle_subscribe takes it; sends OPEN
 *              handle_subscribe   WITHDRAWN  it is cancelled in handle_subscribe
 *              is yet to decide   OVER       refused, or the stage stops or is gone
 *   WITHDRAWN  and not wanted     CANCELLED  handle_subscribe takes it; sends OPEN, CANCEL
 *              any more           OVER       as above
 *   OPEN       it is read         CANCELLED  the consumer cancels it: sends CANCEL;
 *                                            or replaces it: that one's OPEN says so
 *                                 CLOSING    CLOSE has come, and whom it follows has ended
 *                                 OVER       the stage stops; sends DOWN
 *   CANCELLED  it is read still   CLOSING    as above
 *                                 OVER       the stage stops; sends DOWN
 *   CLOSING    it is read up to   ENDED      received == sent
 *              `sent`             OVER       the stage stops; sends DOWN
 *   ENDED      all of it is here, OVER       that has been handled: handle_cancel; sends
 *              the end has its               LEFT, unless the producer has stopped (of
 *              place behind that             its rack: all the same)
 *                                 CLOSING    the stage stops: what waits goes back
 *   OVER       the consumer knows it no more
 *
 *   the producer's end            to         when
 *
 *   UNHEARD    OPEN is yet to     ATTACHED   OPEN has come; handle_subscribe is next
 *              come               IN_LINE    OPEN has come, and it must wait for another
 *                                 OVER       the producer has stopped; sends CLOSE
 *   IN_LINE    it waits for one   ATTACHED   that one has left; handle_subscribe is next
 *              that leaves        IN_LINE    that one has left, and another is in its way
 *                                 OVER       it is ended from either side, or the stage
 *                                            stops; sends CLOSE, unless DOWN has come
 *   ATTACHED   events are sent    LEAVING    it is ended from either side: handle_cancel;
 *                                            sends CLOSE, unless DOWN has come
 *                                 OVER       refused before anything was sent, or the
 *                                            stage stops; sends CLOSE
 *   LEAVING    its consumer may   OVER       LEFT or DOWN has come, or the stage stops
 *              be at work still
 *   OVER       the producer knows it no more
 *
 * One writer each: the consumer's worker, the producer's worker.  The other end looks only
 * when both are on one worker, and whoever frees the edge (edge.h, X1 -> X2).
 */
#ifndef WEIR__EDGE_LIFE_H
#define WEIR__EDGE_LIFE_H

#include "base/check.h"

#include <stdbool.h>

/* In such an order that one comparison answers each question below. */
enum weir__consumer_state {
    WEIR__CONSUMER_REQUESTED,
    WEIR__CONSUMER_WITHDRAWN,
    WEIR__CONSUMER_OVER,
    WEIR__CONSUMER_OPEN,
    WEIR__CONSUMER_CANCELLED,
    WEIR__CONSUMER_CLOSING,
    WEIR__CONSUMER_ENDED,
    WEIR__CONSUMER_STATES
};

enum weir__producer_state {
    WEIR__PRODUCER_UNHEARD,
    WEIR__PRODUCER_IN_LINE,
    WEIR__PRODUCER_ATTACHED,
    WEIR__PRODUCER_LEAVING,
    WEIR__PRODUCER_OVER,
    WEIR__PRODUCER_STATES
};

/* The table above. */
bool weir__consumer_may_move(enum weir__consumer_state from, enum weir__consumer_state to);
bool weir__producer_may_move(enum weir__producer_state from, enum weir__producer_state to);

static inline void weir__consumer_move(enum weir__consumer_state *state,
                                       enum weir__consumer_state to) {
    WEIR__CHECK(weir__consumer_may_move(*state, to));
    *state = to;
}

static inline void weir__producer_move(enum weir__producer_state *state,
                                       enum weir__producer_state to) {
    WEIR__CHECK(weir__producer_may_move(*state, to));
    *state = to;
}

#endif
