/*
 * A proxy between a client and a server on loopback, for tests of connections that stall, break or
 * cannot be had.  One thread; it starts and ends with the test that has it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONNECT_PROXY_H
#define TESTS_CONNECT_PROXY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct proxy proxy;

/* Listens at a port of its own, and hands on to `port`. */
proxy *proxy_start(unsigned port);
unsigned proxy_port(const proxy *self);

/* Connections stay, and nothing goes through them, until it goes on. */
void proxy_stall(proxy *self, bool stalls);

/* Breaks all connections that there are, as a cable would, and takes no new ones while it is
 * `cut`. */
void proxy_cut(proxy *self, bool cut);

/* How much may pass in either direction until it is cut by itself: to break in the middle of a
 * message.  UINT64_MAX: it is not. */
void proxy_cut_behind(proxy *self, uint64_t bytes);

/* How many connections it has had, and what has passed from clients to the server. */
unsigned proxy_connections(const proxy *self);
uint64_t proxy_sent(const proxy *self);

void proxy_end(proxy *self);

#endif
