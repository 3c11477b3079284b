// A peer's process, as the benchmarks see it: asked by lines, see peers/peer.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_PEER_PROCESS_H
#define BENCH_PEER_PROCESS_H

#include "rows.h"

#include <cstdio>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rows {

class PeerProcess {
  public:
    // Every program in the folder peers/ beside this one, by name; none when there is none.
    static std::vector<std::shared_ptr<PeerProcess>> start_all();

    explicit PeerProcess(const std::string &path);
    ~PeerProcess();
    PeerProcess(const PeerProcess &) = delete;
    PeerProcess &operator=(const PeerProcess &) = delete;

    const std::string &name() const {
        return name_;
    }
    std::vector<std::string> cases(const std::string &workload);

    // Not correct when the peer says so, has died, or takes longer than a minute.
    Outcome run(const std::string &one, uint64_t events);

  private:
    bool say(const std::string &line);
    bool hear(std::string &line);
    void end();

    std::string name_;
    pid_t pid_ = -1;
    int in_ = -1;  // what the peer hears
    int out_ = -1; // what it says
    std::string heard_;
};

} // namespace rows

#endif
