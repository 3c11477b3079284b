/*
 * Work: a running handle_message.  See work.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/work.h"

#include "base/refusal.h"
#include "runtime/runtime.h"

/* Whether there is such a batcher; else it is logged. */
static bool has_place(const weir_pipeline *pipeline, const weir_message *message) {
    const size_t batchers = pipeline->options.batcher_count;
    if (batchers == 0 || message->batcher < batchers) {
        return true;
    }
    weir__pipeline_log(pipeline, WEIR_LOG_ERROR,
                       "%s batcher %u, there are %zu: the message has failed",
                       pipeline->options.processors.handle_message != NULL ? "handle_message chose"
                                                                           : "a message is for",
                       (unsigned)message->batcher, batchers);
    return false;
}

uint8_t weir__work_call(weir_pipeline *pipeline, struct weir_work *work) {
    const weir_processors *options = &pipeline->options.processors;
    weir_message *message = work->message;
    weir_outcome outcome = WEIR_MESSAGE_OK;
    if (options->handle_message != NULL) {
        outcome = options->handle_message(pipeline->options.context, work, message);
    }
    if ((unsigned)outcome >= WEIR_MESSAGE_OUTCOMES) {
        weir__pipeline_log(
            pipeline, WEIR_LOG_ERROR,
            "handle_message returned %d, which is no outcome: the message has failed",
            (int)outcome);
        outcome = WEIR_MESSAGE_FAILED;
    }
    if (outcome == WEIR_MESSAGE_OK && !has_place(pipeline, message)) {
        outcome = WEIR_MESSAGE_FAILED;
    }
    return (uint8_t)outcome;
}

/* ---- what it makes ------------------------------------------------------------ */

static void settle_more(weir_pipeline *pipeline, weir_message *messages, size_t count,
                        weir_outcome outcome, weir_discard why) {
    for (size_t i = 0; i < count; i++) {
        messages[i].outcome = (uint8_t)outcome;
    }
    weir__pipeline_settle(pipeline, messages, count, why);
}

/* Those that have a place are in front; the others have failed.  Returns how many. */
static size_t sort_more(weir_pipeline *pipeline, struct weir__made *made) {
    weir_message *more = made->more;
    size_t sound = 0;
    for (size_t i = 0; i < made->count; i++) {
        more[i].outcome = WEIR_MESSAGE_OK;
        more[i].tries = 0;
        if (has_place(pipeline, &more[i])) {
            weir_message swap = more[sound];
            more[sound++] = more[i];
            more[i] = swap;
        }
    }
    settle_more(pipeline, &more[sound], made->count - sound, WEIR_MESSAGE_FAILED,
                WEIR_DISCARD_HANDLED);
    made->count = 0;
    return sound;
}

/* By the one of the two that there is. */
static void send_more(weir_pipeline *pipeline, struct weir__made *made, weir_stage *self,
                      weir_task *task) {
    const size_t sound = sort_more(pipeline, made);
    if (sound == 0) {
        return;
    }
    if (pipeline->options.batcher_count == 0) {
        settle_more(pipeline, made->more, sound, WEIR_MESSAGE_OK, WEIR_DISCARD_HANDLED);
        return;
    }
    weir_status status =
        self != NULL ? weir_emit(self, made->more, sound) : weir_task_emit(task, made->more, sound);
    if (status != WEIR_OK) {
        settle_more(pipeline, made->more, sound, WEIR_MESSAGE_NAK, WEIR_DISCARD_NO_MEMORY);
    }
}

void weir__work_send_more(struct weir__processor *processor, weir_stage *self) {
    if (WEIR__UNLIKELY(processor->made.count > 0)) {
        send_more(processor->member->pipeline, &processor->made, self, NULL);
    }
}

void weir__work_end_task(struct weir_work *work, weir_task *self, bool well) {
    if (work->made == NULL) {
        return;
    }
    if (well && work->made->count > 0) {
        send_more(work->processor->member->pipeline, work->made, NULL, self);
    } else if (work->made->count > 0) {
        weir__made_undo(work->made, 0); /* it makes them again, if it is tried again */
    }
    weir__made_give(&work->processor->task_made, work->made);
    work->made = NULL;
}

/* ---- for handle_message ------------------------------------------------------- */

/* False, and a refusal: there is no memory for what it makes. */
static bool has_made(weir_work *work) {
    if (weir__missing(work, "work") || weir__pipeline_unfit(work->processor->member->pipeline)) {
        return false;
    }
    if (work->made == NULL) {
        weir_pipeline *pipeline = work->processor->member->pipeline;
        work->made = weir__made_take(&work->processor->task_made, pipeline->allocator,
                                     &pipeline->runtime->loose);
    }
    if (work->made == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for what a task makes");
    }
    return work->made != NULL;
}

static struct weir__giver giver_of(weir_work *work) {
    return (struct weir__giver){.self = work->self, .filling = &work->made->filling};
}

bool weir_work_set(weir_work *work, const void *data, size_t count) {
    return has_made(work) && weir__message_set(giver_of(work), work->message, data, count);
}

char *weir_work_room(weir_work *work, size_t count) {
    return has_made(work) ? weir__message_room(giver_of(work), work->message, count) : NULL;
}

bool weir_work_ack(weir_work *work) {
    return has_made(work) && weir__message_ack(giver_of(work), work->message);
}

weir_message *weir_work_more(weir_work *work) {
    if (!has_made(work)) {
        return NULL;
    }
    weir_message *more = weir__made_more(work->made, work->processor->member->pipeline->allocator);
    if (more == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for one message more");
        return NULL;
    }
    weir_message_more(work->message, more);
    return more;
}
