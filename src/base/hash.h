/*
 * Hash: of a text, for tables that are looked into by name.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Texts that differ may have the same hash: who finds by it compares.
 */
#ifndef WEIR__BASE_HASH_H
#define WEIR__BASE_HASH_H

#include <stdint.h>

static inline uint64_t weir__hash_text(const char *text) {
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    return hash;
}

#endif
