// Where CAF runs, what its streams carry, and when a run is over: see caf_site.h.
// SPDX-License-Identifier: Apache-2.0
#include "caf_site.h"

namespace flow {

System::System(unsigned cores) {
    if (cores == 1) pinned_.emplace(0);
    config_.set("scheduler.max-threads", cores);
    actors_.emplace(config_);
}

void Finish::count(uint64_t seen) {
    if (left_.fetch_sub(seen, std::memory_order_acq_rel) == seen) {
        ended_.set_value(race_clock_ns());
    }
}

double Finish::wait() {
    return ended_.get_future().get();
}

void Sink::add(uint64_t sum, uint64_t count) const {
    tally->sum += sum;
    tally->count += count;
    if (expected == kShared) {
        finish->count(count);
    } else if (tally->count == expected) {
        finish->count(1);
    }
}

peer::Outcome caf_outcome(double start, double end, uint64_t sum, uint64_t expected) {
    peer::Outcome outcome;
    outcome.nanoseconds = end - start;
    outcome.correct = sum == expected;
    return outcome;
}

} // namespace flow
