// Rows: what a benchmark measures in turns, and how it tells of it.
// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#include "peer_process.h"
#include "work.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>
#include <vector>

namespace rows {

namespace {

constexpr uint64_t kGrowth = 4;           // at most, from one run that is too short to the next
constexpr uint64_t kFirstEvents = 16;     // of the first run ever
constexpr double kShareForEstimate = 0.5; // of a run's time: enough to tell the speed

constexpr uint64_t kNoRate = UINT64_MAX; // as a number of events: they do not count

double run_ms = 50;

// How far the program is, for who looks on: Google Benchmark tells of a row only when all
// its repetitions are done, and in turns that is near the end for all of them.
struct Progress {
    size_t rows = 0, repetitions = 0, runs = 0;
    double begun = 0;

    void tell() {
        runs++;
        if (!isatty(STDERR_FILENO)) return;
        size_t all = rows * repetitions, left = all > runs ? all - runs : 0;
        double seconds = (race_clock_ns() - begun) * 1e-9;
        double each = seconds / static_cast<double>(runs);
        std::fprintf(stderr, "\r%zu of %zu runs, %.0f s, about %.0f s left ", runs, all, seconds,
                     each * static_cast<double>(left));
    }
} progress;

// Doubles and doubles the work until a run is long enough to tell how much a whole one is.
// A short run that was disturbed looks slow, so half a run's time is asked for.
uint64_t find_events(const Run &run, Outcome &outcome) {
    double wanted = run_ms * 1e6;
    for (uint64_t events = kFirstEvents;;) {
        outcome = run(events);
        if (!outcome.correct || outcome.nanoseconds <= 0) return 0;
        double growth = wanted / outcome.nanoseconds;
        double fit = std::max(1.0, static_cast<double>(events) * growth);
        if (outcome.nanoseconds >= wanted * kShareForEstimate) return static_cast<uint64_t>(fit);
        events = growth < kGrowth ? static_cast<uint64_t>(fit) : events * kGrowth;
    }
}

void measure(benchmark::State &state, const std::string &row, const Run &run, uint64_t &events) {
    Outcome outcome;
    work_choose(row.c_str());
    if (events == 0) {
        events = find_events(run, outcome);
        if (events == 0) return state.SkipWithError("a wrong sum or account");
    }
    for (auto _ : state) {
        outcome = run(events);
        if (!outcome.correct) state.SkipWithError("a wrong sum or account");
        state.SetIterationTime(outcome.nanoseconds * 1e-9);
    }
    if (events != kNoRate) state.SetItemsProcessed(static_cast<int64_t>(events));
    for (const auto &[name, value] : outcome.figures) state.counters[name] = value;
    progress.tell();
}

// Keeps each row's rates, and says what went wrong.
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
            rates[name].push_back(rate == one.counters.end() ? 0.0 : double{rate->second});
            for (const auto &[figure, value] : one.counters) {
                if (figure != "items_per_second") figures[name][figure].push_back(value);
            }
        }
    }

    bool failed = false;
    std::map<std::string, std::vector<double>> rates;
    std::map<std::string, std::map<std::string, std::vector<double>>> figures;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

void print_rate(const std::vector<double> &rates) {
    auto [least, most] = std::minmax_element(rates.begin(), rates.end());
    if (*most == 0) return; // a row without a rate
    std::printf(" %12.3f %12.3f ..%12.3f", median(rates) * 1e-6, *least * 1e-6, *most * 1e-6);
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
        (void)negative;
        std::printf("%-*s", static_cast<int>(width), name.c_str());
        print_rate(keeper.rates.at(name));
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
    progress.repetitions = static_cast<size_t>(std::max(1, std::atoi(repetitions.c_str())));
    arguments.insert(arguments.begin() + 1, {"--benchmark_enable_random_interleaving=true",
                                             "--benchmark_repetitions=" + repetitions});
}

} // namespace

void add_fixed(const std::string &name, uint64_t events, const Run &run) {
    auto count = std::make_shared<uint64_t>(events);
    progress.rows++;
    benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State &state) { measure(state, name, run, *count); })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
}

void add(const std::string &name, const Run &run) {
    add_fixed(name, 0, run);
}

void add_figures(const std::string &name, const std::function<Outcome()> &run) {
    add_fixed(name, kNoRate, [run](uint64_t) { return run(); });
}

namespace {

using Peer = std::shared_ptr<PeerProcess>;

// Each case of the workload: who knows it, what he calls it, and its row.
void for_peers(
    const std::string &workload,
    const std::function<void(const Peer &, const std::string &, const std::string &)> &add) {
    for (const Peer &process : PeerProcess::start_all()) {
        for (const std::string &one : process->cases(workload)) {
            add(process, one, process->name() + one.substr(workload.size()));
        }
    }
}

} // namespace

void add_peers(const std::string &workload, const More &more) {
    for_peers(workload, [&](const Peer &process, const std::string &one, const std::string &row) {
        add(row, [process, one, more](uint64_t events) {
            Outcome outcome = process->run(one, events);
            if (more) more(outcome, events);
            return outcome;
        });
    });
}

void add_peers_fixed(const std::string &workload,
                     const std::function<uint64_t(const std::string &row)> &events) {
    for_peers(workload, [&](const Peer &process, const std::string &one, const std::string &row) {
        add_fixed(row, events(row),
                  [process, one](uint64_t count) { return process->run(one, count); });
    });
}

int take_number(int argc, char **argv, const char *own, double &number) {
    int left = 0;
    for (int i = 0; i < argc; i++) {
        if (std::strncmp(argv[i], own, std::strlen(own)) == 0) {
            number = std::atof(argv[i] + std::strlen(own));
        } else {
            argv[left++] = argv[i];
        }
    }
    return left;
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
    progress.begun = race_clock_ns();
    benchmark::RunSpecifiedBenchmarks(&keeper);
    print_table(keeper);
    return keeper.failed ? 1 : 0;
}

} // namespace rows
