/*
 * A program of some 0.x version, which run compiles with that version's headers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It hands over and takes back what has a size: structs, structs within them, arrays of
 * them.  With headers that are later than the library it says what they are refused with, if
 * it sets (SETS_NEWER) what the library does not know.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

enum { NUMBERS = 5 };

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    printf("%s: %s\n", weir_status_name(status), weir_refusal());
    exit(EXIT_FAILURE);
}

static weir_verdict emit_numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < NUMBERS; demand--, ++*next) must(weir_emit(self, next, 1));
    return *next < NUMBERS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict count_numbers(weir_stage *self, weir_batch batch) {
    **(uint64_t **)weir_state(self) += batch.count;
    return WEIR_CONTINUE;
}

static weir_task_result nothing(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

/* Two sources under a supervisor, and a sink of both. */
static void start_stages(weir_runtime *runtime, uint64_t *count, weir_supervised_info about[2]) {
    weir_ref supervisor;
    size_t children;
    const weir_stage_options source = {.kind = WEIR_PRODUCER,
                                       .event_bytes = sizeof(uint64_t),
                                       .state_bytes = sizeof(uint64_t),
                                       .on = {.handle_demand = emit_numbers}};
    const weir_supervised sources[] = {
        {.stage = &source, .name = "one", .restart = WEIR_RESTART_TEMPORARY},
        {.stage = &source, .name = "two", .restart = WEIR_RESTART_TEMPORARY}};
    must(weir_supervisor_start(runtime,
                               &(weir_supervisor_options){.ends_with_children = true,
                                                          .children = sources,
                                                          .child_count = 2},
                               &supervisor));
    must(weir_supervisor_children(runtime, supervisor, WEIR_FOREVER, about, 2, &children));
    const weir_subscribe_to both[] = {
        {.producer = about[0].stage, .options = {.max_demand = 2}},
        {.producer = about[1].stage, .options = {.max_demand = 3}},
    };
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_CONSUMER,
                              .takes_bytes = sizeof(uint64_t),
                              .state = &count,
                              .state_bytes = sizeof count,
                              .subscribe_to = both,
                              .subscribe_count = 2,
                              .on = {.handle_events = count_numbers},
#ifdef SETS_NEWER
                              .newer = 1,
#endif
                          },
                          NULL));
}

/* Returns how many children of a pool are listed, and queued. */
static size_t count_children(weir_runtime *runtime) {
    weir_pool *pool;
    weir_child_info list[2];
    weir_pool_counts counts;
    uint64_t event = 1;
    must(weir_pool_open(
        runtime,
        &(weir_pool_options){.event_bytes = sizeof event, .threads = WEIR_NONE, .task = nothing},
        &pool, NULL));
    must(weir_pool_start_child(pool, &event, NULL));
    must(weir_pool_start_child(pool, &event, NULL));
    size_t listed = weir_pool_children(pool, list, 2);
    bool queued = list[0].state == WEIR_CHILD_QUEUED && list[1].state == WEIR_CHILD_QUEUED;
    must(weir_pool_count(pool, &counts));
    must(weir_runtime_settle(runtime, WEIR_FOREVER));
    must(weir_pool_close(pool, NULL));
    return queued && counts.queued == listed ? listed : 0;
}

int main(void) {
    weir_runtime *runtime;
    weir_supervised_info about[2];
    weir_drain_report report;
    weir_accounts accounts;
    uint64_t count = 0;
    must(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1}, &runtime));
    start_stages(runtime, &count, about);
    must(weir_runtime_settle(runtime, WEIR_FOREVER));
    size_t children = count_children(runtime);
    must(weir_runtime_drain(runtime, WEIR_FOREVER, &report));
    must(weir_runtime_close(runtime, &accounts));
    printf("%s and %s: %" PRIu64 " of %" PRIu64 " numbers, %zu children; stalled %d\n",
           about[0].name, about[1].name, count, accounts.handled, children, report.stalled);
    return EXIT_SUCCESS;
}
