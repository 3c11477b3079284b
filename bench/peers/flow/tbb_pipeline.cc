// oneTBB: the pipeline of ../../pipeline.cc.
// SPDX-License-Identifier: Apache-2.0
//
//     input ──► 4 processors ──► a buffer ──► a batcher of 500 ──► a counting sink
//
// Processors are a multifunction node of concurrency 4; what gathers is a serial one.  `buffer`
// has a queue before that, and a limiter that counts what the sink has not acknowledged yet; where
// all is `lightweight` nothing need bound that.  What goes along the edges is one message,
// `item`, or `vector:250`, so many: a library that passes messages leaves that to its user.
// Messages are used again, and their strings keep their memory.
#include "tbb_site.h"

#include <cstring>
#include <oneapi/tbb/flow_graph.h>
#include <string>

namespace flow {

namespace {

namespace graphs = tbb::flow;

constexpr unsigned kProcessors = 4;
constexpr size_t kBatch = 500;
constexpr size_t kOutstanding = 2000; // messages
constexpr size_t kVector = 250;       // divides both

struct Message {
    std::string data;
    uint64_t token = 0;
    bool good = false;
};

struct Some {
    std::vector<Message> messages;
    size_t count = 0; // from the first on; those behind them keep their memory
};

uint64_t number_of(const Message &message) {
    uint64_t number;
    std::memcpy(&number, message.data.data(), sizeof number);
    return number;
}

// What the messages come from, and what it is told.
class Flood {
  public:
    Flood(uint64_t count, size_t size, size_t bytes)
        : range_{0, count}, size_(size), count_(count) {
        text_.resize(bytes);
    }

    bool over() const {
        return range_.empty();
    }
    Some *pull() {
        Some *some = pool_.take();
        some->messages.resize(size_);
        for (some->count = 0; some->count < size_ && !over(); range_.next++) {
            Message &message = some->messages[some->count++];
            std::memcpy(text_.data(), &range_.next, sizeof range_.next);
            message.data.assign(text_);
            message.token = range_.next;
        }
        return some;
    }
    void give_back(Some *some) {
        pool_.give(some);
    }
    void acknowledge(const Some &batch) {
        for (size_t i = 0; i < batch.count; i++) acknowledged_ += batch.messages[i].good;
        if (acknowledged_ == count_) ended_ = race_clock_ns();
    }
    double ended() const {
        return ended_;
    }

  private:
    Range range_;
    const size_t size_;
    const uint64_t count_;
    std::string text_;
    NearPool<Some> pool_;
    alignas(128) uint64_t acknowledged_ = 0; // the sink's
    double ended_ = 0;
};

// Moves messages into batches, with their strings: what the batch had before stays behind.
class Gatherer {
  public:
    template <class Full> void add(Some &some, const Full &full) {
        for (size_t i = 0; i < some.count; i++) {
            if (batch_ == nullptr) begin();
            std::swap(batch_->messages[batch_->count++], some.messages[i]);
            if (batch_->count == kBatch) full(std::exchange(batch_, nullptr));
        }
    }
    void give_back(Some *batch) {
        pool_.give(batch);
    }

  private:
    void begin() {
        batch_ = pool_.take();
        batch_->messages.resize(kBatch);
        batch_->count = 0;
    }

    Some *batch_ = nullptr;
    NearPool<Some> pool_;
};

template <class Policy, class Gathering, bool buffered> struct Wiring {
    using Processors = graphs::multifunction_node<Some *, std::tuple<Some *>, Policy>;
    using Batcher = graphs::multifunction_node<Some *, std::tuple<Some *>, Gathering>;
    using Sink = graphs::function_node<Some *, int, Policy>;

    Wiring(Flood &flood, size_t size)
        : source(all,
                 [&flood](tbb::flow_control &control) -> Some * {
                     if (!flood.over()) return flood.pull();
                     control.stop();
                     return nullptr;
                 }),
          limiter(all, kOutstanding / size),
          processors(all, kProcessors,
                     [](Some *some, typename Processors::output_ports_type &ports) noexcept {
                         for (size_t i = 0; i < some->count; i++) {
                             Message &message = some->messages[i];
                             message.good = number_of(message) != UINT64_MAX;
                         }
                         (void)std::get<0>(ports).try_put(some);
                     }),
          buffer(all),
          batcher(all, graphs::serial,
                  [&](Some *some, typename Batcher::output_ports_type &ports) noexcept {
                      gatherer.add(*some, [&ports](Some *batch) {
                          (void)std::get<0>(ports).try_put(batch);
                      });
                      flood.give_back(some);
                  }),
          sink(all, graphs::serial, [&, size](Some *batch) noexcept {
              for (size_t i = 0; i < batch->count; i++) sum += number_of(batch->messages[i]);
              flood.acknowledge(*batch);
              gatherer.give_back(batch);
              return static_cast<int>(kBatch / size);
          }) {
        if (buffered) {
            graphs::make_edge(source, limiter);
            graphs::make_edge(limiter, processors);
            graphs::make_edge(graphs::output_port<0>(processors), buffer);
            graphs::make_edge(buffer, batcher);
            graphs::make_edge(sink, limiter.decrementer());
        } else {
            graphs::make_edge(source, processors);
            graphs::make_edge(graphs::output_port<0>(processors), batcher);
        }
        graphs::make_edge(graphs::output_port<0>(batcher), sink);
    }

    Gatherer gatherer;
    uint64_t sum = 0; // the sink's
    graphs::graph all;
    graphs::input_node<Some *> source;
    graphs::limiter_node<Some *, int> limiter;
    Processors processors;
    graphs::queue_node<Some *> buffer;
    Batcher batcher;
    Sink sink;
};

template <class Wired> peer::Outcome run(uint64_t events, size_t size, size_t bytes) {
    // No batch stays behind half full.
    uint64_t count = (events + kBatch - 1) / kBatch * kBatch;
    Flood flood(count, size, bytes);
    Wired wired(flood, size);
    double start = race_clock_ns();
    wired.source.activate();
    wired.all.wait_for_all();
    peer::Outcome outcome;
    outcome.nanoseconds = flood.ended() - start;
    outcome.correct = flood.ended() > 0 && wired.sum == count * (count - 1) / 2;
    return outcome;
}

template <class Wired>
void add(std::vector<peer::Case> &cases, Placement place, const std::string &manner) {
    for_each_kind(manner, {kVector}, [&](const std::string &setting, size_t vector) {
        size_t size = vector == 0 ? 1 : vector;
        for (size_t bytes : {size_t{8}, size_t{120}}) {
            cases.push_back({std::string("pipeline/") + place.name + "/" + setting +
                                 ",bytes:" + std::to_string(bytes),
                             [=](uint64_t events) {
                                 Site site(place.cores);
                                 return site.execute(
                                     [&] { return run<Wired>(events, size, bytes); });
                             }});
        }
    });
}

} // namespace

void add_tbb_pipelines(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        add<Wiring<graphs::queueing, graphs::rejecting, true>>(cases, place, "buffer");
        add<Wiring<graphs::lightweight, graphs::lightweight, false>>(cases, place, "lightweight");
    }
}

} // namespace flow
