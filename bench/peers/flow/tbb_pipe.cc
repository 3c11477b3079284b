// oneTBB: a producer, perhaps a stage that doubles, and a consumer.
// SPDX-License-Identifier: Apache-2.0
//
// A graph of three may not reject: a function_node drops what its successor rejects.
// The input_node of a lightweight graph makes its next message when the consumer has
// returned, so nothing else need bound it.
#include "tbb_site.h"

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/parallel_pipeline.h>

namespace flow {

namespace {

namespace graphs = tbb::flow;

constexpr size_t kTokens = 64;
constexpr size_t kFewTokens = 4; // what is under way then fits a core's own cache
constexpr size_t kLimit = 64;    // messages between the limiter and its decrementer

peer::Outcome outcome_of(double start, unsigned stages, uint64_t events, const Tally &tally) {
    peer::Outcome outcome;
    outcome.nanoseconds = race_clock_ns() - start;
    outcome.correct = tally.sum == work_expected(events) * (stages == 3 ? 2 : 1);
    return outcome;
}

template <class Kind>
peer::Outcome pipeline(Kind &kind, unsigned stages, size_t tokens, uint64_t events) {
    using Message = typename Kind::Message;
    constexpr auto in_order = tbb::filter_mode::serial_in_order;
    Range range{1, events + 1};
    Tally tally;
    auto source = tbb::make_filter<void, Message>(in_order, [&](tbb::flow_control &control) {
        if (!range.empty()) return kind.next(range);
        control.stop();
        return Message{};
    });
    auto twice = tbb::make_filter<Message, Message>(in_order, [&](Message message) {
        kind.twice(message);
        return message;
    });
    auto sink = tbb::make_filter<Message, void>(
        in_order, [&](Message message) { tally.sum += kind.finish(message); });
    auto all = stages == 3 ? source & twice & sink : source & sink;
    double start = race_clock_ns();
    tbb::parallel_pipeline(tokens, all);
    return outcome_of(start, stages, events, tally);
}

enum class Bound { limiter, none };

// Where nothing else bounds what is under way, a limiter does.
template <class Policy, Bound bound, class Kind>
peer::Outcome graph(Kind &kind, unsigned stages, uint64_t events) {
    using Message = typename Kind::Message;
    Range range{1, events + 1};
    Tally tally;
    graphs::graph all;
    graphs::input_node<Message> source(all, [&](tbb::flow_control &control) {
        if (!range.empty()) return kind.next(range);
        control.stop();
        return Message{};
    });
    // Bodies that may throw are not run at once by a lightweight node.
    graphs::function_node<Message, Message, Policy> twice(all, graphs::serial,
                                                          [&](Message message) noexcept {
                                                              kind.twice(message);
                                                              return message;
                                                          });
    graphs::function_node<Message, graphs::continue_msg, Policy> sink(
        all, graphs::serial, [&](Message message) noexcept {
            tally.sum += kind.finish(message);
            return graphs::continue_msg{};
        });
    graphs::limiter_node<Message> limiter(all, kLimit);
    graphs::receiver<Message> &first =
        stages == 3 ? static_cast<graphs::receiver<Message> &>(twice) : sink;
    if (stages == 3) graphs::make_edge(twice, sink);
    if (bound == Bound::limiter) {
        graphs::make_edge(source, limiter);
        graphs::make_edge(limiter, first);
        graphs::make_edge(sink, limiter.decrementer());
    } else {
        graphs::make_edge(source, first);
    }
    double start = race_clock_ns();
    source.activate();
    all.wait_for_all();
    return outcome_of(start, stages, events, tally);
}

using Sizes = std::initializer_list<size_t>;

void add_pipelines(std::vector<peer::Case> &cases, Placement place, unsigned stages, size_t tokens,
                   Sizes sizes) {
    std::string manner = "pipeline";
    if (tokens != kTokens) manner += ":" + std::to_string(tokens);
    for_each_kind(manner, sizes, [&](const std::string &setting, size_t size) {
        cases.push_back({"pipe" + std::to_string(stages) + "/" + place.name + "/" + setting,
                         [=](uint64_t events) {
                             return on_site(place.cores, size, [&](auto &kind) {
                                 return pipeline(kind, stages, tokens, events);
                             });
                         }});
    });
}

template <class Policy, Bound bound>
void add_graphs(std::vector<peer::Case> &cases, Placement place, unsigned stages,
                const std::string &manner, Sizes sizes) {
    for_each_kind(manner, sizes, [&](const std::string &setting, size_t size) {
        cases.push_back({"pipe" + std::to_string(stages) + "/" + place.name + "/" + setting,
                         [=](uint64_t events) {
                             return on_site(place.cores, size, [&](auto &kind) {
                                 return graph<Policy, bound>(kind, stages, events);
                             });
                         }});
    });
}

} // namespace

void add_tbb_pipes(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        for (unsigned stages : {2u, 3u}) {
            for (size_t tokens : {kTokens, kFewTokens}) {
                add_pipelines(cases, place, stages, tokens, {1000, 4000, 8000, 16000});
            }
            add_graphs<graphs::lightweight, Bound::none>(cases, place, stages, "lightweight",
                                                         {1000, 8000});
        }
        add_graphs<graphs::rejecting_lightweight, Bound::none>(cases, place, 2, "rejecting",
                                                               {1000, 8000});
        add_graphs<graphs::queueing, Bound::limiter>(cases, place, 3, "limiter", {1000, 8000});
    }
}

} // namespace flow
