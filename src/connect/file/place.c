/*
 * Place: see place.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of a path with %N the highest number that is there is gone on with when it is opened, and when
 * the rest of the name changes; it rises by one with each rotation.
 */
#include "connect/file/place.h"

#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MODE = 0644 };

/* How often it looks whether its file has been renamed, or its name is another one now. */
static const uint64_t look_ns = 100000000;

/* ---- names -------------------------------------------------------------------------- */

/* Where %N is, if it is; %% is no %. */
static const char *find_number(const char *pattern) {
    for (const char *at = pattern; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'N') {
            return at;
        }
        at += at[0] == '%' && at[1] != '\0';
    }
    return NULL;
}

weir_status weir__file_place_check(const char *pattern, bool *has_number) {
    char name[WEIR_FILE_PATH_BYTES];
    if (pattern == NULL || *pattern == '\0' || strlen(pattern) >= sizeof name) {
        return weir_refuse(WEIR_INVALID, "path must have 1 to %zu bytes, got %s", sizeof name - 1,
                           pattern == NULL    ? "NULL"
                           : *pattern == '\0' ? "none"
                                              : "more");
    }
    const char *number = find_number(pattern);
    *has_number = number != NULL;
    if (number != NULL && (strchr(number, '/') != NULL || find_number(number + 2) != NULL)) {
        return weir_refuse(WEIR_INVALID, "path must have %%N once, in its last part, got \"%s\"",
                           pattern);
    }
    return WEIR_OK;
}

/* strftime of a part of the pattern; false: too long. */
static bool name_part(const char *pattern, size_t length, uint64_t utc_ns, char *name,
                      size_t room) {
    char part[WEIR_FILE_PATH_BYTES];
    memcpy(part, pattern, length);
    part[length] = '\0';
    *name = '\0';
    return length == 0 || weir__name_at(part, utc_ns, name, room) > 0;
}

/* The names before and behind %N, at this time. */
static bool name_now(const struct weir__file_place *place, char before[WEIR_FILE_PATH_BYTES],
                     char behind[WEIR_FILE_PATH_BYTES], bool *has_number) {
    const char *pattern = place->options->path, *number = find_number(pattern);
    uint64_t now = weir__clock_utc_ns();
    size_t length = number == NULL ? strlen(pattern) : (size_t)(number - pattern);
    *behind = '\0';
    *has_number = number != NULL;
    return name_part(pattern, length, now, before, WEIR_FILE_PATH_BYTES) &&
           (number == NULL ||
            name_part(number + 2, strlen(number + 2), now, behind, WEIR_FILE_PATH_BYTES));
}

/* The highest number that such a file has; 1: there is none. */
static int find_highest(const char *before, const char *behind, uint64_t *number) {
    char folder[WEIR_FILE_PATH_BYTES];
    const char *slash = strrchr(before, '/');
    weir__file_folder_of(before, folder);
    int said = weir__folder_highest(folder, slash == NULL ? before : slash + 1, behind, number);
    *number = *number == 0 ? 1 : *number;
    return said;
}

/* The path for a number (0: the highest that is there). */
static weir_pulled make_path(struct weir__file_place *place, uint64_t number,
                             char path[WEIR_FILE_PATH_BYTES]) {
    char before[WEIR_FILE_PATH_BYTES], behind[WEIR_FILE_PATH_BYTES];
    bool has_number;
    int length = WEIR_FILE_PATH_BYTES;
    if (name_now(place, before, behind, &has_number)) {
        int said = has_number && number == 0 ? find_highest(before, behind, &number) : 0;
        if (said < 0) {
            return weir__file_lost("cannot read the folder of", before, said);
        }
        length = has_number ? snprintf(path, WEIR_FILE_PATH_BYTES, "%s%06llu%s", before,
                                       (unsigned long long)number, behind)
                            : snprintf(path, WEIR_FILE_PATH_BYTES, "%s", before);
        place->number = number;
    }
    if (length < 0 || length >= WEIR_FILE_PATH_BYTES) {
        weir_refuse(WEIR_INVALID, "file: no path can be made of \"%.150s\"", place->options->path);
        return WEIR_BROKEN;
    }
    return WEIR_PULLED;
}

/* ---- opening ------------------------------------------------------------------------- */

/* What a crash has left behind the last delimiter.  A file that has none at all may be anybody's:
 * nothing is cut off. */
static int mend_last_line(struct weir__file_place *place) {
    size_t written;
    int64_t end = weir__file_last_line(place->file, place->size, place->delimiter);
    if (end < 0 || (uint64_t)end == place->size) {
        return end < 0 ? (int)end : 0;
    }
    if (end > 0 && !place->options->shared && !place->options->keep_torn) {
        place->size = (uint64_t)end;
        return weir__file_cut(place->file, place->size);
    }
    place->size += place->delimiter->bytes;
    return weir__file_append(place->file, place->delimiter->at, place->delimiter->bytes, &written);
}

static weir_pulled take_file(struct weir__file_place *place) {
    struct weir__file_about about;
    int said = weir__file_about(place->file, &about);
    if (said == 0 && !about.regular) {
        weir_refuse(WEIR_INVALID, "file: %s is no regular file", place->path);
        return WEIR_BROKEN;
    }
    if (said == 0 && !place->options->shared) {
        said = weir__file_hold(place->file);
        if (said < 0 && weir__error_is_held(said)) {
            weir_refuse(WEIR_SYSTEM, "file: %s is in use by another sink", place->path);
            return WEIR_LOST;
        }
    }
    if (said == 0) {
        place->device = about.device;
        place->number_on_disk = about.number;
        place->size = about.size;
        said = mend_last_line(place);
    }
    return said < 0 ? weir__file_lost("cannot use", place->path, said) : WEIR_PULLED;
}

static weir_pulled open_number(struct weir__file_place *place, uint64_t number) {
    unsigned mode = place->options->mode != 0 ? place->options->mode : FILE_MODE;
    weir_pulled pulled = make_path(place, number, place->path);
    if (pulled != WEIR_PULLED) {
        return pulled;
    }
    int file = weir__file_open_write(place->path, true, mode, &place->made);
    if (file < 0) {
        weir__file_lost("cannot open", place->path, file);
        return weir__error_is_folder(file) ? WEIR_BROKEN : WEIR_LOST;
    }
    place->file = file;
    place->dirty = place->made;
    pulled = take_file(place);
    if (pulled != WEIR_PULLED) {
        weir__file_close(file);
        place->file = -1;
    }
    place->opened_ns = place->looked_ns = weir__clock_now_ns();
    return pulled;
}

weir_pulled weir__file_place_open(struct weir__file_place *place) {
    weir__file_place_close(place);
    return open_number(place,
                       place->number); /* where one could not be opened, not the one before */
}

/* ---- another one's turn ---------------------------------------------------------------- */

static bool has_gone(struct weir__file_place *place) {
    struct weir__file_about about;
    int said = weir__path_about(place->path, &about);
    if (said == 0) {
        place->size = about.size; /* others may have written, or cut it off */
    }
    return weir__error_is_missing(said) ||
           (said == 0 && (about.number != place->number_on_disk || about.device != place->device));
}

static bool has_its_fill(const struct weir__file_place *place, const weir_message *messages,
                         size_t count, uint64_t now_ns) {
    const weir_file_sink_options *options = place->options;
    if (place->size == 0) {
        return false;
    }
    return (options->rotate_bytes > 0 && place->size >= options->rotate_bytes) ||
           (options->rotate_ns > 0 && now_ns - place->opened_ns >= options->rotate_ns) ||
           (options->rotate != NULL &&
            options->rotate(options->context, place->path, place->size, messages, count));
}

/* That its name would be another one now, but for its number. */
static bool is_outdated(struct weir__file_place *place) {
    char path[WEIR_FILE_PATH_BYTES];
    return strchr(place->options->path, '%') != NULL &&
           make_path(place, place->number, path) == WEIR_PULLED && strcmp(path, place->path) != 0;
}

/* It is on the disk before it counts as finished. */
static weir_pulled finish_file(struct weir__file_place *place) {
    int said = place->options->sync == WEIR_FILE_SYNC_NONE ? 0 : weir__file_place_sync(place);
    if (said < 0) {
        return weir__file_lost("cannot sync", place->path, said);
    }
    weir__file_close(place->file);
    place->file = -1;
    return WEIR_PULLED;
}

static weir_pulled go_on_to(struct weir__file_place *place, uint64_t number) {
    weir_pulled pulled = finish_file(place);
    if (pulled == WEIR_PULLED && place->options->finished != NULL) {
        place->options->finished(place->options->context, place->path);
    }
    return pulled == WEIR_PULLED ? open_number(place, number) : pulled;
}

/* Somebody has renamed it: it is finished, and has no name that we know. */
static weir_pulled make_again(struct weir__file_place *place) {
    weir_pulled pulled = finish_file(place);
    return pulled == WEIR_PULLED ? open_number(place, place->number) : pulled;
}

weir_pulled weir__file_place_turn(struct weir__file_place *place, const weir_message *messages,
                                  size_t count) {
    uint64_t now = weir__clock_now_ns();
    if (now - place->looked_ns >= look_ns) {
        place->looked_ns = now;
        if (has_gone(place)) {
            return make_again(place);
        }
        if (is_outdated(place)) {
            return go_on_to(place, 0);
        }
    }
    return has_its_fill(place, messages, count, now) ? go_on_to(place, place->number + 1)
                                                     : WEIR_PULLED;
}

/* ---- making sure ----------------------------------------------------------------------- */

int weir__file_place_sync(struct weir__file_place *place) {
    int said = place->dirty ? weir__file_sync(place->file) : 0;
    if (said == 0 && place->made) {
        said = weir__path_sync_folder(place->path);
        place->made = said < 0;
    }
    place->dirty = said < 0;
    return said;
}

void weir__file_place_close(struct weir__file_place *place) {
    if (place->file >= 0) {
        if (place->options->sync != WEIR_FILE_SYNC_NONE) {
            weir__file_place_sync(place);
        }
        weir__file_close(place->file);
        place->file = -1;
    }
}
