/*
 * The guide: lines of any length, pushed into an inlet that is bounded in bytes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a log are formatted on the stack of who pushes them. So many wait as have 150 bytes
 * together, their fixed parts of 24 bytes included; a longer one has room where nothing else waits.
 */
#include "guide.h"

#include <string.h>

struct line {
    weir_bytes text;
    uint64_t number;
};

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};

static void log_text(weir_inlet *inlet, uint64_t number, const char *text) {
    char buffer[200];
    int bytes = snprintf(buffer, sizeof buffer, "[%" PRIu64 "] %s", number, text);
    const struct line line = {.text = {buffer, (uint32_t)bytes, 0}, .number = number};
    weir_status status = weir_inlet_push(inlet, &line, 1, 0);
    printf("%zu + %d bytes: %s, %zu wait\n", sizeof line, bytes, weir_status_name(status),
           weir_inlet_waiting(inlet));
}

static weir_verdict print_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++)
        printf("    %.*s\n", line[i].text.count < 45 ? (int)line[i].text.count : 45,
               line[i].text.at);
    return WEIR_CONTINUE;
}

static void start_printer(weir_runtime *runtime, weir_ref source) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .subscribe_to = &(weir_subscribe_to){.producer = source},
        .subscribe_count = 1,
        .on = {.handle_events = print_lines},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_inlet *inlet;
    weir_ref source;
    const weir_inlet_options options = {.type = &lines, .capacity_bytes = 150};
    weir_must(weir_inlet_open(runtime, &options, &inlet, &source));
    log_text(inlet, 1, "started");
    log_text(inlet, 2, "a request for /inlets, from 10.0.0.7");
    log_text(inlet, 3, "a request for /ports, from 10.0.0.7");
    log_text(inlet, 4, "stopped");
    start_printer(runtime, source);
    weir_runtime_run(runtime, 1000000); /* what waits goes out */
    char dashes[160];
    memset(dashes, '-', sizeof dashes);
    dashes[sizeof dashes - 1] = 0;
    log_text(inlet, 5, dashes);
    log_text(inlet, 6, "so");
    weir_must(weir_inlet_finish(inlet));
    weir_runtime_run(runtime, WEIR_FOREVER);
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
