/*
 * What a pipeline's declaration may be.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/backoff.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "pipeline/pipeline.h"
#include "runtime/options.h"
#include "runtime/rates.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <string.h>

/* ---- checks --------------------------------------------------------------- */

/* 0 is the default. */
static weir_status check_most_of(const char *of, const char *option, size_t value, size_t most) {
    return value <= most ? WEIR_OK
                         : weir__refuse(WEIR_INVALID, "%s%s must be at most %zu, got %zu", of,
                                        option, most, value);
}

static weir_status check_called(const char *of, const char *name) {
    size_t length = strlen(name);
    if (weir__control_in(name) >= 0) {
        return weir__check_text(of, "name", name);
    }
    if (length >= 1 && length < WEIR_PIPELINE_NAME_BYTES) {
        return WEIR_OK;
    }
    return weir__refuse(WEIR_INVALID, "%sname must have 1..%d characters, got %zu (\"%.40s\")", of,
                        WEIR_PIPELINE_NAME_BYTES - 1, length, name);
}

static weir_status check_tries(const char *of, const weir_tries *tries) {
    char option[64];
    snprintf(option, sizeof option, "%sretry", of);
    if (WEIR__RESERVED_SET(tries, option)) {
        return WEIR_INVALID;
    }
    weir_status status = check_most_of(option, ".tries", tries->tries, WEIR_TRIES_LIMIT);
    const weir_backoff *delay = &tries->delay;
    if (status == WEIR_OK && delay->first_ns == 0 &&
        (delay->most_ns != 0 || delay->factor != 0 || delay->jitter != 0)) {
        status = weir__refuse(WEIR_INVALID,
                              "%s.delay.first_ns must be set where most_ns, factor or jitter is: "
                              "who leaves it 0 has the whole default delay",
                              option);
    }
    if (status == WEIR_OK) {
        snprintf(option, sizeof option, "%sretry.delay", of);
        status = weir__backoff_check(&tries->delay, option);
    }
    return status;
}

static weir_status check_sources(const weir_pipeline_options *options) {
    weir_status status = check_most_of("", "source_count", options->source_count, //
                                       WEIR_SOURCES_LIMIT);
    if (status != WEIR_OK) {
        return status;
    }
    if ((options->source == NULL) != (options->source_count == 0)) {
        return weir__refuse(WEIR_INVALID, "source_count must be %s, got %u",
                            options->source == NULL ? "0 where there is no source"
                                                    : "1..1024 where there is a source",
                            options->source_count);
    }
    if (options->source_count > 1 && options->source_contexts == NULL) {
        return weir__refuse(WEIR_INVALID, "source_contexts must be set for %u sources",
                            options->source_count);
    }
    if (options->source == NULL && options->source_contexts != NULL) {
        return weir__refuse(WEIR_INVALID, "source_contexts must be NULL where there is no source");
    }
    if (options->producer_count > 0 && options->producers == NULL) {
        return weir__refuse(WEIR_INVALID, "producers must be set when producer_count is %zu",
                            options->producer_count);
    }
    status = check_most_of("", "max_outstanding", options->max_outstanding,
                           WEIR_SOURCE_OUTSTANDING_LIMIT);
    return status == WEIR_OK
               ? weir__source_check_reopen(options->reopen_ns, options->reopen_most_ns)
               : status;
}

static weir_status check_demand(const weir_processors *given, const weir_runtime *runtime) {
    const weir_subscribe_options demand = {.max_demand = weir__pipeline_max_demand(given, runtime),
                                           .min_demand = given->min_demand,
                                           .max_bytes = given->max_bytes};
    weir_subscribe_options filled;
    weir_status status = weir__options_subscribe(&demand, &filled);
    if (status != WEIR_OK) {
        status = weir__refuse(WEIR_INVALID, "processors.%s", weir_refusal());
    }
    return status;
}

static weir_status check_processors(const weir_processors *given, const weir_tries *tries,
                                    const weir_runtime *runtime) {
    if (WEIR__RESERVED_SET(given, "weir_processors")) {
        return WEIR_INVALID;
    }
    weir_status status = check_most_of("processors.", "count", given->count, WEIR_PROCESSORS_LIMIT);
    if (status == WEIR_OK && given->blocking && given->prepare != NULL) {
        status = weir__refuse(WEIR_INVALID, "processors.prepare must be NULL with blocking: each "
                                            "message is begun by itself");
    }
    if (status == WEIR_OK && given->blocking && tries->in_order) {
        status =
            weir__refuse(WEIR_INVALID, "retry.in_order must be false with blocking processors");
    }
    return status == WEIR_OK ? check_demand(given, runtime) : status;
}

/* The pipeline's context would be handed to a sink that takes it for its own. */
static weir_status check_sink_contexts(const char *of, const weir_pipeline_batcher *given) {
    const unsigned count = given->count > 0 ? given->count : 1;
    for (unsigned i = 0; i < count && given->sink->needs_context; i++) {
        if (given->sink_contexts == NULL || given->sink_contexts[i] == NULL) {
            return weir__refuse(WEIR_INVALID,
                                "%ssink_contexts must be the sinks that its table is of, one for "
                                "each of count, got NULL%s",
                                of, given->sink_contexts != NULL ? " in it" : "");
        }
    }
    return WEIR_OK;
}

static weir_status check_handler(const char *of, const weir_pipeline_batcher *given) {
    if ((given->handle_batch == NULL) == (given->sink == NULL)) {
        return weir__refuse(WEIR_INVALID, "%shandle_batch or %ssink must be set, not %s", of, of,
                            given->sink == NULL ? "neither" : "both");
    }
    if (given->sink == NULL && given->sink_contexts != NULL) {
        return weir__refuse(WEIR_INVALID, "%ssink_contexts must be NULL without a sink", of);
    }
    if (given->sink == NULL) {
        return WEIR_OK;
    }
    char option[80];
    snprintf(option, sizeof option, "%ssink->", of);
    if (given->sink->name != NULL &&
        weir__check_text(option, "name", given->sink->name) != WEIR_OK) {
        return WEIR_INVALID;
    }
    if (given->sink->write == NULL) {
        return weir__refuse(WEIR_INVALID, "%ssink has no write", of);
    }
    if (given->count > 1 && given->sink_contexts == NULL) {
        return weir__refuse(WEIR_INVALID,
                            "%ssink_contexts must be set for a sink with count %u: one for each",
                            of, given->count);
    }
    return WEIR__RESERVED_SET(given->sink, "weir_sink") ? WEIR_INVALID
                                                        : check_sink_contexts(of, given);
}

static weir_status check_declared(const weir_pipeline_batcher *given, size_t number) {
    char of[64];
    snprintf(of, sizeof of, "batchers[%zu].", number);
    if (WEIR__RESERVED_SET(given, "weir_pipeline_batcher")) {
        return WEIR_INVALID;
    }
    if (given->name == NULL) {
        return weir__refuse(WEIR_INVALID, "%sname must not be NULL", of);
    }
    weir_status status = check_called(of, given->name);
    if (status == WEIR_OK) {
        status = check_most_of(of, "size", given->size, WEIR_BATCH_SIZE_LIMIT);
    }
    if (status == WEIR_OK) {
        status = check_most_of(of, "keys", given->keys, WEIR_BATCH_KEYS_LIMIT);
    }
    if (status == WEIR_OK) {
        status = check_most_of(of, "count", given->count, WEIR_BATCHER_COUNT_LIMIT);
    }
    if (status == WEIR_OK && given->full != NULL && (given->size > 0 || given->bytes > 0)) {
        status = weir__refuse(WEIR_INVALID, "%s%s must be 0 beside full, got %zu", of,
                              given->size > 0 ? "size" : "bytes",
                              given->size > 0 ? given->size : given->bytes);
    }
    if (status == WEIR_OK) {
        status = check_handler(of, given);
    }
    return status == WEIR_OK ? check_tries(of, &given->retry) : status;
}

static weir_status check_batchers(const weir_pipeline_options *options) {
    if (options->batcher_count > 0 && options->batchers == NULL) {
        return weir__refuse(WEIR_INVALID, "batchers must be set when batcher_count is %zu",
                            options->batcher_count);
    }
    if (options->batcher_count == 0 && options->batchers != NULL) {
        return weir__refuse(WEIR_INVALID,
                            "batcher_count must be 1..%d where there are batchers, got 0",
                            WEIR_BATCHERS_LIMIT);
    }
    weir_status status =
        check_most_of("", "batcher_count", options->batcher_count, WEIR_BATCHERS_LIMIT);
    for (size_t i = 0; i < options->batcher_count && status == WEIR_OK; i++) {
        const char *name = options->batchers[i].name;
        status = check_declared(&options->batchers[i], i);
        size_t first = status == WEIR_OK ? weir__pipeline_find(options->batchers, i, name) : i;
        if (first < i) {
            status =
                weir__refuse(WEIR_INVALID, "batchers[%zu].name is \"%s\", as is batchers[%zu]'s", i,
                             name, first);
        }
    }
    if (status == WEIR_OK && options->dead != NULL &&
        weir__pipeline_find(options->batchers, options->batcher_count, options->dead) ==
            options->batcher_count) {
        status = weir__refuse(WEIR_INVALID, "dead must be the name of a batcher, got \"%.40s\"",
                              options->dead);
    }
    return status;
}

/* ---- how, and not whether ------------------------------------------------------- */

/* again: something may be tried again by these. */
static weir_status check_forgotten(const char *of, const weir_tries *tries, bool again) {
    if (again || tries->tries > 0 || (tries->delay.first_ns == 0 && !tries->in_order)) {
        return WEIR_OK;
    }
    return weir__refuse(WEIR_INVALID,
                        "%sretry.tries must be 2 or more where delay or in_order is set: by "
                        "default nothing is tried again",
                        of);
}

/* handle_failed may say that something is tried again; a sink that is lost always is. */
static weir_status check_whether_again(const weir_pipeline_options *options) {
    bool of_all = options->handle_failed != NULL || options->retry.tries > 0;
    bool of_any = of_all;
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < options->batcher_count && status == WEIR_OK; i++) {
        const weir_pipeline_batcher *batcher = &options->batchers[i];
        char of[64];
        snprintf(of, sizeof of, "batchers[%zu].", i);
        status = check_forgotten(of, &batcher->retry, of_all || batcher->sink != NULL);
        of_any = of_any || batcher->retry.tries > 0 || batcher->sink != NULL;
    }
    return status == WEIR_OK ? check_forgotten("", &options->retry, of_any) : status;
}

/* ---- what a stage would refuse, too late: sources run by then ----------------- */

static weir_status check_worker_of(const weir_runtime *runtime, const char *of, unsigned worker) {
    return worker <= runtime->worker_count || worker >= WEIR_TIMELY_WORKER
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID,
                              "%sworker must be WEIR_WORKER(n) with n below %u, got %u", of,
                              runtime->worker_count, worker - 1);
}

static weir_status check_workers_of(const weir_runtime *runtime,
                                    const weir_pipeline_options *options) {
    weir_status status = check_worker_of(runtime, "processors.", options->processors.worker);
    for (size_t i = 0; i < options->batcher_count && status == WEIR_OK; i++) {
        char of[64];
        snprintf(of, sizeof of, "batchers[%zu].", i);
        status = check_worker_of(runtime, of, options->batchers[i].worker);
    }
    return status;
}

static weir_status check_rate(weir_runtime *runtime, const char *of, weir_rate *rate) {
    weir_status status = weir__rates_join(runtime, rate);
    if (status != WEIR_OK) {
        status = weir__refuse(status, "%s%s", of, weir_refusal());
    }
    return status;
}

static weir_status check_rates(weir_runtime *runtime, const weir_pipeline_options *options) {
    weir_status status = check_rate(runtime, "processors.", options->processors.rate);
    for (size_t i = 0; i < options->batcher_count && status == WEIR_OK; i++) {
        char of[64];
        snprintf(of, sizeof of, "batchers[%zu].", i);
        status = check_rate(runtime, of, options->batchers[i].rate);
    }
    return status;
}

/* ---- all of it ---------------------------------------------------------------- */

weir_status weir__pipeline_check(weir_runtime *runtime, const weir_pipeline_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_pipeline_options")) {
        return WEIR_INVALID;
    }
    weir_status status = options->name == NULL ? WEIR_OK : check_called("", options->name);
    if (status == WEIR_OK) {
        status = check_sources(options);
    }
    if (status == WEIR_OK) {
        status = check_tries("", &options->retry);
    }
    if (status == WEIR_OK) {
        status = check_processors(&options->processors, &options->retry, runtime);
    }
    if (status == WEIR_OK) {
        status = check_batchers(options);
    }
    if (status == WEIR_OK) {
        status = check_whether_again(options);
    }
    if (status == WEIR_OK) {
        status = check_workers_of(runtime, options);
    }
    if (status == WEIR_OK) {
        status = check_rates(runtime, options);
    }
    return status == WEIR_OK ? weir__producers_check(runtime, options) : status;
}
