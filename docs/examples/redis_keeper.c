/*
 * Keeps what a Redis stream has in a file, each entry in a line, until SIGTERM or SIGINT.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An entry is acknowledged once its line is on the disk; before the line stands how often the entry
 * was delivered before.  Who is killed and begins again under the same CONSUMER has at once what it
 * had not acknowledged, before all else; so whoever has a stream of its own keeps the order.
 *     redis_keeper ADDRESS STREAM GROUP CONSUMER FILE
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/redis.h>
#include <weir/weir.h>

static weir_outcome mark(void *context, weir_work *work, weir_message *message) {
    const weir_bytes data = message->data;
    char text[16];
    const size_t digits = (size_t)snprintf(text, sizeof text, "%u ", message->deliveries);
    char *line = weir_work_room(work, digits + data.count);
    if (line != NULL) memcpy(line, text, digits), memcpy(line + digits, data.at, data.count);
    return (void)context, line != NULL ? WEIR_MESSAGE_OK : WEIR_MESSAGE_RETRY;
}

int main(int count, char **arguments) {
    if (count != 6) return fprintf(stderr, "redis_keeper ADDRESS STREAM GROUP CONSUMER FILE\n"), 2;
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    const weir_redis_source_options from = {.server = {.address = arguments[1]},
                                            .stream = arguments[2],
                                            .group = arguments[3],
                                            .consumer = arguments[4]};
    weir_redis_source *source;
    weir_must(weir_redis_source_open(&from, &source));
    weir_file_sink *file;
    weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = arguments[5]}, &file));
    const weir_pipeline_batcher lines = {.name = "lines",
                                         .size = 500,
                                         .timeout_ns = 50000000,
                                         .sink = weir_file_sink_table(file),
                                         .sink_contexts = (void *[]){file},
                                         .retry = {.in_order = true}};
    const weir_pipeline_options options = {.source = weir_redis_source_driver(source),
                                           .source_contexts = (void *[]){source},
                                           .source_count = 1,
                                           .processors = {.count = 1, .handle_message = mark},
                                           .batchers = &lines,
                                           .batcher_count = 1};
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    const struct timespec second = {.tv_sec = 1};
    while (weir_pipeline_await(pipeline, 0) == WEIR_TIMEOUT &&
           sigtimedwait(&ends, NULL, &second) < 0) {}
    weir_pipeline_stats stats;
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_must(weir_runtime_close(runtime, NULL));
    weir_redis_source_close(source);
    weir_file_sink_close(file);
    return stats.broken > 0;
}
