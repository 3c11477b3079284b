/*
 * Onward: what a stage sent to another of its worker is handled in the same go.
 * SPDX-License-Identifier: Apache-2.0
 *
 * In a turn a stage looks at its edges, and at what waits, and a part at what came from outside.
 * What it sends then to stages of the same worker need not wait until that visits those: when the
 * look is over they handle it, each in a *leg*, in which what they send goes on likewise; then the
 * stage hears what they have asked for, sends that, and so on.  So a chain of stages runs in one
 * go, without a run list, flags and turns between its callbacks.
 *
 * A leg does what a visit of the worker would have done for that edge, or it is not made: a stage
 * with mail, input that waits, another producer, an end near, long turns, or that is a part, other
 * than one that lends what comes (a stream) or has nobody outside (windows), is told as others are
 * (edge/outbox.h), and so is who has more than a leg gives.  A partition tells
 * all of them: it deals best what several have asked for, and hears them together in its next
 * turn.  What is noted is handled in a leg or told; nothing is left to a later turn that might not
 * come.
 *
 * Who asks in a leg is heard in the order of asking: at once where nobody else has asked, else
 * behind those who have.  (At once, one of several consumers got all legs of each turn.)  When no
 * leg is left they are heard in the next turn, which has legs again: told, each would have a turn.
 *
 * A go is bounded in legs and batches, of all the stages that it comes to, and is over when mail
 * has come to the worker: neighbours wait no longer than for a turn or two.
 *
 *   goes_on   while it looks: what it sends is noted in `onward`, and not told.  false elsewhere,
 *             where onward is empty
 *   visited   the worker is at this stage, in a turn or a leg: no leg leads back to it
 *   going     a leg of this edge is under way: its asks are not told, for who began it hears them
 *
 * One owner: the worker of both stages.
 */
#ifndef WEIR__STAGE_ONWARD_H
#define WEIR__STAGE_ONWARD_H

#include "stage/stage.h"

/* Something was sent on that edge.  false: that is to be told. */
static inline bool weir__onward_note(weir_stage *stage, struct weir__edge *edge) {
    if (!stage->goes_on || !edge->local || stage->dispatch.table->partitions ||
        edge->at[WEIR__EVENTS]->merges) { /* which is the other's: only here the same worker's */
        return false;
    }
    if (!edge->onward) {
        edge->onward = true;
        edge->onward_next = NULL;
        *(stage->onward == NULL ? &stage->onward : &stage->onward_last->onward_next) = edge;
        stage->onward_last = edge;
    }
    return true;
}

/* What is left of a go. */
struct weir__go {
    int32_t legs;     /* of the stage that has the turn; others may make it somewhat negative */
    uint32_t batches; /* handed to handle_events in legs                                      */
};

/* Others have asked before, and are to be heard: who asks in a leg now is behind them. */
static inline bool weir__stage_hears_others(const weir_stage *stage) {
    return stage->ready->hot[WEIR__DEMAND].count > 1 && !stage->in_step;
}

/* No leg is left in it, or mail has come. */
static inline bool weir__go_is_over(const struct weir__go *go) {
    return go->legs <= 0 || go->batches == 0;
}

/* The look is over: legs, and what comes back of them, as far as the go goes. */
void weir__onward_go(weir_stage *stage, struct weir__go *go);

#endif
