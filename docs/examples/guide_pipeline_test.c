/*
 * A pipeline under test: simulated, with virtual time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* The service answers at the third try. */
static weir_outcome ask_service(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    if (message->data.count == 0) {
        return WEIR_MESSAGE_SKIP;
    }
    return message->tries < 2 ? WEIR_MESSAGE_FAILED : WEIR_MESSAGE_OK;
}

static weir_outcome store(void *context, weir_message *messages, size_t count,
                          const weir_batch_info *batch) {
    (void)context;
    printf("%s: %zu, the first is %.*s\n", batch->batcher, count, (int)messages[0].data.count,
           messages[0].data.at);
    return WEIR_MESSAGE_OK;
}

int main(void) {
    const weir_pipeline_batcher batcher = {.name = "store", .handle_batch = store};
    const weir_pipeline_options options = {
        .processors = {.count = 2, .handle_message = ask_service},
        .batchers = &batcher,
        .batcher_count = 1,
        .retry = {.tries = 3, .delay = {.first_ns = 60000000000}}};
    const weir_message messages[] = {{.data = {.at = "apple", .count = 5}},
                                     {.data = {.at = "", .count = 0}}};
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_outcome outcomes[2];
    weir_must(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED}, &runtime));
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_pipeline_test(pipeline, messages, 2, WEIR_BATCH_FLUSH, WEIR_FOREVER, outcomes));
    printf("apple: %s, nothing: %s, after %llu s\n",
           outcomes[0] == WEIR_MESSAGE_OK ? "OK" : "not OK",
           outcomes[1] == WEIR_MESSAGE_SKIP ? "SKIP" : "not SKIP",
           (unsigned long long)(weir_runtime_now(runtime) / 1000000000));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
}
