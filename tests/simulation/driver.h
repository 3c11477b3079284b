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
    uint64_t schedules; /* in a usual run            */
    uint64_t steps;     /* more are a livelock       */
    bool timeouts;      /* as in struct sim_settings */
    /* Sets up, and spawns; what follows is for it. */
    void (*begin)(const struct sim_scenario *scenario);
    void (*end)(void);           /* NULL, or: checks and frees; only after SIM_DONE */
    void (*run)(void *argument); /* NULL, or what it spawns                         */
    uint64_t number;             /* 0, or what `begin` says                         */
};

int sim_main(int count, char **arguments, const struct sim_scenario *scenarios,
             size_t scenario_count);

/* The same of an array. */
#define SIM_MAIN(count, arguments, scenarios) \
    sim_main(count, arguments, scenarios, sizeof(scenarios) / sizeof *(scenarios))

#endif
