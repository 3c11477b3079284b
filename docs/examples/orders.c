/*
 * Orders of two queues are parsed by eight processors, and stored by the hundred.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The same pipeline in Broadway is in docs/broadway.md.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

enum { ORDERS = 500 };

struct order {
    unsigned number;
    unsigned pieces;
};

/* ---- a queue in memory, where one of a hundred is no order ------------------------- */

struct queue {
    unsigned next;
    unsigned acked, naks;
};

static weir_pulled queue_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                              uint64_t timeout_ns) {
    struct queue *queue = context;
    (void)bytes, (void)timeout_ns;
    for (; events > 0 && queue->next < ORDERS; events--, queue->next++) {
        char text[32];
        const int length = snprintf(text, sizeof text, queue->next % 100 == 99 ? "?" : "%u %u",
                                    queue->next, queue->next % 7);
        const weir_incoming incoming = {.data = {.at = text, .count = (uint32_t)length + 1}};
        if (!weir_pull_add(pull, &incoming)) {
            break;
        }
    }
    return queue->next < ORDERS ? WEIR_PULLED : WEIR_SOURCE_END;
}

static weir_pulled queue_ack(void *context, const weir_ack *acks, size_t count) {
    struct queue *queue = context;
    for (size_t i = 0; i < count; i++) {
        *(acks[i].outcome == WEIR_MESSAGE_OK ? &queue->acked : &queue->naks) += 1;
    }
    return WEIR_PULLED;
}

static const weir_source_driver queue_driver = {
    .name = "queue", .pull = queue_pull, .ack = queue_ack};

static bool parse(const weir_message *message, struct order *order) {
    return sscanf(message->data.at, "%u %u", &order->number, &order->pieces) == 2;
}

static atomic_uint stored;

static bool insert_all(const weir_message *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct order *order = (const void *)messages[i].data.at;
        atomic_fetch_add(&stored, order->number < ORDERS);
    }
    return true;
}

/* ---- the pipeline --------------------------------------------------------------------- */

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    struct order order;
    (void)context;
    if (!parse(message, &order)) {
        return WEIR_MESSAGE_FAILED;
    }
    return weir_work_set(work, &order, sizeof order) ? WEIR_MESSAGE_OK : WEIR_MESSAGE_RETRY;
}

static weir_outcome handle_batch(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    (void)context, (void)batch;
    return insert_all(messages, count) ? WEIR_MESSAGE_OK : WEIR_MESSAGE_FAILED;
}

static weir_status start_orders(weir_runtime *runtime, void *const *queues, weir_pipeline **out) {
    const weir_pipeline_batcher store = {.name = "store",
                                         .size = 100,
                                         .timeout_ns = 200000000,
                                         .count = 2,
                                         .handle_batch = handle_batch};
    const weir_pipeline_options options = {
        .name = "orders",
        .source = &queue_driver,
        .source_contexts = queues,
        .source_count = 2,
        .processors = {.count = 8, .max_demand = 50, .handle_message = handle_message},
        .batchers = &store,
        .batcher_count = 1};
    return weir_pipeline_open(runtime, &options, out);
}

int main(void) {
    struct queue queues[2] = {{0}, {0}};
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_must(start_orders(runtime, (void *[]){&queues[0], &queues[1]}, &pipeline));
    weir_must(weir_pipeline_await(pipeline, WEIR_FOREVER));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    printf("%u orders stored, %u acknowledged, %u given back\n", stored,
           queues[0].acked + queues[1].acked, queues[0].naks + queues[1].naks);
}
