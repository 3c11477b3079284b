/*
 * The server of `weir web`: the page, and events of what it shows.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     GET /                      the page, with its style and its scripts
 *     GET /events[?runtime=ID]   a message (watch.h) after each look, as server-sent events
 *     GET /look[?runtime=ID]     one message, as soon as there are rates
 *
 * One thread does all of it and waits for nobody.  A client that reads slowly gets the newest
 * message when it has read the one before: what came between is left out, and nothing queues up.
 * One that does not read at all for half a minute is let go.
 */
#ifndef TOOL_WEB_SERVER_H
#define TOOL_WEB_SERVER_H

#include "watch.h"

struct server;

/* Serves at a socket that listens already, and takes that over.  NULL: trouble.h tells why. */
struct server *server_open(struct watches *watches, int listener);
void server_close(struct server *server);

/* Who waits for the server waits until its descriptor can be read, but no longer than that. */
int server_descriptor(const struct server *server);
int server_patience_ms(const struct server *server, int most_ms);

/* Does what can be done without waiting. */
void server_run(struct server *server);

/* Looks were taken: those who listen are told. */
void server_tell(struct server *server);

#endif
