/*
 * The guide: processors that block, and put what they have learnt into their messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

/* A client library's call, which takes its time. */
static int ask_service(const char *who, size_t length, char *answer, size_t room) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return snprintf(answer, room, "%.*s is %zu letters long", (int)length, who, length);
}

static weir_outcome look_up(void *context, weir_work *work, weir_message *message) {
    char answer[128];
    int length = ask_service(message->data.at, message->data.count, answer, sizeof answer);
    (void)context;
    return weir_work_set(work, answer, (size_t)length) ? WEIR_MESSAGE_OK : WEIR_MESSAGE_RETRY;
}

static weir_outcome print(void *context, weir_message *messages, size_t count,
                          const weir_batch_info *batch) {
    (void)context, (void)batch;
    for (size_t i = 0; i < count; i++) {
        printf("%.*s\n", (int)messages[i].data.count, messages[i].data.at);
    }
    return WEIR_MESSAGE_OK;
}

int main(void) {
    const weir_pipeline_batcher batcher = {.name = "print", .handle_batch = print};
    const weir_pipeline_options options = {
        .processors = {.count = 8, .blocking = true, .handle_message = look_up},
        .batchers = &batcher,
        .batcher_count = 1};
    const weir_message message = {.data = {.at = "Aberystwyth", .count = 11}};
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_pipeline_push(pipeline, &message, 1));
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
}
