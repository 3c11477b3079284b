// The batcher: what does it cost an event to be gathered?
// SPDX-License-Identifier: Apache-2.0
//
// Question.  Events of 8 and of 120 bytes go through a batcher of 500 to a consumer that counts.
// What does an event cost, beside a bare stage that copies into arrays of its own by hand, and
// emits where they are?  And what do owned events, and keys, add to that?
//
// Prediction.  The batcher copies as the bare stage does, and has some 100 ns of work for each
// batch: less than 1 ns an event more.  Owned events have a word each that is read twice and
// written twice: 3 ns.  Of 16 keys in turn each event has a look into a table, and goes by itself:
// 15 ns; in runs of 100 the table is nothing.
//
// And how late do batches go that wait for their time, while their worker is busy with a neighbour
// who always has work, in callbacks of 1 to 1,000 us?  Less than 1 ms late as long as those take up
// to 100 us, which end a turn; a millisecond and more behind longer ones; on a worker of its own
// not at all.
#include "gather_graph.h"
#include "gather_late.h"
#include "graph_rows.h"

namespace {

struct Manner {
    gather_manner manner;
    const char *name;
};
constexpr Manner kManners[] = {{GATHER_FLAT, "flat"},
                               {GATHER_OWNED, "owned"},
                               {GATHER_KEYS, "keys"},
                               {GATHER_KEYS_RUNS, "keys_in_runs"}};

void add(const std::string &who, const std::string &setting, gather_graph graph) {
    std::string name = who + "/" + rows::place_name(graph.workers) + "/" + setting +
                       ",bytes:" + std::to_string(graph.event_bytes);
    rows::add(name, [graph](uint64_t count) {
        rows::Outcome outcome = gather_graph_run(graph, count);
        outcome.figures["ns_per_event"] = outcome.nanoseconds / static_cast<double>(count);
        return outcome;
    });
}

struct Late {
    const char *name;
    gather_late late;
};
constexpr Late kLate[] = {
    {"late/alone", {0, 0, GATHER_WITH_NEIGHBOUR, 0, 0}},
    {"late/neighbour,us:1", {1000, 1, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:20", {20000, 1, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:64x5", {320000, 64, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:64x20", {1280000, 64, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:1000", {1000000, 1, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:1000,own_worker", {1000000, 1, GATHER_ON_ANOTHER, 0, 1}},
    {"late/neighbour,us:200000", {200000000, 1, GATHER_WITH_NEIGHBOUR, 0, 1}},
    {"late/neighbour,us:200000,timely", {200000000, 1, GATHER_TIMELY, 0, 1}},
    {"late/neighbours:2,us:200000,timely", {200000000, 1, GATHER_TIMELY, 0, 2}},
    {"late/neighbours:2,us:200000,pause:500,timely", {200000000, 1, GATHER_TIMELY, 500, 2}},
    {"late/neighbours:2,us:64x5,timely", {320000, 64, GATHER_TIMELY, 0, 2}},
    {"late/alone,timely", {0, 0, GATHER_TIMELY, 0, 0}}};

void add_late(const Late &row) {
    rows::add_figures(std::string("weir/") + row.name, [row] {
        gather_lateness found = gather_late_run(row.late);
        rows::Outcome outcome;
        outcome.correct = found.correct && found.batches > 0;
        outcome.figures["p50_us"] = found.p50_us;
        outcome.figures["p99_us"] = found.p99_us;
        outcome.figures["most_us"] = found.most_us;
        return outcome;
    });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {2u, 1u}) {
        for (size_t bytes : {size_t{8}, size_t{120}}) {
            gather_graph graph = {GATHER_BY_HAND, workers, bytes};
            add("ceiling", "by_hand", graph);
            for (const Manner &manner : kManners) {
                graph.manner = manner.manner;
                add("weir", manner.name, graph);
            }
        }
    }
    for (const Late &row : kLate) add_late(row);
    return rows::run(argc, argv);
}
