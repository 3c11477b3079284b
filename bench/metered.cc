// Metered: what it costs that every stage counts and times what it does.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How much faster is the pipe of two when the library is built without counters,
// clocks and stamps?
//
// Prediction.  Counting is a few additions a batch, and of so many visits one looks at the
// clock that this is some thousandths of the time: less than 1 % from the default demand on.
// At max_demand 1 a turn is one event, and what a visit adds is some 5 ns of it.
#include "peer_process.h"

#include <filesystem>

namespace {

void add_rows(const std::string &way) {
    namespace fs = std::filesystem;
    fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
    auto process = std::make_shared<rows::PeerProcess>((here / "metering" / way).string());
    for (const std::string &one : process->cases("metered")) {
        rows::add(way + one.substr(one.find('/')),
                  [=](uint64_t events) { return process->run(one, events); });
    }
}

} // namespace

int main(int argc, char **argv) {
    add_rows("with");
    add_rows("without");
    return rows::run(argc, argv);
}
