// The rows of a workload: its graph of weir stages in all settings, and its peers.
// SPDX-License-Identifier: Apache-2.0
#include "graph_rows.h"

#include "ceiling_rows.h"
#include "work.h"

#include <weir/types.h>

namespace rows {

namespace {

struct Setting {
    const char *name;
    size_t max_demand, min_demand;
    bool singly;
    bool by_hand; // there is a loop by hand beside it, and both with either set of loops
};

constexpr Setting kSettings[] = {
    {"max:1", 1, 0, false, false},
    {"max:10", 10, 0, false, false},
    {"max:100", 100, 0, false, false},
    {"max:1000", 1000, 0, false, true},
    {"max:10000", 10000, 0, false, false},
    // One batch at a time, which the nearest cache holds: for stages of one worker.
    {"max:4000,min:0", 4000, WEIR_NONE, false, true},
    {"max:2000,min:0", 2000, WEIR_NONE, false, false},
    // Half a MiB under way, asked for by 8,192: for two cores.
    {"max:65536,min:57344", 65536, 57344, false, true},
    {"deep", 1000000, 992000, false, false},
    {"item,max:1000", 1000, 0, true, false},
    {"item,max:10000", 10000, 0, true, false},
};

// What is left of a graph by hand on one core, where nothing is passed on: four sources in
// turn are one, and four consumers that share.
ceiling_chores chores_of(graph_kind kind, unsigned middles) {
    switch (kind) {
    case GRAPH_BROADCAST:
        return {middles, false, GRAPH_BRANCHES};
    case GRAPH_PARTITION:
        return {middles, true, 0};
    default:
        return {middles, false, 1};
    }
}

void add_loops_by_hand(graph_kind kind, unsigned middles, const Setting &setting) {
    auto max = static_cast<uint32_t>(setting.max_demand);
    uint32_t min = setting.min_demand == 0 ? max / 2 : 0;
    if (setting.min_demand != 0 && setting.min_demand != WEIR_NONE) {
        min = static_cast<uint32_t>(setting.min_demand);
    }
    for (const char *loops : {"", WORK_PLAIN}) {
        add_loop(race_cores_pick(), {max, min, sizeof(uint64_t)}, chores_of(kind, middles),
                 std::string(setting.name) + loops);
    }
}

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
            if (setting.by_hand) add_weir(shape, std::string(setting.name) + WORK_PLAIN);
        }
    }
    for (const Setting &setting : kSettings) {
        if (setting.by_hand) add_loops_by_hand(kind, middles, setting);
    }
    add_peers(workload);
}

} // namespace rows
