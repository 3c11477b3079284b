// Messages of any length through queues, as strings or as pointers to pooled strings.
// SPDX-License-Identifier: Apache-2.0
//
//   string   a std::string made for each message, moved into the queue where that is possible
//   pooled   strings that keep their memory: a pointer goes there, and comes back to the pool
//            through a queue of the same kind
//
// What a library tells of its queue of T, which is a std::string or a pointer to one:
//
//   struct Queue {
//       using Item = T;
//       static constexpr bool kBulk;        // it can move many at once
//       explicit Queue(size_t capacity);
//       using Writer, Reader;               // what a thread holds: made of a Queue &
//   };
//   Writer:  size_t push(T *items, size_t count)  takes the first so many out of them
//   Reader:  size_t take(size_t most, use)        use(T *items, count), in its own memory
//                                                 (kTextBulk at most) or in the queue's
#ifndef BENCH_PEERS_QUEUES_TEXTS_H
#define BENCH_PEERS_QUEUES_TEXTS_H

#include "../texts.h"
#include "workloads.h"

#include <deque>

namespace queues {

constexpr size_t kTextBulk = 256; // at most

// Each library that has such queues adds its cases, in NAME_texts.cc.
void add_texts(std::vector<peer::Case> &cases);

// Where the strings come from, and what becomes of those that have been read.
template <class Queue, class Item = typename Queue::Item> class TextSource;

// Made for each message; the queue, or who reads it next, frees what it has overwritten.
template <class Queue> class TextSource<Queue, std::string> {
  public:
    TextSource(const peer::Texts &texts, size_t /*capacity*/) : texts_(texts) {}

    void gather() {}
    bool make(std::string &item, uint64_t number) {
        peer::write_text(item, texts_, number);
        return true;
    }

    class Giver {
      public:
        explicit Giver(TextSource & /*source*/) {}
        uint64_t read(const std::string *items, size_t count) {
            uint64_t sum = 0;
            for (size_t i = 0; i < count; i++) sum += peer::read_text(items[i]);
            return sum;
        }
    };

  private:
    const peer::Texts texts_;
};

// As many as the queue may hold, of which each has room for any message.
template <class Queue> class TextSource<Queue, std::string *> {
  public:
    TextSource(const peer::Texts &texts, size_t capacity)
        : texts_(texts), back_(2 * capacity), reader_(back_) {
        while (own_.size() < capacity) {
            own_.emplace_back().reserve(texts.longest);
            free_.push_back(&own_.back());
        }
    }

    // What came back last is used first: it may be in a cache still.
    void gather() {
        auto keep = [this](std::string **items, size_t count) {
            free_.insert(free_.end(), items, items + count);
        };
        while (reader_.take(kTextBulk, keep) > 0) {}
    }
    bool make(std::string *&item, uint64_t number) {
        if (free_.empty()) gather();
        if (free_.empty()) return false;
        item = free_.back();
        free_.pop_back();
        peer::write_text(*item, texts_, number);
        return true;
    }

    class Giver {
      public:
        explicit Giver(TextSource &source) : writer_(source.back_) {}
        uint64_t read(std::string **items, size_t count) {
            uint64_t sum = 0;
            for (size_t i = 0; i < count; i++) sum += peer::read_text(*items[i]);
            if (writer_.push(items, count) != count) std::abort(); // it has room for all
            return sum;
        }

      private:
        typename Queue::Writer writer_;
    };

  private:
    const peer::Texts texts_;
    std::deque<std::string> own_;
    std::vector<std::string *> free_;
    Queue back_;
    typename Queue::Reader reader_;
};

template <class Queue> class TextProducer final : public Stage {
  public:
    TextProducer(Queue &to, TextSource<Queue> &source, size_t bulk, uint64_t count)
        : writer_(to), source_(source), count_(count), items_(bulk) {}

    bool step() override {
        size_t moved = 0;
        source_.gather();
        while (moved < kItemTurn && !done_) {
            if (at_ == end_) refill();
            size_t sent = writer_.push(items_.data() + at_, end_ - at_);
            at_ += sent;
            moved += sent;
            if (sent == 0 || at_ < end_) break;
            done_ = next_ == count_;
        }
        return moved > 0;
    }

  private:
    void refill() {
        at_ = end_ = 0;
        while (end_ < items_.size() && next_ < count_ && source_.make(items_[end_], next_)) {
            end_++;
            next_++;
        }
    }

    typename Queue::Writer writer_;
    TextSource<Queue> &source_;
    const uint64_t count_;
    uint64_t next_ = 0;
    std::vector<typename Queue::Item> items_;
    size_t at_ = 0, end_ = 0;
};

template <class Queue> class TextConsumer final : public Stage {
  public:
    TextConsumer(Queue &from, TextSource<Queue> &source, size_t most, uint64_t count)
        : reader_(from), giver_(source), most_(most), left_(count) {}

    bool step() override {
        size_t got = reader_.take(most_, [this](typename Queue::Item *items, size_t count) {
            sum_ += giver_.read(items, count);
        });
        left_ -= got;
        done_ = left_ == 0;
        return got > 0;
    }
    uint64_t sum() const {
        return sum_;
    }

  private:
    typename Queue::Reader reader_;
    typename TextSource<Queue>::Giver giver_;
    const size_t most_;
    uint64_t left_;
    uint64_t sum_ = 0;
};

// No page of the queue is first touched while the clock runs.
template <class Queue> void touch_texts(Queue &queue, size_t capacity) {
    typename Queue::Writer writer(queue);
    typename Queue::Reader reader(queue);
    typename Queue::Item none{};
    for (size_t i = 0; i < capacity && writer.push(&none, 1) == 1; i++) none = {};
    while (reader.take(kTextBulk, [](typename Queue::Item *, size_t) {}) > 0) {}
}

template <class Queue>
peer::Outcome pass_texts(const peer::Texts &texts, const Setting &setting, uint64_t count) {
    Queue queue(setting.capacity);
    touch_texts(queue, setting.capacity);
    TextSource<Queue> source(texts, setting.capacity);
    TextProducer<Queue> producer(queue, source, setting.turn, count);
    TextConsumer<Queue> consumer(queue, source, Queue::kBulk ? setting.turn : kItemTurn, count);
    peer::Outcome outcome;
    outcome.nanoseconds = run_placed(setting.placement, &producer, {&consumer}, true);
    outcome.correct = consumer.sum() == messages_expected(texts.stream, count);
    return outcome;
}

template <class Queue>
void add_text_case(std::vector<peer::Case> &cases, const std::string &kind, Setting setting) {
    const char *place = setting.placement == Placement::threads ? "split/" : "one_core/";
    const char *what = std::is_pointer_v<typename Queue::Item> ? "pooled," : "string,";
    std::string how = Queue::kBulk ? "bulk:" + std::to_string(setting.turn) : "item";
    for (const peer::Texts &texts : peer::texts()) {
        cases.push_back({std::string("payload/") + place + (kind.empty() ? "" : kind + ",") + what +
                             how + ",cap:" + std::to_string(setting.capacity) + "," + texts.name,
                         [=](uint64_t count) { return pass_texts<Queue>(texts, setting, count); }});
    }
}

template <class Queue>
void add_text_cases(std::vector<peer::Case> &cases, const std::string &kind) {
    for (Placement placement : {Placement::threads, Placement::one_core}) {
        for (size_t capacity : {size_t{1024}, size_t{4096}}) {
            size_t turn = Queue::kBulk ? capacity / 16 : 1;
            add_text_case<Queue>(cases, kind, {turn, capacity, placement});
        }
    }
}

} // namespace queues

#endif
