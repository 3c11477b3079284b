// Pipelines: what does a message cost beside the same wiring by hand?
// SPDX-License-Identifier: Apache-2.0
//
// Question.  Messages of 8 and of 120 bytes go from a source through 4 processors and a batcher of
// 500 to a sink that counts, and are acknowledged.  What does a pipeline add to what the same
// stages cost when they are wired by hand: where batches are handled on a worker (quick), and where
// on a thread of their own (threads), as those must that block?  And how fast is it beside
// oneTBB's flow graph, and beside Broadway, whose pipeline it is?
//
// Prediction.  A call of handle_message by a pointer, a look at what it says, and a task of a pool
// for each batch: less than 10 ns a message.  A thread adds two switches for each batch, which two
// cores have to spare for the source's thread, too: some 20 ns.  oneTBB, message by message, takes
// a task for each message and node, 500 ns and more; Broadway makes lists of maps, some
// microseconds.
//
// And what does it cost that batches are gathered on the timely worker, a thread more?  And where
// processors block, a task of a pool for each message (some microseconds), what do new bytes for it
// add?  Less than 100 ns: a look into a list under a lock, a copy, and two locked operations.
//
// Broadway's processors ask for "max" messages at most, oneTBB's edges carry a message or a vector
// of them (peers/flow/tbb_pipeline.cc, peers/managed/broadway).  Broadway takes part when
// WEIR_BROADWAY names a checkout of it.
#include "graph_rows.h"
#include "pipeline_graph.h"

namespace {

// Who, and how the batches are handled.
constexpr const char *kManners[][2] = {{"bare", ""},          {"weir", "quick,"},
                                       {"weir", "threads,"},  {"weir", "timely,"},
                                       {"weir", "blocking,"}, {"weir", "blocking,sets,"}};

void add_cost(rows::Outcome &outcome, uint64_t count) {
    outcome.figures["ns_per_message"] = outcome.nanoseconds / static_cast<double>(count);
}

void add(pipeline_graph graph) {
    const auto &[who, manner] = kManners[graph.manner];
    std::string name = std::string(who) + "/" + rows::place_name(graph.workers) + "/" + manner +
                       "bytes:" + std::to_string(graph.bytes);
    rows::add(name, [graph](uint64_t count) {
        rows::Outcome outcome = pipeline_graph_run(graph, count);
        add_cost(outcome, count);
        return outcome;
    });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {2u, 1u}) {
        for (size_t bytes : {size_t{8}, size_t{120}}) {
            for (int manner = 0; manner < PIPELINE_MANNERS; manner++) {
                add({static_cast<pipeline_manner>(manner), workers, bytes});
            }
        }
    }
    rows::add_peers("pipeline", add_cost);
    return rows::run(argc, argv);
}
