/*
 * The guide: what fails is tried again later; a ring of stages, which a drain empties.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     jobs (inlet) ──► worker ──► (done)
 *                      ▲    │ a timer that carries the job
 *                      │    ▼
 *                     retries
 *
 * The worker waits for the retries' end, and they for the worker's, which feeds them: nobody
 * can end first.  A drain sees that nothing goes round any more, and ends both.
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
    const weir_ref *retries = weir_state(self);
    const struct job *jobs = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        struct job job = jobs[i];
        bool done = ++job.tries == job.number;
        say(self, &job, done ? "is done" : "fails");
        if (!done)
            weir_must(weir_send_after(weir_stage_runtime(self), *retries, &job, sizeof job,
                                      100 * MILLISECOND, NULL));
    }
    return WEIR_CONTINUE;
}

/* A timer's message: it is a job's time again. */
static weir_verdict again(weir_stage *self, const void *job, size_t bytes) {
    (void)bytes;
    weir_must(weir_emit(self, job, 1));
    return WEIR_CONTINUE;
}

static weir_verdict no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand; /* the next retry answers it */
    return WEIR_CONTINUE;
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_ref jobs, retries, worker;
    weir_must(weir_inlet_open(runtime, &(weir_inlet_options){.event_bytes = sizeof(struct job)},
                              &inlet, &jobs));
    const weir_stage_options retries_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(struct job),
        .buffer_size = WEIR_INFINITY,
        .on = {.handle_demand = no_demand, .handle_info = again},
    };
    weir_must(weir_stage_start(runtime, &retries_options, &retries));
    weir_subscribe_to both[] = {{.producer = jobs}, {.producer = retries}};
    const weir_stage_options worker_options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(struct job),
        .state = &retries,
        .state_bytes = sizeof retries,
        .subscribe_to = both,
        .subscribe_count = 2,
        .on = {.handle_events = work},
    };
    weir_must(weir_stage_start(runtime, &worker_options, &worker));
    weir_must(weir_feeds(runtime, worker, retries)); /* by timers, so nobody learns it by itself */
    return inlet;
}

int main(void) {
    weir_runtime *runtime;
    weir_drain_report report;
    weir_must(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, &runtime));
    weir_inlet *inlet = start(runtime);
    for (uint64_t number = 1; number <= 3; number++)
        weir_must(weir_inlet_push(inlet, &(struct job){.number = number}, 1, 0));
    weir_status status = weir_runtime_drain(runtime, WEIR_FOREVER, &report);
    printf("%s: %zu stages are left\n", weir_status_name(status), report.stages);
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
