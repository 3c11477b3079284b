// The workloads over queues, each written once.
// SPDX-License-Identifier: Apache-2.0
//
// Placements (see peer.h), where one side has several stages or a stage stands between:
//   split/...,threads    each stage is a thread
//   split/...,hosted     one thread for each core, which hosts all that stands there
//   spread/...           threads; those of the larger side alternate over the cores
//   one_core/...         one thread hosts everything
#ifndef BENCH_PEERS_QUEUES_WORKLOADS_H
#define BENCH_PEERS_QUEUES_WORKLOADS_H

#include "stages.h"

#include <deque>

namespace queues {

constexpr size_t kItemTurn = 256; // single events that a stage handles in a row

enum class Placement { threads, hosted, spread, one_core };

struct Setting {
    size_t turn; // at most so many events at a time
    size_t capacity;
    Placement placement;
};

template <class Queue> struct Queues {
    Queues(size_t count, size_t capacity) {
        while (own.size() < count) {
            own.push_back(std::make_unique<Queue>(capacity));
            all.push_back(own.back().get());
        }
    }
    std::vector<std::unique_ptr<Queue>> own;
    std::vector<Queue *> all;
};

// One thread's consumers are one stage, which polls their queues in turn.
template <class Queue>
std::vector<std::vector<Queue *>> consumer_stages(const Queues<Queue> &queues, Placement placement,
                                                  size_t threads) {
    if (placement == Placement::hosted || placement == Placement::one_core) return {queues.all};
    std::vector<std::vector<Queue *>> stages;
    for (size_t i = 0; i < threads; i++) stages.push_back({queues.all[i % queues.all.size()]});
    return stages;
}

template <class Queue, Mode mode> class Consumers {
  public:
    // A single quota is what all take together; else it is known what each queue brings.
    Consumers(const std::vector<std::vector<Queue *>> &groups, const std::vector<uint64_t> &quotas,
              size_t turn) {
        bool apart = quotas.size() > 1 && groups.size() == quotas.size();
        uint64_t total = 0;
        for (uint64_t quota : quotas) total += quota;
        if (!apart) tallies_.emplace_back(total, groups.size() > 1);
        for (size_t i = 0; i < groups.size(); i++) {
            if (apart) tallies_.emplace_back(quotas[i], false);
            consumers_.emplace_back(groups[i], tallies_.back(), turn);
            stages.push_back(&consumers_.back());
        }
    }

    std::vector<uint64_t> sums() const {
        std::vector<uint64_t> sums;
        for (const auto &one : consumers_) {
            sums.insert(sums.end(), one.sums().begin(), one.sums().end());
        }
        return sums;
    }

    uint64_t sum() const {
        uint64_t total = 0;
        for (uint64_t one : sums()) total += one;
        return total;
    }

    std::vector<Stage *> stages;

  private:
    std::deque<Tally> tallies_;
    std::deque<Consumer<Queue, mode>> consumers_;
};

// `one` is the side that is a single stage. Hosted together, who sends comes first.
inline double run_placed(Placement placement, Stage *one, const std::vector<Stage *> &others,
                         bool one_sends) {
    if (placement == Placement::hosted) return run_threads({{0, {one}}, {1, others}});
    if (placement == Placement::one_core) {
        std::vector<Stage *> all = others;
        all.insert(one_sends ? all.begin() : all.end(), one);
        return run_threads({{0, all}});
    }
    std::vector<Thread> threads = {{0, {one}}};
    for (size_t i = 0; i < others.size(); i++) {
        int core = placement == Placement::threads ? 1 : static_cast<int>(i % 2);
        threads.push_back({core, {others[i]}});
    }
    return run_threads(threads);
}

// Pipe of two and share: one producer, and each event to any one of the consumers.
template <class Queue, Mode mode>
peer::Outcome share(const Setting &setting, size_t queue_count, size_t threads, size_t chunk,
                    uint64_t events) {
    Queues<Queue> queues(queue_count, setting.capacity);
    Consumers<Queue, mode> consumers(consumer_stages(queues, setting.placement, threads), {events},
                                     std::min(setting.turn, setting.capacity));
    Producer<Queue, mode> producer(queues.all, chunk, 1, events, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sum() == work_expected(events);
    return outcome;
}

inline double run_pipe3(Placement placement, Stage *producer, Stage *doubler, Stage *consumer) {
    if (placement == Placement::one_core) return run_threads({{0, {producer, doubler, consumer}}});
    if (placement == Placement::hosted) {
        return run_threads({{0, {producer, doubler}}, {1, {consumer}}});
    }
    return run_threads({{0, {producer}}, {1, {doubler}}, {0, {consumer}}});
}

template <class Queue, Mode mode> peer::Outcome pipe3(const Setting &setting, uint64_t events) {
    Queues<Queue> queues(2, setting.capacity);
    Consumers<Queue, mode> consumers({{queues.all[1]}}, {events}, setting.turn);
    Producer<Queue, mode> producer({queues.all[0]}, setting.turn, 1, events, setting.turn);
    Doubler<Queue, mode> doubler(*queues.all[0], *queues.all[1], events, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_pipe3(setting.placement, &producer, &doubler, consumers.stages[0]);
    outcome.correct = consumers.sum() == 2 * work_expected(events);
    return outcome;
}

template <class Queue, Mode mode> peer::Outcome broadcast(const Setting &setting, uint64_t events) {
    Queues<Queue> queues(kBranches, setting.capacity);
    Consumers<Queue, mode> consumers(consumer_stages(queues, setting.placement, kBranches),
                                     std::vector<uint64_t>(kBranches, events), setting.turn);
    Broadcaster<Queue, mode> producer(queues.all, events, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sums() == std::vector<uint64_t>(kBranches, work_expected(events));
    return outcome;
}

// What each consumer of a partition is to get.
struct Parts {
    explicit Parts(uint64_t events) {
        for (uint64_t key = 0; key < kBranches; key++) {
            uint64_t first = key == 0 ? kBranches : key;
            uint64_t count = events < first ? 0 : (events - first) / kBranches + 1;
            counts.push_back(count);
            // first, first + 4, first + 8, ...
            sums.push_back(count == 0 ? 0 : count * first + kBranches * work_expected(count - 1));
        }
    }
    std::vector<uint64_t> counts, sums;
};

template <class Queue, Mode mode> peer::Outcome partition(const Setting &setting, uint64_t events) {
    const Parts parts(events);
    Queues<Queue> queues(kBranches, setting.capacity);
    Consumers<Queue, mode> consumers(consumer_stages(queues, setting.placement, kBranches),
                                     parts.counts, setting.turn);
    Sorter<Queue, mode> producer(queues.all, events, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, consumers.stages, true);
    outcome.correct = consumers.sums() == parts.sums;
    return outcome;
}

// Four producers, with a queue each or one queue for all.
template <class Queue, Mode mode>
peer::Outcome merge(const Setting &setting, size_t queue_count, uint64_t events) {
    Queues<Queue> queues(queue_count, setting.capacity);
    std::deque<Producer<Queue, mode>> producers;
    std::vector<Stage *> stages;
    uint64_t first = 1;
    for (size_t i = 0; i < kBranches; i++) {
        uint64_t count = events / kBranches + (i < events % kBranches ? 1 : 0);
        producers.emplace_back(std::vector<Queue *>{queues.all[i % queue_count]}, setting.turn,
                               first, count, setting.turn);
        stages.push_back(&producers.back());
        first += count;
    }
    Consumers<Queue, mode> consumers({queues.all}, {events}, setting.turn);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, consumers.stages[0], stages, false);
    outcome.correct = consumers.sum() == work_expected(events);
    return outcome;
}

} // namespace queues

#endif
