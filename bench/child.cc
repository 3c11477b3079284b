// A program that a benchmark runs, whose output it reads: see child.h.
// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rows {

namespace {

// On this core until the end of the scope; what is started inherits that.
class OnCore {
  public:
    explicit OnCore(int core) {
        sched_getaffinity(0, sizeof before_, &before_);
        if (core < 0) return;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<size_t>(core), &one);
        sched_setaffinity(0, sizeof one, &one);
    }
    ~OnCore() {
        sched_setaffinity(0, sizeof before_, &before_);
    }

  private:
    cpu_set_t before_;
};

} // namespace

Child::Child(std::vector<std::string> command, int core) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char *> words;
    for (std::string &word : command) words.push_back(word.data());
    words.push_back(nullptr);
    {
        OnCore there(core);
        if (posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ) != 0) pid_ = -1;
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out_ = ends[0];
}

std::string Child::said() {
    std::string all;
    char some[1 << 16];
    ssize_t count;
    while (out_ >= 0 && (count = read(out_, some, sizeof some)) > 0) {
        all.append(some, static_cast<size_t>(count));
    }
    if (out_ >= 0) close(out_);
    int status = 1;
    if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return "";
    return status == 0 ? all : "";
}

} // namespace rows
