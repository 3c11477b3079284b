// Footprint: the memory of stages and edges.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many bytes does a runtime take, a producer, a consumer, and an edge at max_demand
// 1 to 10,000 at rest, before events have flowed through it and after; and the edge of a taker
// of a shared queue?
//
// Prediction.  A stage is a few hundred bytes.  An edge at rest has no room for events,
// only its two ends and its ring of slices: about 1 KiB whatever it may ask for.  Once
// events have flowed, the blocks that its window was in, 8 bytes for each event and half a
// block, stay in their workers' pools.
#include "counting.h"
#include "graph_rows.h"

#include <vector>

namespace {

constexpr unsigned kCount = 256; // of each kind; the mean is told

class Site {
  public:
    explicit Site(unsigned workers) : last(WEIR_WORKER(workers - 1)) {
        weir_runtime_options options = {};
        options.workers = workers;
        options.allocator = counting.allocator();
        part_must(weir_runtime_open(&options, &runtime));
    }

    void start_sources(uint64_t events, const weir_dispatcher *dispatcher = nullptr) {
        part_source source = {};
        source.dispatcher = dispatcher;
        source.events = events;
        source.event_bytes = sizeof(uint64_t);
        source.worker = WEIR_WORKER(0);
        source.stays = true;
        for (unsigned i = 0; i < kCount; i++) {
            sources.push_back(part_start_source(runtime, &source));
        }
    }

    void start_sinks() {
        part_sink sink = {};
        sink.sum = &sum;
        for (unsigned i = 0; i < kCount; i++) {
            sinks.push_back(part_start_sink(runtime, &sink, last));
        }
    }

    void subscribe(size_t max_demand) {
        weir_subscribe_options window = {};
        window.max_demand = max_demand;
        for (unsigned i = 0; i < kCount; i++) {
            part_must(weir_subscribe(runtime, sinks[i], sources[i], &window, nullptr));
        }
    }

    void let_flow() {
        for (weir_ref source : sources) part_must(weir_demand(runtime, source, WEIR_FORWARD));
    }

    int64_t bytes() const {
        part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
        return counting.bytes();
    }

    bool close(uint64_t handled) {
        weir_accounts accounts;
        part_must(weir_runtime_close(runtime, &accounts));
        return weir_accounts_check(&accounts) == nullptr && accounts.handled == handled &&
               counting.bytes() == 0;
    }

  private:
    Counting counting;
    weir_runtime *runtime = nullptr;
    unsigned last;
    uint64_t sum = 0;
    std::vector<weir_ref> sources, sinks;
};

double mean(int64_t bytes) {
    return static_cast<double>(bytes) / kCount;
}

rows::Outcome stages(unsigned workers) {
    Site site(workers);
    int64_t empty = site.bytes();
    site.start_sources(0);
    int64_t producers = site.bytes();
    site.start_sinks();
    int64_t both = site.bytes();
    rows::Outcome outcome;
    outcome.figures = {{"runtime_bytes", static_cast<double>(empty)},
                       {"producer_bytes", mean(producers - empty)},
                       {"consumer_bytes", mean(both - producers)}};
    outcome.correct = site.close(0);
    return outcome;
}

rows::Outcome runtimes() {
    rows::Outcome outcome;
    outcome.correct = true;
    for (unsigned workers : {1u, 2u, 16u}) {
        Site site(workers);
        outcome.figures["runtime_" + std::to_string(workers)] = static_cast<double>(site.bytes());
        outcome.correct = site.close(0) && outcome.correct;
    }
    return outcome;
}

rows::Outcome edges(unsigned workers, size_t max_demand,
                    const weir_dispatcher *dispatcher = nullptr) {
    uint64_t events = max_demand * 4; // of each source: the window goes round
    Site site(workers);
    site.start_sources(events, dispatcher);
    site.start_sinks();
    int64_t before = site.bytes();
    site.subscribe(max_demand);
    int64_t rest = site.bytes();
    site.let_flow();
    int64_t used = site.bytes();
    rows::Outcome outcome;
    outcome.figures = {{"rest_bytes", mean(rest - before)}, {"used_bytes", mean(used - before)}};
    outcome.correct = site.close(events * kCount);
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    rows::add_figures("weir/own/runtimes", runtimes);
    for (unsigned workers : {1u, 2u}) {
        std::string place = "weir/" + rows::place_name(workers);
        rows::add_figures(place + "/stages", [=] { return stages(workers); });
        for (size_t max_demand : {1, 10, 1000, 10000}) {
            rows::add_figures(place + "/edge,max:" + std::to_string(max_demand),
                              [=] { return edges(workers, max_demand); });
        }
        rows::add_figures(place + "/taker",
                          [=] { return edges(workers, 1000, weir_shared_dispatcher()); });
    }
    return rows::run(argc, argv);
}
