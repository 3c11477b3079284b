/*
 * Processors that block: pools whose tasks handle a message each.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message is a child of the pool; what its task has handled well it takes, and emits.  One that
 * is to be tried again stays the child's, whose task FAILS, so that its pool begins it again after
 * the delay; without a thread, and when there is a token for it.  Others are asked for in its
 * stead.
 */
#include "pipeline/work.h"

#include "os/lock.h"
#include "parts/task_pool.h"
#include "stage/host.h"

enum { MESSAGES_APART = 1 << 16 }; /* that wait; max_outstanding is the bound, as a rule */

/* It goes on, or is settled with its child. */
static void send_on(weir_pipeline *pipeline, weir_message *message, weir_task *self) {
    if (message->outcome == WEIR_MESSAGE_OK && pipeline->options.batcher_count == 0) {
        WEIR__TALLY(pipeline, done, 1);
        return;
    }
    const bool buried = message->outcome == WEIR_MESSAGE_DEAD && pipeline->dead_bin != NULL;
    weir_message taken;
    if (message->outcome != WEIR_MESSAGE_OK && !buried) {
        weir__pipeline_count(pipeline, message, 1);
    } else if (weir_task_take(self, &taken) != WEIR_OK) {
        message->outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_count(pipeline, message, 1);
    } else if (buried) {
        weir__pipeline_bury(pipeline, &taken);
    } else if (weir_task_emit(self, &taken, 1) != WEIR_OK) {
        taken.outcome = WEIR_MESSAGE_NAK;
        weir__pipeline_settle(pipeline, &taken, 1, WEIR_DISCARD_NO_MEMORY);
    }
}

static weir_task_result handle_one(struct weir__processor *processor, weir_message *message,
                                   weir_task *self) {
    weir_pipeline *pipeline = processor->member->pipeline;
    struct weir_work work = {.processor = processor, .message = message};
    const uint64_t start = weir_runtime_now(pipeline->runtime);
    if (message->tries == 0) {
        WEIR__TALLY(pipeline, begun, 1);
    } else {
        WEIR__TALLY(pipeline, retried, 1);
    }
    message->outcome = WEIR_MESSAGE_OK;
    message->outcome = weir__work_call(pipeline, &work);
    const bool failed = message->outcome > WEIR_MESSAGE_SKIP;
    if (failed) {
        const struct weir__trial trial = {.tries = &pipeline->options.retry,
                                          .where = WEIR_ROLE_PROCESSOR,
                                          .ending = weir__pipeline_draining(pipeline) ||
                                                    weir_ending_here()};
        weir__pipeline_judge(pipeline, message, 1, &trial);
    } else {
        message->tries = 0;
    }
    weir__pipeline_observed(processor->member, start, 1, failed, NULL);
    const bool again = message->outcome == WEIR_MESSAGE_RETRY;
    if (!again) {
        send_on(pipeline, message, self);
    }
    weir__work_end_task(&work, self, !failed);
    return again ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static weir_task_result blocking_task(void *context, const void *event, weir_task *self) {
    struct weir__processor *processor = context;
    weir_message *message = (weir_message *)(uintptr_t)event; /* the child's, and nobody else's */
    if (processor->member->pipeline->options.processors.partition_by == NULL) {
        return handle_one(processor, message, self); /* they are one pool, of several threads */
    }
    weir__lock(&processor->lock);
    weir_task_result result = handle_one(processor, message, self);
    weir__unlock(&processor->lock);
    return result;
}

/* Of one that waits no more.  (Those that no task has seen are discarded.) */
static void blocking_exited(void *context, weir_child child, const void *event,
                            weir_child_exit how) {
    const struct weir__processor *processor = context;
    const weir_message *message = event;
    (void)child;
    if (how != WEIR_CHILD_FINISHED && message->outcome == WEIR_MESSAGE_RETRY) {
        WEIR__TALLY(processor->member->pipeline, given_back, 1);
    }
}

static void blocking_discarded(void *context, uint64_t count, weir_discard cause) {
    const struct weir__processor *processor = context;
    if (cause != WEIR_DISCARD_UNWANTED) {
        WEIR__TALLY(processor->member->pipeline, given_back, count);
    }
}

weir_status weir__blocking_start(struct weir__processor *processor, const weir_pool_emits *emits,
                                 weir_ref *out) {
    weir_pipeline *pipeline = processor->member->pipeline;
    const weir_processors *options = &pipeline->options.processors;
    const struct weir__task_ways ways = {.apart = MESSAGES_APART};
    const weir_pool_options pool = {
        .name = processor->member->name,
        .event_bytes = sizeof(weir_message),
        .threads = options->partition_by != NULL ? 1 : options->count,
        .worker = options->worker,
        .task = blocking_task,
        .exited = blocking_exited,
        .discarded = blocking_discarded,
        .context = processor,
        .restart = WEIR_CHILD_TRANSIENT,
        .max_restarts = WEIR_INFINITY,
        .restart_delay = &pipeline->options.retry.delay,
        .attempts = WEIR_POOL_ATTEMPTS_LIMIT,
        .restart_rate = options->rate,
        .emits = pipeline->options.batcher_count > 0 ? emits : NULL,
    };
    weir_pool *opened;
    weir_status status = weir__task_open_ways(pipeline->runtime, &pool, &ways, &opened, out);
    if (status == WEIR_OK) {
        weir__store_release_ptr(&processor->pool, opened); /* P3 -> P4 */
    }
    return status;
}
