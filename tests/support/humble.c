/*
 * A process without rights: a child that becomes nobody.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/humble.h"

#include "support/cmocka.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEPT = 100 /* an exit status: it may not give up what it has */ };

static void give_up(size_t may_lock) {
    enum { NOBODY = 65534 };
    const struct rlimit none = {0, 0};
    struct rlimit locked = {0, 0};
    bool done = getrlimit(RLIMIT_MEMLOCK, &locked) == 0;
    locked.rlim_cur = may_lock < locked.rlim_max ? may_lock : locked.rlim_max;
    locked.rlim_max = locked.rlim_cur; /* which nobody may raise, perhaps */
    done = done && setrlimit(RLIMIT_RTPRIO, &none) == 0 && setrlimit(RLIMIT_NICE, &none) == 0 &&
           setrlimit(RLIMIT_MEMLOCK, &locked) == 0;
    if (done && geteuid() == 0) {
        done = setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
               setresuid(NOBODY, NOBODY, NOBODY) == 0;
    }
    if (!done) _exit(KEPT);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

bool test_is_sanitized(void) {
#ifdef SANITIZED
    return true;
#else
    return false;
#endif
}

int test_humbly(int (*code)(void), size_t may_lock) {
    int status = 0;
    if (test_is_sanitized()) skip();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        give_up(may_lock);
        _exit(code());
    }
    while (waitpid(child, &status, 0) < 0) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == KEPT) skip();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}
