/*
 * The graphs of the workloads, of weir stages, run once and timed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They are made of parts (parts.h).  The clock starts when a producer is first asked, and
 * stops when the last consumer has stopped, which it does behind its last event; the sum
 * and the accounts are checked.
 */
#ifndef BENCH_GRAPH_H
#define BENCH_GRAPH_H

#include "parts.h"
#include "race.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { GRAPH_BRANCHES = 4, GRAPH_CHAIN_LIMIT = 64 };

enum graph_kind {
    GRAPH_PIPE,      /* one producer, `middles` stages that double, one consumer    */
    GRAPH_SHARE,     /* one producer, four consumers: each event to one             */
    GRAPH_BROADCAST, /* one producer, four consumers: each event to all             */
    GRAPH_PARTITION, /* one producer, four consumers: each event to its key's       */
    GRAPH_MERGE      /* four producers, one consumer                                */
};

struct graph_shape {
    enum graph_kind kind;
    unsigned middles; /* of a pipe, 0..62 */
    /*
     * 1: all stages on one; 2: the side that is one stage on the first, all others on
     * the second (a pipe's middles with its producer); more: the others spread over all
     * but the first, a pipe's stages over all in order.
     */
    unsigned workers;
    bool halves; /* a pipe's stages are cut into as many equal runs as there are workers */
    size_t max_demand;
    size_t min_demand;  /* 0: the default */
    size_t event_bytes; /* a multiple of 8 */
    bool singly;        /* sources emit event by event (of 8 bytes), not in place */
    bool hash_each;     /* a partition's hash is called for each event, not for many (of 8 bytes) */
    weir_idle idle;
    const weir_allocator *allocator; /* NULL: the default */
    const struct part_watch *watch;  /* of each source; may be NULL */
    uint64_t warm; /* a pipe: so many events first, which the clock does not see */
};

struct race_result graph_run(struct graph_shape shape, uint64_t events);

#ifdef __cplusplus
}
#endif

#endif
