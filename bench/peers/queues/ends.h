// The two ends of a queue, so that one harness fits them all.
// SPDX-License-Identifier: Apache-2.0
//
// What a peer tells of its queue:
//
//   struct Queue {
//       static constexpr bool kBulk;        // it can move many at once
//       static constexpr bool kInPlace;     // ... and lend its own memory
//       explicit Queue(size_t capacity);
//       using Writer, Reader;               // what a thread holds: made of a Queue &
//   };
//   Writer:  bool push(uint64_t)            Reader:  bool pop(uint64_t &)
//     kBulk:    size_t push(words, count)     kBulk:    size_t pop(words, most)
//     kInPlace: size_t fill(most, make)       kInPlace: size_t take(most, use)
//
// Those of many return how many went through; make(to, count) and use(from, count) are
// called for each run of the queue's own memory.  A blocking Reader has wait_pop(word).
#ifndef BENCH_PEERS_QUEUES_ENDS_H
#define BENCH_PEERS_QUEUES_ENDS_H

#include "work.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace queues {

constexpr size_t kApart = 128; // bytes: neighbouring lines are fetched in pairs

// How events are passed: with the queue's calls for one, for many, in its memory, or as
// single pointers to batches.
enum class Mode { item, bulk, in_place, batch };

// The end of a queue whose threads hold nothing but the queue.
template <class Queue> class Plain {
  public:
    explicit Plain(Queue &queue) : queue_(&queue) {}
    bool push(uint64_t word) {
        return queue_->push(word);
    }
    bool pop(uint64_t &word) {
        return queue_->pop(word);
    }
    void wait_pop(uint64_t &word) {
        queue_->wait_pop(word);
    }
    size_t push(const uint64_t *words, size_t count) {
        return queue_->push(words, count);
    }
    size_t pop(uint64_t *words, size_t most) {
        return queue_->pop(words, most);
    }
    template <class Make> size_t fill(size_t most, Make &&make) {
        return queue_->fill(most, std::forward<Make>(make));
    }
    template <class Use> size_t take(size_t most, Use &&use) {
        return queue_->take(most, std::forward<Use>(use));
    }

  private:
    Queue *queue_;
};

// Sends as many of the words as there is room for.
template <Mode mode, class Writer>
size_t send(Writer &writer, const uint64_t *words, size_t count) {
    if constexpr (mode == Mode::item) {
        size_t sent = 0;
        while (sent < count && writer.push(words[sent])) sent++;
        return sent;
    } else {
        return writer.push(words, count);
    }
}

// Takes up to `most` and shows them to use(from, count), in `scratch` or in place.
template <Mode mode, class Reader, class Use>
size_t receive(Reader &reader, uint64_t *scratch, size_t most, Use &&use) {
    if constexpr (mode == Mode::in_place || mode == Mode::batch) {
        return reader.take(most, use);
    } else {
        size_t got = 0;
        if constexpr (mode == Mode::item) {
            while (got < most && reader.pop(scratch[got])) got++;
        } else {
            got = reader.pop(scratch, most);
        }
        if (got > 0) use(static_cast<const uint64_t *>(scratch), got);
        return got;
    }
}

// Fills and drains a new queue, so that no page of it is first touched while the clock
// runs.
template <class Queue> void touch(Queue &queue) {
    uint64_t word = 0;
    while (queue.push(word)) {}
    while (queue.pop(word)) {}
}

} // namespace queues

#endif
