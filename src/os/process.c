/*
 * The process: see process.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t weir__process_number(void) {
    return (uint64_t)getpid();
}

unsigned weir__process_user(void) {
    return (unsigned)getuid();
}

/* Of that process; 0: it has gone, or the system does not say. */
static uint64_t started(const char *path) {
    enum { FIELD = 22, FIRST_BEHIND_NAME = 3 };
    char text[1024];
    FILE *file = fopen(path, "re");
    size_t bytes = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL) fclose(file);
    text[bytes] = '\0';
    char *at = strrchr(text, ')'); /* a name may have blanks and parentheses itself */
    for (int field = FIRST_BEHIND_NAME - 1; at != NULL && field < FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

uint64_t weir__process_started(void) {
    return started("/proc/self/stat");
}

bool weir__process_runs(uint64_t number, uint64_t began) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)number);
    uint64_t now = started(path);
    if (now == 0 || began == 0) { /* hidden from others, perhaps */
        return kill((pid_t)number, 0) == 0 || errno != ESRCH;
    }
    return now == began;
}

void weir__process_name(char *name, size_t bytes) {
    snprintf(name, bytes, "%s", program_invocation_short_name);
}

uint64_t weir__process_thread(void) {
    return (uint64_t)syscall(SYS_gettid);
}
