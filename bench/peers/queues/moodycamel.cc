// Peer: moodycamel's queues.
// SPDX-License-Identifier: Apache-2.0
//
// For one producer and one consumer ReaderWriterQueue, one event at a time; and its
// blocking circular buffer.  For many, and for bulk, ConcurrentQueue with tokens.
//
// ConcurrentQueue is bounded by hand: a producer asks size_approx for room.  Its own
// try_enqueue takes blocks from a pool that producers with tokens never return them to,
// so producers that come late to it starve for ever.
#include "harness.h"
#include "texts.h"

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

namespace {

// Each of the library's queues with one producer and one consumer.
template <class Library> class Single {
  public:
    static constexpr bool kBulk = false;
    static constexpr bool kInPlace = false;
    using Writer = queues::Plain<Single>;
    using Reader = queues::Plain<Single>;

    explicit Single(size_t capacity) : queue_(capacity) {
        queues::touch(*this);
    }
    bool push(uint64_t word) {
        return queue_.try_enqueue(word);
    }
    bool pop(uint64_t &word) {
        return queue_.try_dequeue(word);
    }
    void wait_pop(uint64_t &word) {
        queue_.wait_dequeue(word);
    }

  private:
    alignas(queues::kApart) Library queue_;
};

// Blocks of more than its usual 32 events: twice to three times as fast in bulk.
struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const size_t BLOCK_SIZE = 1024;
};

template <class Library> class Many {
  public:
    static constexpr bool kBulk = true;
    static constexpr bool kInPlace = false;

    explicit Many(size_t capacity) : queue_(capacity, queues::kBranches, 0), capacity_(capacity) {}

    class Writer {
      public:
        explicit Writer(Many &many) : many_(&many), token_(many.queue_) {
            many.writers_++;
        }
        bool push(uint64_t word) {
            if (room_ == 0 && look_for_room() == 0) return false;
            room_--;
            return many_->queue_.enqueue(token_, word);
        }
        size_t push(const uint64_t *words, size_t count) {
            if (room_ < count) look_for_room();
            count = std::min(count, room_);
            if (count == 0 || !many_->queue_.enqueue_bulk(token_, words, count)) return 0;
            room_ -= count;
            return count;
        }

      private:
        // Each producer may use its part of what is free.
        size_t look_for_room() {
            size_t held = many_->queue_.size_approx();
            room_ = held < many_->capacity_ ? (many_->capacity_ - held) / many_->writers_ : 0;
            return room_;
        }

        Many *many_;
        moodycamel::ProducerToken token_;
        size_t room_ = 0;
    };

    class Reader {
      public:
        explicit Reader(Many &many) : many_(&many), token_(many.queue_) {}
        bool pop(uint64_t &word) {
            return many_->queue_.try_dequeue(token_, word);
        }
        size_t pop(uint64_t *words, size_t most) {
            return many_->queue_.try_dequeue_bulk(token_, words, most);
        }
        void wait_pop(uint64_t &word) {
            many_->queue_.wait_dequeue(token_, word);
        }

      private:
        Many *many_;
        moodycamel::ConsumerToken token_;
    };

  private:
    alignas(queues::kApart) Library queue_;
    const size_t capacity_;
    size_t writers_ = 0; // all are there before the threads start
};

using ReaderWriter = Single<moodycamel::ReaderWriterQueue<uint64_t>>;
using BlockingReaderWriter = Single<moodycamel::BlockingReaderWriterQueue<uint64_t>>;
using Circular = Single<moodycamel::BlockingReaderWriterCircularBuffer<uint64_t>>;
using Concurrent = Many<moodycamel::ConcurrentQueue<uint64_t, Traits>>;
using BlockingConcurrent = Many<moodycamel::BlockingConcurrentQueue<uint64_t, Traits>>;

} // namespace

int main() {
    using queues::Mode;
    using queues::Patience;
    queues::Cases cases;
    cases.add_single<ReaderWriter>("");
    cases.add_pipe2<Circular, Mode::item>("circular");
    cases.add_pipe2<Concurrent, Mode::item>("concurrent");
    cases.add_pipe2<Concurrent, Mode::bulk>("concurrent");
    cases.add_share_of_one<Concurrent>("concurrent");
    cases.add_merge_into_one<Concurrent>("concurrent");
    cases.add_round_trip<Circular, Patience::spin>("circular");
    cases.add_round_trip<Concurrent, Patience::spin>("concurrent");
    cases.add_round_trip<BlockingReaderWriter, Patience::parked>("");
    cases.add_round_trip<Circular, Patience::parked>("circular");
    cases.add_round_trip<BlockingConcurrent, Patience::parked>("concurrent");
    queues::add_texts(cases.all);
    return peer::serve(cases.all);
}
