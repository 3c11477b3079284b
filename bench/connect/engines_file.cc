// The engine that needs no server: lines from a file to a file, by weir and by hand.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What does a line of 64 and of 1,024 bytes cost, from one file to another, in batches
// of 100 and 1,000, each made sure on the disk (fdatasync) before the position in the first file is
// written down, beside loops by hand that do the same: getline and a buffer, and the fastest that
// we could think of, which writes lines as they lie in what was read?  And without making sure,
// where the file system's cache is all there is?
//
// A disk that others use takes 0.2 ms for a sync now, and 4 ms a minute later.  So there are rows
// (timed) in which nothing is on a disk, and each sync is a sleep of 0.25 ms.
//
// Prediction.  With fdatasync the disk is what costs, and weir reads the next batch meanwhile: no
// less than 0.9 of the hand's rate.  Without, weir's thread hops show: some 100 ns a line.
//
// The rows on the disk drift with it: pairs of rows are compared, by medians.
//
// Rows are weir/thread,... (the sink on a thread of its own) and weir/quick,... (on the worker),
// ceiling/getline,... and ceiling/read,...
//
// --folder_shm=1: in /dev/shm, as `timed` always is, else here.  The files are removed.
#include "race.h"
#include "rows.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

namespace {

bool timed = false; // syncs are sleeps

}

// Of this program: weir's calls come here, too.
extern "C" int fdatasync(int file) {
    if (!timed) return static_cast<int>(syscall(SYS_fdatasync, file));
    const struct timespec pause = {0, 250000};
    prctl(PR_SET_TIMERSLACK, 1L);
    return nanosleep(&pause, nullptr);
}

namespace {

struct Setting {
    size_t bytes; // of a line, delimiter included
    size_t batch;
    const char *kind;   // synced, timed, cached
    bool quick = false; // weir: the sink writes on an unpinned worker, not on a thread of its own
};

std::string folder, usual;

bool is_synced(const Setting &setting) {
    return setting.kind != std::string("cached");
}

std::string path_of(const char *name) {
    return folder + "/engines_file." + name;
}

void must(weir_status status) {
    if (status != WEIR_OK) {
        std::fprintf(stderr, "%s: %s\n", weir_status_text(status), weir_refusal());
        std::exit(1);
    }
}

void check(bool well) {
    if (!well) {
        std::perror("engines_file");
        std::exit(1);
    }
}

void write_all(int file, const char *text, size_t bytes) {
    for (size_t written = 0; written < bytes;) {
        ssize_t count = write(file, text + written, bytes - written);
        check(count >= 0);
        written += static_cast<size_t>(count);
    }
}

// Lines that begin with their numbers.
void write_log(const Setting &setting, uint64_t count) {
    timed = setting.kind == std::string("timed");
    folder = timed ? "/dev/shm" : usual;
    int file = open(path_of("log").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    check(file >= 0);
    std::string text;
    for (uint64_t i = 0; i < count; i++) {
        std::string line = std::to_string(i) + " ";
        line.resize(setting.bytes - 1, 'x');
        text += line + "\n";
        if (text.size() > (1 << 20) || i + 1 == count) {
            write_all(file, text.data(), text.size());
            text.clear();
        }
    }
    check(fsync(file) == 0);
    close(file);
    std::remove(path_of("store").c_str());
    std::remove(path_of("position").c_str());
}

// The store is what the log is.
bool is_copied() {
    std::string command = "cmp -s " + path_of("log") + " " + path_of("store");
    return std::system(command.c_str()) == 0;
}

rows::Outcome outcome(double began, double ended) {
    rows::Outcome result;
    result.nanoseconds = ended - began;
    result.correct = is_copied();
    return result;
}

rows::Outcome run_weir(const Setting &setting, uint64_t count) {
    write_log(setting, count);
    std::string log = path_of("log"), store = path_of("store"), position = path_of("position");
    const char *paths[] = {log.c_str()};
    weir_file_source_options from = {};
    from.paths = paths;
    from.path_count = 1;
    from.checkpoint = position.c_str();
    from.once = true;
    weir_file_sink_options to = {};
    to.path = store.c_str();
    to.sync = is_synced(setting) ? WEIR_FILE_SYNC_BATCH : WEIR_FILE_SYNC_NONE;
    weir_file_source *source;
    weir_file_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_runtime_options one = {};
    one.workers = 1;
    one.unpinned = true;
    must(weir_file_source_open(&from, &source));
    must(weir_file_sink_open(&to, &sink));
    must(weir_runtime_open(&one, &runtime));
    void *source_context = source, *sink_context = sink;
    weir_pipeline_batcher batcher = {};
    batcher.name = "store";
    batcher.size = setting.batch;
    batcher.quick = setting.quick;
    batcher.timeout_ns = 2000000; // of the last one, which is not full
    batcher.sink = weir_file_sink_table(sink);
    batcher.sink_contexts = &sink_context;
    weir_pipeline_options options = {};
    options.source = weir_file_source_driver(source);
    options.source_contexts = &source_context;
    options.source_count = 1;
    options.processors.count = 1;
    options.batchers = &batcher;
    options.batcher_count = 1;
    double began = race_clock_ns();
    must(weir_pipeline_open(runtime, &options, &pipeline));
    must(weir_pipeline_await(pipeline, WEIR_FOREVER));
    double ended = race_clock_ns();
    must(weir_pipeline_close(pipeline, nullptr));
    must(weir_runtime_close(runtime, nullptr));
    weir_file_source_close(source);
    weir_file_sink_close(sink);
    return outcome(began, ended);
}

struct Hand {
    int store;
    int position;
    uint64_t at = 0;

    Hand() {
        store = open(path_of("store").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
        position = open(path_of("position").c_str(), O_CREAT | O_WRONLY, 0600);
        check(store >= 0 && position >= 0);
    }
    ~Hand() {
        close(store);
        close(position);
    }
    void put(const Setting &setting, const char *text, size_t bytes) {
        if (bytes == 0) return;
        write_all(store, text, bytes);
        check(!is_synced(setting) || fdatasync(store) == 0);
        at += bytes;
        check(pwrite(position, &at, sizeof at, 0) == sizeof at);
    }
};

rows::Outcome run_getline(const Setting &setting, uint64_t count) {
    write_log(setting, count);
    double began = race_clock_ns();
    {
        Hand hand;
        std::FILE *log = std::fopen(path_of("log").c_str(), "r");
        check(log != nullptr);
        char *line = nullptr;
        size_t room = 0, lines = 0;
        std::string batch;
        for (ssize_t length; (length = getline(&line, &room, log)) > 0;) {
            batch.append(line, static_cast<size_t>(length));
            if (++lines == setting.batch) {
                hand.put(setting, batch.data(), batch.size());
                batch.clear();
                lines = 0;
            }
        }
        hand.put(setting, batch.data(), batch.size());
        std::free(line);
        std::fclose(log);
    }
    return outcome(began, race_clock_ns());
}

rows::Outcome run_read(const Setting &setting, uint64_t count) {
    write_log(setting, count);
    double began = race_clock_ns();
    {
        Hand hand;
        int log = open(path_of("log").c_str(), O_RDONLY);
        check(log >= 0);
        std::string text(4 << 20, 0);
        size_t begin = 0, next = 0, end = 0,
               lines = 0; // the batch begins, its last line, what is there
        for (ssize_t had = 1; had > 0;) {
            std::memmove(&text[0], &text[begin], end - begin);
            next -= begin, end -= begin, begin = 0;
            had = read(log, &text[end], std::min(text.size() - end, size_t{262144}));
            check(had >= 0);
            end += static_cast<size_t>(had);
            while (const void *found = std::memchr(&text[next], '\n', end - next)) {
                next = static_cast<size_t>(static_cast<const char *>(found) - text.data()) + 1;
                if (++lines == setting.batch) {
                    hand.put(setting, &text[begin], next - begin);
                    begin = next;
                    lines = 0;
                }
            }
        }
        hand.put(setting, &text[begin], next - begin);
        close(log);
    }
    return outcome(began, race_clock_ns());
}

// So many batches, whatever a sync takes just now: what a row's first run takes says nothing of the
// next one's.
uint64_t lines_of(const Setting &setting) {
    const uint64_t lines = setting.batch == 100 ? 40000 : setting.bytes == 64 ? 200000 : 60000;
    return setting.kind == std::string("synced") ? lines / 4 : lines;
}

void add(const std::string &name, const Setting &setting,
         rows::Outcome (*run)(const Setting &, uint64_t)) {
    std::string place = "/" + std::string(setting.kind) +
                        ",bytes:" + std::to_string(setting.bytes) +
                        ",batch:" + std::to_string(setting.batch);
    rows::add_fixed(name + place, lines_of(setting), [=](uint64_t count) {
        rows::Outcome outcome = run(setting, count);
        outcome.figures["ns_per_line"] = outcome.nanoseconds / static_cast<double>(count);
        return outcome;
    });
}

} // namespace

int main(int argc, char **argv) {
    double shm = 0;
    argc = rows::take_number(argc, argv, "--folder_shm=", shm);
    usual = shm != 0 ? "/dev/shm" : ".";
    for (const char *kind : {"synced", "timed", "cached"}) {
        for (size_t bytes : {size_t{64}, size_t{1024}}) {
            for (size_t batch : {size_t{100}, size_t{1000}}) {
                add("weir/thread", {bytes, batch, kind}, run_weir);
                add("weir/quick", {bytes, batch, kind, true}, run_weir);
                add("ceiling/getline", {bytes, batch, kind}, run_getline);
                add("ceiling/read", {bytes, batch, kind}, run_read);
            }
        }
    }
    int code = rows::run(argc, argv);
    for (const char *where : {usual.c_str(), "/dev/shm"}) {
        folder = where;
        for (const char *name : {"log", "store", "position"}) std::remove(path_of(name).c_str());
    }
    return code;
}
