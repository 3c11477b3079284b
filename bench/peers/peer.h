// A peer: a program that runs the workloads with somebody else's library.
// SPDX-License-Identifier: Apache-2.0
//
// Each peer is a process of its own, in whatever language its library is used from,
// so that no library's threads or allocator disturb another, and the benchmarks can
// still run all of them in turns.  It reads lines and answers each:
//
//   list           -> one line for each case, WORKLOAD/PLACEMENT/SETTING, then "."
//   run CASE N     -> "ok NANOSECONDS" when N events have been passed and their sum is
//                     right, for round trips "ok NANOSECONDS P50 P99 P999" (each in
//                     nanoseconds, of a trip), for open loops that and MAX, in nanoseconds,
//                     and CPU, in percent of a core (../open_loop.cc), else "error TEXT"
//
// and ends with its input.  Between runs it uses no processor time.  NANOSECONDS is
// from when everything has been built and all threads stand ready, to when the last
// event has been summed.
//
// WORKLOAD is the name of a benchmark beside this folder: pipe2 pipe3 share broadcast
// partition merge round_trip push payload open_loop pipeline.  PLACEMENT tells what runs where:
//   split     the side that is one thread on the first core, all others on the second
//   spread    the threads of the other side alternate over both cores
//   one_core  all on the first core (for a queue: one thread that fills and drains it)
//   own       the library's own scheduler on both cores
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include "race.h"
#include "work.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace peer {

struct Outcome {
    double nanoseconds = 0;
    bool correct = false;
    double p50 = 0, p99 = 0, p999 = 0; // of round trips only
};

struct Case {
    std::string name;
    std::function<Outcome(uint64_t events)> run;
};

// Answers until the input ends; returns what main shall return.  Cases of the graphs that pass
// many words at a time are there a second time, with WORK_PLAIN (work.h) behind their names.
int serve(const std::vector<Case> &cases);

struct Worker {
    int core; // 0 or 1: the first or the second that the process may use
    std::function<void()> work;
};

// Starts all, pinned; they begin together.  Returns the nanoseconds until all are done.
double run_together(const std::vector<Worker> &workers);

// For waiting threads: a pause, and after 32 of them in a row, where threads outnumber
// cores, a sched_yield.
class Wait {
  public:
    explicit Wait(bool crowded) : crowded_(crowded) {}
    void progress() { failures_ = 0; }
    void again();

  private:
    bool crowded_;
    unsigned failures_ = 0;
};

// Times of single trips, kept sorted out of the way; fills p50, p99 and p999.
void quantiles(std::vector<double> trips, Outcome &outcome);

} // namespace peer

#endif
