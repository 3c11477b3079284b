/*
 * Work: a running handle_message.  See work.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/work.h"

#include "base/refusal.h"

#include <string.h>

/* Whether there is such a batcher; else it is logged. */
static bool has_place(const weir_pipeline *pipeline, const weir_message *message) {
    const size_t batchers = pipeline->options.batcher_count;
    if (batchers == 0 || message->batcher < batchers) {
        return true;
    }
    weir__pipeline_log(pipeline, WEIR_LOG_ERROR,
                       "handle_message chose batcher %u, there are %zu: the message has failed",
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

static bool make_room_for_more(struct weir__processor *processor) {
    if (processor->more_count < processor->more_room) {
        return true;
    }
    const struct weir__allocator *with = processor->member->pipeline->allocator;
    size_t room = processor->more_room == 0 ? 16 : 2 * processor->more_room;
    weir_message *more = weir__alloc(with, room * sizeof *more, 64);
    if (more == NULL) {
        return false;
    }
    if (processor->more_count > 0) {
        memcpy(more, processor->more, processor->more_count * sizeof *more);
    }
    weir__free(with, processor->more, processor->more_room * sizeof *more);
    processor->more = more;
    processor->more_room = room;
    return true;
}

void weir__work_undo(struct weir__processor *processor, size_t from) {
    for (size_t i = from; i < processor->more_count; i++) {
        processor->more[i].outcome = WEIR_MESSAGE_OK; /* its worst is what counts */
    }
    weir_message_settle(&processor->more[from], processor->more_count - from, WEIR_DISCARD_HANDLED);
    processor->more_count = from;
}

static void settle_more(weir_pipeline *pipeline, weir_message *messages, size_t count,
                        weir_outcome outcome, weir_discard why) {
    for (size_t i = 0; i < count; i++) {
        messages[i].outcome = (uint8_t)outcome;
    }
    weir__pipeline_settle(pipeline, messages, count, why);
}

static void send_more(struct weir__processor *processor, weir_stage *self) {
    weir_pipeline *pipeline = processor->member->pipeline;
    weir_message *more = processor->more;
    size_t sound = 0;
    for (size_t i = 0; i < processor->more_count; i++) {
        more[i].outcome = WEIR_MESSAGE_OK;
        more[i].tries = 0;
        if (has_place(pipeline, &more[i])) {
            weir_message swap = more[sound];
            more[sound++] = more[i];
            more[i] = swap;
        }
    }
    settle_more(pipeline, &more[sound], processor->more_count - sound, WEIR_MESSAGE_FAILED,
                WEIR_DISCARD_HANDLED);
    processor->more_count = 0;
    if (sound == 0) {
        return;
    }
    if (pipeline->options.batcher_count == 0) {
        settle_more(pipeline, more, sound, WEIR_MESSAGE_OK, WEIR_DISCARD_HANDLED);
    } else if (weir_emit(self, more, sound) != WEIR_OK) {
        settle_more(pipeline, more, sound, WEIR_MESSAGE_NAK, WEIR_DISCARD_NO_MEMORY);
    }
}

void weir__work_send_more(struct weir__processor *processor, weir_stage *self) {
    if (WEIR__UNLIKELY(processor->more_count > 0)) {
        send_more(processor, self);
    }
}

/* ---- for handle_message ------------------------------------------------------- */

/* False, and a refusal: there is no stage whose memory it could be. */
static bool has_stage(const weir_work *work) {
    if (weir__missing(work, "work")) {
        return false;
    }
    if (work->self == NULL) {
        weir__refuse(WEIR_INVALID, "a blocking processor gives messages no bytes of its own");
    }
    return work->self != NULL;
}

bool weir_work_set(weir_work *work, const void *data, size_t count) {
    return has_stage(work) && weir_message_set(work->self, work->message, data, count);
}

char *weir_work_room(weir_work *work, size_t count) {
    return has_stage(work) ? weir_message_room(work->self, work->message, count) : NULL;
}

bool weir_work_ack(weir_work *work) {
    return has_stage(work) && weir_message_ack(work->self, work->message);
}

weir_message *weir_work_more(weir_work *work) {
    if (!has_stage(work)) {
        return NULL;
    }
    struct weir__processor *processor = work->processor;
    if (!make_room_for_more(processor)) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for one message more");
        return NULL;
    }
    weir_message *more = &processor->more[processor->more_count++];
    weir_message_more(work->message, more);
    return more;
}
