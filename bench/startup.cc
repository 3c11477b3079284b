// Startup: from nothing to the first event, and back.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How long does it take to open a runtime of 1, 2 and 16 workers, to start a
// pipe of two in it and see its first event, and to close it?
//
// Prediction.  Threads are what counts: some 20 to 30 us each to create, pin and join,
// and a worker that sleeps is woken three times before the first event has come.  100 us
// with one or two workers, below 1 ms with 16.
#include "graph_rows.h"

namespace {

struct Times {
    double open = 0, first = 0, close = 0;
    bool correct = true;
};

void start_and_end(unsigned workers, Times &times) {
    double begun = race_clock_ns();
    weir_runtime_options options = {};
    options.workers = workers;
    weir_runtime *runtime;
    part_must(weir_runtime_open(&options, &runtime));
    double opened = race_clock_ns();

    part_source source = {};
    source.events = 1;
    source.event_bytes = sizeof(uint64_t);
    uint64_t sum = 0;
    double ended = 0;
    part_sink sink = {};
    sink.sum = &sum;
    sink.ended = &ended;
    weir_ref producer = part_start_source(runtime, &source);
    weir_ref consumer = part_start_sink(runtime, &sink, WEIR_WORKER(workers - 1));
    part_must(weir_subscribe(runtime, consumer, producer, nullptr, nullptr));
    part_must(weir_demand(runtime, producer, WEIR_FORWARD));
    part_must(weir_runtime_run(runtime, WEIR_FOREVER));

    double closing = race_clock_ns();
    weir_accounts accounts;
    part_must(weir_runtime_close(runtime, &accounts));
    times.open += opened - begun;
    times.first += ended - opened;
    times.close += race_clock_ns() - closing;
    if (sum != 1 || weir_accounts_check(&accounts) != nullptr) times.correct = false;
}

rows::Outcome run(unsigned workers, uint64_t count) {
    Times times;
    double began = race_clock_ns();
    for (uint64_t i = 0; i < count; i++) start_and_end(workers, times);
    rows::Outcome outcome;
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = times.correct;
    double per_us = 1e-3 / static_cast<double>(count);
    outcome.figures = {{"open_us", times.open * per_us},
                       {"first_us", times.first * per_us},
                       {"close_us", times.close * per_us},
                       {"all_us", outcome.nanoseconds * per_us}};
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u, 16u}) {
        rows::add("weir/" + rows::place_name(workers) + "/startup",
                  [=](uint64_t count) { return run(workers, count); });
    }
    return rows::run(argc, argv);
}
