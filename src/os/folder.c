/*
 * Folders: readdir and inotify.  See folder.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum { NS_IN_S = 1000000000, DIGITS_MOST = 18 };

/* ---- names -------------------------------------------------------------------------- */

struct listing {
    char *text; /* names, each with its end */
    size_t bytes;
    size_t room;
    size_t count;
};

static bool keep_name(struct listing *listing, const char *name) {
    size_t length = strlen(name) + 1;
    if (listing->bytes + length > listing->room) {
        size_t room = (listing->bytes + length) * 2;
        char *larger = realloc(listing->text, room);
        if (larger == NULL) {
            return false;
        }
        listing->text = larger;
        listing->room = room;
    }
    memcpy(listing->text + listing->bytes, name, length);
    listing->bytes += length;
    listing->count++;
    return true;
}

static int compare_names(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static char **sort_names(const struct listing *listing) {
    char **names = malloc(listing->count * sizeof *names + listing->bytes + 1);
    if (names == NULL) {
        return NULL;
    }
    char *text = (char *)(names + listing->count);
    if (listing->bytes > 0) {
        memcpy(text, listing->text, listing->bytes);
    }
    for (size_t i = 0; i < listing->count; i++) {
        names[i] = text;
        text += strlen(text) + 1;
    }
    qsort(names, listing->count, sizeof *names, compare_names);
    return names;
}

static bool name_is_wanted(const char *name, const char *pattern) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    return pattern == NULL || fnmatch(pattern, name, FNM_PERIOD) == 0;
}

int weir__folder_list(const char *folder, const char *pattern, char ***names, size_t *count) {
    struct listing listing = {0};
    const struct dirent *entry;
    bool kept = true;
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL) {
        return -errno;
    }
    while (kept && (entry = readdir(open_folder)) != NULL) {
        kept = !name_is_wanted(entry->d_name, pattern) || keep_name(&listing, entry->d_name);
    }
    closedir(open_folder);
    *names = kept ? sort_names(&listing) : NULL;
    *count = listing.count;
    free(listing.text);
    return *names == NULL ? -ENOMEM : 0;
}

/* ---- numbers and times -------------------------------------------------------------- */

static uint64_t number_in(const char *name, const char *prefix, const char *suffix) {
    size_t before = strlen(prefix);
    if (strncmp(name, prefix, before) != 0) {
        return 0;
    }
    size_t digits = strspn(name + before, "0123456789");
    if (digits == 0 || digits > DIGITS_MOST || strcmp(name + before + digits, suffix) != 0) {
        return 0;
    }
    return strtoull(name + before, NULL, 10);
}

int weir__folder_highest(const char *folder, const char *prefix, const char *suffix,
                         uint64_t *highest) {
    const struct dirent *entry;
    DIR *open_folder = opendir(folder);
    *highest = 0;
    if (open_folder == NULL) {
        return -errno;
    }
    while ((entry = readdir(open_folder)) != NULL) {
        uint64_t number = number_in(entry->d_name, prefix, suffix);
        *highest = number > *highest ? number : *highest;
    }
    closedir(open_folder);
    return 0;
}

size_t weir__name_at(const char *pattern, uint64_t utc_ns, char *name, size_t room) {
    time_t seconds = (time_t)(utc_ns / NS_IN_S);
    struct tm parts;
    return gmtime_r(&seconds, &parts) == NULL ? 0 : strftime(name, room, pattern, &parts);
}

/* ---- watching ----------------------------------------------------------------------- */

static const uint32_t names_change =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

int weir__watch_open(void) {
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return watch < 0 ? -errno : watch;
}

void weir__watch_close(int watch) {
    close(watch);
}

int weir__watch_folder(int watch, const char *folder) {
    return inotify_add_watch(watch, folder, names_change | IN_MODIFY) < 0 ? -errno : 0;
}

void weir__watch_wait(int watch, int event, uint64_t timeout_ns) {
    struct pollfd waits[2] = {{.fd = event, .events = POLLIN}, {.fd = watch, .events = POLLIN}};
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_IN_S),
                               .tv_nsec = (long)(timeout_ns % NS_IN_S)};
    ppoll(waits, 2, &timeout, NULL); /* a descriptor below 0 is left out */
}

bool weir__watch_clear(int watch) {
    _Alignas(struct inotify_event) char room[16384];
    bool changed = false;
    ssize_t count;
    while ((count = read(watch, room, sizeof room)) > 0) {
        for (const char *at = room; at < room + count;) {
            const struct inotify_event *event = (const void *)at;
            changed = changed || (event->mask & ~(uint32_t)IN_MODIFY) != 0;
            at += sizeof *event + event->len;
        }
    }
    return changed;
}
