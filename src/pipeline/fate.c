/*
 * Fate: what becomes of messages that are neither OK nor SKIP.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   FAILED, RETRY ── tries left ──► RETRY: waits           (at a drain: NAK)
 *      │ none left
 *      ├─ RETRY ──► NAK
 *      └─ FAILED ─┐
 *   DEAD ─────────┴─► handle_failed ──► OK, SKIP: SKIP     RETRY: waits, once more
 *                                       FAILED, DEAD: DEAD if there are dead letters, else as
 *                                                     it is; of a dead letter NAK
 */
#include "pipeline/pipeline.h"
#include "runtime/runtime.h"

/* Whether it is among those that handle_failed is asked about. */
static bool has_failed(const weir_message *message) {
    return message->outcome == WEIR_MESSAGE_FAILED || message->outcome == WEIR_MESSAGE_DEAD;
}

/* Not a message that handle_message has sent where dead letters go. */
static bool is_dead_letter(const struct weir__trial *trial, const weir_message *message) {
    return trial->dead > 0 && message->failed_as != WEIR_MESSAGE_OK;
}

/* After a try more; RETRY: it waits.  A dead letter's tries are those that made it one. */
static uint8_t fate_of_try(const struct weir__trial *trial, weir_message *message) {
    const uint32_t tried = is_dead_letter(trial, message) ? trial->dead : ++message->tries;
    if (message->outcome != WEIR_MESSAGE_FAILED && message->outcome != WEIR_MESSAGE_RETRY) {
        return message->outcome;
    }
    if (tried < trial->tries->tries) {
        return trial->ending ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_RETRY;
    }
    return message->outcome == WEIR_MESSAGE_RETRY ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_FAILED;
}

/* After handle_failed. */
static uint8_t fate_of_failed(const weir_pipeline *pipeline, const struct weir__trial *trial,
                              uint8_t outcome) {
    switch (outcome) {
    case WEIR_MESSAGE_OK:
    case WEIR_MESSAGE_SKIP:
        return WEIR_MESSAGE_SKIP;
    case WEIR_MESSAGE_RETRY:
        return trial->ending ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_RETRY;
    case WEIR_MESSAGE_FAILED:
    case WEIR_MESSAGE_DEAD:
        if (trial->dead > 0) {
            return WEIR_MESSAGE_NAK;
        }
        return pipeline->dead_bin != NULL ? WEIR_MESSAGE_DEAD : outcome;
    default:
        return WEIR_MESSAGE_NAK;
    }
}

/* It is to be known of dead letters where, and as what, they have failed; of others nothing. */
static void judge_failed(const weir_pipeline *pipeline, const struct weir__trial *trial,
                         weir_message *message) {
    const uint8_t outcome = message->outcome;
    message->outcome = fate_of_failed(pipeline, trial, outcome);
    if (message->outcome == WEIR_MESSAGE_DEAD && pipeline->dead_bin != NULL) {
        message->failed_as = outcome;
    } else if (!is_dead_letter(trial, message)) {
        message->failed_in = 0;
    }
}

/* Messages that have failed for good, side by side. */
static void ask_about_failed(weir_pipeline *pipeline, weir_message *messages, size_t count,
                             const struct weir__trial *trial) {
    for (size_t i = 0; i < count; i++) {
        if (!is_dead_letter(trial, &messages[i])) {
            messages[i].failed_as = WEIR_MESSAGE_OK;
            messages[i].failed_in = (uint8_t)trial->where;
        }
    }
    if (pipeline->options.handle_failed != NULL) {
        pipeline->options.handle_failed(pipeline->options.context, messages, count);
    }
    for (size_t i = 0; i < count; i++) {
        judge_failed(pipeline, trial, &messages[i]);
    }
}

void weir__pipeline_judge(weir_pipeline *pipeline, weir_message *messages, size_t count,
                          const struct weir__trial *trial) {
    for (size_t i = 0; i < count; i++) {
        messages[i].outcome = fate_of_try(trial, &messages[i]);
    }
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        while (i < count && has_failed(&messages[i])) {
            i++;
        }
        if (i > first) {
            ask_about_failed(pipeline, &messages[first], i - first, trial);
        }
    }
}

uint64_t weir__pipeline_due(weir_pipeline *pipeline, const weir_tries *tries,
                            const weir_message *message) {
    uint64_t now = weir_runtime_now(pipeline->runtime);
    uint64_t drawn = weir__fetch_add_u64(&pipeline->draws, 1);
    uint64_t mixed = (drawn + now) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    uint64_t delay = weir_backoff_delay(&tries->delay, message->tries, mixed ^ (mixed >> 32));
    return delay < UINT64_MAX - 1 - now ? now + delay : UINT64_MAX - 1;
}

void weir__pipeline_count(weir_pipeline *pipeline, const weir_message *messages, size_t count) {
    uint64_t of[WEIR_MESSAGE_OUTCOMES] = {0};
    for (size_t i = 0; i < count; i++) {
        of[messages[i].outcome < WEIR_MESSAGE_OUTCOMES ? messages[i].outcome : WEIR_MESSAGE_NAK]++;
    }
    WEIR__TALLY(pipeline, done, of[WEIR_MESSAGE_OK] + of[WEIR_MESSAGE_SKIP]);
    WEIR__TALLY(pipeline, dead, of[WEIR_MESSAGE_DEAD]);
    WEIR__TALLY(pipeline, failed, of[WEIR_MESSAGE_FAILED]);
    WEIR__TALLY(pipeline, given_back, of[WEIR_MESSAGE_RETRY] + of[WEIR_MESSAGE_NAK]);
}

void weir__pipeline_settle(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                           weir_discard why) {
    weir__pipeline_count(pipeline, messages, count);
    weir_message_settle(messages, count, why);
}

void weir__pipeline_bury(weir_pipeline *pipeline, weir_message *message) {
    if (weir_inlet_push(pipeline->dead, message, 1, 0) != WEIR_OK) {
        message->outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_settle(pipeline, message, 1, WEIR_DISCARD_HANDLED);
    }
}
