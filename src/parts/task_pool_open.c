/*
 * The worker pool: its options, its opening and its closing.  See task_pool.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/task_pool.h"

#include "base/backoff.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "os/topology.h"
#include "runtime/errand.h"
#include "runtime/options.h"
#include "runtime/rates.h"

#include <stdio.h>
#include <string.h>

uint32_t weir__task_ring_entries = 1024;
uint32_t weir__task_ring_start = 0;

/* ---- options ------------------------------------------------------------- */

static weir_status check_most(const char *option, size_t value, size_t least, size_t most) {
    if (value >= least && value <= most) {
        return WEIR_OK;
    }
    return value < least
               ? weir__refuse(WEIR_INVALID, "%s must be at least %zu, got %zu", option, least,
                              value)
               : weir__refuse(WEIR_INVALID, "%s must be at most %zu, got %zu", option, most, value);
}

static size_t or_default(size_t value, size_t usual) {
    return value == 0 ? usual : value == WEIR_NONE ? 0 : value;
}

static size_t threads_of(const weir_runtime *runtime, size_t wanted) {
    if (runtime->options.mode != WEIR_THREADS) {
        return 0;
    }
    unsigned usual = weir__topology_at_once();
    return or_default(wanted, usual < WEIR_POOL_THREADS_LIMIT ? usual : WEIR_POOL_THREADS_LIMIT);
}

static weir_status check_restart(const weir_pool_options *options) {
    if (options->restart == WEIR_CHILD_PERMANENT) {
        return weir__refuse(WEIR_INVALID,
                            "restart must be WEIR_CHILD_TEMPORARY or WEIR_CHILD_TRANSIENT, got "
                            "WEIR_CHILD_PERMANENT: a child that has done its work would be begun "
                            "again for ever");
    }
    if ((unsigned)options->restart > WEIR_CHILD_PERMANENT) {
        return weir__refuse(WEIR_INVALID,
                            "restart must be WEIR_CHILD_TEMPORARY or WEIR_CHILD_TRANSIENT, got %d",
                            (int)options->restart);
    }
    return WEIR_OK;
}

static weir_status check_again(const weir_pool_options *options) {
    const bool set = options->restart_delay != NULL || options->attempts > 1;
    if (set && options->restart != WEIR_CHILD_TRANSIENT) {
        return weir__refuse(WEIR_INVALID,
                            "%s must not be set where restart is WEIR_CHILD_TEMPORARY: no child is "
                            "begun again",
                            options->attempts > 1 ? "attempts" : "restart_delay");
    }
    weir_status status = options->restart_delay == NULL
                             ? WEIR_OK
                             : weir__backoff_check(options->restart_delay, "restart_delay");
    if (status == WEIR_OK) {
        status = check_most("attempts", options->attempts, 0, WEIR_POOL_ATTEMPTS_LIMIT);
    }
    if (status == WEIR_OK && options->exited != NULL && options->ended != NULL) {
        status = weir__refuse(WEIR_INVALID, "exited or ended must be set, not both");
    }
    return status;
}

static weir_status check_restarts(const weir_pool_options *options) {
    weir_status status = check_restart(options);
    if (status == WEIR_OK && options->max_restarts != WEIR_INFINITY) {
        status = check_most("max_restarts", or_default(options->max_restarts, 1), 0,
                            WEIR_POOL_MAX_RESTARTS_LIMIT);
    }
    if (status == WEIR_OK) {
        status = check_most("max_seconds", or_default(options->max_seconds, 1), 0,
                            WEIR_POOL_MAX_SECONDS_LIMIT);
    }
    return status == WEIR_OK ? check_again(options) : status;
}

/* Where it would be taken for a stage's, or for a pool that emits nothing. */
static weir_status check_emits(const weir_pool_emits *emits) {
    if (emits == NULL) {
        return WEIR_OK;
    }
    if (WEIR__RESERVED_SET(emits, "weir_pool_emits")) {
        return WEIR_INVALID;
    }
    if ((unsigned)emits->order > WEIR_POOL_IN_ORDER) {
        return weir__refuse(WEIR_INVALID,
                            "emits.order must be WEIR_POOL_ANY_ORDER or WEIR_POOL_IN_ORDER, got %d",
                            (int)emits->order);
    }
    return emits->type != NULL
               ? weir__options_type(emits->type)
               : check_most("emits.event_bytes", emits->event_bytes, 1, WEIR_EVENT_BYTES_LIMIT);
}

/* Checks what the stage's own start does not. */
static weir_status check_pool_options(const weir_pool_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_pool_options")) {
        return WEIR_INVALID;
    }
    weir_status status = check_most("event_bytes", options->event_bytes, 1, WEIR_EVENT_BYTES_LIMIT);
    if (status == WEIR_OK && options->task == NULL) {
        status = weir__refuse(WEIR_INVALID, "task must be set");
    }
    if (status == WEIR_OK) {
        status = check_most("threads", or_default(options->threads, 1), 0, WEIR_POOL_THREADS_LIMIT);
    }
    if (status == WEIR_OK) {
        status = check_restarts(options);
    }
    return status == WEIR_OK ? check_emits(options->emits) : status;
}

/* This runtime's workers are to hear of its changes. */
static weir_status join_restart_rate(weir_runtime *runtime, weir_rate *rate) {
    weir_status status = weir__rates_join(runtime, rate);
    return status == WEIR_OK ? WEIR_OK : weir__refuse(status, "restart_%s", weir_refusal());
}

/* What options point at, and what the worker looks at. */
static void fill_rules(weir_pool *pool, const weir_pool_options *options) {
    if (options->emits != NULL) {
        pool->emits = *options->emits;
        weir__results_kind_open(&pool->rules.results, &pool->quay.runtime->allocator,
                                pool->emits.type, pool->emits.event_bytes);
    }
    pool->options.emits = NULL;
    pool->rules.in_order = pool->emits.order == WEIR_POOL_IN_ORDER;
    if (options->restart_delay != NULL) {
        pool->rules.delay = *options->restart_delay;
    }
    pool->options.restart_delay = NULL;
    pool->rules.attempts = options->attempts == 0 ? UINT64_MAX : options->attempts;
}

static void fill_options(weir_pool *pool, const weir_pool_options *options) {
    pool->options = *options;
    if (options->restart_rate != NULL) {
        weir__rate_hold(options->restart_rate);
    }
    pool->options.subscribe_to = NULL;
    pool->options.subscribe_count = 0;
    pool->options.threads = threads_of(pool->quay.runtime, options->threads);
    pool->options.max_restarts =
        or_default(options->max_restarts,
                   options->attempts > 0 ? WEIR_INFINITY : WEIR_POOL_MAX_RESTARTS_DEFAULT);
    pool->options.max_seconds = or_default(options->max_seconds, WEIR_POOL_MAX_SECONDS_DEFAULT);
    if (options->shutdown_ns == 0) {
        pool->options.shutdown_ns = WEIR_POOL_SHUTDOWN_DEFAULT;
    }
    snprintf(pool->name, sizeof pool->name, "%s", options->name != NULL ? options->name : "pool");
    pool->options.name = pool->name;
    fill_rules(pool, options);
    size_t bytes = offsetof(weir_task, event) + options->event_bytes;
    if (options->emits != NULL || options->restart_delay != NULL || options->restart_rate != NULL) {
        pool->rules.more_at = (bytes + 15) / 16 * 16;
        bytes = pool->rules.more_at + sizeof(struct weir__task_more) +
                weir__results_own_bytes(&pool->rules.results);
    }
    pool->task_bytes = (bytes + 63) / 64 * 64;
}

/* ---- opening ------------------------------------------------------------- */

static void free_pool(struct weir__quay *quay) {
    weir_pool *pool = WEIR__CONTAINER_OF(quay, weir_pool, quay);
    const struct weir__allocator *allocator = &quay->runtime->allocator;
    if (pool->options.restart_rate != NULL) {
        weir__rate_release(pool->options.restart_rate);
    }
    weir__iteration_close(pool->iteration, allocator);
    weir__task_free_all(pool);
    weir__index_close(&pool->by_id);
    weir__intensity_close(&pool->intensity, allocator);
    weir__free(allocator, pool->ring_slots, pool->ring_entries * sizeof *pool->ring_slots);
    weir__free(allocator, pool->threads, pool->options.threads * sizeof *pool->threads);
    weir__free(allocator, pool, sizeof *pool);
}

static weir_pool *make_pool(weir_runtime *runtime, const weir_pool_options *options) {
    const struct weir__allocator *allocator = &runtime->allocator;
    weir_pool *pool = weir__alloc_zeroed(allocator, sizeof *pool, 128);
    if (pool == NULL) {
        return NULL;
    }
    static const struct weir__quay_kind kind = {.name = "pool",
                                                .late = "of a pool that had stopped were discarded",
                                                .arrived_late = weir__task_arrived_late,
                                                .nobodys = free_pool};
    weir__quay_open(&pool->quay, &kind, runtime, options->discarded, options->context);
    fill_options(pool, options);
    size_t threads = pool->options.threads;
    bool whole = weir__intensity_open(&pool->intensity, allocator, pool->options.max_restarts,
                                      (uint64_t)pool->options.max_seconds * UINT64_C(1000000000));
    if (threads > 0) {
        pool->ring_entries = weir__task_ring_entries;
        pool->ring_slots =
            weir__alloc_zeroed(allocator, pool->ring_entries * sizeof *pool->ring_slots, 64);
        pool->threads = weir__alloc_zeroed(allocator, threads * sizeof *pool->threads, 64);
        whole = whole && pool->ring_slots != NULL && pool->threads != NULL;
    }
    if (!whole) {
        free_pool(&pool->quay);
        return NULL;
    }
    if (threads > 0) {
        weir__handout_open(&pool->handout, pool->ring_slots, pool->ring_entries,
                           weir__task_ring_start);
    }
    weir__index_open(&pool->by_id, allocator);
    ck_stack_init(&pool->notes);
    ck_stack_init(&pool->hand_free);
    return pool;
}

void weir__task_let_go(weir_pool *pool) {
    if (pool->options.threads > 0) {
        weir__handout_close(&pool->handout);
    }
}

static void join_threads(weir_pool *pool, size_t count) {
    if (count > 0) {
        weir__handout_close(&pool->handout);
    }
    for (size_t i = 0; i < count; i++) {
        weir__hired_join(&pool->threads[i]);
    }
}

static weir_status start_threads(weir_pool *pool) {
    for (size_t i = 0; i < pool->options.threads; i++) {
        char who[64];
        snprintf(who, sizeof who, "thread %zu of %zu", i, pool->options.threads);
        const struct weir__job job = {.kind = WEIR_THREAD_POOL,
                                      .number = (unsigned)i,
                                      .run = weir__task_thread,
                                      .argument = pool};
        weir_status status = weir__hire(pool->quay.runtime, &pool->threads[i], who, &job);
        if (status != WEIR_OK) {
            join_threads(pool, i);
            return status;
        }
    }
    return WEIR_OK;
}

static weir_status start_stage(weir_pool *pool, const weir_pool_options *options) {
    weir_stage_options stage = weir__task_stage(pool);
    stage.name = pool->name;
    stage.registered = options->registered;
    stage.state = &pool;
    stage.state_bytes = sizeof pool;
    stage.worker = options->worker;
    stage.subscribe_to = options->subscribe_to;
    stage.subscribe_count = options->subscribe_count;
    return weir_stage_start(pool->quay.runtime, &stage, &pool->quay.stage);
}

/* Its threads and its stage; nothing is left of it otherwise, but the iteration. */
static weir_status start_pool(weir_pool *pool, const weir_pool_options *options) {
    weir_status status = start_threads(pool);
    if (status == WEIR_OK) {
        status = start_stage(pool, options);
        if (status != WEIR_OK) {
            join_threads(pool, pool->options.threads);
        }
    }
    if (status != WEIR_OK) {
        pool->iteration = NULL;
        free_pool(&pool->quay);
    }
    return status;
}

static weir_status open_pool(weir_runtime *runtime, const weir_pool_options *options,
                             const struct weir__task_ways *ways, struct weir__iteration *iteration,
                             weir_pool **out, weir_ref *stage) {
    weir_status status = check_pool_options(options);
    status = status != WEIR_OK ? status : join_restart_rate(runtime, options->restart_rate);
    if (status != WEIR_OK) {
        return status;
    }
    weir_pool *pool = make_pool(runtime, options);
    if (pool == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a pool");
    }
    pool->rules.ways = *ways;
    if (iteration != NULL) {
        pool->iteration = iteration;
        weir__iteration_begins(iteration, pool);
    }
    status = start_pool(pool, options);
    if (status == WEIR_OK) {
        *out = pool;
    }
    if (status == WEIR_OK && stage != NULL) {
        *stage = pool->quay.stage;
    }
    return status;
}

static const struct weir__task_ways usual_ways = {0};

weir_status weir__task_open_pool(weir_runtime *runtime, const weir_pool_options *options,
                                 struct weir__iteration *iteration, weir_pool **out,
                                 weir_ref *stage) {
    return open_pool(runtime, options, &usual_ways, iteration, out, stage);
}

weir_status weir__task_open_ways(weir_runtime *runtime, const weir_pool_options *options,
                                 const struct weir__task_ways *ways, weir_pool **out,
                                 weir_ref *stage) {
    return open_pool(runtime, options, ways, NULL, out, stage);
}

weir_status weir_pool_open(weir_runtime *runtime, const weir_pool_options *options, weir_pool **out,
                           weir_ref *stage) {
    if (weir__unfit(runtime) || weir__missing(options, "options") || weir__missing(out, "out")) {
        return weir__refused();
    }
    return weir__task_open_pool(runtime, options, NULL, out, stage);
}

/* ---- closing ------------------------------------------------------------- */

static weir_status close_pool(weir_pool *pool, uint64_t timeout_ns, size_t *running) {
    weir__exchange_u32(&pool->closing, 1); /* G1 -> G2 */
    weir__quay_poke(&pool->quay);
    if (!weir__quay_alone(&pool->quay, timeout_ns, "weir_pool_close")) {
        if (running != NULL) {
            *running = weir__load_relaxed_u32(&pool->out);
        }
        return WEIR_TIMEOUT;
    }
    join_threads(pool, pool->options.threads);
    weir__quay_release(&pool->quay, 1);
    if (running != NULL) {
        *running = 0;
    }
    return WEIR_OK;
}

weir_status weir_pool_close(weir_pool *pool, size_t *running) {
    if (pool == NULL || weir__pool_unfit(pool)) {
        if (running != NULL) {
            *running = 0;
        }
        return WEIR_OK;
    }
    weir_runtime *runtime = pool->quay.runtime;
    weir_status status = weir__stepping_begin_from(runtime, "weir_pool_close");
    if (status == WEIR_OK) {
        status = close_pool(pool, pool->options.shutdown_ns, running);
        weir__stepping_end(runtime);
    }
    return status;
}

weir_status weir__task_close_within(weir_pool *pool, uint64_t timeout_ns) {
    return pool == NULL ? WEIR_OK : close_pool(pool, timeout_ns, NULL);
}
