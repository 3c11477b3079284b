/*
 * The demand window: see window.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two counters go down together while a message is split.  `outstanding` is
 * the demand as the producer will see it: it is filled up to max whenever it
 * reaches min.  `covered` is what had been asked for when the message arrived,
 * so that what is asked while it is split cannot excuse its surplus.  Hence
 *
 *   covered <= outstanding
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
    WEIR__VERIFY(weir__window_check(window));
    return more;
}

void weir__window_return(struct weir__window *window, uint64_t count, uint64_t *ask_for) {
    uint64_t rest = window->outstanding - *ask_for + count;
    rest = rest < window->max ? rest : window->max; /* what was in excess was not counted */
    *ask_for = rest > window->min ? 0 : window->max - rest;
    window->outstanding = rest + *ask_for;
    window->covered = 0; /* what comes again is a message of its own */
}

#if WEIR__CHECKED
void weir__window_check(const struct weir__window *window) {
    WEIR__CHECK(window->min < window->max);
    WEIR__CHECK(window->min < window->outstanding);
    WEIR__CHECK(window->outstanding <= window->max);
    WEIR__CHECK(window->covered <= window->outstanding);
}
#endif
