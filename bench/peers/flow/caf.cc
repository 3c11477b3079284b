// The C++ Actor Framework as a peer: its streams, and actors where streams do not fit.
// SPDX-License-Identifier: Apache-2.0
//
// Settings: `item` and `batch` are streams of events, whose consumers are called for
// each event or for each batch; `vector:N` are streams of vectors of N events.  All
// have the default credit policy, which decides how large a batch is.
#include "caf_site.h"

int main() {
    std::vector<peer::Case> cases;
    flow::add_caf_pipes(cases);
    flow::add_caf_fans(cases);
    flow::add_caf_actors(cases);
    flow::add_caf_texts(cases);
    return peer::serve(cases);
}
