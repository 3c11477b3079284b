/*
 * Pins: which cores the workers of a runtime are pinned to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For each core the process counts the workers that are pinned there, of all its runtimes: who
 * opens one takes the cores with the fewest, so that two runtimes do not share a core while
 * another has none.  A core that a program spares is spared in the order of its number, not of
 * its use, so that all runtimes which spare one spare the same.
 *
 * Writers and readers of the counts: who opens or closes a runtime, under a lock (L1 -> L2,
 * os/lock.h).  Invariant: a count is the number of pins taken and not given back.
 */
#ifndef WEIR__RUNTIME_PINS_H
#define WEIR__RUNTIME_PINS_H

#include <weir/runtime.h>

struct weir__pins {
    unsigned workers; /* how many there are by default; with more they are crowded      */
    unsigned count;   /* of cores, at least 1                                          */
    bool in_order;    /* they are taken as they stand there; else by use               */
    unsigned cores[WEIR_WORKERS_LIMIT];
};

/* What the process may use.  For tests: where it is not asked for. */
struct weir__allowed {
    unsigned at_once;                   /* at least 1                                  */
    unsigned count;                     /* of cores, at least 1                        */
    unsigned cores[WEIR_WORKERS_LIMIT]; /* rising                                      */
};

/* Finds the cores for a runtime; options may be NULL.  Nothing is taken yet.
 * Errors   INVALID (cores, core_count, spare_cores). */
weir_status weir__pins_open(struct weir__pins *pins, const weir_runtime_options *options);
weir_status weir__pins_open_in(struct weir__pins *pins, const weir_runtime_options *options,
                               const struct weir__allowed *allowed);

/* A core for the worker of that number. */
unsigned weir__pins_take(const struct weir__pins *pins, unsigned worker);

/* In a child of fork: no thread here has any. */
void weir__pins_forget(void);

/* A core is given back: one pin of it. */
void weir__pins_give(unsigned core);

#endif
