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

#include "base/refusal.h"
#include "memory/allocator.h"

uint64_t weir_run_count(const weir_run *run) {
    if (weir__missing(run, "run")) {
        return 0;
    }
    return run->left;
}

static uint64_t no_more_than(uint64_t count, uint64_t most) {
    return count < most ? count : most;
}

weir_batch weir_run_events(const weir_run *run) {
    if (weir__missing(run, "run") || run->left == 0) {
        return (weir_batch){0};
    }
    const struct weir__item *item = weir__queue_at(run->queue, 0);
    return (weir_batch){.events = weir__block_at(item->block, item->first, item->event_bytes),
                        .count = (size_t)no_more_than(item->count, run->left)};
}

size_t weir_run_event_bytes(const weir_run *run) {
    if (weir__missing(run, "run") || run->left == 0) {
        return 0;
    }
    return weir__queue_at(run->queue, 0)->event_bytes;
}

void weir_run_send(weir_run *run, weir_outlet *consumer, uint64_t count) {
    if (weir__missing(run, "run") || weir__missing(consumer, "consumer")) {
        return;
    }
    uint64_t sent = no_more_than(count, run->left);
    if (sent == 0) return;
    run->left -= sent;
    run->desk->calls->send(run->desk->context, consumer, run->queue, sent);
}

void weir_run_ask_again(weir_run *run, weir_outlet *consumer, uint64_t count) {
    if (weir__missing(run, "run") || weir__missing(consumer, "consumer")) {
        return;
    }
    if (count > 0) run->desk->calls->ask_again(run->desk->context, consumer, count);
}

void weir_run_demand(weir_run *run, uint64_t count) {
    if (weir__missing(run, "run")) {
        return;
    }
    if (count > 0) run->desk->calls->demand_again(run->desk->context, count);
}

void weir_run_drop(weir_run *run, uint64_t count, weir_discard cause) {
    if (weir__missing(run, "run")) {
        return;
    }
    const struct weir_desk *desk = run->desk;
    uint64_t dropped = no_more_than(count, run->left);
    if (dropped == 0) return;
    run->left -= dropped;
    weir__queue_discard(run->queue, dropped, cause, desk->pool);
    desk->calls->discard(desk->context, dropped, cause);
}

void *weir_outlet_state(weir_outlet *consumer) {
    if (weir__missing(consumer, "consumer")) {
        return NULL;
    }
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
    if (weir__missing(consumer, "consumer")) {
        return NULL;
    }
    return consumer->options;
}

weir_subscription weir_outlet_subscription(const weir_outlet *consumer) {
    if (weir__missing(consumer, "consumer")) {
        return (weir_subscription){0};
    }
    return *consumer->subscription;
}
