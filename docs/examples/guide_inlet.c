/*
 * The guide: what a push into a full inlet does, by policy.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Six events are pushed, one by one, into an inlet with room for four; only then
 * does a consumer come.
 */
#include "guide.h"

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("    then the consumer gets", batch);
    return WEIR_CONTINUE;
}

static void lost(void *context, uint64_t count, weir_discard cause) {
    uint64_t *discarded = context;
    (void)cause;
    *discarded += count;
}

static void show(const char *name, weir_when_full policy) {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_ref source;
    uint64_t discarded = 0;
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_inlet_options inlet_options = {
        .event_bytes = sizeof(uint64_t),
        .capacity = 4,
        .when_full = policy,
        .discarded = lost, /* without it a warning is logged */
        .context = &discarded,
    };
    weir_must(weir_inlet_open(runtime, &inlet_options, &inlet, &source));
    printf("%s:", name);
    for (uint64_t event = 1; event <= 6; event++) {
        weir_status status = weir_inlet_push(inlet, &event, 1, 1000000); /* waits 1 ms at most */
        printf(" %s", weir_status_name(status));
    }
    printf("\n");
    weir_must(weir_inlet_finish(inlet));
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = source},
        .subscribe_count = 1,
        .on = {.handle_events = consume},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_runtime_run(runtime, WEIR_FOREVER);
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    if (discarded > 0) printf("    discarded: %" PRIu64 "\n", discarded);
}

int main(void) {
    show("refuse", WEIR_REFUSE);
    show("block", WEIR_BLOCK);
    show("drop newest", WEIR_DROP_NEWEST);
    show("drop oldest", WEIR_DROP_OLDEST);
    return EXIT_SUCCESS;
}
