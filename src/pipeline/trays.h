/*
 * Trays: which of a source's places are free, 64 a word.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Places are given out tray by tray, in order, so what is pulled together lies together, is
 * settled together, and comes back as bits of few words (ledger.h).  A tray whose places are
 * all given out lies nowhere; the first that comes back puts it in line, at the end, so that more
 * have come back when its turn comes.  A new tray is begun only where nothing is in line: a steady
 * flow goes round in as many as it ever needed at once.
 *
 *   a tray is open, in line, not yet begun, or has no free place
 *
 * No threads: the owner's.
 */
#ifndef WEIR__PIPELINE_TRAYS_H
#define WEIR__PIPELINE_TRAYS_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR__TRAY_PLACES = 64 };

struct weir__tray {
    uint64_t free; /* a bit for each place */
    uint32_t next; /* number + 1: in line  */
};

struct weir__trays {
    struct weir__tray *all;
    uint32_t most;  /* places                                     */
    uint32_t begun; /* places, of trays that were ever opened    */
    uint32_t open;  /* number + 1: places are given out of it     */
    uint32_t first; /* likewise: in line                          */
    uint32_t last;
};

/* How many trays so many places are on. */
static inline uint32_t weir__trays_of(uint32_t places) {
    return places / WEIR__TRAY_PLACES + (places % WEIR__TRAY_PLACES != 0);
}

/* Opens the first in line, or a new one.  False: none is free. */
bool weir__trays_open(struct weir__trays *trays);

/* One of 0..most - 1, in *place.  False: none is free. */
static inline bool weir__trays_take(struct weir__trays *trays, uint32_t *place) {
    if ((trays->open == 0 || trays->all[trays->open - 1].free == 0) && !weir__trays_open(trays)) {
        return false;
    }
    uint32_t number = trays->open - 1;
    struct weir__tray *tray = &trays->all[number];
    *place = number * WEIR__TRAY_PLACES + (uint32_t)__builtin_ctzll(tray->free);
    tray->free &= tray->free - 1;
    return true;
}

/* Puts a tray in line. */
void weir__trays_queue(struct weir__trays *trays, uint32_t number);

/* It is free again. */
static inline void weir__trays_give(struct weir__trays *trays, uint32_t place) {
    uint32_t number = place / WEIR__TRAY_PLACES + 1;
    struct weir__tray *tray = &trays->all[number - 1];
    uint64_t bit = UINT64_C(1) << place % WEIR__TRAY_PLACES;
    WEIR__CHECK((tray->free & bit) == 0);
    if (tray->free == 0 && number != trays->open) {
        weir__trays_queue(trays, number);
    }
    tray->free |= bit;
}

#endif
