/*
 * The terminal, through ncurses: a canvas is shown, keys are read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_SCREEN_H
#define TOOL_SCREEN_H

#include "canvas.h"

/* Beside characters, which stand for themselves. */
enum pressed {
    PRESSED_NOTHING = -1, /* the time is up */
    PRESSED_OTHER = 0x100,
    PRESSED_UP,
    PRESSED_DOWN,
    PRESSED_PAGE_UP,
    PRESSED_PAGE_DOWN,
    PRESSED_LEFT,
    PRESSED_RIGHT,
    PRESSED_SIZE /* the terminal has another size */
};

/* Takes the terminal.  Errors: this is none, or of a kind that is not known. */
bool screen_open(void);
void screen_close(void);

/* How large it is. */
void screen_size(unsigned *rows, unsigned *columns);

void screen_show(const struct canvas *canvas);

/* The next key, waiting for it so long at most. */
int screen_pressed(unsigned milliseconds);

#endif
