/*
 * Goal: a runtime runs on memory of its own, locked as far as the process may, huge, and ready.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbers go from one worker to another, and each comes in its turn.
 */
#include "support/cmocka.h"
#include "support/humble.h"

#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static uint64_t handled;

static weir_verdict count_up(weir_stage *self, uint64_t demand) {
    enum { ALL = 100000 };
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < ALL; demand--, ++*next) weir_must(weir_emit(self, next, 1));
    return *next < ALL ? WEIR_CONTINUE : WEIR_FINISH;
}

/* Each number comes, in order. */
static weir_verdict check_order(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        if (number[i] != handled++) abort();
    }
    return WEIR_CONTINUE;
}

static void run_numbers(const weir_memory_options *memory, const char *from) {
    weir_runtime *runtime;
    weir_ref producer;
    weir_accounts accounts;
    handled = 0;
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 2, .memory = memory}, &runtime),
        WEIR_OK);
    assert_string_equal(weir_runtime_allocator(runtime), from);
    const weir_stage_options from_here = {.kind = WEIR_PRODUCER,
                                          .event_bytes = 8,
                                          .state_bytes = 8,
                                          .worker = WEIR_WORKER(0),
                                          .demand = WEIR_ACCUMULATE,
                                          .on = {.handle_demand = count_up}};
    assert_int_equal(weir_stage_start(runtime, &from_here, &producer), WEIR_OK);
    const weir_stage_options to_here = {.kind = WEIR_CONSUMER,
                                        .takes_bytes = 8,
                                        .worker = WEIR_WORKER(1),
                                        .subscribe_to = &(weir_subscribe_to){.producer = producer},
                                        .subscribe_count = 1,
                                        .on = {.handle_events = check_order}};
    assert_int_equal(weir_stage_start(runtime, &to_here, NULL), WEIR_OK);
    weir_demand(runtime, producer, WEIR_FORWARD);
    assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, &accounts), WEIR_OK);
    assert_null(weir_accounts_check(&accounts));
    assert_int_equal(handled, 100000);
}

static void events_lie_in_the_runtime_s_own_pages(void **state) {
    (void)state;
    run_numbers(&(weir_memory_options){.huge_pages = true, .ready_bytes = 4 << 20}, "pages");
    run_numbers(&(weir_memory_options){.ready_bytes = 1}, "pages");
}

static int run_locked(void) {
    run_numbers(&(weir_memory_options){.lock = true}, "pages");
    weir_runtime *runtime;
    const weir_memory_options more = {.lock = true, .ready_bytes = 64 << 20};
    const weir_runtime_options options = {.workers = 1, .memory = &more};
    return weir_runtime_open(&options, &runtime) == WEIR_SYSTEM &&
                   strstr(weir_refusal(), "memory->lock: ") == weir_refusal()
               ? 0
               : 1;
}

static void memory_is_locked_as_far_as_the_process_may(void **state) {
    (void)state;
    assert_int_equal(test_humbly(run_locked, 8 << 20), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_locked_as_far_as_the_process_may),
        cmocka_unit_test(events_lie_in_the_runtime_s_own_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
