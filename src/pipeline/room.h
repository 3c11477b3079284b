/*
 * Room: where the bytes lie that a stage, or a task, gives to messages.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They lie side by side in a block of bytes, each one's at a multiple of 8, and each message holds
 * the block once: `room` is its address, 0 for none.  Holding and letting go is the block's
 * (memory/block.h), and may be done on any thread.  A stage fills a block of its worker's pool
 * (stage->payload, as payload.c does for events with spans).  A task has no worker: it fills a
 * loose block (memory/pool.h), which it holds once itself meanwhile; when nobody else does any more
 * it begins at its start again.
 *
 * A weir__filling is one task's at a time, and handed on under a lock (made.h).
 */
#ifndef WEIR__PIPELINE_ROOM_H
#define WEIR__PIPELINE_ROOM_H

#include "stage/stage.h"

#include <weir/message.h>

/* What a task fills. */
struct weir__filling {
    struct weir__pool *pool;      /* of loose blocks */
    struct weir__block *block;    /* held; NULL: none yet */
    struct weir__block *outdated; /* likewise: a message had bytes there */
};

/* Who gives a message bytes: one of the two. */
struct weir__giver {
    weir_stage *self; /* in a callback */
    struct weir__filling *filling;
};

/* Bytes in the block that is filled, which the caller holds: 1 or more, from a multiple of 8 on.
 * NULL: no memory. */
char *weir__room_open(struct weir__giver giver, size_t bytes, uint64_t *room);

/* One more message has bytes there.  0: nothing. */
void weir__room_hold(uint64_t room);

/* A message has not any more, but its bytes may be read until the next one's of this giver. */
void weir__room_outdate(struct weir__giver giver, uint64_t room);

/* So many messages have not any more. */
void weir__room_drop(uint64_t room, uint32_t count);

/* What a task had outdated is let go; or all that it fills, too. */
void weir__filling_rest(struct weir__filling *filling);
void weir__filling_close(struct weir__filling *filling);

/* weir_message_set, _room and _ack, for either giver, with what they check of the message. */
bool weir__message_set(struct weir__giver giver, weir_message *message, const void *data,
                       size_t count);
char *weir__message_room(struct weir__giver giver, weir_message *message, size_t count);
bool weir__message_ack(struct weir__giver giver, weir_message *message);

#endif
