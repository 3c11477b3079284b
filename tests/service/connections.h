/*
 * The service's connections: read by the event loop, answered from any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "service.h"

/* Places; a request carries the number of its own. */
#define CONNECTIONS_MOST 64

void connections_open(int poller);

/* How many are open.  The loop's. */
unsigned connections_count(void);

/* The loop: a new one, which the poller will name by its place. */
void connection_add(int fd);

/* The loop: hands over what has come, and sends what could not be sent before. */
void connection_serve(uint32_t place, void (*handle)(void *context, uint32_t place, uint64_t id),
                      void *context);

/* The loop, before a request is handed on that will be answered elsewhere. */
void connection_owes(uint32_t place);

/* Any thread.  owed: it was announced with connection_owes. */
void connection_answer(uint32_t place, uint64_t id, enum verdict verdict, bool owed);

#endif
