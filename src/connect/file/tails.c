/*
 * Tails: see tails.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/file/tails.h"

#include "os/file.h"
#include "os/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ----------------------------------------------------------------------- */

static weir_pulled no_room_for_tail(void) {
    weir_refuse(WEIR_NO_MEMORY, "file: no memory for one more file");
    return WEIR_LOST;
}

bool weir__file_tails_room(struct weir__file_tails *tails) {
    if (tails->count < tails->room) {
        return true;
    }
    size_t room = tails->room == 0 ? 8 : tails->room * 2;
    struct weir__file_tail **larger = realloc(tails->list, room * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    tails->list = larger;
    tails->room = room;
    return true;
}

/* At that place of the list; NULL: no memory. */
static struct weir__file_tail *add_tail(struct weir__file_tails *tails, size_t place,
                                        const char *path, int file,
                                        const struct weir__file_about *about) {
    size_t bytes = strlen(path) + 1;
    struct weir__file_tail *tail =
        weir__file_tails_room(tails) ? calloc(1, sizeof *tail + bytes) : NULL;
    if (tail == NULL) {
        return NULL;
    }
    tail->path = memcpy(tail + 1, path, bytes);
    tail->file = file;
    tail->device = about->device;
    tail->number = about->number;
    tail->lane = tails->lanes++;
    tail->seen = true;
    memmove(&tails->list[place + 1], &tails->list[place],
            (tails->count - place) * sizeof(struct weir__file_tail *));
    tails->list[place] = tail;
    tails->count++;
    tails->open++;
    return tail;
}

static void begin_at(struct weir__file_tail *tail, uint64_t offset) {
    tail->at = tail->rests = tail->added = tail->acked = offset;
}

static void close_tail_file(struct weir__file_tails *tails, struct weir__file_tail *tail) {
    if (tail->file >= 0) {
        weir__file_close(tail->file);
        tail->file = -1;
        tails->open--;
    }
}

static struct weir__file_tail *tail_of_file(const struct weir__file_tails *tails,
                                            const struct weir__file_about *about) {
    for (size_t i = 0; i < tails->count; i++) {
        struct weir__file_tail *tail = tails->list[i];
        if (tail->number == about->number && tail->device == about->device &&
            (tail->file >= 0 || (tail->state == WEIR__FILE_DONE && tails->options->once))) {
            return tail;
        }
    }
    return NULL;
}

struct weir__file_tail *weir__file_tail_of(const struct weir__file_tails *tails, uint32_t lane) {
    for (size_t i = 0; i < tails->count; i++) {
        if (tails->list[i]->lane == lane) {
            return tails->list[i];
        }
    }
    return NULL;
}

/* ---- where one begins ---------------------------------------------------------------- */

static bool has_print(int file, const struct weir__file_entry *entry) {
    struct weir__file_print print;
    return weir__file_print(file, entry->print_bytes, &print) == 0 &&
           print.bytes == entry->print_bytes && print.hash == entry->print;
}

/* Devices have other numbers after a restart of the machine, now and then: so one with the same is
 * preferred, and that is all. */
static struct weir__file_entry *entry_of_file(const struct weir__file_tails *tails, int file,
                                              const struct weir__file_about *about) {
    struct weir__file_entry *found = NULL;
    for (size_t i = 0; i < tails->entry_count; i++) {
        struct weir__file_entry *entry = &tails->entries[i];
        bool better = found == NULL || entry->device == about->device;
        if (better && entry->number == about->number && has_print(file, entry)) {
            found = entry;
        }
    }
    return found;
}

static void drop_entry(struct weir__file_tails *tails, struct weir__file_entry *entry) {
    *entry = tails->entries[--tails->entry_count];
}

/* 0, or errno, negated. */
static int find_begin(struct weir__file_tails *tails, int file,
                      const struct weir__file_about *about, struct weir__file_tail *tail) {
    struct weir__file_entry *entry = entry_of_file(tails, file, about);
    uint64_t offset = 0;
    if (entry != NULL) { /* one that is shorter than that was emptied */
        offset = entry->offset <= about->size ? entry->offset : 0;
        drop_entry(tails, entry);
    } else if (tails->first && tails->options->from_end) {
        int64_t behind = weir__file_last_line(file, about->size, tails->delimiter);
        if (behind < 0) {
            return (int)behind;
        }
        offset = (uint64_t)behind;
    }
    begin_at(tail, offset);
    return weir__file_print(file, WEIR__FILE_PRINT_BYTES, &tail->print);
}

/* ---- looking for names ---------------------------------------------------------------- */

static weir_pulled too_many(const struct weir__file_tails *tails) {
    weir_refuse(WEIR_INVALID, "file: more than %zu files are to be followed (max_files)",
                tails->options->max_files);
    return WEIR_LOST;
}

/* Takes the descriptor. */
static weir_pulled begin_tail(struct weir__file_tails *tails, const char *path, int file,
                              const struct weir__file_about *about, uint64_t now_ns) {
    struct weir__file_tail *tail = NULL;
    if (tails->open < tails->options->max_files) {
        tail = add_tail(tails, tails->count, path, file, about);
    }
    if (tail == NULL) {
        weir__file_close(file);
        return tails->open < tails->options->max_files ? no_room_for_tail() : too_many(tails);
    }
    tail->news_ns = now_ns;
    int said = find_begin(tails, file, about, tail);
    if (said < 0) {
        close_tail_file(tails, tail);
        tails->count--;
        free(tail);
        return weir__file_lost("cannot read", path, said);
    }
    return WEIR_PULLED;
}

static weir_pulled no_file(const struct weir__file_tails *tails, const char *path, int error) {
    if (!weir__error_is_missing(error)) {
        return weir__file_lost("cannot open", path, error);
    }
    if (tails->options->once && tails->options->folder == NULL) {
        weir__file_lost("cannot open", path, error);
        return WEIR_BROKEN;
    }
    return WEIR_PULLED; /* it comes, or has gone */
}

static weir_pulled not_regular(const struct weir__file_tails *tails, const char *path) {
    if (tails->options->folder != NULL) {
        return WEIR_PULLED;
    }
    weir_refuse(WEIR_INVALID, "file: %s is no regular file", path);
    return WEIR_BROKEN;
}

static weir_pulled see_path(struct weir__file_tails *tails, const char *path, uint64_t now_ns) {
    struct weir__file_about about;
    int said = weir__path_about(path, &about);
    if (said < 0 || !about.regular) {
        return said < 0 ? no_file(tails, path, said) : not_regular(tails, path);
    }
    struct weir__file_tail *tail = tail_of_file(tails, &about);
    if (tail != NULL) {
        tail->seen = true;
        return WEIR_PULLED;
    }
    if (about.number == tails->checkpoint->number && about.device == tails->checkpoint->device) {
        return WEIR_PULLED;
    }
    int file = weir__file_open(path);
    if (file < 0) {
        return no_file(tails, path, file);
    }
    said = weir__file_about(file, &about); /* it may be another by now */
    if (said < 0 || !about.regular || tail_of_file(tails, &about) != NULL) {
        weir__file_close(file);
        return said < 0 ? weir__file_lost("cannot open", path, said) : WEIR_PULLED;
    }
    return begin_tail(tails, path, file, &about, now_ns);
}

static weir_pulled see_name(struct weir__file_tails *tails, const char *folder, const char *name,
                            uint64_t now_ns) {
    char path[WEIR_FILE_PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        weir_refuse(WEIR_INVALID, "file: a path in %.100s is too long", folder);
        return WEIR_LOST;
    }
    return see_path(tails, path, now_ns);
}

static weir_pulled see_folder(struct weir__file_tails *tails, uint64_t now_ns) {
    const weir_file_source_options *options = tails->options;
    char **names;
    size_t count;
    int said = weir__folder_list(options->folder, options->pattern, &names, &count);
    if (said < 0) {
        return weir__file_lost("cannot read folder", options->folder, said);
    }
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < count && pulled == WEIR_PULLED; i++) {
        pulled = see_name(tails, options->folder, names[i], now_ns);
    }
    free(names);
    return pulled;
}

static weir_pulled see_all(struct weir__file_tails *tails, uint64_t now_ns) {
    const weir_file_source_options *options = tails->options;
    if (options->folder != NULL) {
        return see_folder(tails, now_ns);
    }
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < options->path_count && pulled == WEIR_PULLED; i++) {
        pulled = see_path(tails, options->paths[i], now_ns);
    }
    return pulled;
}

/* ---- what was renamed while nobody looked ---------------------------------------------- */

static bool entries_have(const struct weir__file_tails *tails, uint64_t number) {
    for (size_t i = 0; i < tails->entry_count; i++) {
        if (tails->entries[i].number == number) {
            return true;
        }
    }
    return false;
}

/* Opens it if the checkpoint knows it, and it has more than that. */
static weir_pulled see_renamed(struct weir__file_tails *tails, const char *path, uint64_t now_ns) {
    struct weir__file_about about;
    if (weir__path_about(path, &about) < 0 || !about.regular ||
        !entries_have(tails, about.number) || tail_of_file(tails, &about) != NULL) {
        return WEIR_PULLED;
    }
    int file = weir__file_open(path);
    if (file < 0) {
        return weir__file_lost("cannot open", path, file);
    }
    if (weir__file_about(file, &about) < 0 || entry_of_file(tails, file, &about) == NULL) {
        weir__file_close(file);
        return WEIR_PULLED;
    }
    weir_pulled pulled = begin_tail(tails, path, file, &about, now_ns);
    if (pulled == WEIR_PULLED) {
        tails->list[tails->count - 1]->seen = false; /* so it is rotated */
    }
    return pulled;
}

static weir_pulled see_renamed_in(struct weir__file_tails *tails, const char *folder,
                                  uint64_t now_ns) {
    char **names, path[WEIR_FILE_PATH_BYTES];
    size_t count;
    int said = tails->entry_count == 0 ? 1 : weir__folder_list(folder, NULL, &names, &count);
    if (said != 0) {
        return said > 0 ? WEIR_PULLED : weir__file_lost("cannot read folder", folder, said);
    }
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < count && pulled == WEIR_PULLED; i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, names[i]) < sizeof path) {
            pulled = see_renamed(tails, path, now_ns);
        }
    }
    free(names);
    return pulled;
}

static weir_pulled see_all_renamed(struct weir__file_tails *tails, uint64_t now_ns) {
    const weir_file_source_options *options = tails->options;
    if (options->folder != NULL) {
        return see_renamed_in(tails, options->folder, now_ns);
    }
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < options->path_count && pulled == WEIR_PULLED; i++) {
        char folder[WEIR_FILE_PATH_BYTES];
        weir__file_folder_of(options->paths[i], folder);
        pulled = see_renamed_in(tails, folder, now_ns);
    }
    return pulled;
}

/* ---- the look -------------------------------------------------------------------------- */

static void rotate_unseen(struct weir__file_tails *tails, uint64_t now_ns) {
    for (size_t i = 0; i < tails->count; i++) {
        struct weir__file_tail *tail = tails->list[i];
        if (tail->state == WEIR__FILE_CURRENT && !tail->seen) {
            tail->state = WEIR__FILE_ROTATED;
            tail->news_ns = now_ns;
        } else if (tail->state == WEIR__FILE_ROTATED && tail->seen) {
            tail->state = WEIR__FILE_CURRENT;
        }
    }
}

weir_pulled weir__file_tails_look(struct weir__file_tails *tails, uint64_t now_ns) {
    for (size_t i = 0; i < tails->count; i++) {
        tails->list[i]->seen = false;
    }
    weir_pulled pulled = see_all(tails, now_ns);
    if (pulled == WEIR_PULLED && tails->entry_count > 0) {
        pulled = see_all_renamed(tails, now_ns);
    }
    if (pulled == WEIR_PULLED) {
        rotate_unseen(tails, now_ns);
        tails->entry_count = 0; /* of files that are no more */
        tails->first = false;
    }
    return pulled;
}

static weir_pulled list_once(struct weir__file_tails *tails) {
    const weir_file_source_options *options = tails->options;
    int said = options->folder == NULL || tails->names != NULL
                   ? 0
                   : weir__folder_list(options->folder, options->pattern, &tails->names,
                                       &tails->name_count);
    return said < 0 ? weir__file_lost("cannot read folder", options->folder, said) : WEIR_PULLED;
}

weir_pulled weir__file_tails_next(struct weir__file_tails *tails, uint64_t now_ns) {
    const weir_file_source_options *options = tails->options;
    weir_pulled pulled = list_once(tails);
    size_t names = options->folder == NULL ? options->path_count : tails->name_count;
    if (pulled != WEIR_PULLED || tails->next_name == names) {
        return pulled != WEIR_PULLED ? pulled : WEIR_SOURCE_END;
    }
    size_t next = tails->next_name;
    pulled = options->folder == NULL ? see_path(tails, options->paths[next], now_ns)
                                     : see_name(tails, options->folder, tails->names[next], now_ns);
    tails->next_name += pulled == WEIR_PULLED;
    return pulled;
}
