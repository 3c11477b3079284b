/*
 * Ships what a NATS stream has to a file, each message in a line, until SIGTERM or SIGINT.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message is acknowledged once its line, with its deliveries before it, is on the disk.  As many
 * of these as you like share a consumer; each that has a subject of its own keeps the order in it.
 *     shipper URL STREAM CONSUMER SUBJECT FILE
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/nats.h>
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
    if (count != 6) return fprintf(stderr, "shipper URL STREAM CONSUMER SUBJECT FILE\n"), 2;
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    const weir_nats_source_options options = {.server = {.url = arguments[1]},
                                              .stream = arguments[2],
                                              .consumer = arguments[3],
                                              .filter = arguments[4],
                                              .ack_wait_ns = 5000000000};
    weir_nats_source *source;
    weir_must(weir_nats_source_open(&options, &source));
    weir_file_sink *file;
    weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = arguments[5]}, &file));
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_pipeline_batcher lines = {.name = "lines",
                                         .size = 500,
                                         .timeout_ns = 50000000,
                                         .sink = weir_file_sink_table(file),
                                         .sink_contexts = (void *[]){file}};
    const weir_pipeline_options row = {.source = weir_nats_source_driver(source),
                                       .source_contexts = (void *[]){source},
                                       .source_count = 1,
                                       .processors = {.count = 1, .handle_message = mark},
                                       .batchers = &lines,
                                       .batcher_count = 1};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime, &row, &pipeline));
    while (weir_pipeline_await(pipeline, 0) == WEIR_TIMEOUT &&
           sigtimedwait(&ends, NULL, &(struct timespec){1, 0}) < 0) {}
    weir_pipeline_stats stats;
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_must(weir_runtime_close(runtime, NULL));
    return weir_nats_source_close(source), weir_file_sink_close(file), stats.broken > 0;
}
