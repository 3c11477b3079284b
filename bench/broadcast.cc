// Broadcast: one producer, four consumers, each event to all of them.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes are published per second, each summed four times,
// split over two cores and with all stages on one worker, beside the peers?
//
// Prediction.  A slice is written once and read four times by one worker, three of them
// from its own cache: between a pipe's rate and a quarter of the one-core rate.  Whoever
// copies each event four times is behind by the cost of three copies.
#include "graph_rows.h"

int main(int argc, char **argv) {
    rows::add_graph("broadcast", GRAPH_BROADCAST);
    return rows::run(argc, argv);
}
