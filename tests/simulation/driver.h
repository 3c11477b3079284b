/*
 * The driver: runs scenarios for many seeds, and one seed again on request.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   PROGRAM [SCENARIO...] [--schedules N] [--seed S] [--trace LINES] [--sequential]
 *
 * Without arguments each scenario runs its usual number of schedules, with the
 * seeds 1, 2, 3 ...; WEIR_SIM_SCHEDULES is the number for all of them together.
 * --seed runs that one alone.  The first failure is told with its seed, its last
 * operations and the command that repeats it, and ends the program with 1.
 */
#ifndef WEIR_TESTS_DRIVER_H
#define WEIR_TESTS_DRIVER_H

#include "sim.h"

struct sim_scenario {
    const char *name;
    uint64_t schedules;  /* in a usual run            */
    uint64_t steps;      /* more are a livelock       */
    bool timeouts;       /* as in struct sim_settings */
    void (*begin)(void); /* sets up, and spawns */
    void (*end)(void);   /* checks and frees; only after SIM_DONE */
};

int sim_main(int count, char **arguments, const struct sim_scenario *scenarios,
             size_t scenario_count);

#endif
