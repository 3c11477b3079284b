/*
 * A worker whose work is to wait: each message of a NATS stream takes so many microseconds, one
 * after the other.  It says how many each time that some are through, until SIGTERM.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     napper URL STREAM CONSUMER MICROSECONDS
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/nats.h>
#include <weir/weir.h>

static weir_outcome nap(void *context, weir_work *work, weir_message *message) {
    (void)work, (void)message;
    usleep(*(useconds_t *)context);
    return WEIR_MESSAGE_OK;
}

static void tell(void *context, const weir_telemetry *telemetry) {
    (void)context;
    printf("%zu\n", telemetry->count);
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "napper URL STREAM CONSUMER MICROSECONDS\n"), 2;
    useconds_t pause = (useconds_t)strtoul(arguments[4], NULL, 10);
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    const weir_nats_source_options options = {
        .server = {.url = arguments[1]}, .stream = arguments[2], .consumer = arguments[3]};
    weir_nats_source *source;
    weir_must(weir_nats_source_open(&options, &source));
    weir_runtime *runtime;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime));
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(
        runtime,
        &(weir_pipeline_options){
            .context = &pause,
            .source = weir_nats_source_driver(source),
            .source_contexts = (void *[]){source},
            .source_count = 1,
            .max_outstanding = 50,
            .processors = {.count = 1, .max_demand = 20, .handle_message = nap},
            .observe = tell},
        &pipeline));
    int signal;
    sigwait(&ends, &signal);
    weir_must(weir_pipeline_close(pipeline, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    weir_nats_source_close(source);
}
