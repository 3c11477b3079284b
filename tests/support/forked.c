/*
 * Children of fork: see forked.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/forked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned char forked_place[256] = {1};
static int wrong;

bool forked_said(void) {
    return strstr(weir_refusal(), "fork's child") != NULL;
}

void forked_row(bool right, const char *row) {
    if (!right) {
        fprintf(stderr, "in a child of fork: %s: %s\n", row, weir_refusal());
        wrong++;
    }
}

pid_t forked_begin(void) {
    enum { HANGS_S = 20 };
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        wrong = 0;
        alarm(HANGS_S);
    }
    return child;
}

void forked_end(void) {
    _exit(wrong == 0 ? 0 : 1);
}

int forked_await(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int forked_run(void (*run)(void *context), void *context) {
    pid_t child = forked_begin();
    if (child == 0) {
        run(context);
        forked_end();
    }
    return forked_await(child);
}
