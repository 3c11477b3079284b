// One event there and back over two queues.
// SPDX-License-Identifier: Apache-2.0
//
// Each trip is timed by the processor's counter, whose pace is taken from the clock over
// the whole run: reading the clock costs a good part of a trip.
#ifndef BENCH_PEERS_QUEUES_ROUND_TRIP_H
#define BENCH_PEERS_QUEUES_ROUND_TRIP_H

#include "ends.h"
#include "order.h"
#include "peer.h"

#include <algorithm>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace queues {

// How the sides wait: spinning, or by the library's own way of blocking. Then the first
// rests between trips for so long that the other has parked.
enum class Patience { spin, parked };

constexpr size_t kTripCapacity = 1024;
constexpr size_t kTripsKept = 1 << 20;
constexpr double kRestNanoseconds = 20000;

inline uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return static_cast<uint64_t>(race_clock_ns());
#endif
}

template <Patience patience, class Reader> uint64_t await(Reader &reader) {
    uint64_t word = 0;
    if constexpr (patience == Patience::parked) {
        reader.wait_pop(word);
    } else {
        while (!reader.pop(word)) ck_pr_stall();
    }
    return word;
}

inline void rest() {
    double until = race_clock_ns() + kRestNanoseconds;
    while (race_clock_ns() < until) ck_pr_stall();
}

template <class Queue, Patience patience> peer::Outcome round_trip(uint64_t events) {
    Queue there(kTripCapacity), back(kTripCapacity);
    uint64_t sum = 0;
    const uint64_t every = (events + kTripsKept - 1) / kTripsKept;
    std::vector<uint64_t> trips(static_cast<size_t>(events / every), 0);
    uint64_t began = 0, ended = 0;
    auto ping = [&] {
        typename Queue::Writer writer(there);
        typename Queue::Reader reader(back);
        began = ticks();
        for (uint64_t word = 1; word <= events; word++) {
            if constexpr (patience == Patience::parked) rest();
            uint64_t start = ticks();
            while (!writer.push(word)) ck_pr_stall();
            sum += await<patience>(reader);
            // Later ones overwrite earlier ones of the same few.
            trips[static_cast<size_t>(word / every) % trips.size()] = ticks() - start;
        }
        ended = ticks();
    };
    auto pong = [&] {
        typename Queue::Reader reader(there);
        typename Queue::Writer writer(back);
        for (uint64_t word = 1; word <= events; word++) {
            uint64_t got = await<patience>(reader);
            while (!writer.push(got)) ck_pr_stall();
        }
    };
    peer::Outcome outcome;
    outcome.nanoseconds = peer::run_together({{0, ping}, {1, pong}});
    outcome.correct = sum == work_expected(events);
    double pace = outcome.nanoseconds / static_cast<double>(std::max<uint64_t>(ended - began, 1));
    std::vector<double> nanoseconds;
    for (uint64_t trip : trips) nanoseconds.push_back(static_cast<double>(trip) * pace);
    peer::quantiles(nanoseconds, outcome);
    return outcome;
}

} // namespace queues

#endif
