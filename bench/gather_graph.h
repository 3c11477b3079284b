/*
 * Events that are gathered in batches of 500, run once and timed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A producer, who gathers, and a consumer that counts.  The clock starts when the producer is first
 * asked, and stops when the consumer has stopped, which it does behind its last batch.
 */
#ifndef BENCH_GATHER_GRAPH_H
#define BENCH_GATHER_GRAPH_H

#include "race.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { GATHER_SIZE = 500 };

enum gather_manner {
    GATHER_BY_HAND,  /* a bare stage copies into arrays of its own, and emits where they are */
    GATHER_FLAT,     /* a batcher                                                             */
    GATHER_OWNED,    /* likewise, of events that own something: a type with a drop            */
    GATHER_KEYS,     /* flat, of 16 keys in turn                                              */
    GATHER_KEYS_RUNS /* likewise, each key 100 times in a row                                 */
};

struct gather_graph {
    enum gather_manner manner;
    unsigned workers; /* 1, or 2: the consumer on the second */
    size_t event_bytes;
};

struct race_result gather_graph_run(struct gather_graph graph, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
