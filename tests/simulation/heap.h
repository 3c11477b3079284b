/*
 * The heap of a simulated world: memory that is noticed when it is used after it was freed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is freed is overwritten at once and given to nobody else before the schedule has
 * ended; by then it must still be as it was overwritten.  So who reads it finds nonsense,
 * in some schedules zeros (an empty list, a flag that is down) and in others a pointer to
 * nowhere, and who writes to it is found out at the end.
 */
#ifndef WEIR_TESTS_HEAP_H
#define WEIR_TESTS_HEAP_H

#include <stddef.h>
#include <stdint.h>

void *sim_heap_get(size_t bytes, size_t alignment);
void sim_heap_put(void *memory, size_t bytes);

/* Before and after each schedule: forgets what was; fails it if freed memory was written. */
void sim_heap_begin(void);
void sim_heap_end(void);

#endif
