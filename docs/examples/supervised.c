/*
 * A pipeline whose stages die, and that goes on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * source -> work -> sink under a supervisor.  The source gives numbers and dies
 * of every seventh; where it is lies outside of it, so the one that takes its
 * place goes on there.  The work stage dies of number 10 the first time it sees
 * it.  At the end a drain and the accounts.
 */
#include "guide.h"

enum { NUMBERS = 20 };

/* ---- stages -------------------------------------------------------------- */

/* Emits what is asked for; at each seventh number it stops as if it had failed. */
static weir_verdict give(weir_stage *self, uint64_t demand) {
    uint64_t *next = *(uint64_t **)weir_state(self); /* main's: it survives the stage */
    for (; demand > 0 && *next < NUMBERS; demand--) {
        weir_must(weir_emit(self, next, 1));
        if (++*next % 7 == 0) return weir_stop_with(self, WEIR_REASON_USER);
    }
    return WEIR_CONTINUE;
}

static weir_verdict square(weir_stage *self, weir_batch batch) {
    bool *has_failed = *(bool **)weir_state(self);
    const uint64_t *in = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (in[i] == 10 && !*has_failed) {
            *has_failed = true;
            return weir_stop_with(self, WEIR_REASON_USER);
        }
        uint64_t squared = in[i] * in[i];
        weir_must(weir_emit(self, &squared, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("sink:", batch);
    return WEIR_CONTINUE;
}

/* ---- the program --------------------------------------------------------- */

static void log_line(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    printf("log: %s\n", text);
}

int main(void) {
    uint64_t next = 0;
    uint64_t *at = &next;
    bool has_failed = false, *failed = &has_failed;
    weir_runtime *runtime;
    weir_ref supervisor;
    weir_must(weir_runtime_open(
        &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1, .log = log_line}, &runtime));

    const weir_stage_options source = {.kind = WEIR_PRODUCER,
                                       .name = "source",
                                       .registered = true,
                                       .event_bytes = sizeof(uint64_t),
                                       .state = &at,
                                       .state_bytes = sizeof at,
                                       .on = {.handle_demand = give}};
    const weir_subscribe_to from_source = {
        .name = "source", .options = {.max_demand = 4, .min_demand = 2, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options work = {.kind = WEIR_PRODUCER_CONSUMER,
                                     .name = "work",
                                     .event_bytes = sizeof(uint64_t),
                                     .takes_bytes = sizeof(uint64_t),
                                     .state = &failed,
                                     .state_bytes = sizeof failed,
                                     .subscribe_to = &from_source,
                                     .subscribe_count = 1,
                                     .on = {.handle_events = square}};
    const weir_subscribe_to from_work = {.producer = WEIR_SIBLING(1),
                                         .options = {.max_demand = 4, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .name = "sink",
                                     .takes_bytes = sizeof(uint64_t),
                                     .subscribe_to = &from_work,
                                     .subscribe_count = 1,
                                     .on = {.handle_events = print}};
    const weir_supervised children[] = {{.stage = &source}, {.stage = &work}, {.stage = &sink}};
    const weir_supervisor_options supervisor_options = {
        .strategy = WEIR_ONE_FOR_ONE, .max_restarts = 5, .children = children, .child_count = 3};
    weir_must(weir_supervisor_start(runtime, &supervisor_options, &supervisor));

    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_drain_report report;
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, &report));
    printf("emitted %" PRIu64 " = handled %" PRIu64 " + discarded %" PRIu64 "\n",
           report.accounts.emitted, report.accounts.handled, report.accounts.discarded);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
