// Partition: one producer, four consumers, each event to the one of its key.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes are dealt out by a key per second, split over two
// cores and with all stages on one worker, beside the peers?  Neighbouring events always
// belong to different consumers: the hardest case.  In the rows hash_each the hash is called
// for each event, as in GenStage; else it is shown many (hash_many).
//
// Prediction.  Two stores for each event, its own and that of the place for the next one,
// so a nanosecond, and half of one to ask and to count; with a call for each event two or
// three times that.  The rate is the dealing core's, some hundred million per second.
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
