/*
 * What a pipeline's declaration may be, and a copy of it.  See pipeline.h.
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

static const uint64_t RETRY_FIRST_NS = 100000000;
static const double RETRY_JITTER = 0.2;

/* ---- checks --------------------------------------------------------------- */

/* 0 is the default. */
static weir_status check_most_of(const char *of, const char *option, size_t value, size_t most) {
    return value <= most ? WEIR_OK
                         : weir__refuse(WEIR_INVALID, "%s%s must be at most %zu, got %zu", of,
                                        option, most, value);
}

static weir_status check_called(const char *of, const char *name) {
    size_t length = strlen(name);
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
    if (options->producer_count > 0 && options->producers == NULL) {
        return weir__refuse(WEIR_INVALID, "producers must be set when producer_count is %zu",
                            options->producer_count);
    }
    return check_most_of("", "max_outstanding", options->max_outstanding,
                         WEIR_SOURCE_OUTSTANDING_LIMIT);
}

static weir_status check_processors(const weir_processors *given, const weir_tries *tries) {
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
    const weir_subscribe_options demand = {.max_demand = given->max_demand,
                                           .min_demand = given->min_demand,
                                           .max_bytes = given->max_bytes};
    weir_subscribe_options filled;
    if (status == WEIR_OK && weir__options_subscribe(&demand, &filled) != WEIR_OK) {
        char why[160];
        snprintf(why, sizeof why, "%s", weir_refusal());
        status = weir__refuse(WEIR_INVALID, "processors.%s", why);
    }
    return status;
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
    if (given->sink->write == NULL) {
        return weir__refuse(WEIR_INVALID, "%ssink has no write", of);
    }
    if (given->count > 1 && given->sink_contexts == NULL) {
        return weir__refuse(WEIR_INVALID,
                            "%ssink_contexts must be set for a sink with count %u: one for each",
                            of, given->count);
    }
    return WEIR__RESERVED_SET(given->sink, "weir_sink") ? WEIR_INVALID : WEIR_OK;
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

/* The number of the batcher that has that name, of the first `count`; or count. */
static size_t find_batcher(const weir_pipeline_batcher *batchers, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(batchers[i].name, name) != 0) {
        i++;
    }
    return i;
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
        size_t first = status == WEIR_OK ? find_batcher(options->batchers, i, name) : i;
        if (first < i) {
            status =
                weir__refuse(WEIR_INVALID, "batchers[%zu].name is \"%s\", as is batchers[%zu]'s", i,
                             name, first);
        }
    }
    if (status == WEIR_OK && options->dead != NULL &&
        find_batcher(options->batchers, options->batcher_count, options->dead) ==
            options->batcher_count) {
        status = weir__refuse(WEIR_INVALID, "dead must be the name of a batcher, got \"%.40s\"",
                              options->dead);
    }
    return status;
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
        char why[160];
        snprintf(why, sizeof why, "%s", weir_refusal());
        status = weir__refuse(status, "%s%s", of, why);
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
        status = check_processors(&options->processors, &options->retry);
    }
    if (status == WEIR_OK) {
        status = check_batchers(options);
    }
    if (status == WEIR_OK) {
        status = check_workers_of(runtime, options);
    }
    return status == WEIR_OK ? check_rates(runtime, options) : status;
}

/* ---- a copy, with defaults ------------------------------------------------- */

static void fill_tries(weir_tries *tries, const weir_tries *usual) {
    if (tries->tries == 0 && tries->delay.first_ns == 0 && !tries->in_order) {
        *tries = *usual;
    }
    if (tries->tries == 0) {
        tries->tries = 1;
    }
    if (tries->delay.first_ns == 0) {
        tries->delay = (weir_backoff){.first_ns = RETRY_FIRST_NS, .jitter = RETRY_JITTER};
    }
}

static void fill_batcher(weir_pipeline_batcher *batcher, const weir_pipeline_options *options) {
    if (batcher->full == NULL && batcher->size == 0) {
        batcher->size = WEIR_BATCH_SIZE_DEFAULT;
    }
    if (batcher->timeout_ns == 0) {
        batcher->timeout_ns = WEIR_BATCH_TIMEOUT_DEFAULT;
    }
    if (batcher->keys == 0) {
        batcher->keys = WEIR_BATCH_KEYS_DEFAULT;
    }
    if (batcher->count == 0) {
        batcher->count = 1;
    }
    fill_tries(&batcher->retry, &options->retry);
}

static void fill_pipeline(weir_pipeline_options *options, const weir_runtime *runtime) {
    weir_processors *processors = &options->processors;
    if (processors->count == 0) {
        processors->count = runtime->worker_count;
    }
    if (processors->max_demand == 0 && processors->max_bytes == 0) {
        const unsigned at_once = processors->partition_by == NULL ? processors->count : 1;
        processors->max_demand = processors->blocking ? at_once : WEIR_PROCESSORS_DEMAND_DEFAULT;
    }
    if (processors->worker == WEIR_ANY_WORKER) {
        processors->worker = WEIR_SPREAD;
    }
    if (options->max_outstanding == 0) {
        options->max_outstanding = WEIR_MAX_OUTSTANDING_DEFAULT;
    }
    if (options->shutdown_ns == 0) {
        options->shutdown_ns = WEIR_PIPELINE_SHUTDOWN_DEFAULT;
    }
    fill_tries(&options->retry, &(weir_tries){.tries = 1});
}

/* Memory for `count` of something; NULL where that is 0, and where there is none: *whole. */
static void *make_some(weir_pipeline *pipeline, size_t count, size_t bytes, bool *whole) {
    if (count == 0) {
        return NULL;
    }
    void *some = weir__alloc_zeroed(pipeline->allocator, count * bytes, WEIR__CACHE_LINES);
    *whole = *whole && some != NULL;
    return some;
}

/* How many crews a bin has. */
static unsigned crews_of(const weir_pipeline_batcher *batcher) {
    return batcher->partition_by != NULL || batcher->sink != NULL ? batcher->count : 1;
}

static void copy_bin(weir_pipeline *pipeline, unsigned number, const weir_pipeline_batcher *given) {
    struct weir__bin *bin = &pipeline->bins[number];
    bin->options = *given;
    fill_batcher(&bin->options, &pipeline->options);
    snprintf(bin->name, sizeof bin->name, "%s", given->name);
    bin->options.name = bin->name;
    bin->pipeline = pipeline;
    bin->number = number;
    bin->partitions = given->partition_by != NULL ? bin->options.count : 1;
    bin->first = (unsigned)pipeline->gatherer_count;
    bin->in_order = given->partition_by != NULL || given->sink != NULL;
    bin->crew_count = crews_of(&bin->options);
    bin->crews = &pipeline->crews[pipeline->crew_count];
    for (unsigned i = 0; i < bin->crew_count; i++) {
        bin->crews[i].bin = bin;
        bin->crews[i].context =
            given->sink_contexts != NULL ? given->sink_contexts[i] : pipeline->options.context;
    }
    bin->options.sink_contexts = NULL; /* the crews have them */
    pipeline->gatherer_count += bin->partitions;
    pipeline->crew_count += bin->crew_count;
}

static size_t count_crews(const weir_pipeline_options *options) {
    size_t crews = 0;
    for (size_t i = 0; i < options->batcher_count; i++) {
        weir_pipeline_batcher filled = options->batchers[i];
        filled.count = filled.count == 0 ? 1 : filled.count;
        crews += crews_of(&filled);
    }
    return crews;
}

static void copy_lists(weir_pipeline *pipeline, const weir_pipeline_options *given) {
    for (unsigned i = 0; i < given->source_count; i++) {
        pipeline->source_contexts[i] =
            given->source_contexts == NULL ? NULL : given->source_contexts[i];
    }
    if (given->producer_count > 0) {
        memcpy(pipeline->producers, given->producers,
               given->producer_count * sizeof *given->producers);
    }
    for (unsigned i = 0; i < given->batcher_count; i++) {
        copy_bin(pipeline, i, &given->batchers[i]);
    }
    if (given->dead != NULL) {
        pipeline->dead_bin =
            &pipeline->bins[find_batcher(given->batchers, given->batcher_count, given->dead)];
        pipeline->dead_bin->dead = true;
        pipeline->options.dead = pipeline->dead_bin->name;
    }
    pipeline->options.batchers = NULL;
    pipeline->options.source_contexts = pipeline->source_contexts;
    pipeline->options.producers = pipeline->producers;
}

bool weir__pipeline_copy(weir_pipeline *pipeline, const weir_pipeline_options *given) {
    bool whole = true;
    pipeline->options = *given;
    fill_pipeline(&pipeline->options, pipeline->runtime);
    snprintf(pipeline->name, sizeof pipeline->name, "%s",
             given->name == NULL ? "pipeline" : given->name);
    pipeline->options.name = pipeline->name;
    const size_t processors = pipeline->options.processors.count;
    const size_t sources = given->source_count;
    pipeline->source_contexts =
        make_some(pipeline, sources, sizeof *pipeline->source_contexts, &whole);
    pipeline->sources = make_some(pipeline, sources, sizeof *pipeline->sources, &whole);
    pipeline->producers =
        make_some(pipeline, given->producer_count, sizeof *pipeline->producers, &whole);
    pipeline->processors = make_some(pipeline, processors, sizeof *pipeline->processors, &whole);
    pipeline->bins = make_some(pipeline, given->batcher_count, sizeof *pipeline->bins, &whole);
    pipeline->crew_room = count_crews(given);
    pipeline->crews = make_some(pipeline, pipeline->crew_room, sizeof *pipeline->crews, &whole);
    if (whole) {
        copy_lists(pipeline, given);
        const weir_processors *of = &pipeline->options.processors;
        pipeline->processor_count = of->blocking && of->partition_by == NULL ? 1 : of->count;
        pipeline->member_count = sources + 1 + (pipeline->dead_bin != NULL) +
                                 pipeline->processor_count + pipeline->gatherer_count +
                                 pipeline->crew_count;
        pipeline->members =
            make_some(pipeline, pipeline->member_count, sizeof *pipeline->members, &whole);
    }
    return whole;
}

void weir__pipeline_free(weir_pipeline *pipeline) {
    const struct weir__allocator *with = pipeline->allocator;
    const weir_pipeline_options *options = &pipeline->options;
    const size_t processors = options->processors.count;
    const size_t sources = options->source_count;
    for (size_t i = 0; pipeline->processors != NULL && i < processors; i++) {
        weir__processor_free(&pipeline->processors[i]);
    }
    weir__free(with, pipeline->source_contexts, sources * sizeof *pipeline->source_contexts);
    weir__free(with, pipeline->sources, sources * sizeof *pipeline->sources);
    weir__free(with, pipeline->producers, options->producer_count * sizeof *pipeline->producers);
    weir__free(with, pipeline->processors, processors * sizeof *pipeline->processors);
    weir__free(with, pipeline->bins, options->batcher_count * sizeof *pipeline->bins);
    weir__free(with, pipeline->crews, pipeline->crew_room * sizeof *pipeline->crews);
    weir__free(with, pipeline->members, pipeline->member_count * sizeof *pipeline->members);
    weir__free(with, pipeline, sizeof *pipeline);
}
