/*
 * Poll: a set of descriptors, asked which of them are ready.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It is a descriptor itself, which is ready to be read while one of its own is: so one of them may
 * be in another.  Who is ready is told each time until he is not (but EDGE: once for each time that
 * he becomes so), in turn where there are more than are taken.
 * Functions that return an int return 0, or what is said, or an errno value, negated.
 */
#ifndef WEIR__OS_POLL_H
#define WEIR__OS_POLL_H

#include <stdint.h>

enum { WEIR__POLL_IN = 1, WEIR__POLL_OUT = 2, WEIR__POLL_EDGE = 4 };

struct weir__polled {
    void *what;
    unsigned ready; /* IN, OUT; both, if it is broken, or nothing will come */
};

/* A new one, empty; never 0. */
int weir__poll_open(void);
void weir__poll_close(int poll);

/* What it is asked of a descriptor, and what stands for that: from `before` to `now`; 0: it is not
 * in the set. */
int weir__poll_set(int poll, int descriptor, unsigned before, unsigned now, void *what);

/* Those that are ready, at most so many, up to WEIR__POLL_MOST: how many those are. */
enum { WEIR__POLL_MOST = 64 };
int weir__poll_look(int poll, struct weir__polled *ready, int most);

/* Sleeps until one is, or that moment of the monotonic clock (UINT64_MAX: none), or for no reason.
 * What was an edge has been told of. */
void weir__poll_sleep(int poll, uint64_t deadline_ns);

/* Reads and writes of a descriptor do not wait from now on.  -errno: it is none. */
int weir__poll_never_wait(int descriptor);

/* A connection of a listener's, whose reads and writes do not wait; -EAGAIN: there is none (those
 * that had gone before they were taken are passed by). */
int weir__poll_accept(int listener);

/* A descriptor of the program's is closed. */
void weir__poll_drop(int descriptor);

#endif
