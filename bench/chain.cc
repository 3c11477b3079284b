// Chain: a pipe of many stages.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What does an event cost in a chain of 2 to 64 stages at the default demand,
// all on one worker, and cut in two halves over two workers?
//
// Prediction.  A stage more costs its batch once more: its doubling, and a turn.  So
// the cost per event grows with the stages, and that per stage stays the same, within a
// quarter from 4 to 64: what is on its way, 8 KiB at each edge, still lies in the second
// cache.  In halves one edge crosses, which weighs less the longer the chain is: from 16
// stages on two workers are faster than one, near twice as fast at 64.
#include "graph_rows.h"

namespace {

void add(unsigned workers, unsigned stages) {
    graph_shape shape = {};
    shape.kind = GRAPH_PIPE;
    shape.middles = stages - 2;
    shape.workers = workers;
    shape.halves = true;
    shape.event_bytes = sizeof(uint64_t);
    rows::add("weir/" + rows::place_name(workers) + "/stages:" + std::to_string(stages),
              [=](uint64_t events) {
                  rows::Outcome outcome = graph_run(shape, events);
                  double visits = static_cast<double>(events) * stages;
                  outcome.figures["ns_per_stage"] = outcome.nanoseconds / visits;
                  return outcome;
              });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        for (unsigned stages : {2u, 3u, 4u, 8u, 16u, 32u, 64u}) add(workers, stages);
    }
    return rows::run(argc, argv);
}
