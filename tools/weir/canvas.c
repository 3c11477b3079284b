/*
 * The canvas: see canvas.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "canvas.h"

#include "trouble.h"

#include <stdlib.h>
#include <string.h>

bool canvas_open(struct canvas *canvas, unsigned rows, unsigned columns) {
    struct cell *cells = calloc((size_t)rows * columns + 1, sizeof *cells);
    if (cells == NULL) {
        return trouble("no memory for a picture of %u rows", rows);
    }
    free(canvas->cells);
    *canvas = (struct canvas){.cells = cells, .rows = rows, .columns = columns};
    return true;
}

void canvas_free(struct canvas *canvas) {
    free(canvas->cells);
    *canvas = (struct canvas){0};
}

/* Bytes of the first character; names are clean (text_clean), and so are our own words. */
static size_t bytes_of(const char *text) {
    size_t bytes = 1;
    while (((unsigned char)text[bytes] & 0xc0) == 0x80 && bytes < 4) {
        bytes++;
    }
    return bytes;
}

unsigned canvas_width(const char *text) {
    unsigned width = 0;
    for (; *text != 0; text += bytes_of(text)) {
        width++;
    }
    return width;
}

unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned column, enum style style,
                    const char *text) {
    for (; *text != 0 && row < canvas->rows && column < canvas->columns; column++) {
        size_t bytes = bytes_of(text);
        struct cell *cell = &canvas->cells[(size_t)row * canvas->columns + column];
        *cell = (struct cell){.style = (uint8_t)style};
        memcpy(cell->text, text, bytes);
        text += bytes;
    }
    return column;
}

void canvas_put_right(struct canvas *canvas, unsigned row, unsigned end, enum style style,
                      const char *text) {
    unsigned width = canvas_width(text);
    canvas_put(canvas, row, width < end ? end - width : 0, style, text);
}

void canvas_paint(struct canvas *canvas, unsigned row, enum style style) {
    for (unsigned i = 0; row < canvas->rows && i < canvas->columns; i++) {
        canvas->cells[(size_t)row * canvas->columns + i].style = (uint8_t)style;
    }
}

static bool is_blank(const struct cell *cell) {
    return cell->text[0] == 0 || strcmp(cell->text, " ") == 0;
}

/* Columns up to the last one that has something. */
static unsigned used_columns(const struct canvas *canvas, unsigned row) {
    const struct cell *cells = &canvas->cells[(size_t)row * canvas->columns];
    unsigned used = canvas->columns;
    while (used > 0 && is_blank(&cells[used - 1])) {
        used--;
    }
    return used;
}

static unsigned used_rows(const struct canvas *canvas) {
    unsigned used = canvas->rows;
    while (used > 0 && used_columns(canvas, used - 1) == 0) {
        used--;
    }
    return used;
}

void canvas_print(FILE *out, const struct canvas *canvas) {
    unsigned rows = used_rows(canvas);
    for (unsigned row = 0; row < rows; row++) {
        const struct cell *cells = &canvas->cells[(size_t)row * canvas->columns];
        unsigned used = used_columns(canvas, row);
        for (unsigned i = 0; i < used; i++) {
            fputs(cells[i].text[0] == 0 ? " " : cells[i].text, out);
        }
        fputc('\n', out);
    }
}

/* --- as a picture ------------------------------------------------------------------------- */

enum { CELL_WIDE = 8, CELL_HIGH = 17, EDGE = 10 };

static const char *const colours[STYLES] = {
    [STYLE_PLAIN] = "#d8dee9",   [STYLE_HEAD] = "#1d2230",    [STYLE_DIM] = "#7b8496",
    [STYLE_STRONG] = "#ffffff",  [STYLE_CULPRIT] = "#ff6b6b", [STYLE_BUSY] = "#f0a040",
    [STYLE_WAITING] = "#c678dd", [STYLE_STARVED] = "#3d5a66", [STYLE_BLOCKED] = "#5b9bd5",
    [STYLE_IDLE] = "#4c5260"};

static void put_escaped(FILE *out, const char *text) {
    const char *escape = strcmp(text, "&") == 0   ? "&amp;"
                         : strcmp(text, "<") == 0 ? "&lt;"
                         : strcmp(text, ">") == 0 ? "&gt;"
                                                  : NULL;
    fputs(escape != NULL ? escape : text[0] == 0 ? " " : text, out);
}

/* Bars are drawn, for fonts have gaps between rows: a full block is a rectangle. */
static bool is_bar(const struct cell *cell) {
    return cell->style >= STYLE_BUSY && cell->style <= STYLE_BLOCKED && !is_blank(cell);
}

/* Cells from `first` on that are drawn as one; returns the one behind them. */
static unsigned put_run(FILE *out, const struct canvas *canvas, unsigned row, unsigned first) {
    const struct cell *cells = &canvas->cells[(size_t)row * canvas->columns];
    unsigned end = first + 1;
    while (end < canvas->columns && cells[end].style == cells[first].style &&
           is_bar(&cells[end]) == is_bar(&cells[first])) {
        end++;
    }
    unsigned x = EDGE + first * CELL_WIDE;
    unsigned y = EDGE + row * CELL_HIGH;
    const char *colour = colours[cells[first].style];
    if (is_bar(&cells[first])) {
        fprintf(out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%d\" fill=\"%s\"/>\n", x, y + 3,
                (end - first) * CELL_WIDE, CELL_HIGH - 5, colour);
        return end;
    }
    unsigned used = end;
    while (used > first && is_blank(&cells[used - 1])) {
        used--;
    }
    if (used > first) {
        fprintf(out, "<text x=\"%u\" y=\"%u\" textLength=\"%u\" fill=\"%s\">", x, y + 13,
                (used - first) * CELL_WIDE, colour);
        for (unsigned i = first; i < used; i++) {
            put_escaped(out, cells[i].text);
        }
        fprintf(out, "</text>\n");
    }
    return end;
}

void canvas_svg(FILE *out, const struct canvas *canvas) {
    unsigned rows = used_rows(canvas);
    unsigned wide = 2 * EDGE + canvas->columns * CELL_WIDE;
    unsigned high = 2 * EDGE + rows * CELL_HIGH;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
            "viewBox=\"0 0 %u %u\" font-family=\"monospace\" font-size=\"13\" "
            "xml:space=\"preserve\">\n"
            /* the same once more for browsers, which collapse blanks in spite of that */
            "<style>text { white-space: pre }</style>\n"
            "<rect width=\"%u\" height=\"%u\" rx=\"6\" fill=\"#1d2230\"/>\n",
            wide, high, wide, high, wide, high);
    for (unsigned row = 0; row < rows; row++) {
        if (canvas->cells[(size_t)row * canvas->columns].style == STYLE_HEAD) {
            fprintf(out, "<rect x=\"%d\" y=\"%u\" width=\"%u\" height=\"%d\" fill=\"#9aa5b8\"/>\n",
                    EDGE, EDGE + row * CELL_HIGH, canvas->columns * CELL_WIDE, CELL_HIGH);
        }
        for (unsigned i = 0; i < canvas->columns;) {
            i = put_run(out, canvas, row, i);
        }
    }
    fprintf(out, "</svg>\n");
}
