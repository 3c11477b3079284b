/*
 * Topology: reads the affinity mask that the process was started with or given.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/topology.h"

#include "base/attributes.h"
#include "os/cores.h"
#include "os/quota.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

static union weir__cores at_start; /* written once, before anybody can ask */

enum { WORDS = sizeof(union weir__cores) / sizeof(uint64_t), WORD_BITS = 64 };

/* The cores of 64 numbers in a row, as the kernel writes them: in words of its own. */
static uint64_t word_of(const union weir__cores *mask, unsigned word) {
    unsigned long bits;
    _Static_assert(sizeof bits == sizeof(uint64_t), "a word of the kernel's has 64 cores");
    memcpy(&bits, mask->bytes + word * sizeof bits, sizeof bits);
    return bits;
}

static int count_of(const union weir__cores *mask) {
    return CPU_COUNT_S(sizeof *mask, &mask->set);
}

/* The first thread has the process's number.  0: the caller. */
static void read_first(union weir__cores *mask) {
    memset(mask, 0, sizeof *mask);
    if (sched_getaffinity(getpid(), sizeof *mask, &mask->set) != 0 &&
        sched_getaffinity(0, sizeof *mask, &mask->set) != 0) {
        memset(mask, 0, sizeof *mask);
    }
    if (count_of(mask) == 0) {
        CPU_SET_S(0, sizeof *mask, &mask->set);
    }
}

WEIR__AT_START static void note_start(void) {
    read_first(&at_start);
}

void weir__topology_mask(union weir__cores *mask) {
    read_first(mask);
    if (count_of(mask) == 1 && count_of(&at_start) > 1) {
        *mask = at_start;
    }
}

unsigned weir__topology_cores(unsigned *cores, unsigned limit) {
    union weir__cores mask;
    weir__topology_mask(&mask);
    unsigned found = 0;
    for (unsigned word = 0; word < WORDS; word++) {
        for (uint64_t left = word_of(&mask, word); left != 0; left &= left - 1) {
            if (found < limit) cores[found] = word * WORD_BITS + (unsigned)__builtin_ctzll(left);
            found++;
        }
    }
    return found;
}

bool weir__topology_may_use(unsigned core) {
    union weir__cores mask;
    weir__topology_mask(&mask);
    return core < WEIR__CORES_MAX && CPU_ISSET_S(core, sizeof mask, &mask.set);
}

unsigned weir__topology_at_once(void) {
    unsigned cores = weir__topology_cores(NULL, 0);
    unsigned quota = weir__quota("");
    return quota > 0 && quota < cores ? quota : cores;
}
