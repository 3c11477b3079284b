/*
 * Push: events come from outside, and go to whichever consumer is free.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     main ── push ──► inlet ──► printer 1, 2, 3
 *
 * The inlet is a producer with a queue: what is pushed waits until somebody
 * asks.  The printers ask for one event at a time (max_demand 1), and the third
 * takes ten times as long as the first over each: so it gets fewer, without
 * anybody having planned it.  When 16 events wait, a push waits too: the
 * pressure reaches whoever pushes.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <weir/weir.h>

#define EVENTS   60
#define PRINTERS 3

struct printer {
    unsigned number;
    long work_ns;   /* how long it takes over one event */
    unsigned taken; /* how many it has had              */
};

static weir_verdict print(weir_stage *self, weir_batch batch) {
    struct printer *printer = *(struct printer **)weir_state(self);
    const uint64_t *event = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        printf("{printer %u, %" PRIu64 "}\n", printer->number, event[i]);
        nanosleep(&(struct timespec){.tv_nsec = printer->work_ns}, NULL); /* stands for work */
        printer->taken++;
    }
    return WEIR_CONTINUE;
}

static void start_printer(weir_runtime *runtime, weir_ref inlet, struct printer *printer) {
    weir_subscribe_to one_at_a_time = {
        .producer = inlet,
        .options = {.max_demand = 1, .min_demand = WEIR_NONE},
    };
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "printer",
        .takes_bytes = sizeof(uint64_t),
        .state = &printer,
        .state_bytes = sizeof printer,
        .worker = WEIR_WORKER(printer->number), /* one each: it sleeps */
        .subscribe_to = &one_at_a_time,
        .subscribe_count = 1,
        .on = {.handle_events = print},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

int main(void) {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_ref source;
    weir_accounts accounts;
    struct printer printers[PRINTERS] = {
        {.number = 1, .work_ns = 5000000},
        {.number = 2, .work_ns = 10000000},
        {.number = 3, .work_ns = 50000000},
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also into a pipe */

    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1 + PRINTERS}, &runtime));
    const weir_inlet_options inlet_options = {
        .event_bytes = sizeof(uint64_t),
        .capacity = 16,
        .when_full = WEIR_BLOCK,
        .worker = WEIR_WORKER(0),
    };
    weir_must(weir_inlet_open(runtime, &inlet_options, &inlet, &source));
    for (unsigned i = 0; i < PRINTERS; i++) start_printer(runtime, source, &printers[i]);
    weir_runtime_settle(runtime, WEIR_FOREVER); /* all three have subscribed */

    for (uint64_t event = 1; event <= EVENTS; event++)
        weir_must(weir_inlet_push(inlet, &event, 1, WEIR_FOREVER));
    weir_must(weir_inlet_finish(inlet)); /* what waits still goes out; then all end */
    weir_runtime_run(runtime, WEIR_FOREVER);
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, &accounts));

    for (unsigned i = 0; i < PRINTERS; i++)
        printf("printer %u took %2u events, %2ld ms each\n", printers[i].number, printers[i].taken,
               printers[i].work_ns / 1000000);
    printf("accounts: emitted %" PRIu64 " = handled %" PRIu64 " + discarded %" PRIu64 "\n",
           accounts.emitted, accounts.handled, accounts.discarded);
    return EXIT_SUCCESS;
}
