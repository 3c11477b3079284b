// Peer: DPDK's rte_ring, in memory of our own and without DPDK's environment.
// SPDX-License-Identifier: Apache-2.0
//
// It moves one or many, by copying or in place (rte_ring_peek_zc.h).
//
// For many threads there are three ways.  The default one is left out: it publishes in
// the order of reservation, so with several threads on a core it moves as little as one
// bulk per time slice; DPDK's guide sends whoever has more threads than cores to the other
// two, RTS (relaxed tail) and HTS (head and tail move as one).
#include "harness.h"

#include <cstdlib>
#include <new>
#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

namespace {

// A ring which holds as many as it is asked to: by itself a power of two holds one less.
struct Memory {
    Memory(size_t capacity, unsigned flags) {
        unsigned size = rte_align32pow2(static_cast<unsigned>(capacity) + 1);
        size_t bytes = static_cast<size_t>(rte_ring_get_memsize_elem(sizeof(uint64_t), size));
        size_t lines = (bytes + queues::kApart - 1) / queues::kApart;
        ring = static_cast<rte_ring *>(std::aligned_alloc(queues::kApart, lines * queues::kApart));
        if (ring == nullptr || rte_ring_init(ring, "weir", static_cast<unsigned>(capacity),
                                             flags | RING_F_EXACT_SZ) != 0) {
            std::free(ring);
            throw std::bad_alloc();
        }
    }
    ~Memory() {
        std::free(ring);
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    rte_ring *ring;
};

// The flags are those of rte_ring_init; known here, so that no call has to look at them.
template <unsigned flags, bool in_place> class Ring {
  public:
    static constexpr bool kBulk = true;
    static constexpr bool kInPlace = in_place;
    using Writer = queues::Plain<Ring>;
    using Reader = queues::Plain<Ring>;

    explicit Ring(size_t capacity) : memory_(capacity, flags) {
        queues::touch(*this);
    }

    bool push(uint64_t word) {
        return enqueue(&word, 1) == 1;
    }
    bool pop(uint64_t &word) {
        return dequeue(&word, 1) == 1;
    }

    size_t push(const uint64_t *words, size_t count) {
        if constexpr (!in_place) return enqueue(words, static_cast<unsigned>(count));
        return fill(count, [&words](uint64_t *to, size_t run) {
            std::memcpy(to, words, run * sizeof *to);
            words += run;
        });
    }
    size_t pop(uint64_t *words, size_t most) {
        return dequeue(words, static_cast<unsigned>(most));
    }

    template <class Make> size_t fill(size_t most, Make &&make) {
        rte_ring_zc_data room;
        unsigned count = rte_ring_enqueue_zc_burst_elem_start(
            memory_.ring, kBytes, static_cast<unsigned>(most), &room, nullptr);
        if (count == 0) return 0;
        each_run(room, count, make);
        rte_ring_enqueue_zc_elem_finish(memory_.ring, count);
        return count;
    }
    template <class Use> size_t take(size_t most, Use &&use) {
        rte_ring_zc_data run;
        unsigned count = rte_ring_dequeue_zc_burst_elem_start(
            memory_.ring, kBytes, static_cast<unsigned>(most), &run, nullptr);
        if (count == 0) return 0;
        each_run(run, count, use);
        rte_ring_dequeue_zc_elem_finish(memory_.ring, count);
        return count;
    }

  private:
    static constexpr unsigned kBytes = sizeof(uint64_t);

    template <class Work>
    static void each_run(const rte_ring_zc_data &run, unsigned count, Work &work) {
        work(static_cast<uint64_t *>(run.ptr1), size_t{run.n1});
        if (run.n1 < count) work(static_cast<uint64_t *>(run.ptr2), size_t{count - run.n1});
    }

    unsigned enqueue(const uint64_t *words, unsigned count) {
        if constexpr ((flags & RING_F_SP_ENQ) != 0) {
            return rte_ring_sp_enqueue_burst_elem(memory_.ring, words, kBytes, count, nullptr);
        } else if constexpr ((flags & RING_F_MP_RTS_ENQ) != 0) {
            return rte_ring_mp_rts_enqueue_burst_elem(memory_.ring, words, kBytes, count, nullptr);
        } else {
            return rte_ring_mp_hts_enqueue_burst_elem(memory_.ring, words, kBytes, count, nullptr);
        }
    }
    unsigned dequeue(uint64_t *words, unsigned most) {
        if constexpr ((flags & RING_F_SC_DEQ) != 0) {
            return rte_ring_sc_dequeue_burst_elem(memory_.ring, words, kBytes, most, nullptr);
        } else if constexpr ((flags & RING_F_MC_RTS_DEQ) != 0) {
            return rte_ring_mc_rts_dequeue_burst_elem(memory_.ring, words, kBytes, most, nullptr);
        } else {
            return rte_ring_mc_hts_dequeue_burst_elem(memory_.ring, words, kBytes, most, nullptr);
        }
    }

    Memory memory_;
};

constexpr unsigned kSingle = RING_F_SP_ENQ | RING_F_SC_DEQ;

} // namespace

int main() {
    queues::Cases cases;
    cases.add_single<Ring<kSingle, false>>("");
    cases.add_single<Ring<kSingle, true>>("");
    cases.add_batches<Ring<kSingle, false>>("");
    cases.add_share_of_one<Ring<RING_F_SP_ENQ | RING_F_MC_RTS_DEQ, false>>("rts");
    cases.add_share_of_one<Ring<RING_F_SP_ENQ | RING_F_MC_HTS_DEQ, false>>("hts");
    cases.add_merge_into_one<Ring<RING_F_MP_RTS_ENQ | RING_F_SC_DEQ, false>>("rts");
    cases.add_merge_into_one<Ring<RING_F_MP_HTS_ENQ | RING_F_SC_DEQ, false>>("hts");
    return peer::serve(cases.all);
}
