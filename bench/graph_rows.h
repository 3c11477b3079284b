// The rows of a workload: its graph of weir stages in all settings, and its peers.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_GRAPH_ROWS_H
#define BENCH_GRAPH_ROWS_H

#include "graph.h"
#include "rows.h"

namespace rows {

// The workloads that are graphs.
struct Workload {
    const char *name;
    graph_kind kind;
    unsigned middles;
};

constexpr Workload kWorkloads[] = {
    {"pipe2", GRAPH_PIPE, 0},          {"pipe3", GRAPH_PIPE, 1},          {"share", GRAPH_SHARE, 0},
    {"broadcast", GRAPH_BROADCAST, 0}, {"partition", GRAPH_PARTITION, 0}, {"merge", GRAPH_MERGE, 0},
};

// At the default demand, of events of 8 bytes.
graph_shape shape_of(const Workload &workload, unsigned workers);

// weir/split and weir/one_core in each setting: by max_demand (and min_demand, unless it is
// the default, half of it); deep, 1,000,000 asked for by 8,000; item, where sources emit
// event by event.  Some of them with plain loops, too (work.h), and the loop by hand on one
// core for these.  And what the peers' programs know of the workload.
void add_graph(const std::string &workload, graph_kind kind, unsigned middles = 0);

// PLACEMENT, as told by the number of workers: one_core, split, workers:4.
std::string place_name(unsigned workers);

// One row: weir/PLACEMENT/SETTING, with PLACEMENT told by the shape's workers; events of
// 8 bytes unless it says otherwise.
void add_weir(graph_shape shape, const std::string &setting);

} // namespace rows

#endif
