/*
 * What the guide's programs share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They run on the caller's thread (WEIR_STEPPED) wherever the order of the
 * printed lines is to be the same each time: docs/guide.md quotes them.
 */
#ifndef GUIDE_H
#define GUIDE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* A runtime with one worker, run by this thread. */
static inline weir_runtime *open_stepped(void) {
    weir_runtime *runtime;
    weir_runtime_options options = {.mode = WEIR_STEPPED, .workers = 1};
    weir_must(weir_runtime_open(&options, &runtime));
    return runtime;
}

/* Prints a line: a label, then the batch's events, which are numbers. */
static inline void print_numbers(const char *label, weir_batch batch) {
    const uint64_t *event = batch.events;
    printf("%s", label);
    for (size_t i = 0; i < batch.count; i++) printf(" %" PRIu64, event[i]);
    printf("\n");
}

#endif
