/*
 * Topology: reads the affinity mask that the process was started with or given.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/topology.h"

#include "os/cores.h"

#include <string.h>

unsigned weir__topology_cores(unsigned *cores, unsigned limit) {
    union weir__cores mask;
    memset(&mask, 0, sizeof mask);
    unsigned found = 0;
    if (sched_getaffinity(0, sizeof mask, &mask.set) == 0) {
        for (unsigned core = 0; core < WEIR__CORES_MAX; core++) {
            if (!CPU_ISSET_S(core, sizeof mask, &mask.set)) continue;
            if (found < limit) cores[found] = core;
            found++;
        }
    }
    if (found == 0) {
        if (limit > 0) cores[0] = 0;
        found = 1;
    }
    return found;
}
