/*
 * Forked runtimes: what is done around a fork, and what a child does with those of its parent's.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The process's open runtimes are on a list, so that a child can part from what it would share
 * with its parent: the pages and the lock of counters' files, and descriptors.  All else is a
 * copy.  It stays: other threads were amid changing it, and no list in it is to be trusted
 * (docs/decisions/55-fork.md).
 *
 *   field                     writers                       readers
 *   list, its links           open, close, under the lock   the child
 *   weir__forks, weir__here,  the child, before fork        everybody there
 *   weir__errands, pins       returns
 *
 * Who forks takes the locks of the list and of what the program is (os/program.h), so a child
 * finds both whole; other locks of the process are made anew in the child.
 * Ordering: L1 -> L2 (os/lock.h); a child has one thread.
 * Progress: opening and closing wait for a fork.  Wrap: weir__forks, of forks within forks.
 */
#ifndef WEIR__RUNTIME_FORKED_H
#define WEIR__RUNTIME_FORKED_H

#include "runtime/runtime.h"

/* It is opened, by this process; it is about to be freed. */
void weir__forked_open(weir_runtime *runtime);
void weir__forked_close(weir_runtime *runtime);

/* weir_runtime_close of a parent's, or of NULL: its descriptors. */
weir_status weir__forked_leave(weir_runtime *runtime, weir_accounts *accounts);

#endif
