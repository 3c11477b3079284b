/*
 * Reserved room: see reserved.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/reserved.h"

#include "base/refusal.h"

#include <weir/version.h>

bool weir__reserved_set(const void *room, size_t bytes, const char *of) {
    const unsigned char *byte = room;
    size_t zeros = 0;
    while (zeros < bytes && byte[zeros] == 0) {
        zeros++;
    }
    if (zeros == bytes) {
        return false;
    }
    weir__refuse(WEIR_INVALID,
                 "%s: its reserved room is not zero: it was not initialized, or the program was "
                 "compiled with a later weir than this one, " WEIR_VERSION_TEXT,
                 of);
    return true;
}
