/*
 * A consumer supervisor: each event is printed by a task of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     counter ──► pool of 16 threads, at most 8 printers at once
 *
 * A printer takes its time over one event, as a request to another machine
 * would: callbacks must not, but a pool's tasks may.  The pool asks for 8 events,
 * which become 8 printers; each time 4 have finished (min_demand), it asks for 4
 * more.  So never more than 8 are at work, although there are threads for 16.
 * One event in ten fails at first, and is begun again without being asked for
 * again.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep, pthread */

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <weir/weir.h>

#define EVENTS   50
#define PRINTERS 8
#define WORK_NS  2000000

struct office {
    pthread_mutex_t lock;
    unsigned at_work;
    unsigned most_at_work;
    bool failed[EVENTS];
};

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < EVENTS; demand--, ++*next)
        if (weir_emit(self, next, 1) != WEIR_OK) return WEIR_STOP;
    return *next < EVENTS ? WEIR_CONTINUE : WEIR_FINISH;
}

/* A task: runs on any of the pool's threads, beside others. */
static weir_task_result print(void *context, const void *event, weir_task *self) {
    struct office *office = context;
    uint64_t number = *(const uint64_t *)event;
    (void)self;
    pthread_mutex_lock(&office->lock);
    if (++office->at_work > office->most_at_work) office->most_at_work = office->at_work;
    bool fails = number % 10 == 9 && !office->failed[number];
    office->failed[number] = fails;
    pthread_mutex_unlock(&office->lock);

    nanosleep(&(struct timespec){.tv_nsec = WORK_NS}, NULL); /* stands for work */

    pthread_mutex_lock(&office->lock);
    printf(fails ? "{printer, %" PRIu64 "} fails\n" : "{printer, %" PRIu64 "}\n", number);
    office->at_work--;
    pthread_mutex_unlock(&office->lock);
    return fails ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

int main(void) {
    static struct office office = {.lock = PTHREAD_MUTEX_INITIALIZER};
    weir_runtime *runtime;
    weir_ref counter;
    weir_pool *pool;
    weir_accounts accounts;

    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_stage_options counter_options = {
        .kind = WEIR_PRODUCER,
        .name = "counter",
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE, /* until the pool is there */
        .on = {.handle_demand = count},
    };
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    weir_subscribe_to a_few_at_once = {
        .producer = counter,
        .options = {.max_demand = PRINTERS},
    };
    const weir_pool_options pool_options = {
        .name = "printers",
        .event_bytes = sizeof(uint64_t),
        .threads = 2 * PRINTERS,
        .task = print,
        .context = &office,
        .restart = WEIR_CHILD_TRANSIENT,
        .max_restarts = EVENTS,
        .subscribe_to = &a_few_at_once,
        .subscribe_count = 1,
    };
    weir_must(weir_pool_open(runtime, &pool_options, &pool, NULL));
    weir_must(weir_demand(runtime, counter, WEIR_FORWARD));

    weir_must(weir_runtime_run(runtime, WEIR_FOREVER)); /* the pool ends after its last task */
    weir_must(weir_pool_close(pool, NULL));
    weir_must(weir_runtime_close(runtime, &accounts));
    printf("at most %d at work: %s\n", PRINTERS, office.most_at_work <= PRINTERS ? "yes" : "no");
    printf("accounts: emitted %" PRIu64 " = handled %" PRIu64 " + discarded %" PRIu64 "\n",
           accounts.emitted, accounts.handled, accounts.discarded);
    return EXIT_SUCCESS;
}
