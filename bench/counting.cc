// An allocator that counts.
// SPDX-License-Identifier: Apache-2.0
#include "counting.h"

#include <algorithm>
#include <cstdlib>

Counting::Counting() : table{&Counting::alloc, &Counting::free, this, {}} {}

void *Counting::alloc(void *context, size_t bytes, size_t alignment) {
    auto *self = static_cast<Counting *>(context);
    alignment = std::max(alignment, sizeof(void *));
    void *memory = nullptr;
    if (posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
    self->made++;
    self->live += static_cast<int64_t>(bytes);
    return memory;
}

void Counting::free(void *context, void *memory, size_t bytes) {
    if (memory == nullptr) return;
    static_cast<Counting *>(context)->live -= static_cast<int64_t>(bytes);
    std::free(memory);
}
