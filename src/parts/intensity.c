/*
 * Intensity: see intensity.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/intensity.h"

bool weir__intensity_open(struct weir__intensity *intensity,
                          const struct weir__allocator *allocator, size_t most,
                          uint64_t period_ns) {
    *intensity = (struct weir__intensity){.most = most, .period_ns = period_ns};
    if (most == 0 || most == WEIR_INFINITY) {
        return true;
    }
    intensity->times = weir__alloc_zeroed(allocator, most * sizeof *intensity->times, 16);
    return intensity->times != NULL;
}

void weir__intensity_close(struct weir__intensity *intensity,
                           const struct weir__allocator *allocator) {
    weir__free(allocator, intensity->times, intensity->most * sizeof *intensity->times);
    intensity->times = NULL;
}

bool weir__intensity_count(struct weir__intensity *intensity, uint64_t now) {
    size_t most = intensity->most;
    if (most == WEIR_INFINITY) {
        return true;
    }
    if (most == 0) {
        return false;
    }
    uint64_t *oldest = &intensity->times[intensity->count % most];
    if (intensity->count >= most && now - *oldest <= intensity->period_ns) {
        return false;
    }
    *oldest = now;
    intensity->count++;
    return true;
}
