/*
 * A poller with pairs of sockets, whose other ends are the test's, and a consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Numbers say who sent them.  There is one scene at a time; its rig is the test's to open.
 */
#ifndef TESTS_SUPPORT_POLLER_SCENE_H
#define TESTS_SUPPORT_POLLER_SCENE_H

#include "support/player.h"

#include <weir/poller.h>

enum { SOCKETS = 40, SOCKETS_MOST = 300, EACH = 100 };

struct poller_scene {
    struct rig rig;
    weir_ref poller;
    struct player in; /* lends its reference and name */
    struct player c;
    weir_subscription subscription;
    int ends[SOCKETS_MOST]; /* the test's    */
    int own[SOCKETS_MOST];  /* the poller's  */
    unsigned sockets;
    unsigned reads[SOCKETS_MOST];
    unsigned closed;
    unsigned accepted;
    size_t most;
    unsigned want;
    size_t bytes_a_read; /* default: of one number */
    weir_verdict (*init)(weir_stage *self);
    weir_verdict (*cast)(weir_stage *self);
    int listener;
    bool closes;        /* the test closes descriptors of the poller's */
    weir_status status; /* of what a callback has called */
    weir_stage *self;   /* as a callback has left it     */
    unsigned writes;
    int before; /* descriptors that were open */
};

extern struct poller_scene poller_scene;

/* Begins anew, but for the rig / the descriptors of this process. */
void poller_scene_begin(void);
int poller_scene_descriptors(void);

/* Makes so many pairs; starts the poller with the others of them; with a consumer. */
void poller_scene_open_sockets(unsigned count);
weir_status poller_scene_try_start(weir_kind kind);
void poller_scene_start(unsigned sockets);

/* The listener is there, on loopback / somebody connects to it, with the next of `ends`. */
void poller_scene_listen(void);
void poller_scene_connect(void);

/* How that descriptor's numbers are read; told as it is closed. */
weir_poller_watch poller_scene_watch(unsigned number);
void poller_scene_closed(weir_stage *self, int fd, void *context);

/* Of a connection's numbers, so many / the consumer asks / the stage does that; then all rests. */
void poller_scene_send(unsigned socket, uint64_t from, uint64_t count);
void poller_scene_ask(uint64_t count);
void poller_scene_cast(weir_verdict (*does)(weir_stage *self));

/* All that it was given was closed, once: so many; and nothing is left. */
void poller_scene_end(unsigned closed);

#endif
