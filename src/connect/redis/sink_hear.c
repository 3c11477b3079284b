/*
 * The sink's answers: what became of each message of a batch.  See sink.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An answer that says what is wrong with the server, not with the message, is the whole batch's:
 * LOST.
 *
 * An id that the stream has passed may be there already, since the batch was written before.  So it
 * is looked for: who finds it has stored it.
 */
#include "connect/redis/sink.h"

#include <inttypes.h>

struct batch {
    weir_message *messages;
    size_t count;
    size_t passed; /* ids that the stream has passed */
};

/* ---- answers ------------------------------------------------------------------------------- */

/* A message's own fault is an ERR, or its key's type. */
static bool is_own_fault(const struct weir__redis_node *error) {
    return (weir__redis_says(error, "ERR ") && !weir__redis_says(error, "ERR unknown command")) ||
           weir__redis_says(error, "WRONGTYPE");
}

static weir_pulled judge_answer(weir_redis_sink *sink, struct batch *batch, weir_message *message,
                                const struct weir__redis_node *reply) {
    if (reply == NULL) {
        return WEIR_LOST;
    }
    if (!weir__redis_is_error(reply)) {
        return WEIR_PULLED;
    }
    if (!is_own_fault(reply)) {
        weir__redis_refused(&sink->server, "XADD", reply);
        return WEIR_LOST;
    }
    const bool passed = weir__redis_says(reply, "ERR The ID specified in XADD is equal or smaller");
    if (!passed) { /* for who logs that it was not stored */
        weir_refuse(WEIR_INVALID, "redis: XADD: %.*s", (int)reply->count, reply->text);
    }
    weir__redis_refuse(message, WEIR_MESSAGE_FAILED,
                       passed ? WEIR_REDIS_ID_PASSED : WEIR_REDIS_REFUSED);
    batch->passed += passed;
    return WEIR_PULLED;
}

static weir_pulled hear_each(weir_redis_sink *sink, struct batch *batch) {
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < batch->count && sink->link.context != NULL; i++) {
        weir_message *message = &batch->messages[i];
        if (!weir__redis_is_out(message)) {
            const struct weir__redis_node *reply = weir__redis_answer(&sink->link);
            weir_pulled said = judge_answer(sink, batch, message, reply);
            pulled = said != WEIR_PULLED ? said : pulled;
        }
    }
    return pulled;
}

/* OK, QUEUED for each, and the answers as one array; or why there is none. */
static weir_pulled hear_whole(weir_redis_sink *sink, struct batch *batch) {
    weir_pulled pulled = WEIR_PULLED;
    const struct weir__redis_node *reply = weir__redis_answer(&sink->link);
    for (size_t i = 0; i < batch->count && reply != NULL; i++) {
        if (!weir__redis_is_out(&batch->messages[i])) {
            reply = weir__redis_answer(&sink->link);
            if (reply != NULL && weir__redis_is_error(reply)) {
                weir__redis_refused(&sink->server, "XADD", reply);
                pulled = WEIR_LOST;
            }
        }
    }
    reply = reply == NULL ? NULL : weir__redis_answer(&sink->link);
    if (reply == NULL || pulled != WEIR_PULLED) {
        return WEIR_LOST;
    }
    if (weir__redis_is_error(reply)) {
        weir__redis_refused(&sink->server, "EXEC", reply);
        return WEIR_LOST;
    }
    uint32_t place = 0;
    for (size_t i = 0; i < batch->count && pulled == WEIR_PULLED; i++) {
        if (!weir__redis_is_out(&batch->messages[i])) {
            const struct weir__redis_node *answer = weir__redis_item(reply, place++);
            pulled = judge_answer(sink, batch, &batch->messages[i], answer);
        }
    }
    return pulled;
}

static weir_pulled hear_replicas(weir_redis_sink *sink) {
    const struct weir__redis_node *reply = weir__redis_answer(&sink->link);
    if (reply == NULL || weir__redis_is_error(reply)) {
        return reply == NULL ? WEIR_LOST : weir__redis_refused(&sink->server, "WAIT", reply);
    }
    const uint64_t have = weir__redis_number_of(reply);
    if (have < sink->options.replicas) {
        weir_refuse(WEIR_SYSTEM, "redis: %" PRIu64 " of %u replicas have a batch", have,
                    sink->options.replicas);
        return WEIR_LOST;
    }
    return WEIR_PULLED;
}

/* ---- ids that were passed -------------------------------------------------------------------- */

static weir_pulled look_for_one(weir_redis_sink *sink, weir_message *message) {
    struct weir__redis_names names;
    struct weir__redis_commands *commands = &sink->link.commands;
    if (!weir__redis_name_message(sink, message, &names)) {
        return WEIR_PULLED;
    }
    weir__redis_command(commands, 4);
    weir__redis_word(commands, "XRANGE");
    weir__redis_word(commands, names.stream);
    weir__redis_word(commands, names.id);
    weir__redis_word(commands, names.id);
    const struct weir__redis_node *reply = weir__redis_ask(&sink->link, 1);
    if (reply == NULL || weir__redis_is_error(reply)) {
        return reply == NULL ? WEIR_LOST : weir__redis_refused(&sink->server, "XRANGE", reply);
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->count > 0) {
        weir__redis_refuse(message, WEIR_MESSAGE_OK, 0);
    }
    return WEIR_PULLED;
}

static weir_pulled look_for_passed(weir_redis_sink *sink, const struct batch *batch) {
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < batch->count && batch->passed > 0 && pulled == WEIR_PULLED; i++) {
        weir_message *message = &batch->messages[i];
        if (weir__redis_is_out(message) && message->reason == WEIR_REDIS_ID_PASSED) {
            pulled = look_for_one(sink, message);
        }
    }
    return pulled;
}

weir_pulled weir__redis_hear_batch(weir_redis_sink *sink, weir_message *messages, size_t count) {
    struct batch batch = {.messages = messages, .count = count};
    weir_pulled pulled = sink->options.whole ? hear_whole(sink, &batch) : hear_each(sink, &batch);
    if (sink->options.replicas > 0 && sink->link.context != NULL) {
        weir_pulled said = hear_replicas(sink);
        pulled = pulled == WEIR_PULLED ? said : pulled;
    }
    return pulled == WEIR_PULLED ? look_for_passed(sink, &batch) : pulled;
}
