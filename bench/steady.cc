// Steady: what a run allocates once it has warmed up.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How often do the workloads ask the allocator for memory, between their
// twenty-millionth event and their thirty-millionth, which is the last?  And a pipe of two
// whose messages are of any length, between the second million and the third?
//
// Prediction.  Never: blocks and slots come back to who needs the next ones.  On one worker
// a run that allocates is an error.  Over two cores a worker may be held up for longer than
// ever before while the other goes on, and then more blocks are on their way than ever
// before: a few, while one for each batch would be 20,000.
#include "counting.h"
#include "graph_rows.h"
#include "payload_graph.h"

#include <cstdio>

namespace {

constexpr uint64_t kWarmUp = 20000000; // events
constexpr uint64_t kEvents = 10000000;
constexpr uint64_t kMessagesWarmUp = 2000000;
constexpr uint64_t kMessages = 1000000;
constexpr uint64_t kHeldUp = 20; // allocations, of split workers

// From when every source has warmed up until the first has emitted all.
struct Window {
    const Counting &counting;
    const unsigned sources;
    std::atomic<unsigned> warm{0}, ended{0};
    std::atomic<uint64_t> first{0}, last{0}; // calls by then
    std::atomic<bool> open{false};           // it was not over before it began

    static void tell(void *context, bool all) {
        auto *self = static_cast<Window *>(context);
        if (!all && ++self->warm == self->sources) self->first = self->counting.calls();
        if (all && self->ended++ == 0) {
            self->last = self->counting.calls();
            self->open = self->warm == self->sources;
        }
    }
};

// Where the thread that starts the sources is held up, one may end before another begins.
constexpr int kTries = 10;

rows::Outcome judge(const std::string &name, unsigned workers, const Window &window,
                    rows::Outcome outcome) {
    uint64_t calls = window.last - window.first;
    uint64_t allowed = workers == 1 ? 0 : kHeldUp;
    if (calls > allowed) {
        std::fprintf(stderr, "\n%s: %llu allocations\n", name.c_str(),
                     static_cast<unsigned long long>(calls));
    }
    outcome.correct = outcome.correct && window.open && calls <= allowed;
    outcome.figures["allocations"] = static_cast<double>(calls);
    return outcome;
}

rows::Outcome run(const std::string &name, graph_shape shape, int tries = kTries) {
    Counting counting;
    Window window{counting, shape.kind == GRAPH_MERGE ? unsigned{GRAPH_BRANCHES} : 1};
    part_watch watch = {&Window::tell, &window, kWarmUp / window.sources};
    shape.watch = &watch;
    shape.allocator = &counting.allocator();
    rows::Outcome outcome = graph_run(shape, kWarmUp + kEvents);
    if (!window.open && tries > 1) return run(name, shape, tries - 1);
    return judge(name, shape.workers, window, outcome);
}

rows::Outcome run_messages(const std::string &name, payload_graph graph) {
    messages stream;
    messages_make(&stream, MESSAGES_LINES);
    Counting counting;
    Window window{counting, 1};
    part_watch watch = {&Window::tell, &window, kMessagesWarmUp};
    graph.messages = &stream;
    graph.watch = &watch;
    graph.allocator = &counting.allocator();
    return judge(name, graph.workers, window,
                 payload_graph_run(graph, kMessagesWarmUp + kMessages));
}

void add(const rows::Workload &workload, unsigned workers) {
    graph_shape shape = rows::shape_of(workload, workers);
    std::string name = "weir/" + rows::place_name(workers) + "/" + workload.name;
    rows::add_figures(name, [=] { return run(name, shape); });
}

void add_messages(payload_manner manner, const std::string &setting, unsigned workers) {
    payload_graph graph = {};
    graph.manner = manner;
    graph.workers = workers;
    std::string name = "weir/" + rows::place_name(workers) + "/" + setting;
    rows::add_figures(name, [=] { return run_messages(name, graph); });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        for (const rows::Workload &workload : rows::kWorkloads) add(workload, workers);
        add_messages(PAYLOAD_EMIT, "payload,emit", workers);
        add_messages(PAYLOAD_BYTES, "payload,bytes", workers);
        add_messages(PAYLOAD_SLICES, "payload,slices", workers);
    }
    return rows::run(argc, argv);
}
