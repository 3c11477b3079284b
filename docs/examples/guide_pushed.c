/*
 * Pushes whose outcomes are told: a source of the program's own feeds a pipeline.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <weir/weir.h>

static weir_outcome handle(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    return message->data.count > 3 ? WEIR_MESSAGE_FAILED : WEIR_MESSAGE_OK;
}

/* All of a push; on the thread that settled the last of it. */
static void settled(void *context, const weir_ack *acks, size_t count) {
    const char *who = context;
    for (size_t i = 0; i < count; i++) {
        printf("%s's message %u: %s\n", who, (unsigned)acks[i].token,
               acks[i].outcome == WEIR_MESSAGE_OK ? "OK" : "not OK");
    }
}

int main(void) {
    const weir_message messages[] = {{.data = {.at = "abc", .count = 3}},
                                     {.data = {.at = "abcd", .count = 4}}};
    weir_runtime *runtime;
    weir_source *source;
    weir_ref stage;
    weir_pipeline *pipeline;
    weir_must(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_STEPPED}, &runtime));
    weir_must(weir_source_open(runtime, &(weir_source_options){.name = "calls"}, &source, &stage));
    const weir_pipeline_options options = {
        .producers = &stage, .producer_count = 1, .processors = {.handle_message = handle}};
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_source_push(source, messages, 2, 0, settled, "the caller"));
    weir_must(weir_source_drain(source, WEIR_FOREVER, WEIR_FOREVER));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_source_close(source));
    weir_must(weir_runtime_close(runtime, NULL));
}
