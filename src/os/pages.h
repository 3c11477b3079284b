/*
 * Pages: memory from the system itself.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_PAGES_H
#define WEIR__OS_PAGES_H

#include <stddef.h>

/* So large are those that are huge, on most processors with pages of 4 KiB. */
enum { WEIR__PAGES_HUGE = 2 << 20 };

/* Zeroed.  bytes: above 0; alignment: a power of two; both multiples of a page.  NULL: there is no
 * memory. */
void *weir__pages_map(size_t bytes, size_t alignment);
void weir__pages_unmap(void *memory, size_t bytes);

/* Each page stays in memory from when it is touched, until it is unmapped.  0, or an errno value:
 * ENOMEM or EPERM where the process may not lock so much. */
int weir__pages_lock(void *memory, size_t bytes);

/* Huge pages are wanted; where there are none that changes nothing. */
void weir__pages_huge(void *memory, size_t bytes);

/* The first use of none of them is a page fault.  They were not written to yet. */
void weir__pages_touch(void *memory, size_t bytes);

#endif
