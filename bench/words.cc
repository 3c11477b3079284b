// Words: weir-words beside a plain program that does the same.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many words a second does weir-words count on one worker and on two cores, beside
// a program of one thread with one table, and beside two of these at once with half of the
// text each, which do not add up: all that two cores can do?  The text has 430 MB, and
// 100,000 different words as languages have them; every answer is checked.
//
// Prediction.  A chunk of 16 KiB is some 2,500 words, 100 us; what weir does for it is 1 us.
// So one worker is as fast as the plain program.  Two cores are twice as fast but for what is
// done once: the tables are added up, sorted and printed, some 20 ms of a second.
#include "child.h"
#include "rows.h"
#include "words_text.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

double text_mb = 430;

// A text in a file of its own, and what is to be said of it.
class Text {
  public:
    explicit Text(double megabytes) {
        path = (fs::temp_directory_path() / "weir-words-XXXXXX").string();
        int file = mkstemp(path.data());
        FILE *to = file < 0 ? nullptr : fdopen(file, "w");
        words_text *text =
            to == nullptr ? nullptr : words_text_write(to, static_cast<uint64_t>(megabytes * 1e6));
        if (text == nullptr) {
            std::perror(path.c_str());
            std::exit(EXIT_FAILURE);
        }
        std::fclose(to);
        words = words_text_count(text);
        bytes = words_text_bytes(text);
        char *told = nullptr;
        size_t length = 0;
        FILE *teller = open_memstream(&told, &length);
        words_text_tell(text, teller);
        std::fclose(teller);
        answer.assign(told, length);
        std::free(told);
        words_text_free(text);
    }
    ~Text() {
        unlink(path.c_str());
    }
    Text(const Text &) = delete;
    Text &operator=(const Text &) = delete;

    std::string path, answer;
    uint64_t words, bytes;
};

rows::Outcome outcome_of(double began, bool correct, double bytes) {
    rows::Outcome outcome;
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = correct;
    outcome.figures["mb_per_s"] = bytes * 1e3 / outcome.nanoseconds;
    return outcome;
}

rows::Outcome run(const std::vector<std::string> &command, const Text &text) {
    double began = race_clock_ns();
    rows::Child child(command);
    return outcome_of(began, child.said() == text.answer, static_cast<double>(text.bytes));
}

rows::Outcome run_twice(const std::vector<std::string> &command, race_cores cores,
                        const Text &text) {
    double began = race_clock_ns();
    rows::Child one(command, cores.sender), other(command, cores.receiver);
    bool correct = one.said() == text.answer;
    correct = other.said() == text.answer && correct;
    return outcome_of(began, correct, 2 * static_cast<double>(text.bytes));
}

} // namespace

int main(int argc, char **argv) {
    int left = rows::take_number(argc, argv, "--text_mb=", text_mb);
    fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
    std::string plain = here / "words_plain", weir = here.parent_path() / "examples/weir-words";
    const Text text(text_mb), half(text_mb / 2);
    race_cores cores = race_cores_pick();
    rows::add_fixed("ceiling/one_core/plain", text.words, [&](uint64_t) {
        return run({plain, text.path}, text);
    });
    rows::add_fixed("ceiling/split/halves", 2 * half.words, [&](uint64_t) {
        return run_twice({plain, half.path}, cores, half);
    });
    for (const char *workers : {"1", "2"}) {
        std::string place = *workers == '1' ? "one_core" : "split";
        rows::add_fixed(
            "weir/" + place + "/workers:" + workers, text.words, [&, workers](uint64_t) {
                return run({weir, "--all", "--quiet", "--workers", workers, text.path}, text);
            });
    }
    return rows::run(left, argv);
}
