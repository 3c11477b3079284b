// Merge: four producers, one consumer.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes do four producers get into one consumer per
// second, split over two cores and with all stages on one worker, beside the peers?
//
// Prediction.  Four rings with one window each: at least a pipe's rate, because the
// consumer seldom finds all four empty.
#include "graph_rows.h"

int main(int argc, char **argv) {
    rows::add_graph("merge", GRAPH_MERGE);
    return rows::run(argc, argv);
}
