/*
 * The inbox: what a stage does with the messages that users send, and its timers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message is the sender's until it is on the worker's stack, and the stage's
 * from then on: used up once its callback has returned, unless it waits: an info
 * behind the buffer, a timer for its moment.
 */
#include "base/check.h"
#include "base/refusal.h"
#include "stage/control.h"
#include "stage/ending.h"
#include "stage/limit.h"
#include "stage/subscription.h"
#include "stage/timed.h"

#include <string.h>

#include <weir/call.h>

static void used_up(weir_stage *stage, struct weir__message *message) {
    stage->host->used_up(stage->host, message);
}

/* ---- asking and cancelling from elsewhere -------------------------------- */

static void ask_by_message(weir_stage *stage, const struct weir__message *message) {
    struct weir__edge *edge = weir__stage_find(stage, message->subscription);
    if (edge != NULL) {
        weir__subscription_ask_by_hand(stage, edge, message->count);
    }
}

/* Both ends are told: the producer acts at once, unless it has not heard of it yet; what
 * the consumer then asks of it comes before whatever the consumer subscribes to next. */
static void cancel(weir_stage *stage, const struct weir__message *message) {
    struct weir__edge *sends = weir__stage_find_consumer(stage, message->subscription);
    struct weir__edge *takes = weir__stage_find(stage, message->subscription);
    if (sends != NULL) {
        weir__subscription_end(stage, sends, message->reason);
    } else if (takes != NULL) {
        weir__subscription_cancel(takes, message->reason);
    }
}

/* ---- callbacks ----------------------------------------------------------- */

typedef weir_verdict callback(weir_stage *stage, const void *message, size_t bytes);

/* Of a late reminder nothing comes that would not have been told without it. */
static bool is_late(const struct weir__message *message) {
    return message->mail.kind == WEIR__MAIL_INFO_DUE && message->armed.late;
}

static void call(weir_stage *stage, callback *function, const char *name,
                 struct weir__message *message) {
    /* an event's payload lies behind it */
    size_t bytes = message->type != NULL ? message->type->bytes : (size_t)message->count;
    if (function == NULL) {
        message->fate = WEIR_DISCARD_UNWANTED;
        weir__host_log(stage->host, WEIR_LOG_WARNING,
                       "stage %s has no %s: a message of %zu bytes was dropped", stage->name, name,
                       bytes);
        return;
    }
    if (!is_late(message)) {
        weir__stage_came(stage);
    }
    stage->telling_end = message->reminds;
    stage->meter.tally.messages++;
    weir__stage_enter(stage);
    stage->host->message = message;
    uint64_t began_ns = weir__stage_clock(stage);
    weir_verdict verdict = function(stage, message->payload, bytes);
    if (WEIR__METERED && WEIR__UNLIKELY(began_ns != 0)) {
        weir__meter_took(stage, began_ns);
    }
    stage->host->message = NULL;
    weir__stage_leave(stage, name, verdict);
    stage->telling_end = false;
    message->fate = weir__stage_fate(stage, verdict);
}

static void request(weir_stage *stage, const struct weir__message *message) {
    if (stage->on.handle_call == NULL) {
        weir__caller_answer(stage->host->calls, message->from, WEIR_UNHANDLED, NULL, 0);
        return;
    }
    weir__stage_came(stage);
    stage->meter.tally.calls++;
    weir__stage_enter(stage);
    weir__stage_leave(
        stage, "handle_call",
        stage->on.handle_call(stage, message->from, message->payload, (size_t)message->count));
}

/* An info goes behind what waits: the input queue, then the buffer. */
static void info(weir_stage *stage, struct weir__message *message) {
    if (stage->kind == WEIR_CONSUMER) {
        weir__stage_info_due(stage, message);
        return;
    }
    if (!weir__queue_empty(&stage->inq)) {
        struct weir__item mark = {.mark = message, .flags = WEIR__MARK, .kind = WEIR__MARK_INFO};
        if (weir__queue_push(&stage->inq, mark)) {
            return;
        }
    } else if (weir__limit_store_info(stage, message)) {
        return;
    }
    weir__stage_supply_info(stage, message);
}

void weir__stage_stop(weir_stage *stage, weir_reason reason) {
    if (WEIR__PART(stage, supply) != NULL && stage->ready->watched && !stage->stopping) {
        stage->part->look(
            stage); /* what was pushed before the stop goes first, as far as it is wanted */
        if (stage->stopping) {
            return; /* it has ended by itself */
        }
    }
    if (WEIR__PART(stage, stop_asked) == NULL || !stage->part->stop_asked(stage, reason)) {
        stage->stopping = true;
        stage->reason = reason;
    }
}

/* True when the message is used up. */
static bool handle_message(weir_stage *stage, struct weir__message *message) {
    switch (message->mail.kind) {
    case WEIR__MAIL_CALL:
        request(stage, message);
        return true;
    case WEIR__MAIL_CAST:
        call(stage, stage->on.handle_cast, "handle_cast", message);
        return true;
    case WEIR__MAIL_INFO_DUE:
        call(stage, stage->on.handle_info, "handle_info", message);
        return true;
    case WEIR__MAIL_ASK:
        ask_by_message(stage, message);
        return true;
    case WEIR__MAIL_CANCEL:
        cancel(stage, message);
        return true;
    case WEIR__MAIL_MODE:
        weir__stage_set_mode(stage, message->mode);
        return true;
    case WEIR__MAIL_QUERY:
        message->query.function(stage, message->from,
                                message->count > 0 ? (uintptr_t)message->payload
                                                   : message->query.argument);
        return true;
    case WEIR__MAIL_TIMER:
        weir__stage_arm(stage, message);
        return false;
    case WEIR__MAIL_TIMER_CANCEL:
        weir__stage_disarm(stage, message->count);
        return true;
    default:
        WEIR__CHECK(message->mail.kind == WEIR__MAIL_INFO);
        info(stage, message);
        return false;
    }
}

void weir__stage_message(weir_stage *stage, struct weir__message *message) {
    if (handle_message(stage, message)) {
        used_up(stage, message);
    }
}

void weir__message_bounce(struct weir__host *host, struct weir__message *message) {
    if (message->from.bits != 0) {
        weir__caller_answer(host->calls, message->from, WEIR_NO_STAGE, NULL, 0);
    }
    host->used_up(host, message);
}

/* ---- timers -------------------------------------------------------------- */

/* Those that need not come, and those that come early, are known by number. */
static void count_timer(weir_stage *stage, const struct weir__message *message, int change) {
    size_t *counted = message->armed.late   ? &stage->late_timers
                      : message->count == 0 ? &stage->reminders
                                            : NULL;
    if (counted != NULL) {
        *counted += (size_t)change;
    }
}

static void timer_due(struct weir__timer *timer) {
    struct weir__message *message = WEIR__CONTAINER_OF(timer, struct weir__message, armed.timer);
    weir_stage *stage = message->armed.stage;
    weir__index_remove(&stage->timers, &message->armed.node);
    weir__timers_remove(&stage->host->timers, timer);
    count_timer(stage, message, -1);
    weir__stage_info_due(stage, message);
}

void weir__stage_arm(weir_stage *stage, struct weir__message *message) {
    struct weir__armed *armed = &message->armed;
    uint64_t due = armed->timer.due_ns;
    armed->stage = stage;
    bool never = due > UINT64_MAX / 2; /* beyond the end of time */
    armed->late = never || (stage->telling_end && message->count == 0);
    message->reminds = stage->telling_end;
    count_timer(stage, message, 1);
    if (!stage->telling_end) {
        weir__stage_came(stage); /* a reminder is brought forward again */
    }
    armed->timer.fire = timer_due;
    weir__index_add(&stage->timers, &armed->node, armed->node.number);
    weir__timers_add(&stage->host->timers, &armed->timer, due);
}

/* It is in the stage's index no more. */
static void drop_timer(void *context, struct weir__index_node *node) {
    weir_stage *stage = context;
    struct weir__message *message = WEIR__CONTAINER_OF(node, struct weir__message, armed.node);
    weir__timers_remove(&stage->host->timers, &message->armed.timer);
    count_timer(stage, message, -1);
    used_up(stage, message);
}

bool weir__stage_disarm(weir_stage *stage, uint64_t id) {
    struct weir__index_node *node = weir__index_find(&stage->timers, id);
    if (node == NULL) {
        return false;
    }
    weir__index_remove(&stage->timers, node);
    drop_timer(stage, node);
    return true;
}

void weir__stage_drop_timers(weir_stage *stage) {
    weir__index_empty(&stage->timers, drop_timer, stage);
}

/* ---- answers that wait for the callback's end ---------------------------- */

struct weir__reply {
    struct weir__reply *next;
    weir_from from;
    size_t bytes;
    unsigned char answer[];
};

weir_status weir_reply_after(weir_stage *self, weir_from from, const void *answer, size_t bytes) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    if (answer == NULL && bytes > 0) {
        return weir__refuse(WEIR_INVALID, "answer must not be NULL when bytes is %zu", bytes);
    }
    struct weir__reply *reply =
        bytes > SIZE_MAX / 2 ? NULL : weir__alloc(self->host->allocator, sizeof *reply + bytes, 16);
    if (reply == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for an answer of %zu bytes", bytes);
    }
    reply->next = NULL;
    reply->from = from;
    reply->bytes = bytes;
    if (bytes > 0) {
        memcpy(reply->answer, answer, bytes);
    }
    if (self->replies == NULL) {
        self->replies = reply;
    } else {
        self->last_reply->next = reply;
    }
    self->last_reply = reply;
    return WEIR_OK;
}

void weir__stage_send_replies(weir_stage *stage) {
    while (stage->replies != NULL) {
        struct weir__reply *reply = stage->replies;
        stage->replies = reply->next;
        weir__caller_answer(stage->host->calls, reply->from, WEIR_OK, reply->answer, reply->bytes);
        weir__free(stage->host->allocator, reply, sizeof *reply + reply->bytes);
    }
}
