/*
 * A connection to a Redis server: commands are written, sent together, and answered in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * hiredis connects and parses.  Sending and receiving are done here: no SIGPIPE, one descriptor
 * beside the socket that ends a wait, and replies in memory that can be lent.  Whatever goes wrong
 * with a connection closes it: its user is LOST and makes another.
 */
#ifndef WEIR__CONNECT_REDIS_LINK_H
#define WEIR__CONNECT_REDIS_LINK_H

#include "connect/redis/commands.h"
#include "connect/redis/reply.h"
#include "connect/texts.h"

#include <weir/redis.h>

enum { WEIR__REDIS_ADDRESSES = 16, WEIR__REDIS_MS = 1000000 };

struct weir__redis_server {
    weir_redis_server options;
    const char *addresses[WEIR__REDIS_ADDRESSES];
    unsigned address_count;
    unsigned next; /* the one to begin with */
};

struct weir__redis_link {
    redisContext *context; /* NULL: there is no connection */
    uint64_t id;           /* the server's for it; 0: it did not say */
    uint64_t timeout_ns;
    struct weir__redis_commands commands; /* not sent yet */
    struct weir__redis_reply *reply;      /* what is being read, or was last */
    bool read;                            /* the last one is complete */
};

/* Checks, and copies with its texts.  INVALID. */
weir_status weir__redis_copy_server(struct weir__texts *texts, const weir_redis_server *from,
                                    struct weir__redis_server *to);

/* Returns PULLED; LOST or BROKEN, with a sentence. */
weir_pulled weir__redis_connect(struct weir__redis_server *server, struct weir__redis_link *link);
void weir__redis_disconnect(struct weir__redis_link *link);

/* Sends what was written; false: the connection is lost, with a sentence. */
bool weir__redis_send(struct weir__redis_link *link);

typedef enum weir__redis_heard {
    WEIR__REDIS_REPLY,
    WEIR__REDIS_NOTHING, /* until then, or `wake` is readable */
    WEIR__REDIS_CLOSED   /* with a sentence                  */
} weir__redis_heard;

/*
 * Waits for a reply, until timeout_ns from now, or `wake` (-1: none) is readable.  What a reply has
 * lasts until the next one is waited for, or as long as `link->reply`, which whoever takes it sets
 * to NULL.
 */
weir__redis_heard weir__redis_hear(struct weir__redis_link *link, uint64_t timeout_ns, int wake,
                                   const struct weir__redis_node **reply);

/* The next reply, or NULL: the connection is lost, with a sentence; also when it does not come in
 * time. */
const struct weir__redis_node *weir__redis_answer(struct weir__redis_link *link);

/* Sends one command, or several whose last reply is what counts. */
const struct weir__redis_node *weir__redis_ask(struct weir__redis_link *link, unsigned commands);

/* What an error of the server is to who tried: LOST, or BROKEN, with a sentence.  One that cannot
 * be written to, or not yet, is not the next to be tried. */
weir_pulled weir__redis_refused(struct weir__redis_server *server, const char *tried,
                                const struct weir__redis_node *error);
bool weir__redis_is_error(const struct weir__redis_node *reply);

uint64_t weir__redis_now(void);

#endif
