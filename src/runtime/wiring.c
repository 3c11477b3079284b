/*
 * Wiring: rows of stages, started and subscribed; see weir/wiring.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "runtime/request.h"

#include <weir/wiring.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- starting a row ------------------------------------------------------ */

/* When one is refused, those before it are told to stop. */
static weir_status start_each(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *stages) {
    for (size_t i = 0; i < count; i++) {
        weir_status status = weir_stage_start(runtime, &options[i], &stages[i]);
        if (status != WEIR_OK) {
            weir__refuse(status, "stage %zu: %s", i, weir_refusal());
            while (i > 0) {
                weir_stop(runtime, stages[--i], WEIR_REASON_SHUTDOWN);
            }
            return status;
        }
    }
    return WEIR_OK;
}

weir_status weir_stages_start(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *out) {
    if (weir__missing(runtime, "runtime") || weir__missing(options, "options")) {
        return WEIR_INVALID;
    }
    if (count > WEIR__REGISTRY_STAGES_MAX) {
        return weir__refuse(WEIR_INVALID, "count must be at most %d, got %zu",
                            (int)WEIR__REGISTRY_STAGES_MAX, count);
    }
    size_t bytes = count * sizeof *out;
    weir_ref *stages = count == 0 ? NULL : weir__alloc(&runtime->allocator, bytes, 16);
    if (stages == NULL) {
        return count == 0 ? WEIR_OK
                          : weir__refuse(WEIR_NO_MEMORY, "no memory for %zu stages", count);
    }
    weir_status status = start_each(runtime, options, count, stages);
    if (status == WEIR_OK && out != NULL) {
        memcpy(out, stages, bytes);
    }
    weir__free(&runtime->allocator, stages, bytes);
    return status;
}

/* ---- subscribing a row --------------------------------------------------- */

weir_status weir_chain(weir_runtime *runtime, const weir_ref *stages, size_t count,
                       const weir_subscribe_options *options) {
    if (weir__missing(runtime, "runtime") || weir__missing(stages, "stages")) {
        return WEIR_INVALID;
    }
    struct weir__edge *last = NULL;
    for (size_t i = 1; i < count; i++) {
        struct weir__edge *edge;
        weir_status status = weir__request_make(runtime, stages[i], stages[i - 1], options, &edge);
        if (status != WEIR_OK) {
            weir__request_drop(last);
            return weir__refuse(status, "stages %zu and %zu: %s", i - 1, i, weir_refusal());
        }
        edge->producers_next = last;
        last = edge;
    }
    while (last != NULL) {
        struct weir__edge *before = last->producers_next;
        last->producers_next = NULL;
        weir__request_send(runtime, last, NULL);
        last = before;
    }
    return WEIR_OK;
}

/* ---- or else ------------------------------------------------------------- */

void weir_must_at(weir_status status, const char *file, int line) {
    if (status == WEIR_OK) {
        return;
    }
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, weir_status_name(status),
            status < 0 ? weir_refusal() : weir_status_text(status));
    exit(EXIT_FAILURE);
}
