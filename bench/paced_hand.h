/*
 * Paced events from one thread to another, by hand: what a program has without weir.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_PACED_HAND_H
#define BENCH_PACED_HAND_H

#include "paced.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A queue under a mutex, and a condition that its reader waits for. */
struct paced_result paced_mutex(uint64_t events, double rate, bool shared);

/* Concurrency Kit's ring, and a futex that its reader sleeps on as soon as it finds it empty. */
struct paced_result paced_futex(uint64_t events, double rate, bool shared);

#ifdef __cplusplus
}
#endif

#endif
