// A program that a benchmark runs, whose output it reads.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <string>
#include <sys/types.h>
#include <vector>

namespace rows {

class Child {
  public:
    // Starts it, on this core if one is named.  The first word is the program's path.
    explicit Child(std::vector<std::string> command, int core = -1);
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    // For once, and needed: what it prints, when it has ended; "" if it did not end well.
    std::string said();

  private:
    pid_t pid_ = -1;
    int out_ = -1;
};

} // namespace rows

#endif
