// A peer's process, as the benchmarks see it: asked by lines, see peers/peer.h.
// SPDX-License-Identifier: Apache-2.0
#include "peer_process.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace rows {

namespace {

constexpr int kPatienceMs = 60000;

} // namespace

std::vector<std::shared_ptr<PeerProcess>> PeerProcess::start_all() {
    namespace fs = std::filesystem;
    std::vector<std::shared_ptr<PeerProcess>> all;
    fs::path folder = fs::read_symlink("/proc/self/exe").parent_path() / "peers";
    if (!fs::is_directory(folder)) return all;
    std::vector<fs::path> programs;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder)) {
        if (entry.is_regular_file() && access(entry.path().c_str(), X_OK) == 0) {
            programs.push_back(entry.path());
        }
    }
    std::sort(programs.begin(), programs.end());
    for (const fs::path &program : programs) {
        all.push_back(std::make_shared<PeerProcess>(program.string()));
    }
    return all;
}

PeerProcess::PeerProcess(const std::string &path)
    : name_(std::filesystem::path(path).filename().string()) {
    (void)signal(SIGPIPE, SIG_IGN); // a peer that has died is told by its answers
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) return;
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]), close(to[1]);
        return;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    std::string program = path;
    char *arguments[] = {program.data(), nullptr};
    if (posix_spawn(&pid_, path.c_str(), &actions, nullptr, arguments, environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]), close(from[1]);
    in_ = to[1];
    out_ = from[0];
}

PeerProcess::~PeerProcess() {
    end();
}

// Its input ends, so it ends; one that does not is made to.
void PeerProcess::end() {
    if (in_ >= 0) close(in_);
    if (out_ >= 0) close(out_);
    in_ = out_ = -1;
    if (pid_ <= 0) return;
    for (int tenths = 0; tenths < 20; tenths++) {
        if (waitpid(pid_, nullptr, WNOHANG) != 0) {
            pid_ = -1;
            return;
        }
        usleep(100000);
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

bool PeerProcess::say(const std::string &line) {
    std::string bytes = line + "\n";
    return in_ >= 0 && write(in_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

bool PeerProcess::hear(std::string &line) {
    for (;;) {
        size_t end = heard_.find('\n');
        if (end != std::string::npos) {
            line = heard_.substr(0, end);
            heard_.erase(0, end + 1);
            return true;
        }
        pollfd waiting = {out_, POLLIN, 0};
        if (out_ < 0 || poll(&waiting, 1, kPatienceMs) <= 0) return false;
        char bytes[4096];
        ssize_t count = read(out_, bytes, sizeof bytes);
        if (count <= 0) return false;
        heard_.append(bytes, static_cast<size_t>(count));
    }
}

std::vector<std::string> PeerProcess::cases(const std::string &workload) {
    std::vector<std::string> found;
    std::string line;
    if (!say("list")) return found;
    while (hear(line) && line != ".") {
        if (line.rfind(workload + "/", 0) == 0) found.push_back(line);
    }
    return found;
}

Outcome PeerProcess::run(const std::string &one, uint64_t events) {
    Outcome outcome;
    std::string line, verdict;
    if (!say("run " + one + " " + std::to_string(events)) || !hear(line)) {
        std::fprintf(stderr, "\n%s: no answer\n", name_.c_str());
        end();
        return outcome;
    }
    std::istringstream words(line);
    words >> verdict >> outcome.nanoseconds;
    outcome.correct = verdict == "ok" && outcome.nanoseconds > 0;
    if (!outcome.correct) {
        std::fprintf(stderr, "\n%s %s: %s\n", name_.c_str(), one.c_str(), line.c_str());
    }
    for (const char *figure : {"p50", "p99", "p99.9", "max", "cpu_percent"}) {
        double value;
        if (words >> value) outcome.figures[figure] = value;
    }
    return outcome;
}

} // namespace rows
