// Where oneTBB runs, and what its messages are: see tbb_site.h.
// SPDX-License-Identifier: Apache-2.0
#include "tbb_site.h"

namespace flow {

Pins::Pins(tbb::task_arena &arena, unsigned cores)
    : tbb::task_scheduler_observer(arena), cores_(cores) {
    observe(true);
}

Pins::~Pins() {
    observe(false);
}

void Pins::on_scheduler_entry(bool is_worker) {
    pin_this_thread(is_worker && cores_ > 1 ? 1 : 0);
}

Site::Site(unsigned cores, unsigned reserved)
    : pinned_(0), limit_(tbb::global_control::max_allowed_parallelism, cores),
      arena_(static_cast<int>(cores - 1 + reserved), reserved), pins_(arena_, cores) {}

Slab *Vectors::next(Range &range, unsigned readers) {
    Slab *slab = pool_.take();
    slab->readers.store(readers, std::memory_order_relaxed);
    fill_next(slab->words, size_, range);
    return slab;
}

uint64_t Vectors::finish(Slab *slab) {
    uint64_t sum = work_sum(slab->words.data(), slab->words.size());
    // The only reader left needs no locked instruction to know that it is.
    if (slab->readers.load(std::memory_order_acquire) == 1 ||
        slab->readers.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        pool_.give(slab);
    }
    return sum;
}

Vectors::Parts Vectors::split(Slab *slab) {
    Parts parts;
    std::array<Words *, kConsumers> words;
    for (unsigned key = 0; key < kConsumers; key++) {
        parts[key] = pool_.take();
        parts[key]->readers.store(1, std::memory_order_relaxed);
        words[key] = &parts[key]->words;
    }
    split_words(slab->words, words);
    pool_.give(slab);
    return parts;
}

} // namespace flow
