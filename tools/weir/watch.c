/*
 * The runtimes that `weir web` looks at: see watch.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "watch.h"

#include "commands.h"
#include "find.h"
#include "look_json.h"
#include "recording.h"
#include "trouble.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_NS ((uint64_t)(WATCH_SECONDS * 1e9))
enum { SEARCH_EVERY = 4, FORGET_AFTER = HISTORY_LOOKS }; /* looks */

static void forget(struct watch *watch) {
    look_free(&watch->look);
    history_free(&watch->history);
    feed_close(&watch->feed);
    message_drop(watch->said);
    watch->said = NULL;
}

/* --- looks -------------------------------------------------------------------------------- */

static void end_watch(struct watch *watch, const char *why) {
    snprintf(watch->ended, sizeof watch->ended, "%s", why);
}

static void end_runtime(struct watch *watch, bool closed) {
    end_watch(watch, closed ? "The runtime has been closed."
                            : "The process has ended, and has not closed the runtime.");
}

static void look_once(struct watch *watch, uint64_t ns) {
    unsigned looks = watch->look.looks;
    if (!look_again(&watch->look, &watch->feed, ns)) {
        end_watch(watch, feed_ended(&watch->feed) ? "The recording ends here." : trouble_text());
        return;
    }
    if (watch->look.looks != looks && !history_add(&watch->history, &watch->look)) {
        end_watch(watch, trouble_text());
        return;
    }
    const struct view *view = look_view(&watch->look);
    if (!view->image->live) {
        end_runtime(watch, view->header->closed != 0);
    }
}

/* Of a recording, the time lines until the moment with which one begins. */
static void look_until(struct watch *watch, double at_s) {
    double lines = HISTORY_LOOKS * WATCH_SECONDS;
    if (at_s > lines) {
        recording_pass(watch->feed.recording, (uint64_t)((at_s - lines) * 1e9));
    }
    look_once(watch, 0);
    const struct recording *recording = watch->feed.recording;
    uint64_t until = recording->begin_ns + (uint64_t)(at_s * 1e9);
    while (watch->ended[0] == 0 && recording->image.now_ns < until) {
        look_once(watch, INTERVAL_NS);
    }
}

static void begin(struct watch *watch, double at_s) {
    if (watch->feed.recording != NULL && at_s > 0) {
        look_until(watch, at_s);
    } else {
        look_once(watch, 0);
    }
    if (watch->look.looks > 0) {
        const weir_counters_header *header = look_view(&watch->look)->header;
        watch->opened_utc = header->opened_utc;
        snprintf(watch->id, sizeof watch->id, "%" PRIu64 ".%u", header->pid, header->number);
    }
}

/* --- which there are ---------------------------------------------------------------------- */

static struct watch *add_watch(struct watches *watches) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        trouble("no memory to watch a runtime");
        return NULL;
    }
    watch->feed.mapped.file = -1;
    watches->at[watches->count++] = watch;
    return watch;
}

static void remove_watch(struct watches *watches, uint32_t number) {
    struct watch *watch = watches->at[number];
    forget(watch);
    free(watch);
    watches->count--;
    memmove(&watches->at[number], &watches->at[number + 1],
            (watches->count - number) * sizeof(struct watch *));
}

static struct watch *find_id(const struct watches *watches, const char *id) {
    for (uint32_t i = 0; i < watches->count; i++) {
        if (strcmp(watches->at[i]->id, id) == 0) {
            return watches->at[i];
        }
    }
    return NULL;
}

/* Another runtime in the place of one that has ended, whose number a later process has again. */
static void begin_again(struct watch *watch, const struct feed *feed) {
    forget(watch);
    watch->ended[0] = 0;
    watch->ended_looks = 0;
    watch->feed = *feed;
    begin(watch, 0);
}

/* Where there are as many as there may be, the first that has ended makes room. */
static bool make_room(struct watches *watches) {
    for (uint32_t i = 0; watches->count == WATCH_MOST && i < WATCH_MOST; i++) {
        if (watches->at[i]->ended[0] != 0 && watches->at[i]->listeners == 0) {
            remove_watch(watches, i);
        }
    }
    return watches->count < WATCH_MOST;
}

static void begin_new(struct watches *watches, struct feed *feed) {
    struct watch *watch = make_room(watches) ? add_watch(watches) : NULL;
    if (watch == NULL) {
        feed_close(feed);
        return;
    }
    watch->feed = *feed;
    begin(watch, 0);
    if (watch->look.looks == 0) {
        remove_watch(watches, watches->count - 1);
    }
}

/* One in the folder; what cannot be read is left out, and so is what is too much. */
static void found_one(struct watches *watches, const struct found *found) {
    char id[sizeof((struct watch *)NULL)->id];
    snprintf(id, sizeof id, "%" PRIu64 ".%u", found->pid, found->number);
    struct watch *watch = find_id(watches, id);
    bool known = watch != NULL && watch->opened_utc == found->opened_utc;
    struct feed feed;
    if (known || (watch != NULL && watch->ended[0] == 0) || !feed_open(&feed, found->path, false)) {
        return;
    }
    if (watch != NULL) {
        begin_again(watch, &feed);
    } else {
        begin_new(watches, &feed);
    }
}

static bool search(struct watches *watches) {
    struct found_list list;
    if (!find_all(&list, FIND_FOLDER, 0)) {
        return false;
    }
    for (int live = 1; live >= 0; live--) { /* those that live come first */
        for (uint32_t i = 0; i < list.count; i++) {
            if (list.at[i].known && list.at[i].live == live) {
                found_one(watches, &list.at[i]);
            }
        }
    }
    find_free(&list);
    return true;
}

bool watches_open(struct watches *watches, const struct options *options) {
    *watches = (struct watches){.all = options->target == NULL && options->replay == NULL};
    if (watches->all) {
        return search(watches);
    }
    struct feed feed;
    if (!open_feed(&feed, options)) {
        return false;
    }
    struct watch *watch = add_watch(watches);
    if (watch == NULL) {
        feed_close(&feed);
        return false;
    }
    watch->feed = feed;
    begin(watch, options->at_s);
    bool reached = feed.recording == NULL || options->at_s <= 0 ||
                   recording_reaches(watch->feed.recording, (uint64_t)(options->at_s * 1e9));
    if (watch->look.looks == 0 || !reached) { /* the reason is in trouble.h */
        watches_close(watches);
        return false;
    }
    return true;
}

void watches_close(struct watches *watches) {
    while (watches->count > 0) {
        remove_watch(watches, watches->count - 1);
    }
}

void watches_look(struct watches *watches) {
    for (uint32_t i = watches->count; i-- > 0;) {
        struct watch *watch = watches->at[i];
        message_drop(watch->said);
        watch->said = NULL;
        if (watch->ended[0] == 0) {
            look_once(watch, INTERVAL_NS);
        } else if (watches->all && ++watch->ended_looks > FORGET_AFTER && watch->listeners == 0) {
            remove_watch(watches, i);
        }
    }
    if (watches->all && ++watches->looks % SEARCH_EVERY == 0) {
        search(watches); /* a folder that cannot be read now is read later */
    }
}

struct watch *watches_find(const struct watches *watches, const char *id) {
    if (id != NULL) {
        return find_id(watches, id);
    }
    for (uint32_t i = 0; i < watches->count; i++) {
        if (watches->at[i]->ended[0] == 0) {
            return watches->at[i];
        }
    }
    return watches->count > 0 ? watches->at[0] : NULL;
}

/* --- messages ----------------------------------------------------------------------------- */

static void put_known(struct json *json, const struct watches *watches) {
    json_array(json, "runtimes");
    for (uint32_t i = 0; i < watches->count; i++) {
        const struct watch *watch = watches->at[i];
        json_object(json, NULL);
        json_text(json, "id", watch->id);
        json_text(json, "program", look_view(&watch->look)->program);
        json_bool(json, "ended", watch->ended[0] != 0);
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_message(FILE *out, const struct watches *watches, const struct watch *watch,
                        bool lines) {
    struct json json = {.out = out};
    json_object(&json, NULL);
    put_known(&json, watches);
    json_number(&json, "every_s", WATCH_SECONDS);
    json_text(&json, "runtime", watch == NULL ? NULL : watch->id);
    json_text(&json, "ended", watch == NULL || watch->ended[0] == 0 ? NULL : watch->ended);
    if (watch == NULL || watch->look.looks == 0) {
        json_null(&json, "look");
    } else {
        look_json(&json, "look", &watch->look, watch->feed.path);
        if (lines) {
            history_json(&json, "history", &watch->history);
        }
    }
    json_object_end(&json);
}

/* In one line: ends of lines stand only between what JSON consists of. */
static struct message *make_message(const struct watches *watches, const struct watch *watch,
                                    bool lines) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return NULL;
    }
    fputs("data: ", out);
    put_message(out, watches, watch, lines);
    fputc('\n', out);
    bool well = fclose(out) == 0;
    struct message *message = well ? malloc(sizeof *message + length + 1) : NULL;
    if (message != NULL) {
        message->holders = 1;
        message->length = length;
        memcpy(message->text, text, length + 1);
        for (size_t i = 0; i + 2 < length; i++) {
            message->text[i] = text[i] == '\n' ? ' ' : text[i];
        }
    }
    free(text);
    return message;
}

struct message *watches_say(struct watches *watches, struct watch *watch, bool lines) {
    if (watch == NULL || lines) {
        return make_message(watches, watch, lines);
    }
    if (watch->said == NULL) {
        watch->said = make_message(watches, watch, false);
    }
    if (watch->said != NULL) {
        watch->said->holders++;
    }
    return watch->said;
}

void message_drop(struct message *message) {
    if (message != NULL && --message->holders == 0) {
        free(message);
    }
}
