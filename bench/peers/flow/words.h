// The words of the stream, as libraries that pass messages carry them.
// SPDX-License-Identifier: Apache-2.0
//
// A message is one word, or a vector of them: such libraries leave batching to their
// user.  Vectors are used again and again, since an allocation for each would be a
// large part of what a message costs, and the latest one given back is taken first,
// since it is still in the cache.
#ifndef BENCH_PEERS_FLOW_WORDS_H
#define BENCH_PEERS_FLOW_WORDS_H

#include "peer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace flow {

constexpr unsigned kConsumers = WORK_KEYS; // of share, broadcast, partition and push
constexpr unsigned kProducers = 4;         // of merge

// Leaves new words as they are: a vector that is grown to be filled next is not filled
// with zeros first.
struct Unfilled : std::allocator<uint64_t> {
    template <class T> struct rebind { using other = Unfilled; };
    void construct(uint64_t *word) {
        ::new (static_cast<void *>(word)) uint64_t;
    }
    template <class From> void construct(uint64_t *word, const From &from) {
        ::new (static_cast<void *>(word)) uint64_t(from);
    }
};
using Words = std::vector<uint64_t, Unfilled>;

// Where a run happens: the library's own scheduler on two cores or on one.
struct Placement {
    const char *name;
    unsigned cores;
};
constexpr Placement kPlacements[] = {{"own", 2}, {"one_core", 1}};

// What a producer has still to send: next .. end - 1.
struct Range {
    uint64_t next;
    uint64_t end;

    bool empty() const {
        return next == end;
    }
    uint64_t left() const {
        return end - next;
    }
};

// Part `index` of `parts` of the stream of `events` words.
Range part_of(uint64_t events, unsigned index, unsigned parts);

// What one consumer has seen, on lines of its own.
struct alignas(128) Tally {
    uint64_t sum = 0;
    uint64_t count = 0;
};
using Tallies = std::array<Tally, kConsumers>;

uint64_t total(const Tallies &tallies);

// Fills the vector with the next words of the range, `size` at most.
void fill_next(Words &words, size_t size, Range &range);

// Appends each word to the part that word % kConsumers names.
void split_words(const Words &words, const std::array<Words *, kConsumers> &parts);

// Vectors, or pointers to something with one, that wait to be used again.
template <class T> class Pool {
  public:
    // The latest given back, or else a T{}.
    T take() {
        T taken{};
        lock();
        if (!free_.empty()) {
            taken = std::move(free_.back());
            free_.pop_back();
        }
        unlock();
        return taken;
    }

    // False when there are enough of them: then it stays with the caller.
    bool give(T &back) {
        lock();
        bool room = free_.size() < kMost;
        if (room) free_.push_back(std::move(back));
        unlock();
        return room;
    }

    const std::vector<T> &rest() const {
        return free_;
    }

  private:
    static constexpr size_t kMost = 4096;

    void lock() {
        if (!locked_.exchange(true, std::memory_order_acquire)) return;
        peer::Wait wait(true);
        while (locked_.exchange(true, std::memory_order_acquire)) wait.again();
    }
    void unlock() {
        locked_.store(false, std::memory_order_release);
    }

    alignas(128) std::atomic<bool> locked_{false};
    std::vector<T> free_;
};

} // namespace flow

#endif
