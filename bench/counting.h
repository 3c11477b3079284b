// An allocator that counts.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_COUNTING_H
#define BENCH_COUNTING_H

#include <atomic>
#include <cstdint>
#include <weir/runtime.h>

// For the options of a runtime, which it must outlive; any thread may read it.
class Counting {
  public:
    Counting();
    Counting(const Counting &) = delete;
    Counting &operator=(const Counting &) = delete;

    const weir_allocator &allocator() const {
        return table;
    }

    // Calls of alloc.
    uint64_t calls() const {
        return made;
    }

    // Asked for and not freed.
    int64_t bytes() const {
        return live;
    }

  private:
    static void *alloc(void *context, size_t bytes, size_t alignment);
    static void free(void *context, void *memory, size_t bytes);

    weir_allocator table;
    std::atomic<uint64_t> made{0};
    std::atomic<int64_t> live{0};
};

#endif
