/*
 * Topology: which cores this process may use.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_TOPOLOGY_H
#define WEIR__OS_TOPOLOGY_H

/*
 * Writes the numbers of the cores this process may run on (sched_getaffinity,
 * machines with more than 1024 cores included), at most `limit`, in rising
 * order.  Returns how many there are, which may exceed limit; at least 1, also
 * when the system does not tell (core 0 is then assumed).
 */
unsigned weir__topology_cores(unsigned *cores, unsigned limit);

#endif
