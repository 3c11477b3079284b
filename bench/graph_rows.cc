// The rows of a workload: its graph of weir stages in all settings, and its peers.
// SPDX-License-Identifier: Apache-2.0
#include "graph_rows.h"

#include <weir/types.h>

namespace rows {

namespace {

struct Setting {
    const char *name;
    size_t max_demand, min_demand;
    bool singly;
};

constexpr Setting kSettings[] = {
    {"max:1", 1, 0, false},
    {"max:10", 10, 0, false},
    {"max:100", 100, 0, false},
    {"max:1000", 1000, 0, false},
    {"max:10000", 10000, 0, false},
    // One batch at a time, which the nearest cache holds: for stages of one worker.
    {"max:4000,min:0", 4000, WEIR_NONE, false},
    {"max:2000,min:0", 2000, WEIR_NONE, false},
    // Half a MiB under way, asked for by 8,192: for two cores.
    {"max:65536,min:57344", 65536, 57344, false},
    {"deep", 1000000, 992000, false},
    {"item,max:1000", 1000, 0, true},
    {"item,max:10000", 10000, 0, true},
};

} // namespace

graph_shape shape_of(const Workload &workload, unsigned workers) {
    graph_shape shape = {};
    shape.kind = workload.kind;
    shape.middles = workload.middles;
    shape.workers = workers;
    shape.event_bytes = sizeof(uint64_t);
    return shape;
}

std::string place_name(unsigned workers) {
    if (workers == 1) return "one_core";
    return workers == 2 ? "split" : "workers:" + std::to_string(workers);
}

void add_weir(graph_shape shape, const std::string &setting) {
    if (shape.event_bytes == 0) shape.event_bytes = sizeof(uint64_t);
    add("weir/" + place_name(shape.workers) + "/" + setting,
        [shape](uint64_t events) { return graph_run(shape, events); });
}

void add_graph(const std::string &workload, graph_kind kind, unsigned middles) {
    graph_shape shape = {};
    shape.kind = kind;
    shape.middles = middles;
    for (unsigned workers : {2u, 1u}) {
        for (const Setting &setting : kSettings) {
            shape.workers = workers;
            shape.max_demand = setting.max_demand;
            shape.min_demand = setting.min_demand;
            shape.singly = setting.singly;
            add_weir(shape, setting.name);
        }
    }
    add_peers(workload);
}

} // namespace rows
