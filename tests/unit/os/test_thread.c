/*
 * Goal: a thread runs what it was given, pinned, named, without signals.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the new thread looks at itself; threads are started under a limit on
 * memory until one is refused.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/thread.h"

#include "base/atomic.h"
#include "os/futex.h"
#include "os/topology.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/humble.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct view {
    pthread_t self;
    char name[16];
    sigset_t blocked;
    int pinned;
    int core;
};

static void look(void *argument) {
    struct view *view = argument;
    unsigned core;
    view->self = pthread_self();
    pthread_getname_np(pthread_self(), view->name, sizeof view->name);
    pthread_sigmask(SIG_BLOCK, NULL, &view->blocked);
    weir__topology_cores(&core, 1);
    view->pinned = weir__thread_pin(core);
    view->core = sched_getcpu() == (int)core;
}

static void start_and_join(struct view *view, const char *name) {
    struct weir__thread thread;
    assert_int_equal(weir__thread_start(&thread, name, look, view), 0);
    weir__thread_join(&thread);
    assert_false(pthread_equal(view->self, pthread_self()));
}

static void runs_under_its_name(void **state) {
    (void)state;
    struct view view;
    start_and_join(&view, "weir/3");
    assert_string_equal(view.name, "weir/3");
    start_and_join(&view, "a name longer than fifteen");
    assert_string_equal(view.name, "a name longer t");
}

/* By signal: the C library's set has room that the kernel never fills. */
static bool same_mask(const sigset_t *one, const sigset_t *other) {
    bool same = true;
    for (int number = 1; number <= SIGRTMAX; number++) {
        same = same && sigismember(one, number) == sigismember(other, number);
    }
    return same;
}

static bool is_its_own(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGABRT || number == SIGSYS || number == SIGPROF;
}

static void blocks_all_but_its_own(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct view view;
    start_and_join(&view, "mask");
    for (int number = 1; number <= SIGRTMAX; number++) {
        bool other = number == SIGKILL || number == SIGSTOP || (number > 31 && number < SIGRTMIN);
        if (!other) assert_int_equal(sigismember(&view.blocked, number), !is_its_own(number));
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_true(same_mask(&before, &after));
}

static void pins_to_a_core(void **state) {
    (void)state;
    struct view view;
    start_and_join(&view, "pin");
    assert_int_equal(view.pinned, 0);
    assert_true(view.core);
}

static void pinning_to_no_core_is_refused(void **state) {
    (void)state;
    unsigned before = weir__topology_cores(NULL, 0);
    assert_int_equal(weir__thread_pin(16383), EINVAL);
    assert_int_equal(weir__thread_pin(16384), EINVAL);
    assert_int_equal(weir__thread_pin(UINT32_MAX), EINVAL);
    assert_int_equal(weir__topology_cores(NULL, 0), before);
}

/* How many cores a thread may run on; 0: the system does not tell. */
static void count_cores(void *count) {
    cpu_set_t mask;
    bool known = sched_getaffinity(0, sizeof mask, &mask) == 0;
    *(unsigned *)count = known ? (unsigned)CPU_COUNT(&mask) : 0;
}

static void pin_and_start(void *counts) {
    struct weir__thread thread;
    unsigned core;
    weir__topology_cores(&core, 1);
    weir__thread_pin(core);
    count_cores(counts);
    if (weir__thread_start(&thread, "inner", count_cores, (unsigned *)counts + 1) == 0) {
        weir__thread_join(&thread);
    }
}

/* But not who was given his cores by the program. */
static void who_is_pinned_starts_threads_that_are_not(void **state) {
    (void)state;
    struct weir__thread thread;
    unsigned counts[2] = {0, 0};
    assert_int_equal(weir__thread_start(&thread, "outer", pin_and_start, counts), 0);
    weir__thread_join(&thread);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], weir__topology_cores(NULL, 0));
    unsigned own, given;
    count_cores(&own);
    assert_int_equal(weir__thread_start(&thread, "given", count_cores, &given), 0);
    weir__thread_join(&thread);
    assert_int_equal(given, own);
}

static void look_awake(void *argument) {
    struct view *view = argument;
    const int policy = sched_getscheduler(0);
    const int before = getpriority(PRIO_PROCESS, 0);
    weir__thread_wake_soon(true);
    const int after = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    view->core = after == policy && getpriority(PRIO_PROCESS, 0) <= before;
    view->pinned = prctl(PR_GET_TIMERSLACK);
}

/* Whatever the process may: it asks for no right that it has not. */
static void wakes_soon(void **state) {
    (void)state;
    struct weir__thread thread;
    struct view view;
    assert_int_equal(weir__thread_start(&thread, "soon", look_awake, &view), 0);
    weir__thread_join(&thread);
    assert_true(view.core);
    assert_int_equal(view.pinned, 1); /* ns */
}

/* ---- traits --------------------------------------------------------------------- */

struct traits_seen {
    size_t stack_bytes;
    int nice, policy, priority, heirs_policy;
};

static void look_at_policy(void *policy) {
    *(int *)policy = sched_getscheduler(0);
}

static void look_at_traits(void *argument) {
    struct traits_seen *seen = argument;
    struct sched_param param = {0};
    struct weir__thread heir;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
        pthread_attr_destroy(&attributes);
    }
    seen->nice = getpriority(PRIO_PROCESS, 0);
    seen->policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    sched_getparam(0, &param);
    seen->priority = param.sched_priority;
    if (weir__thread_start(&heir, "heir", look_at_policy, &seen->heirs_policy) == 0) {
        weir__thread_join(&heir);
    }
}

static int start_as(const struct weir__thread_traits *traits, struct traits_seen *seen) {
    struct weir__thread thread;
    int error = weir__thread_start_as(&thread, traits, "traits", look_at_traits, seen);
    if (error == 0) weir__thread_join(&thread);
    return error;
}

static void has_the_stack_that_was_asked_for(void **state) {
    (void)state;
    const struct weir__thread_traits traits = {.stack_bytes = 256 << 10};
    struct traits_seen usual = {0}, small = {0};
    assert_int_equal(start_as(&(struct weir__thread_traits){0}, &usual), 0);
    assert_int_equal(start_as(&traits, &small), 0);
    assert_in_range(small.stack_bytes, 128 << 10, 320 << 10);
    assert_true(usual.stack_bytes > 320 << 10);
}

static void is_as_nice_as_was_asked_for(void **state) {
    (void)state;
    const int nice = getpriority(PRIO_PROCESS, 0) < 18 ? getpriority(PRIO_PROCESS, 0) + 1 : 19;
    struct traits_seen seen = {0};
    assert_int_equal(start_as(&(struct weir__thread_traits){.nice = nice}, &seen), 0);
    assert_int_equal(seen.nice, nice);
}

/* Where the process may. */
static void has_a_priority_that_none_inherits(void **state) {
    (void)state;
    struct traits_seen seen = {0};
    int error = start_as(&(struct weir__thread_traits){.realtime = 3}, &seen);
    if (error == EPERM) skip();
    assert_int_equal(error, 0);
    assert_int_equal(seen.policy, SCHED_RR);
    assert_int_equal(seen.priority, 3);
    assert_int_equal(seen.heirs_policy, SCHED_OTHER);
}

static int ask_for_too_much(void) {
    struct weir__thread thread;
    struct traits_seen seen = {.nice = 77};
    const struct weir__thread_traits first = {.realtime = 1}, second = {.nice = -1};
    int error = weir__thread_start_as(&thread, &first, "first", look_at_traits, &seen);
    if (error != EPERM || thread.refused != EPERM) return 1;
    error = weir__thread_start_as(&thread, &second, "second", look_at_traits, &seen);
    if ((error != EPERM && error != EACCES) || thread.refused != error) return 2;
    return seen.nice == 77 ? 0 : 3; /* neither has run */
}

static void does_not_run_without_what_was_asked_for(void **state) {
    (void)state;
    assert_int_equal(test_humbly(ask_for_too_much, 0), 0);
}

/* Nor is a child of theirs. */
static void look_whose(void *ours) {
    int status = 1;
    pid_t child = fork();
    if (child == 0) _exit(weir__thread_is_ours() ? 1 : 0);
    waitpid(child, &status, 0);
    *(bool *)ours = weir__thread_is_ours() && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void knows_which_threads_are_ours(void **state) {
    (void)state;
    struct weir__thread thread;
    bool ours = false;
    assert_int_equal(weir__thread_start(&thread, "ours", look_whose, &ours), 0);
    weir__thread_join(&thread);
    assert_true(ours);
    assert_false(weir__thread_is_ours());
}

enum { THREADS = 4096 };

static void wait_for_word(void *word) {
    while (weir__load_relaxed_u32(word) == 0) weir__futex_wait(word, 0, UINT64_MAX);
}

/* In a child process: 0 when a thread was refused with an errno value and nothing else happened. */
static int start_until_refused(void) {
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    static struct weir__thread threads[THREADS];
    uint32_t word = 0;
    int started = 0, error = 0;
    while (started < THREADS && error == 0) {
        error = weir__thread_start(&threads[started], "limit", wait_for_word, &word);
        if (error == 0) started++;
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    weir__store_relaxed_u32(&word, 1);
    weir__futex_wake(&word, INT32_MAX);
    for (int i = 0; i < started; i++) weir__thread_join(&threads[i]);
    bool refused = error == EAGAIN || error == ENOMEM;
    return refused && same_mask(&before, &after) ? 0 : 1;
}

static void a_refused_start_changes_nothing(void **state) {
    (void)state;
    test_with_little_memory(start_until_refused, 256u << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_start_changes_nothing),
        cmocka_unit_test(runs_under_its_name),
        cmocka_unit_test(blocks_all_but_its_own),
        cmocka_unit_test(pins_to_a_core),
        cmocka_unit_test(pinning_to_no_core_is_refused),
        cmocka_unit_test(who_is_pinned_starts_threads_that_are_not),
        cmocka_unit_test(wakes_soon),
        cmocka_unit_test(has_the_stack_that_was_asked_for),
        cmocka_unit_test(is_as_nice_as_was_asked_for),
        cmocka_unit_test(has_a_priority_that_none_inherits),
        cmocka_unit_test(does_not_run_without_what_was_asked_for),
        cmocka_unit_test(knows_which_threads_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
