// Pipe of three: a producer, a stage that doubles, a consumer.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes go through three stages per second, split over
// two cores (the first two on one) and with all stages on one worker, beside the peers?
//
// Prediction.  The doubling happens in place, in the producer's own cache, so split it is
// near the pipe of two; on one worker three loops over a batch in the nearest cache.
#include "graph_rows.h"

int main(int argc, char **argv) {
    rows::add_graph("pipe3", GRAPH_PIPE, 1);
    return rows::run(argc, argv);
}
