// Workers: what more of them bring.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How fast are the workloads on 1, 2, 4, 8 and 16 workers, as far as there are
// cores for them, each graph by itself and pipes of two side by side, one for two workers?
//
// Prediction.  Pipes side by side share nothing, so their rates add up: 0.9 of as many
// times one.  A graph gains only while its work outweighs the lines that cross, which a sum
// of 8 bytes does not: one worker stays ahead, and from two on it is the one stage on its
// own side that counts.
#include "graph_rows.h"
#include "pipes.h"

namespace {

struct Workload {
    const char *name;
    graph_kind kind;
    unsigned middles;
};

constexpr Workload kWorkloads[] = {
    {"pipe2", GRAPH_PIPE, 0},          {"pipe3", GRAPH_PIPE, 1},          {"share", GRAPH_SHARE, 0},
    {"broadcast", GRAPH_BROADCAST, 0}, {"partition", GRAPH_PARTITION, 0}, {"merge", GRAPH_MERGE, 0},
};

void add_aggregate(unsigned workers) {
    pipes_shape shape = {workers < 2 ? 1 : workers / 2, workers, 1000, 0};
    rows::add("weir/" + rows::place_name(workers) + "/aggregate",
              [=](uint64_t events) { return pipes_run(shape, events); });
}

} // namespace

int main(int argc, char **argv) {
    unsigned cores = race_cores_count();
    for (unsigned workers : {1u, 2u, 4u, 8u, 16u}) {
        if (workers > 2 && workers > cores) break;
        for (const Workload &workload : kWorkloads) {
            graph_shape shape = {};
            shape.kind = workload.kind;
            shape.middles = workload.middles;
            shape.workers = workers;
            rows::add_weir(shape, workload.name);
        }
        add_aggregate(workers);
    }
    return rows::run(argc, argv);
}
