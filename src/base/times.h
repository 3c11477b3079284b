/*
 * Times: histograms of nanoseconds, in classes of a quarter of a power of two.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Layout and reading: weir/counters.h.
 * Writer: one thread (relaxed stores).  Readers: any; each word is right by itself.
 * Progress: wait-free.  Wrap: `sum` after 584 years of time in it.
 */
#ifndef WEIR__BASE_TIMES_H
#define WEIR__BASE_TIMES_H

#include <weir/counters.h>

void weir__times_add(weir_counters_times *times, uint64_t ns);

#endif
