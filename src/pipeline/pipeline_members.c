/*
 * Members: the stages of a pipeline, and how each is started.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage that has stopped by itself is started again by the supervisor, on its worker.  That can
 * be done with processors, gatherers and crews.  If a source has stopped, or the inlet of dead
 * letters, the supervisor is stopped, and the pipeline ends: others have their handles, and the old
 * one's thread its driver.  They are opened before the supervisor is.
 */
#include "base/refusal.h"
#include "parts/task_pool.h"
#include "pipeline/pipeline.h"
#include "runtime/runtime.h"
#include "stage/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void weir__pipeline_log(const weir_pipeline *pipeline, weir_log_level level, const char *format,
                        ...) {
    char text[576];
    int used = snprintf(text, sizeof text, "pipeline %s: ", pipeline->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    weir__runtime_log(pipeline->runtime, level, text);
}

void weir__pipeline_observed(const struct weir__member *member, uint64_t start_ns, size_t count,
                             size_t failed, const weir_batch_info *batch) {
    const weir_pipeline *pipeline = member->pipeline;
    if (pipeline->options.observe == NULL) {
        return;
    }
    const weir_telemetry telemetry = {.pipeline = pipeline->name,
                                      .stage = member->name,
                                      .role = member->role,
                                      .index = member->index,
                                      .start_ns = start_ns,
                                      .took_ns = weir_runtime_now(pipeline->runtime) - start_ns,
                                      .count = count,
                                      .failed = failed,
                                      .batch = batch};
    pipeline->options.observe(pipeline->options.context, &telemetry);
}

/* ---- who they are --------------------------------------------------------------- */

static struct weir__member *add_member(weir_pipeline *pipeline, size_t *next, weir_role role,
                                       unsigned index, unsigned partition) {
    static const char *const words[] = {
        [WEIR_ROLE_SOURCE] = "source",   [WEIR_ROLE_PUSH] = "push",
        [WEIR_ROLE_DEAD] = "dead",       [WEIR_ROLE_PROCESSOR] = "processor",
        [WEIR_ROLE_BATCHER] = "batcher", [WEIR_ROLE_BATCHES] = "batches",
    };
    struct weir__member *member = &pipeline->members[(*next)++];
    member->pipeline = pipeline;
    member->role = role;
    member->index = index;
    member->partition = partition;
    char *name = member->name;
    const size_t room = sizeof member->name;
    if (role == WEIR_ROLE_BATCHER || role == WEIR_ROLE_BATCHES) {
        snprintf(name, room, "%s.%s.%s.%u", pipeline->name, words[role], pipeline->bins[index].name,
                 partition % 1000);
    } else if (role == WEIR_ROLE_PUSH || role == WEIR_ROLE_DEAD) {
        snprintf(name, room, "%s.%s", pipeline->name, words[role]);
    } else {
        snprintf(name, room, "%s.%s.%u", pipeline->name, words[role], index % 10000);
    }
    return member;
}

void weir__pipeline_members(weir_pipeline *pipeline) {
    size_t next = 0;
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        add_member(pipeline, &next, WEIR_ROLE_SOURCE, i, 0);
    }
    add_member(pipeline, &next, WEIR_ROLE_PUSH, 0, 0);
    if (pipeline->dead_bin != NULL) {
        add_member(pipeline, &next, WEIR_ROLE_DEAD, 0, 0);
    }
    for (unsigned i = 0; i < pipeline->processor_count; i++) {
        pipeline->processors[i].member = add_member(pipeline, &next, WEIR_ROLE_PROCESSOR, i, 0);
        weir__retries_open(&pipeline->processors[i].waiting, pipeline->allocator,
                           pipeline->options.retry.in_order);
    }
    for (unsigned i = 0; i < pipeline->options.batcher_count; i++) {
        for (unsigned k = 0; k < pipeline->bins[i].partitions; k++) {
            add_member(pipeline, &next, WEIR_ROLE_BATCHER, i, k);
        }
    }
    for (unsigned i = 0; i < pipeline->options.batcher_count; i++) {
        for (unsigned k = 0; k < pipeline->bins[i].crew_count; k++) {
            pipeline->bins[i].crews[k].member =
                add_member(pipeline, &next, WEIR_ROLE_BATCHES, i, k);
        }
    }
}

size_t weir__members_of(const weir_pipeline *pipeline, weir_role role, size_t *count) {
    size_t first = 0;
    while (first < pipeline->member_count && pipeline->members[first].role < role) {
        first++;
    }
    size_t end = first;
    while (end < pipeline->member_count && pipeline->members[end].role == role) {
        end++;
    }
    *count = end - first;
    return first;
}

/* ---- whom messages go to ----------------------------------------------------------- */

static uint32_t processor_of_message(void *context, const void *event) {
    const weir_pipeline *pipeline = context;
    const weir_processors *processors = &pipeline->options.processors;
    return processors->partition_by(pipeline->options.context, event) % processors->count;
}

static uint32_t gatherer_of_message(void *context, const void *event) {
    const weir_pipeline *pipeline = context;
    const weir_message *message = event;
    const struct weir__bin *bin = &pipeline->bins[message->batcher];
    if (bin->options.partition_by == NULL) {
        return bin->first;
    }
    return bin->first +
           bin->options.partition_by(pipeline->options.context, message) % bin->options.count;
}

/* Its `batcher` says where it went. */
static uint32_t gatherer_of_dead(void *context, const void *event) {
    const weir_pipeline *pipeline = context;
    const weir_pipeline_batcher *options = &pipeline->dead_bin->options;
    return options->partition_by(pipeline->options.context, event) % options->count;
}

/* A dispatcher for so many; NULL: the usual one will do. */
static const weir_dispatcher *dispatch_to(weir_pipeline *pipeline, size_t partitions,
                                          uint32_t (*hash)(void *, const void *),
                                          weir_partition_dispatcher_options *out) {
    *out = (weir_partition_dispatcher_options){
        .partitions = partitions, .hash = hash, .context = pipeline};
    return partitions > 1 ? weir_partition_dispatcher() : NULL;
}

static const weir_dispatcher *dispatch_to_processors(weir_pipeline *pipeline,
                                                     weir_partition_dispatcher_options *out) {
    const weir_processors *processors = &pipeline->options.processors;
    return dispatch_to(pipeline, processors->partition_by != NULL ? processors->count : 1,
                       processor_of_message, out);
}

/* ---- starting them ------------------------------------------------------------------- */

static weir_status start_source(struct weir__member *member, const weir_source_driver *driver,
                                void *driver_context, weir_source **out, weir_ref *stage) {
    weir_pipeline *pipeline = member->pipeline;
    weir_partition_dispatcher_options partitions;
    const weir_dispatcher *dispatcher = dispatch_to_processors(pipeline, &partitions);
    const weir_source_options options = {
        .name = member->name,
        .driver = driver,
        .context = driver_context,
        .max_outstanding = pipeline->options.max_outstanding,
        .max_outstanding_bytes = pipeline->options.max_outstanding_bytes,
        .shutdown_ns = pipeline->options.shutdown_ns,
        .reopen_ns = pipeline->options.reopen_ns,
        .reopen_most_ns = pipeline->options.reopen_most_ns,
        .redeliver_ns = pipeline->options.redeliver_ns,
        .ack_tries = pipeline->options.ack_tries,
        .dispatcher = dispatcher,
        .dispatcher_options = dispatcher != NULL ? &partitions : NULL,
    };
    return weir__source_open(pipeline->runtime, &options, &pipeline->kin, out, stage);
}

static weir_status start_dead(struct weir__member *member, weir_ref *out) {
    weir_pipeline *pipeline = member->pipeline;
    weir_partition_dispatcher_options partitions;
    const weir_dispatcher *dispatcher =
        dispatch_to(pipeline, pipeline->dead_bin->partitions, gatherer_of_dead, &partitions);
    const weir_inlet_options options = {
        .name = member->name,
        .type = weir_message_type(),
        .capacity = pipeline->options.max_outstanding,
        .dispatcher = dispatcher,
        .dispatcher_options = dispatcher != NULL ? &partitions : NULL,
    };
    weir_status status = weir_inlet_open(pipeline->runtime, &options, &pipeline->dead, out);
    if (status == WEIR_OK) {
        pipeline->dead_stage = *out;
    }
    return status;
}

static weir_status start_processor(struct weir__member *member, weir_ref *out) {
    weir_pipeline *pipeline = member->pipeline;
    struct weir__processor *processor = &pipeline->processors[member->index];
    weir_partition_dispatcher_options partitions;
    const weir_dispatcher *dispatcher =
        dispatch_to(pipeline, pipeline->gatherer_count, gatherer_of_message, &partitions);
    const void *dispatcher_options = dispatcher != NULL ? &partitions : NULL;
    if (pipeline->options.processors.blocking) {
        const weir_pool_emits emits = {.event_bytes = sizeof(weir_message),
                                       .type = weir_message_type(),
                                       .dispatcher = dispatcher,
                                       .dispatcher_options = dispatcher_options};
        return weir__blocking_start(processor, &emits, out);
    }
    weir_stage_options stage;
    weir__processor_stage(processor, &stage);
    if (pipeline->gatherer_count > 0) {
        stage.dispatcher = dispatcher;
        stage.dispatcher_options = dispatcher_options;
    }
    return weir_stage_start(pipeline->runtime, &stage, out);
}

/* ---- gatherers ------------------------------------------------------------------------ */

static uint64_t batch_key_of(void *context, const void *event) {
    const struct weir__bin *bin = context;
    const weir_message *message = event;
    return bin->options.batch_key != NULL
               ? bin->options.batch_key(bin->pipeline->options.context, message)
               : message->batch_key;
}

static uint64_t weight_of_message(void *context, const void *event) {
    const weir_message *message = event;
    (void)context;
    return (uint64_t)message->data.count + message->key.count + message->headers.count;
}

static bool flushes(void *context, const void *event) {
    (void)context;
    return ((const weir_message *)event)->flush != 0;
}

static bool batch_is_full(void *context, const void *event, uint64_t *sum) {
    const struct weir__bin *bin = context;
    return bin->options.full(bin->pipeline->options.context, event, sum);
}

static weir_status start_gatherer(struct weir__member *member, weir_ref *out) {
    weir_pipeline *pipeline = member->pipeline;
    struct weir__bin *bin = &pipeline->bins[member->index];
    const weir_batcher_options options = {
        .name = member->name,
        .event_bytes = sizeof(weir_message),
        .type = weir_message_type(),
        .size = bin->options.size,
        .bytes = bin->options.bytes,
        .timeout_ns = bin->options.timeout_ns,
        .keys = bin->options.keys,
        .key = batch_key_of,
        .weight = weight_of_message,
        .flush = flushes,
        .full = bin->options.full != NULL ? batch_is_full : NULL,
        .context = bin,
        .worker = bin->options.worker,
    };
    return weir_batcher_start(pipeline->runtime, &options, out);
}

/* ---- pools ------------------------------------------------------------------------------ */

/* A pool that has been started before is closed in the end; its threads go when their tasks have
 * returned. */
static weir_status retire(weir_pipeline *pipeline, weir_pool **pool) {
    if (weir__load_relaxed_ptr(pool) == NULL) {
        return WEIR_OK;
    }
    struct weir__retired *retired = weir__alloc(pipeline->allocator, sizeof *retired, 64);
    if (retired == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a pool");
    }
    *retired = (struct weir__retired){.pool = *pool, .next = pipeline->retired};
    weir__task_let_go(*pool);
    pipeline->retired = retired;
    weir__store_relaxed_ptr(pool, (weir_pool *)NULL);
    return WEIR_OK;
}

static weir_status start_crew(struct weir__member *member, weir_ref *out) {
    struct weir__crew *crew = &member->pipeline->bins[member->index].crews[member->partition];
    weir_status status = retire(member->pipeline, &crew->pool);
    return status == WEIR_OK ? weir__crew_start(crew, out) : status;
}

static weir_status start_blocking_or_not(struct weir__member *member, weir_ref *out) {
    weir_pipeline *pipeline = member->pipeline;
    weir_status status = retire(pipeline, &pipeline->processors[member->index].pool);
    return status == WEIR_OK ? start_processor(member, out) : status;
}

/* ---- any of them -------------------------------------------------------------------------- */

static weir_status start_by_role(struct weir__member *member, weir_ref *out) {
    weir_pipeline *pipeline = member->pipeline;
    switch (member->role) {
    case WEIR_ROLE_SOURCE:
        return start_source(member, pipeline->options.source,
                            pipeline->source_contexts[member->index],
                            &pipeline->sources[member->index], out);
    case WEIR_ROLE_PUSH:
        return start_source(member, NULL, NULL, &pipeline->push, out);
    case WEIR_ROLE_DEAD:
        return start_dead(member, out);
    case WEIR_ROLE_PROCESSOR:
        return start_blocking_or_not(member, out);
    case WEIR_ROLE_BATCHER:
        return start_gatherer(member, out);
    default:
        return start_crew(member, out);
    }
}

/* Those who may send dead letters keep their inlet open. */
static weir_status feed_dead(const struct weir__member *member, weir_ref stage) {
    weir_pipeline *pipeline = member->pipeline;
    const bool feeds =
        pipeline->dead_bin != NULL &&
        ((member->role == WEIR_ROLE_PROCESSOR && pipeline->options.processors.blocking) ||
         (member->role == WEIR_ROLE_BATCHES &&
          &pipeline->bins[member->index] != pipeline->dead_bin));
    return feeds ? weir_feeds(pipeline->runtime, stage, pipeline->dead_stage) : WEIR_OK;
}

weir_status weir__members_open(weir_pipeline *pipeline) {
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < pipeline->member_count && status == WEIR_OK; i++) {
        struct weir__member *member = &pipeline->members[i];
        weir_ref stage = {0};
        if (member->role < WEIR_ROLE_PROCESSOR) {
            status = start_by_role(member, &stage);
            weir__store_relaxed_u64(&member->ref, stage.bits);
        }
    }
    return status;
}

/* It is the supervisor's now, for as long as it lives: weir__members_open has started it. */
static bool is_handed_over(const struct weir__member *member) {
    return member->role < WEIR_ROLE_PROCESSOR && member->starts > 0;
}

/* In a callback of the supervisor's: it stops, and all members with it. */
static weir_status end_pipeline(const struct weir__member *member) {
    weir__pipeline_log(member->pipeline, WEIR_LOG_WARNING,
                       "%s has stopped, and cannot be started again: the pipeline ends",
                       member->name);
    if (weir__here != NULL && weir__here->running != NULL) {
        weir_stop(member->pipeline->runtime, weir_self(weir__here->running), WEIR_REASON_SHUTDOWN);
    }
    return WEIR_CLOSED; /* of which the supervisor says nothing more */
}

weir_status weir__member_start(weir_runtime *runtime, void *argument, weir_ref *out) {
    struct weir__member *member = argument;
    (void)runtime;
    if (is_handed_over(member)) {
        return end_pipeline(member);
    }
    if (member->role < WEIR_ROLE_PROCESSOR) {
        *out = weir__member_ref(member);
        member->starts = 1;
        return WEIR_OK;
    }
    weir_status status = start_by_role(member, out);
    if (status == WEIR_OK) {
        feed_dead(member, *out);
        weir__store_relaxed_u64(&member->ref, out->bits);
        if (member->starts++ > 0) {
            WEIR__TALLY(member->pipeline, restarts, 1);
        }
    }
    return status;
}
