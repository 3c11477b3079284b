// oneTBB: round trips of one event, and a foreign thread that pushes.
// SPDX-License-Identifier: Apache-2.0
//
// The foreign thread has the first core, and the one worker the second.  `outside` it is
// no thread of the arena, and hands over each task by the arena's shared queue; `inside`
// it has a slot, and the worker steals from it.  Two `nodes` of one graph answer each
// other wherever their tasks are run.
#include "tbb_site.h"

#include "order.h"

#include <deque>
#include <oneapi/tbb/flow_graph.h>
#include <optional>

namespace flow {

namespace {

namespace graphs = tbb::flow;

// A foreign thread's wait for the worker.  Nothing promises that one comes: oneTBB takes
// it that somebody waits in the arena where tasks are, and a run was once seen to stand
// still.  So after some tens of milliseconds this thread does wait there, and so helps.
class Patience {
  public:
    explicit Patience(graphs::graph &all) : all_(all) {}

    void again() {
        if (++pauses_ % kMostPauses == 0) {
            all_.wait_for_all();
        } else {
            ck_pr_stall();
        }
    }

  private:
    static constexpr uint64_t kMostPauses = uint64_t{1} << 20;

    graphs::graph &all_;
    uint64_t pauses_ = 0;
};

// Calls run(graph) on this thread, outside the arena or inside it.
template <class Run> peer::Outcome on_edge(bool inside, const Run &run) {
    Site site(2, inside ? 1 : 0);
    if (inside) {
        return site.execute([&] {
            graphs::graph all;
            return run(all);
        });
    }
    // A graph belongs to the arena in which it is built.
    std::optional<graphs::graph> all;
    site.execute([&] { all.emplace(); });
    return run(*all);
}

peer::Outcome outcome_of(double nanoseconds, bool correct, std::vector<double> trips) {
    peer::Outcome outcome;
    outcome.nanoseconds = nanoseconds;
    outcome.correct = correct;
    peer::quantiles(std::move(trips), outcome);
    return outcome;
}

peer::Outcome round_trip_external(graphs::graph &all, uint64_t events) {
    alignas(128) std::atomic<uint64_t> answer{0};
    graphs::function_node<uint64_t> echo(all, graphs::serial, [&](uint64_t value) {
        answer.store(value, std::memory_order_release);
        return graphs::continue_msg{};
    });
    std::vector<double> trips;
    trips.reserve(events);
    uint64_t sum = 0;
    double start = race_clock_ns();
    double left = start;
    for (uint64_t value = 1; value <= events; value++) {
        echo.try_put(value);
        Patience wait(all);
        uint64_t seen;
        while ((seen = answer.load(std::memory_order_acquire)) != value) wait.again();
        sum += seen;
        double now = race_clock_ns();
        trips.push_back(now - left);
        left = now;
    }
    all.wait_for_all();
    return outcome_of(left - start, sum == work_expected(events), std::move(trips));
}

peer::Outcome round_trip_nodes(unsigned cores, uint64_t events) {
    Site site(cores);
    return site.execute([&] {
        using Ping = graphs::multifunction_node<uint64_t, std::tuple<uint64_t>>;
        std::vector<double> trips;
        trips.reserve(events);
        uint64_t sum = 0;
        double left = 0;
        graphs::graph all;
        Ping ping(all, graphs::serial, [&](uint64_t value, Ping::output_ports_type &ports) {
            double now = race_clock_ns();
            if (value > 0) trips.push_back(now - left);
            sum += value;
            left = now;
            if (value < events) std::get<0>(ports).try_put(value + 1);
        });
        graphs::function_node<uint64_t, uint64_t> pong(all, graphs::serial,
                                                       [](uint64_t value) { return value; });
        graphs::make_edge(graphs::output_port<0>(ping), pong);
        graphs::make_edge(pong, ping);
        double start = race_clock_ns();
        ping.try_put(0);
        all.wait_for_all();
        return outcome_of(left - start, sum == work_expected(events), std::move(trips));
    });
}

// A node that is at work rejects, so each has one event at most.
peer::Outcome push(graphs::graph &all, uint64_t events) {
    Tallies tallies;
    std::deque<graphs::function_node<uint64_t, graphs::continue_msg, graphs::rejecting>> nodes;
    for (Tally &tally : tallies) {
        nodes.emplace_back(all, graphs::serial, [&tally](uint64_t value) {
            tally.sum += value;
            return graphs::continue_msg{};
        });
    }
    double start = race_clock_ns();
    size_t next = 0;
    for (uint64_t value = 1; value <= events; value++) {
        Patience wait(all);
        while (!nodes[next].try_put(value)) {
            next = (next + 1) % kConsumers;
            if (next == 0) wait.again();
        }
        next = (next + 1) % kConsumers;
    }
    all.wait_for_all();
    double nanoseconds = race_clock_ns() - start;
    return outcome_of(nanoseconds, total(tallies) == work_expected(events), {});
}

} // namespace

void add_tbb_latencies(std::vector<peer::Case> &cases) {
    for (bool inside : {false, true}) {
        std::string where = inside ? "inside" : "outside";
        cases.push_back({"round_trip/own/" + where, [=](uint64_t events) {
                             return on_edge(inside, [&](graphs::graph &all) {
                                 return round_trip_external(all, events);
                             });
                         }});
        cases.push_back({"push/own/rejecting," + where, [=](uint64_t events) {
                             return on_edge(inside,
                                            [&](graphs::graph &all) { return push(all, events); });
                         }});
    }
    for (Placement place : kPlacements) {
        cases.push_back({std::string("round_trip/") + place.name + "/nodes",
                         [=](uint64_t events) { return round_trip_nodes(place.cores, events); }});
    }
}

} // namespace flow
