/*
 * Enders: who wants to know when a stage ends, and who does not any more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread whose patience is over (weir_wait) leaves its message behind.  Those are swept as
 * others come: whenever twice as many lie here as a sweep has left, so at a constant cost for
 * each.  A thread waits in one call at a time: at most twice as many lie here as may call.
 */
#include "stage/ending.h"

enum { AWAITERS_SWEEP_FIRST = 16 };

static bool is_abandoned(const weir_stage *stage, const struct weir__message *message) {
    return message->from.bits != 0 && !weir__caller_waits(stage->host->calls, message->from);
}

static struct weir__message *message_of(struct weir__mail *mail) {
    return mail == NULL ? NULL : weir__message_of(mail);
}

static void sweep(weir_stage *stage) {
    struct weir__mail_list stay = {0};
    struct weir__message *next;
    stage->awaiters = 0;
    for (struct weir__message *message = stage->enders; message != NULL; message = next) {
        next = message_of(message->mail.next);
        if (is_abandoned(stage, message)) {
            stage->host->used_up(stage->host, message);
            continue;
        }
        stage->awaiters += message->from.bits != 0 ? 1 : 0;
        weir__mail_list_push(&stay, &message->mail);
    }
    stage->enders = message_of(stay.first);
    stage->sweep_at =
        stage->awaiters < AWAITERS_SWEEP_FIRST / 2 ? AWAITERS_SWEEP_FIRST : 2 * stage->awaiters;
}

static void add_ender(weir_stage *stage, struct weir__message *message) {
    message->mail.next = stage->enders == NULL ? NULL : &stage->enders->mail;
    stage->enders = message;
}

void weir__stage_hear_of_end(weir_stage *stage, struct weir__message *message) {
    if (message->from.bits != 0 && stage->awaiters >= stage->sweep_at) {
        sweep(stage);
    }
    stage->awaiters += message->from.bits != 0 ? 1 : 0;
    add_ender(stage, message);
}

void weir__stage_tell_ender(struct weir__host *host, weir_ref stage, weir_reason reason,
                            struct weir__message *message) {
    if (message->from.bits != 0) {
        weir__caller_answer(host->calls, message->from, WEIR_OK, &reason, sizeof reason);
    } else {
        message->ender.ended(message->ender.context, stage, reason);
    }
    host->used_up(host, message);
}

void weir__stage_tell_enders(weir_stage *stage) {
    while (stage->enders != NULL) {
        struct weir__message *message = stage->enders;
        stage->enders = message->mail.next == NULL ? NULL : weir__message_of(message->mail.next);
        weir__stage_tell_ender(stage->host, stage->ref, stage->reason, message);
    }
}
