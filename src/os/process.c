/*
 * The process: see process.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/process.h"

#include "os/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t weir__process_number(void) {
    return (uint64_t)getpid();
}

unsigned weir__process_user(void) {
    return (unsigned)geteuid();
}

uint64_t weir__process_started(void) {
    enum { FIELD = 22, FIRST_BEHIND_NAME = 3 };
    char text[1024];
    weir__text_file_read("/proc/self/stat", text, sizeof text);
    char *at = strrchr(text, ')'); /* a name may have blanks and parentheses itself */
    for (int field = FIRST_BEHIND_NAME - 1; at != NULL && field < FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

void weir__process_name(char *name, size_t bytes) {
    snprintf(name, bytes, "%s", program_invocation_short_name);
}

uint64_t weir__process_thread(void) {
    return (uint64_t)syscall(SYS_gettid);
}
