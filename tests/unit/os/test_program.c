/*
 * Goal: what the program has, signals and cores, may be had where a thread of ours has neither.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the test's thread is noted with some signals blocked; threads of ours make threads and
 * children, which look at themselves.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/program.h"

#include "os/thread.h"
#include "os/topology.h"
#include "support/cmocka.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_blocked(int number) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

static unsigned count_cores(void) {
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? (unsigned)CPU_COUNT(&mask) : 0;
}

/* As the test's thread has noted itself. */
static bool is_the_program_s(void) {
    return is_blocked(SIGUSR1) && !is_blocked(SIGTERM) &&
           count_cores() == weir__topology_cores(NULL, 0);
}

static void note_with_usr1_blocked(sigset_t *before) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, before);
    weir__program_note();
}

struct seen {
    bool thread, child, mask, kept;
};

static void *join_program(void *right) {
    bool bound = is_blocked(SIGTERM) && count_cores() == 1;
    *(bool *)right = bound && weir__program_join() == 0 && is_the_program_s();
    return NULL;
}

/* A thread of ours, on one core. */
static void make_others(void *argument) {
    struct seen *seen = argument;
    unsigned core;
    int status = 1;
    sigset_t signals;
    pthread_t thread;
    weir__topology_cores(&core, 1);
    weir__thread_pin(core);
    weir__program_note(); /* which is not heeded */
    weir__program_signals(&signals);
    seen->mask = sigismember(&signals, SIGUSR1) == 1 && sigismember(&signals, SIGTERM) == 0;
    if (pthread_create(&thread, NULL, join_program, &seen->thread) == 0) pthread_join(thread, NULL);
    const pid_t child = fork();
    if (child == 0) _exit(weir__program_join() == 0 && is_the_program_s() ? 0 : 1);
    waitpid(child, &status, 0);
    seen->child = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    seen->kept = is_blocked(SIGTERM) && count_cores() == 1;
}

static void who_is_made_by_ours_can_be_the_program_s(void **state) {
    (void)state;
    struct seen seen = {false, false, false, false};
    struct weir__thread thread;
    sigset_t before;
    note_with_usr1_blocked(&before);
    assert_int_equal(weir__thread_start(&thread, "ours", make_others, &seen), 0);
    weir__thread_join(&thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_true(seen.mask);
    assert_true(seen.thread);
    assert_true(seen.child);
    assert_true(seen.kept);
}

/* In a process where nothing was noted. */
static void before_it_is_noted_it_is_as_the_caller(void **state) {
    (void)state;
    sigset_t mask, signals, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    weir__program_signals(&signals);
    assert_int_equal(sigismember(&signals, SIGUSR2), 1);
    assert_int_equal(sigismember(&signals, SIGUSR1), sigismember(&before, SIGUSR1));
    assert_int_equal(weir__program_join(), 0);
    assert_true(is_blocked(SIGUSR2));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_it_is_noted_it_is_as_the_caller),
        cmocka_unit_test(who_is_made_by_ours_can_be_the_program_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
