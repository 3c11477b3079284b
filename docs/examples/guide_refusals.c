/*
 * The guide: what a refused call says.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

static weir_verdict nothing(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict ignore(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void show(weir_status status) {
    printf("%s: %s\n", weir_status_name(status), weir_refusal());
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref producer, consumer;
    weir_stage_options wrong = {.kind = WEIR_PRODUCER, .event_bytes = sizeof(uint64_t)};
    show(weir_stage_start(runtime, &wrong, &producer)); /* no handle_demand */
    wrong.on.handle_demand = nothing;
    wrong.event_bytes = 100000;
    show(weir_stage_start(runtime, &wrong, &producer));
    wrong.event_bytes = sizeof(uint64_t);
    weir_must(weir_stage_start(runtime, &wrong, &producer));
    weir_stage_options taker = {
        .kind = WEIR_CONSUMER, .name = "taker", .takes_bytes = 16, .on = {.handle_events = ignore}};
    weir_must(weir_stage_start(runtime, &taker, &consumer));
    show(weir_subscribe(runtime, consumer, producer, NULL, NULL)); /* whose events have 8 */
    taker.takes_bytes = sizeof(uint64_t);
    weir_must(weir_stage_start(runtime, &taker, &consumer));

    weir_subscribe_options options = {.max_demand = 10, .min_demand = 10};
    show(weir_subscribe(runtime, consumer, producer, &options, NULL));
    show(weir_subscribe(runtime, producer, consumer, NULL, NULL));
    weir_must(weir_stop(runtime, producer, WEIR_REASON_NORMAL));
    weir_runtime_settle(runtime, WEIR_FOREVER);
    show(weir_subscribe(runtime, consumer, producer, NULL, NULL)); /* it has gone */
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
