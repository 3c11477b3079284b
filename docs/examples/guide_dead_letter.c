/*
 * What a dead letter says of how it died.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <weir/weir.h>

enum { STORE, DEAD };

static weir_outcome parse(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    message->reason = 422; /* the program's, if it fails */
    return message->data.at[0] == '?' ? WEIR_MESSAGE_DEAD : WEIR_MESSAGE_OK;
}

static weir_outcome store(void *context, weir_message *messages, size_t count,
                          const weir_batch_info *batch) {
    (void)context, (void)batch;
    for (size_t i = 0; i < count; i++) messages[i].reason = 503;
    return WEIR_MESSAGE_FAILED;
}

static weir_outcome bury(void *context, weir_message *messages, size_t count,
                         const weir_batch_info *batch) {
    (void)context, (void)batch;
    for (size_t i = 0; i < count; i++) {
        const weir_message *letter = &messages[i];
        printf("%.*s: %s in %s, at try %u, for batcher %d, reason %d\n", (int)letter->data.count,
               letter->data.at, letter->failed_as == WEIR_MESSAGE_DEAD ? "DEAD" : "FAILED",
               letter->failed_in == WEIR_ROLE_BATCHES ? "its batch" : "a processor", letter->tries,
               letter->batcher, (int)letter->reason);
    }
    return WEIR_MESSAGE_OK;
}

int main(void) {
    const weir_pipeline_batcher batchers[] = {
        [STORE] = {.name = "store", .size = 2, .handle_batch = store, .retry = {.tries = 3}},
        [DEAD] = {.name = "dead", .handle_batch = bury}};
    const weir_pipeline_options options = {.processors = {.count = 1, .handle_message = parse},
                                           .batchers = batchers,
                                           .batcher_count = 2,
                                           .dead = "dead"};
    const weir_message messages[] = {{.data = {.at = "?", .count = 1}},
                                     {.data = {.at = "apple", .count = 5}}};
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_outcome outcomes[2];
    weir_must(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED}, &runtime));
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_pipeline_test(pipeline, messages, 2, WEIR_BATCH_BULK, WEIR_FOREVER, outcomes));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
}
