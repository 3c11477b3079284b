// Where oneTBB runs, and what its messages are.
// SPDX-License-Identifier: Apache-2.0
//
// A site is an arena with as many threads as cores: the thread that builds the graph
// is on the first core and, on two cores, one worker on the second.  Both are pinned
// as they enter.  Between runs the worker sleeps.
#ifndef BENCH_PEERS_FLOW_TBB_SITE_H
#define BENCH_PEERS_FLOW_TBB_SITE_H

#include "pinned.h"
#include "words.h"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

namespace flow {

class Pins : public tbb::task_scheduler_observer {
  public:
    Pins(tbb::task_arena &arena, unsigned cores);
    ~Pins() override;
    void on_scheduler_entry(bool is_worker) override;

  private:
    unsigned cores_;
};

class Site {
  public:
    // With a reserved slot the thread that calls is one of the arena's; else it has
    // workers only.
    explicit Site(unsigned cores, unsigned reserved = 1);

    // Calls the body on this thread, inside the arena.
    template <class Body> auto execute(const Body &body) {
        return arena_.execute(body);
    }

  private:
    Pinned pinned_;
    tbb::global_control limit_;
    tbb::task_arena arena_;
    Pins pins_;
};

// Of each thread, since what it has just read is in its cache; and of all.
template <class T> class NearPool {
  public:
    NearPool() = default;
    ~NearPool();
    NearPool(const NearPool &) = delete;
    NearPool &operator=(const NearPool &) = delete;

    // The latest given back, or else a new one.
    T *take();
    void give(T *back);

  private:
    static constexpr size_t kMostNear = 64;

    tbb::enumerable_thread_specific<std::vector<T *>> near_;
    Pool<T *> pool_;
};

struct alignas(64) Slab {
    Words words;
    std::atomic<unsigned> readers{1};
};

// Messages of one word.
class Items {
  public:
    using Message = uint64_t;

    Message next(Range &range, unsigned /*readers*/ = 1) {
        return range.next++;
    }
    void twice(Message &message) {
        message += message;
    }
    uint64_t finish(Message message) {
        return message;
    }

    // A word's part is itself; to all other consumers it is nothing.
    using Parts = uint64_t;
    Parts split(Message message) {
        return message;
    }
    uint64_t finish(Parts parts, unsigned key) {
        return parts % kConsumers == key ? parts : 0;
    }
};

// Messages that point to a vector of words; the last reader puts it back in the pool.
class Vectors {
  public:
    using Message = Slab *;

    explicit Vectors(size_t size) : size_(size) {}

    Slab *next(Range &range, unsigned readers = 1);
    void twice(Slab *slab) {
        work_double(slab->words.data(), slab->words.size());
    }
    uint64_t finish(Slab *slab);

    // One vector for each consumer, some perhaps empty.
    using Parts = std::array<Slab *, kConsumers>;
    Parts split(Slab *slab);
    uint64_t finish(const Parts &parts, unsigned key) {
        return finish(parts[key]);
    }

  private:
    size_t size_;
    NearPool<Slab> pool_;
};

template <class T> NearPool<T>::~NearPool() {
    for (const std::vector<T *> &some : near_) {
        for (T *one : some) delete one;
    }
    for (T *one : pool_.rest()) delete one;
}

template <class T> T *NearPool<T>::take() {
    std::vector<T *> &near = near_.local();
    if (!near.empty()) {
        T *latest = near.back();
        near.pop_back();
        return latest;
    }
    T *other = pool_.take();
    return other != nullptr ? other : new T;
}

template <class T> void NearPool<T>::give(T *back) {
    std::vector<T *> &near = near_.local();
    if (near.size() < kMostNear) {
        near.push_back(back);
    } else if (!pool_.give(back)) {
        delete back;
    }
}

// Calls run with the setting's name and the size of vectors, 0 for items.
template <class Run>
void for_each_kind(const std::string &manner, std::initializer_list<size_t> sizes, const Run &run) {
    run(manner + ",item", size_t{0});
    for (size_t size : sizes) run(manner + ",vector:" + std::to_string(size), size);
}

// Calls run(Items) for size 0, else run(Vectors), inside a site.
template <class Run> peer::Outcome on_site(unsigned cores, size_t size, const Run &run) {
    Site site(cores);
    return site.execute([&]() -> peer::Outcome {
        if (size == 0) {
            Items items;
            return run(items);
        }
        Vectors vectors(size);
        return run(vectors);
    });
}

void add_tbb_pipes(std::vector<peer::Case> &cases);
void add_tbb_fans(std::vector<peer::Case> &cases);
void add_tbb_latencies(std::vector<peer::Case> &cases);
void add_tbb_texts(std::vector<peer::Case> &cases);
void add_tbb_pipelines(std::vector<peer::Case> &cases);

} // namespace flow

#endif
