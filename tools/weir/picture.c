/*
 * The picture: see picture.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     title
 *     the culprit, in one to three rows
 *
 *     stages, each with the shares of its time as a bar
 *
 *     workers
 *
 *     what the bars mean, and keys
 */
#include "picture.h"

#include "text.h"
#include "trouble.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BAR = 24,
    NAME_LEAST = 12,
    NAME_MOST = 40,
    INDENT_MOST = 10,
    SENTENCE_ROWS = 3,
    TEXT = 96,
    FRAME_ROWS = 7 /* title, three blank ones, two heads, the legend */
};

static const char *const order_texts[PICTURE_ORDERS] = {"flow", "busy", "rate", "fill", "name"};

/* In the order of weir_stage_state. */
static const char *const bar_texts[WEIR_STATES] = {"█", "▓", "·", "▒", " "};

/* --- the order ---------------------------------------------------------------------------- */

struct place {
    double key; /* more goes first */
    const char *name;
    uint32_t stage;
};

static int by_key(const void *one, const void *other) {
    const struct place *a = one;
    const struct place *b = other;
    if (a->key != b->key) {
        return a->key > b->key ? -1 : 1;
    }
    int order = a->name != NULL ? strcmp(a->name, b->name) : 0;
    return order != 0 ? order : (a->stage > b->stage) - (a->stage < b->stage);
}

static double key_of(const struct stage_rates *rates, enum picture_order order) {
    switch (order) {
    case PICTURE_BUSY:
        return culprit_engaged(rates);
    case PICTURE_RATE:
        return rates->in > rates->out ? rates->in : rates->out;
    case PICTURE_FILL:
        return rates->fill;
    default:
        return 0;
    }
}

static struct place *put_in_order(const struct look *look, enum picture_order order) {
    const struct view *view = look_view(look);
    struct place *places = calloc(view->stage_count + 1u, sizeof *places);
    for (uint32_t i = 0; places != NULL && i < view->stage_count; i++) {
        places[i] = (struct place){.key = key_of(&look->rates.stages[i], order),
                                   .name = order == PICTURE_NAME ? view->stages[i].label : NULL,
                                   .stage = i};
    }
    if (places != NULL) {
        qsort(places, view->stage_count, sizeof *places, by_key);
    }
    return places;
}

/* --- sentences ---------------------------------------------------------------------------- */

/* Up to `columns` of the text, and where there is a blank not within a word or a share; returns
 * how many bytes, and in *next where the rest begins. */
static size_t cut_row(const char *text, unsigned columns, const char **next) {
    size_t at = 0;
    size_t blank = 0;
    unsigned width = 0;
    for (; text[at] != 0; at++) {
        if (((unsigned char)text[at] & 0xc0) != 0x80 && width++ == columns) {
            break;
        }
        blank = text[at] == ' ' && text[at + 1] != '%' ? at : blank;
    }
    size_t length = text[at] == 0 || blank == 0 ? at : blank;
    *next = text + length + (text[length] == ' ');
    return length;
}

static unsigned put_sentence(struct canvas *canvas, unsigned row, enum style style,
                             const char *text) {
    for (unsigned i = 0; i < SENTENCE_ROWS && *text != 0; i++, row++) {
        char part[sizeof((struct culprit *)0)->text];
        const char *next;
        snprintf(part, sizeof part, "%.*s", (int)cut_row(text, canvas->columns - 1, &next), text);
        canvas_put(canvas, row, 0, style, part);
        text = next;
    }
    return row;
}

static unsigned sentence_rows(const char *text, unsigned columns) {
    unsigned rows = 0;
    for (; rows < SENTENCE_ROWS && *text != 0; rows++) {
        cut_row(text, columns - 1, &text);
    }
    return rows;
}

static void put_title(struct canvas *canvas, const struct look *look, const char *note) {
    const struct view *view = look_view(look);
    char title[256];
    snprintf(title, sizeof title, " %s  %" PRIu64 ".%u  %s  %u workers  %u stages  over %.2f s",
             view->program, view->header->pid, view->header->number, view_life_text(view),
             view->worker_count, view->stage_count, look->rates.seconds);
    canvas_paint(canvas, 0, STYLE_HEAD);
    canvas_put(canvas, 0, 0, STYLE_HEAD, title);
    if (note != NULL) {
        canvas_put_right(canvas, 0, canvas->columns - 1, STYLE_HEAD, note);
    }
}

static enum style style_of(const struct culprit *culprit) {
    return culprit->kind == CULPRIT_NONE || culprit->kind == CULPRIT_SOURCE ? STYLE_STRONG
                                                                            : STYLE_CULPRIT;
}

/* --- stages ------------------------------------------------------------------------------- */

/* As many characters for each state as its share is of the bar; those that are left over go to
 * whoever has lost most by rounding down. */
static void put_bar(struct canvas *canvas, unsigned row, unsigned column, const double *shares) {
    unsigned parts[WEIR_STATES];
    unsigned used = 0;
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        parts[i] = (unsigned)(shares[i] * BAR);
        used += parts[i];
    }
    for (; used < BAR; used++) {
        unsigned most = 0;
        for (unsigned i = 1; i < WEIR_STATES; i++) {
            most = shares[i] * BAR - parts[i] > shares[most] * BAR - parts[most] ? i : most;
        }
        parts[most]++;
    }
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        for (; parts[i] > 0; parts[i]--) {
            column = canvas_put(canvas, row, column, (enum style)(STYLE_BUSY + i), bar_texts[i]);
        }
    }
}

struct column {
    const char *title;
    unsigned width; /* with a blank before it */
};

enum { WORKER, IN, OUT, TIME, BUSY, FILL, HOLDS, HALF, MOST, COLUMNS };

static const struct column columns[COLUMNS] = {
    [WORKER] = {"WORKER", 8},   [IN] = {"IN/s", 8},   [OUT] = {"OUT/s", 8},
    [TIME] = {"TIME", BAR + 2}, [BUSY] = {"BUSY", 7}, [FILL] = {"FILL", 7},
    [HOLDS] = {"HOLDS", 9},     [HALF] = {"p50", 9},  [MOST] = {"p99", 9}};

static unsigned indent_of(const struct look *look, uint32_t stage, enum picture_order order) {
    unsigned depth = look_view(look)->stages[stage].depth;
    return order != PICTURE_FLOW ? 0 : depth < INDENT_MOST ? depth : INDENT_MOST;
}

/* As wide as the longest name; where there is not room for all columns, no wider than leaves
 * room for most. */
static unsigned name_width(const struct canvas *canvas, const struct look *look,
                           enum picture_order order) {
    const struct view *view = look_view(look);
    unsigned rest = 0;
    unsigned width = NAME_LEAST;
    for (unsigned i = 0; i < COLUMNS; i++) {
        rest += columns[i].width;
    }
    for (uint32_t i = 0; i < view->stage_count; i++) {
        unsigned one = 2 + indent_of(look, i, order) + canvas_width(view->stages[i].label);
        width = one > width ? one : width;
    }
    width = width < NAME_MOST ? width : NAME_MOST;
    unsigned room = canvas->columns > rest + NAME_LEAST ? canvas->columns - rest : NAME_LEAST;
    return width < room ? width : room;
}

static void say_time(char text[TEXT], const weir_counters_times *times, double share) {
    snprintf(text, TEXT, "%s",
             times->count == 0 ? "-" : text_time(weir_times_share(times, share)).text);
}

static void say_rate(char text[TEXT], double rate) {
    snprintf(text, TEXT, "%s", rate == 0 ? "-" : text_number(rate).text);
}

static void say_cell(char text[TEXT], const struct view_stage *stage,
                     const struct stage_rates *rates, unsigned column) {
    const weir_counters_stage *at = stage->at;
    switch (column) {
    case WORKER:
        snprintf(text, TEXT, "%u", at->worker);
        break;
    case IN:
        say_rate(text, rates->in);
        break;
    case OUT:
        say_rate(text, rates->out);
        break;
    case BUSY:
        snprintf(text, TEXT, "%s", text_share(rates->share[WEIR_STATE_BUSY]).text);
        break;
    case FILL:
        snprintf(text, TEXT, "%s", stage->ins == 0 ? "-" : text_share(rates->fill).text);
        break;
    case HOLDS:
        say_rate(text, (double)(at->buffered + at->held + at->stashed + at->queued));
        break;
    case HALF:
        say_time(text, &rates->handling, 0.5);
        break;
    default:
        say_time(text, &rates->handling, 0.99);
        break;
    }
}

static bool is_guilty(const struct look *look, uint32_t number) {
    const struct culprit *culprit = &look->culprit;
    bool here = look_view(look)->stages[number].worker == culprit->worker;
    return culprit->kind == CULPRIT_WORKER
               ? here
               : culprit->kind != CULPRIT_NONE && culprit->stage == number;
}

static void put_name(struct canvas *canvas, unsigned row, unsigned width, const struct look *look,
                     uint32_t number, enum picture_order order) {
    char name[VIEW_LABEL + 2];
    unsigned indent = indent_of(look, number, order);
    bool guilty = is_guilty(look, number);
    enum style style = guilty ? style_of(&look->culprit) : STYLE_PLAIN;
    /* Characters, cut off by what is put to the right of them. */
    struct canvas part = {.cells = canvas->cells + (size_t)row * canvas->columns,
                          .rows = row < canvas->rows,
                          .columns = width < canvas->columns ? width : canvas->columns};
    snprintf(name, sizeof name, "%s", look_view(look)->stages[number].label);
    canvas_put(&part, 0, 0, style, guilty ? "►" : " ");
    canvas_put(&part, 0, 2 + indent, style, name);
}

static void put_stage(struct canvas *canvas, unsigned row, unsigned width, const struct look *look,
                      uint32_t number, enum picture_order order) {
    const struct view_stage *stage = &look_view(look)->stages[number];
    const struct stage_rates *rates = &look->rates.stages[number];
    unsigned at = width;
    put_name(canvas, row, width, look, number, order);
    for (unsigned i = 0; i < COLUMNS; i++) {
        char text[TEXT];
        if (at + columns[i].width > canvas->columns) {
            continue; /* narrower ones behind it may fit */
        }
        at += columns[i].width;
        if (i == TIME) {
            put_bar(canvas, row, at - BAR, rates->share);
        } else {
            say_cell(text, stage, rates, i);
            canvas_put_right(canvas, row, at, STYLE_PLAIN, text);
        }
    }
}

static void put_heads(struct canvas *canvas, unsigned row, unsigned width) {
    unsigned at = width;
    canvas_put(canvas, row, 2, STYLE_DIM, "STAGE");
    for (unsigned i = 0; i < COLUMNS; i++) {
        if (at + columns[i].width > canvas->columns) {
            continue;
        }
        at += columns[i].width;
        if (i == TIME) {
            canvas_put(canvas, row, at - BAR, STYLE_DIM, columns[i].title);
        } else {
            canvas_put_right(canvas, row, at, STYLE_DIM, columns[i].title);
        }
    }
}

/* --- workers ------------------------------------------------------------------------------ */

static void put_worker(struct canvas *canvas, unsigned row, const struct look *look,
                       uint32_t number) {
    const struct view *view = look_view(look);
    const weir_counters_worker *at = view->workers[number].at;
    const struct worker_rates *rates = &look->rates.workers[number];
    uint32_t longest = view_find_stage(view, at->longest_stage);
    uint32_t visited = view_find_stage(view, at->stage);
    double other = 1 - rates->load - rates->rest;
    const double shares[WEIR_STATES] = {
        [WEIR_STATE_BUSY] = rates->load,
        [WEIR_STATE_STARVED] = other > 0 ? other : 0, /* it looks for something to do */
        [WEIR_STATE_IDLE] = other > 0 ? rates->rest : 1 - rates->load};
    char text[256];
    snprintf(text, sizeof text, "%4u  %4s", at->index,
             at->core == UINT32_MAX ? "-" : text_whole(at->core).text);
    canvas_put(canvas, row, 2, STYLE_PLAIN, text);
    put_bar(canvas, row, 14, shares);
    snprintf(text, sizeof text, "%5s  %8s  %8s  %6" PRIu64 "  %-.20s", text_share(rates->load).text,
             rates->turns == 0 ? "-" : text_number(rates->turns).text,
             rates->wakes == 0 ? "-" : text_number(rates->wakes).text, at->stages,
             at->asleep != 0   ? "asleep"
             : visited == NONE ? "-"
                               : view->stages[visited].label);
    unsigned end = canvas_put(canvas, row, 14 + BAR + 1, STYLE_PLAIN, text);
    if (longest != NONE) {
        snprintf(text, sizeof text, "longest callback %s of %s", text_time(at->longest_ns).text,
                 view->stages[longest].label);
        if (end + 2 + canvas_width(text) <= canvas->columns) {
            canvas_put(canvas, row, end + 2, STYLE_DIM, text);
        }
    }
}

static void put_worker_heads(struct canvas *canvas, unsigned row) {
    char text[128];
    snprintf(text, sizeof text, "WORKER  CORE  %-*s %5s  %8s  %8s  %6s  %s", BAR, "TIME", "BUSY",
             "TURNS/s", "WAKES/s", "STAGES", "NOW");
    canvas_put(canvas, row, 0, STYLE_DIM, text);
}

/* --- all of it ---------------------------------------------------------------------------- */

/* Keys, and where there is room beside them what the bars mean. */
static void put_legend(struct canvas *canvas, unsigned row, const struct picture *picture) {
    static const char *const meanings[WEIR_STATES] = {"busy", "waits for its worker", "starved",
                                                      "blocked", NULL};
    char keys[128] = "";
    unsigned at = 2;
    unsigned width = 2;
    if (picture->keys) {
        snprintf(keys, sizeof keys, "q quit  s sort: %s  space pause  tab next  arrows",
                 order_texts[picture->order]);
        canvas_put_right(canvas, row, canvas->columns - 1, STYLE_DIM, keys);
    }
    for (unsigned i = 0; meanings[i] != NULL; i++) {
        width += canvas_width(meanings[i]) + 4;
    }
    for (unsigned i = 0; width + canvas_width(keys) < canvas->columns && meanings[i] != NULL; i++) {
        at = canvas_put(canvas, row, at, (enum style)(STYLE_BUSY + i), bar_texts[i]);
        at = canvas_put(canvas, row, at + 1, STYLE_DIM, meanings[i]) + 2;
    }
}

unsigned picture_rows(const struct look *look, unsigned columns_wide) {
    const struct view *view = look_view(look);
    return FRAME_ROWS + sentence_rows(look->culprit.text, columns_wide) + view->stage_count +
           view->worker_count;
}

/* Rows for workers: all, where stages have room beside them; else a third. */
static unsigned rows_for_workers(unsigned room, uint32_t stages, uint32_t workers) {
    unsigned beside = room > stages ? room - stages : 0;
    unsigned least = room / 3;
    unsigned most = beside > least ? beside : least;
    return workers < most ? workers : most;
}

bool picture_draw(struct canvas *canvas, struct picture *picture, const struct look *look) {
    const struct view *view = look_view(look);
    struct place *places = put_in_order(look, picture->order);
    if (places == NULL) {
        return trouble("no memory for %u stages", view->stage_count);
    }
    put_title(canvas, look, picture->note);
    unsigned row = put_sentence(canvas, 1, style_of(&look->culprit), look->culprit.text) + 1;
    unsigned frame = row - 2 + FRAME_ROWS;
    unsigned room = canvas->rows > frame ? canvas->rows - frame : 0;
    unsigned workers = rows_for_workers(room, view->stage_count, view->worker_count);
    unsigned stages = room - workers < view->stage_count ? room - workers : view->stage_count;
    unsigned width = name_width(canvas, look, picture->order);
    unsigned last_first = view->stage_count - stages;
    picture->first = picture->first < last_first ? picture->first : last_first;
    put_heads(canvas, row++, width);
    for (unsigned i = 0; i < stages; i++) {
        put_stage(canvas, row++, width, look, places[picture->first + i].stage, picture->order);
    }
    put_worker_heads(canvas, ++row);
    row++;
    for (unsigned i = 0; i < workers; i++) {
        put_worker(canvas, row++, look, i);
    }
    put_legend(canvas, picture->keys ? canvas->rows - 1 : row + 1, picture);
    free(places);
    return true;
}
