/*
 * Sets of cores, as the scheduler's calls take them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The C library's cpu_set_t ends at 1024 cores.  The calls take larger sets, so
 * this one is sized for any machine Linux is configured for (8192 cores on
 * x86) with room to spare, and lives on the stack: nothing to allocate.
 *
 * Only for the files of os/ (needs _GNU_SOURCE before any header).
 */
#ifndef WEIR__OS_CORES_H
#define WEIR__OS_CORES_H

#include "os/topology.h"

#include <sched.h>

union weir__cores {
    cpu_set_t set; /* for the calls' types; use CPU_*_S with sizeof the union */
    unsigned char bytes[WEIR__CORES_MAX / 8];
};

/* The cores that this process may use, as topology.h has it. */
void weir__topology_mask(union weir__cores *mask);

#endif
