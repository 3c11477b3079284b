/*
 * The seam: what a dispatcher may do with a run and with an outlet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A dispatcher may be the program's own, so nothing here trusts it: a send of
 * nothing is nothing, and a send of more than is left is a send of what is
 * left.  The run's count is lowered before the events go out, so `send` sees
 * the run as the dispatcher will find it.
 */
#include "dispatch/seam.h"

#include "memory/allocator.h"

uint64_t weir_run_count(const weir_run *run) {
    return run->left;
}

void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count) {
    uint64_t sent = count < run->left ? count : run->left;
    if (sent == 0) return;
    run->left -= sent;
    run->send(run->context, consumer, run->queue, sent);
}

void *weir_outlet_state(weir_outlet *consumer) {
    return consumer->state;
}

bool weir__outlet_open(weir_outlet *outlet, const weir_dispatcher *table,
                       const struct weir__allocator *allocator) {
    if (table->outlet_bytes == 0) return true;
    outlet->state = weir__alloc_zeroed(allocator, table->outlet_bytes, 16);
    outlet->state_bytes = table->outlet_bytes;
    return outlet->state != NULL;
}

const weir_subscribe_options *weir_outlet_options(const weir_outlet *consumer) {
    return consumer->options;
}

weir_subscription weir_outlet_subscription(const weir_outlet *consumer) {
    return consumer->subscription;
}
