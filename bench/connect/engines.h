// What the benchmarks of engines share: numbered messages, and a pipeline that counts them.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_CONNECT_ENGINES_H
#define BENCH_CONNECT_ENGINES_H

#include "race.h"
#include "rows.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <weir/weir.h>

namespace engines {

// What the sink has seen.
struct Seen {
    uint64_t sum = 0;
    std::atomic<uint64_t> count{0};
    std::atomic<double> began{0}; // when the first came
};

inline uint64_t number_of(const void *data) {
    uint64_t number;
    std::memcpy(&number, data, sizeof number);
    return number;
}

inline bool right(uint64_t count, uint64_t seen, uint64_t sum) {
    return seen == count && sum == count * (count - 1) / 2;
}

inline void must(weir_status status, const char *what) {
    if (status != WEIR_OK) {
        std::fprintf(stderr, "engines: %s: %s\n", what, weir_refusal());
        std::exit(1);
    }
}

inline weir_outcome count_batch(void *context, weir_message *messages, size_t count,
                                const weir_batch_info *) {
    auto *seen = static_cast<Seen *>(context);
    if (seen->count.load() == 0) seen->began = race_clock_ns();
    for (size_t i = 0; i < count; i++) seen->sum += number_of(messages[i].data.at);
    seen->count.fetch_add(count);
    return WEIR_MESSAGE_OK;
}

// From the opening of the pipeline, or from the first message on, until all are acked.  The
// engine's own figures are looked at, by `acked`, before the pipeline is closed.  One worker: who
// does it by hand has one thread, too, beside those of the client library.
template <typename Acked>
rows::Outcome through_pipeline(const weir_source_driver *driver, void *source, uint64_t count,
                               size_t batch, bool from_first, Acked acked) {
    Seen seen;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_runtime_options one = {};
    one.workers = 1;
    one.unpinned = true;
    must(weir_runtime_open(&one, &runtime), "runtime");
    weir_pipeline_batcher sink = {};
    sink.name = "sink";
    sink.size = batch;
    sink.timeout_ns = 5000000;
    sink.quick = true;
    sink.handle_batch = count_batch;
    weir_pipeline_options how = {};
    how.context = &seen;
    how.source = driver;
    how.source_contexts = &source;
    how.source_count = 1;
    how.batchers = &sink;
    how.batcher_count = 1;
    rows::Outcome outcome;
    double began = race_clock_ns();
    must(weir_pipeline_open(runtime, &how, &pipeline), "pipeline");
    weir_pipeline_stats stats = {};
    while (stats.acked < count && race_clock_ns() - began < 20e9) {
        usleep(1000);
        weir_pipeline_read_stats(pipeline, &stats);
    }
    const bool known = acked();
    outcome.nanoseconds = race_clock_ns() - (from_first ? seen.began.load() : began);
    outcome.correct = right(count, seen.count, seen.sum) && known;
    if (!outcome.correct) {
        std::fprintf(stderr, "engines: %llu of %llu came, all acked: %d\n",
                     static_cast<unsigned long long>(seen.count.load()),
                     static_cast<unsigned long long>(count), known);
    }
    must(weir_pipeline_close(pipeline, nullptr), "close");
    must(weir_runtime_close(runtime, nullptr), "close");
    return outcome;
}

} // namespace engines

#endif
