/*
 * Sorting: many small events, whose neighbours belong to different partitions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is dealt event by event is worth a few instructions for each event, and no more.
 * Runs are counted in a sample.  Where partitions are few, their events are counted by
 * comparing four numbers at a time.  The places that events go to are in an array on the
 * stack, which no pointer that they are written through can point at.  Nobody is one
 * more partition, whose block is written anew each time: an event that nobody gets takes
 * no branch.
 */
#include "dispatch/partition.h"
#include "memory/pool.h"

#include <string.h>

enum {
    EVENTS_LEAST = 8,      /* and one for each partition               */
    PARTITIONS_MOST = 255, /* and nobody                               */
    COMPARED_MOST = 16,    /* of them; more are counted event by event */
    RUN_BYTES_MOST = 128,  /* on average; longer runs are copied whole */
    SAMPLE = 256           /* events of which the runs are counted     */
};

_Static_assert(WEIR__DEAL_EVENTS / 16 <= UINT8_MAX, "counted in a byte");

typedef uint8_t sixteen __attribute__((vector_size(16)));

/* ---- counting ------------------------------------------------------------ */

static uint32_t sum_of(weir__four four) {
    return four[0] + four[1] + four[2] + four[3];
}

static uint32_t runs_of(const uint32_t *chosen, uint32_t count) {
    weir__four changes = {1}; /* the first run is one, too */
    uint32_t i = 0;
    for (; i + 4 < count; i += 4) {
        const weir__loose_four *at = (const weir__loose_four *)&chosen[i];
        const weir__loose_four *next = (const weir__loose_four *)&chosen[i + 1];
        changes -= (weir__four)(*at != *next);
    }
    uint32_t runs = sum_of(changes);
    for (; i + 1 < count; i++) runs += chosen[i] != chosen[i + 1];
    return runs;
}

static uint32_t sum_of_bytes(weir__four bytes) {
    weir__four pairs = (bytes & 0x00ff00ff) + (bytes >> 8 & 0x00ff00ff);
    return sum_of((pairs & 0xffff) + (pairs >> 16));
}

/*
 * Those of partition `first` and of the three after it.  Sixteen numbers are put in one
 * vector, in an order that does not matter here; each byte of the sums counts every
 * sixteenth event of a deal.
 */
static void count_four(const uint32_t *chosen, uint32_t count, uint32_t first, uint32_t *found) {
    sixteen a = {0};
    sixteen b = a;
    sixteen c = a;
    sixteen d = a;
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const weir__loose_four *at = (const weir__loose_four *)&chosen[i];
        sixteen all = (sixteen)(at[0] | at[1] << 8 | at[2] << 16 | at[3] << 24) - (uint8_t)first;
        a -= (sixteen)(all == 0);
        b -= (sixteen)(all == 1);
        c -= (sixteen)(all == 2);
        d -= (sixteen)(all == 3);
    }
    found[first] = sum_of_bytes((weir__four)a);
    found[first + 1] = sum_of_bytes((weir__four)b);
    found[first + 2] = sum_of_bytes((weir__four)c);
    found[first + 3] = sum_of_bytes((weir__four)d);
    for (; i < count; i++) {
        if (chosen[i] - first < 4) found[chosen[i]]++;
    }
}

/* Neighbours count in different arrays: a sum need not wait for the one before it. */
static void count_in_turns(const uint32_t *chosen, uint32_t count, uint32_t *found) {
    uint32_t others[PARTITIONS_MOST + 1] = {0};
    uint32_t i = 0;
    memset(found, 0, sizeof others);
    for (; i + 1 < count; i += 2) {
        found[chosen[i]]++;
        others[chosen[i + 1]]++;
    }
    if (i < count) found[chosen[i]]++;
    for (i = 0; i <= PARTITIONS_MOST; i++) found[i] += others[i];
}

bool weir__sort_short_runs(const struct weir__partitions *all, uint32_t count,
                           uint32_t event_bytes) {
    uint32_t sample = count < SAMPLE ? count : SAMPLE;
    return event_bytes <= RUN_BYTES_MOST &&
           sample * event_bytes <= runs_of(all->chosen, sample) * RUN_BYTES_MOST;
}

bool weir__sort_count(struct weir__partitions *all, uint32_t count) {
    if (count < EVENTS_LEAST || count < all->count || all->count > PARTITIONS_MOST) return false;
    uint32_t found[PARTITIONS_MOST + 1];
    if (all->count > COMPARED_MOST) {
        count_in_turns(all->chosen, count, found);
    } else {
        for (uint32_t i = 0; i < all->count; i += 4) count_four(all->chosen, count, i, found);
    }
    for (uint32_t i = 0; i < all->count; i++) {
        if (found[i] == 0) continue;
        weir__marks_set(&all->touched, i);
        all->at[i].chosen = found[i];
        all->at[i].runs = WEIR__SHORT_RUNS;
    }
    return true;
}

/* ---- moving -------------------------------------------------------------- */

static inline unsigned char *take_place(unsigned char **to, uint32_t index, size_t bytes) {
    unsigned char *place = to[index];
    to[index] = place + bytes;
    return place;
}

/*
 * `bytes` is the events' size, and constant where this becomes part of its caller.  Four
 * at a time, first their places: stores to one line of the cache, one after the other,
 * are carried out together.
 */
static inline void copy_each(unsigned char **to, const uint32_t *chosen, const unsigned char *event,
                             uint32_t count, size_t bytes) {
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4, event += 4 * bytes) {
        unsigned char *a = take_place(to, chosen[i], bytes);
        unsigned char *b = take_place(to, chosen[i + 1], bytes);
        unsigned char *c = take_place(to, chosen[i + 2], bytes);
        unsigned char *d = take_place(to, chosen[i + 3], bytes);
        memcpy(a, event, bytes);
        memcpy(b, event + bytes, bytes);
        memcpy(c, event + 2 * bytes, bytes);
        memcpy(d, event + 3 * bytes, bytes);
    }
    for (; i < count; i++, event += bytes) memcpy(take_place(to, chosen[i], bytes), event, bytes);
}

static void copy(unsigned char **to, const uint32_t *chosen, const unsigned char *event,
                 uint32_t count, size_t bytes) {
    switch (bytes) {
    case 4:
        copy_each(to, chosen, event, count, 4);
        break;
    case 8:
        copy_each(to, chosen, event, count, 8);
        break;
    case 16:
        copy_each(to, chosen, event, count, 16);
        break;
    case 32:
        copy_each(to, chosen, event, count, 32);
        break;
    case 64:
        copy_each(to, chosen, event, count, 64);
        break;
    default:
        copy_each(to, chosen, event, count, bytes);
    }
}

bool weir__sort_move(struct weir__partitions *all, const weir_run *run, uint32_t count) {
    _Alignas(64) unsigned char *to[PARTITIONS_MOST + 1];
    uint32_t event_bytes = weir__queue_at(run->queue, 0)->event_bytes;
    for (uint32_t i = 0; i < all->count; i++) to[i] = all->at[i].to;
    if (all->unwanted > 0 || all->bad > 0) {
        struct weir__block *nobody =
            weir__pool_room(all->desk->pool, &all->nobody, event_bytes, NULL, count, count);
        if (nobody == NULL) return false;
        to[all->count] = weir__block_at(nobody, 0, event_bytes);
    }
    for (uint32_t at = 0, done = 0; done < count; at++) {
        const struct weir__item *item = weir__queue_at(run->queue, at);
        uint32_t part = item->count < count - done ? item->count : count - done;
        copy(to, &all->chosen[done], weir__block_at(item->block, item->first, event_bytes), part,
             event_bytes);
        done += part;
    }
    return true;
}
