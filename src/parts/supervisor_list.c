/*
 * A supervisor's children: finding them, and who stands where in line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See supervisor.h.  The heaps are those of timers, with numbers for moments.
 *
 *   a child is in by_number; in by_ref unless it is DOWN; and in by_name if it may be registered
 */
#include "parts/supervisor.h"

#include "base/check.h"
#include "base/hash.h"

#include <string.h>

void weir__supervisor_open_lists(struct weir__supervisor *supervisor) {
    const struct weir__allocator *allocator = &supervisor->runtime->allocator;
    weir__index_open(&supervisor->by_number, allocator);
    weir__index_open(&supervisor->by_ref, allocator);
    weir__index_open(&supervisor->by_name, allocator);
    weir__index_open(&supervisor->made, allocator);
    weir__index_open(&supervisor->waiting, allocator);
}

void weir__supervisor_close_lists(struct weir__supervisor *supervisor) {
    while (supervisor->first != NULL) {
        weir__supervisor_forget(supervisor, supervisor->first);
    }
    weir__index_close(&supervisor->by_number);
    weir__index_close(&supervisor->by_ref);
    weir__index_close(&supervisor->by_name);
    weir__index_close(&supervisor->made);
    weir__index_close(&supervisor->waiting);
}

/* ---- finding ------------------------------------------------------------- */

struct weir__child *weir__supervisor_find(const struct weir__supervisor *supervisor,
                                          uint32_t number) {
    return WEIR__INDEX_FIND(&supervisor->by_number, number, struct weir__child, by_number);
}

struct weir__child *weir__supervisor_find_stage(const struct weir__supervisor *supervisor,
                                                weir_ref stage) {
    return WEIR__INDEX_FIND(&supervisor->by_ref, stage.bits, struct weir__child, by_ref);
}

struct weir__child *weir__supervisor_find_name(const struct weir__supervisor *supervisor,
                                               const char *name) {
    struct weir__bunch_node *first = weir__bunch_first(&supervisor->by_name, weir__hash_text(name));
    for (struct weir__bunch_node *node = first; node != NULL;) {
        struct weir__child *child = WEIR__CONTAINER_OF(node, struct weir__child, by_name);
        if (strcmp(weir__child_registers(child), name) == 0) {
            return child;
        }
        node = node->next == first ? NULL : node->next;
    }
    return NULL;
}

/* ---- the list ------------------------------------------------------------ */

/* What a `start` starts may well be called as the child is. */
const char *weir__child_registers(const struct weir__child *child) {
    if (!child->has_stage) {
        return child->name;
    }
    return child->stage.registered ? child->stage.name : NULL;
}

void weir__supervisor_add(struct weir__supervisor *supervisor, struct weir__child *child) {
    child->number = supervisor->numbers++;
    child->next = NULL;
    child->previous = supervisor->last;
    *(supervisor->last != NULL ? &supervisor->last->next : &supervisor->first) = child;
    supervisor->last = child;
    weir__index_add(&supervisor->by_number, &child->by_number, child->number);
    const char *name = weir__child_registers(child);
    if (name != NULL) {
        weir__bunch_add(&supervisor->by_name, &child->by_name, weir__hash_text(name));
    }
    for (size_t i = 0; i < child->link_count; i++) {
        child->links[i].child = child; /* it stays where it is from now on */
    }
    WEIR__VERIFY(weir__supervisor_check_lists(supervisor));
}

void weir__supervisor_forget(struct weir__supervisor *supervisor, struct weir__child *child) {
    weir__links_down(supervisor, child);
    weir__child_place(supervisor, child, WEIR__PLACE_NONE);
    if (child->state != WEIR__CHILD_DOWN) {
        weir__index_remove(&supervisor->by_ref, &child->by_ref);
    }
    if (weir__child_registers(child) != NULL) {
        weir__bunch_remove(&supervisor->by_name, &child->by_name);
    }
    weir__index_remove(&supervisor->by_number, &child->by_number);
    *(child->previous != NULL ? &child->previous->next : &supervisor->first) = child->next;
    *(child->next != NULL ? &child->next->previous : &supervisor->last) = child->previous;
    weir__child_free(&supervisor->runtime->allocator, child);
    WEIR__VERIFY(weir__supervisor_check_lists(supervisor));
}

/* ---- places in line ------------------------------------------------------ */

void weir__child_place(struct weir__supervisor *supervisor, struct weir__child *child,
                       enum weir__child_place place) {
    if (child->place != WEIR__PLACE_NONE) {
        weir__timers_remove(&supervisor->places[child->place], &child->turn);
    }
    child->place = place;
    if (place != WEIR__PLACE_NONE) {
        uint64_t turn = place == WEIR__PLACE_ALIVE ? UINT32_MAX - child->number : child->number;
        weir__timers_add(&supervisor->places[place], &child->turn, turn);
    }
}

struct weir__child *weir__supervisor_next(const struct weir__supervisor *supervisor,
                                          enum weir__child_place place) {
    struct weir__timer *first = supervisor->places[place].first;
    return first == NULL ? NULL : WEIR__CONTAINER_OF(first, struct weir__child, turn);
}

struct weir__child *weir__supervisor_last_alive(const struct weir__supervisor *supervisor,
                                                uint32_t from) {
    struct weir__child *child = weir__supervisor_next(supervisor, WEIR__PLACE_ALIVE);
    return child != NULL && child->number >= from ? child : NULL;
}

#if WEIR__CHECKED
void weir__supervisor_check_lists(const struct weir__supervisor *supervisor) {
    size_t count = 0;
    size_t alive = 0;
    weir__index_check(&supervisor->by_number);
    weir__index_check(&supervisor->by_ref);
    weir__bunch_check(&supervisor->by_name);
    weir__bunch_check(&supervisor->made);
    weir__bunch_check(&supervisor->waiting);
    const struct weir__child *child = supervisor->first;
    for (; child != NULL && count < WEIR__CHECK_MOST; child = child->next) {
        WEIR__CHECK(child->next == NULL ? supervisor->last == child
                                        : child->next->previous == child);
        count++;
        alive += child->state != WEIR__CHILD_DOWN;
    }
    WEIR__CHECK(child != NULL || supervisor->by_number.count == count);
    WEIR__CHECK(child != NULL || supervisor->by_ref.count == alive);
}
#endif
