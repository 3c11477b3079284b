/*
 * The guide: a pool in the middle of a chain, whose tasks emit; some are tried again later.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     names (iterator) ──► lookups (pool) ──► print
 *
 * A lookup asks a service, which may block, and is down at times.  In simulated time nobody waits.
 */
#include "guide.h"

#include <string.h>

#define MILLISECONDS UINT64_C(1000000)

enum { NAMES = 5 };

struct answer {
    char name[8];
    unsigned attempt;
};

static weir_made give_names(void *context, weir_room room) {
    static const char *const all[NAMES] = {"ada", "bob", "cyd", "dan", "eve"};
    size_t *next = context;
    size_t made = 0;
    char(*names)[8] = room.events;
    for (; made < room.count && *next < NAMES; made++, (*next)++) strcpy(names[made], all[*next]);
    return (weir_made){made, *next < NAMES ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

/* Two answers for a name, one of whom nobody knows; bob's service is down, the first two times. */
static weir_task_result look_up(void *context, const void *event, weir_task *self) {
    struct answer answer = {.attempt = weir_task_attempt(self)};
    (void)context;
    memcpy(answer.name, event, sizeof answer.name);
    if (strcmp(answer.name, "dan") == 0) return WEIR_TASK_OK; /* none */
    weir_must(weir_task_emit(self, &answer, 1));
    if (strcmp(answer.name, "bob") == 0 && answer.attempt < 3) return WEIR_TASK_FAILED;
    answer.name[0] = (char)(answer.name[0] - 'a' + 'A');
    weir_must(weir_task_emit(self, &answer, 1));
    return WEIR_TASK_OK;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct answer *answers = batch.events;
    uint64_t now = weir_runtime_now(weir_stage_runtime(self)) / MILLISECONDS;
    for (size_t i = 0; i < batch.count; i++) {
        printf("%3" PRIu64 " ms: %s, at attempt %u\n", now, answers[i].name, answers[i].attempt);
    }
    return WEIR_CONTINUE;
}

static void run(weir_pool_order order) {
    weir_runtime *runtime;
    weir_runtime_options simulated = {.mode = WEIR_SIMULATED, .workers = 1};
    size_t next = 0;
    weir_must(weir_runtime_open(&simulated, &runtime));
    weir_ref names;
    const weir_iterator_options source = {
        .event_bytes = 8, .next = give_names, .context = &next, .demand = WEIR_ACCUMULATE};
    weir_must(weir_iterator_start(runtime, &source, &names));

    weir_pool *pool;
    weir_ref lookups;
    const weir_subscribe_to eight_names = {.producer = names, .options = {.max_demand = 8}};
    const weir_backoff later = {.first_ns = 100 * MILLISECONDS, .most_ns = 10000 * MILLISECONDS};
    const weir_pool_emits answers = {.event_bytes = sizeof(struct answer), .order = order};
    const weir_pool_options options = {
        .name = "lookups",
        .event_bytes = 8,
        .threads = 8,
        .task = look_up,
        .restart = WEIR_CHILD_TRANSIENT,
        .subscribe_to = &eight_names,
        .subscribe_count = 1,
        .emits = &answers,
        .restart_delay = &later, /* 100 ms, 200 ms, 400 ms ... */
        .attempts = 5,
    };
    weir_must(weir_pool_open(runtime, &options, &pool, &lookups));

    const weir_subscribe_to from = {.producer = lookups, .options = {.max_demand = 16}};
    const weir_stage_options printer = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &from,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = print}};
    weir_must(weir_stage_start(runtime, &printer, NULL));
    weir_must(weir_demand(runtime, names, WEIR_FORWARD));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER)); /* each ends once the one before it has */
    weir_must(weir_pool_close(pool, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
}

int main(void) {
    printf("in any order\n");
    run(WEIR_POOL_ANY_ORDER);
    printf("in order\n");
    run(WEIR_POOL_IN_ORDER);
    return EXIT_SUCCESS;
}
