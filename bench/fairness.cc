// Merge, fairness: four producers that always have events, one consumer that counts whose they are.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  Of any 1,000 batches, how many come from the producer that gets the fewest into
// the consumer, and from the one that gets the most, in percent of an equal share, and of the
// whole run; with all stages on one worker, and split: two producers beside the consumer, two
// on another worker?
//
// Prediction.  On one worker each gets its share but for two windows, so from 98 to 102 %.
// Split, a producer elsewhere has its share as long as its events are there when its turn
// comes, and where it answers late it has less (decision 26 promises half to who has some):
// while its thread has lost its core, 4 ms and thousands of batches, it has nothing.
#include "graph_rows.h"
#include "work.h"

#include <algorithm>
#include <array>
#include <semaphore.h>

namespace {

constexpr unsigned kProducers = 4;
constexpr uint64_t kBatches = 1000; // in which shares are counted

struct Setting {
    const char *name;
    size_t max_demand, min_demand, event_bytes;

    uint64_t batch() const {
        return min_demand == 0 ? (max_demand + 1) / 2 : max_demand;
    }
};

constexpr Setting kSettings[] = {
    {"max:1", 1, 0, 8},
    {"max:10", 10, 0, 8},
    {"max:1000", 1000, 0, 8},
    {"max:1000,bytes:64", 1000, 0, 64}, // batches of more than 8 KiB go next
    {"max:4000,min:0", 4000, WEIR_NONE, 8},
};

using Counts = std::array<uint64_t, kProducers>;

// What the consumer keeps, whose worker alone writes it until `done` is posted.
struct Ledger {
    explicit Ledger(uint64_t events, uint64_t a_window) : wanted(events), window(a_window) {}

    uint64_t wanted;       // events; 0: it has had them
    const uint64_t window; // events in which shares are counted
    uint64_t span = 0;     // words that each producer has
    Counts got = {}, in_window = {}, sums = {};
    uint64_t of_window = 0;
    unsigned seen = 0;          // those that something has come of: they are let go one by one
    bool begun = false;         // a window is over, and all have been seen
    double least = 1, most = 0; // of a window, of all that are over
    double ended = 0;
    sem_t done;

    double least_of_all() const {
        uint64_t all = 0;
        for (uint64_t one : got) all += one;
        uint64_t fewest = *std::min_element(got.begin(), got.end());
        return static_cast<double>(fewest) / static_cast<double>(all);
    }
    void note(unsigned who, uint64_t count) {
        in_window[who] += count;
        of_window += count;
        seen |= 1u << who; // they are let go one after the other
        if (of_window < window) return;
        for (uint64_t &one : in_window) {
            double share = static_cast<double>(one) / static_cast<double>(of_window);
            if (begun) least = std::min(least, share);
            if (begun) most = std::max(most, share);
            one = 0;
        }
        of_window = 0;
        begun = seen == (1u << kProducers) - 1;
    }
};

weir_verdict count(weir_stage *self, weir_batch batch) {
    Ledger &ledger = **static_cast<Ledger **>(weir_state(self));
    if (ledger.wanted == 0) return WEIR_CONTINUE;
    const auto *words = static_cast<const uint64_t *>(batch.events);
    uint64_t of_batch = batch.count * weir_batch_event_bytes(self) / sizeof(uint64_t);
    auto who = static_cast<unsigned>((words[0] - 1) / ledger.span);
    ledger.sums[who] += work_sum(words, of_batch);
    ledger.got[who] += of_batch;
    ledger.note(who, batch.count);
    ledger.wanted -= std::min<uint64_t>(ledger.wanted, batch.count);
    if (ledger.wanted == 0) {
        ledger.ended = race_clock_ns();
        sem_post(&ledger.done);
    }
    return WEIR_CONTINUE;
}

// Each producer's words came once each, in order.
bool is_right(const Ledger &ledger) {
    for (unsigned who = 0; who < kProducers; who++) {
        uint64_t words = ledger.got[who];
        if (ledger.sums[who] != work_expected(words) + words * who * ledger.span) return false;
    }
    return true;
}

class Merge {
  public:
    Merge(const Setting &setting, unsigned workers, Ledger &ledger) {
        weir_runtime_options options = {};
        options.workers = workers;
        options.log = part_no_log; // that events were under way when it was stopped is no news
        part_must(weir_runtime_open(&options, &runtime_));
        weir_ref sink = start_sink(ledger);
        for (unsigned i = 0; i < kProducers; i++) {
            part_source source = {};
            source.events = ledger.wanted + setting.max_demand; // more than it gets rid of
            source.first = i * source.events;
            source.event_bytes = setting.event_bytes;
            source.worker = WEIR_WORKER(i % workers);
            ledger.span = source.events * setting.event_bytes / sizeof(uint64_t);
            sources_[i] = part_start_source(runtime_, &source);
            weir_subscribe_options window = {};
            window.max_demand = setting.max_demand;
            window.min_demand = setting.min_demand;
            part_must(
                weir_subscribe_wait(runtime_, sink, sources_[i], &window, WEIR_FOREVER, nullptr));
        }
    }
    void go() {
        for (weir_ref source : sources_) part_must(weir_demand(runtime_, source, WEIR_FORWARD));
    }
    // Whether the accounts are right.
    bool close() {
        weir_accounts accounts;
        part_must(weir_runtime_stop(runtime_, WEIR_REASON_SHUTDOWN));
        part_must(weir_runtime_close(runtime_, &accounts));
        return weir_accounts_check(&accounts) == nullptr;
    }

  private:
    weir_ref start_sink(Ledger &ledger) {
        Ledger *state = &ledger;
        weir_stage_options options = {};
        options.kind = WEIR_CONSUMER;
        options.state = &state;
        options.state_bytes = sizeof state;
        options.worker = WEIR_WORKER(0);
        options.on.handle_events = count;
        weir_ref sink;
        part_must(weir_stage_start(runtime_, &options, &sink));
        return sink;
    }

    weir_runtime *runtime_ = nullptr;
    weir_ref sources_[kProducers];
};

rows::Outcome run(const Setting &setting, unsigned workers, uint64_t events) {
    Ledger ledger(events, kBatches * setting.batch());
    if (sem_init(&ledger.done, 0, 0) != 0) return {};
    Merge merge(setting, workers, ledger);
    double began = race_clock_ns();
    merge.go();
    part_wait(&ledger.done);
    rows::Outcome outcome;
    outcome.nanoseconds = ledger.ended - began;
    outcome.correct = merge.close() && is_right(ledger);
    sem_destroy(&ledger.done);
    if (ledger.most > 0) { // a run that looks for the number of events may be too short
        constexpr double percent = kProducers * 100;
        outcome.figures = {{"least_percent", ledger.least * percent},
                           {"most_percent", ledger.most * percent},
                           {"run_least_percent", ledger.least_of_all() * percent}};
    }
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        for (const Setting &setting : kSettings) {
            rows::add("weir/" + rows::place_name(workers) + "/" + setting.name,
                      [=](uint64_t events) { return run(setting, workers, events); });
        }
    }
    return rows::run(argc, argv);
}
