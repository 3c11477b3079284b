/*
 * The guide: calls, timers, names, and a stage that watches another.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

enum { SECOND = 1000000000 };

struct counter {
    uint64_t all;
    uint64_t told; /* of these, in earlier seconds */
};

static weir_verdict count(weir_stage *self, const void *message, size_t bytes) {
    struct counter *counter = weir_state(self);
    (void)message, (void)bytes;
    counter->all++;
    return WEIR_CONTINUE;
}

static weir_verdict asked(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    const struct counter *counter = weir_state(self);
    (void)request, (void)bytes;
    weir_must(weir_reply(weir_stage_runtime(self), from, &counter->all, sizeof counter->all));
    return WEIR_CONTINUE;
}

static weir_verdict tick(weir_stage *self, const void *message, size_t bytes) {
    struct counter *counter = weir_state(self);
    (void)message, (void)bytes;
    printf("in the last second: %" PRIu64 "\n", counter->all - counter->told);
    counter->told = counter->all;
    weir_must(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, SECOND, NULL));
    return WEIR_CONTINUE;
}

/* init may send to its own stage: the first tick. */
static weir_verdict begin(weir_stage *self, void *argument) {
    (void)argument;
    weir_must(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, SECOND, NULL));
    return WEIR_CONTINUE;
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* ---- the auditor --------------------------------------------------------- */

static weir_verdict watch(weir_stage *self, void *argument) {
    weir_ref counter;
    (void)argument;
    weir_must(weir_whereis(weir_stage_runtime(self), "counter", &counter));
    weir_must(weir_monitor_stage(self, counter, NULL));
    return WEIR_CONTINUE;
}

static weir_verdict counter_gone(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)stage;
    printf("the counter watched over by %s stopped (%s)\n", weir_stage_name(self),
           weir_reason_text(reason));
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime;
    weir_ref counter;
    weir_must(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, &runtime));
    const weir_stage_options counter_options = {
        .kind = WEIR_CONSUMER,
        .name = "counter",
        .registered = true,
        .state_bytes = sizeof(struct counter),
        .on = {.init = begin,
               .handle_events = no_events,
               .handle_call = asked,
               .handle_cast = count,
               .handle_info = tick},
    };
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "auditor",
        .on = {.init = watch, .handle_events = no_events, .handle_down = counter_gone},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    for (int i = 0; i < 4; i++) {
        weir_must(weir_cast(runtime, counter, NULL, 0));
        if (i == 2) weir_must(weir_runtime_advance(runtime, SECOND));
    }
    weir_must(weir_runtime_advance(runtime, 2 * (uint64_t)SECOND));
    uint64_t all = 0;
    weir_answer answer = {.bytes = &all, .room = sizeof all};
    weir_must(weir_call(runtime, counter, NULL, 0, &answer, WEIR_FOREVER));
    printf("in all: %" PRIu64 "\n", all);
    weir_must(weir_stop_wait(runtime, counter, WEIR_REASON_NORMAL, WEIR_FOREVER));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
