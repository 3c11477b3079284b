// The workloads over queues of pointers to batches: see batches.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_PEERS_QUEUES_BATCH_WORKLOADS_H
#define BENCH_PEERS_QUEUES_BATCH_WORKLOADS_H

#include "batches.h"
#include "workloads.h"

namespace queues {

template <class Queue> using BatchConsumers = Consumers<Lane<Queue>, Mode::batch>;

// Pipe of two and share. A setting's turn is the size of a batch.
template <class Queue>
peer::Outcome share_batches(const Setting &setting, size_t lane_count, uint64_t events) {
    Queues<Lane<Queue>> lanes(lane_count, setting.capacity);
    BatchPool<Queue> pool(lanes.all, setting.capacity, setting.turn);
    BatchConsumers<Queue> consumers(consumer_stages(lanes, setting.placement, lane_count), {events},
                                    setting.turn);
    BatchProducer<Queue> producer(pool, lanes.all, setting.turn, 1, events);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sum() == work_expected(events);
    return outcome;
}

template <class Queue> peer::Outcome pipe3_batches(const Setting &setting, uint64_t events) {
    Queues<Lane<Queue>> lanes(2, setting.capacity);
    // What has come to the end of the second lane goes back to where the first begins.
    BatchPool<Queue> pool({lanes.all[1]}, setting.capacity, setting.turn);
    BatchConsumers<Queue> consumers({{lanes.all[1]}}, {events}, setting.turn);
    BatchProducer<Queue> producer(pool, {lanes.all[0]}, setting.turn, 1, events);
    BatchDoubler<Queue> doubler(*lanes.all[0], *lanes.all[1], events);
    peer::Outcome outcome;
    outcome.nanoseconds = run_pipe3(setting.placement, &producer, &doubler, consumers.stages[0]);
    outcome.correct = consumers.sum() == 2 * work_expected(events);
    return outcome;
}

template <class Queue> peer::Outcome broadcast_batches(const Setting &setting, uint64_t events) {
    Queues<Lane<Queue>> lanes(kBranches, setting.capacity);
    BatchPool<Queue> pool(lanes.all, setting.capacity, setting.turn);
    BatchConsumers<Queue> consumers(consumer_stages(lanes, setting.placement, kBranches),
                                    std::vector<uint64_t>(kBranches, events), setting.turn);
    BatchBroadcaster<Queue> producer(pool, lanes.all, setting.turn, events);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sums() == std::vector<uint64_t>(kBranches, work_expected(events));
    return outcome;
}

template <class Queue> peer::Outcome partition_batches(const Setting &setting, uint64_t events) {
    using Sorter = BatchSorter<Queue>;
    const Parts parts(events);
    Queues<Lane<Queue>> lanes(kBranches, setting.capacity);
    BatchPool<Queue> pool(lanes.all, setting.capacity, Sorter::room(setting.turn));
    BatchConsumers<Queue> consumers(consumer_stages(lanes, setting.placement, kBranches),
                                    parts.counts, setting.turn);
    Sorter producer(pool, lanes.all, setting.turn, events);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sums() == parts.sums;
    return outcome;
}

// Four producers, each with a lane of its own and a quarter of the batches.
template <class Queue> peer::Outcome merge_batches(const Setting &setting, uint64_t events) {
    Queues<Lane<Queue>> lanes(kBranches, setting.capacity);
    std::deque<BatchPool<Queue>> pools;
    std::deque<BatchProducer<Queue>> producers;
    std::vector<Stage *> stages;
    uint64_t first = 1;
    for (size_t i = 0; i < kBranches; i++) {
        const std::vector<Lane<Queue> *> lane = {lanes.all[i]};
        uint64_t count = events / kBranches + (i < events % kBranches ? 1 : 0);
        pools.emplace_back(lane, setting.capacity / kBranches, setting.turn);
        producers.emplace_back(pools.back(), lane, setting.turn, first, count);
        stages.push_back(&producers.back());
        first += count;
    }
    BatchConsumers<Queue> consumers({lanes.all}, {events}, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, consumers.stages[0], stages, false);
    outcome.correct = consumers.sum() == work_expected(events);
    return outcome;
}

} // namespace queues

#endif
