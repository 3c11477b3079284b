// Idle stages: what those with nothing to do cost the one pipe that is busy.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How fast is a pipe of two at the default demand beside 0 to 10,000 idle
// stages: consumers, half of them, that have asked, and their producers, which never emit?
//
// Prediction.  A turn visits ready stages and hot edges only, so 10,000 cost less than
// 5 %, which is also what the machine's drift looks like.
#include "graph_rows.h"
#include "pipes.h"

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        for (unsigned idle : {0u, 10u, 100u, 1000u, 10000u}) {
            pipes_shape shape = {1, workers, 1000, idle / 2};
            rows::add("weir/" + rows::place_name(workers) + "/idle:" + std::to_string(idle),
                      [=](uint64_t events) { return pipes_run(shape, events); });
        }
    }
    return rows::run(argc, argv);
}
