/*
 * `weir prom`: see prom.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "prom.h"

#include "trouble.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

/* What stands in one word of each stage, subscription or worker. */
struct family {
    const char *name;
    const char *help;
    size_t word;    /* where, in its slot */
    double divisor; /* of what stands there */
};

#define STAGE(field)        offsetof(weir_counters_stage, field)
#define SUBSCRIPTION(field) offsetof(weir_counters_subscription, field)
#define WORKER(field)       offsetof(weir_counters_worker, field)
#define SECONDS             1e9

static const struct family stage_counters[] = {
    {"weir_stage_events_in_total", "Events that it took.", STAGE(events_in), 1},
    {"weir_stage_events_out_total", "Events that it emitted.", STAGE(events_out), 1},
    {"weir_stage_bytes_in_total", "Bytes of the events that it took.", STAGE(bytes_in), 1},
    {"weir_stage_batches_total", "Calls of handle_events.", STAGE(batches), 1},
    {"weir_stage_demands_total", "Calls of handle_demand.", STAGE(demands), 1},
    {"weir_stage_messages_total", "Casts, calls, infos and timers handled.", STAGE(messages), 1},
    {"weir_stage_turns_total", "Visits of its worker.", STAGE(turns), 1},
    {"weir_stage_restarts_total", "Children that it started again.", STAGE(restarts), 1},
    {NULL, NULL, 0, 0}};

static const struct family stage_gauges[] = {
    {"weir_stage_buffered_events", "Events in its buffer.", STAGE(buffered), 1},
    {"weir_stage_held_events", "Events that its dispatcher holds.", STAGE(held), 1},
    {"weir_stage_stashed_events", "Events in its stash.", STAGE(stashed), 1},
    {"weir_stage_queued_events", "Events taken over and not begun.", STAGE(queued), 1},
    {"weir_stage_open_demand_events", "Events that its consumers would take.", STAGE(open_demand),
     1},
    {NULL, NULL, 0, 0}};

static const struct family subscription_counters[] = {
    {"weir_subscription_asked_events_total", "Events asked for.", SUBSCRIPTION(asked), 1},
    {"weir_subscription_sent_events_total", "Events sent.", SUBSCRIPTION(sent), 1},
    {"weir_subscription_received_events_total", "Events taken over.", SUBSCRIPTION(received), 1},
    {"weir_subscription_overflow_events_total", "Events that found no room in the ring.",
     SUBSCRIPTION(overflow), 1},
    {NULL, NULL, 0, 0}};

static const struct family subscription_gauges[] = {
    {"weir_subscription_window_events", "Its max_demand.", SUBSCRIPTION(max_demand), 1},
    {NULL, NULL, 0, 0}};

static const struct family worker_counters[] = {
    {"weir_worker_turns_total", "Visits to stages.", WORKER(turns), 1},
    {"weir_worker_wakes_total", "Times it was woken.", WORKER(wakes), 1},
    {"weir_worker_rest_seconds_total", "Time with nothing to do.", WORKER(rest_ns), SECONDS},
    {"weir_worker_busy_seconds_total", "Time in turns that did something.", WORKER(turn_ns),
     SECONDS},
    {NULL, NULL, 0, 0}};

static const struct family worker_gauges[] = {
    {"weir_worker_stages", "Stages that live on it.", WORKER(stages), 1},
    {"weir_worker_asleep", "1 while it has nothing to do.", WORKER(asleep), 1},
    {"weir_worker_longest_callback_seconds", "The longest callback that was timed.",
     WORKER(longest_ns), SECONDS},
    {NULL, NULL, 0, 0}};

/* --- labels ------------------------------------------------------------------------------- */

static void put_label(FILE *out, const char *name, const char *value) {
    fprintf(out, ",%s=\"", name);
    for (; *value != 0; value++) {
        if (*value == '"' || *value == '\\') {
            fputc('\\', out);
        }
        fputc(*value, out);
    }
    fputc('"', out);
}

static const char *label_of(const struct view *view, uint32_t stage) {
    return stage == NONE ? "" : view->stages[stage].label;
}

enum of { OF_RUNTIME, OF_STAGE, OF_SUBSCRIPTION, OF_WORKER };

/* All but the closing brace. */
static void put_labels(FILE *out, const struct view *view, enum of of, uint32_t number) {
    fprintf(out, "{pid=\"%" PRIu64 "\",runtime=\"%u\"", view->header->pid, view->header->number);
    put_label(out, "program", view->program);
    if (of == OF_STAGE) {
        put_label(out, "stage", view->stages[number].label);
        fprintf(out, ",worker=\"%u\"", view->stages[number].at->worker);
    } else if (of == OF_SUBSCRIPTION) {
        const struct view_subscription *each = &view->subscriptions[number];
        fprintf(out, ",subscription=\"%" PRIu64 "\"", each->at->id);
        put_label(out, "producer", label_of(view, each->producer));
        put_label(out, "consumer", label_of(view, each->consumer));
    } else if (of == OF_WORKER) {
        fprintf(out, ",worker=\"%u\"", view->workers[number].at->index);
    }
}

/* --- families ----------------------------------------------------------------------------- */

static uint32_t count_of(const struct view *view, enum of of) {
    return of == OF_STAGE          ? view->stage_count
           : of == OF_SUBSCRIPTION ? view->subscription_count
           : of == OF_WORKER       ? view->worker_count
                                   : 1;
}

static const void *slot_of(const struct view *view, enum of of, uint32_t number) {
    return of == OF_STAGE          ? (const void *)view->stages[number].at
           : of == OF_SUBSCRIPTION ? (const void *)view->subscriptions[number].at
                                   : (const void *)view->workers[number].at;
}

static void put_head(FILE *out, const char *name, const char *type, const char *help) {
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(FILE *out, uint64_t word, double divisor) {
    if (word == UINT64_MAX) {
        fprintf(out, "} +Inf\n"); /* any number */
    } else if (divisor == 1) {
        fprintf(out, "} %" PRIu64 "\n", word);
    } else {
        fprintf(out, "} %.9f\n", (double)word / divisor);
    }
}

static void put_families(FILE *out, const struct prom *prom, enum of of, const char *type,
                         const struct family *families) {
    for (const struct family *family = families; family->name != NULL; family++) {
        put_head(out, family->name, type, family->help);
        for (uint32_t i = 0; i < prom->count; i++) {
            const struct view *view = &prom->runtimes[i].view;
            for (uint32_t k = 0; k < count_of(view, of); k++) {
                const char *slot = slot_of(view, of, k);
                fputs(family->name, out);
                put_labels(out, view, of, k);
                put_value(out, *(const uint64_t *)(const void *)(slot + family->word),
                          family->divisor);
            }
        }
    }
}

static void put_states(FILE *out, const struct prom *prom) {
    static const char *const name = "weir_stage_state_seconds_total";
    put_head(out, name, "counter", "Time in each state.");
    for (uint32_t i = 0; i < prom->count; i++) {
        const struct view *view = &prom->runtimes[i].view;
        for (uint32_t k = 0; k < view->stage_count * WEIR_STATES; k++) {
            fputs(name, out);
            put_labels(out, view, OF_STAGE, k / WEIR_STATES);
            put_label(out, "state", view_state_text((weir_stage_state)(k % WEIR_STATES)));
            put_value(out, view->stages[k / WEIR_STATES].spent[k % WEIR_STATES], SECONDS);
        }
    }
}

static void put_discards(FILE *out, const struct prom *prom) {
    static const char *const name = "weir_stage_discarded_events_total";
    put_head(out, name, "counter", "Events that were discarded.");
    for (uint32_t i = 0; i < prom->count; i++) {
        const struct view *view = &prom->runtimes[i].view;
        for (uint32_t k = 0; k < view->stage_count; k++) {
            for (unsigned cause = 1; view_discard_text(cause) != NULL; cause++) {
                fputs(name, out);
                put_labels(out, view, OF_STAGE, k);
                put_label(out, "cause", view_discard_text(cause));
                put_value(out, view->stages[k].at->discarded[cause], 1);
            }
        }
    }
}

/* --- histograms --------------------------------------------------------------------------- */

enum { CLASSES_PER_BUCKET = 8 }; /* each four times as long as the one before: 256 ns to 17 s */

static void put_buckets(FILE *out, const char *name, const struct view *view, enum of of,
                        uint32_t number, const weir_counters_times *times) {
    uint64_t count = 0;
    for (unsigned i = 0; i < WEIR_TIMES_CLASSES; i++) {
        if (i > 0 && i % CLASSES_PER_BUCKET == 0) {
            char end[32];
            snprintf(end, sizeof end, "%.9g", (double)weir_times_begin(i) / 1e9);
            fprintf(out, "%s_bucket", name);
            put_labels(out, view, of, number);
            put_label(out, "le", end);
            put_value(out, count, 1);
        }
        count += times->classes[i];
    }
    fprintf(out, "%s_bucket", name);
    put_labels(out, view, of, number);
    put_label(out, "le", "+Inf");
    put_value(out, count, 1);
    fprintf(out, "%s_sum", name);
    put_labels(out, view, of, number);
    put_value(out, times->sum, SECONDS);
    fprintf(out, "%s_count", name);
    put_labels(out, view, of, number);
    put_value(out, count, 1); /* of the classes: the three must agree */
}

enum which { HANDLING, PIPELINE, SUBSCRIPTION_WAITING };

static const weir_counters_times *times_of(const struct view *view, enum which which,
                                           uint32_t number) {
    return which == HANDLING   ? view->stages[number].handling
           : which == PIPELINE ? view->stages[number].pipeline
                               : view->subscriptions[number].waiting;
}

static void put_histograms(FILE *out, const struct prom *prom, enum which which, const char *name,
                           const char *help) {
    enum of of = which == SUBSCRIPTION_WAITING ? OF_SUBSCRIPTION : OF_STAGE;
    put_head(out, name, "histogram", help);
    for (uint32_t i = 0; i < prom->count; i++) {
        const struct view *view = &prom->runtimes[i].view;
        for (uint32_t k = 0; k < count_of(view, of); k++) {
            if (times_of(view, which, k) != NULL) {
                put_buckets(out, name, view, of, k, times_of(view, which, k));
            }
        }
    }
}

static void put_runtimes(FILE *out, const struct prom *prom) {
    put_head(out, "weir_runtime_opened_seconds", "gauge", "When it was opened, since 1970.");
    for (uint32_t i = 0; i < prom->count; i++) {
        const struct view *view = &prom->runtimes[i].view;
        fputs("weir_runtime_opened_seconds", out);
        put_labels(out, view, OF_RUNTIME, 0);
        put_label(out, "library", view->library);
        put_value(out, view->header->opened_utc, SECONDS);
    }
}

void prom_print(FILE *out, const struct prom *prom) {
    put_runtimes(out, prom);
    put_families(out, prom, OF_WORKER, "counter", worker_counters);
    put_families(out, prom, OF_WORKER, "gauge", worker_gauges);
    put_families(out, prom, OF_STAGE, "counter", stage_counters);
    put_states(out, prom);
    put_discards(out, prom);
    put_families(out, prom, OF_STAGE, "gauge", stage_gauges);
    put_histograms(out, prom, HANDLING, "weir_stage_callback_seconds",
                   "How long handle_events or handle_demand took.");
    put_histograms(out, prom, PIPELINE, "weir_stage_event_age_seconds",
                   "How old the events are that it takes.");
    put_families(out, prom, OF_SUBSCRIPTION, "counter", subscription_counters);
    put_families(out, prom, OF_SUBSCRIPTION, "gauge", subscription_gauges);
    put_histograms(out, prom, SUBSCRIPTION_WAITING, "weir_subscription_waiting_seconds",
                   "From being sent to being handled.");
}

bool prom_add(struct prom *prom, const char *path) {
    struct mapped mapped;
    struct prom_runtime *runtimes =
        realloc(prom->runtimes, (prom->count + 1u) * sizeof *prom->runtimes);
    struct image *image = calloc(1, sizeof *image);
    if (runtimes == NULL || image == NULL) {
        prom->runtimes = runtimes == NULL ? prom->runtimes : runtimes;
        free(image);
        return trouble("no memory for the counters of %s", path);
    }
    prom->runtimes = runtimes;
    struct prom_runtime *runtime = &runtimes[prom->count];
    runtime->image = image;
    bool well = mapped_open(&mapped, path);
    if (well) {
        well = image_take(image, &mapped) && view_make(&runtime->view, image);
        mapped_close(&mapped);
    }
    if (!well) {
        image_free(image);
        free(image);
        return false;
    }
    prom->count++;
    return true;
}

void prom_free(struct prom *prom) {
    for (uint32_t i = 0; i < prom->count; i++) {
        view_free(&prom->runtimes[i].view);
        image_free(prom->runtimes[i].image);
        free(prom->runtimes[i].image);
    }
    free(prom->runtimes);
    *prom = (struct prom){0};
}
