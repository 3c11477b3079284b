/*
 * Slips: what lies in a source's port for a message, until its inlet's worker makes it of that.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each line that is written on one core and read on another is what a message costs most.  A
 * message has one and a half; of one that was just pulled all can be said in half a line: where its
 * bytes begin, which lie side by side, how many of them are data, key and headers, and whose record
 * it has.  What cannot be said so lies in the source's table `kept`, whole: a message that is
 * emitted again, and one that was lent in several pieces.
 */
#ifndef WEIR__PIPELINE_SLIP_H
#define WEIR__PIPELINE_SLIP_H

#include <stdint.h>

/*
 *   what   bits 0..8    deliveries; 511: as many, or more: the receipt has them
 *          bit 9        it is among those that are kept
 *          bits 10..31  its record's number
 */
struct weir__slip {
    const char *at;
    uint64_t time;
    uint32_t data;
    uint32_t key;
    uint32_t headers;
    uint32_t what;
};

enum { WEIR__SLIP_DELIVERIES = 511, WEIR__SLIP_KEPT = 512, WEIR__SLIP_NUMBER_SHIFT = 10 };

_Static_assert(sizeof(struct weir__slip) == 32, "half a cache line");

#endif
