/*
 * The guide: blocking work in a pool, whose results go on.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     questions ──► pool of four threads ── push ──► answers ──► scribe
 *      (inlet)                                       (inlet)
 *
 * No subscription leads from the pool to the second inlet, but that one has been told who
 * feeds it: in a drain it takes what the pool pushes until the pool is through.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "guide.h"

#include <time.h>

enum { QUESTIONS = 40 };

static weir_task_result answer(void *context, const void *event, weir_task *self) {
    weir_inlet *answers = context;
    uint64_t number = *(const uint64_t *)event;
    (void)self;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* stands for a slow query */
    uint64_t square = number * number;
    /* Waits while there is no room. */
    weir_must(weir_inlet_push(answers, &square, 1, WEIR_FOREVER));
    return WEIR_TASK_OK;
}

static weir_verdict note(weir_stage *self, weir_batch batch) {
    uint64_t *sum = *(uint64_t **)weir_state(self);
    const uint64_t *square = batch.events;
    uint64_t here = 0;
    for (size_t i = 0; i < batch.count; i++) here += square[i];
    *sum += here;
    return WEIR_CONTINUE;
}

static void start_scribe(weir_runtime *runtime, weir_ref answers, uint64_t *sum) {
    weir_subscribe_to to_answers = {.producer = answers};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state = &sum,
        .state_bytes = sizeof sum,
        .subscribe_to = &to_answers,
        .subscribe_count = 1,
        .on = {.handle_events = note},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

static weir_pool *start_pool(weir_runtime *runtime, weir_ref from, weir_inlet *answers,
                             weir_ref *stage) {
    weir_pool *pool;
    weir_subscribe_to to_questions = {
        .producer = from,
        .options = {.max_demand = 4, .min_demand = WEIR_NONE}, /* WEIR_PERMANENT */
    };
    const weir_pool_options options = {
        .name = "clerks",
        .event_bytes = sizeof(uint64_t),
        .threads = 4,
        .task = answer,
        .context = answers,
        .subscribe_to = &to_questions,
        .subscribe_count = 1,
    };
    weir_must(weir_pool_open(runtime, &options, &pool, stage));
    return pool;
}

int main(void) {
    weir_runtime *runtime;
    weir_inlet *questions, *answers;
    weir_ref asked, answered, clerks;
    weir_drain_report report;
    uint64_t sum = 0;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true}, &runtime));
    weir_must(weir_inlet_open(
        runtime, &(weir_inlet_options){.event_bytes = sizeof(uint64_t), .capacity = QUESTIONS},
        &questions, &asked));
    const weir_inlet_options answers_options = {
        .event_bytes = sizeof(uint64_t), .capacity = 2, .when_full = WEIR_BLOCK};
    weir_must(weir_inlet_open(runtime, &answers_options, &answers, &answered));
    start_scribe(runtime, answered, &sum);
    weir_pool *pool = start_pool(runtime, asked, answers, &clerks);
    weir_must(weir_feeds(runtime, clerks, answered)); /* also before the first answer */

    for (uint64_t number = 1; number <= QUESTIONS; number++)
        weir_must(weir_inlet_push(questions, &number, 1, 0));
    weir_must(
        weir_runtime_drain(runtime, WEIR_FOREVER, &report)); /* nearly all are still to come */
    printf("%d questions; the answers' sum is %" PRIu64 "; discarded: %" PRIu64 "\n", QUESTIONS,
           sum, report.accounts.discarded);

    weir_must(weir_pool_close(pool, NULL));
    weir_inlet_close(questions);
    weir_inlet_close(answers);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
