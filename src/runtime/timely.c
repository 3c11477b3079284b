/*
 * The timely worker: see timely.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/timely.h"

#include "base/refusal.h"
#include "os/lock.h"
#include "os/topology.h"
#include "runtime/counters.h"

#include <string.h>

static weir_status start_timely(struct weir__worker *worker) {
    const struct weir__job job = {.kind = WEIR_THREAD_TIMELY,
                                  .number = worker->index,
                                  .begin = weir__worker_begin,
                                  .run = weir__worker_run,
                                  .argument = worker};
    return weir__hire(worker->host.runtime, &worker->thread, "the timely worker", &job);
}

static weir_status open_timely(weir_runtime *runtime) {
    struct weir__worker *worker = &runtime->workers[runtime->worker_count];
    uint32_t number;
    weir__worker_open(worker, runtime, runtime->worker_count, 0);
    if (!weir__counters_worker(runtime, worker, &number)) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for the timely worker");
    }
    weir_status status = runtime->options.mode == WEIR_THREADS ? start_timely(worker) : WEIR_OK;
    if (status != WEIR_OK) {
        weir__sheet_give(&runtime->sheet, number, weir_counters_slots(WEIR_COUNTERS_WORKER));
        return status;
    }
    weir__exchange_u32(&runtime->timely, 1);               /* T25 -> T26 */
    if (weir__load_relaxed_u32(&runtime->draining) != 0) { /* it has begun without it, perhaps */
        weir__worker_finish_all(worker);
    }
    return WEIR_OK;
}

weir_status weir__timely_open(weir_runtime *runtime) {
    if (weir__load_acquire_u32(&runtime->timely) != 0) { /* T25 -> T26 */
        return WEIR_OK;
    }
    weir__lock(&runtime->timely_lock);
    weir_status status =
        weir__load_relaxed_u32(&runtime->timely) != 0 ? WEIR_OK : open_timely(runtime);
    weir__unlock(&runtime->timely_lock);
    return status;
}

/* A thread may run where the one does that has started it, which may be a pinned worker. */
static void pin_timely(struct weir__worker *worker) {
    const weir_runtime *runtime = worker->host.runtime;
    unsigned cores[WEIR_WORKERS_LIMIT];
    unsigned count = runtime->worker_count;
    for (unsigned i = 0; i < count; i++) {
        cores[i] = runtime->workers[i].core;
    }
    if (runtime->options.core_count == 0) { /* the program has named none */
        count = weir__topology_cores(cores, WEIR_WORKERS_LIMIT);
        count = count < WEIR_WORKERS_LIMIT ? count : WEIR_WORKERS_LIMIT;
    }
    int error = weir__thread_pin_among(cores, count);
    if (error != 0) {
        weir__host_log(&worker->host, WEIR_LOG_WARNING,
                       "the timely worker runs where it was started: its cores cannot be set (%s)",
                       strerror(error));
    }
}

void weir__timely_begin(struct weir__worker *worker) {
    if (!worker->host.runtime->options.unpinned) {
        pin_timely(worker);
    }
    weir__thread_wake_soon(worker->host.runtime->hiring.options.nice == 0);
}
