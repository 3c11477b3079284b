/*
 * Stale files: counters of processes that have gone without closing their runtimes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a program leaves behind in /dev/shm when it crashes shows what it did last, so the
 * youngest one is kept, until the next.  Those before it are nobody's, and take memory.
 */
#ifndef WEIR__RUNTIME_STALE_H
#define WEIR__RUNTIME_STALE_H

#include <weir/counters.h>

/* Removes from the folder what this user's processes of that name have left behind, and that
 * have names that begin so, but for the youngest.  Threads: any. */
void weir__stale_remove(const char *folder, const char *prefix, const char *program);

/* Removes that one, if a process of this user's and of that name has left it.  Threads: any. */
bool weir__stale_replace(const char *path, const char *program);

#endif
