/*
 * Around a callback: how long it takes, in a visit that is timed (meter.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_TIMED_H
#define WEIR__STAGE_TIMED_H

#include "stage/stage.h"

/* The time in such a visit, and then weir__stage_called follows; else 0. */
static inline uint64_t weir__stage_clock(const weir_stage *stage) {
    struct weir__host *host = stage->host;
    return WEIR__METERED && WEIR__UNLIKELY(host->timed > 0) ? weir__meter_clock(host) : 0;
}

static inline void weir__stage_called(weir_stage *stage, uint64_t began_ns) {
    if (WEIR__METERED && WEIR__UNLIKELY(began_ns != 0)) {
        weir__meter_called(stage, began_ns);
    }
}

#endif
