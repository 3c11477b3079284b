/*
 * The line: see line.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dispatch/line.h"

#include "base/check.h"
#include "base/rng.h"

enum { SHORT = 16 }; /* a walk of more groups than these is long */

/* ---- the tree ------------------------------------------------------------ */

/* Of parent and child, the parent's is the larger. */
static uint64_t weight(const struct weir__place *place) {
    uint64_t seed = (uintptr_t)place;
    return weir__rng_splitmix(&seed);
}

/* Where the tree has `place` it has `other`, who may be NULL. */
static void replace_in_tree(struct weir__line *line, const struct weir__place *place,
                            struct weir__place *other) {
    struct weir__place *parent = place->parent;
    if (other != NULL) other->parent = parent;
    if (parent == NULL) {
        line->root = other;
    } else {
        parent->child[parent->child[1] == place] = other;
    }
}

static void put_under(struct weir__place *parent, int side, struct weir__place *place) {
    parent->child[side] = place;
    if (place != NULL) place->parent = parent;
}

/* Changes places with its parent; the order stays. */
static void rotate_up(struct weir__line *line, struct weir__place *place) {
    struct weir__place *parent = place->parent;
    int side = parent->child[1] == place;
    replace_in_tree(line, parent, place);
    put_under(parent, side, place->child[!side]);
    put_under(place, !side, parent);
}

/* A place of the list comes into the tree, beside its neighbours. */
static void plant(struct weir__line *line, struct weir__place *place) {
    struct weir__place *before = place->before;
    place->child[0] = place->child[1] = NULL;
    place->parent = NULL;
    if (before != NULL && before->child[1] == NULL) {
        put_under(before, 1, place);
    } else if (place->after != NULL) { /* the first of all that are behind `before` */
        put_under(place->after, 0, place);
    } else {
        line->root = place;
    }
    while (place->parent != NULL && weight(place->parent) < weight(place)) {
        rotate_up(line, place);
    }
}

static void uproot(struct weir__line *line, struct weir__place *place) {
    while (place->child[0] != NULL && place->child[1] != NULL) {
        bool side = weight(place->child[0]) < weight(place->child[1]);
        rotate_up(line, place->child[side]);
    }
    replace_in_tree(line, place, place->child[place->child[0] == NULL]);
}

/* Each comes as the last: below those that are heavier, and above those that are not. */
static void build(struct weir__line *line) {
    struct weir__place *above = NULL;
    line->root = NULL;
    for (struct weir__place *place = line->first; place != NULL; place = place->after) {
        struct weir__place *below = NULL;
        while (above != NULL && weight(above) < weight(place)) {
            below = above;
            above = above->parent;
        }
        place->parent = NULL;
        place->child[1] = NULL;
        put_under(place, 0, below);
        if (above != NULL) {
            put_under(above, 1, place);
        } else {
            line->root = place;
        }
        above = place;
    }
}

static struct weir__place *search(const struct weir__line *line, uint64_t number) {
    struct weir__place *where = NULL;
    struct weir__place *next = line->root;
    while (next != NULL) {
        bool enough = next->number >= number;
        if (enough) where = next;
        next = next->child[enough];
    }
    return where;
}

/* ---- finding a place ------------------------------------------------------- */

/* From both ends at once; false: it is not near. */
static bool find_near(const struct weir__line *line, uint64_t number, struct weir__place **where) {
    struct weir__place *front = NULL;
    struct weir__place *next = line->first;
    struct weir__place *back = line->last;
    for (int step = 0; step < SHORT; step++) {
        if (next == NULL || next->number < number) {
            *where = front;
            return true;
        }
        if (back->number >= number) {
            *where = back;
            return true;
        }
        front = next->end;
        next = front->after;
        back = back->end->before;
    }
    return false;
}

static struct weir__place *find_in_groups(struct weir__line *line, uint64_t number) {
    struct weir__place *where;
    if (find_near(line, number, &where)) {
        line->easy++;
        return where;
    }
    line->easy = 0;
    if (line->root == NULL) build(line);
    return search(line, number);
}

/* ---- joining, moving, leaving -------------------------------------------- */

static void enter_line(struct weir__line *line, struct weir__place *place, uint64_t number) {
    place->number = number;
    weir__line_link(line, place, find_in_groups(line, number));
    if (line->root != NULL) plant(line, place);
}

static void quit(struct weir__line *line, struct weir__place *place) {
    if (line->root != NULL) uproot(line, place);
    weir__line_unlink(line, place);
}

void weir__line_join(struct weir__line *line, struct weir__place *place, uint64_t number) {
    enter_line(line, place, number);
    line->count++;
}

void weir__line_leave(struct weir__line *line, struct weir__place *place) {
    quit(line, place);
    line->count--;
}

void weir__line_move(struct weir__line *line, struct weir__place *place, uint64_t number) {
    quit(line, place);
    enter_line(line, place, number);
    if (line->easy / 2 > line->count) line->root = NULL;
}

/* ---- the checker ------------------------------------------------------------ */

#if WEIR__CHECKED
static const struct weir__place *leftmost(const struct weir__place *place) {
    while (place != NULL && place->child[0] != NULL) place = place->child[0];
    return place;
}

/* The next one in the tree's order. */
static const struct weir__place *next_in_tree(const struct weir__place *place) {
    if (place->child[1] != NULL) return leftmost(place->child[1]);
    while (place->parent != NULL && place->parent->child[1] == place) place = place->parent;
    return place->parent;
}

/* A place that stands between the first of its group, which is given, and the others. */
static void check_place(const struct weir__line *line, const struct weir__place *place,
                        const struct weir__place *group) {
    const struct weir__place *after = place->after;
    bool ends = after == NULL || after->number != place->number;
    WEIR__CHECK(after == NULL ? line->last == place : after->before == place);
    WEIR__CHECK(after == NULL || place->number >= after->number);
    WEIR__CHECK(!ends || (group->end == place && place->end == group));
    if (line->root == NULL) return;
    WEIR__CHECK(place->parent == NULL ? line->root == place
                                      : weight(place->parent) >= weight(place));
    WEIR__CHECK(next_in_tree(place) == after);
}

void weir__line_check(const struct weir__line *line) {
    if (line->count > WEIR__CHECK_MOST) return;
    size_t found = 0;
    const struct weir__place *group = line->first;
    WEIR__CHECK(line->first == NULL ? line->last == NULL : line->first->before == NULL);
    WEIR__CHECK(line->root == NULL || leftmost(line->root) == line->first);
    for (const struct weir__place *place = line->first; place != NULL; place = place->after) {
        if (group->number != place->number) group = place;
        WEIR__CHECK(++found <= line->count);
        check_place(line, place, group);
    }
    WEIR__CHECK(found == line->count);
}
#endif
