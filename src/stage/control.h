/*
 * Mail to a stage, of the runtime's and of users'.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_CONTROL_H
#define WEIR__STAGE_CONTROL_H

#include "stage/stage.h"

/* ---- control.c ---------------------------------------------------------------- */

/* Handles one mail to this stage. */
void weir__stage_mail(weir_stage *stage, struct weir__mail *mail);

/* Events that were sent, and whose both ends are gone: counted, and logged.  consumer: {0}: any
 * of them could have taken them. */
void weir__host_lost(struct weir__host *host, uint64_t count, weir_ref producer, weir_ref consumer);

/* Mail to a stage that is gone: answered or dropped, on the worker it came to. */
void weir__mail_bounce(struct weir__host *host, struct weir__mail *mail);

/* ---- inbox.c ------------------------------------------------------------------ */

/* Handles a message of a user's (any of weir__message). */
void weir__stage_message(weir_stage *stage, struct weir__message *message);

/* The stage is told to stop. */
void weir__stage_stop(weir_stage *stage, weir_reason reason);

/* A message to a stage that is gone: who waits for an answer is told. */
void weir__message_bounce(struct weir__host *host, struct weir__message *message);

/* The stage ends: its timers go with it. */
void weir__stage_drop_timers(weir_stage *stage);

/* Arms a timer, on the stage's worker / cancels it: false when it is not armed. */
void weir__stage_arm(weir_stage *stage, struct weir__message *message);
bool weir__stage_disarm(weir_stage *stage, uint64_t id);

#endif
