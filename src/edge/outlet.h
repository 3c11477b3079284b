/*
 * The outlet: one subscription as its producer's dispatcher sees it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Embedded in the edge; the producer's worker alone touches it.
 */
#ifndef WEIR__EDGE_OUTLET_H
#define WEIR__EDGE_OUTLET_H

#include "memory/allocator.h"

#include <weir/dispatcher.h>

struct weir_outlet {
    void *state; /* the dispatcher's, or NULL */
    size_t state_bytes;
    const weir_subscription *subscription;
    const weir_subscribe_options *options; /* defaults filled in */
};

/* Returns the dispatcher's memory.  Its dispatcher does not know it any more. */
static inline void weir__outlet_close(weir_outlet *outlet,
                                      const struct weir__allocator *allocator) {
    weir__free(allocator, outlet->state, outlet->state_bytes);
    outlet->state = NULL;
}

#endif
