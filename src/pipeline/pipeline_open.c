/*
 * Opening a pipeline: who subscribes to whom.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor's children are the members, by their numbers.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "pipeline/pipeline.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"

#include <stdio.h>

static const uint64_t REST_LOOKS_NS = 10000000; /* whether what was refused has come to rest */

/* What a supervisor is told, while it is. */
struct plan {
    weir_pipeline *pipeline;
    weir_supervised *children; /* member_count */
    weir_subscribe_to *links;
    size_t link_count;
    size_t link_room;
    size_t room; /* of links, in all: counted first, with links NULL */
};

/* ---- links ------------------------------------------------------------------------ */

static void add_link(struct plan *plan, weir_ref producer, const weir_subscribe_options *options) {
    if (plan->links != NULL) {
        plan->links[plan->link_count] =
            (weir_subscribe_to){.producer = producer, .options = *options};
    }
    plan->link_count++;
}

/* To all members of a role. */
static void link_to(struct plan *plan, weir_role role, const weir_subscribe_options *options) {
    size_t count;
    size_t first = weir__members_of(plan->pipeline, role, &count);
    for (size_t i = first; i < first + count; i++) {
        add_link(plan, WEIR_SIBLING(i), options);
    }
}

static void link_processor(struct plan *plan, unsigned number) {
    const weir_pipeline *pipeline = plan->pipeline;
    const weir_processors *processors = &pipeline->options.processors;
    weir_subscribe_options options = {.max_demand = processors->max_demand,
                                      .min_demand = processors->min_demand,
                                      .max_bytes = processors->max_bytes,
                                      .cancel = WEIR_TEMPORARY,
                                      .rate = processors->rate};
    const bool partitioned = processors->partition_by != NULL;
    options.partition = partitioned && processors->count > 1 ? WEIR_PARTITION(number) : 0;
    link_to(plan, WEIR_ROLE_SOURCE, &options);
    link_to(plan, WEIR_ROLE_PUSH, &options);
    for (size_t i = 0; i < pipeline->options.producer_count; i++) {
        const weir_ref producer = pipeline->producers[i];
        if (partitioned && weir__producer_is_partitioned(pipeline->runtime, producer)) {
            options.partition = WEIR_PARTITION(number); /* the only one, perhaps */
        }
        add_link(plan, producer, &options);
    }
}

static void link_gatherer(struct plan *plan, const struct weir__bin *bin, unsigned partition) {
    weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
    if (plan->pipeline->gatherer_count > 1) {
        options.partition = WEIR_PARTITION(bin->first + partition);
    }
    link_to(plan, WEIR_ROLE_PROCESSOR, &options);
    if (bin->dead) {
        options.partition = bin->partitions > 1 ? WEIR_PARTITION(partition) : 0;
        link_to(plan, WEIR_ROLE_DEAD, &options);
    }
}

static void link_crew(struct plan *plan, const struct weir__bin *bin, unsigned partition) {
    size_t count;
    const size_t gatherers = weir__members_of(plan->pipeline, WEIR_ROLE_BATCHER, &count);
    const unsigned at_once = bin->in_order ? 1 : bin->options.count;
    const bool ahead = !bin->in_order && !bin->waits; /* as many more are there as are handled */
    const weir_subscribe_options options = {.max_demand = ahead ? 2 * at_once : at_once,
                                            .min_demand = ahead ? at_once : WEIR_NONE,
                                            .cancel = WEIR_TEMPORARY,
                                            .rate = bin->options.rate};
    const unsigned gatherer = bin->first + (bin->partitions > 1 ? partition : 0);
    add_link(plan, WEIR_SIBLING(gatherers + gatherer), &options);
}

/* ---- children --------------------------------------------------------------------- */

static void plan_member(struct plan *plan, size_t number) {
    struct weir__member *member = &plan->pipeline->members[number];
    const bool binned = member->role > WEIR_ROLE_PROCESSOR;
    const struct weir__bin *bin = binned ? &plan->pipeline->bins[member->index] : NULL;
    const size_t first = plan->link_count;
    switch (member->role) {
    case WEIR_ROLE_PROCESSOR:
        link_processor(plan, member->index);
        break;
    case WEIR_ROLE_BATCHER:
        link_gatherer(plan, bin, member->partition);
        break;
    case WEIR_ROLE_BATCHES:
        link_crew(plan, bin, member->partition);
        break;
    default:
        break;
    }
    if (plan->links != NULL) {
        plan->children[number] = (weir_supervised){
            .start = weir__member_start,
            .argument = member,
            .name = member->name,
            .restart = member->role < WEIR_ROLE_PROCESSOR ? WEIR_RESTART_TRANSIENT
                                                          : WEIR_RESTART_PERMANENT,
            .subscribe_to = plan->link_count > first ? &plan->links[first] : NULL,
            .subscribe_count = plan->link_count - first};
    }
}

static void plan_members(struct plan *plan) {
    plan->link_count = 0;
    for (size_t i = 0; i < plan->pipeline->member_count; i++) {
        plan_member(plan, i);
    }
}

static weir_status start_supervisor(weir_pipeline *pipeline, const struct plan *plan) {
    const weir_supervisor_options options = {.name = pipeline->name,
                                             .max_restarts = pipeline->options.max_restarts,
                                             .max_seconds = pipeline->options.max_seconds,
                                             .children = plan->children,
                                             .child_count = pipeline->member_count};
    return weir_supervisor_start(pipeline->runtime, &options, &pipeline->supervisor);
}

static weir_status start_members(weir_pipeline *pipeline) {
    struct plan plan = {.pipeline = pipeline};
    plan_members(&plan);
    const struct weir__allocator *with = pipeline->allocator;
    const size_t link_bytes = (plan.link_count + 1) * sizeof *plan.links;
    const size_t child_bytes = pipeline->member_count * sizeof *plan.children;
    plan.links = weir__alloc_zeroed(with, link_bytes, 64);
    plan.children = weir__alloc_zeroed(with, child_bytes, 64);
    weir_status status = WEIR_OK;
    if (plan.links == NULL || plan.children == NULL) {
        status = weir__refuse(WEIR_NO_MEMORY, "no memory for a pipeline");
    } else {
        plan_members(&plan);
        status = start_supervisor(pipeline, &plan);
    }
    weir__free(with, plan.links, link_bytes);
    weir__free(with, plan.children, child_bytes);
    return status;
}

/* ---- opening ------------------------------------------------------------------------ */

/*
 * An opening that was refused.  Sources may run by now, and a call of their drivers' may block: it
 * is waited for, since they use what is freed here.  What was refused is what is told of.
 */
static weir_status take_down(weir_pipeline *pipeline, weir_status status) {
    char why[WEIR__REFUSAL_BYTES];
    snprintf(why, sizeof why, "%s", weir_refusal());
    while (weir__pipeline_shut(pipeline, 0) != WEIR_OK) {
        weir__pipeline_log(pipeline, WEIR_LOG_WARNING,
                           "it was refused, and waits for a driver's call to return");
        weir__clock_sleep_ns(REST_LOOKS_NS);
    }
    weir__pipeline_free(pipeline);
    return weir__refuse(status, "%s", why);
}

static weir_status check_outside_of_callbacks(const weir_runtime *runtime) {
    return weir__check_outside(runtime, "weir_pipeline_open");
}

weir_status weir_pipeline_open(weir_runtime *runtime, const weir_pipeline_options *options,
                               weir_pipeline **out) {
    if (weir__unfit(runtime) || weir__missing(options, "options") || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_status status = check_outside_of_callbacks(runtime);
    if (status == WEIR_OK) {
        status = weir__pipeline_check(runtime, options);
    }
    if (status != WEIR_OK) {
        return status;
    }
    weir_pipeline *pipeline =
        weir__alloc_zeroed(&runtime->allocator, sizeof *pipeline, WEIR__CACHE_LINES);
    if (pipeline == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a pipeline");
    }
    pipeline->runtime = runtime;
    pipeline->allocator = &runtime->allocator;
    pipeline->kin.ends = weir__pipeline_source_ends;
    if (!weir__pipeline_copy(pipeline, options)) {
        weir__pipeline_free(pipeline);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a pipeline");
    }
    weir__pipeline_members(pipeline);
    status = weir__members_open(pipeline);
    if (status == WEIR_OK) {
        status = start_members(pipeline);
    }
    if (status != WEIR_OK) {
        return take_down(pipeline, status);
    }
    weir__pipeline_opened(pipeline);
    *out = pipeline;
    return WEIR_OK;
}
