/*
 * Counts by key and window, for bench/window.cc: the part, by hand, and without stages.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_WINDOWED_H
#define BENCH_WINDOWED_H

#include "race.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum windowed_how {
    WINDOWED_PART, /* weir_window_start                                    */
    WINDOWED_HAND, /* a producer_consumer of the program's, as app 5 had it */
    WINDOWED_PLAIN /* a loop over the same events: no stages                */
} windowed_how;

/* So many keys, windows of 500,000 events' time, out of order by up to a fifth of that; one
 * worker. */
struct race_result windowed_run(windowed_how how, uint64_t keys, uint64_t events);

#ifdef __cplusplus
}
#endif
#endif
