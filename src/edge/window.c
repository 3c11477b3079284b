/*
 * The demand window: see window.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two counters go down together while a message is split.  `outstanding` is
 * the demand as the producer will see it: it is filled up to max whenever it
 * reaches min.  `covered` is what had been asked for when the message arrived,
 * so that what is asked while it is split cannot excuse its surplus.  Hence
 *
 *   covered <= outstanding     while a message is at hand
 *
 * and the subtraction below cannot wrap.
 */
#include "edge/window.h"

void weir__window_open(struct weir__window *window, uint64_t max, uint64_t min) {
    window->max = max;
    window->min = min;
    window->outstanding = max;
    window->covered = 0;
}

uint64_t weir__window_cover(struct weir__window *window, uint64_t count) {
    uint64_t more = count > window->outstanding ? window->max - window->outstanding : 0;
    window->outstanding += more;
    return more;
}

void weir__window_message(struct weir__window *window) {
    window->covered = window->outstanding;
}

uint64_t weir__window_batch(const struct weir__window *window, uint64_t left) {
    uint64_t largest = window->max - window->min;
    return left < largest ? left : largest;
}

uint64_t weir__window_take(struct weir__window *window, uint64_t count, uint64_t *excess) {
    uint64_t counted = count < window->covered ? count : window->covered;
    *excess += count - counted;
    window->covered -= counted;
    uint64_t rest = window->outstanding - counted;
    if (rest > window->min) {
        window->outstanding = rest;
        return 0;
    }
    window->outstanding = window->max;
    return window->max - rest;
}
