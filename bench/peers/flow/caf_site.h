// Where CAF runs, what its streams carry, and when a run is over.
// SPDX-License-Identifier: Apache-2.0
//
// Each run has an actor system of its own: its threads look for work as long as they
// live, and between runs this process shall use no processor time.
#ifndef BENCH_PEERS_FLOW_CAF_SITE_H
#define BENCH_PEERS_FLOW_CAF_SITE_H

#include "pinned.h"
#include "words.h"

#include <caf/all.hpp>
#include <caf/cow_tuple.hpp>
#include <future>
#include <optional>

namespace flow {

// An actor system with as many scheduler threads as cores.
class System {
  public:
    explicit System(unsigned cores);
    caf::actor_system &actors() {
        return *actors_;
    }

  private:
    std::optional<Pinned> pinned_; // the system's threads inherit it
    caf::actor_system_config config_;
    std::optional<caf::actor_system> actors_;
};

// Consumers tell it that they have seen their last event; the last one takes the time.
class Finish {
  public:
    explicit Finish(uint64_t awaited) : left_(awaited) {}

    // `seen` of those awaited have come: consumers, or where they share, events.
    void count(uint64_t seen);
    double wait();

  private:
    alignas(128) std::atomic<uint64_t> left_;
    std::promise<double> ended_;
};

// What a consumer does with what it gets.
struct Sink {
    Tally *tally;
    uint64_t expected; // events that it will see, or kShared
    Finish *finish;

    static constexpr uint64_t kShared = UINT64_MAX;

    void add(uint64_t sum, uint64_t count) const;
};

using SharedWords = caf::cow_tuple<Words>; // copies of it share the vector

// A stream of words, whose consumers are called for each.
struct Items {
    using Element = uint64_t;

    uint64_t next(Range &range) {
        return range.next++;
    }
    auto adder(Sink sink) {
        return [sink](caf::unit_t &, uint64_t word) { sink.add(word, 1); };
    }
    auto doubler() {
        return [](caf::unit_t &, caf::downstream<uint64_t> &out, uint64_t word) {
            out.push(word + word);
        };
    }
};

// A stream of words, whose consumers are called for each batch of them.
struct Batches : Items {
    auto adder(Sink sink) {
        return [sink](caf::unit_t &, std::vector<uint64_t> &batch) {
            sink.add(work_sum(batch.data(), batch.size()), batch.size());
        };
    }
    auto doubler() {
        return [](caf::unit_t &, caf::downstream<uint64_t> &out, std::vector<uint64_t> &batch) {
            work_double(batch.data(), batch.size());
            out.append(batch.begin(), batch.end());
        };
    }
};

// A stream of vectors of words; the consumer puts them back in the pool.
class Vectors {
  public:
    using Element = Words;

    explicit Vectors(size_t size) : size_(size) {}

    Words next(Range &range) {
        Words words = pool_.take();
        fill_next(words, size_, range);
        return words;
    }
    auto adder(Sink sink) {
        return [this, sink](caf::unit_t &, Words words) {
            sink.add(work_sum(words.data(), words.size()), words.size());
            (void)pool_.give(words);
        };
    }
    auto doubler() {
        return [](caf::unit_t &, caf::downstream<Words> &out, Words words) {
            work_double(words.data(), words.size());
            out.push(std::move(words));
        };
    }

  private:
    size_t size_;
    Pool<Words> pool_;
};

// The same for streams that branch, which copy what they carry.
struct SharedVectors {
    using Element = SharedWords;

    explicit SharedVectors(size_t words) : size(words) {}

    SharedWords next(Range &range) {
        Words words;
        fill_next(words, size, range);
        return SharedWords(std::move(words));
    }
    auto adder(Sink sink) {
        return [sink](caf::unit_t &, const SharedWords &words) {
            const Words &seen = caf::get<0>(words);
            sink.add(work_sum(seen.data(), seen.size()), seen.size());
        };
    }

    size_t size;
};

// Spawns a consumer; each stream that reaches it ends in it.
template <class Kind> caf::actor spawn_sink(caf::actor_system &actors, Kind &kind, Sink sink) {
    using Element = typename Kind::Element;
    return actors.spawn([&kind, sink](caf::event_based_actor *self) -> caf::behavior {
        return {[self, &kind, sink](caf::stream<Element> in) {
            return caf::attach_stream_sink(
                self, in, [](caf::unit_t &) {}, kind.adder(sink));
        }};
    });
}

// What a source needs to fill its stream from a range.
template <class Kind> auto puller(Kind &kind) {
    return [&kind](Range &range, caf::downstream<typename Kind::Element> &out, size_t wanted) {
        for (; wanted > 0 && !range.empty(); wanted--) out.push(kind.next(range));
    };
}
inline auto starter(Range range) {
    return [range](Range &state) { state = range; };
}
inline bool is_drained(const Range &range) {
    return range.empty();
}

template <class Kind>
void spawn_source(caf::actor_system &actors, Kind &kind, Range range, const caf::actor &to) {
    actors.spawn([&kind, range, to](caf::event_based_actor *self) {
        caf::attach_stream_source(self, to, starter(range), puller(kind), is_drained);
    });
}

peer::Outcome caf_outcome(double start, double end, uint64_t sum, uint64_t expected);

void add_caf_pipes(std::vector<peer::Case> &cases);
void add_caf_fans(std::vector<peer::Case> &cases);
void add_caf_actors(std::vector<peer::Case> &cases);
void add_caf_texts(std::vector<peer::Case> &cases);

} // namespace flow

#endif
