/*
 * The program: how its own threads are, for those and for processes that begin on ours.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread or a process inherits blocked signals and cores from the thread that makes it.  What a
 * callback makes has a worker's: it hears no signal, and has one core.  So what the program has is
 * noted as it opens a runtime, and may be had again.
 *
 * Shared: what is noted.  Writers: threads of the program's that open a runtime, one at a time.
 * Readers: any thread; of the cores only a child of the process, which has one thread.
 * Ordering: the signals are one word, of which any value that was ever noted is right.  The cores
 * are written under a lock (L1 -> L2), and read in a process where nobody writes any more.
 * Invariant: `process` is 0 until cores and signals were noted once.
 * Progress: reading is wait-free.  Wrap: nothing.
 */
#ifndef WEIR__OS_PROGRAM_H
#define WEIR__OS_PROGRAM_H

/* The calling thread opens a runtime: how it is is noted, unless it is one of ours. */
void weir__program_note(void);

/* The signals, a sigset_t, that the thread had blocked which was noted last; those of the caller if
 * none was.  Async-signal-safe. */
void weir__program_signals(void *signals);

/* Around a fork, so that a child finds them whole: in the thread that forks, and in the child's. */
void weir__program_hold(void);
void weir__program_let_go(void);

/* The calling thread gets those signals, and the cores of the process; also in a child between fork
 * and exec.  Returns 0 or an errno value.  Async-signal-safe. */
int weir__program_join(void);

#endif
