/*
 * Goal: callbacks are at home in their process: its profiler sees them, its filters trap them, and
 * what they make, threads, processes and runtimes, need not be as a worker is.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: functions run as callbacks, make others, and look.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/atomic.h"
#include "os/thread.h"
#include "os/topology.h"
#include "support/cmocka.h"
#include "support/on_worker.h"

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const weir_runtime_options one = {.workers = 1};

static bool is_blocked(int number) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

static unsigned count_cores(void) {
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? (unsigned)CPU_COUNT(&mask) : 0;
}

/* ---- signals -------------------------------------------------------------------- */

static uint32_t ticks, traps; /* atomic: signals that threads of ours have handled */

static void handle(int number) {
    if (weir__thread_is_ours()) weir__fetch_add_u32(number == SIGPROF ? &ticks : &traps, 1);
}

static void install(int number, struct sigaction *before) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    assert_int_equal(sigaction(number, &action, before), 0);
}

/* For as much of a processor's time as any profiler's clock has ticked in. */
static void work_until_it_ticks(weir_runtime *runtime) {
    enum { SECONDS = 10 };
    struct timespec used;
    (void)runtime;
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    } while (weir__load_relaxed_u32(&ticks) < 3 && used.tv_sec < SECONDS);
}

static void a_profiler_sees_callbacks(void **state) {
    (void)state;
    const struct itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct sigaction before;
    sigset_t prof, mask;
    weir_runtime *runtime;
    install(SIGPROF, &before);
    assert_int_equal(weir_runtime_open(&one, &runtime), WEIR_OK);
    sigemptyset(&prof);
    sigaddset(&prof, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &prof, &mask); /* the test's own thread does not take them */
    setitimer(ITIMER_PROF, &every_ms, NULL);
    const bool done = on_worker_cast(runtime, 0, work_until_it_ticks);
    setitimer(ITIMER_PROF, &never, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGPROF, &before, NULL);
    assert_true(done);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    assert_true(weir__load_relaxed_u32(&ticks) >= 3);
}

static void raise_sys(weir_runtime *runtime) {
    (void)runtime;
    raise(SIGSYS);
    weir__fetch_add_u32(&traps, weir__load_relaxed_u32(&traps) == 1 ? 10 : 100);
}

static void a_trapped_system_call_is_handled_in_the_callback(void **state) {
    (void)state;
    struct sigaction before;
    install(SIGSYS, &before);
    assert_true(on_worker_do(&one, raise_sys));
    sigaction(SIGSYS, &before, NULL);
    assert_int_equal(weir__load_relaxed_u32(&traps), 11);
}

/* ---- what callbacks make ----------------------------------------------------------- */

static int ended_by; /* the signal that has ended a child; 0: none */

/* As a program would: the mask of the program, and a child that sleeps until it is told to end. */
static void spawn_and_end(weir_runtime *runtime) {
    char *arguments[] = {(char *)(uintptr_t) "sleep", (char *)(uintptr_t) "60", NULL};
    char *environment[] = {NULL};
    posix_spawnattr_t attributes;
    sigset_t signals;
    pid_t child;
    int status = 0;
    (void)runtime;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (weir_process_mask(&signals) != WEIR_OK) abort();
    posix_spawnattr_setsigmask(&attributes, &signals);
    if (posix_spawn(&child, "/bin/sleep", NULL, &attributes, arguments, environment) == 0) {
        kill(child, SIGTERM);
        waitpid(child, &status, 0);
    }
    posix_spawnattr_destroy(&attributes);
    ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_child_of_a_callback_s_ends_on_sigterm(void **state) {
    (void)state;
    if (access("/bin/sleep", X_OK) != 0) skip();
    assert_true(on_worker_do(&one, spawn_and_end));
    assert_int_equal(ended_by, SIGTERM);
}

static bool thread_was_free, child_was_free, worker_was_refused;

static void *unbind(void *right) {
    const bool bound = is_blocked(SIGTERM) && count_cores() == 1;
    *(bool *)right = bound && weir_thread_unbind() == WEIR_OK && !is_blocked(SIGTERM) &&
                     count_cores() == weir__topology_cores(NULL, 0);
    return NULL;
}

static void make_thread_and_child(weir_runtime *runtime) {
    pthread_t thread;
    int status = 1;
    bool right = false;
    (void)runtime;
    worker_was_refused = weir_thread_unbind() == WEIR_WRONG_THREAD && is_blocked(SIGTERM);
    if (pthread_create(&thread, NULL, unbind, &thread_was_free) == 0) pthread_join(thread, NULL);
    const pid_t child = fork();
    if (child == 0) {
        unbind(&right);
        _exit(right ? 0 : 1);
    }
    waitpid(child, &status, 0);
    child_was_free = WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void what_callbacks_make_can_be_as_the_program_s_own(void **state) {
    (void)state;
    assert_true(on_worker_do(&one, make_thread_and_child));
    assert_true(worker_was_refused);
    assert_true(thread_was_free);
    assert_true(child_was_free);
    assert_int_equal(weir_thread_unbind(), WEIR_OK); /* on a thread that is the program's anyway */
}

static unsigned inner_workers;
static unsigned inner_cores[CPU_SETSIZE];

static void look_at_core(weir_runtime *runtime) {
    (void)runtime;
    const int core = sched_getcpu();
    if (core >= 0 && core < CPU_SETSIZE && count_cores() == 1) inner_cores[core]++;
}

/* In a callback nobody may wait for a runtime: a thread of its own does. */
static void *open_another(void *argument) {
    weir_runtime *runtime;
    (void)argument;
    if (weir_runtime_open(NULL, &runtime) != WEIR_OK) return NULL;
    inner_workers = weir_runtime_workers(runtime);
    for (unsigned i = 0; i < inner_workers; i++) {
        if (!on_worker_cast(runtime, WEIR_WORKER(i), look_at_core)) abort();
    }
    if (weir_runtime_close(runtime, NULL) != WEIR_OK) abort();
    return NULL;
}

static void have_another_opened(weir_runtime *runtime) {
    pthread_t thread;
    (void)runtime;
    if (pthread_create(&thread, NULL, open_another, NULL) == 0) pthread_join(thread, NULL);
}

/* From there each worker has a core of its own, as from anywhere. */
static void a_runtime_that_a_callback_opens_has_the_process_s_cores(void **state) {
    (void)state;
    unsigned cores[CPU_SETSIZE];
    const unsigned count = weir__topology_cores(cores, CPU_SETSIZE);
    assert_true(on_worker_do(&one, have_another_opened));
    assert_int_equal(inner_workers, weir__topology_at_once());
    if (inner_workers < count) return; /* a quota: which cores they are is not said */
    for (unsigned i = 0; i < count; i++) assert_int_equal(inner_cores[cores[i]], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profiler_sees_callbacks),
        cmocka_unit_test(a_trapped_system_call_is_handled_in_the_callback),
        cmocka_unit_test(a_child_of_a_callback_s_ends_on_sigterm),
        cmocka_unit_test(what_callbacks_make_can_be_as_the_program_s_own),
        cmocka_unit_test(a_runtime_that_a_callback_opens_has_the_process_s_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
