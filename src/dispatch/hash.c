/*
 * The hash: which partition each event of a run is for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It is asked for many events at a time, never for more than demand waits, since each
 * may use up one; so each event is asked for once, and none that stays in the run is.
 */
#include "base/refusal.h"
#include "dispatch/partition.h"
#include "memory/pool.h"

#include <string.h>

/* ---- the default hash ---------------------------------------------------- */

/* All bits of the result depend on all bits of `word`. */
static uint64_t mix(uint64_t word) {
    word ^= word >> 32;
    word *= 0xd6e8feb86659fd93u;
    word ^= word >> 32;
    word *= 0xd6e8feb86659fd93u;
    return word ^ word >> 32;
}

static uint64_t hash_bytes(const unsigned char *bytes, size_t count) {
    uint64_t hash = count;
    while (count > 0) {
        uint64_t word = 0;
        size_t part = count < sizeof word ? count : sizeof word;
        memcpy(&word, bytes, part);
        hash = mix(hash * 0x9e3779b97f4a7c15u + word);
        bytes += part;
        count -= part;
    }
    return hash;
}

/* The high half, scaled down: no division, and every number as likely as another. */
static uint32_t scale(uint64_t hash, uint32_t count) {
    return (uint32_t)((hash >> 32) * count >> 32);
}

uint32_t weir_partition_of(const void *key, size_t bytes, uint32_t partitions) {
    if (bytes > 0 && weir__missing(key, "key")) {
        return 0;
    }
    return scale(hash_bytes(key, bytes), partitions);
}

/* ---- asking -------------------------------------------------------------- */

static void ask_default(const unsigned char *event, size_t event_bytes, uint32_t partitions,
                        uint32_t *chosen, uint32_t count) {
    for (uint32_t i = 0; i < count; i++, event += event_bytes) {
        chosen[i] = scale(hash_bytes(event, event_bytes), partitions);
    }
}

/* Of events with spans: what those point at, and the rest of the event. */
static uint64_t hash_spans(const unsigned char *event, size_t event_bytes, unsigned spans) {
    const weir_bytes *span = (const weir_bytes *)(const void *)event;
    size_t head = spans * sizeof *span;
    uint64_t hash = hash_bytes(event + head, event_bytes - head);
    for (unsigned i = 0; i < spans; i++) {
        hash = mix(hash ^ hash_bytes((const unsigned char *)span[i].at, span[i].count));
    }
    return hash;
}

static void ask_default_of_spans(const unsigned char *event, const weir_event_type *type,
                                 uint32_t partitions, uint32_t *chosen, uint32_t count) {
    for (uint32_t i = 0; i < count; i++, event += type->bytes) {
        chosen[i] = scale(hash_spans(event, type->bytes, type->spans), partitions);
    }
}

/* Of `count` events that lie side by side. */
static void ask_hash_many(const struct weir__partitions *all, const struct weir__item *item,
                          unsigned char *event, uint32_t *chosen, uint32_t count) {
    void *context = all->context;
    const size_t event_bytes = item->event_bytes;
    if (all->hash_many != NULL) {
        all->hash_many(context, (weir_batch){.events = event, .count = count}, chosen);
    } else if (all->hash != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            chosen[i] = all->hash(context, event + i * event_bytes);
        }
    } else if (all->rewrite != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            chosen[i] = all->rewrite(context, event + i * event_bytes);
        }
    } else if (item->block->lender != NULL) {
        ask_default_of_spans(event, item->block->type, all->count, chosen, count);
    } else if (event_bytes == sizeof(uint64_t)) { /* the most common by far, and all inline */
        ask_default(event, sizeof(uint64_t), all->count, chosen, count);
    } else {
        ask_default(event, event_bytes, all->count, chosen, count);
    }
}

/* ---- the answers --------------------------------------------------------- */

/* Below 2^31, and negative when as many as there are are taken away: the highest bit. */
static bool each_is_good(const uint32_t *chosen, uint32_t count, uint32_t partitions) {
    weir__four four = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    uint32_t done = 0;
    for (; done + 4 <= count; done += 4) {
        weir__four at = *(const weir__loose_four *)&chosen[done];
        four &= (at - partitions) & ~at;
    }
    uint32_t good = four[0] & four[1] & four[2] & four[3];
    for (; done < count; done++) good &= (chosen[done] - partitions) & ~chosen[done];
    return good >> 31 != 0;
}

/* Whether all of them are partitions that there are: often the bits that they have tell. */
static bool all_are_good(const uint32_t *chosen, uint32_t count, uint32_t partitions) {
    weir__four four = {0};
    uint32_t done = 0;
    for (; done + 8 <= count; done += 8) {
        const weir__loose_four *at = (const weir__loose_four *)&chosen[done];
        four |= at[0] | at[1];
    }
    uint32_t bits = four[0] | four[1] | four[2] | four[3];
    for (; done < count; done++) bits |= chosen[done];
    return bits < partitions || each_is_good(chosen, count, partitions);
}

/* Counts those that nobody gets, and gives them to nobody.  Returns how many. */
static uint32_t drop_others(struct weir__partitions *all, uint32_t *chosen, uint32_t count) {
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (chosen[i] < all->count) continue;
        bool bad = chosen[i] != WEIR_PARTITION_NONE;
        *(bad ? &all->bad : &all->unwanted) += 1;
        chosen[i] = all->count + (bad && all->owning);
        dropped++;
    }
    all->again += dropped;
    return dropped;
}

/* ---- a run --------------------------------------------------------------- */

/* The first of an item's events, at most `most`, while demand waits.  Returns how many. */
static uint32_t choose(struct weir__partitions *all, const struct weir__item *item, uint32_t most,
                       uint32_t *chosen) {
    unsigned char *event = weir__block_at(item->block, item->first, item->event_bytes);
    uint32_t done = 0;
    while (done < most && all->waiting > 0) {
        uint32_t count = most - done;
        if (count > all->waiting) count = (uint32_t)all->waiting;
        uint32_t *answers = &chosen[done];
        ask_hash_many(all, item, event + (size_t)done * item->event_bytes, answers, count);
        all->waiting -= count;
        if (!all_are_good(answers, count, all->count)) {
            all->waiting += drop_others(all, answers, count);
        }
        done += count;
    }
    return done;
}

uint32_t weir__partitions_choose(struct weir__partitions *all, const weir_run *run) {
    uint32_t most = run->left < WEIR__DEAL_EVENTS ? (uint32_t)run->left : WEIR__DEAL_EVENTS;
    uint32_t done = 0;
    for (uint32_t at = 0; done < most && all->waiting > 0; at++) {
        struct weir__item *item = weir__queue_at(run->queue, at);
        /* Written to, events that others hold too are copied first. */
        if (all->rewrite != NULL && !weir__item_own(item, all->desk->pool)) break;
        uint32_t left = most - done;
        done += choose(all, item, item->count < left ? item->count : left, &all->chosen[done]);
    }
    return done;
}
