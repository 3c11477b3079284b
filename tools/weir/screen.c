/*
 * The terminal: see screen.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "screen.h"

#include "trouble.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SCREEN *screen;
static bool colours;
static bool utf8;

/* Of 256 colours, and where there are but 8 of those; -1: the terminal's own. */
static const struct {
    short rich, poor;
    attr_t how;
} looks[STYLES] = {[STYLE_PLAIN] = {-1, -1, A_NORMAL},
                   [STYLE_HEAD] = {-1, -1, A_REVERSE},
                   [STYLE_DIM] = {245, -1, A_NORMAL},
                   [STYLE_STRONG] = {-1, -1, A_BOLD},
                   [STYLE_CULPRIT] = {203, COLOR_RED, A_BOLD},
                   [STYLE_BUSY] = {215, COLOR_YELLOW, A_NORMAL},
                   [STYLE_WAITING] = {176, COLOR_MAGENTA, A_NORMAL},
                   [STYLE_STARVED] = {66, COLOR_CYAN, A_NORMAL},
                   [STYLE_BLOCKED] = {74, COLOR_BLUE, A_NORMAL},
                   [STYLE_IDLE] = {240, -1, A_NORMAL}};

static void open_colours(void) {
    colours = has_colors() && start_color() == OK && use_default_colors() == OK;
    for (short i = 0; colours && i < STYLES; i++) {
        init_pair((short)(i + 1), COLORS >= 256 ? looks[i].rich : looks[i].poor, -1);
    }
}

bool screen_open(void) {
    setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
        return trouble("this is no terminal; --once prints one picture as text");
    }
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        const char *name = getenv("TERM");
        return trouble("a terminal of the kind '%s' is not known; --once prints one picture as "
                       "text",
                       name == NULL ? "" : name);
    }
    open_colours();
    set_escdelay(25); /* ms in which the rest of a key that is several bytes has come */
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    return true;
}

void screen_close(void) {
    if (screen != NULL) {
        endwin();
        delscreen(screen);
        screen = NULL;
    }
}

void screen_size(unsigned *rows, unsigned *columns) {
    *rows = LINES > 0 ? (unsigned)LINES : 24;
    *columns = COLS > 0 ? (unsigned)COLS : 80;
}

/* What a terminal without UTF-8 shows for the characters of bars, and for others. */
static const char *plain(const char *text) {
    static const char *const pairs[][2] = {
        {"█", "#"}, {"▓", "+"}, {"▒", "="}, {"·", "."}, {"►", ">"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(text, pairs[i][0]) == 0) {
            return pairs[i][1];
        }
    }
    return (unsigned char)text[0] < 0x80 ? text : "?";
}

static void show_cell(const struct cell *cell) {
    const char *text = cell->text[0] == 0 ? " " : utf8 ? cell->text : plain(cell->text);
    attr_set(looks[cell->style].how, colours ? (short)(cell->style + 1) : 0, NULL);
    addstr(text);
}

void screen_show(const struct canvas *canvas) {
    erase();
    for (unsigned row = 0; row < canvas->rows; row++) {
        move((int)row, 0);
        for (unsigned i = 0; i < canvas->columns; i++) {
            show_cell(&canvas->cells[(size_t)row * canvas->columns + i]);
        }
    }
    attr_set(A_NORMAL, 0, NULL);
    refresh();
}

int screen_pressed(unsigned milliseconds) {
    timeout((int)milliseconds);
    int key = getch();
    switch (key) {
    case ERR:
        return PRESSED_NOTHING;
    case KEY_UP:
        return PRESSED_UP;
    case KEY_DOWN:
        return PRESSED_DOWN;
    case KEY_PPAGE:
        return PRESSED_PAGE_UP;
    case KEY_NPAGE:
        return PRESSED_PAGE_DOWN;
    case KEY_LEFT:
        return PRESSED_LEFT;
    case KEY_RIGHT:
        return PRESSED_RIGHT;
    case KEY_RESIZE:
        return PRESSED_SIZE;
    default:
        return key >= 0 && key < 0x100 ? key : PRESSED_OTHER;
    }
}
