/*
 * The picture that `weir top` shows: a look, on a canvas.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_PICTURE_H
#define TOOL_PICTURE_H

#include "canvas.h"
#include "look.h"

enum picture_order {
    PICTURE_FLOW, /* as events flow; of the others, most first */
    PICTURE_BUSY,
    PICTURE_RATE,
    PICTURE_FILL,
    PICTURE_NAME,
    PICTURE_ORDERS
};

struct picture {
    enum picture_order order;
    unsigned first;   /* of the stages, so many are above what is shown */
    const char *note; /* at the right of the first row: "paused"; or NULL */
    bool keys;        /* what keys there are is told in the last row */
};

/* Draws as much of it as there is room for, `first` moved so that the room is used. */
bool picture_draw(struct canvas *canvas, struct picture *picture, const struct look *look);

/* So many rows show all of it, on so many columns. */
unsigned picture_rows(const struct look *look, unsigned columns);

#endif
