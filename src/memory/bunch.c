/*
 * The bunch: see bunch.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/bunch.h"

#include "base/check.h"

static void become_first(struct weir__index *index, struct weir__bunch_node *node,
                         uint64_t number) {
    node->first = true;
    weir__index_add(index, &node->index, number);
}

struct weir__bunch_node *weir__bunch_first(const struct weir__index *index, uint64_t number) {
    return WEIR__INDEX_FIND(index, number, struct weir__bunch_node, index);
}

void weir__bunch_add(struct weir__index *index, struct weir__bunch_node *node, uint64_t number) {
    struct weir__bunch_node *first = weir__bunch_first(index, number);
    if (first == NULL) {
        node->next = node;
        node->previous = node;
        become_first(index, node, number);
        return;
    }
    node->first = false;
    node->index.number = number;
    node->next = first;
    node->previous = first->previous;
    first->previous->next = node;
    first->previous = node;
}

void weir__bunch_remove(struct weir__index *index, struct weir__bunch_node *node) {
    struct weir__bunch_node *next = node->next;
    node->previous->next = next;
    next->previous = node->previous;
    if (!node->first) {
        return;
    }
    uint64_t number = node->index.number;
    weir__index_remove(index, &node->index);
    node->first = false;
    if (next != node) {
        become_first(index, next, number);
    }
}

#if WEIR__CHECKED
static void check_bunch_ring(void *context, struct weir__index_node *node) {
    const struct weir__bunch_node *first = WEIR__CONTAINER_OF(node, struct weir__bunch_node, index);
    const struct weir__bunch_node *last = first;
    (void)context;
    WEIR__CHECK(first->first);
    for (int left = WEIR__CHECK_MOST; left > 0 && last->next != first; left--) {
        WEIR__CHECK(last->next->previous == last);
        last = last->next;
        WEIR__CHECK(!last->first);
        WEIR__CHECK(last->index.number == first->index.number);
    }
    WEIR__CHECK(last->next != first || first->previous == last);
}

void weir__bunch_check(const struct weir__index *index) {
    weir__index_check(index);
    if (index->count <= WEIR__CHECK_MOST) {
        weir__index_each(index, check_bunch_ring, NULL);
    }
}
#endif
