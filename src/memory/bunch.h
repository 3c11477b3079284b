/*
 * The bunch: what its owner finds again by number, where several may have the same.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of one number hang together in a ring, in the order of adding; the oldest
 * is in an index (index.h).  So adding cannot fail, and all of these take O(1), also
 * when all nodes have one number.  One owner, no threads.
 *
 *   a node is first  <=>  it is in the index, and the oldest of its ring
 */
#ifndef WEIR__MEMORY_BUNCH_H
#define WEIR__MEMORY_BUNCH_H

#include "memory/index.h"

#include <stdbool.h>

struct weir__bunch_node {
    struct weir__index_node index; /* its number, too */
    struct weir__bunch_node *next;
    struct weir__bunch_node *previous;
    bool first;
};

void weir__bunch_add(struct weir__index *index, struct weir__bunch_node *node, uint64_t number);
void weir__bunch_remove(struct weir__index *index, struct weir__bunch_node *node);

/* An index of bunches, all of it. */
void weir__bunch_check(const struct weir__index *index);

/* The oldest of that number; NULL: there is none. */
struct weir__bunch_node *weir__bunch_first(const struct weir__index *index, uint64_t number);

#endif
