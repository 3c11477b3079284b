/*
 * Limits at their stage: events that wait for tokens of a rate.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The states of a limit, and what is in it: edge/limit.h.  The tokens: ring/rate.h.
 *
 * A token is taken just before the event is begun, by the clock as it is then: so a stage gives
 * tokens to what it will hand on at once.  That is a message of as many events as have one, at most
 * a batch; it goes by way of the input queue, which is empty then.  Several limits of a stage are
 * served in turn.  What a callback leaves of such a message (rest.c) comes back to the
 * limit's front, and its tokens are reserved again.
 *
 * One owner: the stage's worker.
 */
#ifndef WEIR__STAGE_LIMIT_H
#define WEIR__STAGE_LIMIT_H

#include "stage/stage.h"

/* Something has come by a limited edge.  false: no memory, nothing changed. */
bool weir__limit_store(weir_stage *stage, struct weir__edge *edge, struct weir__item item);

/* An info, behind what waits in one of the limits; false: nothing waits, or no memory. */
bool weir__limit_store_info(weir_stage *stage, void *info);

/* Handles what has, or gets, tokens, within the budget.  True when there was something. */
bool weir__limits_serve(weir_stage *stage, uint32_t *budget);

/* Something is listed, and may be begun if it has tokens. */
bool weir__limits_may_give(const weir_stage *stage);

/* What a callback has left is the front of the input queue, as a message: of a limited edge. */
void weir__limit_rested(weir_stage *stage, struct weir__edge *edge);

/* The turn is over: what waits pins no blocks. */
void weir__limits_settle(weir_stage *stage);

/* A rate has other terms, perhaps: who waits looks again. */
void weir__limits_look_again(weir_stage *stage);

/* The edge ends, or its stage does; what it has is to be given back, or there is nothing. */
void weir__limit_leave(weir_stage *stage, struct weir__edge *edge);

#endif
