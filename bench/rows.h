// Rows: what a benchmark measures in turns, and how it tells of it.
// SPDX-License-Identifier: Apache-2.0
//
// A row is one way of doing the benchmark's work: weir in some setting, a ceiling, a
// peer.  Google Benchmark runs all rows of a program in turns, in an order drawn anew for
// each repetition, because the machine's speed drifts; medians are compared.  A row's
// events are so many that a run takes --run_ms (50): they are found in the row's first
// runs, which warm it up too.  A run whose sum or account is wrong counts as an error.
//
// Names are WHO/PLACEMENT/SETTING, as of the peers (peers/peer.h); one that ends in
// WORK_PLAIN has the loops that this says (work.h).
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "race.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace rows {

struct Outcome {
    double nanoseconds = 0;
    bool correct = false;
    std::map<std::string, double> figures; // more than a rate: "p99", "bytes", ...

    Outcome() = default;
    Outcome(race_result result) : nanoseconds(result.nanoseconds), correct(result.correct) {}
};

using Run = std::function<Outcome(uint64_t events)>;

// A row whose rate is events per second, with as many events as a run's time wants.
void add(const std::string &name, const Run &run);

// The same with a given number of events in every run.
void add_fixed(const std::string &name, uint64_t events, const Run &run);

// A row without a rate: what counts are its figures, which one run tells.
void add_figures(const std::string &name, const std::function<Outcome()> &run);

// What a row tells besides its rate, reckoned from a run's outcome.
using More = std::function<void(Outcome &outcome, uint64_t events)>;

// A row for each case of this workload that a program in the folder peers/, beside
// this one, knows.  The programs are started here and end with this one.
void add_peers(const std::string &workload, const More &more = {});

// The same with a given number of events in every run of a row.
void add_peers_fixed(const std::string &workload,
                     const std::function<uint64_t(const std::string &row)> &events);

// Takes an option of the program's own, "--NAME=" and a number, out of the arguments.  Returns how
// many are left, for run.
int take_number(int argc, char **argv, const char *own, double &number);

// For main, which has added its rows: runs them and prints a table of rates.  Takes
// Google Benchmark's options, --run_ms=N, and --repetitions=N (7).
int run(int argc, char **argv);

} // namespace rows

#endif
