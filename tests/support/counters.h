/*
 * Counters files by hand: slots that are filled one by one, in memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_COUNTERS_H
#define SUPPORT_COUNTERS_H

#include <stddef.h>
#include <weir/counters.h>

#define COUNTERS_SLOTS 256

/* The moment that all figures are of; all began at 0. */
#define COUNTERS_NOW_NS UINT64_C(10000000000)

struct counters {
    _Alignas(64) unsigned char bytes[COUNTERS_SLOTS * WEIR_COUNTERS_SLOT];
    uint32_t slots;
};

/* A header alone: of this process, at work; with virtual time, which stands at COUNTERS_NOW_NS. */
void counters_begin(struct counters *counters);
weir_counters_header *counters_header(struct counters *counters);

/* Each takes the next slot. */
weir_counters_worker *counters_worker(struct counters *counters, uint32_t index);

/* Shares of its time in percent, in the order of weir_stage_state; its state is the last one that
 * is not 0.  Its reference is 100 and the number of its slot. */
weir_counters_stage *counters_stage(struct counters *counters, const char *name, uint32_t worker,
                                    const unsigned shares[WEIR_STATES]);

/* With a window of 1000 and 500. */
weir_counters_subscription *counters_subscription(struct counters *counters,
                                                  const weir_counters_stage *producer,
                                                  const weir_counters_stage *consumer);

/* `count` times of `ns` each; *slot gets its number. */
weir_counters_times *counters_times(struct counters *counters, uint32_t *slot, uint64_t owner,
                                    uint64_t count, uint64_t ns);

#endif
