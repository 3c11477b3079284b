/*
 * What a pipeline keeps of its declaration: a copy, with defaults.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/pipeline.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <string.h>

static const uint64_t RETRY_FIRST_NS = 100000000;
static const double RETRY_JITTER = 0.2;

size_t weir__pipeline_find(const weir_pipeline_batcher *batchers, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(batchers[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Each member by itself: who says one of them has not said the others. */
static void fill_tries(weir_tries *tries, const weir_tries *usual) {
    if (tries->tries == 0) {
        tries->tries = usual->tries;
    }
    if (tries->delay.first_ns == 0) {
        tries->delay = usual->delay;
    }
    tries->in_order = tries->in_order || usual->in_order;
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

size_t weir__pipeline_max_demand(const weir_processors *processors, const weir_runtime *runtime) {
    if (processors->max_demand > 0 || processors->max_bytes > 0) {
        return processors->max_demand;
    }
    const unsigned count = processors->count == 0 ? runtime->worker_count : processors->count;
    const unsigned at_once = processors->partition_by == NULL ? count : 1;
    return processors->blocking ? at_once : WEIR_PROCESSORS_DEMAND_DEFAULT;
}

static void fill_pipeline(weir_pipeline_options *options, const weir_runtime *runtime) {
    weir_processors *processors = &options->processors;
    if (processors->count == 0) {
        processors->count = runtime->worker_count;
    }
    processors->max_demand = weir__pipeline_max_demand(processors, runtime);
    if (processors->worker == WEIR_ANY_WORKER) {
        processors->worker = WEIR_SPREAD;
    }
    if (options->max_outstanding == 0) {
        options->max_outstanding = WEIR_MAX_OUTSTANDING_DEFAULT;
    }
    if (options->shutdown_ns == 0) {
        options->shutdown_ns = WEIR_PIPELINE_SHUTDOWN_DEFAULT;
    }
    fill_tries(
        &options->retry,
        &(weir_tries){.tries = 1, .delay = {.first_ns = RETRY_FIRST_NS, .jitter = RETRY_JITTER}});
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
    bin->waits = given->partition_by != NULL || bin->options.retry.in_order;
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
            &pipeline
                 ->bins[weir__pipeline_find(given->batchers, given->batcher_count, given->dead)];
        pipeline->dead_bin->dead = true;
        pipeline->options.dead = pipeline->dead_bin->name;
    }
    pipeline->options.batchers = NULL;
    pipeline->options.source_contexts = pipeline->source_contexts;
    pipeline->options.producers = pipeline->producers;
}

/* They may be closed while the pipeline names them: for retries, and whoever is started again. */
static void each_rate(const weir_pipeline *pipeline, void (*call)(struct weir_rate *)) {
    if (pipeline->options.processors.rate != NULL) {
        call(pipeline->options.processors.rate);
    }
    for (size_t i = 0; i < pipeline->options.batcher_count; i++) {
        if (pipeline->bins[i].options.rate != NULL) {
            call(pipeline->bins[i].options.rate);
        }
    }
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
        each_rate(pipeline, weir__rate_hold);
        pipeline->holds_rates = true;
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
    if (pipeline->holds_rates) {
        each_rate(pipeline, weir__rate_release);
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
