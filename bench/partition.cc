// Partition: one producer, four consumers, each event to the one of its key.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes are dealt out by a key per second, split over two
// cores and with all stages on one worker, beside the peers?  Neighbouring events always
// belong to different consumers: the hardest case.
//
// Prediction.  A call of the hash and a copy for each event: a few nanoseconds, whatever
// else happens; so the rate is the dealing core's, some hundred million per second.
#include "graph_rows.h"

int main(int argc, char **argv) {
    rows::add_graph("partition", GRAPH_PARTITION);
    for (unsigned workers : {2u, 1u}) {
        for (size_t max_demand : {1000u, 10000u}) {
            graph_shape shape = {};
            shape.kind = GRAPH_PARTITION;
            shape.workers = workers;
            shape.max_demand = max_demand;
            shape.hash_each = true;
            rows::add_weir(shape, "hash_each,max:" + std::to_string(max_demand));
        }
    }
    return rows::run(argc, argv);
}
