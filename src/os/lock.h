/*
 * The lock: for what is looked at seldom and by any thread (names).
 * SPDX-License-Identifier: Apache-2.0
 *
 * A word: 0 free, 1 taken, 2 taken and somebody sleeps.  Nothing on the path of
 * events takes one.
 *
 *   L1 -> L2  exchange to 0 (release) -> CAS or exchange to taken (acquire):
 *             publishes what was written under the lock.
 */
#ifndef WEIR__OS_LOCK_H
#define WEIR__OS_LOCK_H

#include "base/atomic.h"
#include "os/futex.h"

static inline void weir__lock(uint32_t *word) {
    uint32_t found = 0;
    if (weir__cas_u32(word, &found, 1)) { /* L1 -> L2 */
        return;
    }
    while (weir__exchange_u32(word, 2) != 0) { /* L1 -> L2 */
        weir__futex_wait(word, 2, UINT64_MAX);
    }
}

static inline void weir__unlock(uint32_t *word) {
    if (weir__exchange_u32(word, 0) == 2) { /* L1 -> L2 */
        weir__futex_wake(word, 1);
    }
}

#endif
