// README's loops: a counter, a multiplier and a consumer, as they are taught.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What do loops over events lose that are written plainly, `i < room.count` and
// `i < batch.count`, against the same with everything copied to locals first?
//
// Prediction.  Nothing: a room and a batch come by value, so no store to an event can change
// what the loop tests, and compilers vectorize it either way.
#include "readme_loops.h"
#include "rows.h"

#include <weir/types.h>

#include <string>

int main(int argc, char **argv) {
    struct Setting {
        const char *name;
        size_t max_demand, min_demand;
    };
    for (unsigned workers : {1u, 2u}) {
        for (const Setting &setting : {Setting{"max:1000", 1000, 0}, Setting{"max:4000", 4000, 0},
                                       Setting{"max:4000,min:0", 4000, WEIR_NONE}}) {
            for (bool by_hand : {false, true}) {
                readme_shape shape = {by_hand, workers, setting.max_demand, setting.min_demand};
                rows::add(std::string("weir/") + (workers == 1 ? "one_core/" : "split/") +
                              (by_hand ? "locals," : "plain,") + setting.name,
                          [=](uint64_t events) { return readme_run(shape, events); });
            }
        }
    }
    return rows::run(argc, argv);
}
