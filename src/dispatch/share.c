/*
 * Sharing: one run of events for several consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each consumer gets slices of the same blocks, flagged ALIASED, and one more
 * reference to each.  A selector that refuses some events gets its consumer a
 * copy of the others: what it accepts lies scattered, and a copy is contiguous.
 * It is asked once for each event, some hundred at a time, so copying begins at
 * its first refusal; the copies of all consumers follow each other in a block that
 * the desk fills.
 */
#include "base/attributes.h"

#include "base/refusal.h"
#include "dispatch/seam.h"
#include "memory/pool.h"

#include <string.h>

enum { SHARE_BYTES_LEAST = 4096, ASKED_AT_ONCE = 256 };

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

/* One slice more for the consumer: the same memory, held once more. */
static bool put_up(const struct weir_desk *desk, struct weir__item part) {
    part.flags = WEIR__ALIASED | (part.flags & WEIR__OWNING);
    if (!weir__queue_reserve(desk->scratch, 1)) return false;
    if ((part.flags & WEIR__OWNING) != 0 && !weir__owned_hold(part.block, part.first, part.count)) {
        return false;
    }
    (void)weir__queue_push(desk->scratch, part);
    weir__block_hold(part.block, desk->pool);
    return true;
}

/* What one consumer loses: whoever is the last to have it drops it for that. */
static void lose(const struct weir__item *part) {
    if ((part->flags & WEIR__OWNING) != 0) {
        weir__owned_mark(part->block, part->first, part->count,
                         weir__fate_of(WEIR_DISCARD_NO_MEMORY));
    }
}

static void lose_rest(struct weir__item part, struct walk walk) {
    do {
        lose(&part);
    } while (next(&walk, &part));
}

/* All of them. */
static bool gather_multicast(weir_run *run, uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    while (next(&walk, &part)) {
        weir__queue_at(run->queue, walk.index - 1)->flags |= WEIR__ALIASED;
        if (!put_up(run->desk, part)) {
            lose_rest(part, walk);
            return false;
        }
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
    if (fresh < SHARE_BYTES_LEAST / bytes) fresh = SHARE_BYTES_LEAST / bytes;
    struct weir_desk *desk = copy->desk;
    copy->block = weir__pool_room(desk->pool, &desk->fill, copy->event_bytes, NULL, 1, fresh);
    copy->first = copy->block != NULL ? copy->block->used : 0;
    return copy->block != NULL;
}

/* Copies events that lie side by side; one for which there is no memory is lost. */
static void put_copy(struct copy *copy, const unsigned char *events, size_t count) {
    while (count > 0) {
        size_t part = 1;
        if (has_copy_room(copy)) {
            struct weir__block *block = copy->block;
            size_t room = block->capacity - block->used;
            part = count < room ? count : room;
            memcpy(weir__block_at(block, block->used, copy->event_bytes), events,
                   part * copy->event_bytes);
            block->used += (uint32_t)part;
        }
        copy->most -= part;
        events += part * copy->event_bytes;
        count -= part;
    }
}

/* Copies the run's first `count` events, which were accepted before the first refusal. */
static void put_first(struct copy *copy, const weir_run *run, uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    while (next(&walk, &part)) {
        put_copy(copy, weir__block_at(part.block, part.first, part.event_bytes), part.count);
    }
}

/*
 * Of words, the most common, each is written, and the next one behind it or over it: no
 * branch that guesses what is wanted.  false: there is not the room for all.
 */
static bool put_words(struct copy *copy, weir_batch batch, const bool *wanted) {
    if (copy->event_bytes != sizeof(uint64_t) || !has_copy_room(copy) ||
        copy->block->capacity - copy->block->used < batch.count) {
        return false;
    }
    struct weir__block *block = copy->block;
    uint64_t *to = weir__block_at(block, block->used, sizeof *to);
    const uint64_t *words = batch.events;
    size_t kept = 0;
    for (size_t i = 0; i < batch.count; i++) {
        to[kept] = words[i];
        kept += wanted[i];
    }
    block->used += (uint32_t)kept;
    copy->most -= kept;
    return true;
}

/* Copies those that are wanted, some of them. */
static void put_wanted(struct copy *copy, weir_batch batch, const bool *wanted) {
    const unsigned char *events = batch.events;
    if (put_words(copy, batch, wanted)) {
        return;
    }
    for (size_t at = 0; at < batch.count;) {
        size_t first = at;
        while (at < batch.count && wanted[at]) at++;
        put_copy(copy, events + first * copy->event_bytes, at - first);
        while (at < batch.count && !wanted[at]) at++;
    }
}

/* Asks which of them are wanted; returns how many. */
static uint32_t ask(const weir_subscribe_options *options, weir_batch batch, size_t event_bytes,
                    bool *wanted) {
    const unsigned char *event = batch.events;
    uint32_t count = 0;
    if (options->select_many != NULL) {
        memset(wanted, 0, batch.count * sizeof *wanted);
        options->select_many(options->selector_context, batch, wanted);
        for (size_t i = 0; i < batch.count; i++) count += wanted[i];
        return count;
    }
    for (size_t i = 0; i < batch.count; i++, event += event_bytes) {
        wanted[i] = options->selector(options->selector_context, event);
        count += wanted[i];
    }
    return count;
}

/* A single event, as at max_demand 1, is accepted or not: nothing is copied. */
static uint64_t gather_one(weir_run *run, const weir_subscribe_options *options) {
    const struct weir__item *item = weir__queue_at(run->queue, 0);
    weir_batch batch = {weir__block_at(item->block, item->first, item->event_bytes), 1};
    bool wanted;
    if (ask(options, batch, item->event_bytes, &wanted) == 0) return 0;
    (void)gather_multicast(run, 1);
    return 1;
}

/* ---- events that own something: runs of them as they lie ------------------ */

/* Puts up the runs of what is wanted among some events of `part`. */
static void put_up_wanted(weir_run *run, struct weir__item part, const bool *wanted) {
    uint32_t first = part.first;
    for (uint32_t at = 0, count = part.count; at < count;) {
        uint32_t from = at;
        while (at < count && wanted[at]) at++;
        part.first = first + from;
        part.count = at - from;
        if (part.count > 0 && !put_up(run->desk, part)) lose(&part);
        while (at < count && !wanted[at]) at++;
    }
}

static uint64_t gather_owned(weir_run *run, const weir_subscribe_options *options, uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    bool wanted[ASKED_AT_ONCE];
    uint64_t accepted = 0;
    while (next(&walk, &part)) {
        weir__queue_at(run->queue, walk.index - 1)->flags |= WEIR__ALIASED;
        for (uint32_t done = 0; done < part.count;) {
            struct weir__item some = part;
            some.first += done;
            some.count = part.count - done < ASKED_AT_ONCE ? part.count - done : ASKED_AT_ONCE;
            weir_batch batch = {weir__block_at(some.block, some.first, some.event_bytes),
                                some.count};
            accepted += ask(options, batch, some.event_bytes, wanted);
            put_up_wanted(run, some, wanted);
            done += some.count;
        }
    }
    return accepted;
}

/* Puts up what the selector accepts of the first `count` events; returns how many. */
static uint64_t gather_accepted(weir_run *run, const weir_subscribe_options *options,
                                uint64_t count) {
    struct walk walk = {.queue = run->queue, .left = count};
    struct weir__item part;
    struct copy copy = {.desk = run->desk, .most = count};
    bool wanted[ASKED_AT_ONCE];
    uint64_t accepted = 0;
    uint64_t seen = 0;
    bool copies = false;
    while (next(&walk, &part)) {
        copy.event_bytes = part.event_bytes;
        for (uint32_t done = 0; done < part.count;) {
            uint32_t asked = part.count - done;
            if (asked > ASKED_AT_ONCE) asked = ASKED_AT_ONCE;
            weir_batch batch = {weir__block_at(part.block, part.first + done, part.event_bytes),
                                asked};
            uint32_t good = ask(options, batch, part.event_bytes, wanted);
            if (good < asked && !copies) {
                copies = true;
                put_first(&copy, run, seen);
            }
            if (good > 0 && copies) put_wanted(&copy, batch, wanted);
            accepted += good;
            seen += asked;
            done += asked;
        }
    }
    slice(&copy);
    if (!copies) (void)gather_multicast(run, count);
    return accepted;
}

/* ---- sharing ------------------------------------------------------------- */

/* All who take from a run lower `left`, so this holds whatever is taken meanwhile. */
static void note_multicast(weir_run *run, uint64_t count) {
    if (!run->any_multicast || run->left - count < run->behind_multicast)
        run->behind_multicast = run->left - count;
    run->any_multicast = true;
}

static uint64_t multicast_front(const weir_run *run) {
    return run->any_multicast && run->left > run->behind_multicast
               ? run->left - run->behind_multicast
               : 0;
}

uint64_t weir_run_share(weir_run *run, weir_outlet *consumer, uint64_t count) {
    if (weir__missing(run, "run") || weir__missing(consumer, "consumer")) {
        return 0;
    }
    const weir_subscribe_options *options = weir_outlet_options(consumer);
    const struct weir_desk *desk = run->desk;
    if (count > run->left) count = run->left;
    note_multicast(run, count);
    uint64_t accepted = count;
    if (!weir__selects(options)) {
        (void)gather_multicast(run, count);
    } else if (count == 1) {
        accepted = gather_one(run, options);
    } else if (count > 0 && (weir__queue_at(run->queue, 0)->flags & WEIR__OWNING) != 0) {
        accepted = gather_owned(run, options, count);
    } else {
        accepted = gather_accepted(run, options, count);
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
    uint64_t front = multicast_front(run);
    uint64_t skipped = count < front ? count : front;
    run->left -= skipped;
    run->multicast += skipped;
    /* Whoever was given one says what became of it. */
    if (skipped > 0) {
        weir__queue_let_go(run->queue, skipped, WEIR__FATE_NOBODY, run->desk->pool);
    }
    weir_run_drop(run, count - skipped, WEIR_DISCARD_UNWANTED); /* nobody has those */
}
