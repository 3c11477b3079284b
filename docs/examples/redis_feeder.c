/*
 * Feeds streams of Redis: numbered messages of several keys, each key's in order, though the server
 * goes and comes back.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     redis_feeder ADDRESS NAME COUNT KEYS [PARTITIONS [RATE]]
 *
 * Message i says "NAME-KEY i", where KEY is i modulo KEYS; its stream is jobs.PARTITION, so that
 * whoever takes one has all of a key, in order.  RATE is messages a second.  The server makes the
 * ids, since several feeders fill a stream: what it had stored, and could not confirm before it was
 * killed, is there twice.
 */
#define _GNU_SOURCE /* usleep */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/redis.h>
#include <weir/weir.h>

static const char usage[] = "redis_feeder ADDRESS NAME COUNT KEYS [PARTITIONS [RATE]]\n";

struct feed {
    const char *name;
    unsigned keys, partitions;
};

static int stream_of(void *context, const weir_message *message, char *stream, size_t room) {
    const struct feed *feed = context;
    const unsigned key = (unsigned)(message->time % feed->keys);
    snprintf(stream, room, "jobs.%u", key % feed->partitions);
    return 0;
}

static void push(weir_pipeline *pipeline, const struct feed *feed, uint64_t number) {
    char text[64];
    const int length = snprintf(text, sizeof text, "%.20s-%" PRIu64 " %" PRIu64, feed->name,
                                number % feed->keys, number);
    const weir_message message = {.data = {text, (uint32_t)length, 0}, .time = number};
    while (weir_pipeline_push(pipeline, &message, 1) == WEIR_FULL) usleep(1000);
}

/* argument `place`, or `usual`. */
static uint64_t number_at(int count, char **arguments, int place, uint64_t usual) {
    return place < count ? strtoull(arguments[place], NULL, 10) : usual;
}

int main(int count, char **arguments) {
    const uint64_t messages = number_at(count, arguments, 3, 0);
    struct feed feed = {.name = arguments[2],
                        .keys = (unsigned)number_at(count, arguments, 4, 0),
                        .partitions = (unsigned)number_at(count, arguments, 5, 1)};
    if (messages == 0 || feed.keys == 0 || feed.partitions == 0) return fputs(usage, stderr), 2;
    const weir_redis_sink_options options = {
        .server = {.address = arguments[1]}, .stream_of = stream_of, .context = &feed};
    weir_redis_sink *sink;
    weir_must(weir_redis_sink_open(&options, &sink));
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_rate *rate;
    weir_must(weir_rate_open(
        runtime,
        &(weir_rate_options){.allowed = number_at(count, arguments, 6, 1000000), .burst = 100},
        &rate));
    const weir_pipeline_batcher streams = {.name = "streams",
                                           .size = 200,
                                           .timeout_ns = 20000000,
                                           .sink = weir_redis_sink_table(sink),
                                           .sink_contexts = (void *[]){sink},
                                           .retry = {.tries = 1000, .in_order = true}};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime,
                                 &(weir_pipeline_options){.processors = {.count = 1, .rate = rate},
                                                          .batchers = &streams,
                                                          .batcher_count = 1,
                                                          .shutdown_ns = 120000000000},
                                 &pipeline));
    for (uint64_t i = 0; i < messages; i++) push(pipeline, &feed, i);
    weir_pipeline_stats stats;
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_rate_close(rate);
    weir_must(weir_runtime_close(runtime, NULL));
    weir_redis_sink_close(sink);
    printf("%s: %" PRIu64 " of %" PRIu64 " stored\n", feed.name, stats.done, messages);
    return stats.done == messages ? 0 : 1;
}
