/*
 * Calls of a service that allows so many a second, by threads that wait for it, tried again.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     jobs ──► 24 threads that call ──► acknowledged, or dead
 *
 * At most 1000 calls a second, tries included, and 10 at once; after half of them three times as
 * many.  A call that fails is made again, up to 5 times, after some 20 ms, 40 ms, and so on.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { JOBS = 300, THREADS = 24, TRIES = 5 };

static weir_rate *rate;
static atomic_uint calls;

static weir_pulled next_jobs(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                             uint64_t timeout_ns) {
    unsigned *next = context;
    (void)bytes, (void)timeout_ns;
    for (; events > 0 && *next < JOBS; events--, ++*next) {
        const weir_incoming job = {.data = {.at = (const char *)next, .count = sizeof *next}};
        if (!weir_pull_add(pull, &job)) break;
    }
    return *next < JOBS ? WEIR_PULLED : WEIR_SOURCE_END;
}

static weir_outcome call(void *context, weir_work *work, weir_message *message) {
    unsigned job;
    (void)context, (void)work;
    memcpy(&job, message->data.at, sizeof job);
    if (atomic_fetch_add(&calls, 1) == JOBS / 2)
        weir_must(weir_rate_set(rate, &(weir_rate_options){.allowed = 3000, .burst = 10}));
    nanosleep(&(struct timespec){.tv_nsec = (2 + job * 7 % 6) * 1000000L}, NULL); /* the call */
    const bool fails = job % 100 == 3 || (job * 7 + message->tries) % 10 == 0;
    return !fails                       ? WEIR_MESSAGE_OK
           : message->tries + 1 < TRIES ? WEIR_MESSAGE_FAILED
                                        : WEIR_MESSAGE_DEAD;
}

int main(void) {
    static const weir_source_driver jobs = {.name = "jobs", .pull = next_jobs};
    unsigned next = 0;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_must(weir_rate_open(runtime, &(weir_rate_options){.allowed = 1000, .burst = 10}, &rate));
    weir_pipeline_options options = {.name = "caller", .source = &jobs, .source_count = 1};
    options.source_contexts = (void *[]){&next};
    options.processors =
        (weir_processors){.count = THREADS, .blocking = true, .rate = rate, .handle_message = call};
    options.retry = (weir_tries){.tries = TRIES, .delay = {.first_ns = 20000000, .jitter = 0.25}};
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    weir_must(weir_pipeline_await(pipeline, WEIR_FOREVER));
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_rate_close(rate);
    weir_must(weir_runtime_close(runtime, NULL));
    printf("%llu jobs done, %llu dead; every call counted: %s\n", (unsigned long long)stats.done,
           (unsigned long long)stats.dead, calls == JOBS + stats.retried ? "yes" : "no");
}
