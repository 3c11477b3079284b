/*
 * Forked: whether this process is a child of one that had runtimes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A child of fork has a copy of all memory and of one thread.  What it has of its parent's runtimes
 * nobody runs, and what other threads did to it as the fork came is half done; so all that
 * a program calls for one of them is refused, and looks at nothing else.  Each of these things
 * knows in which process it was made, by `weir__forks` then.
 *
 * Written by the only thread that a child has, before fork returns there (runtime/forked.c); so
 * it is no atomic.  As a rule it is 0: who calls tests one word that nobody writes.
 */
#ifndef WEIR__BASE_FORKED_H
#define WEIR__BASE_FORKED_H

#include "base/attributes.h"
#include "base/refusal.h"

#include <stdint.h>

/* How many forks lie between the process that has loaded the library and this one. */
extern uint32_t weir__forks;

/* True, and a refusal: what was made then is the parent's. */
static inline bool weir__forked(uint32_t then) {
    if (WEIR__LIKELY(weir__forks == then)) {
        return false;
    }
    weir__refuse_forked();
    return true;
}

/* Before that is looked at, where it takes several steps. */
static inline bool weir__is_child(void) {
    return WEIR__UNLIKELY(weir__forks != 0);
}

#endif
