// CAF: round trips of one event, and a foreign thread that pushes.
// SPDX-License-Identifier: Apache-2.0
//
// A stream batches, so what is about single events is done with plain messages.
#include "caf_site.h"

namespace flow {

namespace {

peer::Outcome round_trip(unsigned cores, uint64_t events) {
    std::vector<double> trips;
    trips.reserve(events);
    uint64_t sum = 0;
    double left = 0;
    Finish finish(1);
    System system(cores);
    caf::actor pong = system.actors().spawn(
        []() -> caf::behavior { return {[](uint64_t value) { return value; }}; });
    caf::actor ping =
        system.actors().spawn([&, pong](caf::event_based_actor *self) -> caf::behavior {
            return {[&, self, pong](uint64_t value) {
                double now = race_clock_ns();
                if (value > 0) trips.push_back(now - left);
                sum += value;
                left = now;
                if (value < events) {
                    self->send(pong, value + 1);
                } else {
                    finish.count(1);
                    self->quit();
                }
            }};
        });
    double start = race_clock_ns();
    caf::anon_send(ping, uint64_t{0});
    double end = finish.wait();
    peer::Outcome outcome = caf_outcome(start, end, sum, work_expected(events));
    peer::quantiles(std::move(trips), outcome);
    return outcome;
}

// A consumer asks for its next event by answering the last one with its number.
peer::Outcome push(unsigned cores, uint64_t events) {
    Tallies tallies;
    System system(cores);
    std::array<caf::actor, kConsumers> to;
    for (uint32_t index = 0; index < kConsumers; index++) {
        Tally *tally = &tallies[index];
        to[index] = system.actors().spawn([=]() -> caf::behavior {
            return {[=](uint64_t value) {
                tally->sum += value;
                return index;
            }};
        });
    }
    caf::scoped_actor self(system.actors());
    double start = race_clock_ns();
    uint64_t next = 1;
    uint64_t answered = 0;
    for (; next <= std::min<uint64_t>(events, kConsumers); next++) self->send(to[next - 1], next);
    while (answered < events) {
        self->receive([&](uint32_t index) {
            answered++;
            if (next <= events) self->send(to[index], next++);
        });
    }
    return caf_outcome(start, race_clock_ns(), total(tallies), work_expected(events));
}

} // namespace

void add_caf_actors(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        unsigned cores = place.cores;
        cases.push_back({std::string("round_trip/") + place.name + "/actors",
                         [=](uint64_t events) { return round_trip(cores, events); }});
        cases.push_back({std::string("push/") + place.name + "/scoped_actor",
                         [=](uint64_t events) { return push(cores, events); }});
    }
}

} // namespace flow
