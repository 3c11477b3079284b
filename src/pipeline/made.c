/*
 * Made: see made.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/made.h"

#include "base/check.h"
#include "os/lock.h"

#include <string.h>

weir_message *weir__made_more(struct weir__made *made, const struct weir__allocator *allocator) {
    if (made->count < made->room) {
        return &made->more[made->count++];
    }
    size_t room = made->room == 0 ? 16 : 2 * made->room;
    weir_message *more = weir__alloc(allocator, room * sizeof *more, 64);
    if (more == NULL) {
        return NULL;
    }
    if (made->count > 0) {
        memcpy(more, made->more, made->count * sizeof *more);
    }
    weir__free(allocator, made->more, made->room * sizeof *more);
    made->more = more;
    made->room = room;
    return &made->more[made->count++];
}

void weir__made_undo(struct weir__made *made, size_t from) {
    for (size_t i = from; i < made->count; i++) {
        made->more[i].outcome = WEIR_MESSAGE_OK; /* its worst is what counts */
    }
    weir_message_settle(&made->more[from], made->count - from, WEIR_DISCARD_HANDLED);
    made->count = from;
}

void weir__made_close(struct weir__made *made, const struct weir__allocator *allocator) {
    WEIR__CHECK(made->count == 0);
    weir__filling_close(&made->filling);
    weir__free(allocator, made->more, made->room * sizeof *made->more);
    *made = (struct weir__made){0};
}

/* ---- those of tasks ---------------------------------------------------------------- */

struct weir__made *weir__made_take(struct weir__made_list *list,
                                   const struct weir__allocator *allocator,
                                   struct weir__pool *pool) {
    weir__lock(&list->lock);
    struct weir__made *made = list->first;
    if (made != NULL) {
        list->first = made->next;
    }
    weir__unlock(&list->lock);
    if (made == NULL) {
        made = weir__alloc_zeroed(allocator, sizeof *made, 64);
    }
    if (made != NULL) {
        made->filling.pool = pool;
    }
    return made;
}

void weir__made_give(struct weir__made_list *list, struct weir__made *made) {
    WEIR__CHECK(made->count == 0);
    weir__filling_rest(&made->filling);
    weir__lock(&list->lock);
    made->next = list->first;
    list->first = made;
    weir__unlock(&list->lock);
}

void weir__made_list_close(struct weir__made_list *list, const struct weir__allocator *allocator) {
    while (list->first != NULL) {
        struct weir__made *made = list->first;
        list->first = made->next;
        weir__made_close(made, allocator);
        weir__free(allocator, made, sizeof *made);
    }
}
