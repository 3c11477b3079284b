/*
 * The outlet: one subscription as its producer's dispatcher sees it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Embedded in the edge; the producer's worker alone touches it.
 */
#ifndef WEIR__EDGE_OUTLET_H
#define WEIR__EDGE_OUTLET_H

#include <weir/dispatcher.h>

struct weir_outlet {
    void *slot; /* the dispatcher's word */
    weir_subscription subscription;
    const weir_subscribe_options *options; /* defaults filled in */
};

#endif
