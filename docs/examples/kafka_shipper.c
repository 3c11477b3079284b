/*
 * Ships what one topic of Kafka's has to another, until SIGTERM or SIGINT: empty ones are left out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An offset is committed once all below it is in the other topic, on all its replicas in sync.
 * Several of these share a group, on as many machines as the topic has partitions; a key's
 * messages keep their order.
 *
 *     kafka_shipper BROKERS GROUP FROM TO
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <weir/kafka.h>
#include <weir/weir.h>

static weir_outcome sort_out(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    return message->data.count > 0 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_SKIP;
}

int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "kafka_shipper BROKERS GROUP FROM TO\n"), 2;
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    const weir_kafka_server server = {.brokers = arguments[1]};
    const weir_kafka_source_options from = {.server = server,
                                            .group = arguments[2],
                                            .topics = (const char *[]){arguments[3]},
                                            .topic_count = 1,
                                            .headers = true};
    const weir_kafka_sink_options to = {.server = server, .topic = arguments[4], .headers = true};
    weir_kafka_source *source;
    weir_kafka_sink *sink;
    weir_must(weir_kafka_source_open(&from, &source));
    weir_must(weir_kafka_sink_open(&to, &sink));
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_pipeline_batcher out = {.name = "out",
                                       .size = 1000,
                                       .timeout_ns = 50000000,
                                       .sink = weir_kafka_sink_table(sink),
                                       .sink_contexts = (void *[]){sink}};
    const weir_pipeline_options options = {.source = weir_kafka_source_driver(source),
                                           .source_contexts = (void *[]){source},
                                           .source_count = 1,
                                           .processors = {.count = 1, .handle_message = sort_out},
                                           .batchers = &out,
                                           .batcher_count = 1};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    const struct timespec second = {.tv_sec = 1};
    while (weir_pipeline_await(pipeline, 0) == WEIR_TIMEOUT &&
           sigtimedwait(&ends, NULL, &second) < 0) {}
    weir_pipeline_stats stats;
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_must(weir_runtime_close(runtime, NULL));
    weir_kafka_source_close(source), weir_kafka_sink_close(sink);
    printf("%llu messages\n", (unsigned long long)stats.done);
    return stats.broken > 0;
}
