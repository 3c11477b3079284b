// Pointers to batches of events through a queue: what a queue of pointers is used for.
// SPDX-License-Identifier: Apache-2.0
//
// A batch is filled in place, sent as a pointer, read in place, and given back to the pool
// it came from through a queue of the same kind.  The pool hands out the batch that came
// back last, since it is most likely in a cache still.
//
// A pool has as many batches as a queue may hold, shared by all queues that it feeds: more
// of them under way would only take more cache.
#ifndef BENCH_PEERS_QUEUES_BATCHES_H
#define BENCH_PEERS_QUEUES_BATCHES_H

#include "stages.h"

#include <cstdlib>

namespace queues {

struct alignas(kApart) Batch {
    // Filled once, so that no page of it is first touched while the clock runs.
    explicit Batch(size_t room) : words(new uint64_t[room]) {
        work_fill(words.get(), room, 0);
    }
    uint64_t word() {
        return reinterpret_cast<uintptr_t>(this);
    }
    static Batch *of(uint64_t word) {
        return reinterpret_cast<Batch *>(static_cast<uintptr_t>(word));
    }

    const Scratch words;
    size_t count = 0;
    std::atomic<unsigned> readers{1};
};

// The way to one consumer, and its way back to the pool.
template <class Queue> struct Lane {
    // Back there is room for the whole pool: giving back never waits.
    explicit Lane(size_t capacity) : there(capacity), back(2 * capacity) {}

    class Reader {
      public:
        explicit Reader(Lane &lane) : there_(lane.there), back_(lane.back) {}

        template <class Use> size_t take(size_t /*most*/, Use &&use) {
            uint64_t word = 0;
            if (!there_.pop(word)) return 0;
            Batch *batch = Batch::of(word);
            size_t count = batch->count;
            use(static_cast<const uint64_t *>(batch->words.get()), count);
            // The only reader left needs no locked instruction to know that it is.
            if (batch->readers.load(std::memory_order_acquire) == 1 ||
                batch->readers.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                if (!back_.push(word)) std::abort();
            }
            return count;
        }

      private:
        typename Queue::Reader there_;
        typename Queue::Writer back_;
    };

    Queue there;
    Queue back;
};

// Belongs to one producer.
template <class Queue> class BatchPool {
  public:
    // Batches come back on any of the lanes.
    BatchPool(const std::vector<Lane<Queue> *> &lanes, size_t count, size_t room) {
        for (Lane<Queue> *lane : lanes) backs_.emplace_back(lane->back);
        while (own_.size() < count) {
            own_.push_back(std::make_unique<Batch>(room));
            free_.push_back(own_.back().get());
        }
    }

    // Null while all are under way.
    Batch *take() {
        uint64_t word = 0;
        for (auto &back : backs_) {
            while (back.pop(word)) free_.push_back(Batch::of(word));
        }
        if (free_.empty()) return nullptr;
        Batch *batch = free_.back();
        free_.pop_back();
        return batch;
    }

  private:
    std::vector<typename Queue::Reader> backs_;
    std::vector<std::unique_ptr<Batch>> own_;
    std::vector<Batch *> free_;
};

template <class Queue>
std::vector<typename Queue::Writer> writers_to(const std::vector<Lane<Queue> *> &lanes) {
    std::vector<typename Queue::Writer> writers;
    for (Lane<Queue> *lane : lanes) writers.emplace_back(lane->there);
    return writers;
}

// The words first .. first + count - 1, in batches of `size`.
template <class Queue> class BatchSource {
  public:
    BatchSource(BatchPool<Queue> &pool, size_t size, uint64_t first, uint64_t count)
        : pool_(pool), size_(size), next_(first), left_(count) {}

    // Null while the pool is empty.
    Batch *next(unsigned readers) {
        Batch *batch = pool_.take();
        if (batch == nullptr) return nullptr;
        batch->readers.store(readers, std::memory_order_relaxed);
        batch->count = fill(batch->words.get());
        return batch;
    }
    // The next words, to a place of one's own.
    size_t fill(uint64_t *to) {
        size_t count = static_cast<size_t>(std::min<uint64_t>(size_, left_));
        work_fill(to, count, next_);
        next_ += count;
        left_ -= count;
        return count;
    }
    bool empty() const {
        return left_ == 0;
    }

  private:
    BatchPool<Queue> &pool_;
    const size_t size_;
    uint64_t next_;
    uint64_t left_;
};

// Each batch to the next lane that has room.
template <class Queue> class BatchProducer final : public Stage {
  public:
    BatchProducer(BatchPool<Queue> &pool, const std::vector<Lane<Queue> *> &to, size_t size,
                  uint64_t first, uint64_t count)
        : source_(pool, size, first, count), writers_(writers_to(to)) {
        done_ = source_.empty();
    }

    bool step() override {
        if (batch_ == nullptr) batch_ = source_.next(1);
        if (batch_ == nullptr) return false;
        for (size_t tries = writers_.size(); tries > 0; tries--) {
            auto &writer = writers_[which_];
            which_ = which_ + 1 == writers_.size() ? 0 : which_ + 1;
            if (!writer.push(batch_->word())) continue;
            batch_ = nullptr;
            done_ = source_.empty();
            return true;
        }
        return false;
    }

  private:
    BatchSource<Queue> source_;
    std::vector<typename Queue::Writer> writers_;
    size_t which_ = 0;
    Batch *batch_ = nullptr;
};

// Each batch to every lane; who reads it last gives it back.
template <class Queue> class BatchBroadcaster final : public Stage {
  public:
    BatchBroadcaster(BatchPool<Queue> &pool, const std::vector<Lane<Queue> *> &to, size_t size,
                     uint64_t count)
        : source_(pool, size, 1, count), writers_(writers_to(to)), sent_(to.size(), false) {
        done_ = source_.empty();
    }

    bool step() override {
        if (batch_ == nullptr) batch_ = source_.next(static_cast<unsigned>(writers_.size()));
        if (batch_ == nullptr) return false;
        bool moved = false;
        bool all = true;
        for (size_t i = 0; i < writers_.size(); i++) {
            if (sent_[i]) continue;
            sent_[i] = writers_[i].push(batch_->word());
            moved = moved || sent_[i];
            all = all && sent_[i];
        }
        if (all) {
            batch_ = nullptr;
            std::fill(sent_.begin(), sent_.end(), false);
            done_ = source_.empty();
        }
        return moved;
    }

  private:
    BatchSource<Queue> source_;
    std::vector<typename Queue::Writer> writers_;
    std::vector<bool> sent_;
    Batch *batch_ = nullptr;
};

constexpr size_t kSortTurn = 1000; // words: they lie in the nearest cache while sorted

// Sorts the words by their remainder into a batch for each of four lanes.
template <class Queue> class BatchSorter final : public Stage {
  public:
    // So much room a batch must have.
    static constexpr size_t room(size_t size) {
        return size + kSortTurn;
    }

    BatchSorter(BatchPool<Queue> &pool, const std::vector<Lane<Queue> *> &to, size_t size,
                uint64_t count)
        : pool_(pool), source_(pool, kSortTurn, 1, count), writers_(writers_to(to)), size_(size),
          scratch_(new uint64_t[kSortTurn]) {
        done_ = source_.empty();
    }

    bool step() override {
        bool moved = !source_.empty() && sort();
        bool empty = true;
        for (size_t key = 0; key < kBranches; key++) {
            Batch *&batch = open_[key];
            // A short batch waits for more, unless there is no more.
            if (batch != nullptr && batch->count >= (source_.empty() ? 1 : size_) &&
                writers_[key].push(batch->word())) {
                batch = nullptr;
                moved = true;
            }
            empty = empty && (batch == nullptr || batch->count == 0);
        }
        done_ = empty && source_.empty();
        return moved;
    }

  private:
    // Sorts one more turn of words where each batch could hold all of them.
    bool sort() {
        for (Batch *&batch : open_) {
            if (batch == nullptr) {
                batch = pool_.take();
                if (batch == nullptr) return false;
                batch->readers.store(1, std::memory_order_relaxed);
                batch->count = 0;
            }
            if (batch->count >= size_) return false;
        }
        size_t count = source_.fill(scratch_.get());
        uint64_t *to[kBranches];
        for (size_t key = 0; key < kBranches; key++) {
            to[key] = open_[key]->words.get() + open_[key]->count;
        }
        work_deal(scratch_.get(), count, to);
        for (size_t key = 0; key < kBranches; key++) {
            open_[key]->count = static_cast<size_t>(to[key] - open_[key]->words.get());
        }
        return true;
    }

    BatchPool<Queue> &pool_;
    BatchSource<Queue> source_;
    std::vector<typename Queue::Writer> writers_;
    const size_t size_;
    Scratch scratch_;
    Batch *open_[kBranches] = {};
};

// Doubles the words of each batch where they lie, and passes it on.
template <class Queue> class BatchDoubler final : public Stage {
  public:
    BatchDoubler(Lane<Queue> &from, Lane<Queue> &to, uint64_t count)
        : reader_(from.there), writer_(to.there), left_(count) {
        done_ = count == 0;
    }

    bool step() override {
        if (batch_ == nullptr) {
            uint64_t word = 0;
            if (!reader_.pop(word)) return false;
            batch_ = Batch::of(word);
            work_double(batch_->words.get(), batch_->count);
            left_ -= batch_->count;
        }
        if (!writer_.push(batch_->word())) return false;
        batch_ = nullptr;
        done_ = left_ == 0;
        return true;
    }

  private:
    typename Queue::Reader reader_;
    typename Queue::Writer writer_;
    uint64_t left_;
    Batch *batch_ = nullptr;
};

} // namespace queues

#endif
