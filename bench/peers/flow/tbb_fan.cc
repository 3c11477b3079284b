// oneTBB: one producer and four consumers, or four producers and one.
// SPDX-License-Identifier: Apache-2.0
//
// An edge from a node to four sends each message to all four; a queue_node is what
// gives each to one of them.  Consumers that may queue without bound stand behind a
// limiter, and those that are lightweight run before the producer goes on.
#include "tbb_site.h"

#include <deque>
#include <oneapi/tbb/combinable.h>
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <type_traits>

namespace flow {

namespace {

namespace graphs = tbb::flow;

constexpr size_t kTokens = 64;
constexpr size_t kFewTokens = 4; // what is under way then fits a core's own cache
constexpr size_t kLimit = 64;    // messages between a limiter and its decrementer
constexpr auto kInOrder = tbb::filter_mode::serial_in_order;

// A limiter's decrementer counts integers one by one; of continue_msg it wants one from
// each predecessor.
template <class Done> Done done() {
    if constexpr (std::is_same_v<Done, int>) {
        return 1;
    } else {
        return {};
    }
}

template <class Kind, class Done, class Policy> struct Consumers {
    using Message = typename Kind::Message;
    using Node = graphs::function_node<Message, Done, Policy>;

    Consumers(graphs::graph &all, Kind &kind) {
        for (Tally &tally : tallies) {
            nodes.emplace_back(all, graphs::serial, [&kind, &tally](Message message) noexcept {
                tally.sum += kind.finish(message);
                return done<Done>();
            });
        }
    }

    Tallies tallies;
    std::deque<Node> nodes;
};

template <class Kind> auto reader_of(Kind &kind, Range &range, unsigned readers) {
    return [&kind, &range, readers](tbb::flow_control &control) {
        if (!range.empty()) return kind.next(range, readers);
        control.stop();
        return typename Kind::Message{};
    };
}

peer::Outcome outcome_of(double start, uint64_t sum, uint64_t expected) {
    peer::Outcome outcome;
    outcome.nanoseconds = race_clock_ns() - start;
    outcome.correct = sum == expected;
    return outcome;
}

template <class Source> double go(graphs::graph &all, Source &source) {
    double start = race_clock_ns();
    source.activate();
    all.wait_for_all();
    return start;
}

// --- share ----------------------------------------------------------------------------

struct ShareQueue {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        Range range{1, events + 1};
        graphs::graph all;
        graphs::input_node<Message> source(all, reader_of(kind, range, 1));
        graphs::limiter_node<Message, int> limiter(all, kLimit);
        graphs::queue_node<Message> queue(all);
        Consumers<Kind, int, graphs::rejecting> consumers(all, kind);
        graphs::make_edge(source, limiter);
        graphs::make_edge(limiter, queue);
        for (auto &node : consumers.nodes) {
            graphs::make_edge(queue, node);
            graphs::make_edge(node, limiter.decrementer());
        }
        double start = go(all, source);
        return outcome_of(start, total(consumers.tallies), work_expected(events));
    }
};

struct ShareNode {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        Range range{1, events + 1};
        tbb::combinable<Tally> tallies;
        graphs::graph all;
        graphs::input_node<Message> source(all, reader_of(kind, range, 1));
        graphs::function_node<Message, graphs::continue_msg, graphs::rejecting> consumers(
            all, kConsumers, [&](Message message) noexcept {
                tallies.local().sum += kind.finish(message);
                return graphs::continue_msg{};
            });
        graphs::make_edge(source, consumers);
        double start = go(all, source);
        uint64_t sum = 0;
        tallies.combine_each([&](const Tally &tally) { sum += tally.sum; });
        return outcome_of(start, sum, work_expected(events));
    }
};

template <size_t tokens> struct SharePipeline {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        Range range{1, events + 1};
        tbb::combinable<Tally> tallies;
        auto source = tbb::make_filter<void, Message>(kInOrder, reader_of(kind, range, 1));
        auto sink =
            tbb::make_filter<Message, void>(tbb::filter_mode::parallel, [&](Message message) {
                tallies.local().sum += kind.finish(message);
            });
        double start = race_clock_ns();
        tbb::parallel_pipeline(tokens, source, sink);
        uint64_t sum = 0;
        tallies.combine_each([&](const Tally &tally) { sum += tally.sum; });
        return outcome_of(start, sum, work_expected(events));
    }
};

// --- broadcast ------------------------------------------------------------------------

// The four edges to the decrementer make it count a message when all four are done.
template <class Policy, bool limited> struct BroadcastGraph {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        Range range{1, events + 1};
        graphs::graph all;
        graphs::input_node<Message> source(all, reader_of(kind, range, kConsumers));
        graphs::limiter_node<Message> limiter(all, kLimit);
        Consumers<Kind, graphs::continue_msg, Policy> consumers(all, kind);
        if (limited) graphs::make_edge(source, limiter);
        for (auto &node : consumers.nodes) {
            if (limited) {
                graphs::make_edge(limiter, node);
                graphs::make_edge(node, limiter.decrementer());
            } else {
                graphs::make_edge(source, node);
            }
        }
        double start = go(all, source);
        return outcome_of(start, total(consumers.tallies), kConsumers * work_expected(events));
    }
};

// Each message passes the four consumers one after another.
template <size_t tokens> struct BroadcastPipeline {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        Range range{1, events + 1};
        Tallies tallies;
        auto consumer = [&](unsigned index) {
            return tbb::make_filter<Message, Message>(kInOrder, [&, index](Message message) {
                tallies[index].sum += kind.finish(message);
                return message;
            });
        };
        auto all = tbb::make_filter<void, Message>(kInOrder, reader_of(kind, range, kConsumers)) &
                   consumer(0) & consumer(1) & consumer(2) &
                   tbb::make_filter<Message, void>(
                       kInOrder, [&](Message message) { tallies[3].sum += kind.finish(message); });
        double start = race_clock_ns();
        tbb::parallel_pipeline(tokens, all);
        return outcome_of(start, total(tallies), kConsumers * work_expected(events));
    }
};

// --- partition ------------------------------------------------------------------------

template <class Message, class Ports> void send(Ports &ports, unsigned key, Message message) {
    switch (key) {
    case 0:
        (void)std::get<0>(ports).try_put(message);
        break;
    case 1:
        (void)std::get<1>(ports).try_put(message);
        break;
    case 2:
        (void)std::get<2>(ports).try_put(message);
        break;
    default:
        (void)std::get<3>(ports).try_put(message);
        break;
    }
}

template <class Policy, bool limited> struct PartitionGraph {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        using Outputs = std::tuple<Message, Message, Message, Message>;
        using Splitter = graphs::multifunction_node<Message, Outputs, Policy>;
        constexpr bool items = std::is_same_v<Kind, Items>;
        // A word reaches one consumer, a split vector all four.
        using Done = std::conditional_t<items, int, graphs::continue_msg>;
        Range range{1, events + 1};
        graphs::graph all;
        graphs::input_node<Message> source(all, reader_of(kind, range, 1));
        graphs::limiter_node<Message, Done> limiter(all, kLimit);
        Splitter splitter(
            all, graphs::serial,
            [&](Message message, typename Splitter::output_ports_type &ports) noexcept {
                auto parts = kind.split(message);
                if constexpr (items) {
                    send(ports, static_cast<unsigned>(parts % kConsumers), parts);
                } else {
                    for (unsigned key = 0; key < kConsumers; key++) {
                        send(ports, key, parts[key]);
                    }
                }
            });
        Consumers<Kind, Done, Policy> consumers(all, kind);
        if (limited) {
            graphs::make_edge(source, limiter);
            graphs::make_edge(limiter, splitter);
            for (auto &node : consumers.nodes) graphs::make_edge(node, limiter.decrementer());
        } else {
            graphs::make_edge(source, splitter);
        }
        graphs::make_edge(graphs::output_port<0>(splitter), consumers.nodes[0]);
        graphs::make_edge(graphs::output_port<1>(splitter), consumers.nodes[1]);
        graphs::make_edge(graphs::output_port<2>(splitter), consumers.nodes[2]);
        graphs::make_edge(graphs::output_port<3>(splitter), consumers.nodes[3]);
        double start = go(all, source);
        return outcome_of(start, total(consumers.tallies), work_expected(events));
    }
};

// The parts pass the four consumers together, and each takes its own.
template <size_t tokens> struct PartitionPipeline {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        using Parts = typename Kind::Parts;
        Range range{1, events + 1};
        Tallies tallies;
        auto consumer = [&](unsigned key) {
            return tbb::make_filter<Parts, Parts>(kInOrder, [&, key](Parts parts) {
                tallies[key].sum += kind.finish(parts, key);
                return parts;
            });
        };
        auto all = tbb::make_filter<void, Message>(kInOrder, reader_of(kind, range, 1)) &
                   tbb::make_filter<Message, Parts>(
                       kInOrder, [&](Message message) { return kind.split(message); }) &
                   consumer(0) & consumer(1) & consumer(2) &
                   tbb::make_filter<Parts, void>(
                       kInOrder, [&](Parts parts) { tallies[3].sum += kind.finish(parts, 3); });
        double start = race_clock_ns();
        tbb::parallel_pipeline(tokens, all);
        return outcome_of(start, total(tallies), work_expected(events));
    }
};

// --- merge ----------------------------------------------------------------------------

// A consumer that rejects fetches from its producers when it is ready.
template <class Policy> struct Merge {
    template <class Kind> peer::Outcome operator()(Kind &kind, uint64_t events) const {
        using Message = typename Kind::Message;
        std::array<Range, kProducers> ranges;
        Tally tally;
        graphs::graph all;
        std::deque<graphs::input_node<Message>> sources;
        graphs::function_node<Message, graphs::continue_msg, Policy> sink(
            all, graphs::serial, [&](Message message) noexcept {
                tally.sum += kind.finish(message);
                return graphs::continue_msg{};
            });
        for (unsigned index = 0; index < kProducers; index++) {
            ranges[index] = part_of(events, index, kProducers);
            sources.emplace_back(all, reader_of(kind, ranges[index], 1));
            graphs::make_edge(sources.back(), sink);
        }
        double start = race_clock_ns();
        for (auto &source : sources) source.activate();
        all.wait_for_all();
        return outcome_of(start, tally.sum, work_expected(events));
    }
};

template <class Shape>
void add(std::vector<peer::Case> &cases, const std::string &workload, const std::string &manner) {
    for (Placement place : kPlacements) {
        for_each_kind(
            manner, {1000, 4000, 8000, 16000}, [&](const std::string &setting, size_t size) {
                cases.push_back({workload + "/" + place.name + "/" + setting, [=](uint64_t events) {
                                     return on_site(place.cores, size, [&](auto &kind) {
                                         return Shape{}(kind, events);
                                     });
                                 }});
            });
    }
}

} // namespace

void add_tbb_fans(std::vector<peer::Case> &cases) {
    add<ShareQueue>(cases, "share", "queue");
    add<ShareNode>(cases, "share", "concurrent");
    add<SharePipeline<kTokens>>(cases, "share", "pipeline");
    add<SharePipeline<kFewTokens>>(cases, "share", "pipeline:4");
    add<BroadcastGraph<graphs::queueing, true>>(cases, "broadcast", "limiter");
    add<BroadcastGraph<graphs::lightweight, false>>(cases, "broadcast", "lightweight");
    add<BroadcastPipeline<kTokens>>(cases, "broadcast", "pipeline");
    add<BroadcastPipeline<kFewTokens>>(cases, "broadcast", "pipeline:4");
    add<PartitionGraph<graphs::queueing, true>>(cases, "partition", "limiter");
    add<PartitionGraph<graphs::lightweight, false>>(cases, "partition", "lightweight");
    add<PartitionPipeline<kTokens>>(cases, "partition", "pipeline");
    add<PartitionPipeline<kFewTokens>>(cases, "partition", "pipeline:4");
    add<Merge<graphs::rejecting>>(cases, "merge", "rejecting");
    add<Merge<graphs::rejecting_lightweight>>(cases, "merge", "lightweight");
}

} // namespace flow
