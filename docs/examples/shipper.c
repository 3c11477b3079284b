/*
 * Ships what a NATS stream has to a file, each message in a line, until SIGTERM or SIGINT.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message is acknowledged once its line is on the disk.  As many of these as you like share a
 * consumer, on as many machines; each that has a subject of its own keeps the order within it.
 *     shipper URL STREAM CONSUMER SUBJECT FILE
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/nats.h>
#include <weir/weir.h>

static weir_outcome store(void *file, weir_message *messages, size_t count,
                          const weir_batch_info *batch) {
    (void)batch;
    for (const weir_message *next = messages; next < messages + count; next++)
        fprintf(file, "%u %.*s\n", next->deliveries, (int)next->data.count, next->data.at);
    return fflush(file) == 0 && fdatasync(fileno(file)) == 0 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_NAK;
}

int main(int count, char **arguments) {
    if (count != 6) return fprintf(stderr, "shipper URL STREAM CONSUMER SUBJECT FILE\n"), 2;
    FILE *file = fopen(arguments[5], "a");
    if (file == NULL) return perror(arguments[5]), 1;
    weir_status status;
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
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_pipeline_batcher lines = {
        .name = "lines", .size = 500, .timeout_ns = 50000000, .handle_batch = store};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime,
                                 &(weir_pipeline_options){.context = file,
                                                          .source = weir_nats_source_driver(source),
                                                          .source_contexts = (void *[]){source},
                                                          .source_count = 1,
                                                          .processors = {.count = 1},
                                                          .batchers = &lines,
                                                          .batcher_count = 1},
                                 &pipeline));
    while ((status = weir_pipeline_await(pipeline, 0)) == WEIR_TIMEOUT &&
           sigtimedwait(&ends, NULL, &(struct timespec){1, 0}) < 0) {}
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    weir_nats_source_close(source);
    return fclose(file) != 0 || status == WEIR_NO_STAGE; /* its source is broken */
}
