// Where a thread runs that the library did not start: see pinned.h.
// SPDX-License-Identifier: Apache-2.0
#include "pinned.h"

#include "race.h"

#include <cstddef>
#include <pthread.h>

namespace flow {

namespace {

// Asked for once, by the first case, when nothing has been pinned yet.
race_cores the_cores() {
    static const race_cores cores = race_cores_pick();
    return cores;
}

} // namespace

void pin_this_thread(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(core == 0 ? the_cores().sender : the_cores().receiver), &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

Pinned::Pinned(unsigned core) {
    (void)the_cores();
    (void)pthread_getaffinity_np(pthread_self(), sizeof before_, &before_);
    pin_this_thread(core);
}

Pinned::~Pinned() {
    (void)pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
}

} // namespace flow
