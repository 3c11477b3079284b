/*
 * Wiring: rows of stages, started and subscribed; see weir/wiring.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "runtime/options.h"
#include "runtime/request.h"
#include "runtime/start.h"

#include <weir/wiring.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- starting a row ------------------------------------------------------ */

static weir_status refuse_one(weir_status status, const weir_stage_options *options, size_t i) {
    return weir__refuse(status, "stage %zu, %.63s: %s", i, weir__options_name(&options[i]),
                        weir_refusal());
}

/* Before the first one runs. */
static weir_status check_each(const weir_runtime *runtime, const weir_stage_options *options,
                              size_t count) {
    for (size_t i = 0; i < count; i++) {
        weir_status status = weir__options_stage(&options[i], runtime->worker_count);
        if (status != WEIR_OK) {
            return refuse_one(status, options, i);
        }
    }
    return WEIR_OK;
}

/* All that are linked, in order. */
static void send_requests(weir_runtime *runtime, struct weir__edge *first) {
    while (first != NULL) {
        struct weir__edge *next = first->producers_next;
        first->producers_next = NULL;
        weir__request_send(runtime, first, NULL);
        first = next;
    }
}

/* Behind which stage of a row one will probably be chained (weir_chain), for its place; {0}:
 * it says itself whom it consumes from, or cannot. */
static weir_ref neighbour_of(const weir_stage_options *options, size_t i, const weir_ref *stages) {
    bool behind = i > 0 && options[i].kind != WEIR_PRODUCER && options[i].subscribe_count == 0 &&
                  options[i - 1].kind != WEIR_CONSUMER;
    return behind ? stages[i - 1] : (weir_ref){0};
}

/*
 * Nobody subscribes before the last one has started: when one is refused, those before it, which
 * are told to stop, have had no events.
 */
static weir_status start_each(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *stages) {
    struct weir__edge *requests = NULL;
    struct weir__edge **end = &requests;
    for (size_t i = 0; i < count; i++) {
        weir_status status =
            weir__start(runtime, &options[i], neighbour_of(options, i, stages), &stages[i], end);
        if (status != WEIR_OK) {
            *end = NULL;
            weir__request_drop(requests);
            refuse_one(status, options, i);
            while (i > 0) {
                weir_stop(runtime, stages[--i], WEIR_REASON_SHUTDOWN);
            }
            return status;
        }
        while (*end != NULL) {
            end = &(*end)->producers_next;
        }
    }
    send_requests(runtime, requests);
    return WEIR_OK;
}

weir_status weir_stages_start(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *out) {
    if (weir__unfit(runtime) || weir__missing(options, "options")) {
        return weir__refused();
    }
    if (count > WEIR__REGISTRY_STAGES_MAX) {
        return weir__refuse(WEIR_INVALID, "count must be at most %d, got %zu",
                            (int)WEIR__REGISTRY_STAGES_MAX, count);
    }
    weir_status status = check_each(runtime, options, count);
    if (status != WEIR_OK) {
        return status;
    }
    size_t bytes = count * sizeof *out;
    weir_ref *stages = count == 0 ? NULL : weir__alloc(&runtime->allocator, bytes, 16);
    if (stages == NULL) {
        return count == 0 ? WEIR_OK
                          : weir__refuse(WEIR_NO_MEMORY, "no memory for %zu stages", count);
    }
    status = start_each(runtime, options, count, stages);
    if (status == WEIR_OK && out != NULL) {
        memcpy(out, stages, bytes);
    }
    weir__free(&runtime->allocator, stages, bytes);
    return status;
}

/* ---- subscribing a row --------------------------------------------------- */

weir_status weir_chain(weir_runtime *runtime, const weir_ref *stages, size_t count,
                       const weir_subscribe_options *options) {
    if (weir__unfit(runtime) || weir__missing(stages, "stages")) {
        return weir__refused();
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
    send_requests(runtime, last); /* the last one's first */
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
