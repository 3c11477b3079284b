// Stages over queues: producers, a transform, consumers; a thread hosts one or more.
// SPDX-License-Identifier: Apache-2.0
//
// A step passes at most one bulk through each of a stage's queues, so that stages which
// share a thread take turns while the events are in the nearest cache.  Where the queue
// moves single events a step still handles a run of them, so that stepping costs nothing.
#ifndef BENCH_PEERS_QUEUES_STAGES_H
#define BENCH_PEERS_QUEUES_STAGES_H

#include "ends.h"
#include "peer.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

namespace queues {

class alignas(kApart) Stage {
  public:
    virtual ~Stage() = default;
    virtual bool step() = 0; // whether anything moved
    bool done() const {
        return done_;
    }

  protected:
    bool done_ = false;
};

// What stands on each core: threads, each with its stages.
struct Thread {
    int core;
    std::vector<Stage *> stages;
};

// Runs all stages to their end; returns the nanoseconds.
inline double run_threads(const std::vector<Thread> &threads) {
    race_cores cores = race_cores_pick();
    size_t on_core[2] = {0, 0};
    for (const Thread &thread : threads) on_core[thread.core]++;
    std::vector<peer::Worker> workers;
    for (const Thread &thread : threads) {
        bool alone = cores.sender != cores.receiver && on_core[thread.core] == 1;
        workers.push_back({thread.core, [&thread, alone] {
                               peer::Wait wait(!alone);
                               for (bool all_done = false; !all_done;) {
                                   bool moved = false;
                                   all_done = true;
                                   for (Stage *stage : thread.stages) {
                                       if (stage->done()) continue;
                                       if (stage->step()) moved = true;
                                       all_done = all_done && stage->done();
                                   }
                                   if (moved) {
                                       wait.progress();
                                   } else if (!all_done) {
                                       wait.again();
                                   }
                               }
                           }});
    }
    return peer::run_together(workers);
}

constexpr size_t kBranches = WORK_KEYS; // of the workloads with more than one consumer or producer

using Scratch = std::unique_ptr<uint64_t[]>;

// Makes the words first .. first + count - 1, and gives each writer `chunk` in turn; one
// that is full is passed over.
template <class Queue, Mode mode> class Producer final : public Stage {
  public:
    Producer(const std::vector<Queue *> &to, size_t chunk, uint64_t first, uint64_t count,
             size_t turn)
        : chunk_(chunk), turn_(turn), next_(first), left_(count), scratch_(new uint64_t[turn]) {
        for (Queue *queue : to) writers_.emplace_back(*queue);
        done_ = count == 0;
    }

    bool step() override {
        bool moved = mode == Mode::in_place ? fill() : push();
        done_ = left_ == 0 && at_ == end_;
        return moved;
    }

  private:
    auto &next_writer() {
        auto &writer = writers_[which_];
        which_ = which_ + 1 == writers_.size() ? 0 : which_ + 1;
        return writer;
    }

    bool push() {
        if (at_ == end_) {
            at_ = 0;
            end_ = static_cast<size_t>(std::min<uint64_t>(turn_, left_));
            work_fill(scratch_.get(), end_, next_);
            next_ += end_;
            left_ -= end_;
        }
        size_t began = at_;
        for (size_t tries = writers_.size(); tries > 0 && at_ < end_; tries--) {
            at_ += send<mode>(next_writer(), scratch_.get() + at_, std::min(chunk_, end_ - at_));
        }
        return at_ > began;
    }

    bool fill() {
        if constexpr (mode == Mode::in_place) {
            for (size_t tries = writers_.size(); tries > 0; tries--) {
                size_t most = static_cast<size_t>(std::min<uint64_t>(chunk_, left_));
                size_t filled = next_writer().fill(most, [this](uint64_t *to, size_t count) {
                    work_fill(to, count, next_);
                    next_ += count;
                });
                left_ -= filled;
                if (filled > 0) return true;
            }
        }
        return false;
    }

    std::vector<typename Queue::Writer> writers_;
    size_t which_ = 0;
    const size_t chunk_;
    const size_t turn_;
    uint64_t next_;
    uint64_t left_;
    Scratch scratch_;
    size_t at_ = 0, end_ = 0;
};

// Sends the words 1 .. count to every queue.
template <class Queue, Mode mode> class Broadcaster final : public Stage {
  public:
    Broadcaster(const std::vector<Queue *> &to, uint64_t count, size_t turn)
        : turn_(turn), left_(count), scratch_(new uint64_t[turn]), sent_(to.size(), 0) {
        for (Queue *queue : to) writers_.emplace_back(*queue);
    }

    bool step() override {
        if (*std::min_element(sent_.begin(), sent_.end()) == end_) refill();
        bool moved = false;
        bool all = true;
        for (size_t i = 0; i < writers_.size(); i++) {
            size_t sent = send<mode>(writers_[i], scratch_.get() + sent_[i], end_ - sent_[i]);
            sent_[i] += sent;
            moved = moved || sent > 0;
            all = all && sent_[i] == end_;
        }
        done_ = all && left_ == 0;
        return moved;
    }

  private:
    void refill() {
        end_ = static_cast<size_t>(std::min<uint64_t>(turn_, left_));
        work_fill(scratch_.get(), end_, next_);
        next_ += end_;
        left_ -= end_;
        std::fill(sent_.begin(), sent_.end(), size_t{0});
    }

    std::vector<typename Queue::Writer> writers_;
    const size_t turn_;
    uint64_t next_ = 1;
    uint64_t left_;
    Scratch scratch_;
    size_t end_ = 0;
    std::vector<size_t> sent_;
};

// Sorts the words 1 .. count by their remainder into a batch for each of four queues.
template <class Queue, Mode mode> class Sorter final : public Stage {
  public:
    Sorter(const std::vector<Queue *> &to, uint64_t count, size_t turn)
        : turn_(turn), left_(count), scratch_(new uint64_t[turn]) {
        for (Queue *queue : to) boxes_.emplace_back(*queue, 2 * turn);
    }

    bool step() override {
        bool moved = left_ > 0 && sort();
        bool empty = true;
        for (Box &box : boxes_) {
            // A short batch waits for more; one that is begun, or the last, does not.
            if (box.end >= turn_ || box.at > 0 || left_ == 0) {
                size_t sent = send<mode>(box.writer, box.words.get() + box.at, box.end - box.at);
                box.at += sent;
                moved = moved || sent > 0;
            }
            if (box.at == box.end) box.at = box.end = 0;
            empty = empty && box.end == 0;
        }
        done_ = empty && left_ == 0;
        return moved;
    }

  private:
    struct Box {
        Box(Queue &queue, size_t room) : writer(queue), words(new uint64_t[room]) {}
        typename Queue::Writer writer;
        Scratch words;
        size_t at = 0, end = 0;
    };

    // Sorts one more turn of words where each box could hold all of them.
    bool sort() {
        for (const Box &box : boxes_) {
            if (box.end > turn_) return false;
        }
        size_t count = static_cast<size_t>(std::min<uint64_t>(turn_, left_));
        work_fill(scratch_.get(), count, next_);
        next_ += count;
        left_ -= count;
        uint64_t *to[kBranches];
        for (size_t key = 0; key < kBranches; key++) {
            to[key] = boxes_[key].words.get() + boxes_[key].end;
        }
        work_deal(scratch_.get(), count, to);
        for (size_t key = 0; key < kBranches; key++) {
            boxes_[key].end = static_cast<size_t>(to[key] - boxes_[key].words.get());
        }
        return true;
    }

    std::vector<Box> boxes_;
    const size_t turn_;
    uint64_t next_ = 1;
    uint64_t left_;
    Scratch scratch_;
};

// Doubles `count` words on their way.
template <class Queue, Mode mode> class Doubler final : public Stage {
  public:
    Doubler(Queue &from, Queue &to, uint64_t count, size_t turn)
        : reader_(from), writer_(to), turn_(turn), left_(count), scratch_(new uint64_t[turn]) {}

    bool step() override {
        size_t got = 0;
        if (at_ == end_) {
            at_ = end_ = 0;
            got = receive<mode>(reader_, scratch_.get(), turn_,
                                [this](const uint64_t *words, size_t count) {
                                    uint64_t *to = scratch_.get() + end_;
                                    if (words != to) std::memcpy(to, words, count * sizeof *to);
                                    end_ += count;
                                });
            work_double(scratch_.get(), got);
        }
        size_t sent = send<mode>(writer_, scratch_.get() + at_, end_ - at_);
        at_ += sent;
        left_ -= sent;
        done_ = left_ == 0;
        return got + sent > 0;
    }

  private:
    typename Queue::Reader reader_;
    typename Queue::Writer writer_;
    const size_t turn_;
    uint64_t left_;
    Scratch scratch_;
    size_t at_ = 0, end_ = 0;
};

// How many events some consumers, who do not know how they will be shared, are to take.
class alignas(kApart) Tally {
  public:
    Tally(uint64_t events, bool shared) : left_(events), shared_(shared) {}
    void took(uint64_t count) {
        if (shared_) {
            left_.fetch_sub(count, std::memory_order_relaxed);
        } else {
            left_.store(left_.load(std::memory_order_relaxed) - count, std::memory_order_relaxed);
        }
    }
    bool all() const {
        return left_.load(std::memory_order_relaxed) == 0;
    }

  private:
    std::atomic<uint64_t> left_;
    const bool shared_;
};

// Sums what comes from each of its queues.
template <class Queue, Mode mode> class Consumer final : public Stage {
  public:
    Consumer(const std::vector<Queue *> &from, Tally &tally, size_t turn)
        : tally_(tally), turn_(turn), scratch_(new uint64_t[turn]), sums_(from.size(), 0) {
        for (Queue *queue : from) readers_.emplace_back(*queue);
        done_ = tally.all();
    }

    bool step() override {
        size_t got = 0;
        for (size_t i = 0; i < readers_.size(); i++) {
            got += receive<mode>(
                readers_[i], scratch_.get(), turn_,
                [&](const uint64_t *words, size_t count) { sums_[i] += work_sum(words, count); });
        }
        untold_ += got;
        if (got == 0) {
            if (untold_ > 0) tally_.took(untold_);
            untold_ = 0;
            done_ = tally_.all();
        }
        return got > 0;
    }

    // The sum of each queue's words.
    const std::vector<uint64_t> &sums() const {
        return sums_;
    }

  private:
    std::vector<typename Queue::Reader> readers_;
    Tally &tally_;
    const size_t turn_;
    Scratch scratch_;
    std::vector<uint64_t> sums_;
    uint64_t untold_ = 0;
};

} // namespace queues

#endif
