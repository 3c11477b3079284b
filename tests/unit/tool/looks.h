/*
 * For the tool's tests: counters that were filled by hand, looked at as files are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_TEST_LOOKS_H
#define TOOL_TEST_LOOKS_H

#include "culprit.h"
#include "support/cmocka.h"
#include "support/counters.h"

#include <string.h>

struct seen {
    struct image image;
    struct view view;
    struct rates rates;
    struct culprit culprit;
};

/* As image_take does it, without a file; `rates` are since the beginning. */
static inline void see_as(struct seen *seen, const struct counters *counters, bool live) {
    memset(seen, 0, sizeof *seen);
    assert_true(image_room(&seen->image, counters->slots));
    memcpy(seen->image.bytes, counters->bytes, (size_t)counters->slots * WEIR_COUNTERS_SLOT);
    seen->image.live = live;
    seen->image.now_ns = COUNTERS_NOW_NS;
    assert_true(view_make(&seen->view, &seen->image));
    assert_true(rates_make(&seen->rates, NULL, &seen->view));
    assert_true(culprit_find(&seen->culprit, &seen->view, &seen->rates));
}

static inline void see(struct seen *seen, const struct counters *counters) {
    see_as(seen, counters, true);
}

/* Of a process that has ended. */
static inline void see_ended(struct seen *seen, const struct counters *counters) {
    see_as(seen, counters, false);
}

static inline void unsee(struct seen *seen) {
    rates_free(&seen->rates);
    view_free(&seen->view);
    image_free(&seen->image);
}

#endif
