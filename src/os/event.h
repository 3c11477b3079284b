/*
 * Events: a file descriptor that poll and epoll see as readable, or not.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_EVENT_H
#define WEIR__OS_EVENT_H

/* A new one, not readable; below 0: an errno value, negated. */
int weir__event_open(void);
void weir__event_close(int event);

/* Another descriptor of the same event, or below 0. */
int weir__event_copy(int event);

/* Makes it readable / makes it not.  Neither waits. */
void weir__event_signal(int event);
void weir__event_clear(int event);

#endif
