// Peer: Concurrency Kit's ck_ring.
// SPDX-License-Identifier: Apache-2.0
//
// A ring of pointers, one at a time: to batches of events, or a word is passed as a
// pointer's value.  It has no bulk calls.
//
// Of its rings for many, the one with several consumers is a case.  Not so the one with
// several producers: each publishes in the order of reservation, so one that is put off
// its core holds up the others until it is back; with four on one core that is a time
// slice per event, 25 thousand events a second.
#include "harness.h"

#include <ck_md.h>
#include <ck_string.h>

// The header is C: one of its functions returns false as a pointer.
#define false 0
#include <ck_ring.h>
#undef false

namespace {

template <bool many_consumers> class Ring {
  public:
    static constexpr bool kBulk = false;
    static constexpr bool kInPlace = false;
    using Writer = queues::Plain<Ring>;
    using Reader = queues::Plain<Ring>;

    // One slot stays free, so a ring of a power of two holds one less; of one, just one.
    explicit Ring(size_t capacity) : slots_(new ck_ring_buffer_t[capacity == 1 ? 2 : capacity]) {
        ck_ring_init(&ring_, static_cast<unsigned>(capacity == 1 ? 2 : capacity));
        queues::touch(*this);
    }

    bool push(uint64_t word) {
        void *pointer = reinterpret_cast<void *>(word);
        return many_consumers ? ck_ring_enqueue_spmc(&ring_, slots_.get(), pointer)
                              : ck_ring_enqueue_spsc(&ring_, slots_.get(), pointer);
    }

    bool pop(uint64_t &word) {
        void *pointer = nullptr;
        bool got = many_consumers ? ck_ring_dequeue_spmc(&ring_, slots_.get(), &pointer)
                                  : ck_ring_dequeue_spsc(&ring_, slots_.get(), &pointer);
        word = reinterpret_cast<uint64_t>(pointer);
        return got;
    }

  private:
    // The library spaces the indices; where the ring begins is left to its user.
    alignas(queues::kApart) ck_ring_t ring_;
    alignas(queues::kApart) std::unique_ptr<ck_ring_buffer_t[]> slots_;
};

} // namespace

int main() {
    queues::Cases cases;
    cases.add_single<Ring<false>>("");
    cases.add_batches<Ring<false>>("");
    cases.add_share_of_one<Ring<true>>("spmc");
    return peer::serve(cases.all);
}
