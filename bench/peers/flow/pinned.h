// Where a thread runs that the library did not start.
// SPDX-License-Identifier: Apache-2.0
//
// Libraries' threads are started by pinned ones, and pinned themselves where the
// library has a way to; between runs this program's own thread is as it was.
#ifndef BENCH_PEERS_FLOW_PINNED_H
#define BENCH_PEERS_FLOW_PINNED_H

#include <sched.h>

namespace flow {

// Core 0 or 1: the first or second that the process may use.
void pin_this_thread(unsigned core);

// The calling thread on a core, until the end of the scope.
class Pinned {
  public:
    explicit Pinned(unsigned core);
    ~Pinned();
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;

  private:
    cpu_set_t before_;
};

} // namespace flow

#endif
