/*
 * Sharing: one run of events for several consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each consumer gets slices of the same blocks, flagged SHARED, and one more
 * reference to each.  A selector that refuses some events gets its consumer a
 * copy of the others: what it accepts lies scattered, and a copy is contiguous.
 */
#include "base/attributes.h"
#include "dispatch/seam.h"
#include "memory/pool.h"

#include <string.h>

/* The next `count` events of the run, one item after another. */
struct walk {
    const struct weir__queue *queue;
    uint32_t index;
    uint64_t left;
};

static bool next(struct walk *walk, struct weir__item *part) {
    if (walk->left == 0) return false;
    *part = *weir__queue_at(walk->queue, walk->index++);
    if (part->count > walk->left) part->count = (uint32_t)walk->left;
    walk->left -= part->count;
    return true;
}

static uint64_t count_accepted(const weir_run *run, const weir_subscribe_options *options,
                               uint64_t count) {
    if (!options->selector) return count;
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    uint64_t accepted = 0;
    while (next(&walk, &part)) {
        for (uint32_t i = 0; i < part.count; i++) {
            const void *event = weir__block_at(part.block, part.first + i, part.event_bytes);
            if (options->selector(options->selector_context, event)) accepted++;
        }
    }
    return accepted;
}

/* All of them: the same memory, held once more. */
static bool gather_shared(weir_run *run, uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    while (next(&walk, &part)) {
        weir__queue_at(run->queue, walk.index - 1)->flags |= WEIR__SHARED;
        part.flags = WEIR__SHARED;
        if (!weir__queue_push(run->desk->scratch, part)) return false;
        weir__block_hold(part.block, run->desk->pool);
    }
    return true;
}

/* Those that the selector accepts, which are `accepted`, in a block of their own. */
static bool gather_accepted(weir_run *run, const weir_subscribe_options *options, uint64_t count,
                            uint64_t accepted) {
    uint32_t event_bytes = weir__queue_at(run->queue, 0)->event_bytes;
    struct weir__block *block = weir__pool_get(run->desk->pool, event_bytes, accepted);
    if (!block) return false;
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    uint32_t copied = 0;
    while (next(&walk, &part)) {
        for (uint32_t i = 0; i < part.count && copied < accepted; i++) {
            const void *event = weir__block_at(part.block, part.first + i, event_bytes);
            if (!options->selector(options->selector_context, event)) continue;
            memcpy(weir__block_at(block, copied++, event_bytes), event, event_bytes);
        }
    }
    struct weir__item item = {.block = block, .count = copied, .event_bytes = event_bytes};
    bool kept = copied > 0 && weir__queue_push(run->desk->scratch, item);
    if (kept) weir__block_hold_filling(block, run->desk->pool);
    weir__block_close(block, run->desk->pool);
    return kept;
}

uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count) {
    const weir_subscribe_options *options = weir_outlet_options(consumer);
    if (count > run->left) count = run->left;
    uint64_t accepted = count_accepted(run, options, count);
    if (accepted == 0) return count;
    bool gathered = accepted == count ? gather_shared(run, count)
                                      : gather_accepted(run, options, count, accepted);
    uint64_t copies = run->desk->scratch->events;
    run->copies += accepted;
    const struct weir_desk *desk = run->desk;
    if (copies > 0) desk->calls->send(desk->context, consumer, desk->scratch, copies);
    if (!gathered || copies < accepted) run->lost += accepted - copies;
    return count - accepted;
}

void weir_run_skip(weir_run *run, uint64_t count) {
    if (count > run->left) count = run->left;
    run->left -= count;
    run->shared += count;
    weir__queue_drop(run->queue, count, run->desk->pool);
}
