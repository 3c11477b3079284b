/*
 * Takers: consumers that take from a rack that they share (edge/rack.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_TAKERS_H
#define WEIR__STAGE_TAKERS_H

#include "stage/stage.h"

/* A consumer that the dispatcher has accepted may take from now on. */
void weir__stage_taker_joins(weir_stage *stage, struct weir__edge *edge);

/* It takes no more (mail LEFT or DOWN): what it leaves unanswered is settled. */
void weir__stage_taker_left(weir_stage *stage, struct weir__edge *edge);

/* The same when the producer is gone: how many events nobody will take any more. */
uint64_t weir__taker_left_behind(struct weir__host *host, struct weir__edge *edge);

/* The producer ends.  If it has no taker left it lets go of its rack.  Returns the same. */
uint64_t weir__stage_lose_rack(weir_stage *stage);

/* It has told its takers: they have the rest, and it lets go of its rack, if it has it still. */
void weir__stage_leave_rack(weir_stage *stage);

/* Takes an entry, if nothing that the stage has taken waits before it. */
bool weir__stage_take_rack(weir_stage *stage, struct weir__edge *edge, struct weir__entry *out);

/* Before and after a taker's edge is lowered to cool. */
void weir__stage_taker_cools(weir_stage *stage, struct weir__edge *edge);
void weir__stage_taker_cooled(weir_stage *stage, struct weir__edge *edge);

/* It is not among those that look again, if it was. */
void weir__stage_taker_let_go(weir_stage *stage, struct weir__edge *edge);

/* Nothing waits any more: the takers' edges that cooled while something did look again. */
void weir__stage_takers_look(weir_stage *stage);

#endif
