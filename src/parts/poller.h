/*
 * The poller: a stage and its descriptors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it is the stage's worker's (and, in its init, the starting thread's), so nothing is
 * shared. Its descriptors are in two sets (os/poll.h), each of which is watched in the worker's
 * lookout:
 *
 *   INPUT   those that are READ: looked at while the stage may read.  Demand opens and closes
 *           this for all of them at once, at no cost: who may not read does not look at the set;
 *           and it is taken out of the lookout when that says that something is there all the same.
 *   OTHER   READ_ALWAYS, WRITE, ACCEPT: looked at always; ACCEPT as far as it may accept: not at
 *           `most`, as it finishes, or for a while after there was no descriptor (`pauses`)
 *
 * What a set says is ready is kept (`found`), and each of these is called once, in that order,
 * before the set is asked again: so with little demand each has its turn, whoever is first in the
 * set.
 *
 *   count == the entries in the table; a found one is in it, a ghost, or NULL
 *   writers == those that want WRITE; acceptors: those that want ACCEPT
 *   pauses <=> `pause` is among its worker's timers
 */
#ifndef WEIR__PARTS_POLLER_H
#define WEIR__PARTS_POLLER_H

#include "os/poll.h"
#include "parts/quay.h"
#include "ring/timers.h"
#include "runtime/lookout.h"

#include <weir/poller.h>

enum { WEIR__POLLER_INPUT, WEIR__POLLER_OTHER, WEIR__POLLER_SETS };
enum { WEIR__POLLER_FOUND = 32 };

struct weir__poller_set {
    struct weir__watch watch;
    uint32_t next; /* of found */
    uint32_t count;
    bool more; /* there may be others, behind those */
    struct weir__polled found[WEIR__POLLER_FOUND];
};

/* A descriptor. */
struct weir__polled_entry {
    struct weir__index_node node;    /* by the descriptor      */
    struct weir__polled_entry *next; /* of acceptors or ghosts */
    weir_poller_watch watch;
    unsigned asked[WEIR__POLLER_SETS]; /* of each set: os/poll.h */
    int fd;
};

struct weir__poller {
    struct weir__quay quay; /* its own: it pokes itself, to come to its worker */
    weir_stage *stage;
    struct weir__poller_set sets[WEIR__POLLER_SETS];
    struct weir__index entries;
    struct weir__polled_entry *acceptors;
    struct weir__polled_entry *ghosts; /* closed by others, and named by a set still, perhaps */
    struct weir__lookout spare;        /* until it is on its worker */
    size_t most;
    size_t writers;
    bool joined;  /* it is on its worker      */
    bool accepts; /* as its acceptors were told */
    bool busy;    /* tells `closed`             */
    /* There is no descriptor for a connection: poller_accept.c */
    bool pauses; /* `pause` says how long */
    bool logged;
    uint32_t failures; /* since the last connection */
    uint64_t logged_ns;
    struct weir__timer pause;
};

/* Its sets of descriptors, and what its worker may need.  SYSTEM. */
weir_status weir__poller_open(struct weir__poller *poller, weir_runtime *runtime);

/* Nothing came of it: no stage has it. */
void weir__poller_free(struct weir__poller *poller);

/* It is that stage's, whose init runs. */
void weir__poller_attach(struct weir__poller *poller, weir_stage *stage);

/* ---- poller_add.c: its descriptors ------------------------------------------- */

/* A callback of its runs here, or its init; NULL: refused. */
struct weir__poller *weir__poller_here(const weir_stage *self, const char *function);

/* That descriptor of its, for a callback of its; NULL: refused. */
struct weir__polled_entry *weir__poller_need(const weir_stage *self, int fd, const char *function);

/* The set is asked for what it is asked now, and what it has said is forgotten. */
void weir__poller_ask_anew(struct weir__poller *poller, struct weir__polled_entry *entry);

/* Closes all. */
void weir__poller_close_all(struct weir__poller *poller);

/* ---- poller_accept.c: its listeners ------------------------------------------ */

/* It is to be waited for so from now on, and `watch` says how it was. */
void weir__poller_move_acceptor(struct weir__poller *poller, struct weir__polled_entry *entry,
                                unsigned now);

/* Whether it accepts may have changed. */
void weir__poller_review(struct weir__poller *poller);

/* It pauses no longer; a review follows. */
void weir__poller_tries_again(struct weir__poller *poller);

/* Between its callbacks. */
void weir__poller_check(const struct weir__poller *poller);

#endif
