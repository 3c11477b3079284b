// Idle CPU: what a runtime costs in which nothing happens.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How much of a core does a runtime of two workers take whose 100 stages have
// subscribed and wait for events, over --idle_s=N seconds (10)?
//
// Prediction.  None: workers look for work for some microseconds and then sleep until a
// message wakes them; there is no tick.  0 % and not one wake; what is measured is the
// main thread, which falls asleep once.
#include "graph_rows.h"

#include <chrono>
#include <ctime>
#include <sys/resource.h>
#include <thread>

namespace {

constexpr unsigned kPairs = 50;

double idle_s = 10;

double cpu_ns() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Voluntary changes of context: each thread's every falling asleep.
double sleeps() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_nvcsw);
}

rows::Outcome run() {
    weir_runtime_options options = {};
    options.workers = 2;
    weir_runtime *runtime;
    part_must(weir_runtime_open(&options, &runtime));
    part_start_idle(runtime, kPairs);
    part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    std::this_thread::sleep_for(std::chrono::milliseconds(10)); // the workers go to sleep
    rows::Outcome outcome;
    double used = cpu_ns(), slept = sleeps(), began = race_clock_ns();
    std::this_thread::sleep_for(std::chrono::duration<double>(idle_s));
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.figures["cpu_percent"] = (cpu_ns() - used) / outcome.nanoseconds * 100;
    outcome.figures["wakes"] = sleeps() - slept - 1; // less this thread's own
    weir_accounts accounts;
    part_must(weir_runtime_close(runtime, &accounts));
    outcome.correct = accounts.handled == 0 && weir_accounts_check(&accounts) == nullptr;
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    int left = rows::take_number(argc, argv, "--idle_s=", idle_s);
    rows::add_figures("weir/split/idle:100", run);
    return rows::run(left, argv);
}
