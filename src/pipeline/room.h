/*
 * Room: where the bytes lie that a stage gives to messages.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They lie side by side in a block of bytes that the stage fills (stage->payload, as payload.c
 * does for events with spans), and each message holds the block once: `room` is its address, 0 for
 * none.  Holding and letting go is the block's (memory/block.h), and may be done on any thread.
 */
#ifndef WEIR__PIPELINE_ROOM_H
#define WEIR__PIPELINE_ROOM_H

#include "stage/stage.h"

#include <weir/message.h>

/* Bytes in the block that the stage fills, which the caller holds: 1 or more.  NULL: no memory. */
char *weir__room_open(weir_stage *self, size_t bytes, uint64_t *room);

/* One more message has bytes there.  0: nothing. */
void weir__room_hold(uint64_t room);

/* A message has not any more, but its bytes may be read until the next one's of this stage. */
void weir__room_outdate(weir_stage *self, uint64_t room);

/* So many messages have not any more. */
void weir__room_drop(uint64_t room, uint32_t count);

#endif
