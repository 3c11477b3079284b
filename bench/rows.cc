// Rows: what a benchmark measures in turns, and how it tells of it.
// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#include "peer_process.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unistd.h>
#include <vector>

namespace rows {

namespace {

constexpr uint64_t kGrowth = 4;             // from one run that is too short to the next
constexpr uint64_t kFirstEvents = 256;      // of the first run ever
constexpr double kShareForEstimate = 0.125; // of a run's time: enough to tell the speed

double run_ms = 50;

// Doubles and doubles the work until a run is long enough to tell how much a whole one is.
uint64_t find_events(const Run &run, Outcome &outcome) {
    double wanted = run_ms * 1e6;
    for (uint64_t events = kFirstEvents;; events = events * kGrowth) {
        outcome = run(events);
        if (!outcome.correct) return 0;
        if (outcome.nanoseconds < wanted * kShareForEstimate) continue;
        double fit = static_cast<double>(events) * wanted / outcome.nanoseconds;
        return std::max<uint64_t>(1, static_cast<uint64_t>(fit));
    }
}

void measure(benchmark::State &state, const Run &run, uint64_t &events) {
    Outcome outcome;
    if (events == 0) {
        events = find_events(run, outcome);
        if (events == 0) return state.SkipWithError("a wrong sum or account");
    }
    for (auto _ : state) {
        outcome = run(events);
        if (!outcome.correct) state.SkipWithError("a wrong sum or account");
        state.SetIterationTime(outcome.nanoseconds * 1e-9);
    }
    state.SetItemsProcessed(static_cast<int64_t>(events));
    for (const auto &[name, value] : outcome.figures) state.counters[name] = value;
}

// Keeps each row's rates; says how far it is.
class Keeper : public benchmark::BenchmarkReporter {
  public:
    bool ReportContext(const Context &context) override {
        (void)context;
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override {
        for (const Run &one : runs) {
            if (one.run_type != Run::RT_Iteration) continue;
            const std::string &name = one.run_name.function_name;
            if (one.error_occurred) {
                std::fprintf(stderr, "\n%s: %s\n", name.c_str(), one.error_message.c_str());
                failed = true;
                continue;
            }
            auto rate = one.counters.find("items_per_second");
            if (rate != one.counters.end()) rates[name].push_back(rate->second);
            for (const auto &[figure, value] : one.counters) {
                if (figure != "items_per_second") figures[name][figure].push_back(value);
            }
            done++;
        }
        if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%zu results ", done);
    }

    bool failed = false;
    std::map<std::string, std::vector<double>> rates;
    std::map<std::string, std::map<std::string, std::vector<double>>> figures;

  private:
    size_t done = 0;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

void print_table(const Keeper &keeper) {
    std::vector<std::pair<double, std::string>> order;
    size_t width = 0;
    for (const auto &[name, rates] : keeper.rates) {
        order.emplace_back(-median(rates), name);
        width = std::max(width, name.size());
    }
    std::sort(order.begin(), order.end());
    std::printf("\n%-*s %12s %27s  (million events/s)\n", static_cast<int>(width), "row", "median",
                "least .. most");
    for (const auto &[negative, name] : order) {
        const std::vector<double> &rates = keeper.rates.at(name);
        auto [least, most] = std::minmax_element(rates.begin(), rates.end());
        std::printf("%-*s %12.3f %12.3f ..%12.3f", static_cast<int>(width), name.c_str(),
                    -negative * 1e-6, *least * 1e-6, *most * 1e-6);
        auto more = keeper.figures.find(name);
        if (more != keeper.figures.end()) {
            for (const auto &[figure, values] : more->second) {
                std::printf("  %s %.4g", figure.c_str(), median(values));
            }
        }
        std::printf("\n");
    }
}

// Takes our own options out of the arguments, and turns them into Google Benchmark's.
void take_options(std::vector<std::string> &arguments) {
    std::string repetitions = "7";
    auto ours = [&](const std::string &argument) {
        if (argument.rfind("--run_ms=", 0) == 0) {
            run_ms = std::max(0.001, std::atof(argument.c_str() + std::strlen("--run_ms=")));
            return true;
        }
        if (argument.rfind("--repetitions=", 0) == 0) {
            repetitions = argument.substr(std::strlen("--repetitions="));
            return true;
        }
        return false;
    };
    arguments.erase(std::remove_if(arguments.begin(), arguments.end(), ours), arguments.end());
    arguments.insert(arguments.begin() + 1, {"--benchmark_enable_random_interleaving=true",
                                             "--benchmark_repetitions=" + repetitions});
}

} // namespace

void add_fixed(const std::string &name, uint64_t events, const Run &run) {
    auto count = std::make_shared<uint64_t>(events);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State &state) { measure(state, run, *count); })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
}

void add(const std::string &name, const Run &run) {
    add_fixed(name, 0, run);
}

void add_peers(const std::string &workload) {
    for (const auto &process : PeerProcess::start_all()) {
        for (const std::string &one : process->cases(workload)) {
            std::string row = process->name() + one.substr(workload.size());
            add(row, [process, one](uint64_t events) { return process->run(one, events); });
        }
    }
}

int run(int argc, char **argv) {
    std::vector<std::string> arguments(argv, argv + argc);
    take_options(arguments);
    std::vector<char *> pointers;
    for (std::string &argument : arguments) pointers.push_back(argument.data());
    int count = static_cast<int>(pointers.size());
    benchmark::Initialize(&count, pointers.data());
    if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
    race_cores cores = race_cores_pick();
    std::string places = std::to_string(cores.sender) + ", " + std::to_string(cores.receiver);
    if (cores.sender == cores.receiver) places += " (one core only: not a fair run)";
    benchmark::AddCustomContext("cores", places);
    std::printf("cores: %s\n", places.c_str());
    Keeper keeper;
    benchmark::RunSpecifiedBenchmarks(&keeper);
    print_table(keeper);
    return keeper.failed ? 1 : 0;
}

} // namespace rows
