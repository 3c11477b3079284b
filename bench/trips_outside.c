/*
 * One event from a thread of the program's to stages and back to it: see trips.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "trips.h"

#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "trips_outside: %s: %s\n", weir_status_text(status), weir_refusal());
    exit(EXIT_FAILURE);
}

/* Three stages of one worker: an inlet with a port, one that passes on, and a stream. */
struct outside {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_port *port;
    weir_stream *stream;
};

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static void open_outside(struct outside *outside, unsigned core, weir_idle idle) {
    const weir_subscribe_options window = {.max_demand = 2, .min_demand = 1};
    weir_ref first, second;
    must(weir_runtime_open(
        &(weir_runtime_options){.workers = 1, .idle = idle, .cores = &core, .core_count = 1},
        &outside->runtime));
    must(weir_inlet_open(outside->runtime, &(weir_inlet_options){.event_bytes = sizeof(uint64_t)},
                         &outside->inlet, &first));
    must(weir_stage_start(
        outside->runtime,
        &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                              .event_bytes = sizeof(uint64_t),
                              .on = {.handle_events = pass_on},
                              .subscribe_to =
                                  &(weir_subscribe_to){.producer = first, .options = window},
                              .subscribe_count = 1},
        &second));
    must(weir_stream_open(
        outside->runtime,
        &(weir_stream_options){.event_bytes = sizeof(uint64_t),
                               .subscribe_to =
                                   &(weir_subscribe_to){.producer = second, .options = window},
                               .subscribe_count = 1},
        &outside->stream));
    must(weir_runtime_settle(outside->runtime, WEIR_FOREVER));
    must(weir_port_open(outside->inlet, &outside->port));
}

static uint64_t make_trips(struct outside *outside, uint64_t trips, double *each) {
    uint64_t sum = 0;
    double began = race_clock_ns();
    uint64_t first = race_ticks();
    uint64_t last = first;
    for (uint64_t trip = 1; trip <= trips; trip++) {
        uint64_t event = 0;
        must(weir_port_push(outside->port, &trip, 1, WEIR_FOREVER));
        must(weir_stream_next(outside->stream, &event, WEIR_FOREVER));
        uint64_t now = race_ticks();
        each[trip - 1] = (double)(now - last);
        last = now;
        sum += event;
    }
    double ns_per_tick = (race_clock_ns() - began) / (double)(last - first);
    for (uint64_t trip = 0; trip < trips; trip++) each[trip] *= ns_per_tick;
    return sum;
}

static bool close_outside(struct outside *outside) {
    weir_accounts accounts;
    uint64_t more;
    weir_port_close(outside->port);
    weir_inlet_close(outside->inlet);
    while (weir_stream_next(outside->stream, &more, WEIR_FOREVER) != WEIR_END) {}
    weir_stream_close(outside->stream);
    must(weir_runtime_run(outside->runtime, WEIR_FOREVER));
    must(weir_runtime_close(outside->runtime, &accounts));
    return weir_accounts_check(&accounts) == NULL;
}

struct race_result trips_outside_run(struct race_cores cores, weir_idle idle, uint64_t trips,
                                     double *each) {
    struct outside outside;
    cpu_set_t before, here;
    (void)pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    open_outside(&outside, (unsigned)cores.receiver, idle);
    CPU_ZERO(&here);
    CPU_SET((size_t)cores.sender, &here);
    (void)pthread_setaffinity_np(pthread_self(), sizeof here, &here);
    double began = race_clock_ns();
    uint64_t sum = make_trips(&outside, trips, each);
    double took = race_clock_ns() - began;
    (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    bool correct = sum == work_expected(trips);
    return (struct race_result){took, close_outside(&outside) && correct};
}
