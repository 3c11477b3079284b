// Peer: moodycamel's queues, messages of any length.
// SPDX-License-Identifier: Apache-2.0
//
// ReaderWriterQueue moves one, and shows the next where it lies.  ConcurrentQueue moves many,
// with tokens; it is bounded by hand, as in moodycamel.cc.
#include "texts.h"

#include <concurrentqueue/concurrentqueue.h>
#include <iterator>
#include <readerwriterqueue/readerwriterqueue.h>

namespace queues {

namespace {

template <class T> class Single {
  public:
    using Item = T;
    static constexpr bool kBulk = false;

    explicit Single(size_t capacity) : queue_(capacity) {}

    class Writer {
      public:
        explicit Writer(Single &single) : queue_(single.queue_) {}
        size_t push(T *items, size_t count) {
            size_t pushed = 0;
            while (pushed < count && queue_.try_enqueue(std::move(items[pushed]))) pushed++;
            return pushed;
        }

      private:
        moodycamel::ReaderWriterQueue<T> &queue_;
    };

    class Reader {
      public:
        explicit Reader(Single &single) : queue_(single.queue_) {}
        template <class Use> size_t take(size_t most, Use &&use) {
            size_t taken = 0;
            for (; taken < most; taken++) {
                T *front = queue_.peek();
                if (front == nullptr) break;
                use(front, size_t{1});
                queue_.pop();
            }
            return taken;
        }

      private:
        moodycamel::ReaderWriterQueue<T> &queue_;
    };

  private:
    alignas(kApart) moodycamel::ReaderWriterQueue<T> queue_;
};

// Blocks for several bulks, where its usual ones hold half of one.
struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const size_t BLOCK_SIZE = 256;
};

template <class T> class Concurrent {
  public:
    using Item = T;
    static constexpr bool kBulk = true;

    explicit Concurrent(size_t capacity) : queue_(capacity, 1, 0), capacity_(capacity) {}

    class Writer {
      public:
        explicit Writer(Concurrent &all) : all_(all), token_(all.queue_) {}
        size_t push(T *items, size_t count) {
            if (room_ < count) look_for_room();
            count = std::min(count, room_);
            auto first = std::make_move_iterator(items);
            if (count == 0 || !all_.queue_.enqueue_bulk(token_, first, count)) return 0;
            room_ -= count;
            return count;
        }

      private:
        void look_for_room() {
            size_t held = all_.queue_.size_approx();
            room_ = held < all_.capacity_ ? all_.capacity_ - held : 0;
        }

        Concurrent &all_;
        moodycamel::ProducerToken token_;
        size_t room_ = 0;
    };

    class Reader {
      public:
        explicit Reader(Concurrent &all) : queue_(all.queue_), token_(all.queue_) {}
        template <class Use> size_t take(size_t most, Use &&use) {
            size_t taken = queue_.try_dequeue_bulk(token_, some_, most);
            if (taken > 0) use(some_, taken);
            return taken;
        }

      private:
        moodycamel::ConcurrentQueue<T, Traits> &queue_;
        moodycamel::ConsumerToken token_;
        T some_[kTextBulk] = {};
    };

  private:
    alignas(kApart) moodycamel::ConcurrentQueue<T, Traits> queue_;
    const size_t capacity_;
};

} // namespace

void add_texts(std::vector<peer::Case> &cases) {
    add_text_cases<Single<std::string>>(cases, "");
    add_text_cases<Single<std::string *>>(cases, "");
    add_text_cases<Concurrent<std::string>>(cases, "concurrent");
    add_text_cases<Concurrent<std::string *>>(cases, "concurrent");
}

} // namespace queues
