// Round trip: one event there and back.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How long does one event of 8 bytes take to another stage and back, when both
// workers look for work (spin), and when each sleeps as soon as it has none (parked)?
// Beside it: a cache line there and back, a futex's wake there and back, and the peers.
//
// Prediction.  Spinning, a trip costs the two lines that cross and, twice, a stage's turn:
// at most 2.5 times the cache line's.  Parked, the kernel's wake is all that counts: at
// most 1.2 times the futex's, and that at the 99th percentile too.
#include "ceilings.h"
#include "rows.h"
#include "trips.h"

#include <algorithm>
#include <vector>

namespace {

using Trips = std::function<race_result(uint64_t trips, double *each)>;

void add(const std::string &name, const Trips &trips) {
    rows::add(name, [=](uint64_t count) {
        std::vector<double> each(count);
        rows::Outcome outcome = trips(count, each.data());
        std::sort(each.begin(), each.end());
        auto at = [&](double share) {
            return each[static_cast<size_t>(share * static_cast<double>(count - 1))];
        };
        outcome.figures = {{"p50", at(0.5)}, {"p99", at(0.99)}, {"p99.9", at(0.999)}};
        return outcome;
    });
}

} // namespace

int main(int argc, char **argv) {
    race_cores cores = race_cores_pick();
    add("ceiling/split/line",
        [=](uint64_t trips, double *each) { return ceiling_trips(cores, false, trips, each); });
    add("ceiling/split/futex",
        [=](uint64_t trips, double *each) { return ceiling_trips(cores, true, trips, each); });
    add("weir/split/spin",
        [](uint64_t trips, double *each) { return trips_run(2, WEIR_IDLE_SPIN, trips, each); });
    add("weir/split/parked",
        [](uint64_t trips, double *each) { return trips_run(2, WEIR_IDLE_PARK, trips, each); });
    add("weir/split/outside,spin", [=](uint64_t trips, double *each) {
        return trips_outside_run(cores, WEIR_IDLE_SPIN, trips, each);
    });
    add("weir/split/outside,parked", [=](uint64_t trips, double *each) {
        return trips_outside_run(cores, WEIR_IDLE_PARK, trips, each);
    });
    add("weir/one_core/default",
        [](uint64_t trips, double *each) { return trips_run(1, WEIR_IDLE_ADAPT, trips, each); });
    rows::add_peers("round_trip");
    return rows::run(argc, argv);
}
