/*
 * Futex: sleeping until a word changes, and waking who sleeps on it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_FUTEX_H
#define WEIR__OS_FUTEX_H

#include <stdint.h>

/*
 * Sleeps while *word == expected, until woken, or until deadline_ns of the
 * monotonic clock (UINT64_MAX: none).  May return early for no reason (also
 * EINTR): the caller looks again.  Comparing and falling asleep are one step.
 */
void weir__futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Wakes at most `count` threads that sleep on the word. */
void weir__futex_wake(uint32_t *word, int count);

#endif
