/*
 * Fork: what is done around it, and in the child.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_FORK_H
#define WEIR__OS_FORK_H

#include <stdbool.h>
#include <stddef.h>

/* From now on: before each fork, on its thread; and after it, in the parent and in the child.  Not
 * around vfork, posix_spawn or system, whose children run none of this program's functions. */
void weir__fork_around(void (*before)(void), void (*parent)(void), void (*child)(void));

/*
 * A function of the program's, `what`, has returned in a child, and it was a thread of the
 * parent's, or work of its, that it would return to: the process ends with status
 * WEIR__FORK_RETURNED, after a line on stderr, and without what is to be done atexit.
 */
enum { WEIR__FORK_RETURNED = 70 };
_Noreturn void weir__fork_returned(const char *what);

/* Whole pages that are shared with other processes are this one's own from now on, with what is in
 * them.  False: there is no memory, and they are still shared. */
bool weir__fork_unshare(void *pages, size_t bytes);

#endif
