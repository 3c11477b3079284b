/*
 * Processors: stages that handle messages one by one.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * When handle_message has said OK of all that came together, as it mostly does, the batch is
 * forwarded as it is.  Else each message goes its own way: those that are OK are emitted in runs,
 * those that are to be tried again are taken and wait here, dead letters are taken and buried, and
 * the others stay in the batch, which settles them by their outcomes.
 *
 * In order: what comes while a message waits is taken, too, and waits behind it.
 *
 * All of a processor belongs to the worker of its stage.  What waits is taken, so it is settled
 * here, whatever the end: as it is finished (NAK), or stopped.
 */
#include "pipeline/processor.h"
#include "pipeline/work.h"
#include "stage/host.h"
#include "stage/keeping.h"

#include <weir/timer.h>

static struct weir__processor *processor_of(weir_stage *self) {
    return *(struct weir__processor **)weir_state(self);
}

/* ---- what waits --------------------------------------------------------------- */

/* At the end of a callback: says what is kept, and has the stage called when the first may go. */
static void set_timer(struct weir__processor *processor, weir_stage *self) {
    weir_runtime *runtime = weir_stage_runtime(self);
    uint64_t due = weir__retries_due(&processor->waiting);
    due = due < processor->token_ns ? processor->token_ns : due;
    weir__stage_keeps(self, processor->waiting.count);
    if (due == processor->timer_due) {
        return;
    }
    if (processor->timer.id != 0) {
        weir_cancel_timer(runtime, processor->timer);
        processor->timer = (weir_timer){0};
    }
    processor->timer_due = due;
    if (due == UINT64_MAX) {
        return;
    }
    uint64_t now = weir_runtime_now(runtime);
    if (weir_send_after(runtime, weir_self(self), NULL, 0, due > now ? due - now : 0,
                        &processor->timer) != WEIR_OK) {
        processor->timer_due = UINT64_MAX;
        weir__processor_give_back(processor, WEIR_DISCARD_NO_MEMORY);
        weir__stage_keeps(self, 0);
    }
}

/* ---- sorting out a batch -------------------------------------------------------- */

/* What stays in the batch is settled with it; false: it could not be taken, so it stays. */
static bool take_one(weir_stage *self, weir_message *messages, size_t at, weir_message *out) {
    if (weir_take(self, at, 1, out) == WEIR_OK) {
        return true;
    }
    messages[at].outcome = WEIR_MESSAGE_NAK;
    return false;
}

static void keep_waiting(struct weir__processor *processor, weir_stage *self,
                         weir_message *messages, size_t at, uint64_t due_ns) {
    weir_message message;
    if (!weir__retries_reserve(&processor->waiting, 1)) {
        messages[at].outcome = WEIR_MESSAGE_NAK;
    } else if (take_one(self, messages, at, &message)) {
        weir__retries_add(&processor->waiting, &message, due_ns, due_ns == 0);
        messages[at].outcome = WEIR_MESSAGE_RETRY; /* for count_left: it is not there any more */
    }
}

/* They go on, in as few runs as there is room for. */
static void send_run(weir_stage *self, weir_message *messages, size_t first, size_t count) {
    while (count > 0) {
        weir_room room = weir_reserve(self, count);
        if (room.events == NULL || weir_take(self, first, room.count, room.events) != WEIR_OK) {
            break;
        }
        weir_commit(self, room.count);
        first += room.count;
        count -= room.count;
    }
    for (size_t i = 0; i < count; i++) {
        messages[first + i].outcome = WEIR_MESSAGE_NAK;
    }
}

/* One of a batch that is neither OK nor settled with it. */
static void send_away(struct weir__processor *processor, weir_stage *self, weir_message *messages,
                      size_t at) {
    weir_pipeline *pipeline = processor->member->pipeline;
    weir_message message;
    if (messages[at].outcome == WEIR_MESSAGE_RETRY) {
        keep_waiting(processor, self, messages, at,
                     weir__pipeline_due(pipeline, &pipeline->options.retry, &messages[at]));
    } else if (take_one(self, messages, at, &message)) {
        weir__pipeline_bury(pipeline, &message);
    }
}

static size_t run_length(const weir_message *messages, size_t from, size_t count) {
    size_t to = from;
    while (to < count && messages[to].outcome == messages[from].outcome) {
        to++;
    }
    return to - from;
}

/* Each of a batch's first `count` goes its way. */
static void sort_out(struct weir__processor *processor, weir_stage *self, weir_message *messages,
                     size_t count) {
    weir_pipeline *pipeline = processor->member->pipeline;
    for (size_t i = 0, run = 0; i < count; i += run) {
        run = run_length(messages, i, count);
        const uint8_t outcome = messages[i].outcome;
        if (outcome == WEIR_MESSAGE_OK && weir__pipeline_has_batchers(pipeline)) {
            send_run(self, messages, i, run);
        } else if (weir__pipeline_sends_away(pipeline, outcome)) {
            for (size_t k = i; k < i + run; k++) {
                send_away(processor, self, messages, k);
            }
        }
    }
}

/* Counts those of a batch that stay in it, which settles them when the callback returns. */
static void count_left(const struct weir__processor *processor, const weir_message *messages,
                       size_t count) {
    weir_pipeline *pipeline = processor->member->pipeline;
    for (size_t i = 0, run = 0; i < count; i += run) {
        run = run_length(messages, i, count);
        const uint8_t outcome = messages[i].outcome;
        if ((outcome != WEIR_MESSAGE_OK || !weir__pipeline_has_batchers(pipeline)) &&
            !weir__pipeline_sends_away(pipeline, outcome)) {
            weir__pipeline_count(pipeline, &messages[i], run);
        }
    }
}

/* ---- a batch ---------------------------------------------------------------------- */

/* Behind what waits; they have been prepared. */
static void queue_up(struct weir__processor *processor, weir_stage *self, weir_message *messages,
                     size_t first, size_t count) {
    for (size_t i = first; i < count; i++) {
        keep_waiting(processor, self, messages, i, 0);
    }
}

/* In order: handles them as far as none has to wait.  Returns how far. */
static size_t handle_in_order(struct weir__processor *processor, weir_stage *self,
                              weir_message *messages, size_t count) {
    size_t done = 0;
    while (done < count) {
        weir__processor_handle(processor, self, &messages[done]);
        weir__processor_judge(processor, &messages[done], 1);
        if (messages[done++].outcome == WEIR_MESSAGE_RETRY) {
            break;
        }
    }
    return done;
}

/* Returns whether all are OK. */
static bool handle_all(struct weir__processor *processor, weir_stage *self, weir_message *messages,
                       size_t count) {
    unsigned worst = 0;
    for (size_t i = 0; i < count; i++) {
        weir__processor_handle(processor, self, &messages[i]);
        worst |= messages[i].outcome;
    }
    if (worst > WEIR_MESSAGE_SKIP) {
        weir__processor_judge(processor, messages, count);
    }
    return worst == WEIR_MESSAGE_OK;
}

static size_t count_failed(const weir_message *messages, size_t count) {
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += messages[i].outcome > WEIR_MESSAGE_SKIP;
    }
    return failed;
}

/* After `done` of a batch's messages were handled: they go their ways. */
static weir_verdict send_off(struct weir__processor *processor, weir_stage *self,
                             weir_message *messages, size_t done, size_t count, bool all_ok) {
    weir_verdict verdict = WEIR_CONTINUE;
    if (all_ok && weir__pipeline_has_batchers(processor->member->pipeline)) {
        verdict = weir_forward(self);
    } else {
        if (!all_ok) {
            sort_out(processor, self, messages, done);
            queue_up(processor, self, messages, done, count);
        }
        count_left(processor, messages, count);
    }
    weir__work_send_more(processor, self);
    set_timer(processor, self);
    return verdict;
}

static weir_verdict handle_batch(struct weir__processor *processor, weir_stage *self,
                                 weir_message *messages, size_t count) {
    weir_pipeline *pipeline = processor->member->pipeline;
    const weir_processors *options = &pipeline->options.processors;
    const bool observed = pipeline->options.observe != NULL;
    const uint64_t start = observed ? weir_runtime_now(pipeline->runtime) : 0;
    if (options->prepare != NULL) {
        options->prepare(pipeline->options.context, messages, count);
    }
    if (processor->waiting.count > 0 && processor->waiting.in_order) {
        queue_up(processor, self, messages, 0, count);
        count_left(processor, messages, count);
        set_timer(processor, self);
        return WEIR_CONTINUE;
    }
    size_t done = count;
    bool all_ok = false;
    if (processor->waiting.in_order) {
        done = handle_in_order(processor, self, messages, count);
        all_ok = done == count && run_length(messages, 0, count) == count &&
                 messages[0].outcome == WEIR_MESSAGE_OK;
    } else {
        all_ok = handle_all(processor, self, messages, count);
    }
    WEIR__TALLY(pipeline, begun, done);
    if (observed) {
        weir__pipeline_observed(processor->member, start, done, count_failed(messages, done), NULL);
    }
    return send_off(processor, self, messages, done, count, all_ok);
}

static weir_verdict processor_events(weir_stage *self, weir_batch batch) {
    struct weir__processor *processor = processor_of(self);
    weir_message *messages = weir_own(self);
    if (messages == NULL) {
        weir__pipeline_log(processor->member->pipeline, WEIR_LOG_ERROR,
                           "%s cannot write to messages that others have: %s",
                           processor->member->name, weir_refusal());
        return weir_stop_with(self, WEIR_REASON_BAD_OPTIONS);
    }
    return handle_batch(processor, self, messages, batch.count);
}

static weir_verdict processor_info(weir_stage *self, const void *message, size_t bytes) {
    struct weir__processor *processor = processor_of(self);
    (void)message;
    if (bytes == 0) {
        processor->timer = (weir_timer){0};
        processor->timer_due = UINT64_MAX;
        if (weir__processor_gives_back(processor)) {
            weir__processor_give_back(processor, WEIR_DISCARD_HANDLED);
        }
        weir__processor_try_due(processor, self);
        set_timer(processor, self);
    }
    return WEIR_CONTINUE;
}

/* A part's: the first that waits may have its token sooner. */
static void processor_rates_set(weir_stage *self) {
    struct weir__processor *processor = processor_of(self);
    if (processor->token_ns > 0) {
        processor->token_ns = 0;
        set_timer(processor, self); /* for now */
    }
}

/* ---- its life -------------------------------------------------------------------------- */

static weir_verdict processor_init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.rates_set = processor_rates_set};
    struct weir__processor *processor = argument;
    weir_pipeline *pipeline = processor->member->pipeline;
    *(struct weir__processor **)weir_state(self) = processor;
    self->part = &calls;
    processor->finishing = false;
    processor->timer = (weir_timer){0};
    processor->timer_due = UINT64_MAX;
    processor->line = (struct weir__reserved){0};
    if (pipeline->dead_bin != NULL) {
        weir_feeds(pipeline->runtime, weir_self(self), pipeline->dead_stage);
    }
    return WEIR_CONTINUE;
}

static weir_verdict processor_finishes(weir_stage *self) {
    struct weir__processor *processor = processor_of(self);
    processor->finishing = true;
    weir__processor_give_back(processor, WEIR_DISCARD_HANDLED);
    set_timer(processor, self);
    return WEIR_CONTINUE;
}

static void processor_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    weir_pipeline *pipeline = processor_of(self)->member->pipeline;
    if (cause != WEIR_DISCARD_UNWANTED) {
        WEIR__TALLY(pipeline, given_back, count);
    }
}

static void processor_terminates(weir_stage *self, weir_reason reason) {
    struct weir__processor *processor = processor_of(self);
    (void)reason;
    weir__processor_give_back(processor, WEIR_DISCARD_STOPPED);
    weir__stage_keeps(self, 0);
}

void weir__processor_stage(struct weir__processor *processor, weir_stage_options *out) {
    const weir_pipeline *pipeline = processor->member->pipeline;
    *out = (weir_stage_options){
        .kind = weir__pipeline_has_batchers(pipeline) ? WEIR_PRODUCER_CONSUMER : WEIR_CONSUMER,
        .name = processor->member->name,
        .takes_bytes = sizeof(weir_message),
        .argument = processor,
        .state_bytes = sizeof processor,
        .worker = pipeline->options.processors.worker,
        .on = {.init = processor_init,
               .handle_events = processor_events,
               .handle_info = processor_info,
               .handle_drain = processor_finishes,
               .handle_end = processor_finishes,
               .discarded = processor_discarded,
               .terminate = processor_terminates},
    };
    if (weir__pipeline_has_batchers(pipeline)) {
        out->event_bytes = sizeof(weir_message);
        out->type = weir_message_type();
    }
}

void weir__processor_free(struct weir__processor *processor) {
    if (processor->member != NULL) {
        weir__retries_close(&processor->waiting);
        weir__made_close(&processor->made, processor->member->pipeline->allocator);
        weir__made_list_close(&processor->task_made, processor->member->pipeline->allocator);
    }
}
