/*
 * The text: some files, read one after the other, all of them so many times.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void input_close(struct input *input) {
    if (input->descriptor >= 0) close(input->descriptor);
    for (size_t i = 0; i < input->count; i++) free(input->paths[i]);
    free(input->paths);
    *input = INPUT_EMPTY;
}

bool input_add(struct input *input, const char *path, uint64_t bytes) {
    if ((input->count & (input->count - 1)) == 0) { /* full at each power of two */
        size_t capacity = input->count == 0 ? 1 : input->count * 2;
        char **paths = realloc(input->paths, capacity * sizeof *paths);
        if (paths == NULL) return false;
        input->paths = paths;
    }
    char *copy = strdup(path);
    if (copy == NULL) return false;
    input->paths[input->count++] = copy;
    input->bytes += bytes;
    return true;
}

/* 0, or why the file cannot be read. */
static int check(const char *path, struct stat *status) {
    if (stat(path, status) != 0) return errno;
    if (S_ISDIR(status->st_mode)) return EISDIR;
    if (access(path, R_OK) != 0) return errno;
    return 0;
}

bool input_add_named(struct input *input, char *const *paths, size_t count) {
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        int error = check(paths[i], &status);
        bool regular = error == 0 && S_ISREG(status.st_mode);
        uint64_t bytes = regular ? (uint64_t)status.st_size : 0;
        if (!regular) input->only_once = true;
        if (error == 0 && !input_add(input, paths[i], bytes)) error = ENOMEM;
        if (error == 0) continue;
        fprintf(stderr, "weir-words: %s: %s\n", paths[i], strerror(error));
        good = false;
    }
    return good;
}

static bool failed(struct input *input, const char *path) {
    input->error = errno;
    input->error_path = path;
    return false;
}

/* Opens the next file.  False at the end, and when it fails. */
static bool open_next(struct input *input) {
    if (input->next == input->count) {
        input->next = 0;
        input->pass++;
    }
    if (input->pass >= input->passes || input->count == 0) return false;
    const char *path = input->paths[input->next++];
    do input->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    while (input->descriptor < 0 && errno == EINTR);
    return input->descriptor >= 0 || failed(input, path);
}

ssize_t input_read(struct input *input, char *to, size_t room) {
    if (input->error != 0) return -1;
    if (input->descriptor < 0 && !open_next(input)) return input->error == 0 ? 0 : -1;
    ssize_t got;
    do got = read(input->descriptor, to, room);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        failed(input, input->paths[input->next - 1]);
        return -1;
    }
    if (got > 0) {
        input->bytes_read += (uint64_t)got;
        return got;
    }
    close(input->descriptor);
    input->descriptor = -1;
    *to = '\n';
    return 1;
}
