// Event size: how many bytes an event has.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes to 64 KiB go through a pipe of two per second, split and
// on one worker, beside the ceilings for the same size and window?  At windows of 1,000 and 500,
// and, of events of 1 KiB and more, at windows of so many as are 1 MiB and 256 KiB.
//
// Prediction.  What counts is bytes: the larger the events, the more lines a batch is,
// and the less weir's own work weighs.  From 64 bytes on at least 0.8 of the ceiling; at
// 8,192 a window is 8 MiB, and both sides wait for memory alike.
//
// Both have their memory before the clock starts: weir by four windows that it does not see.
#include "ceiling_rows.h"
#include "graph_rows.h"

namespace {

constexpr uint32_t kLarge = 1024; // bytes, from which on an event has a slot of its own
constexpr uint32_t kWindowBytes[] = {1 << 20, 1 << 18};

void add(uint32_t bytes, uint32_t max, const std::string &setting) {
    const ceiling_window window = {max, max / 2, bytes};
    rows::add_slices(race_cores_pick(), window, setting);
    rows::add_loop(race_cores_pick(), window, {0, false, 1}, setting);
    if (bytes >= kLarge) rows::add_slots(race_cores_pick(), window, setting);
    graph_shape shape = {};
    shape.kind = GRAPH_PIPE;
    shape.event_bytes = bytes;
    shape.max_demand = max;
    shape.warm = uint64_t{4} * max;
    for (unsigned workers : {1u, 2u}) {
        shape.workers = workers;
        rows::add_weir(shape, setting);
    }
}

} // namespace

int main(int argc, char **argv) {
    for (uint32_t bytes : {8u, 64u, 256u, 1024u, 8192u, 65536u}) {
        const std::string setting = "bytes:" + std::to_string(bytes);
        add(bytes, 1000, setting);
        for (uint32_t window : kWindowBytes) {
            if (bytes < kLarge) continue;
            add(bytes, window / bytes, setting + ",window:" + std::to_string(window >> 10) + "K");
        }
    }
    return rows::run(argc, argv);
}
