// Which settings of each workload a queue is run with, and what they are called.
// SPDX-License-Identifier: Apache-2.0
//
// WORKLOAD/PLACEMENT/[KIND,]HOW,cap:N[,threads|,hosted], where HOW is item, bulk:N,
// in_place:N or batch:N (pointers to batches of N).  The pipe of two tells which bulk and
// which capacity suit a queue; the other workloads are run with those that are best there.
#ifndef BENCH_PEERS_QUEUES_HARNESS_H
#define BENCH_PEERS_QUEUES_HARNESS_H

#include "batch_workloads.h"
#include "round_trip.h"
#include "workloads.h"

#include <string>

namespace queues {

constexpr size_t kBulk = 1024;
constexpr size_t kCapacity = 8192;
constexpr size_t kLargeCapacity = 65536;
constexpr size_t kBatches = 64; // that a queue of pointers holds

// Collects cases.  `kind` tells apart the queues of one library; the usual one has none.
class Cases {
  public:
    // All workloads, over queues with one producer and one consumer.
    template <class Queue> void add_single(const std::string &kind);
    // Share from, and merge into, one queue for all threads.
    template <class Queue> void add_share_of_one(const std::string &kind);
    template <class Queue> void add_merge_into_one(const std::string &kind);
    // All but push and the round trip, with pointers to batches.
    template <class Queue> void add_batches(const std::string &kind);
    template <class Queue, Mode mode> void add_pipe2(const std::string &kind);
    template <class Queue, Patience patience> void add_round_trip(const std::string &kind);

    std::vector<peer::Case> all;

  private:
    using Run = std::function<peer::Outcome(const Setting &, uint64_t)>;

    template <class Queue, Mode mode> void add_graphs(const std::string &kind);
    template <class Queue> void add_push(const std::string &kind);
    template <Mode mode>
    void add_one_for_all(const std::string &workload, const std::string &kind, const Run &run);
    void add(const std::string &workload, const std::string &kind, Mode mode, Setting setting,
             const Run &run);
};

inline void Cases::add(const std::string &workload, const std::string &kind, Mode mode,
                       Setting setting, const Run &run) {
    static const char *const placements[] = {"/split/", "/split/", "/spread/", "/one_core/"};
    std::string name = workload + placements[static_cast<size_t>(setting.placement)];
    if (!kind.empty()) name += kind + ",";
    static const char *const modes[] = {"item", "bulk:", "in_place:", "batch:"};
    name += modes[static_cast<size_t>(mode)];
    if (mode != Mode::item) name += std::to_string(setting.turn);
    name += ",cap:" + std::to_string(setting.capacity);
    if (workload != "pipe2" && setting.placement == Placement::threads) name += ",threads";
    if (setting.placement == Placement::hosted) name += ",hosted";
    all.push_back({name, [=](uint64_t events) { return run(setting, events); }});
}

template <class Queue, Mode mode> void Cases::add_pipe2(const std::string &kind) {
    auto run = [](const Setting &setting, uint64_t events) {
        return share<Queue, mode>(setting, 1, 1, setting.turn, events);
    };
    for (Placement placement : {Placement::threads, Placement::one_core}) {
        for (size_t turn : {kItemTurn, kBulk}) {
            if (mode == Mode::item && turn != kItemTurn) continue;
            for (size_t capacity : {size_t{1024}, kCapacity, kLargeCapacity, size_t{1048576}}) {
                if (mode == Mode::item && capacity > kLargeCapacity) continue;
                add("pipe2", kind, mode, {turn, capacity, placement}, run);
            }
        }
    }
}

template <class Queue, Mode mode> void Cases::add_graphs(const std::string &kind) {
    for (size_t capacity : {kCapacity, kLargeCapacity}) {
        if (mode == Mode::item && capacity > kCapacity) continue;
        for (Placement placement : {Placement::threads, Placement::hosted, Placement::one_core}) {
            Setting setting = {mode == Mode::item ? kItemTurn : kBulk, capacity, placement};
            add("pipe3", kind, mode, setting, pipe3<Queue, mode>);
            add("share", kind, mode, setting, [](const Setting &how, uint64_t events) {
                return share<Queue, mode>(how, kBranches, kBranches, how.turn, events);
            });
            add("broadcast", kind, mode, setting, broadcast<Queue, mode>);
            add("partition", kind, mode, setting, partition<Queue, mode>);
            add("merge", kind, mode, setting, [](const Setting &how, uint64_t events) {
                return merge<Queue, mode>(how, kBranches, events);
            });
        }
    }
}

// To each consumer at most one event that it has not taken yet.
template <class Queue> void Cases::add_push(const std::string &kind) {
    for (Placement placement : {Placement::threads, Placement::hosted, Placement::one_core}) {
        add("push", kind, Mode::item, {kItemTurn, 1, placement},
            [](const Setting &how, uint64_t events) {
                return share<Queue, Mode::item>(how, kBranches, kBranches, 1, events);
            });
    }
}

template <class Queue> void Cases::add_batches(const std::string &kind) {
    for (Placement placement : {Placement::threads, Placement::hosted, Placement::one_core}) {
        for (size_t size : {size_t{1000}, size_t{4000}}) {
            Setting setting = {size, kBatches, placement};
            auto add_one = [&](const std::string &workload, const Run &run) {
                add(workload, kind, Mode::batch, setting, run);
            };
            // Two stages on two cores are the same as threads or hosted.
            if (placement != Placement::hosted) {
                add_one("pipe2", [](const Setting &how, uint64_t events) {
                    return share_batches<Queue>(how, 1, events);
                });
            }
            add_one("pipe3", pipe3_batches<Queue>);
            add_one("share", [](const Setting &how, uint64_t events) {
                return share_batches<Queue>(how, kBranches, events);
            });
            add_one("broadcast", broadcast_batches<Queue>);
            add_one("partition", partition_batches<Queue>);
            add_one("merge", merge_batches<Queue>);
        }
    }
}

// Queues with one producer and one consumer.
template <class Queue> void Cases::add_single(const std::string &kind) {
    if constexpr (Queue::kInPlace) {
        add_pipe2<Queue, Mode::in_place>(kind);
        add_graphs<Queue, Mode::in_place>(kind);
    } else {
        add_pipe2<Queue, Mode::item>(kind);
        add_graphs<Queue, Mode::item>(kind);
        if constexpr (Queue::kBulk) {
            add_pipe2<Queue, Mode::bulk>(kind);
            add_graphs<Queue, Mode::bulk>(kind);
        }
        add_push<Queue>(kind);
        add_round_trip<Queue, Patience::spin>(kind);
    }
}

// Threads only: a queue for many is of no use to one thread.
template <Mode mode>
void Cases::add_one_for_all(const std::string &workload, const std::string &kind, const Run &run) {
    for (size_t capacity : {kCapacity, kLargeCapacity}) {
        if (mode == Mode::item && capacity > kCapacity) continue;
        for (Placement placement : {Placement::threads, Placement::spread}) {
            add(workload, kind, mode, {mode == Mode::item ? kItemTurn : kBulk, capacity, placement},
                run);
        }
    }
}

template <class Queue> void Cases::add_share_of_one(const std::string &kind) {
    add_one_for_all<Mode::item>("share", kind, [](const Setting &how, uint64_t events) {
        return share<Queue, Mode::item>(how, 1, kBranches, how.turn, events);
    });
    if constexpr (Queue::kBulk) {
        add_one_for_all<Mode::bulk>("share", kind, [](const Setting &how, uint64_t events) {
            return share<Queue, Mode::bulk>(how, 1, kBranches, how.turn, events);
        });
    }
}

template <class Queue> void Cases::add_merge_into_one(const std::string &kind) {
    add_one_for_all<Mode::item>("merge", kind, [](const Setting &how, uint64_t events) {
        return merge<Queue, Mode::item>(how, 1, events);
    });
    if constexpr (Queue::kBulk) {
        add_one_for_all<Mode::bulk>("merge", kind, [](const Setting &how, uint64_t events) {
            return merge<Queue, Mode::bulk>(how, 1, events);
        });
    }
}

template <class Queue, Patience patience> void Cases::add_round_trip(const std::string &kind) {
    std::string name = "round_trip/split/" + (kind.empty() ? kind : kind + ",");
    name += patience == Patience::spin ? "spin" : "parked";
    all.push_back({name, round_trip<Queue, patience>});
}

} // namespace queues

#endif
