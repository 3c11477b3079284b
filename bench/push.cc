// Push: a foreign thread hands single events to four consumers, one at a time each.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes per second does a thread that is no worker push,
// one by one, to four consumers at max_demand 1?  split: the thread on the first core, the
// inlet and the consumers on a worker on the second.  one_core: the thread steps the
// runtime itself (WEIR_STEPPED), as a program with an event loop of its own does.  port:
// through a port of its own (weir_port_push); else as any thread may (weir_inlet_push).
//
// Prediction.  The inlet takes what has been pushed meanwhile in one go, so lines cross
// for many events at once, and the rate is that of one worker that runs five stages: the
// price of a callback, an ask and a dispatch, some tens of nanoseconds.
#include "rows.h"
#include "work.h"

#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <sched.h>
#include <weir/weir.h>

namespace {

constexpr unsigned kConsumers = 4;
constexpr size_t kCapacity = 1024;

void must(weir_status status) {
    if (status == WEIR_OK) return;
    std::fprintf(stderr, "push: %s: %s\n", weir_status_text(status), weir_refusal());
    std::exit(EXIT_FAILURE);
}

weir_verdict add(weir_stage *self, weir_batch batch) {
    **static_cast<uint64_t **>(weir_state(self)) += *static_cast<const uint64_t *>(batch.events);
    return WEIR_CONTINUE;
}

struct Sum {
    alignas(128) uint64_t value = 0;
};

void start_consumer(weir_runtime *runtime, weir_ref inlet, unsigned worker, uint64_t *sum) {
    weir_subscribe_to to = {};
    to.producer = inlet;
    to.options.max_demand = 1;
    weir_stage_options options = {};
    options.kind = WEIR_CONSUMER;
    options.worker = worker;
    options.state = &sum;
    options.state_bytes = sizeof sum;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    options.on.handle_events = add;
    must(weir_stage_start(runtime, &options, nullptr));
}

void push_all(weir_inlet *inlet, uint64_t events) {
    for (uint64_t event = 1; event <= events; event++) {
        must(weir_inlet_push(inlet, &event, 1, WEIR_FOREVER));
    }
}

void push_all_by_port(weir_inlet *inlet, uint64_t events) {
    weir_port *port;
    must(weir_port_open(inlet, &port));
    for (uint64_t event = 1; event <= events; event++) {
        must(weir_port_push(port, &event, 1, WEIR_FOREVER));
    }
    weir_port_close(port);
}

// The pushing thread runs on the first core.
void pin_here(cpu_set_t &before) {
    (void)pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(static_cast<size_t>(race_cores_pick().sender), &first);
    (void)pthread_setaffinity_np(pthread_self(), sizeof first, &first);
}

rows::Outcome run(bool stepped, bool port, uint64_t events) {
    weir_runtime *runtime;
    weir_runtime_options options = {};
    options.workers = stepped ? 1 : 2;
    options.mode = stepped ? WEIR_STEPPED : WEIR_THREADS;
    must(weir_runtime_open(&options, &runtime));
    unsigned worker = WEIR_WORKER(stepped ? 0 : 1);
    weir_inlet_options inlet_options = {};
    inlet_options.event_bytes = sizeof(uint64_t);
    inlet_options.capacity = kCapacity;
    inlet_options.when_full = WEIR_BLOCK;
    inlet_options.worker = worker;
    weir_inlet *inlet;
    weir_ref stage;
    must(weir_inlet_open(runtime, &inlet_options, &inlet, &stage));
    Sum sums[kConsumers];
    for (Sum &sum : sums) start_consumer(runtime, stage, worker, &sum.value);
    must(weir_runtime_settle(runtime, WEIR_FOREVER));
    cpu_set_t before;
    pin_here(before); // after the workers' cores have been picked from those of this thread
    double began = race_clock_ns();
    port ? push_all_by_port(inlet, events) : push_all(inlet, events);
    must(weir_inlet_finish(inlet));
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    rows::Outcome outcome;
    outcome.nanoseconds = race_clock_ns() - began;
    (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    weir_inlet_close(inlet);
    weir_accounts accounts;
    must(weir_runtime_close(runtime, &accounts));
    uint64_t sum = 0;
    for (const Sum &one : sums) sum += one.value;
    outcome.correct = sum == work_expected(events) && weir_accounts_check(&accounts) == nullptr;
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    auto add = [](const char *row, bool stepped, bool port) {
        rows::add(row, [=](uint64_t events) { return run(stepped, port, events); });
    };
    add("weir/split/inlet", false, false);
    add("weir/split/port", false, true);
    add("weir/one_core/stepped", true, false);
    add("weir/one_core/stepped,port", true, true);
    rows::add_peers("push");
    return rows::run(argc, argv);
}
