/*
 * Processors: one message, and those that are tried again.  See processor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/processor.h"

#include "pipeline/work.h"

enum { AT_ONCE = 256 /* that waited and are handled in one callback */ };

static weir_pipeline *pipeline_of(const struct weir__processor *processor) {
    return processor->member->pipeline;
}

/* ---- one message ------------------------------------------------------------ */

void weir__processor_handle(struct weir__processor *processor, weir_stage *self,
                            weir_message *message) {
    weir_pipeline *pipeline = pipeline_of(processor);
    struct weir_work work = {
        .self = self, .processor = processor, .message = message, .made = &processor->made};
    const size_t made = processor->made.count;
    message->outcome = WEIR_MESSAGE_OK;
    message->outcome = weir__work_call(pipeline, &work);
    if (message->outcome <= WEIR_MESSAGE_SKIP) {
        message->tries = 0;
    } else if (processor->made.count > made) { /* it makes them again, if it is tried again */
        weir__made_undo(&processor->made, made);
    }
}

void weir__processor_judge(struct weir__processor *processor, weir_message *messages,
                           size_t count) {
    weir_pipeline *pipeline = pipeline_of(processor);
    const struct weir__trial trial = {.tries = &pipeline->options.retry,
                                      .where = WEIR_ROLE_PROCESSOR,
                                      .ending = weir__processor_gives_back(processor)};
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        while (i < count && messages[i].outcome > WEIR_MESSAGE_SKIP) {
            i++;
        }
        if (i > first) {
            weir__pipeline_judge(pipeline, &messages[first], i - first, &trial);
        }
    }
}

/* ---- what waits --------------------------------------------------------------- */

void weir__processor_give_back(struct weir__processor *processor, weir_discard why) {
    struct weir__retry waiter;
    processor->token_ns = 0;
    while (processor->waiting.count > 0) {
        weir__retries_take(&processor->waiting, &waiter);
        waiter.message.outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_settle(pipeline_of(processor), &waiter.message, 1, why);
    }
}

/* ---- trying again -------------------------------------------------------------------- */

/* Whether the first that waits may be begun now: who tries again takes a token of the rate.  Where
 * there is none the processor has a place in line, and all that wait, wait for that. */
static bool has_token(struct weir__processor *processor, uint64_t now) {
    weir_rate *rate = pipeline_of(processor)->options.processors.rate;
    const struct weir__retries *waiting = &processor->waiting;
    processor->token_ns = 0;
    return rate == NULL || waiting->entries[0].paid ||
           weir__rate_line(rate, &processor->line, waiting->count, now, &processor->token_ns);
}

/* One that waited goes its way; false: in order, it has to wait again. */
static bool try_again(struct weir__processor *processor, weir_stage *self,
                      struct weir__retry *waiter) {
    weir_pipeline *pipeline = pipeline_of(processor);
    weir_message *message = &waiter->message;
    if (message->tries > 0) {
        WEIR__TALLY(pipeline, retried, 1);
    } else {
        WEIR__TALLY(pipeline, begun, 1);
    }
    weir__processor_handle(processor, self, message);
    weir__processor_judge(processor, message, 1);
    if (message->outcome == WEIR_MESSAGE_RETRY) {
        waiter->due_ns = weir__pipeline_due(pipeline, &pipeline->options.retry, message);
        waiter->paid = false;
        weir__retries_again(&processor->waiting, waiter);
        return !processor->waiting.in_order;
    }
    if (weir__pipeline_sends_away(pipeline, message->outcome)) {
        weir__pipeline_bury(pipeline, message);
    } else if (message->outcome != WEIR_MESSAGE_OK || !weir__pipeline_has_batchers(pipeline)) {
        weir__pipeline_settle(pipeline, message, 1, WEIR_DISCARD_HANDLED);
    } else if (weir_emit(self, message, 1) != WEIR_OK) {
        message->outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_settle(pipeline, message, 1, WEIR_DISCARD_NO_MEMORY);
    }
    return true;
}

void weir__processor_try_due(struct weir__processor *processor, weir_stage *self) {
    weir_pipeline *pipeline = pipeline_of(processor);
    const uint64_t start = weir_runtime_now(pipeline->runtime);
    size_t count = 0;
    size_t failed = 0;
    bool on = true;
    for (unsigned looks = 0; on && looks < AT_ONCE; looks++) {
        const uint64_t now = weir_runtime_now(pipeline->runtime);
        if (weir__retries_due(&processor->waiting) > now) {
            break;
        }
        if (!has_token(processor, now)) {
            break;
        }
        struct weir__retry waiter;
        weir__retries_take(&processor->waiting, &waiter);
        on = try_again(processor, self, &waiter);
        count++;
        failed += waiter.message.outcome > WEIR_MESSAGE_SKIP;
    }
    weir__work_send_more(processor, self);
    if (count > 0) {
        weir__pipeline_observed(processor->member, start, count, failed, NULL);
    }
}
