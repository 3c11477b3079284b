/*
 * The guide: draining a runtime, with and without somebody to drain it to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

/* It has 50 events in hand, whoever asks for them. */
static weir_verdict fill(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    for (uint64_t event = 0; event < 50; event++) weir_must(weir_emit(self, &event, 1));
    return WEIR_CONTINUE;
}

static weir_verdict no_more(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_ref start_tank(weir_runtime *runtime) {
    weir_ref tank;
    const weir_stage_options tank_options = {
        .kind = WEIR_PRODUCER,
        .name = "tank",
        .event_bytes = sizeof(uint64_t),
        .on = {.handle_demand = no_more, .handle_cast = fill},
    };
    weir_must(weir_stage_start(runtime, &tank_options, &tank));
    weir_must(weir_cast(runtime, tank, NULL, 0));
    return tank;
}

static void drain(weir_runtime *runtime) {
    weir_drain_report report;
    weir_status status = weir_runtime_drain(runtime, 1000000000, &report);
    printf("%s: %" PRIu64 " emitted, %" PRIu64 " handled, %" PRIu64 " in buffers",
           weir_status_name(status), report.accounts.emitted, report.accounts.handled,
           report.accounts.buffered);
    if (status == WEIR_TIMEOUT)
        printf(", held up by %s (%s), which waits for %s", report.name,
               weir_holdup_text(report.why),
               report.waits_for.bits != 0 ? report.waits_for_name : "nobody");
    printf("\n");
}

/* What is left in the tank then is discarded, and this is not the place to say so. */
static void quiet(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level, (void)text;
}

int main(void) {
    for (int consumers = 1; consumers >= 0; consumers--) {
        weir_runtime *runtime;
        weir_must(weir_runtime_open(
            &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1, .log = quiet}, &runtime));
        const weir_subscribe_to to_tank = {.producer = start_tank(runtime),
                                           .options = {.max_demand = 4}};
        const weir_stage_options consumer = {
            .kind = WEIR_CONSUMER,
            .takes_bytes = sizeof(uint64_t),
            .subscribe_to = &to_tank,
            .subscribe_count = 1,
            .on = {.handle_events = take},
        };
        if (consumers > 0) weir_must(weir_stage_start(runtime, &consumer, NULL));
        drain(runtime);
        weir_must(weir_runtime_close(runtime, NULL));
    }
    return EXIT_SUCCESS;
}
