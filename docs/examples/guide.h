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

/* Ends the program when a call was refused, with the reason. */
static inline void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "%s: %s\n", weir_status_text(status), weir_refusal());
    exit(EXIT_FAILURE);
}

/* A runtime with one worker, run by this thread. */
static inline weir_runtime *open_stepped(void) {
    weir_runtime *runtime;
    weir_runtime_options options = {.workers = 1, .mode = WEIR_STEPPED};
    must(weir_runtime_open(&options, &runtime));
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
