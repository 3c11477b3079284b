/*
 * A canvas: rows of characters in styles, which becomes text, a picture, or what a terminal shows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_CANVAS_H
#define TOOL_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum style {
    STYLE_PLAIN,
    STYLE_HEAD, /* light on dark, or the other way round */
    STYLE_DIM,
    STYLE_STRONG,
    STYLE_CULPRIT,
    STYLE_BUSY, /* this one and the next: in the order of weir_stage_state */
    STYLE_WAITING,
    STYLE_STARVED,
    STYLE_BLOCKED,
    STYLE_IDLE,
    STYLES
};

struct cell {
    char text[5]; /* one character in UTF-8; "": blank */
    uint8_t style;
};

struct canvas {
    struct cell *cells; /* row by row */
    unsigned rows;
    unsigned columns;
};

/* Of that size, blank; whatever it was before.  Errors: no memory (trouble.h). */
bool canvas_open(struct canvas *canvas, unsigned rows, unsigned columns);
void canvas_free(struct canvas *canvas);

/* Text from there on, in one row; what does not fit is cut off.  Returns the column behind it. */
unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned column, enum style style,
                    const char *text);

/* Likewise, ended by the column `end`, as far to the right as it goes. */
void canvas_put_right(struct canvas *canvas, unsigned row, unsigned end, enum style style,
                      const char *text);

/* The whole row has that style. */
void canvas_paint(struct canvas *canvas, unsigned row, enum style style);

/* How many columns a text takes. */
unsigned canvas_width(const char *text);

/* As plain text, without the blanks at ends; as a picture, in SVG. */
void canvas_print(FILE *out, const struct canvas *canvas);
void canvas_svg(FILE *out, const struct canvas *canvas);

#endif
