/*
 * How a stage comes to its end: what is left, its last words, who wants to know.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_ENDING_H
#define WEIR__STAGE_ENDING_H

#include "stage/stage.h"

/* ---- ending.c ----------------------------------------------------------------- */

/* The stage is to finish; told: handle_drain is called. */
void weir__stage_finish(weir_stage *stage, bool told);

/* Whether weir itself has refused a subscription, with that reason. */
bool weir__stage_refused(weir_reason reason);

/* Whether the end of a subscription stops its consumer.  A refusal by weir never does. */
bool weir__stage_stops(weir_cancel_mode mode, weir_reason reason);

/* What the end of a subscription makes of its consumer. */
void weir__stage_bereave(weir_stage *stage, weir_cancel_mode mode, weir_reason reason);

/* Something has come to it: whoever was told that all had is told again. */
static inline void weir__stage_came(weir_stage *stage) {
    stage->end_told = false;
}

/* It finishes: tells it when its input is over, and ends it when it holds nothing. */
void weir__stage_go_to_end(weir_stage *stage);

/* In a ring: it is to be told its end, though it is fed, and takes nothing from outside. */
void weir__stage_unfed(weir_stage *stage);

/* In a ring: nobody can send to it any more, and nothing that was sent is on its way.  False:
 * something is, and it is to be reopened, perhaps.  It has no turn until it is, or ends: whatever
 * its callbacks did now, on hearing of another's end or by a timer, might find no place. */
bool weir__stage_close(weir_stage *stage);

/* As it was before weir__stage_close, whether that was true or not. */
void weir__stage_reopen(weir_stage *stage);

/* It has input that it may not take, for want of demand, and a buffer without bound. */
bool weir__stage_may_relax(const weir_stage *stage);

/* It waits only for who feeds it, and has nothing itself: perhaps they wait for it, too. */
bool weir__stage_waits_for_others(const weir_stage *stage);

/* Why it does not finish. */
weir_holdup weir__stage_holdup(const weir_stage *stage);

/* Something else than events is to come to it, sooner or later, or it is at work. */
bool weir__stage_awaits(const weir_stage *stage);

/* ---- enders.c ----------------------------------------------------------------- */

/* Who wants to know when it ends (mail ON_END).  Those whose caller waits no more are freed, now
 * and then. */
void weir__stage_hear_of_end(weir_stage *stage, struct weir__message *message);

/* They are told, with that reason. */
void weir__stage_tell_ender(struct weir__host *host, weir_ref stage, weir_reason reason,
                            struct weir__message *message);
void weir__stage_tell_enders(weir_stage *stage);

#endif
