// Oversubscribed: more workers than cores.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What becomes of the throughput of the same pipes of two, eight for each core,
// with their stages spread over 1, 2, 4 and 16 times as many workers as there are cores?
//
// Prediction.  Workers then park instead of looking for work, so each change of side is
// the kernel's; a worker that runs has several stages' batches to go through before it
// sleeps, but at 16 times it has one stage only and sleeps for each batch.  16 times keeps
// at least half of what 1 has.
#include "graph_rows.h"
#include "pipes.h"

int main(int argc, char **argv) {
    unsigned cores = race_cores_count();
    if (cores < 2) cores = 2; // else a pipe would be split in some rows and not in others
    for (unsigned times : {1u, 2u, 4u, 16u}) {
        pipes_shape shape = {8 * cores, times * cores, 1000, 0};
        rows::add("weir/" + rows::place_name(shape.workers) + "/times:" + std::to_string(times),
                  [=](uint64_t events) { return pipes_run(shape, events); });
    }
    return rows::run(argc, argv);
}
