/*
 * The guide: what is emitted without demand waits in a buffer, or is discarded.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The producer here does not wait to be asked: it emits whatever it is sent, as
 * something that listens to the outside world must.
 */
#include "guide.h"

static weir_verdict asked(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand; /* it has nothing of its own to give */
    return WEIR_CONTINUE;
}

static weir_verdict heard(weir_stage *self, const void *message, size_t bytes) {
    weir_must(weir_emit(self, message, bytes / sizeof(uint64_t)));
    return WEIR_CONTINUE;
}

static void lost(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)cause;
    printf("%s lost %" PRIu64 "\n", weir_stage_name(self), count);
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("consumer got", batch);
    return WEIR_CONTINUE;
}

static void show(const char *name, weir_keep keep) {
    weir_runtime *runtime = open_stepped();
    weir_ref listener, consumer;
    const uint64_t events[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const weir_stage_options listener_options = {
        .kind = WEIR_PRODUCER,
        .name = name,
        .event_bytes = sizeof(uint64_t),
        .buffer_size = 5,
        .buffer_keep = keep,
        .on = {.handle_demand = asked, .handle_cast = heard, .discarded = lost},
    };
    weir_must(weir_stage_start(runtime, &listener_options, &listener));
    weir_must(weir_cast(runtime, listener, events, sizeof events)); /* nobody has asked yet */
    weir_runtime_settle(runtime, WEIR_FOREVER);

    const weir_stage_options consumer_options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .on = {.handle_events = consume},
    };
    weir_must(weir_stage_start(runtime, &consumer_options, &consumer));
    weir_must(weir_subscribe(runtime, consumer, listener, NULL, NULL));
    weir_runtime_settle(runtime, WEIR_FOREVER);
    weir_must(weir_runtime_close(runtime, NULL));
}

int main(void) {
    show("keep last", WEIR_KEEP_LAST);
    show("keep first", WEIR_KEEP_FIRST);
    return EXIT_SUCCESS;
}
