/*
 * A pipeline, and the same wiring by hand on bare stages, run once and timed.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     source ──► 4 processors ──► a batcher of 500 ──► a counting sink
 *
 * The clock starts as the driver is first asked, and stops when it has been told of the last
 * message.  What the sink has seen is summed, and each message must be acknowledged once.
 */
#ifndef BENCH_PIPELINE_GRAPH_H
#define BENCH_PIPELINE_GRAPH_H

#include "race.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pipeline_manner {
    PIPELINE_BARE,    /* by hand                                    */
    PIPELINE_QUICK,   /* a pipeline whose batches are handled on a worker */
    PIPELINE_THREADS, /* ... on a thread, as those that may block   */
    PIPELINE_TIMELY,  /* the same, gathered on the timely worker        */
    PIPELINE_TASKS,   /* the same as THREADS, and so are processors: blocking ones */
    PIPELINE_SETS,    /* the same, and each message gets new bytes      */
    PIPELINE_MANNERS
};

struct pipeline_graph {
    enum pipeline_manner manner;
    unsigned workers;
    size_t bytes; /* of a message, 8 or more */
};

struct race_result pipeline_graph_run(struct pipeline_graph graph, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
