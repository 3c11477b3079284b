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
#include "runtime/post.h"
#include "runtime/request.h"

static struct weir__worker *place(weir_runtime *runtime, const weir_stage_options *options) {
    unsigned index = options->worker > 0
                         ? options->worker - 1
                         : weir__fetch_add_u32(&runtime->next_worker, 1) % runtime->worker_count;
    return &runtime->workers[index];
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
static weir_status give_up_start(weir_runtime *runtime, struct weir__worker *worker,
                                 struct weir__slot *slot, weir_ref ref, weir_stage *stage,
                                 weir_status status) {
    weir__names_drop(&runtime->names, ref);
    if (stage != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, runtime, "function of weir_on_end");
        status = weir__stage_abandon(stage);
        weir__errand_end(&errand);
    }
    weir__mailbox_close(&slot->mailbox); /* nobody has sent to it but its init */
    weir__registry_end(slot);
    weir__registry_give(slot, &worker->free_slots);
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

weir_status weir__start(weir_runtime *runtime, const weir_stage_options *given, weir_ref *out,
                        struct weir__edge **requests) {
    const weir_stage_options filled = fill_stage_options(given);
    const weir_stage_options *options = &filled;
    weir_status status = weir__check_open(runtime);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__worker *worker = place(runtime, options);
    struct weir__slot *slot =
        weir__registry_take(&runtime->registry, &worker->bell, &worker->free_slots);
    if (slot == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a stage, or there are %d already",
                            (int)WEIR__REGISTRY_STAGES_MAX);
    }
    weir_ref ref = weir__registry_ref(slot, options->kind);
    if (ref.bits == 0) {
        weir__registry_give(slot, &worker->free_slots);
        return weir__refuse(WEIR_SYSTEM, "this process has used up all references to stages");
    }
    struct weir__edge *edges = NULL;
    weir_stage *stage = NULL;
    open_mailbox(runtime, slot, ref, options); /* init may send to it */
    status = options->registered ? weir__names_reserve(&runtime->names, runtime, options->name, ref)
                                 : WEIR_OK;
    status = status != WEIR_OK ? status : weir__request_wishes(runtime, slot, ref, options, &edges);
    if (status == WEIR_OK) {
        struct weir__errand errand;
        weir__errand_begin(&errand, runtime, "init");
        status = weir__stage_open(&worker->host, &slot->ready, ref, options, &stage);
        weir__errand_end(&errand);
    }
    if (status != WEIR_OK) {
        weir__request_drop(edges);
        return give_up_start(runtime, worker, slot, ref, stage, status);
    }
    if (out != NULL) {
        *out = ref;
    }
    if (requests != NULL) {
        *requests = edges;
    }
    launch_stage(runtime, worker, slot, stage, requests == NULL ? edges : NULL);
    return WEIR_OK;
}

weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref *out) {
    if (weir__missing(runtime, "runtime") || weir__missing(options, "options")) {
        return WEIR_INVALID;
    }
    weir_status status = weir__options_stage(options, runtime->worker_count);
    return status == WEIR_OK ? weir__start(runtime, options, out, NULL)
                             : weir__refuse(status, "stage %.63s: %s", weir__options_name(options),
                                            weir_refusal());
}
