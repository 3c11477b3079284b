/*
 * Marks behind what a part keeps: see behind.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/behind.h"

#include "base/check.h"
#include "memory/allocator.h"

#include <string.h>

enum { FIRST_MARKS = 2 };

static struct weir__behind_mark *mark_behind(const struct weir__behind *behind, uint32_t index) {
    return &behind->at[behind->first + index];
}

static size_t marks_bytes(uint32_t count) {
    return count * sizeof(struct weir__behind_mark);
}

void weir__behind_open(struct weir__behind *behind, const struct weir__allocator *allocator) {
    *behind = (struct weir__behind){.allocator = allocator};
}

void weir__behind_close(struct weir__behind *behind) {
    weir__free(behind->allocator, behind->at, marks_bytes(behind->capacity));
    behind->at = NULL;
    behind->capacity = behind->first = behind->count = 0;
    behind->before = 0;
}

/* Room for one more, at the end.  false: no memory. */
static bool make_room_behind(struct weir__behind *behind) {
    if (behind->first + behind->count < behind->capacity) {
        return true;
    }
    if (behind->first > behind->capacity / 2) { /* seldom enough: so many have gone */
        memmove(behind->at, mark_behind(behind, 0), marks_bytes(behind->count));
        behind->first = 0;
        return true;
    }
    uint32_t capacity = behind->capacity == 0 ? FIRST_MARKS : 2 * behind->capacity;
    struct weir__behind_mark *at =
        weir__alloc(behind->allocator, marks_bytes(capacity), _Alignof(struct weir__behind_mark));
    if (at == NULL) {
        return false;
    }
    if (behind->count > 0) {
        memcpy(at, mark_behind(behind, 0), marks_bytes(behind->count));
    }
    weir__free(behind->allocator, behind->at, marks_bytes(behind->capacity));
    behind->at = at;
    behind->capacity = capacity;
    behind->first = 0;
    return true;
}

static bool is_watermark(const struct weir__item *mark) {
    return weir__mark_in(mark).kind == WEIR_MARK_WATERMARK;
}

/* The place of the last one, for a watermark behind it, or one of its own; NULL: no memory. */
static struct weir__behind_mark *place_for_mark(struct weir__behind *behind,
                                                const struct weir__item *mark) {
    struct weir__behind_mark *last =
        behind->count > 1 ? mark_behind(behind, behind->count - 1) : NULL;
    if (last != NULL && is_watermark(mark) && is_watermark(&last->mark)) {
        return last;
    }
    if (!make_room_behind(behind)) {
        return NULL;
    }
    last = mark_behind(behind, behind->count++);
    last->left = 0;
    return last;
}

void weir__behind_mark(weir_stage *stage, struct weir__behind *behind,
                       const struct weir__item *mark) {
    struct weir__behind_mark *place = behind->there > 0 ? place_for_mark(behind, mark) : NULL;
    if (place == NULL) {
        if (behind->there == 0) {
            weir__stage_emit_mark(stage, mark);
        } else {
            weir__stage_say_mark_lost(stage, mark);
        }
        return;
    }
    place->mark = *mark;
    place->serial = behind->serial;
    place->left += behind->there - behind->before;
    behind->before = behind->there;
}

/* Which mark, of those that wait, came next behind it; NULL: none. */
static struct weir__behind_mark *mark_next_to(const struct weir__behind *behind, uint64_t serial) {
    uint32_t index = 0;
    while (index < behind->count && mark_behind(behind, index)->serial <= serial) {
        index++;
    }
    return index < behind->count ? mark_behind(behind, index) : NULL;
}

void weir__behind_gone(weir_stage *stage, struct weir__behind *behind, uint64_t serial) {
    struct weir__behind_mark *mark = mark_next_to(behind, serial);
    WEIR__CHECK(behind->there > 0);
    behind->there--;
    if (mark == NULL) {
        return;
    }
    mark->left--;
    behind->before--;
    while (behind->count > 0 && mark_behind(behind, 0)->left == 0) {
        weir__stage_emit_mark(stage, &mark_behind(behind, 0)->mark);
        behind->first++;
        behind->count--;
    }
}
