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

/* After a try more; RETRY: it waits. */
static uint8_t fate_of_try(const weir_tries *tries, bool ending, const weir_message *message) {
    if (message->outcome != WEIR_MESSAGE_FAILED && message->outcome != WEIR_MESSAGE_RETRY) {
        return message->outcome;
    }
    if (message->tries < tries->tries) {
        return ending ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_RETRY;
    }
    return message->outcome == WEIR_MESSAGE_RETRY ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_FAILED;
}

/* After handle_failed. */
static uint8_t fate_of_failed(const weir_pipeline *pipeline, bool dead, bool ending,
                              uint8_t outcome) {
    switch (outcome) {
    case WEIR_MESSAGE_OK:
    case WEIR_MESSAGE_SKIP:
        return WEIR_MESSAGE_SKIP;
    case WEIR_MESSAGE_RETRY:
        return ending ? WEIR_MESSAGE_NAK : WEIR_MESSAGE_RETRY;
    case WEIR_MESSAGE_FAILED:
    case WEIR_MESSAGE_DEAD:
        if (dead) {
            return WEIR_MESSAGE_NAK;
        }
        return pipeline->dead_bin != NULL ? WEIR_MESSAGE_DEAD : outcome;
    default:
        return WEIR_MESSAGE_NAK;
    }
}

/* Messages that have failed for good, side by side. */
static void ask_about_failed(weir_pipeline *pipeline, weir_message *messages, size_t count,
                             bool dead, bool ending) {
    if (pipeline->options.handle_failed != NULL) {
        pipeline->options.handle_failed(pipeline->options.context, messages, count);
    }
    for (size_t i = 0; i < count; i++) {
        messages[i].outcome = fate_of_failed(pipeline, dead, ending, messages[i].outcome);
    }
}

void weir__pipeline_judge(weir_pipeline *pipeline, weir_message *messages, size_t count,
                          const weir_tries *tries, bool dead, bool ending) {
    for (size_t i = 0; i < count; i++) {
        messages[i].tries++;
        messages[i].outcome = fate_of_try(tries, ending, &messages[i]);
    }
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        while (i < count && has_failed(&messages[i])) {
            i++;
        }
        if (i > first) {
            ask_about_failed(pipeline, &messages[first], i - first, dead, ending);
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
    message->batcher = (uint16_t)pipeline->dead_bin->number;
    message->tries = 0;
    if (weir_inlet_push(pipeline->dead, message, 1, 0) != WEIR_OK) {
        message->outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_settle(pipeline, message, 1, WEIR_DISCARD_HANDLED);
    }
}
