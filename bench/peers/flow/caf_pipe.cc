// CAF: a producer, perhaps a stage that doubles, and a consumer.
// SPDX-License-Identifier: Apache-2.0
#include "caf_site.h"

namespace flow {

namespace {

// The helpers that make a stage of callbacks want them called for each item; a driver
// made of the same callbacks takes batches as well.
template <class Kind>
caf::actor spawn_doubler(caf::actor_system &actors, Kind &kind, const caf::actor &to) {
    using Element = typename Kind::Element;
    using Doubler = decltype(kind.doubler());
    using Manager = caf::broadcast_downstream_manager<Element>;
    using Driver = caf::detail::stream_stage_driver_impl<Element, Manager, Doubler, caf::unit_t>;
    return actors.spawn([&kind, to](caf::event_based_actor *self) -> caf::behavior {
        return {[self, &kind, to](const caf::stream<Element> &in) {
            auto stage = caf::detail::make_stream_stage<Driver>(
                self, [](caf::unit_t &) {}, kind.doubler(), caf::unit);
            stage->add_inbound_path(in);
            stage->add_outbound_path(to);
        }};
    });
}

template <class Kind>
peer::Outcome pipe(Kind &kind, unsigned cores, unsigned stages, uint64_t events) {
    Tally tally;
    Finish finish(1);
    System system(cores);
    caf::actor_system &actors = system.actors();
    caf::actor first = spawn_sink(actors, kind, {&tally, events, &finish});
    if (stages == 3) first = spawn_doubler(actors, kind, first);
    double start = race_clock_ns();
    spawn_source(actors, kind, {1, events + 1}, first);
    double end = finish.wait();
    return caf_outcome(start, end, tally.sum, work_expected(events) * (stages == 3 ? 2 : 1));
}

} // namespace

void add_caf_pipes(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        for (unsigned stages : {2u, 3u}) {
            std::string name = "pipe" + std::to_string(stages) + "/" + place.name + "/";
            cases.push_back({name + "item", [=](uint64_t events) {
                                 Items items;
                                 return pipe(items, place.cores, stages, events);
                             }});
            cases.push_back({name + "batch", [=](uint64_t events) {
                                 Batches batches;
                                 return pipe(batches, place.cores, stages, events);
                             }});
            cases.push_back({name + "vector:1000", [=](uint64_t events) {
                                 Vectors vectors(1000);
                                 return pipe(vectors, place.cores, stages, events);
                             }});
        }
    }
}

} // namespace flow
