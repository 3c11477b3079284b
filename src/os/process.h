/*
 * The process: who we are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_PROCESS_H
#define WEIR__OS_PROCESS_H

#include <stddef.h>
#include <stdint.h>

uint64_t weir__process_number(void);
unsigned weir__process_user(void);

/* When it began, in ticks since boot (field 22 of /proc/self/stat); 0: the system does not say. */
uint64_t weir__process_started(void);

/* Its name, cut off to `bytes` with its zero. */
void weir__process_name(char *name, size_t bytes);

/* The number of the calling thread. */
uint64_t weir__process_thread(void);

#endif
