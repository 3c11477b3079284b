/*
 * The guide: marks that are pushed from outside, and read there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

static void push_files(weir_inlet *inlet) {
    weir_port *port;
    weir_must(weir_port_open(inlet, &port));
    for (uint64_t file = 1; file <= 2; file++) {
        const uint64_t lines[] = {10 * file, 10 * file + 1, 10 * file + 2};
        const weir_mark end = {.kind = WEIR_MARK_END_OF_FILE, .value = file};
        weir_must(weir_port_push(port, lines, 3, WEIR_FOREVER));
        weir_must(weir_port_push_mark(port, &end, WEIR_FOREVER));
    }
    weir_port_close(port);
    weir_must(weir_inlet_finish(inlet));
}

static void read_files(weir_runtime *runtime, weir_stream *stream) {
    weir_status status;
    weir_mark mark;
    uint64_t line;
    int lines = 0;
    while ((status = weir_stream_next(stream, &line, 0)) != WEIR_END) {
        if (status == WEIR_AT_MARK) {
            weir_must(weir_stream_mark(stream, &mark));
            printf("file %" PRIu64 " is over: %d lines\n", mark.value, lines);
            lines = 0;
        } else if (status == WEIR_OK) {
            lines++;
        }
        weir_runtime_step(runtime, 1);
    }
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_inlet *inlet;
    weir_stream *stream;
    weir_ref files;
    weir_must(weir_inlet_open(runtime, &(weir_inlet_options){.event_bytes = sizeof(uint64_t)},
                              &inlet, &files));
    const weir_stream_options reader = {.event_bytes = sizeof(uint64_t),
                                        .subscribe_to = &(weir_subscribe_to){.producer = files},
                                        .subscribe_count = 1,
                                        .marks = true};
    weir_must(weir_stream_open(runtime, &reader, &stream));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER)); /* it is there for all marks */
    push_files(inlet);
    read_files(runtime, stream);
    weir_must(weir_stream_close(stream));
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return 0;
}
