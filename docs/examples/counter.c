/*
 * The first pipeline: a counter, a multiplier, and consumers that print.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     counter ──► multiplier ──► consumer 1 .. n
 *
 * The counter never ends; each round runs for a second, first with one consumer
 * and then with four.  Nobody is ever sent more than he has asked for, so all of
 * them run exactly as fast as the slowest lets them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

#define ROUND_NS  1000000000u
#define CONSUMERS 4

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    while (demand > 0) {
        weir_room room = weir_reserve(self, demand);
        uint64_t *out = room.events;
        if (out == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        for (size_t i = 0; i < room.count; i++) out[i] = *next + i;
        *next += room.count;
        weir_commit(self, room.count);
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict multiply(weir_stage *self, weir_batch batch) {
    const uint64_t bits = *(const uint64_t *)weir_state(self);
    uint64_t *event = weir_own(self); /* in place; copied only if shared */
    if (event == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) event[i] <<= bits; /* times 2^bits */
    return weir_forward(self);
}

struct printer {
    unsigned number;
    uint64_t *seen; /* where main finds the result */
};

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct printer *printer = weir_state(self);
    const uint64_t *event = batch.events;
    if (*printer->seen == 0) {
        char line[256];
        int length = snprintf(line, sizeof line, "  consumer %u begins with", printer->number);
        for (size_t i = 0; i < batch.count && i < 8; i++)
            length += snprintf(line + length, sizeof line - (size_t)length, " %" PRIu64, event[i]);
        printf("%s ...\n", line);
    }
    *printer->seen += batch.count;
    return WEIR_CONTINUE;
}

static weir_ref start_counter(weir_runtime *runtime) {
    weir_ref counter;
    const weir_stage_options counter_options = {
        .kind = WEIR_PRODUCER,
        .name = "counter",
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE, /* until all have subscribed */
        .on = {.handle_demand = count},
    };
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    return counter;
}

static weir_ref start_multiplier(weir_runtime *runtime, weir_ref counter) {
    weir_ref multiplier;
    const weir_stage_options multiplier_options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "multiplier",
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .state = &(uint64_t){1}, /* times 2 */
        .state_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = counter},
        .subscribe_count = 1,
        .on = {.handle_events = multiply},
    };
    weir_must(weir_stage_start(runtime, &multiplier_options, &multiplier));
    return multiplier;
}

static void start_printer(weir_runtime *runtime, weir_ref multiplier, struct printer printer) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "printer",
        .takes_bytes = sizeof(uint64_t),
        .state = &printer,
        .state_bytes = sizeof printer,
        .subscribe_to = &(weir_subscribe_to){.producer = multiplier},
        .subscribe_count = 1,
        .on = {.handle_events = print},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

static void report(const uint64_t *seen, unsigned consumers, double seconds) {
    uint64_t total = 0;
    for (unsigned i = 0; i < consumers; i++) {
        total += seen[i];
        printf("  consumer %u took %12" PRIu64 " events, %8.1f million/s\n", i + 1, seen[i],
               (double)seen[i] / seconds / 1e6);
    }
    printf("  together        %12" PRIu64 " events, %8.1f million/s\n", total,
           (double)total / seconds / 1e6);
}

static void run(unsigned consumers) {
    weir_runtime *runtime;
    weir_accounts accounts;
    uint64_t seen[CONSUMERS] = {0};
    printf("counter -> multiplier -> %u consumer%s\n", consumers, consumers == 1 ? "" : "s");

    weir_must(weir_runtime_open(NULL, &runtime));
    weir_ref counter = start_counter(runtime);
    weir_ref multiplier = start_multiplier(runtime, counter);
    for (unsigned i = 0; i < consumers; i++)
        start_printer(runtime, multiplier, (struct printer){.number = i + 1, .seen = &seen[i]});

    weir_runtime_settle(runtime, WEIR_FOREVER); /* all have subscribed: */
    uint64_t begin = weir_runtime_now(runtime);
    weir_must(weir_demand(runtime, counter, WEIR_FORWARD)); /* let it flow */
    weir_runtime_run(runtime, ROUND_NS);
    weir_must(weir_finish(runtime, counter)); /* and so do the others, when it has ended */
    weir_runtime_run(runtime, WEIR_FOREVER);
    report(seen, consumers, (double)(weir_runtime_now(runtime) - begin) / 1e9);

    weir_must(weir_runtime_close(runtime, &accounts));
    printf("  accounts: emitted %" PRIu64 " = handled %" PRIu64 " + buffered %" PRIu64
           " + in flight %" PRIu64 " + discarded %" PRIu64 "\n\n",
           accounts.emitted, accounts.handled, accounts.buffered, accounts.in_flight,
           accounts.discarded);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also into a pipe */
    run(1);
    run(CONSUMERS);
    return EXIT_SUCCESS;
}
