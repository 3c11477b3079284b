/*
 * Sharing: one run of events for several consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each consumer gets slices of the same blocks, flagged SHARED, and one more
 * reference to each.  A selector that refuses some events gets its consumer a
 * copy of the others: what it accepts lies scattered, and a copy is contiguous.
 * It is asked once for each event, so copying begins at its first refusal; the
 * copies of all consumers follow each other in a block that the desk fills.
 */
#include "base/attributes.h"

#include "base/refusal.h"
#include "dispatch/seam.h"
#include "memory/pool.h"

#include <string.h>

enum { FILL_BYTES_LEAST = 4096 };

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

/* ---- what a selector accepts --------------------------------------------- */

struct copy {
    struct weir_desk *desk;
    uint32_t event_bytes;
    uint64_t most;             /* events that may still come              */
    struct weir__block *block; /* where they go; NULL: nothing copied yet */
    uint32_t first;            /* of those that are in no slice yet       */
};

/* What was copied since the last slice becomes one. */
static void slice(struct copy *copy) {
    struct weir__block *block = copy->block;
    if (block == NULL || block->used == copy->first) return;
    struct weir__item item = {.block = block,
                              .first = copy->first,
                              .count = block->used - copy->first,
                              .event_bytes = copy->event_bytes};
    if (weir__queue_push(copy->desk->scratch, item)) {
        weir__block_hold_filling(block, copy->desk->pool);
    } else {
        block->used = copy->first; /* lost, for want of memory */
    }
    copy->first = block->used;
}

static bool has_copy_room(struct copy *copy) {
    if (copy->block != NULL && copy->block->used < copy->block->capacity) return true;
    slice(copy);
    uint64_t bytes = copy->event_bytes;
    uint64_t fresh = WEIR__BLOCK_BYTES_MAX / bytes;
    if (fresh > copy->most) fresh = copy->most;
    if (fresh < FILL_BYTES_LEAST / bytes) fresh = FILL_BYTES_LEAST / bytes;
    struct weir_desk *desk = copy->desk;
    copy->block = weir__pool_room(desk->pool, &desk->fill, copy->event_bytes, 1, fresh);
    copy->first = copy->block != NULL ? copy->block->used : 0;
    return copy->block != NULL;
}

/* Copies one event; without memory it is lost. */
static void put_copy(struct copy *copy, const void *event) {
    if (has_copy_room(copy)) {
        struct weir__block *block = copy->block;
        memcpy(weir__block_at(block, block->used++, copy->event_bytes), event, copy->event_bytes);
    }
    copy->most--;
}

/* Copies the run's first `count` events, which were accepted before the first refusal. */
static void put_first(struct copy *copy, const weir_run *run, uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    while (next(&walk, &part)) {
        for (uint32_t i = 0; i < part.count; i++) {
            put_copy(copy, weir__block_at(part.block, part.first + i, part.event_bytes));
        }
    }
}

/* Puts up what the selector accepts of the first `count` events; returns how many. */
static uint64_t gather_accepted(weir_run *run, const weir_subscribe_options *options,
                                uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    struct copy copy = {.desk = run->desk, .most = count};
    uint64_t accepted = 0;
    uint64_t seen = 0;
    bool copies = false;
    while (next(&walk, &part)) {
        copy.event_bytes = part.event_bytes;
        for (uint32_t i = 0; i < part.count; i++) {
            const void *event = weir__block_at(part.block, part.first + i, part.event_bytes);
            bool good = options->selector(options->selector_context, event);
            if (!good && !copies) {
                copies = true;
                put_first(&copy, run, seen);
            }
            if (good && copies) put_copy(&copy, event);
            accepted += good;
            seen++;
        }
    }
    slice(&copy);
    if (!copies) (void)gather_shared(run, count);
    return accepted;
}

/* ---- sharing ------------------------------------------------------------- */

/* All who take from a run lower `left`, so this holds whatever is taken meanwhile. */
static void note_shared(weir_run *run, uint64_t count) {
    if (!run->any_shared || run->left - count < run->unshared) run->unshared = run->left - count;
    run->any_shared = true;
}

static uint64_t shared_front(const weir_run *run) {
    return run->any_shared && run->left > run->unshared ? run->left - run->unshared : 0;
}

uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count) {
    if (weir__missing(run, "run") || weir__missing(consumer, "consumer")) {
        return 0;
    }
    const weir_subscribe_options *options = weir_outlet_options(consumer);
    const struct weir_desk *desk = run->desk;
    if (count > run->left) count = run->left;
    note_shared(run, count);
    uint64_t accepted = count;
    if (options->selector != NULL) {
        accepted = gather_accepted(run, options, count);
    } else {
        (void)gather_shared(run, count);
    }
    uint64_t put_up = desk->scratch->events;
    run->copies += accepted;
    run->lost += accepted - put_up;
    if (put_up > 0) desk->calls->send(desk->context, consumer, desk->scratch, put_up);
    weir_run_ask_again(run, consumer, accepted - put_up); /* or its demand would stand still */
    return count - accepted;
}

void weir_run_skip(weir_run *run, uint64_t count) {
    if (weir__missing(run, "run")) {
        return;
    }
    uint64_t front = shared_front(run);
    uint64_t skipped = count < front ? count : front;
    run->left -= skipped;
    run->shared += skipped;
    if (skipped > 0) weir__queue_drop(run->queue, skipped, run->desk->pool);
    weir_run_drop(run, count - skipped, WEIR_DISCARD_UNWANTED); /* nobody has those */
}
