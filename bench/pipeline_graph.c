/*
 * A pipeline, and the same by hand.  See pipeline_graph.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline_graph.h"

#include "parts.h"

#include <string.h>

enum { PROCESSORS = 4, BATCH = 500, MOST_BYTES = 1024 };

/* ---- the driver, for both --------------------------------------------------------- */

struct flood {
    uint64_t next;
    uint64_t count;
    uint64_t acked;
    size_t bytes;
    double began;
    double ended;
    sem_t told;
    uint64_t sum; /* of what the sink has seen: one thread's, or one worker's */
};

static weir_pulled flood_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                              uint64_t timeout_ns) {
    struct flood *flood = context;
    char text[MOST_BYTES] = {0};
    (void)bytes, (void)timeout_ns;
    if (flood->next == 0) flood->began = race_clock_ns();
    weir_incoming incoming = {.data = {.at = text, .count = (uint32_t)flood->bytes}};
    for (; events > 0 && flood->next < flood->count; events--, flood->next++) {
        memcpy(text, &flood->next, sizeof flood->next);
        incoming.token = flood->next;
        if (!weir_pull_add(pull, &incoming)) break;
    }
    return flood->next < flood->count ? WEIR_PULLED : WEIR_SOURCE_END;
}

static weir_pulled flood_ack(void *context, const weir_ack *acks, size_t count) {
    struct flood *flood = context;
    for (size_t i = 0; i < count; i++) flood->acked += acks[i].outcome == WEIR_MESSAGE_OK;
    if (flood->acked == flood->count) {
        flood->ended = race_clock_ns();
        sem_post(&flood->told);
    }
    return WEIR_PULLED;
}

static const weir_source_driver flood_driver = {
    .name = "flood", .pull = flood_pull, .ack = flood_ack};

static uint64_t number_of(const weir_message *message) {
    uint64_t number;
    memcpy(&number, message->data.at, sizeof number);
    return number;
}

static uint64_t sum_of(const weir_message *messages, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += number_of(&messages[i]);
    return sum;
}

/* ---- the pipeline -------------------------------------------------------------------- */

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    return number_of(message) == UINT64_MAX ? WEIR_MESSAGE_SKIP : WEIR_MESSAGE_OK;
}

static weir_outcome handle_batch(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    struct flood *flood = context;
    (void)batch;
    flood->sum += sum_of(messages, count);
    return WEIR_MESSAGE_OK;
}

/* As many bytes as it had. */
static weir_outcome set_message(void *context, weir_work *work, weir_message *message) {
    (void)context;
    return weir_work_set(work, message->data.at, message->data.count) ? WEIR_MESSAGE_OK
                                                                      : WEIR_MESSAGE_NAK;
}

static void run_pipeline(weir_runtime *runtime, struct flood *flood, enum pipeline_manner manner) {
    const bool timely = manner == PIPELINE_TIMELY;
    const bool blocking = manner == PIPELINE_TASKS || manner == PIPELINE_SETS;
    const weir_pipeline_batcher batcher = {.name = "count",
                                           .size = BATCH,
                                           .timeout_ns = 10000000,
                                           .quick = manner == PIPELINE_QUICK,
                                           .worker = timely ? WEIR_TIMELY_WORKER : WEIR_ANY_WORKER,
                                           .handle_batch = handle_batch};
    const weir_pipeline_options options = {
        .context = flood,
        .source = &flood_driver,
        .source_contexts = (void *[]){flood},
        .source_count = 1,
        .processors = {.count = PROCESSORS,
                       .blocking = blocking,
                       .handle_message = manner == PIPELINE_SETS ? set_message : handle_message},
        .batchers = &batcher,
        .batcher_count = 1};
    weir_pipeline *pipeline;
    part_must(weir_pipeline_open(runtime, &options, &pipeline));
    part_wait(&flood->told);
    part_must(weir_pipeline_close(pipeline, NULL));
}

/* ---- by hand --------------------------------------------------------------------------- */

static weir_verdict look_and_forward(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        messages[i].outcome =
            number_of(&messages[i]) == UINT64_MAX ? WEIR_MESSAGE_SKIP : WEIR_MESSAGE_OK;
    }
    return weir_forward(self);
}

static weir_verdict count_batches(weir_stage *self, weir_batch batch) {
    struct flood *flood = *(struct flood **)weir_state(self);
    const weir_gathered *batches = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        flood->sum += sum_of(batches[i].events, batches[i].count);
    }
    return WEIR_CONTINUE;
}

static uint64_t weigh(void *context, const void *event) {
    const weir_message *message = event;
    (void)context;
    return (uint64_t)message->data.count + message->key.count + message->headers.count;
}

static void subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer, size_t max,
                      size_t min) {
    const weir_subscribe_options options = {.max_demand = max, .min_demand = min};
    part_must(weir_subscribe_wait(runtime, consumer, producer, &options, 10000000000, NULL));
}

static void run_bare(weir_runtime *runtime, struct flood *flood) {
    weir_source *source;
    weir_ref from;
    weir_ref gatherer;
    weir_ref counter;
    const weir_source_options options = {
        .driver = &flood_driver, .context = flood, .demand = WEIR_ACCUMULATE};
    part_must(weir_source_open(runtime, &options, &source, &from));
    const weir_batcher_options batcher = {.event_bytes = sizeof(weir_message),
                                          .type = weir_message_type(),
                                          .size = BATCH,
                                          .timeout_ns = 10000000,
                                          .weight = weigh};
    part_must(weir_batcher_start(runtime, &batcher, &gatherer));
    for (unsigned i = 0; i < PROCESSORS; i++) {
        weir_ref processor;
        const weir_stage_options processor_options = {.kind = WEIR_PRODUCER_CONSUMER,
                                                      .event_bytes = sizeof(weir_message),
                                                      .type = weir_message_type(),
                                                      .worker = WEIR_SPREAD,
                                                      .on = {.handle_events = look_and_forward}};
        part_must(weir_stage_start(runtime, &processor_options, &processor));
        subscribe(runtime, gatherer, processor, 0, 0);
        subscribe(runtime, processor, from, 256, 0);
    }
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .takes_bytes = sizeof(weir_gathered),
                                     .state = &flood,
                                     .state_bytes = sizeof flood,
                                     .on = {.handle_events = count_batches}};
    part_must(weir_stage_start(runtime, &sink, &counter));
    subscribe(runtime, counter, gatherer, 2, 1);
    part_must(weir_demand(runtime, from, WEIR_FORWARD)); /* all is wired, however short the run */
    part_wait(&flood->told);
    part_must(weir_source_close(source));
}

/* ---- a run -------------------------------------------------------------------------------- */

struct race_result pipeline_graph_run(struct pipeline_graph graph, uint64_t count) {
    count = (count + BATCH - 1) / BATCH * BATCH; /* no batch waits for its time */
    struct flood flood = {.count = count, .bytes = graph.bytes};
    weir_runtime *runtime;
    sem_init(&flood.told, 0, 0);
    part_must(weir_runtime_open(&(weir_runtime_options){.workers = graph.workers}, &runtime));
    if (graph.manner == PIPELINE_BARE) {
        run_bare(runtime, &flood);
    } else {
        run_pipeline(runtime, &flood, graph.manner);
    }
    weir_accounts accounts;
    part_must(weir_runtime_close(runtime, &accounts));
    sem_destroy(&flood.told);
    return (struct race_result){.nanoseconds = flood.ended - flood.began,
                                .correct = flood.sum == count * (count - 1) / 2 &&
                                           flood.acked == count &&
                                           accounts.accepted == accounts.taken + accounts.dropped};
}
