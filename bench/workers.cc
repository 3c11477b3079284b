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
        for (const rows::Workload &workload : rows::kWorkloads) {
            rows::add_weir(rows::shape_of(workload, workers), workload.name);
        }
        add_aggregate(workers);
    }
    return rows::run(argc, argv);
}
