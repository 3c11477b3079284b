/*
 * What the service does with a request: see pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline.h"

#include "connections.h"

#include <string.h>
#include <unistd.h>

enum { WORKER_THREADS = 3, REQUESTS_WAIT = 100, RESULTS_WAIT = 16, FLUSH_NS = 300000 };

void must(weir_status status, const char *what) {
    if (status != WEIR_OK) {
        give_up("%s: %s: %s", what, weir_status_name(status), weir_refusal());
    }
}

/* ---- workers ----------------------------------------------------------------- */

/* What is pushed for a request that was accepted is not refused. */
static weir_task_result work(void *context, const void *event, weir_task *self) {
    struct pipeline *pipeline = context;
    struct job job = *(const struct job *)event;
    (void)self;
    nap(mix(job.id ^ pipeline->seed) % 120);
    job.worked = 1;
    must(weir_inlet_push(pipeline->results, &job, 1, WEIR_FOREVER), "the push of a result");
    return WEIR_TASK_OK;
}

/* ---- batcher ------------------------------------------------------------------ */

struct batcher {
    struct group group;
    bool reminded; /* it will be */
};

static void flush(weir_stage *self, struct batcher *batcher) {
    if (batcher->group.count > 0) {
        must(weir_emit(self, &batcher->group, 1), "weir_emit");
        memset(&batcher->group, 0, sizeof batcher->group);
    }
}

static weir_verdict batch(weir_stage *self, weir_batch events) {
    struct batcher *batcher = weir_state(self);
    const struct job *job = events.events;
    for (size_t i = 0; i < events.count; i++) {
        batcher->group.jobs[batcher->group.count++] = job[i];
        if (batcher->group.count == GROUP_MOST) {
            flush(self, batcher);
        }
    }
    if (batcher->group.count > 0 && !batcher->reminded) {
        must(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, FLUSH_NS, NULL),
             "weir_send_after");
        batcher->reminded = true;
    }
    return WEIR_CONTINUE;
}

static weir_verdict remind(weir_stage *self, const void *message, size_t bytes) {
    struct batcher *batcher = weir_state(self);
    (void)message, (void)bytes;
    batcher->reminded = false;
    flush(self, batcher);
    return WEIR_CONTINUE;
}

static weir_verdict batch_last(weir_stage *self) {
    flush(self, weir_state(self));
    return WEIR_CONTINUE;
}

/* ---- auditor ------------------------------------------------------------------ */

static weir_verdict hand_out(weir_stage *self, weir_batch events) {
    struct audit *audit = *(struct audit **)weir_state(self);
    const struct group *group = events.events;
    for (size_t i = 0; i < events.count; i++) {
        audit_begin(audit, weir_self(self), &group[i]);
    }
    return WEIR_CONTINUE;
}

static weir_verdict hand_on(weir_stage *self, const void *group, size_t bytes) {
    (void)bytes;
    must(weir_emit(self, group, 1), "weir_emit");
    return WEIR_CONTINUE;
}

/* ---- sink ---------------------------------------------------------------------- */

static weir_verdict answer(weir_stage *self, weir_batch events) {
    int ledger = *(int *)weir_state(self);
    const struct group *group = events.events;
    for (size_t i = 0; i < events.count; i++) {
        for (size_t k = 0; k < group[i].count; k++) {
            const struct job *job = &group[i].jobs[k];
            if (job->worked != 1 ||
                write(ledger, &job->id, sizeof job->id) != (ssize_t)sizeof job->id) {
                give_up("request %llu is not in the ledger", (unsigned long long)job->id);
            }
            connection_answer(job->place, job->id, ANSWER_DONE, true);
        }
    }
    return WEIR_CONTINUE;
}

/* ---- opening -------------------------------------------------------------------- */

static void lost(void *context, uint64_t events, weir_discard cause) {
    (void)context;
    give_up("%llu events were discarded (%d)", (unsigned long long)events, (int)cause);
}

static weir_inlet *open_inlet(weir_runtime *runtime, const char *name, size_t capacity,
                              weir_when_full when_full, weir_ref *stage) {
    weir_inlet *inlet;
    must(weir_inlet_open(runtime,
                         &(weir_inlet_options){.name = name,
                                               .event_bytes = sizeof(struct job),
                                               .capacity = capacity,
                                               .when_full = when_full,
                                               .discarded = lost},
                         &inlet, stage),
         name);
    return inlet;
}

static void open_workers(struct pipeline *pipeline, weir_ref requests, weir_ref *pool) {
    weir_subscribe_to to = {.producer = requests, .options.max_demand = 8};
    must(weir_pool_open(pipeline->runtime,
                        &(weir_pool_options){.name = "workers",
                                             .event_bytes = sizeof(struct job),
                                             .threads = WORKER_THREADS,
                                             .task = work,
                                             .discarded = lost,
                                             .context = pipeline,
                                             .subscribe_to = &to,
                                             .subscribe_count = 1},
                        &pipeline->workers, pool),
         "workers");
}

static weir_ref open_stage(struct pipeline *pipeline, weir_stage_options options, weir_ref from) {
    weir_subscribe_to to = {.producer = from, .options.max_demand = 4};
    weir_ref stage;
    options.event_bytes = options.kind == WEIR_CONSUMER ? 0 : sizeof(struct group);
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    must(weir_stage_start(pipeline->runtime, &options, &stage), options.name);
    return stage;
}

static void open_runtime(struct pipeline *pipeline) {
    static const weir_idle idles[] = {WEIR_IDLE_SPIN_THEN_PARK, WEIR_IDLE_PARK};
    uint64_t drawn = mix(pipeline->seed);
    must(weir_runtime_open(&(weir_runtime_options){.workers = 1 + (unsigned)(drawn % 3),
                                                   .idle = idles[drawn / 3 % 2],
                                                   .unpinned = true},
                           &pipeline->runtime),
         "weir_runtime_open");
}

void pipeline_open(struct pipeline *pipeline, const struct round *round, int ledger) {
    weir_ref requests, results, pool;
    memset(pipeline, 0, sizeof *pipeline);
    pipeline->seed = round->seed;
    pipeline->ledger = ledger;
    pthread_mutex_init(&pipeline->lock, NULL);
    open_runtime(pipeline);
    pipeline->requests =
        open_inlet(pipeline->runtime, "requests", REQUESTS_WAIT, WEIR_REFUSE, &requests);
    pipeline->results =
        open_inlet(pipeline->runtime, "results", RESULTS_WAIT, WEIR_BLOCK, &results);
    pipeline->audit = audit_open(pipeline->runtime, round->seed);
    weir_ref batcher = open_stage(
        pipeline,
        (weir_stage_options){
            .kind = WEIR_PRODUCER_CONSUMER,
            .name = "batcher",
            .state_bytes = sizeof(struct batcher),
            .on = {.handle_events = batch, .handle_info = remind, .handle_end = batch_last}},
        results);
    pipeline->auditor =
        open_stage(pipeline,
                   (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                        .name = "auditor",
                                        .state_bytes = sizeof pipeline->audit,
                                        .state = &pipeline->audit,
                                        .on = {.handle_events = hand_out, .handle_cast = hand_on}},
                   batcher);
    open_stage(pipeline,
               (weir_stage_options){.kind = WEIR_CONSUMER,
                                    .name = "sink",
                                    .state_bytes = sizeof pipeline->ledger,
                                    .state = &pipeline->ledger,
                                    .on.handle_events = answer},
               pipeline->auditor);
    open_workers(pipeline, requests, &pool);
    if (round->declared) {
        must(weir_feeds(pipeline->runtime, pool, results), "weir_feeds");
    }
    must(weir_port_open(pipeline->requests, &pipeline->port), "weir_port_open");
}

/* ---- in use --------------------------------------------------------------------- */

weir_status pipeline_push(struct pipeline *pipeline, uint32_t place, uint64_t id) {
    struct job job = {.id = id, .place = place};
    return weir_port_push(pipeline->port, &job, 1, 0);
}

static void drained(void *context, weir_status status, const weir_drain_report *report) {
    struct pipeline *pipeline = context;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->drained = true;
    pipeline->status = status;
    pipeline->report = *report;
    pthread_mutex_unlock(&pipeline->lock);
}

int pipeline_drain(struct pipeline *pipeline) {
    int fd;
    must(weir_runtime_drain_begin(pipeline->runtime, WEIR_FOREVER, drained, pipeline, &fd),
         "weir_runtime_drain_begin");
    return fd;
}

weir_status pipeline_drained(struct pipeline *pipeline, weir_drain_report *report) {
    pthread_mutex_lock(&pipeline->lock);
    if (!pipeline->drained) {
        give_up("the descriptor says that the drain is over, and it is not");
    }
    weir_status status = pipeline->status;
    *report = pipeline->report;
    pthread_mutex_unlock(&pipeline->lock);
    must(weir_runtime_drain(pipeline->runtime, 0, NULL), "weir_runtime_drain, once it is over");
    return status;
}

void pipeline_close(struct pipeline *pipeline, weir_accounts *accounts) {
    weir_port_close(pipeline->port);
    weir_inlet_close(pipeline->requests);
    must(weir_pool_close(pipeline->workers, NULL), "weir_pool_close");
    weir_inlet_close(pipeline->results);
    audit_close(pipeline->audit);
    must(weir_runtime_close(pipeline->runtime, accounts), "weir_runtime_close");
}
