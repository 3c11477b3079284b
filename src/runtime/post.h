/*
 * Posting: sending a user's message to a stage, within that stage's limits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What users send for a stage to handle (calls, casts, infos, timers) is counted, and
 * refused when there is too much of it.  What controls a stage is not: STOP and FINISH
 * need no memory even (ring/mailbox.h), the others need memory and nothing else.
 */
#ifndef WEIR__RUNTIME_POST_H
#define WEIR__RUNTIME_POST_H

#include "runtime/runtime.h"

enum { WEIR__PAYLOAD_LIMIT = 1 << 30 };

/* The stage, of this runtime, if its init is running on this thread, perhaps with another one's
 * within; NULL. */
weir_stage *weir__starting_stage(const weir_runtime *runtime, weir_ref ref);
bool weir__is_starting(const weir_runtime *runtime, weir_ref ref);

/* WEIR_OK, INVALID (runtime is NULL) or NO_STAGE: "WHAT ... names no living stage". */
weir_status weir__check_alive(const weir_runtime *runtime, weir_ref ref, const char *what);

/* This thread may send to a stage that takes nothing from outside any more (ring/mailbox.h:
 * within): it is at work in a stage of the runtime, or a token of that one is out. */
bool weir__is_inside(const weir_runtime *runtime, weir_ref to);

/* WEIR_OK or INVALID, for an argument of that name that is to be copied into a message. */
weir_status weir__check_payload(const void *payload, const char *name, size_t bytes);

/* WEIR_OK, INVALID (runtime is NULL) or CLOSED. */
weir_status weir__check_open(const weir_runtime *runtime);

/*
 * Sends a copy of `head` with its payload to head->mail.to, whose slot must
 * exist.  From a stage's own init, to itself: it waits for the stage's start.
 * FULL: the stage's limit is reached; NO_STAGE, NO_MEMORY.
 */
weir_status weir__post(weir_runtime *runtime, const struct weir__message *head,
                       const void *payload);

/* The same for STOP (with a reason) and FINISH.  false: there is no such stage, and nothing
 * is refused. */
bool weir__tell(weir_runtime *runtime, weir_ref stage, enum weir__mail_kind kind,
                weir_reason reason);

/* Allocates such a copy, counted at its stage; NULL in *out unless WEIR_OK. */
weir_status weir__make_message(weir_runtime *runtime, const struct weir__message *head,
                               const void *payload, struct weir__message **out);

/* Sends a mail to mail->to; from that stage's own init it waits for its start. */
void weir__send(weir_runtime *runtime, struct weir__mail *mail);

/* Sends what was made, as weir__post does / frees it. */
void weir__send_message(weir_runtime *runtime, struct weir__message *message);
void weir__drop_message(weir_runtime *runtime, struct weir__message *message);

/* The stage whose callback (not init) is running on this thread, if it is that one. */
weir_stage *weir__running_stage(const weir_runtime *runtime, weir_ref ref);

#endif
