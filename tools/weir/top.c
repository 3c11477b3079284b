/*
 * `weir top` and `weir replay`: picture after picture, on the terminal or as text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"

#include "find.h"
#include "picture.h"
#include "recording.h"
#include "screen.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS_DEFAULT = 132, COLUMNS_LEAST = 40, COLUMNS_MOST = 1000 };

struct top {
    struct feed feed;
    struct look look;
    uint64_t interval;
};

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_for(uint64_t ns) {
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

static void top_close(struct top *top) {
    look_free(&top->look);
    feed_close(&top->feed);
}

/* Opens it and looks for the first time: of a recording so long after its begin.  Instead of what
 * was looked at before. */
static bool top_open(struct top *top, const char *path, bool replay, uint64_t at) {
    char kept[FIND_PATH]; /* it may be the feed's own */
    snprintf(kept, sizeof kept, "%s", path);
    top_close(top);
    if (!feed_open(&top->feed, kept, replay)) {
        return false;
    }
    if (replay && at > 0) {
        recording_pass(top->feed.recording, at);
        if (!recording_reaches(top->feed.recording, at)) {
            return false;
        }
    }
    return look_again(&top->look, &top->feed, 0);
}

/* --- as text ------------------------------------------------------------------------------ */

static unsigned columns_of_text(void) {
    const char *wish = getenv("COLUMNS");
    long columns = wish == NULL ? 0 : strtol(wish, NULL, 10);
    return columns >= COLUMNS_LEAST && columns <= COLUMNS_MOST ? (unsigned)columns
                                                               : COLUMNS_DEFAULT;
}

static bool print_picture(const struct top *top, bool svg) {
    struct picture picture = {0};
    struct canvas canvas = {0};
    unsigned columns = columns_of_text();
    bool well = canvas_open(&canvas, picture_rows(&top->look, columns), columns) &&
                picture_draw(&canvas, &picture, &top->look);
    if (well && svg) {
        canvas_svg(stdout, &canvas);
    } else if (well) {
        canvas_print(stdout, &canvas);
    }
    canvas_free(&canvas);
    return well;
}

/* A recording has ended: what is shown is its last stretch, and no more comes. */
static bool go_on(struct top *top, bool *ended) {
    if (look_again(&top->look, &top->feed, top->interval)) {
        return true;
    }
    *ended = feed_ended(&top->feed);
    return *ended;
}

static bool any_lives(const struct top *tops, uint32_t count) {
    bool live = false;
    for (uint32_t k = 0; k < count; k++) {
        live = live || look_view(&tops[k].look)->image->live;
    }
    return live;
}

/* All runtimes, in turns, so many times; of those that have ended the last picture is enough. */
static bool print_all(struct top *tops, uint32_t count, const struct options *options) {
    bool ended = false;
    for (double i = 0; i < options->pictures && !ended; i++) {
        if (options->replay == NULL && any_lives(tops, count)) {
            sleep_for(tops[0].interval);
        }
        for (uint32_t k = 0; k < count; k++) {
            if (tops[k].interval > 0 && !go_on(&tops[k], &ended)) {
                return false;
            }
            if (i > 0 || k > 0) {
                putchar('\n');
            }
            if (!print_picture(&tops[k], options->svg)) {
                return false;
            }
        }
        fflush(stdout);
        ended = ended || !any_lives(tops, count);
    }
    return true;
}

/* The one that is meant, or all that live. */
static bool print_found(const struct options *options, uint64_t interval) {
    struct found_list list = {0};
    struct top *tops = NULL;
    uint32_t count = 0;
    char path[FIND_PATH];
    bool several = options->target == NULL && options->replay == NULL;
    if (several && !find_all(&list, FIND_FOLDER, 0)) {
        return false;
    }
    tops = calloc(list.count + 1u, sizeof *tops);
    bool well = tops != NULL || trouble("no memory for %u runtimes", list.count);
    for (uint32_t i = 0; well && i < list.count; i++) {
        if (list.at[i].live && !options->svg) {
            tops[count].feed.mapped.file = -1;
            tops[count].interval = interval;
            well = top_open(&tops[count++], list.at[i].path, false, 0);
        }
    }
    if (well && count == 0) {
        bool replay = options->replay != NULL;
        tops[0] = (struct top){.feed.mapped.file = -1, .interval = interval};
        well = (replay ? snprintf(path, sizeof path, "%s", options->replay) > 0
                       : find_one(path, FIND_FOLDER, options->target)) &&
               top_open(&tops[count++], path, replay,
                        options->at_s > 0 ? (uint64_t)(options->at_s * 1e9) : 0);
    }
    well = well && print_all(tops, count, options);
    for (uint32_t i = 0; tops != NULL && i < count; i++) {
        top_close(&tops[i]);
    }
    free(tops);
    find_free(&list);
    return well;
}

/* --- on the terminal ---------------------------------------------------------------------- */

struct session {
    struct top top;
    struct picture picture;
    struct canvas canvas;
    bool replay;
    bool paused;
    bool ended;
    bool quit;
    uint64_t due; /* the next look */
};

static uint64_t moment_of(const struct session *session) {
    const struct recording *recording = session->top.feed.recording;
    return recording->image.now_ns - recording->begin_ns;
}

static void say_note(const struct session *session, char note[64]) {
    if (session->replay) {
        snprintf(note, 64, "%s%.1f s ",
                 session->ended    ? "end  "
                 : session->paused ? "paused  "
                                   : "",
                 (double)moment_of(session) / 1e9);
    } else {
        snprintf(note, 64, "%s", session->paused ? "paused " : "");
    }
}

static bool show(struct session *session) {
    char note[64];
    unsigned rows;
    unsigned columns;
    say_note(session, note);
    session->picture.note = note;
    screen_size(&rows, &columns);
    if (!canvas_open(&session->canvas, rows, columns) ||
        !picture_draw(&session->canvas, &session->picture, &session->top.look)) {
        return false;
    }
    session->picture.note = NULL;
    screen_show(&session->canvas);
    return true;
}

static bool next_look(struct session *session) {
    session->due = clock_now() + session->top.interval;
    return go_on(&session->top, &session->ended);
}

/* A recording, an interval back: it is read anew. */
static bool step_back(struct session *session) {
    uint64_t interval = session->top.interval;
    uint64_t at = moment_of(session);
    uint64_t from = at > 2 * interval ? at - 2 * interval : 0;
    session->ended = false;
    return top_open(&session->top, session->top.feed.path, true, from) &&
           (from == 0 || next_look(session));
}

/* The live one behind the one that is shown, in the order of the list. */
static const char *next_path(const struct found_list *list, const char *shown) {
    const char *first = NULL;
    bool passed = false;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct found *each = &list->at[i];
        if (!each->known || !each->live) {
            continue;
        }
        if (passed) {
            return each->path;
        }
        first = first == NULL ? each->path : first;
        passed = strcmp(each->path, shown) == 0;
    }
    return first;
}

static bool next_runtime(struct session *session) {
    struct found_list list;
    if (!find_all(&list, FIND_FOLDER, 0)) {
        return false;
    }
    const char *path = next_path(&list, session->top.feed.path);
    bool well = path == NULL || top_open(&session->top, path, false, 0);
    session->due = clock_now() + session->top.interval;
    find_free(&list);
    return well;
}

static void scroll_by(struct session *session, int rows) {
    struct picture *picture = &session->picture;
    unsigned up = (unsigned)-rows;
    if (rows < 0) {
        picture->first = picture->first > up ? picture->first - up : 0;
    } else {
        picture->first += (unsigned)rows; /* what is too much the picture takes back */
    }
}

/* By steps, for which it is stopped. */
static bool key_of_replay(struct session *session, int key) {
    if (key != PRESSED_RIGHT && key != PRESSED_LEFT) {
        return true;
    }
    session->paused = true;
    return key == PRESSED_RIGHT ? next_look(session) : step_back(session);
}

static bool press(struct session *session, int key) {
    int page = (int)session->canvas.rows / 2;
    switch (key) {
    case 'q':
        session->quit = true;
        return true;
    case ' ':
        session->paused = !session->paused;
        session->due = clock_now();
        return true;
    case 's':
        session->picture.order = (session->picture.order + 1) % PICTURE_ORDERS;
        return true;
    case '\t':
        return session->replay || next_runtime(session);
    case PRESSED_UP:
    case PRESSED_DOWN:
        scroll_by(session, key == PRESSED_UP ? -1 : 1);
        return true;
    case PRESSED_PAGE_UP:
    case PRESSED_PAGE_DOWN:
        scroll_by(session, key == PRESSED_PAGE_UP ? -page : page);
        return true;
    default:
        return !session->replay || key_of_replay(session, key);
    }
}

static unsigned milliseconds_left(const struct session *session) {
    uint64_t now = clock_now();
    if (session->paused || session->ended) {
        return 1000;
    }
    return session->due > now ? (unsigned)((session->due - now) / 1000000 + 1) : 0;
}

static bool watch(struct session *session) {
    bool well = !session->replay || next_look(session); /* of one that runs, when it is due */
    session->due = clock_now() + session->top.interval;
    while (well && !session->quit) {
        well = show(session);
        int key = well ? screen_pressed(milliseconds_left(session)) : PRESSED_NOTHING;
        if (well && key != PRESSED_NOTHING) {
            well = press(session, key);
        }
        if (well && !session->paused && !session->ended && clock_now() >= session->due) {
            well = next_look(session);
        }
    }
    return well;
}

/* Without a name the first one that lives; tab goes on to others. */
static bool open_session(struct session *session, const struct options *options) {
    uint64_t at = options->at_s > 0 ? (uint64_t)(options->at_s * 1e9) : 0;
    struct found_list list;
    char path[FIND_PATH];
    if (session->replay) {
        return top_open(&session->top, options->replay, true, at);
    }
    if (options->target == NULL && find_all(&list, FIND_FOLDER, 0)) {
        const char *first = next_path(&list, "");
        bool well = first != NULL && top_open(&session->top, first, false, 0);
        find_free(&list);
        if (well) {
            return true;
        }
    }
    return find_one(path, FIND_FOLDER, options->target) && top_open(&session->top, path, false, 0);
}

static bool watch_on_terminal(const struct options *options, uint64_t interval) {
    struct session session = {.top = {.feed.mapped.file = -1, .interval = interval},
                              .picture.keys = true,
                              .replay = options->replay != NULL};
    bool well = open_session(&session, options) && screen_open();
    if (well) {
        well = watch(&session);
        screen_close();
    }
    canvas_free(&session.canvas);
    top_close(&session.top);
    return well;
}

int command_top(const struct options *options) {
    uint64_t interval = (uint64_t)(options->interval_s * 1e9);
    if (options->svg && options->pictures != 1) {
        return !trouble("--svg is for one picture: with --once");
    }
    if (options->pictures > 0) {
        return !print_found(options, interval);
    }
    if (interval < 10000000) {
        return !trouble("--interval is at least 0.01 on the terminal");
    }
    return !watch_on_terminal(options, interval);
}

int command_replay(const struct options *options) {
    struct options as_top = *options;
    if (options->file == NULL) {
        return !trouble("name the recording");
    }
    as_top.replay = options->file;
    return command_top(&as_top);
}
