/*
 * Serials: numbers that the process gives out once and never again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is named by value (a stage, a caller, a pool's child) may be remembered for
 * as long as somebody likes, and brought to another runtime.  Its name holds a serial,
 * so that it never means another.
 *
 *   writers of used   anybody, adding (relaxed: each number goes to one, and that is all)
 *
 * Wait-free.  Who needs many draws some at a time, so as not to meet others here.
 * Wrap: none: a source that has come to its end stays there.  Each draw adds to `used`,
 * also one that gets nothing; 2^63 of those are not to be had.
 */
#ifndef WEIR__BASE_SERIAL_H
#define WEIR__BASE_SERIAL_H

#include "base/atomic.h"
#include "base/attributes.h"

struct weir__serials {
    WEIR__APART uint64_t used; /* atomic: numbers drawn                    */
    uint64_t last;             /* constant: the last one that may be drawn */
};

/* The first of `count` (at least 1) serials in a row, from 1 on; 0: there are no more. */
static inline uint64_t weir__serials_draw(struct weir__serials *serials, uint64_t count) {
    uint64_t first = weir__fetch_add_u64(&serials->used, count) + 1;
    return first <= serials->last && serials->last - first >= count - 1 ? first : 0;
}

/* Serials drawn by one owner, some at a time. */
struct weir__serial_stock {
    uint64_t next;
    uint64_t left;
};

static inline uint64_t weir__serial_next(struct weir__serial_stock *stock,
                                         struct weir__serials *serials, uint64_t at_a_time) {
    if (stock->left == 0) {
        stock->next = weir__serials_draw(serials, at_a_time);
        stock->left = stock->next == 0 ? 0 : at_a_time;
        if (stock->left == 0) {
            return 0;
        }
    }
    stock->left--;
    return stock->next++;
}

#endif
