// oneTBB as a peer: its flow graph and its parallel pipeline.
// SPDX-License-Identifier: Apache-2.0
//
// Settings begin with the manner: `pipeline` is parallel_pipeline with 64 tokens
// (or as many as are named), `rejecting`, `lightweight` and `limiter` are flow graphs
// with what keeps their producer from running ahead.  Then comes what a message is:
// `item`, one event, or `vector:N`, a pointer to a vector of N events.  Messages of any length
// are in tbb_texts.cc, a whole pipeline with batches and acknowledgements in tbb_pipeline.cc.
#include "tbb_site.h"

int main() {
    std::vector<peer::Case> cases;
    flow::add_tbb_pipes(cases);
    flow::add_tbb_fans(cases);
    flow::add_tbb_latencies(cases);
    flow::add_tbb_texts(cases);
    flow::add_tbb_pipelines(cases);
    return peer::serve(cases);
}
