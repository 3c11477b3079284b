/*
 * How an inlet begins, and is freed.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "parts/inlet.h"

static void free_inlet(struct weir__quay *quay) {
    weir_inlet *inlet = WEIR__CONTAINER_OF(quay, weir_inlet, quay);
    const struct weir__allocator *allocator = &quay->runtime->allocator;
    while (inlet->feeders != NULL) {
        struct weir__inlet_feeder *feeder = inlet->feeders;
        inlet->feeders = feeder->next;
        weir__free(allocator, feeder, sizeof *feeder);
    }
    weir__lamp_close(&inlet->room_lamp);
    weir__free(allocator, inlet, sizeof *inlet);
}

/* As weir_emit_mark finds (stage/mark.c). */
static bool is_markless(const weir_dispatcher *dispatcher) {
    return dispatcher != NULL && (dispatcher == weir_shared_dispatcher() ||
                                  (dispatcher->mark == NULL && dispatcher->info != NULL));
}

static weir_status start_inlet(weir_runtime *runtime, const weir_inlet_options *options,
                               weir_inlet *inlet) {
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER,
        .name = options->name != NULL ? options->name : "inlet",
        .event_bytes = options->event_bytes,
        .type = options->type,
        .state_bytes = sizeof inlet,
        .state = &inlet,
        .worker = options->worker,
        .dispatcher = options->dispatcher,
        .dispatcher_options = options->dispatcher_options,
        .on_cancel = options->on_cancel,
        .demand = options->demand,
        .on = weir__inlet_callbacks,
    };
    return weir_stage_start(runtime, &stage, &inlet->quay.stage);
}

static weir_status check_inlet_options(const weir_inlet_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_inlet_options")) {
        return WEIR_INVALID;
    }
    if ((unsigned)options->when_full > WEIR_DROP_OLDEST) {
        return weir__refuse(WEIR_INVALID,
                            "when_full must be one of WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST, "
                            "WEIR_DROP_OLDEST, got %d",
                            (int)options->when_full);
    }
    return WEIR_OK;
}

weir_status weir__inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                             struct weir__inlet_keeper *keeper, weir_inlet **out) {
    struct weir__bounds bounds;
    weir_status status = weir__bounds_open(&bounds, options->type, options->event_bytes,
                                           options->capacity, options->capacity_bytes);
    if (status != WEIR_OK) {
        return status;
    }
    weir_inlet *inlet = weir__alloc_zeroed(&runtime->allocator, sizeof *inlet, 128);
    if (inlet == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for an inlet");
    }
    static const struct weir__quay_kind kind = {
        .name = "inlet",
        .late = "were discarded: they were pushed into an inlet that just stopped",
        .nobodys = free_inlet};
    weir__quay_open(&inlet->quay, &kind, runtime, options->discarded, options->context);
    inlet->type = options->type;
    inlet->keeper = keeper;
    inlet->bounds = bounds;
    inlet->when_full = options->when_full;
    inlet->markless = is_markless(options->dispatcher);
    ck_stack_init(&inlet->pushed);
    ck_stack_init(&inlet->fresh);
    status = start_inlet(runtime, options, inlet);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, inlet, sizeof *inlet);
        return status;
    }
    *out = inlet;
    return WEIR_OK;
}

weir_status weir_inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                            weir_inlet **out, weir_ref *stage) {
    if (weir__missing(runtime, "runtime") || weir__missing(options, "options") ||
        weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_status status = check_inlet_options(options);
    if (status == WEIR_OK) {
        status = weir__inlet_open(runtime, options, NULL, out);
    }
    if (status == WEIR_OK && stage != NULL) {
        *stage = (*out)->quay.stage;
    }
    return status;
}
