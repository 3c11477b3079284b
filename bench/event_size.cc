// Event size: how many bytes an event has.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 to 8,192 bytes go through a pipe of two per second at
// the default demand, split and on one worker, beside the ceilings for the same size?
//
// Prediction.  What counts is bytes: the larger the events, the more lines a batch is,
// and the less weir's own work weighs.  From 64 bytes on at least 0.8 of the ceiling; at
// 8,192 a window is 8 MiB, and both sides wait for memory alike.
#include "ceiling_rows.h"
#include "graph_rows.h"

int main(int argc, char **argv) {
    for (uint32_t bytes : {8u, 64u, 256u, 1024u, 8192u}) {
        std::string setting = "bytes:" + std::to_string(bytes);
        const ceiling_window window = {1000, 500, bytes};
        rows::add_slices(race_cores_pick(), window, setting);
        rows::add_loop(race_cores_pick(), window, {0, false, 1}, setting);
        graph_shape shape = {};
        shape.kind = GRAPH_PIPE;
        shape.event_bytes = bytes;
        for (unsigned workers : {1u, 2u}) {
            shape.workers = workers;
            rows::add_weir(shape, setting);
        }
    }
    return rows::run(argc, argv);
}
