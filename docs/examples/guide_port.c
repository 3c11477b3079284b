/*
 * The guide: two threads push into one inlet, each through a port of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each pushes numbers one by one; the consumer adds up what it gets of each.
 */
#include "guide.h"

#include <pthread.h>

enum { EACH = 100000 };

struct sums {
    uint64_t odd, even;
};

static weir_verdict add(weir_stage *self, weir_batch batch) {
    struct sums *sums = *(struct sums **)weir_state(self);
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++)
        *(numbers[i] % 2 == 0 ? &sums->even : &sums->odd) += numbers[i];
    return WEIR_CONTINUE;
}

static void push_every_second(weir_inlet *inlet, uint64_t first) {
    weir_port *port;
    weir_must(weir_port_open(inlet, &port));
    for (uint64_t number = first; number < first + 2 * EACH; number += 2)
        weir_must(weir_port_push(port, &number, 1, WEIR_FOREVER));
    weir_port_close(port); /* what waits in it goes out all the same */
}

static void *push_odd(void *inlet) {
    push_every_second(inlet, 1);
    return NULL;
}

int main(void) {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_ref source;
    pthread_t thread;
    struct sums sums = {0};
    struct sums *state = &sums;
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_inlet_options inlet_options = {
        .event_bytes = sizeof(uint64_t),
        .capacity = 1024, /* of each port */
        .when_full = WEIR_BLOCK,
    };
    weir_must(weir_inlet_open(runtime, &inlet_options, &inlet, &source));
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state = &state,
        .state_bytes = sizeof state,
        .subscribe_to = &(weir_subscribe_to){.producer = source},
        .subscribe_count = 1,
        .on = {.handle_events = add},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    if (pthread_create(&thread, NULL, push_odd, inlet) != 0) return EXIT_FAILURE;
    push_every_second(inlet, 2);
    pthread_join(thread, NULL);
    weir_must(weir_inlet_finish(inlet));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    printf("odd %" PRIu64 ", even %" PRIu64 "\n", sums.odd, sums.even);
    return EXIT_SUCCESS;
}
