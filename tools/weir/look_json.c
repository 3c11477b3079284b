/*
 * A look as JSON: see look_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "look_json.h"

#include "text.h"

#include <weir/runtime.h>

static const char *label_of(const struct view *view, uint32_t stage) {
    return stage == NONE ? NULL : view->stages[stage].label;
}

static void put_place(struct json *json, const char *key, uint32_t place) {
    if (place == NONE) {
        json_null(json, key);
    } else {
        json_whole(json, key, place);
    }
}

/* Times that were taken in the stretch; null where none are counted at all. */
static void put_times(struct json *json, const char *key, const weir_counters_times *counted,
                      const weir_counters_times *times) {
    if (counted == NULL) {
        json_null(json, key);
        return;
    }
    json_object(json, key);
    json_whole(json, "count", times->count);
    json_whole(json, "mean_ns", times->count == 0 ? 0 : times->sum / times->count);
    json_whole(json, "p50_ns", weir_times_share(times, 0.5));
    json_whole(json, "p99_ns", weir_times_share(times, 0.99));
    json_whole(json, "p999_ns", weir_times_share(times, 0.999));
    json_whole(json, "max_ns", times->most);
    json_object_end(json);
}

static void put_culprit(struct json *json, const struct look *look) {
    const struct culprit *culprit = &look->culprit;
    const struct view *view = look_view(look);
    json_object(json, "culprit");
    json_text(json, "kind", culprit_kind_text(culprit->kind));
    json_text(json, "stage", label_of(view, culprit->stage));
    if (culprit->worker == NONE) {
        json_null(json, "worker");
    } else {
        json_whole(json, "worker", view->workers[culprit->worker].at->index);
    }
    json_text(json, "victim", label_of(view, culprit->victim));
    json_text(json, "text", culprit->text);
    json_object_end(json);
}

static void put_worker(struct json *json, const struct view *view, uint32_t number,
                       const struct worker_rates *rates) {
    const weir_counters_worker *at = view->workers[number].at;
    json_object(json, NULL);
    json_whole(json, "index", at->index);
    put_place(json, "core", at->core);
    json_whole(json, "thread", at->thread);
    json_whole(json, "stages", at->stages);
    json_bool(json, "asleep", at->asleep != 0);
    json_text(json, "stage", label_of(view, view_find_stage(view, at->stage)));
    json_number(json, "load", rates->load);
    json_number(json, "rest", rates->rest);
    json_number(json, "coreless", rates->coreless);
    json_number(json, "turns_per_s", rates->turns);
    json_number(json, "wakes_per_s", rates->wakes);
    json_whole(json, "turns", at->turns);
    json_whole(json, "wakes", at->wakes);
    json_whole(json, "longest_ns", at->longest_ns);
    json_text(json, "longest_stage", label_of(view, view_find_stage(view, at->longest_stage)));
    json_object_end(json);
}

static void put_rates(struct json *json, const struct stage_rates *rates) {
    json_object(json, "per_s");
    json_number(json, "events_in", rates->in);
    json_number(json, "events_out", rates->out);
    json_number(json, "bytes_in", rates->bytes_in);
    json_number(json, "batches", rates->batches);
    json_number(json, "demands", rates->demands);
    json_number(json, "messages", rates->messages);
    json_number(json, "turns", rates->turns);
    json_number(json, "discards", rates->discards);
    json_object_end(json);
    json_object(json, "share");
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        json_number(json, view_state_text((weir_stage_state)i), rates->share[i]);
    }
    json_object_end(json);
}

static void put_totals(struct json *json, const weir_counters_stage *at) {
    json_object(json, "total");
    json_whole(json, "events_in", at->events_in);
    json_whole(json, "events_out", at->events_out);
    json_whole(json, "bytes_in", at->bytes_in);
    json_whole(json, "batches", at->batches);
    json_whole(json, "demands", at->demands);
    json_whole(json, "messages", at->messages);
    json_whole(json, "turns", at->turns);
    json_whole(json, "restarts", at->restarts);
    json_object_end(json);
    json_object(json, "discarded");
    for (unsigned i = 1; view_discard_text(i) != NULL; i++) {
        json_whole(json, view_discard_text(i), at->discarded[i]);
    }
    json_object_end(json);
}

static void put_now(struct json *json, const weir_counters_stage *at) {
    json_whole(json, "buffered", at->buffered);
    json_whole(json, "held", at->held);
    json_whole(json, "stashed", at->stashed);
    json_whole(json, "queued", at->queued);
    if (at->open_demand == UINT64_MAX) {
        json_null(json, "open_demand");
    } else {
        json_whole(json, "open_demand", at->open_demand);
    }
}

static void put_stage(struct json *json, const struct view *view, uint32_t number,
                      const struct stage_rates *rates) {
    const struct view_stage *stage = &view->stages[number];
    const weir_counters_stage *at = stage->at;
    uint64_t age = view->moment_ns > at->begun_ns ? view->moment_ns - at->begun_ns : 0;
    json_object(json, NULL);
    json_text(json, "name", stage->label);
    json_bits(json, "ref", at->ref);
    json_text(json, "kind", view_kind_text(at->stage_kind));
    json_whole(json, "worker", at->worker);
    json_whole(json, "depth", stage->depth);
    json_number(json, "age_s", (double)age / 1e9);
    json_whole(json, "event_bytes", at->event_bytes);
    json_text(json, "state", view_state_text(stage->state));
    json_whole(json, "callback_ns", stage->callback_ns);
    put_rates(json, rates);
    put_totals(json, at);
    put_now(json, at);
    json_number(json, "fill", rates->fill);
    put_times(json, "handling", stage->handling, &rates->handling);
    put_times(json, "pipeline", stage->pipeline, &rates->pipeline);
    json_object_end(json);
}

static void put_subscription(struct json *json, const struct view *view, uint32_t number,
                             const struct subscription_rates *rates) {
    const struct view_subscription *each = &view->subscriptions[number];
    const weir_counters_subscription *at = each->at;
    json_object(json, NULL);
    json_whole(json, "id", at->id);
    json_text(json, "producer", label_of(view, each->producer));
    json_text(json, "consumer", label_of(view, each->consumer));
    put_place(json, "from", each->producer);
    put_place(json, "to", each->consumer);
    json_whole(json, "partition", at->partition);
    json_whole(json, "max_demand", at->max_demand);
    json_whole(json, "min_demand", at->min_demand);
    json_whole(json, "max_bytes", at->max_bytes);
    json_number(json, "events_per_s", rates->events);
    json_whole(json, "asked", at->asked);
    json_whole(json, "sent", at->sent);
    json_whole(json, "received", at->received);
    json_whole(json, "overflow", at->overflow);
    json_whole(json, "open", rates->open);
    json_number(json, "in_flight", rates->in_flight);
    json_number(json, "fill", rates->fill);
    put_times(json, "waiting", each->waiting, &rates->waiting);
    json_object_end(json);
}

static const char *mode_text(uint32_t mode) {
    return mode == WEIR_THREADS ? "threads" : mode == WEIR_STEPPED ? "stepped" : "simulated";
}

void look_json(struct json *json, const char *key, const struct look *look, const char *path) {
    const struct view *view = look_view(look);
    char clean[4096];
    text_clean(clean, sizeof clean, path, sizeof clean - 1);
    json_object(json, key);
    json_text(json, "path", clean);
    json_text(json, "program", view->program);
    json_whole(json, "pid", view->header->pid);
    json_whole(json, "runtime", view->header->number);
    json_text(json, "library", view->library);
    json_text(json, "mode", mode_text(view->header->mode));
    json_text(json, "life", view_life_text(view));
    json_whole(json, "opened_utc_ns", view->header->opened_utc);
    json_whole(json, "moment_ns", view->moment_ns);
    json_number(json, "seconds", look->rates.seconds);
    put_culprit(json, look);
    json_array(json, "workers");
    for (uint32_t i = 0; i < view->worker_count; i++) {
        put_worker(json, view, i, &look->rates.workers[i]);
    }
    json_array_end(json);
    json_array(json, "stages");
    for (uint32_t i = 0; i < view->stage_count; i++) {
        put_stage(json, view, i, &look->rates.stages[i]);
    }
    json_array_end(json);
    json_array(json, "subscriptions");
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        put_subscription(json, view, i, &look->rates.subscriptions[i]);
    }
    json_array_end(json);
    json_object_end(json);
}
