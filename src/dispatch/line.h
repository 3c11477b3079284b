/*
 * The line: those who stand in line, the largest number first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who comes to a number stands behind all that have as much or more; so equals take
 * turns.  Everybody's place is a list, and what he has is in his place.
 *
 * Those with the same number are a group.  There are few of them, mostly, however many
 * stand in line, so a place is looked for from group to group: the first and the
 * last of each know each other.
 *
 *   the first of a group: `end` is the last; the last: `end` is the first
 *   (one alone is both; between the two, `end` means nothing)
 *
 * Where there are many groups that walk is long.  The first time that it is, a tree over
 * all places, in their order, is made beside the list; while there is one, a place is
 * found, left and taken in O(log n).  When all walks would have been short for a long
 * while (for twice as many moves as there are places), the tree is given up.  It is a treap,
 * whose shape is drawn by the places' addresses; nothing that can be seen hangs on it.
 *
 *   root  =>  in order, the tree's places are the list's, and a parent is the heavier
 *
 * A move that leaves a place where it is in the list leaves the tree alone, since that
 * keeps no numbers of its own.
 *
 * Cost: O(log n) a move on average, and a few steps where there are few groups.  One
 * owner, no threads.
 */
#ifndef WEIR__DISPATCH_LINE_H
#define WEIR__DISPATCH_LINE_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__place {
    struct weir__place *before;
    struct weir__place *after;
    struct weir__place *end; /* of its group, the other */
    uint64_t number;
    /* while there is a tree */
    struct weir__place *parent;
    struct weir__place *child[2]; /* those before it, and those after it */
};

/* All zero: nobody. */
struct weir__line {
    struct weir__place *first;
    struct weir__place *last;
    struct weir__place *root; /* of the tree; NULL: there is none    */
    size_t count;
    size_t easy; /* walks in a row that were short */
};

/* Takes the last place of those with at least that number. */
void weir__line_join(struct weir__line *line, struct weir__place *place, uint64_t number);

void weir__line_check(const struct weir__line *line);

/* Leaves the line. */
void weir__line_leave(struct weir__line *line, struct weir__place *place);

/* ---- moves ---------------------------------------------------------------- */

/* `next` is at that end of the group, instead of place, who is there and not alone. */
static inline void weir__line_hand_over(struct weir__place *place, struct weir__place *next) {
    next->end = place->end;
    place->end->end = next;
    place->end = place;
}

/* Joins the group that `last` is the last of. */
static inline void weir__line_follow(struct weir__place *place, struct weir__place *last) {
    place->end = last->end;
    last->end->end = place;
}

/* Out of list and group, whatever the tree. */
static inline void weir__line_unlink(struct weir__line *line, struct weir__place *place) {
    struct weir__place *before = place->before;
    struct weir__place *after = place->after;
    *(before ? &before->after : &line->first) = after;
    *(after ? &after->before : &line->last) = before;
    if (place->end == place) return; /* alone */
    if (!before || before->number != place->number) {
        weir__line_hand_over(place, after);
    } else if (!after || after->number != place->number) {
        weir__line_hand_over(place, before);
    }
}

/* Behind `where`, the last of a group with at least its number, or first of all: NULL. */
static inline void weir__line_link(struct weir__line *line, struct weir__place *place,
                                   struct weir__place *where) {
    struct weir__place *after = where ? where->after : line->first;
    place->before = where;
    place->after = after;
    *(where ? &where->after : &line->first) = place;
    *(after ? &after->before : &line->last) = place;
    place->end = place;
    if (where && where->number == place->number) weir__line_follow(place, where);
}

/* Wherever it goes. */
void weir__line_move(struct weir__line *line, struct weir__place *place, uint64_t number);

static inline void weir__line_put(struct weir__line *line, struct weir__place *place,
                                  uint64_t number, struct weir__place *where) {
    weir__line_unlink(line, place);
    place->number = number;
    weir__line_link(line, place, where);
}

/* One step of a walk from the front / from the back, unless it is at its end. */
static inline bool weir__line_step_back(struct weir__place **where, struct weir__place **next,
                                        uint64_t number) {
    if ((*next)->number < number) return false;
    *where = (*next)->end;
    *next = (*where)->after;
    return true;
}

static inline bool weir__line_step_forth(struct weir__place **where, uint64_t number) {
    if ((*where)->number >= number) return false;
    *where = (*where)->end->before;
    return true;
}

/*
 * Its number grows, mostly to one of the largest; falls, mostly to one of the least.
 * false: nothing is done, its new place is far (or there is a tree): weir__line_move.
 * Neither walk comes to an end of the line: of `place` and its neighbour, which is to be
 * passed, one has enough and the other has not.
 */
static inline bool weir__line_raise(struct weir__line *line, struct weir__place *place,
                                    uint64_t number) {
    struct weir__place *before = place->before;
    if (before && before->number < number) {
        struct weir__place *where = NULL;
        struct weir__place *next = line->first;
        if (WEIR__UNLIKELY(line->root != NULL)) return false;
        if (weir__line_step_back(&where, &next, number) &&
            weir__line_step_back(&where, &next, number) &&
            weir__line_step_back(&where, &next, number) &&
            weir__line_step_back(&where, &next, number)) {
            return false;
        }
        weir__line_put(line, place, number, where);
        return true;
    }
    /* It stays where it is, which was the first place of its group. */
    place->number = number;
    if (place->end != place) weir__line_hand_over(place, place->after);
    if (before && before->number == number) weir__line_follow(place, before);
    return true;
}

static inline bool weir__line_lower(struct weir__line *line, struct weir__place *place,
                                    uint64_t number) {
    struct weir__place *after = place->after;
    if (after && after->number >= number) {
        struct weir__place *where = line->last;
        if (WEIR__UNLIKELY(line->root != NULL)) return false;
        if (weir__line_step_forth(&where, number) && weir__line_step_forth(&where, number) &&
            weir__line_step_forth(&where, number) && weir__line_step_forth(&where, number)) {
            return false;
        }
        weir__line_put(line, place, number, where);
        return true;
    }
    /* It stays where it is, which was the last place of its group. */
    place->number = number;
    if (place->end != place) weir__line_hand_over(place, place->before);
    return true;
}

#endif
