// CAF: one producer and four consumers, or four producers and one.
// SPDX-License-Identifier: Apache-2.0
//
// Streams of CAF 0.17 branch by broadcasting, with a filter for each path where wanted.
// They have nothing that gives each event to one of several; share does it with a
// downstream manager of its own, which is how the library lets itself be extended.
#include "caf_site.h"

namespace flow {

namespace {

// Gives each batch to the next consumer in turn that has credit for it.
template <class T> class ShareManager : public caf::buffered_downstream_manager<T> {
  public:
    using caf::buffered_downstream_manager<T>::buffered_downstream_manager;

    void emit_batches() override {
        emit(false);
    }
    void force_emit_batches() override {
        emit(true);
    }

  private:
    void emit(bool underfull) {
        auto &paths = this->paths_.container();
        size_t passed_over = 0;
        while (passed_over < paths.size() && !this->buf_.empty()) {
            turn_ = (turn_ + 1) % paths.size();
            passed_over = emit_to(*paths[turn_].second, underfull) ? 0 : passed_over + 1;
        }
    }

    bool emit_to(caf::outbound_path &path, bool underfull) {
        if (path.pending() || path.closing) return false;
        int32_t stored = static_cast<int32_t>(this->buf_.size());
        int32_t ready = std::min(path.open_credit, stored);
        int32_t size = std::min(ready, path.desired_batch_size);
        if (size <= 0 || (size < path.desired_batch_size && !underfull)) return false;
        path.emit_batch(this->self(), size,
                        caf::make_message(this->get_chunk(static_cast<size_t>(size))));
        return true;
    }

    size_t turn_ = 0;
};

struct KeyOf {
    bool operator()(unsigned key, uint64_t word) const {
        return word % kConsumers == key;
    }
    bool operator()(unsigned key, const SharedWords &words) const {
        return caf::get<0>(words).front() % kConsumers == key;
    }
};

using Consumers = std::array<caf::actor, kConsumers>;

// Spawns a source with a path to each consumer, which `arrange` may then refine.
template <class Manager, class Pull, class Arrange>
void spawn_fan(caf::actor_system &actors, Range range, const Consumers &to, const Pull &pull,
               const Arrange &arrange) {
    actors.spawn([=](caf::event_based_actor *self) {
        auto source = caf::attach_stream_source(self, to[0], starter(range), pull, is_drained,
                                                caf::unit, caf::policy::arg<Manager>{});
        arrange(*source.ptr(), source.outbound_slot(), 0u);
        for (unsigned index = 1; index < kConsumers; index++) {
            caf::stream_slot slot = source.ptr()->add_outbound_path(to[index]);
            arrange(*source.ptr(), slot, index);
        }
    });
}

const auto kAsItIs = [](auto &, caf::stream_slot, unsigned) {};

template <class Kind>
Consumers spawn_sinks(caf::actor_system &actors, Kind &kind, Tallies &tallies, Finish &finish,
                      const std::array<uint64_t, kConsumers> &expected) {
    Consumers consumers;
    for (unsigned index = 0; index < kConsumers; index++) {
        consumers[index] = spawn_sink(actors, kind, {&tallies[index], expected[index], &finish});
    }
    return consumers;
}

template <class Kind> peer::Outcome share(Kind &kind, unsigned cores, uint64_t events) {
    Tallies tallies;
    Finish finish(events);
    System system(cores);
    constexpr uint64_t any = Sink::kShared;
    Consumers to = spawn_sinks(system.actors(), kind, tallies, finish, {any, any, any, any});
    double start = race_clock_ns();
    spawn_fan<ShareManager<typename Kind::Element>>(system.actors(), {1, events + 1}, to,
                                                    puller(kind), kAsItIs);
    double end = finish.wait();
    return caf_outcome(start, end, total(tallies), work_expected(events));
}

template <class Kind> peer::Outcome broadcast(Kind &kind, unsigned cores, uint64_t events) {
    Tallies tallies;
    Finish finish(kConsumers);
    System system(cores);
    Consumers to =
        spawn_sinks(system.actors(), kind, tallies, finish, {events, events, events, events});
    double start = race_clock_ns();
    spawn_fan<caf::broadcast_downstream_manager<typename Kind::Element>>(
        system.actors(), {1, events + 1}, to, puller(kind), kAsItIs);
    double end = finish.wait();
    return caf_outcome(start, end, total(tallies), kConsumers * work_expected(events));
}

// Of a vector, the vectors of its four keys.
auto parts_puller(SharedVectors &kind) {
    return [&kind](Range &range, caf::downstream<SharedWords> &out, size_t wanted) {
        for (size_t made = 0; made < wanted && !range.empty(); made += kConsumers) {
            Words words;
            std::array<Words, kConsumers> parts;
            fill_next(words, kind.size, range);
            split_words(words, {&parts[0], &parts[1], &parts[2], &parts[3]});
            for (Words &part : parts) {
                if (!part.empty()) out.push(SharedWords(std::move(part)));
            }
        }
    };
}

template <class Kind> auto parts_puller(Kind &kind) {
    return puller(kind);
}

template <class Kind> peer::Outcome partition(Kind &kind, unsigned cores, uint64_t events) {
    using Manager = caf::broadcast_downstream_manager<typename Kind::Element, unsigned, KeyOf>;
    Tallies tallies;
    std::array<uint64_t, kConsumers> expected;
    uint64_t busy = 0;
    for (uint64_t key = 0; key < kConsumers; key++) {
        expected[key] = (events + kConsumers - key) / kConsumers - (key == 0 ? 1 : 0);
        if (expected[key] > 0) busy++;
    }
    Finish finish(busy);
    System system(cores);
    Consumers to = spawn_sinks(system.actors(), kind, tallies, finish, expected);
    double start = race_clock_ns();
    spawn_fan<Manager>(system.actors(), {1, events + 1}, to, parts_puller(kind),
                       [](auto &source, caf::stream_slot slot, unsigned key) {
                           static_cast<Manager &>(source.out()).set_filter(slot, key);
                       });
    double end = finish.wait();
    return caf_outcome(start, end, total(tallies), work_expected(events));
}

template <class Kind> peer::Outcome merge(Kind &kind, unsigned cores, uint64_t events) {
    Tally tally;
    Finish finish(1);
    System system(cores);
    caf::actor to = spawn_sink(system.actors(), kind, {&tally, events, &finish});
    double start = race_clock_ns();
    for (unsigned index = 0; index < kProducers; index++) {
        spawn_source(system.actors(), kind, part_of(events, index, kProducers), to);
    }
    double end = finish.wait();
    return caf_outcome(start, end, tally.sum, work_expected(events));
}

} // namespace

void add_caf_fans(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        auto add = [&](const std::string &workload, const std::string &setting, auto run) {
            cases.push_back({workload + "/" + place.name + "/" + setting,
                             [=](uint64_t events) { return run(place.cores, events); }});
        };
        auto of = [](auto make, auto run) {
            return [=](unsigned cores, uint64_t events) {
                auto kind = make();
                return run(*kind, cores, events);
            };
        };
        auto items = [] { return std::make_unique<Items>(); };
        auto batches = [] { return std::make_unique<Batches>(); };
        auto vectors = [] { return std::make_unique<Vectors>(size_t{1000}); };
        auto shared = [] { return std::make_unique<SharedVectors>(size_t{1000}); };
        // Consumers that share cannot know which event is the last without a word about
        // each call, which only batches can bear.
        add("share", "batch", of(batches, share<Batches>));
        add("share", "vector:1000", of(vectors, share<Vectors>));
        add("broadcast", "item", of(items, broadcast<Items>));
        add("broadcast", "batch", of(batches, broadcast<Batches>));
        add("broadcast", "vector:1000", of(shared, broadcast<SharedVectors>));
        add("partition", "item", of(items, partition<Items>));
        add("partition", "batch", of(batches, partition<Batches>));
        add("partition", "vector:1000", of(shared, partition<SharedVectors>));
        add("merge", "item", of(items, merge<Items>));
        add("merge", "batch", of(batches, merge<Batches>));
        add("merge", "vector:1000", of(vectors, merge<Vectors>));
    }
}

} // namespace flow
