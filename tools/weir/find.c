/*
 * Which counters files there are: see find.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "find.h"

#include "text.h"
#include "trouble.h"
#include "view.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A number in decimal, nothing else, up to `end`. */
static bool read_number(const char **at, char end, uint64_t *number) {
    char *behind;
    if (**at < '0' || **at > '9') {
        return false;
    }
    errno = 0;
    *number = strtoull(*at, &behind, 10);
    if (*behind != end || errno != 0) {
        return false;
    }
    *at = behind + (end != 0);
    return true;
}

/* "weir-UID-PID-NUMBER", of this user. */
static bool read_name(const char *name, uint64_t *pid, uint64_t *number) {
    uint64_t user;
    if (strncmp(name, "weir-", 5) != 0) {
        return false;
    }
    const char *at = name + 5;
    return read_number(&at, '-', &user) && user == getuid() && read_number(&at, '-', pid) &&
           read_number(&at, 0, number);
}

static void look_inside(struct found *found) {
    struct mapped mapped;
    struct image image = {0};
    struct view view;
    if (!mapped_open(&mapped, found->path)) {
        snprintf(found->why, sizeof found->why, "%.159s", trouble_text());
        return;
    }
    if (image_take(&image, &mapped) && view_make(&view, &image)) {
        found->known = true;
        found->pid = view.header->pid;
        found->live = image.live;
        found->closed = view.header->closed != 0;
        found->opened_utc = view.header->opened_utc;
        found->workers = view.worker_count;
        found->stages = view.stage_count;
        memcpy(found->program, view.program, sizeof found->program);
        view_free(&view);
    } else {
        snprintf(found->why, sizeof found->why, "%.159s", trouble_text());
    }
    image_free(&image);
    mapped_close(&mapped);
}

static int by_pid(const void *one, const void *other) {
    const struct found *a = one;
    const struct found *b = other;
    if (a->pid != b->pid) {
        return a->pid < b->pid ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

static bool add(struct found_list *list, const char *folder, const char *name, uint64_t pid,
                uint64_t number) {
    struct found *at = realloc(list->at, (list->count + 1u) * sizeof *at);
    if (at == NULL) {
        return trouble("no memory for the list of counters files");
    }
    list->at = at;
    at += list->count;
    *at = (struct found){.pid = pid, .number = (uint32_t)number};
    if (snprintf(at->path, sizeof at->path, "%s/%s", folder, name) < FIND_PATH) {
        look_inside(at);
        list->count++;
    }
    return true;
}

bool find_all(struct found_list *list, const char *folder, uint64_t pid) {
    *list = (struct found_list){0};
    DIR *open = opendir(folder);
    if (open == NULL) {
        return trouble("%s: %s", folder, strerror(errno));
    }
    bool well = true;
    for (struct dirent *entry; well && (entry = readdir(open)) != NULL;) {
        uint64_t owner;
        uint64_t number;
        if (read_name(entry->d_name, &owner, &number) && (pid == 0 || owner == pid)) {
            well = add(list, folder, entry->d_name, owner, number);
        }
    }
    closedir(open);
    if (!well) {
        find_free(list);
        return false;
    }
    if (list->count > 0) {
        qsort(list->at, list->count, sizeof *list->at, by_pid);
    }
    return true;
}

void find_free(struct found_list *list) {
    free(list->at);
    *list = (struct found_list){0};
}

/* "12 (counter), 17.2 (service)": what to choose from. */
static void name_some(char *text, size_t room, const struct found_list *list, bool live) {
    size_t at = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < list->count && at < room; i++) {
        const struct found *each = &list->at[i];
        if (each->known && (each->live || !live)) {
            at += (size_t)snprintf(text + at, room - at, "%s%" PRIu64 ".%u (%s)",
                                   at == 0 ? "" : ", ", each->pid, each->number, each->program);
        }
    }
}

static bool only_one(char path[FIND_PATH], const struct found_list *list) {
    const struct found *one = NULL;
    uint32_t live = 0;
    uint32_t all = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct found *each = &list->at[i];
        all += each->known;
        live += each->known && each->live;
        if (each->known && (one == NULL || (each->live && !one->live))) {
            one = each;
        }
    }
    if (one != NULL && (live == 1 || all == 1)) {
        memcpy(path, one->path, FIND_PATH);
        return true;
    }
    if (one == NULL) {
        return trouble("no program of yours writes counters; start one with WEIR_COUNTERS=1 in its "
                       "environment, or name a file");
    }
    char some[300];
    name_some(some, sizeof some, list, live > 0);
    return trouble("there are several: name one of %s", some);
}

/* Runtime `number` of a process, or with 0 its first. */
static bool of_process(char path[FIND_PATH], const struct found_list *list, uint64_t pid,
                       uint64_t number) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->at[i].pid == pid && (number == 0 || list->at[i].number == number)) {
            memcpy(path, list->at[i].path, FIND_PATH);
            return true;
        }
    }
    if (number > 0) {
        return trouble("process %" PRIu64 " writes no counters of a runtime %" PRIu64, pid, number);
    }
    return trouble("process %" PRIu64 " writes no counters; start it with WEIR_COUNTERS=1 in its "
                   "environment",
                   pid);
}

static bool read_process(const char *target, uint64_t *pid, uint64_t *number) {
    const char *at = target;
    *number = 0;
    if (read_number(&at, 0, pid)) {
        return true;
    }
    at = target;
    return read_number(&at, '.', pid) && read_number(&at, 0, number);
}

bool find_one(char path[FIND_PATH], const char *folder, const char *target) {
    uint64_t pid = 0;
    uint64_t number = 0;
    bool process = target != NULL && read_process(target, &pid, &number);
    if (target != NULL && !process) {
        if (strlen(target) >= FIND_PATH) {
            return trouble("the path is too long");
        }
        memcpy(path, target, strlen(target) + 1);
        return true;
    }
    struct found_list list;
    if (!find_all(&list, folder, pid)) {
        return false;
    }
    bool well = process ? of_process(path, &list, pid, number) : only_one(path, &list);
    find_free(&list);
    return well;
}
