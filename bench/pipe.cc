// The pipe: how near does weir come to what two cores can do by hand?
// SPDX-License-Identifier: Apache-2.0
//
// Question.  A pipe of two and of three stages on two cores, by max_demand and
// event size: events per second, beside two yardsticks in the same run: the
// best hand-written loop over slices with the same window and no library (the
// ceiling), and one ck_ring entry per event (what a plain queue does).
//
// Prediction.  At the default demand a batch costs the ceiling's four cache
// lines or so, and some 1,500 instructions of weir's, which hide behind them:
// at least half of the ceiling.  A ring entry per event pays two lines for each
// event: weir is at least 4 times as fast.  At max_demand 1 an event needs one
// round trip of a cache line: at least half of that rate.
//
// Every run checks its sum and weir's accounts.  Runs of all rows are
// interleaved at random, and medians compared, since the machine's speed drifts.
#include "ceilings.h"
#include "weir_pipe.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr int kRepetitions = 9;
constexpr size_t kMaxDemands[] = {1, 10, 100, 1000, 10000};
constexpr size_t kEventBytes[] = {8, 64};

using Run = std::function<race_result(uint64_t)>;

// A row runs `events` events once for each repetition.
void add_row(const std::string &name, uint64_t events, const Run &run) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State &state) {
                                     for (auto _ : state) {
                                         race_result result = run(events);
                                         if (!result.correct) state.SkipWithError("a wrong sum");
                                         state.SetIterationTime(result.nanoseconds * 1e-9);
                                     }
                                     state.SetItemsProcessed(static_cast<int64_t>(events));
                                 })
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(kRepetitions)
        ->Unit(benchmark::kMillisecond);
}

// So many that a run takes some tens of milliseconds.
uint64_t events_of(size_t max_demand, size_t event_bytes) {
    uint64_t events = max_demand == 1 ? 100000 : max_demand == 10 ? 1000000 : 10000000;
    return max_demand >= 100 ? events * 8 / event_bytes * 2 : events;
}

std::string row(const char *what, size_t max_demand, size_t event_bytes) {
    return std::string(what) + "/max:" + std::to_string(max_demand) +
           "/bytes:" + std::to_string(event_bytes);
}

const char *const kManners[CEILING_MANNERS] = {"in_place", "ahead", "scratch", "string"};

void add_rows(race_cores cores, size_t max_demand, size_t event_bytes) {
    uint64_t events = events_of(max_demand, event_bytes);
    for (unsigned stages = 2; stages <= 3; stages++) {
        pipe_shape shape = {stages, 2, max_demand, 0, event_bytes, WEIR_IDLE_SPIN_THEN_PARK};
        add_row(row(stages == 2 ? "weir2" : "weir3", max_demand, event_bytes), events,
                [=](uint64_t count) { return pipe_run(shape, count); });
    }
    ceiling_window window = {static_cast<uint32_t>(max_demand),
                             static_cast<uint32_t>(max_demand / 2),
                             static_cast<uint32_t>(event_bytes)};
    for (int manner = 0; manner < CEILING_MANNERS; manner++) {
        add_row(row((std::string("ceiling_") + kManners[manner]).c_str(), max_demand, event_bytes),
                events, [=](uint64_t count) {
                    auto way = static_cast<ceiling_manner>(manner);
                    return ceiling_slices(cores, window, way, count);
                });
    }
}

// Prints as usual, and keeps each row's nanoseconds per event.
class Keeper : public benchmark::ConsoleReporter {
  public:
    void ReportRuns(const std::vector<Run> &runs) override {
        for (const Run &run : runs) {
            if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
            auto rate = run.counters.find("items_per_second");
            if (rate != run.counters.end()) {
                times[run.run_name.function_name].push_back(1e9 / rate->second.value);
            }
        }
        done += runs.size();
        if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%zu results", done);
    }

    std::map<std::string, std::vector<double>> times;

  private:
    size_t done = 0;
};

struct Spread {
    double median = 0, least = 0, most = 0;
};

Spread spread(std::vector<double> values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    return {values[values.size() / 2], values.front(), values.back()};
}

Spread best_ceiling(Keeper &keeper, size_t max_demand, size_t event_bytes) {
    Spread best;
    for (const char *manner : kManners) {
        Spread one = spread(keeper.times[row((std::string("ceiling_") + manner).c_str(), max_demand,
                                             event_bytes)]);
        if (one.median > 0 && (best.median == 0 || one.median < best.median)) best = one;
    }
    return best;
}

void print_ratios(Keeper &keeper) {
    Spread ring = spread(keeper.times["ring_per_event"]);
    Spread trip = spread(keeper.times["round_trip"]);
    std::printf("\nMedians of %d runs, interleaved; million events/s (least .. most).\n"
                "ring: times the rate of one ck_ring entry per event (%.1f M/s, 8 bytes).\n"
                "trip: share of the rate that one cache-line round trip per event allows "
                "(%.0f ns).\n\n",
                kRepetitions, 1e3 / ring.median, trip.median);
    std::printf("%6s %5s %6s | %28s | %10s | %9s %7s %7s\n", "max", "bytes", "stages", "weir",
                "ceiling", "of ceil.", "ring", "trip");
    for (size_t event_bytes : kEventBytes) {
        for (size_t max_demand : kMaxDemands) {
            Spread ceiling = best_ceiling(keeper, max_demand, event_bytes);
            for (int stages = 2; stages <= 3; stages++) {
                Spread weir = spread(
                    keeper.times[row(stages == 2 ? "weir2" : "weir3", max_demand, event_bytes)]);
                if (weir.median == 0 || ceiling.median == 0) continue;
                std::printf("%6zu %5zu %6d | %8.1f (%7.1f .. %7.1f) | %10.1f | %9.2f %7.1f %7.2f\n",
                            max_demand, event_bytes, stages, 1e3 / weir.median, 1e3 / weir.most,
                            1e3 / weir.least, 1e3 / ceiling.median, ceiling.median / weir.median,
                            ring.median / weir.median, trip.median / weir.median);
            }
        }
    }
}

} // namespace

int main(int argc, char **argv) {
    std::vector<char *> arguments(argv, argv + argc);
    static char interleave[] = "--benchmark_enable_random_interleaving=true";
    arguments.insert(arguments.begin() + 1, interleave);
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    race_cores cores = race_cores_pick();
    std::printf("cores: producer %d, consumer %d%s\n", cores.sender, cores.receiver,
                cores.sender == cores.receiver ? " (one core only: not a fair run)" : "");
    for (size_t event_bytes : kEventBytes) {
        for (size_t max_demand : kMaxDemands) add_rows(cores, max_demand, event_bytes);
    }
    add_row("ring_per_event", 2000000,
            [=](uint64_t events) { return ceiling_ring_per_event(cores, events); });
    add_row("round_trip", 100000, [=](uint64_t trips) { return ceiling_round_trip(cores, trips); });
    Keeper keeper;
    benchmark::RunSpecifiedBenchmarks(&keeper);
    print_ratios(keeper);
    return 0;
}
