/*
 * Topology: which cores this process may use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread that has pinned itself to a core, an event loop perhaps, says where it lives itself,
 * and not where others may.  (In Linux each thread has a mask of its own, and there is none of the
 * process.)  So the mask is that of the process's first thread, whoever asks; and if that one has
 * pinned itself to a single core, the mask that it had as the program started.  Only where the
 * system does not tell is it the caller's.
 */
#ifndef WEIR__OS_TOPOLOGY_H
#define WEIR__OS_TOPOLOGY_H

#include <stdbool.h>

/* Above the number of any core (os/cores.h). */
enum { WEIR__CORES_MAX = 16384 };

/*
 * Writes the numbers of the cores this process may run on (sched_getaffinity,
 * machines with more than 1024 cores included), at most `limit`, in rising
 * order.  Returns how many there are, which may exceed limit; at least 1, also
 * when the system does not tell (core 0 is then assumed).
 */
unsigned weir__topology_cores(unsigned *cores, unsigned limit);

/* Whether that core is one of them, however many there are. */
bool weir__topology_may_use(unsigned core);

/* How many threads of this process can run at the same time: its cores, or the quota that it
 * has (os/quota.h), whichever is less. */
unsigned weir__topology_at_once(void);

#endif
