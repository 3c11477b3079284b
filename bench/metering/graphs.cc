// The pipe of two as a peer serves it: see ../metered.cc.
// SPDX-License-Identifier: Apache-2.0
#include "graph.h"
#include "peer.h"

#include <weir/types.h>

namespace {

struct Setting {
    const char *name;
    size_t max_demand, min_demand;
};

constexpr Setting kSettings[] = {{"max:1", 1, 0},
                                 {"max:10", 10, 0},
                                 {"max:1000", 1000, 0},
                                 {"max:4000,min:0", 4000, WEIR_NONE},
                                 {"deep", 1000000, 992000}};

peer::Case make_case(unsigned workers, const Setting &setting) {
    graph_shape shape = {};
    shape.kind = GRAPH_PIPE;
    shape.workers = workers;
    shape.event_bytes = sizeof(uint64_t);
    shape.max_demand = setting.max_demand;
    shape.min_demand = setting.min_demand;
    const char *place = workers == 1 ? "one_core/" : "split/";
    return {std::string("metered/") + place + setting.name, [shape](uint64_t events) {
                race_result result = graph_run(shape, events);
                peer::Outcome outcome;
                outcome.nanoseconds = result.nanoseconds;
                outcome.correct = result.correct;
                return outcome;
            }};
}

} // namespace

int main() {
    std::vector<peer::Case> cases;
    for (unsigned workers : {2u, 1u}) {
        for (const Setting &setting : kSettings) cases.push_back(make_case(workers, setting));
    }
    return peer::serve(cases);
}
