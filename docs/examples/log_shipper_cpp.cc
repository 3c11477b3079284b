/*
 * C++20: log_shipper.c once more. Each line of a file goes to another, at least once.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     tail ──► parse ──► batches of 1000 lines or 100 ms ──► append and sync
 *
 * A line begins with a time and a level; those of level D are left out, those without go to a file
 * of their own.  Here with files in a folder of its own, once; what throws is a dead letter, too.
 */
#include <filesystem>
#include <fstream>
#include <iostream>
#include <weir/weir.hpp>

namespace {

constexpr uint64_t MS = 1000000;

/* What the pipeline does with a line, and with one that is none. */
struct shipper {
    std::atomic<unsigned> *faulty;
    weir_outcome handle_message(weir_work *, weir_message &message) {
        const std::string_view line = weir::view(message.data);
        const size_t level = line.find(' ');
        if (level == line.npos) throw std::invalid_argument("a line without a level");
        return line.substr(level + 1).starts_with('D') ? WEIR_MESSAGE_SKIP : WEIR_MESSAGE_OK;
    }
    void handle_failed(std::span<weir_message> messages) {
        *faulty += static_cast<unsigned>(messages.size());
    }
};

weir_pipeline_stats ship(const char *log, const char *store, std::atomic<unsigned> *faulty) {
    weir::file_source source(
        {.paths = &log, .path_count = 1, .checkpoint = "checkpoint", .once = true});
    weir::file_sink sink({.path = store}), dead_sink({.path = "dead"});
    weir::runtime runtime({.workers = 2, .log = [](void *, weir_log_level, const char *) {}});
    void *from[] = {static_cast<weir_file_source *>(source)};
    void *to[] = {static_cast<weir_file_sink *>(sink)};
    void *dead_to[] = {static_cast<weir_file_sink *>(dead_sink)};
    const weir_pipeline_batcher batchers[] = {
        {.name = "store",
         .size = 1000,
         .timeout_ns = 100 * MS,
         .sink = weir_file_sink_table(sink),
         .sink_contexts = to},
        {.name = "dead", .sink = weir_file_sink_table(dead_sink), .sink_contexts = dead_to}};
    weir::pipeline pipeline(runtime, shipper{faulty},
                            {.name = "shipper",
                             .source = weir_file_source_driver(source),
                             .source_contexts = from,
                             .source_count = 1,
                             .processors = {.count = 1},
                             .batchers = batchers,
                             .batcher_count = 2,
                             .dead = "dead"});
    weir::check(weir_pipeline_await(pipeline, WEIR_FOREVER));
    weir_pipeline_stats stats;
    weir::check(weir_pipeline_read_stats(pipeline, &stats));
    return stats; /* and all are closed: the pipeline, the runtime, the files */
}

} // namespace

int main() try {
    char folder[] = "/tmp/log_shipper_cpp.XXXXXX";
    if (mkdtemp(folder) == nullptr) return 1;
    std::filesystem::current_path(folder);
    {
        std::ofstream log("log");
        for (int i = 0; i < 5000; i++)
            if (i % 1000 == 7)
                log << "?\n";
            else
                log << i << ' ' << "IDWE"[i % 4] << " line\n";
    }
    std::atomic<unsigned> faulty{0};
    const weir_pipeline_stats stats = ship("log", "store", &faulty);
    std::cout << stats.done << " lines stored or left out, " << stats.dead << " dead, " << faulty
              << " of them thrown\n";
    std::filesystem::remove_all(folder);
    return 0;
} catch (const weir::error &refused) {
    std::cerr << refused.what() << '\n';
    return 1;
}
