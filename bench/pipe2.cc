// Pipe of two: a producer, a consumer.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 8 bytes go from one stage to the next per second, split
// over two cores and on one worker, beside the peers and beside the ceilings: what can be
// written by hand, without any library, for these two cores?
//
// Prediction.  At the default demand a batch costs the ceiling's four cache lines, and
// some 1,500 instructions that hide behind them: at least 0.7 of the ceiling; deep
// windows hide the lines themselves.  On one worker weir's instructions do not hide: at
// least 0.6 of the bare loop.
#include "ceiling_rows.h"
#include "graph_rows.h"
#include "work.h"

namespace {

void add_ceilings(race_cores cores) {
    struct Setting {
        const char *name;
        uint32_t max, min;
    };
    for (const Setting &setting :
         {Setting{"max:1000", 1000, 500}, Setting{"max:10000", 10000, 5000},
          Setting{"max:1000" WORK_PLAIN, 1000, 500},
          Setting{"max:4000,min:0" WORK_PLAIN, 4000, 0}}) {
        rows::add_slices(cores, {setting.max, setting.min, sizeof(uint64_t)}, setting.name);
    }
    for (uint32_t batch : {256u, 1024u, 4096u}) {
        for (uint32_t mebibytes : {4u, 8u}) {
            ceiling_deep deep = {batch, mebibytes << 20};
            rows::add("ceiling/split/deep,batch:" + std::to_string(batch) +
                          ",mebibytes:" + std::to_string(mebibytes),
                      [=](uint64_t events) { return ceiling_deep_ring(cores, deep, events); });
        }
    }
    rows::add("ceiling/split/ring_entry_per_event",
              [=](uint64_t events) { return ceiling_ring_per_event(cores, events); });
}

} // namespace

int main(int argc, char **argv) {
    add_ceilings(race_cores_pick());
    rows::add_graph("pipe2", GRAPH_PIPE);
    return rows::run(argc, argv);
}
