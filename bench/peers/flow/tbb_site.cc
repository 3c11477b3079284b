// Where oneTBB runs, and what its messages are: see tbb_site.h.
// SPDX-License-Identifier: Apache-2.0
#include "tbb_site.h"

#include <pthread.h>

namespace flow {

namespace {

// Asked for once, by the first case, when nothing has been pinned yet.
race_cores the_cores() {
    static const race_cores cores = race_cores_pick();
    return cores;
}

void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(core == 0 ? the_cores().sender : the_cores().receiver), &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

} // namespace

Pinned::Pinned(unsigned core) {
    (void)the_cores();
    (void)pthread_getaffinity_np(pthread_self(), sizeof before_, &before_);
    pin(core);
}

Pinned::~Pinned() {
    (void)pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
}

Pins::Pins(tbb::task_arena &arena, unsigned cores)
    : tbb::task_scheduler_observer(arena), cores_(cores) {
    observe(true);
}

Pins::~Pins() {
    observe(false);
}

void Pins::on_scheduler_entry(bool is_worker) {
    pin(is_worker && cores_ > 1 ? 1 : 0);
}

Site::Site(unsigned cores)
    : pinned_(0), limit_(tbb::global_control::max_allowed_parallelism, cores),
      arena_(static_cast<int>(cores), 1), pins_(arena_, cores) {}

Vectors::~Vectors() {
    for (Slab *slab : pool_.rest()) delete slab;
}

Slab *Vectors::empty_slab() {
    Slab *slab = pool_.take();
    return slab != nullptr ? slab : new Slab;
}

Slab *Vectors::next(Range &range, unsigned readers) {
    Slab *slab = empty_slab();
    slab->readers.store(readers, std::memory_order_relaxed);
    fill_next(slab->words, size_, range);
    return slab;
}

uint64_t Vectors::finish(Slab *slab) {
    uint64_t sum = work_sum(slab->words.data(), slab->words.size());
    // The only reader left needs no locked instruction to know that it is.
    if (slab->readers.load(std::memory_order_acquire) == 1 ||
        slab->readers.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        slab->readers.store(1, std::memory_order_relaxed);
        if (!pool_.give(slab)) delete slab;
    }
    return sum;
}

} // namespace flow
