/*
 * Times: see times.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/times.h"

#include "base/atomic.h"
#include "base/refusal.h"

enum { SHORTEST_LOG2 = 6, PARTS_LOG2 = 2, PARTS = 1 << PARTS_LOG2 };

unsigned weir_times_class(uint64_t ns) {
    if (ns >> SHORTEST_LOG2 == 0) {
        return 0;
    }
    unsigned log2 = 63u - (unsigned)__builtin_clzll(ns);
    unsigned part = (unsigned)(ns >> (log2 - PARTS_LOG2)) & (PARTS - 1);
    unsigned number = (log2 - SHORTEST_LOG2) * PARTS + part;
    return number < WEIR_TIMES_CLASSES ? number : WEIR_TIMES_CLASSES - 1;
}

uint64_t weir_times_begin(unsigned number) {
    if (number == 0) {
        return 0;
    }
    if (number >= WEIR_TIMES_CLASSES) {
        return UINT64_MAX;
    }
    uint64_t parts = PARTS + number % PARTS;
    return parts << (SHORTEST_LOG2 - PARTS_LOG2 + number / PARTS);
}

void weir__times_add(weir_counters_times *times, uint64_t ns) {
    weir__count(&times->classes[weir_times_class(ns)], 1);
    weir__count(&times->count, 1);
    weir__count(&times->sum, ns);
    if (ns > times->most) {
        weir__store_relaxed_u64(&times->most, ns);
    }
}

/* `rank` of `count` times that lie evenly from `least` to `most`. */
static uint64_t time_of_rank(uint64_t least, uint64_t most, double rank, uint64_t count) {
    double width = (double)(most - least);
    return least + (uint64_t)(width * rank / (double)count);
}

uint64_t weir_times_share(const weir_counters_times *times, double share) {
    if (weir__missing(times, "times")) {
        return 0;
    }
    uint64_t count = 0;
    for (unsigned i = 0; i < WEIR_TIMES_CLASSES; i++) {
        count += times->classes[i];
    }
    double left = (share < 0 ? 0 : share > 1 ? 1 : share) * (double)count;
    for (unsigned i = 0; i < WEIR_TIMES_CLASSES; i++) {
        uint64_t here = times->classes[i];
        if (here > 0 && left <= (double)here) {
            uint64_t least = weir_times_begin(i);
            uint64_t next = weir_times_begin(i + 1);
            uint64_t end = next < times->most ? next : times->most;
            return time_of_rank(least, end > least ? end : least, left, here);
        }
        left -= (double)here;
    }
    return count == 0 ? 0 : times->most;
}
