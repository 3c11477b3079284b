// oneTBB: messages of any length, in vectors of strings.
// SPDX-License-Identifier: Apache-2.0
//
// `shared:N` are vectors of N strings made for each message and shared by pointer; `pooled:N`
// are used again, and their strings keep their memory.
#include "tbb_site.h"

#include "../texts.h"

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/parallel_pipeline.h>

namespace flow {

namespace {

namespace graphs = tbb::flow;

class SharedTexts {
  public:
    using Message = std::shared_ptr<std::vector<std::string>>;

    SharedTexts(const peer::Texts &texts, size_t size) : texts_(texts), size_(size) {}

    Message next(Range &range) {
        auto made = std::make_shared<std::vector<std::string>>();
        made->reserve(size_);
        for (; made->size() < size_ && !range.empty(); range.next++) {
            const message *text = messages_at(texts_.stream, range.next);
            made->emplace_back(text->from, text->bytes);
        }
        return made;
    }
    uint64_t finish(const Message &message) {
        uint64_t sum = 0;
        for (const std::string &text : *message) sum += peer::read_text(text);
        return sum;
    }

  private:
    const peer::Texts texts_;
    const size_t size_;
};

class PooledTexts {
  public:
    struct Some {
        std::vector<std::string> texts;
        size_t count = 0; // from the first on; those behind them keep their memory
    };
    using Message = Some *;

    PooledTexts(const peer::Texts &texts, size_t size) : texts_(texts), size_(size) {}

    Message next(Range &range) {
        Some *some = pool_.take();
        some->texts.resize(size_);
        some->count = 0;
        for (; some->count < size_ && !range.empty(); range.next++) {
            peer::write_text(some->texts[some->count++], texts_, range.next);
        }
        return some;
    }
    uint64_t finish(Some *some) {
        uint64_t sum = 0;
        for (size_t i = 0; i < some->count; i++) sum += peer::read_text(some->texts[i]);
        pool_.give(some);
        return sum;
    }

  private:
    const peer::Texts texts_;
    const size_t size_;
    NearPool<Some> pool_;
};

template <class Kind> struct Pass {
    explicit Pass(Kind &kind_given, uint64_t count) : kind(kind_given), range{0, count} {}

    typename Kind::Message next(tbb::flow_control &control) {
        if (!range.empty()) return kind.next(range);
        control.stop();
        return {};
    }
    void finish(const typename Kind::Message &message) {
        tally.sum += kind.finish(message);
    }

    Kind &kind;
    alignas(128) Range range;
    Tally tally;
};

struct Pipeline {
    static constexpr size_t kTokens = 4; // what is under way then fits a core's own cache

    template <class Kind> static void run(Pass<Kind> &pass) {
        using Message = typename Kind::Message;
        constexpr auto in_order = tbb::filter_mode::serial_in_order;
        auto next = [&](tbb::flow_control &control) { return pass.next(control); };
        auto finish = [&](const Message &message) { pass.finish(message); };
        tbb::parallel_pipeline(kTokens, tbb::make_filter<void, Message>(in_order, next) &
                                            tbb::make_filter<Message, void>(in_order, finish));
    }
};

// As in tbb_pipe.cc nothing else need bound what is under way.
template <class Policy> struct Graph {
    template <class Kind> static void run(Pass<Kind> &pass) {
        using Message = typename Kind::Message;
        graphs::graph all;
        graphs::input_node<Message> source(
            all, [&](tbb::flow_control &control) { return pass.next(control); });
        graphs::function_node<Message, graphs::continue_msg, Policy> sink(
            all, graphs::serial, [&](const Message &message) noexcept {
                pass.finish(message);
                return graphs::continue_msg{};
            });
        graphs::make_edge(source, sink);
        source.activate();
        all.wait_for_all();
    }
};

template <class Manner, class Kind>
void add(std::vector<peer::Case> &cases, Placement place, const std::string &setting) {
    for (const peer::Texts &texts : peer::texts()) {
        for (size_t size : {size_t{64}, size_t{512}}) {
            auto run = [=](uint64_t count) -> peer::Outcome {
                Kind kind(texts, size);
                Pass<Kind> pass(kind, count);
                double start = race_clock_ns();
                Manner::run(pass);
                peer::Outcome outcome;
                outcome.nanoseconds = race_clock_ns() - start;
                outcome.correct = pass.tally.sum == messages_expected(texts.stream, count);
                return outcome;
            };
            cases.push_back({std::string("payload/") + place.name + "/" + setting + ":" +
                                 std::to_string(size) + "," + texts.name,
                             [=](uint64_t count) {
                                 Site site(place.cores);
                                 return site.execute([&] { return run(count); });
                             }});
        }
    }
}

template <class Manner>
void add_both(std::vector<peer::Case> &cases, Placement place, const std::string &manner) {
    add<Manner, SharedTexts>(cases, place, manner + ",shared");
    add<Manner, PooledTexts>(cases, place, manner + ",pooled");
}

} // namespace

void add_tbb_texts(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        add_both<Pipeline>(cases, place, "pipeline:4");
        add_both<Graph<graphs::lightweight>>(cases, place, "lightweight");
        add_both<Graph<graphs::rejecting_lightweight>>(cases, place, "rejecting");
    }
}

} // namespace flow
