// Share: one producer, four consumers, each event to one of them.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes are shared out per second, split over two cores
// and with all stages on one worker, beside the peers?
//
// Prediction.  The four consumers are one worker's, so what crosses is what crosses in a
// pipe, in four rings: near the pipe's rate, as long as a producer that is asked for 500
// by each in turn still emits whole slices.
#include "graph_rows.h"

int main(int argc, char **argv) {
    rows::add_graph("share", GRAPH_SHARE);
    return rows::run(argc, argv);
}
