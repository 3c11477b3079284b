/*
 * Trays: see trays.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/trays.h"

static uint32_t first_in_line(struct weir__trays *trays) {
    uint32_t number = trays->first;
    if (number != 0) {
        trays->first = trays->all[number - 1].next;
    }
    return number;
}

static uint32_t begin_tray(struct weir__trays *trays) {
    uint32_t left = trays->most - trays->begun;
    if (left == 0) {
        return 0;
    }
    uint32_t number = trays->begun / WEIR__TRAY_PLACES + 1;
    uint32_t places = left < WEIR__TRAY_PLACES ? left : WEIR__TRAY_PLACES;
    trays->all[number - 1].free = UINT64_MAX >> (WEIR__TRAY_PLACES - places);
    trays->begun += places;
    return number;
}

bool weir__trays_open(struct weir__trays *trays) {
    uint32_t number = first_in_line(trays);
    number = number != 0 ? number : begin_tray(trays);
    if (number == 0) {
        return false;
    }
    trays->open = number;
    return true;
}

void weir__trays_queue(struct weir__trays *trays, uint32_t number) {
    trays->all[number - 1].next = 0;
    *(trays->first == 0 ? &trays->first : &trays->all[trays->last - 1].next) = number;
    trays->last = number;
}
