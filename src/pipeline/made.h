/*
 * Made: what a handle_message makes beside the message that it was given.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Messages (weir_work_more), and the block that bytes of a task's messages lie in.  A processor's
 * stage has one for good; tasks of blocking processors, several of which may run at once, take one
 * that nobody uses as they first need it, and give it back when they end.  So there are as many as
 * tasks have ever needed at once, and a steady flow allocates nothing.
 *
 * Shared: the list of those that nobody uses, under a lock (L1 -> L2, os/lock.h).  Writers and
 * readers: the tasks.  What is taken is the taker's alone.
 */
#ifndef WEIR__PIPELINE_MADE_H
#define WEIR__PIPELINE_MADE_H

#include "memory/allocator.h"
#include "pipeline/room.h"

struct weir__made {
    weir_message *more;
    size_t count;
    size_t room; /* messages */
    struct weir__filling filling;
    struct weir__made *next; /* in the list */
};

struct weir__made_list {
    uint32_t lock; /* atomic */
    struct weir__made *first;
};

/* One that nobody uses.  pool: of loose blocks.  NULL: no memory. */
struct weir__made *weir__made_take(struct weir__made_list *list,
                                   const struct weir__allocator *allocator,
                                   struct weir__pool *pool);
void weir__made_give(struct weir__made_list *list, struct weir__made *made);

/* Room for one message more.  NULL: no memory. */
weir_message *weir__made_more(struct weir__made *made, const struct weir__allocator *allocator);

/* Those from that one on are not to be: their source is not told to wait for them. */
void weir__made_undo(struct weir__made *made, size_t from);

/* There are no messages in it. */
void weir__made_close(struct weir__made *made, const struct weir__allocator *allocator);
void weir__made_list_close(struct weir__made_list *list, const struct weir__allocator *allocator);

#endif
