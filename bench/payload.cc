// Payload: messages of any length.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What does a message of 20 to 219 bytes cost (120 in the mean), and one of 20 to
// 2,000 (1,010), from one stage to the next, split over two cores and on one worker, beside
// frames packed by hand, beside a malloc for each and beside the peers?  The producer writes each
// message whole, the consumer reads all of it.
//
// Prediction.  weir's payload lies packed, too, and a message costs 16 bytes and a word more: at
// least 0.7 of the frames when split, once as much is under way (deep: 4,000 messages).  Emitted
// one by one it costs some 10 ns more than written where it will lie; a malloc for each costs more
// than all of that.  So does every peer when split, whose strings lie each on lines of their own:
// those that come back to be used again are the nearest, in batches.
//
// Peers pass strings: std::string, []byte, binaries (what their settings mean stands in their
// files).  tools/bench --peers payload runs all, in about two minutes, GenStage if WEIR_GEN_STAGE
// is set; both cores must be free, since the waiting ones spin: one that is put off its core
// stands for its whole time slice.
#include "graph_rows.h"
#include "payload_graph.h"
#include "payload_hand.h"

#include <memory>

namespace {

struct Lengths {
    messages_lengths kind;
    const char *mean;
};
constexpr Lengths kLengths[] = {{MESSAGES_LINES, "bytes:120"}, {MESSAGES_MIXED, "bytes:1010"}};

struct Manner {
    payload_manner manner;
    const char *name;
};
constexpr Manner kManners[] = {{PAYLOAD_EMIT, "emit"},
                               {PAYLOAD_MANY, "emit_many"},
                               {PAYLOAD_BYTES, "bytes"},
                               {PAYLOAD_SLICES, "slices"},
                               {PAYLOAD_MALLOC, "malloc"}};

using Stream = std::shared_ptr<messages>;

void add_cost(rows::Outcome &outcome, uint64_t count) {
    outcome.figures["ns_per_message"] = outcome.nanoseconds / static_cast<double>(count);
}

void add(const std::string &name, const std::function<race_result(uint64_t)> &run) {
    rows::add(name, [run](uint64_t count) {
        rows::Outcome outcome = run(count);
        add_cost(outcome, count);
        return outcome;
    });
}

void add_hand(const Stream &stream, const char *mean) {
    for (bool one_core : {false, true}) {
        std::string who = one_core ? "ceiling/one_core/" : "ceiling/split/";
        auto hand = [=] { return payload_hand{stream.get(), one_core, race_cores_pick()}; };
        add(who + "packed," + mean,
            [=, keep = stream](uint64_t count) { return payload_hand_packed(hand(), count); });
        add(who + "malloc," + mean,
            [=, keep = stream](uint64_t count) { return payload_hand_malloc(hand(), count); });
    }
}

// As many messages of 120 bytes as the frames by hand have room for.
constexpr size_t kDeep = 4000;

void add_weir(const Stream &stream, const std::string &setting, payload_graph graph) {
    graph.messages = stream.get();
    add("weir/" + rows::place_name(graph.workers) + "/" + setting,
        [graph, keep = stream](uint64_t count) { return payload_graph_run(graph, count); });
}

void add_weir(const Stream &stream, const std::string &mean) {
    for (unsigned workers : {2u, 1u}) {
        for (const Manner &manner : kManners) {
            payload_graph graph = {};
            graph.manner = manner.manner;
            graph.workers = workers;
            add_weir(stream, manner.name + ("," + mean), graph);
            graph.max_demand = kDeep;
            if (workers == 2) add_weir(stream, manner.name + (",deep," + mean), graph);
        }
    }
}

} // namespace

int main(int argc, char **argv) {
    for (const Lengths &lengths : kLengths) {
        auto stream = std::make_shared<messages>();
        messages_make(stream.get(), lengths.kind);
        add_hand(stream, lengths.mean);
        add_weir(stream, lengths.mean);
    }
    rows::add_peers("payload", add_cost);
    return rows::run(argc, argv);
}
