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

uint64_t weir_run_count(const weir_run *run) {
    return run->left;
}

void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count) {
    uint64_t sent = count < run->left ? count : run->left;
    if (sent == 0) return;
    run->left -= sent;
    run->send(run->context, consumer, run->queue, sent);
}

void **weir_outlet_slot(weir_outlet *consumer) {
    return &consumer->slot;
}

const weir_subscribe_options *weir_outlet_options(const weir_outlet *consumer) {
    return consumer->options;
}

weir_subscription weir_outlet_subscription(const weir_outlet *consumer) {
    return consumer->subscription;
}
