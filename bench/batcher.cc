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
#include "gather_graph.h"
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
    return rows::run(argc, argv);
}
