/*
 * Starting a stage, from any thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Its init runs here; then it can be found, and then its worker hears of it.
 */
#include "runtime/start.h"
#include "base/refusal.h"
#include "runtime/errand.h"
#include "runtime/names.h"
#include "runtime/options.h"
#include "runtime/outputs.h"
#include "runtime/placement.h"
#include "runtime/post.h"
#include "runtime/request.h"
#include "runtime/timely.h"

#include <stdio.h>

static void warn_of(weir_runtime *runtime, const weir_stage_options *options,
                    struct weir__home place) {
    char text[192];
    if (!place.own) {
        snprintf(text, sizeof text,
                 "stage %.63s has no worker of its own: of %u one is left to the others",
                 weir__options_name(options), runtime->worker_count);
    } else {
        snprintf(text, sizeof text, "stage %.63s shares worker %u with %u that were there before",
                 weir__options_name(options), place.worker->index, place.before);
    }
    weir__runtime_log(runtime, WEIR_LOG_WARNING, text);
}

static struct weir__home place_stage(weir_runtime *runtime, const weir_stage_options *options,
                                     weir_ref near) {
    struct weir__home place = weir__placement_take(runtime, options, near);
    if (options->worker == WEIR_OWN_WORKER && (!place.own || place.before > 0)) {
        warn_of(runtime, options, place);
    }
    return place;
}

static void open_mailbox(const weir_runtime *runtime, struct weir__slot *slot, weir_ref ref,
                         const weir_stage_options *options) {
    size_t messages = options->mailbox_limit;
    size_t timers = options->timers_limit;
    weir__mailbox_open(&slot->mailbox, ref, weir__ref_generation(ref),
                       messages > 0 ? messages : runtime->options.mailbox_limit,
                       timers > 0 ? timers : WEIR_TIMERS_LIMIT_DEFAULT);
}

/*
 * The stage can be found before its START is on the stack: what others send it meanwhile
 * waits for that.  Its requests travel with START, so that nothing comes between.
 */
static void launch_stage(weir_runtime *runtime, struct weir__worker *worker,
                         struct weir__slot *slot, weir_stage *stage, struct weir__edge *edges) {
    struct weir__label label;
    weir__label_of(stage, &label);
    weir__registry_label(slot, stage->ref, &label);
    stage->stops = weir__load_acquire_u32(&runtime->stops); /* T9 -> T10 */
    weir__store_relaxed_u32(&slot->stops, stage->stops);
    weir__store_relaxed_u32(&slot->seen, stage->meter.number);
    weir__fetch_add_u32(&runtime->alive, 1); /* first: whoever can be found is counted */
    weir__registry_publish(slot, stage->ref);
    weir__names_publish(&runtime->names, stage->ref); /* not before: it would be a dead one's */
    stage->mailbox = &slot->mailbox;
    stage->start.kind = WEIR__MAIL_START;
    stage->start.to = stage->ref;
    stage->requests = edges;
    weir__mail_send(&worker->bell, &stage->start);
}

/* Nothing has come of it.  Who asked in init to hear of its end hears of it here, when its name
 * is free. */
static weir_status give_up_start(weir_runtime *runtime, struct weir__home place,
                                 struct weir__slot *slot, weir_ref ref, weir_stage *stage,
                                 weir_status status) {
    weir__placement_give(runtime, place);
    weir__names_drop(&runtime->names, ref);
    if (stage != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, runtime, "function of weir_on_end");
        status = weir__stage_abandon(stage);
        weir__errand_end(&errand);
    }
    weir__mailbox_close(&slot->mailbox); /* nobody has sent to it but its init */
    weir__registry_end(slot);
    weir__registry_give(slot, &place.worker->free_slots);
    return status;
}

/* What a consumer says of its events is what it takes. */
static weir_stage_options fill_stage_options(const weir_stage_options *options) {
    weir_stage_options filled = *options;
    if (options->kind == WEIR_CONSUMER && options->takes_bytes == 0) {
        filled.takes_bytes = options->event_bytes;
    }
    return filled;
}

/* A slot and a reference for a stage; NULL: there is none, and no place is taken. */
static struct weir__slot *take_slot(weir_runtime *runtime, struct weir__home place, weir_ref *ref,
                                    weir_status *status) {
    struct weir__worker *worker = place.worker;
    struct weir__slot *slot =
        weir__registry_take(&runtime->registry, &worker->bell, &worker->free_slots);
    if (slot == NULL) {
        weir__placement_give(runtime, place);
        *status = weir__refuse(WEIR_NO_MEMORY, "no memory for a stage, or there are %d already",
                               (int)WEIR__REGISTRY_STAGES_MAX);
        return NULL;
    }
    *ref = weir__registry_ref(slot, place.kind);
    if (ref->bits == 0) {
        weir__placement_give(runtime, place);
        weir__registry_give(slot, &worker->free_slots);
        *status = weir__refuse(WEIR_SYSTEM, "this process has used up all references to stages");
        return NULL;
    }
    slot->own = place.own;
    weir__store_relaxed_u64(&slot->consumer, 0);
    return slot;
}

weir_status weir__start_quietly(weir_runtime *runtime, const weir_stage_options *options,
                                weir_ref *ref, weir_stage **out) {
    const struct weir__home place = place_stage(runtime, options, (weir_ref){0});
    weir_status status = WEIR_OK;
    struct weir__slot *slot = take_slot(runtime, place, ref, &status);
    if (slot == NULL) {
        return status;
    }
    open_mailbox(runtime, slot, *ref, options);
    status = options->registered
                 ? weir__names_reserve(&runtime->names, runtime, options->name, *ref)
                 : WEIR_OK;
    status = status != WEIR_OK
                 ? status
                 : weir__stage_open(&place.worker->host, &slot->ready, *ref, options, out);
    return status == WEIR_OK ? WEIR_OK : give_up_start(runtime, place, slot, *ref, NULL, status);
}

void weir__start_undo(weir_runtime *runtime, weir_ref ref, weir_stage *stage) {
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, ref);
    struct weir__worker *worker = WEIR__CONTAINER_OF(slot->bell, struct weir__worker, bell);
    weir__stage_free(stage);
    give_up_start(
        runtime,
        (struct weir__home){.worker = worker, .kind = weir__ref_kind(ref), .own = slot->own}, slot,
        ref, NULL, WEIR_OK);
}

void weir__start_launch(weir_runtime *runtime, weir_ref ref, weir_stage *stage) {
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, ref);
    launch_stage(runtime, WEIR__CONTAINER_OF(slot->bell, struct weir__worker, bell), slot, stage,
                 NULL);
}

weir_status weir__start(weir_runtime *runtime, const weir_stage_options *given, weir_ref near,
                        weir_ref *out, struct weir__edge **requests) {
    const weir_stage_options filled = fill_stage_options(given);
    const weir_stage_options *options = &filled;
    weir_status status = weir__check_open(runtime);
    if (status == WEIR_OK && options->worker == WEIR_TIMELY_WORKER) {
        status = weir__timely_open(runtime);
    }
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir__home taken = place_stage(runtime, options, near);
    struct weir__worker *worker = taken.worker;
    weir_ref ref;
    struct weir__slot *slot = take_slot(runtime, taken, &ref, &status);
    if (slot == NULL) {
        return status;
    }
    weir__placement_consumes(runtime, near, ref);
    struct weir__edge *edges = NULL;
    weir_stage *stage = NULL;
    struct weir__outputs *outputs = NULL;
    open_mailbox(runtime, slot, ref, options); /* init may send to it */
    status = options->registered ? weir__names_reserve(&runtime->names, runtime, options->name, ref)
                                 : WEIR_OK;
    status = status != WEIR_OK ? status : weir__request_wishes(runtime, slot, ref, options, &edges);
    status = status != WEIR_OK ? status : weir__outputs_open(runtime, worker, options, &outputs);
    if (status == WEIR_OK) {
        struct weir__errand errand;
        weir__errand_begin(&errand, runtime, "init");
        status = weir__stage_open(&worker->host, &slot->ready, ref, options, &stage);
        weir__errand_end(&errand);
    }
    if (status != WEIR_OK) {
        weir__request_drop(edges);
        status = give_up_start(runtime, taken, slot, ref, stage, status);
        weir__outputs_drop(runtime, outputs);
        return status;
    }
    if (out != NULL) {
        *out = ref;
    }
    if (requests != NULL) {
        *requests = edges;
    }
    weir__outputs_launch(runtime, stage, outputs);
    launch_stage(runtime, worker, slot, stage, requests == NULL ? edges : NULL);
    return WEIR_OK;
}

weir_status weir__start_near(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref near, weir_ref *out) {
    weir_status status = weir__options_stage(options, runtime->worker_count);
    return status == WEIR_OK ? weir__start(runtime, options, near, out, NULL)
                             : weir__refuse(status, "stage %.63s: %s", weir__options_name(options),
                                            weir_refusal());
}

weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref *out) {
    if (weir__unfit(runtime) || weir__missing(options, "options")) {
        return weir__refused();
    }
    return weir__start_near(runtime, options, (weir_ref){0}, out);
}
