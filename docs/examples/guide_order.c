/*
 * The guide: messages of one batch that stay in order when one of them fails.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <weir/weir.h>

static unsigned calls;

/* The first call fails. */
static bool store(const weir_message *message) {
    printf("%s %.*s\n", calls == 0 ? "not yet:" : "stored: ", (int)message->data.count,
           message->data.at);
    return calls++ > 0;
}

static weir_outcome store_in_order(void *context, weir_message *messages, size_t count,
                                   const weir_batch_info *batch) {
    size_t i = 0;
    (void)context, (void)batch;
    while (i < count && store(&messages[i])) i++;
    while (i < count) messages[i++].outcome = WEIR_MESSAGE_FAILED; /* and all behind it */
    return WEIR_MESSAGE_OK;
}

int main(void) {
    const weir_pipeline_batcher batcher = {.name = "store",
                                           .size = 2,
                                           .handle_batch = store_in_order,
                                           .retry = {.tries = 5, .in_order = true}};
    const weir_pipeline_options options = {
        .processors = {.count = 1}, .batchers = &batcher, .batcher_count = 1};
    const weir_message messages[] = {{.data = {.at = "a", .count = 1}},
                                     {.data = {.at = "b", .count = 1}},
                                     {.data = {.at = "c", .count = 1}},
                                     {.data = {.at = "d", .count = 1}}};
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_outcome outcomes[4];
    weir_must(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED}, &runtime));
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_pipeline_test(pipeline, messages, 4, WEIR_BATCH_BULK, WEIR_FOREVER, outcomes));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
}
