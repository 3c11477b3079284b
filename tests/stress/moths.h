/*
 * Moths: consumers that come and go while a source lives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A moth counts what it handles and adds it to its swarm when it stops.  It
 * stops, cancels or asks by its own choice at random, and foreign threads do
 * the same to it from outside: stress_swarm_disturb is one such deed.
 */
#ifndef TESTS_STRESS_MOTHS_H
#define TESTS_STRESS_MOTHS_H

#include "stress/nodes.h"

#include <pthread.h>

enum { STRESS_SWARM_RECENT = 64 };

struct stress_swarm {
    weir_runtime *runtime;
    weir_ref source;
    size_t event_bytes;
    enum stress_pauses pauses;
    uint64_t most_alive; /* beyond so many none is started */
    bool stops;          /* moths stop with events in flight; else they only cancel */

    pthread_mutex_t lock;
    struct stress_tally tally; /* of those that have stopped */
    uint64_t started;
    uint64_t stopped;
    weir_ref refs[STRESS_SWARM_RECENT];
    weir_subscription subscriptions[STRESS_SWARM_RECENT];
};

void stress_swarm_open(struct stress_swarm *swarm);

/* After the runtime has been closed: all moths have stopped. */
void stress_swarm_close(struct stress_swarm *swarm);

/* Starts a moth, or does something to one of the recent. */
void stress_swarm_disturb(struct stress_swarm *swarm, struct weir__rng *rng);

#endif
