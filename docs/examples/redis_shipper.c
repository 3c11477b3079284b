/*
 * Ships what a Redis stream has to another one, until SIGTERM or SIGINT.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An entry is acknowledged once the other server has answered that it has it; what is delivered for
 * the fifth time goes to the stream TO.dead.  As many of these as you like share a group.
 *     redis_shipper ADDRESS FROM GROUP TO-ADDRESS TO
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <weir/redis.h>
#include <weir/weir.h>

static weir_outcome handle(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    return message->deliveries < 4 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_DEAD;
}

int main(int count, char **arguments) {
    if (count != 6) return fprintf(stderr, "redis_shipper ADDRESS FROM GROUP TO-ADDRESS TO\n"), 2;
    char dead[WEIR_REDIS_NAME_BYTES];
    snprintf(dead, sizeof dead, "%s.dead", arguments[5]);
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    const weir_redis_source_options from = {.server = {.address = arguments[1]},
                                            .stream = arguments[2],
                                            .group = arguments[3],
                                            .headers = true,
                                            .lease_ns = 2000000000};
    weir_redis_source *source;
    weir_must(weir_redis_source_open(&from, &source));
    weir_redis_sink *sinks[2];
    weir_pipeline_batcher batchers[2] = {{.name = "to"}, {.name = "dead"}};
    for (int i = 0; i < 2; i++) {
        const weir_redis_sink_options to = {.server = {.address = arguments[4]},
                                            .stream = i == 0 ? arguments[5] : dead,
                                            .headers = true};
        weir_must(weir_redis_sink_open(&to, &sinks[i]));
        batchers[i].timeout_ns = 50000000;
        batchers[i].sink = weir_redis_sink_table(sinks[i]);
        batchers[i].sink_contexts = (void *const *)&sinks[i];
    }
    const weir_pipeline_options options = {.source = weir_redis_source_driver(source),
                                           .source_contexts = (void *[]){source},
                                           .source_count = 1,
                                           .processors = {.count = 1, .handle_message = handle},
                                           .batchers = batchers,
                                           .batcher_count = 2,
                                           .dead = "dead"};
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
    weir_redis_sink_close(sinks[0]), weir_redis_sink_close(sinks[1]);
    return stats.broken > 0;
}
