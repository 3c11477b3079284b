/*
 * The guide: what fails is tried again later; a ring of stages, which a drain empties.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     jobs (inlet) ──► worker ──► (done)
 *                      ▲    │ what fails
 *                      │    ▼
 *                     retries
 *
 * The worker waits for the retries' end, and they for the worker's: nobody can end first.  A drain
 * sees that nothing goes round any more, and ends both.
 */
#include "guide.h"

enum { MILLISECOND = 1000000 };

struct job {
    uint64_t number;
    uint64_t tries;
};

static void say(weir_stage *self, const struct job *job, const char *what) {
    uint64_t now = weir_runtime_now(weir_stage_runtime(self)) / MILLISECOND;
    printf("%3" PRIu64 " ms: job %" PRIu64 " %s\n", now, job->number, what);
}

/* Job n succeeds at the nth try. */
static weir_verdict work(weir_stage *self, weir_batch batch) {
    const struct job *jobs = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        struct job job = jobs[i];
        bool done = ++job.tries == job.number;
        say(self, &job, done ? "is done" : "fails");
        if (!done) weir_must(weir_emit(self, &job, 1));
    }
    return WEIR_CONTINUE;
}

static unsigned tries_of(void *context, const void *event) {
    (void)context;
    return (unsigned)((const struct job *)event)->tries;
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_subscribe_to jobs = {0};
    weir_subscribe_to failed = {0};
    weir_ref retries;
    weir_must(weir_inlet_open(runtime, &(weir_inlet_options){.event_bytes = sizeof(struct job)},
                              &inlet, &jobs.producer));
    const weir_stage_options worker = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .event_bytes = sizeof(struct job),
        .takes_bytes = sizeof(struct job),
        .subscribe_to = &jobs,
        .subscribe_count = 1,
        .on = {.handle_events = work},
    };
    weir_must(weir_stage_start(runtime, &worker, &failed.producer));
    const weir_retry_options options = {
        .event_bytes = sizeof(struct job),
        .backoff = {.first_ns = 100 * MILLISECOND, .factor = 2},
        .failures = tries_of,
        .at_end = WEIR_RETRY_AT_ONCE,
        .subscribe_to = &failed,
        .subscribe_count = 1,
    };
    weir_must(weir_retry_start(runtime, &options, &retries));
    weir_must(weir_subscribe(runtime, failed.producer, retries, NULL, NULL));
    return inlet;
}

int main(void) {
    weir_runtime *runtime;
    weir_drain_report report;
    weir_must(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, &runtime));
    weir_inlet *inlet = start(runtime);
    for (uint64_t number = 1; number <= 4; number++)
        weir_must(weir_inlet_push(inlet, &(struct job){.number = number}, 1, 0));
    weir_must(weir_runtime_advance(runtime, UINT64_C(500) * MILLISECOND));
    weir_status status = weir_runtime_drain(runtime, WEIR_FOREVER, &report);
    printf("%s: %zu stages are left\n", weir_status_name(status), report.stages);
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
