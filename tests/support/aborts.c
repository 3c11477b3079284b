/*
 * Code that must abort: fork, wait, and read the child's last words.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/aborts.h"

#include "support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's part: no core file, no handler of a sanitizer's or of cmocka's. */
static void run(void (*code)(void *argument), void *argument, int output) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    dup2(output, STDERR_FILENO);
    code(argument);
    _exit(0);
}

bool test_aborts(void (*code)(void *argument), void *argument, char *said, size_t bytes) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    fflush(NULL);
    pid_t child = _Fork(); /* the library does not hear of it: all it has is the child's own */
    if (child < 0) abort();
    if (child == 0) run(code, argument, ends[1]);
    close(ends[1]);
    size_t used = 0;
    char byte;
    while (read(ends[0], &byte, 1) == 1) {
        if (said != NULL && used + 1 < bytes) said[used++] = byte;
    }
    if (said != NULL && bytes > 0) said[used] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void test_breakages(const struct test_breakage *breakages, size_t count, void *argument) {
    for (size_t i = 0; i < count; i++) {
        char expected[256];
        char said[1024] = "";
        snprintf(expected, sizeof expected, "check failed: %s\n", breakages[i].equation);
        bool aborted = test_aborts(breakages[i].code, argument, said, sizeof said);
        if (!aborted || strstr(said, expected) == NULL) {
            fail_msg("breakage %zu was to say \"%s\" and said \"%s\"", i, breakages[i].equation,
                     said);
        }
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define HAS_LIMITS 1
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define HAS_LIMITS 1
#endif
#endif

#if defined(HAS_LIMITS)
enum { NOT_HELD = 3 };

/* It has more than nothing already, so as much again is too much; but an emulator may let it. */
static bool is_held_to(size_t bytes) {
    const struct rlimit little = {bytes, bytes};
    return setrlimit(RLIMIT_AS, &little) == 0 &&
           mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}
#endif

void test_with_little_memory(int (*code)(void), size_t bytes) {
#if defined(HAS_LIMITS)
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(is_held_to(bytes) ? code() : NOT_HELD);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HELD) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
#else
    (void)code, (void)bytes;
    skip();
#endif
}
