/*
 * Goal: a runtime's threads are as the program wants them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: callbacks, tasks, drivers and hooks look at the thread that they are on; processes
 * without rights ask for what they may not have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime/hired.h"

#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/humble.h"
#include "support/on_worker.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static unsigned count_cores(void) {
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? (unsigned)CPU_COUNT(&mask) : 0;
}

/* ---- hooks ---------------------------------------------------------------------------- */

enum { KINDS = WEIR_THREAD_DRAIN + 1, LINES = 64 };

static struct {
    pthread_mutex_t lock;
    unsigned begun[KINDS], ended[KINDS];
    char names[LINES][16];
    unsigned count;
    uint32_t wrong;
} hooks = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local int hooked; /* 1: between the two hooks */

static void on_start(void *context, const weir_thread *thread) {
    char name[16];
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_mutex_lock(&hooks.lock);
    hooks.wrong += context != &hooks || hooked != 0 || strcmp(name, thread->name) != 0;
    hooks.wrong += thread->kind == WEIR_THREAD_WORKER && count_cores() != 1;
    hooks.begun[thread->kind]++;
    memcpy(hooks.names[hooks.count++ % LINES], name, sizeof name);
    pthread_mutex_unlock(&hooks.lock);
    hooked = 1;
}

static void on_stop(void *context, const weir_thread *thread) {
    pthread_mutex_lock(&hooks.lock);
    hooks.wrong += context != &hooks || hooked != 1;
    hooks.ended[thread->kind]++;
    pthread_mutex_unlock(&hooks.lock);
    hooked = 2;
}

static void check_hooked(void) {
    if (hooked != 1) weir__fetch_add_u32(&hooks.wrong, 1);
}

static void look_hooked(weir_runtime *runtime) {
    (void)runtime;
    check_hooked();
}

static weir_task_result look_in_task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    check_hooked();
    return WEIR_TASK_OK;
}

static weir_pulled pull_none(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                             uint64_t timeout_ns) {
    (void)context, (void)pull, (void)events, (void)bytes, (void)timeout_ns;
    check_hooked();
    return WEIR_SOURCE_END;
}

static const weir_source_driver driver = {.pull = pull_none};

static void look_at_drain(void *context, weir_status status, const weir_drain_report *report) {
    (void)context, (void)status, (void)report;
    check_hooked();
}

static bool was_named(const char *name) {
    bool found = false;
    for (unsigned i = 0; i < hooks.count && i < LINES; i++) {
        found = found || strcmp(hooks.names[i], name) == 0;
    }
    return found;
}

/* All that weir starts. */
static void start_all(weir_runtime *runtime, weir_pool **pool, weir_source **source) {
    weir_ref stage;
    assert_true(on_worker_cast(runtime, WEIR_WORKER(0), look_hooked));
    assert_true(on_worker_cast(runtime, WEIR_WORKER(1), look_hooked));
    assert_true(on_worker_cast(runtime, WEIR_TIMELY_WORKER, look_hooked));
    const weir_source_options from = {.driver = &driver};
    assert_int_equal(weir_source_open(runtime, &from, source, &stage), WEIR_OK);
    const weir_pool_options to = {.event_bytes = 8, .threads = 2, .task = look_in_task};
    assert_int_equal(weir_pool_open(runtime, &to, pool, &stage), WEIR_OK);
}

static void each_thread_calls_its_hooks(void **state) {
    (void)state;
    static const unsigned expected[KINDS] = {2, 1, 2, 1, 1};
    const weir_thread_options threads = {
        .on_start = on_start, .on_stop = on_stop, .context = &hooks, .name = "ingestion"};
    weir_runtime *runtime;
    weir_pool *pool;
    weir_source *source;
    memset(hooks.begun, 0, sizeof hooks.begun);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 2, .threads = &threads}, &runtime),
        WEIR_OK);
    start_all(runtime, &pool, &source);
    assert_int_equal(weir_runtime_drain_begin(runtime, WEIR_FOREVER, look_at_drain, NULL, NULL),
                     WEIR_OK);
    assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_source_close(source), WEIR_OK);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    for (int kind = 0; kind < KINDS; kind++) {
        assert_int_equal(hooks.begun[kind], expected[kind]);
        assert_int_equal(hooks.ended[kind], expected[kind]);
    }
    assert_int_equal(hooks.wrong, 0);
    assert_true(was_named("ingestion/0") && was_named("ingestion/1"));
    assert_true(was_named("ingestio/timely")); /* 15 characters */
    assert_true(was_named("ingestion-pool/0") || was_named("ingestio-pool/0"));
    assert_true(was_named("ingestio-source"));
    assert_true(was_named("ingestion/drain"));
}

static void do_nothing(weir_runtime *runtime) {
    (void)runtime;
}

static weir_status hook_status;

static void wait_in_hook(void *context, const weir_thread *thread) {
    weir_runtime *const *runtime = context;
    (void)thread;
    while (weir__load_acquire_ptr(runtime) == NULL) sched_yield();
    hook_status = weir_runtime_run(*runtime, 0);
}

static void a_hook_may_not_wait_for_its_runtime(void **state) {
    (void)state;
    static weir_runtime *told;
    weir_runtime *runtime;
    const weir_thread_options threads = {.on_start = wait_in_hook, .context = &told};
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .threads = &threads}, &runtime),
        WEIR_OK);
    weir__store_release_ptr(&told, runtime);
    assert_true(on_worker_cast(runtime, 0, do_nothing));
    assert_int_equal(hook_status, WEIR_WRONG_THREAD);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
}

static void without_threads_there_are_no_hooks(void **state) {
    (void)state;
    const weir_thread_options threads = {
        .on_start = on_start, .realtime = 99, .stack_bytes = 65536};
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .threads = &threads};
    const unsigned before = hooks.count;
    assert_true(on_worker_do(&options, do_nothing));
    assert_int_equal(hooks.count, before);
}

/* ---- stacks and priorities ----------------------------------------------------------- */

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static size_t stack_seen;

static void look_at_stack(weir_runtime *runtime) {
    pthread_attr_t attributes;
    weir_ref stage;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &stack_seen);
        pthread_attr_destroy(&attributes);
    }
    /* What weir itself does on it: refuse, format, start, log. */
    weir_stage_start(runtime, &(weir_stage_options){.kind = WEIR_PRODUCER, .event_bytes = 1},
                     &stage);
    const weir_stage_options timely = {.kind = WEIR_CONSUMER,
                                       .takes_bytes = 8,
                                       .worker = WEIR_TIMELY_WORKER,
                                       .on = {.handle_events = take_none}};
    if (weir_stage_start(runtime, &timely, &stage) != WEIR_OK) abort();
}

static const weir_thread_options small = {.stack_bytes = WEIR_STACK_BYTES_LEAST};

static void the_smallest_stack_is_enough_for_weir(void **state) {
    (void)state;
    assert_true(
        on_worker_do(&(weir_runtime_options){.workers = 1, .threads = &small}, look_at_stack));
    /* Much less than the usual 2 or 8 MiB; a sanitizer's runtime adds what it keeps there. */
    assert_in_range(stack_seen, 1, 16 * WEIR_STACK_BYTES_LEAST);
}

/* All memory is to be locked, and little may be. */
static int open_locked(const weir_thread_options *threads) {
    if (mlockall(MCL_FUTURE) != 0) return 50;
    weir_runtime *runtime;
    weir_status status =
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .threads = threads}, &runtime);
    if (status != WEIR_OK) return status == WEIR_SYSTEM ? 1 : 2;
    return weir_runtime_close(runtime, NULL) == WEIR_OK ? 0 : 3;
}

static int open_locked_with_small_stacks(void) {
    return open_locked(&small);
}

static int open_locked_with_usual_stacks(void) {
    return open_locked(NULL);
}

static void small_stacks_fit_where_all_memory_is_locked(void **state) {
    (void)state;
    int said = test_humbly(open_locked_with_small_stacks, 4 << 20);
    if (said == 50) skip();
    assert_int_equal(said, 0);
    struct rlimit stack;
    getrlimit(RLIMIT_STACK, &stack);
    if (stack.rlim_cur >= 8 << 20) {
        assert_int_equal(test_humbly(open_locked_with_usual_stacks, 4 << 20), 1);
    }
}

static int policy_seen, priority_seen, nice_seen;

static void look_at_priority(weir_runtime *runtime) {
    struct sched_param param = {0};
    (void)runtime;
    policy_seen = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    sched_getparam(0, &param);
    priority_seen = param.sched_priority;
    nice_seen = getpriority(PRIO_PROCESS, 0);
}

static void workers_have_the_priority_that_was_asked_for(void **state) {
    (void)state;
    const weir_thread_options threads = {.realtime = 2}, nice = {.nice = 19};
    weir_runtime_options options = {.workers = 1, .threads = &threads};
    if (!on_worker_do(&options, look_at_priority)) {
        assert_non_null(strstr(weir_refusal(), "threads->realtime 2 needs CAP_SYS_NICE"));
    } else {
        assert_int_equal(policy_seen, SCHED_RR);
        assert_int_equal(priority_seen, 2);
    }
    options.threads = &nice;
    assert_true(on_worker_do(&options, look_at_priority));
    assert_int_equal(nice_seen, 19);
}

static int ask_for_priority(void) {
    static const struct {
        weir_thread_options threads;
        const char *why;
    } cases[] = {
        {{.realtime = 5},
         "worker 0 of 2 could not be started: Operation not permitted: threads->realtime 5 needs "
         "CAP_SYS_NICE, or an RLIMIT_RTPRIO as high"},
        {{.nice = -5}, "threads->nice -5 needs CAP_SYS_NICE, or an RLIMIT_NICE that allows it"},
    };
    for (int i = 0; i < 2; i++) {
        weir_runtime *runtime = NULL;
        const weir_runtime_options options = {.workers = 2, .threads = &cases[i].threads};
        if (weir_runtime_open(&options, &runtime) != WEIR_SYSTEM || runtime != NULL) return 1 + i;
        if (strstr(weir_refusal(), cases[i].why) == NULL) return 11 + i;
    }
    return 0;
}

static void a_priority_without_the_right_to_it_is_refused(void **state) {
    (void)state;
    assert_int_equal(test_humbly(ask_for_priority, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* in children, before this process has threads */
        cmocka_unit_test(a_priority_without_the_right_to_it_is_refused),
        cmocka_unit_test(small_stacks_fit_where_all_memory_is_locked),
        cmocka_unit_test(each_thread_calls_its_hooks),
        cmocka_unit_test(a_hook_may_not_wait_for_its_runtime),
        cmocka_unit_test(without_threads_there_are_no_hooks),
        cmocka_unit_test(the_smallest_stack_is_enough_for_weir),
        cmocka_unit_test(workers_have_the_priority_that_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
