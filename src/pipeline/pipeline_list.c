/*
 * What a pipeline has, and what it has done.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "pipeline/pipeline.h"
#include "runtime/registry.h"
#include "runtime/runtime.h"

#include <string.h>

bool weir__stage_lives(const weir_pipeline *pipeline, weir_ref stage) {
    return stage.bits != 0 && weir__registry_find(&pipeline->runtime->registry, stage) != NULL;
}

bool weir__member_lives(const struct weir__member *member) {
    return weir__stage_lives(member->pipeline, weir__member_ref(member));
}

size_t weir_pipeline_topology(const weir_pipeline *pipeline, weir_pipeline_stage *out,
                              size_t room) {
    if (weir__pipeline_unfit(pipeline) || (room > 0 && weir__missing(out, "out"))) {
        return 0;
    }
    for (size_t i = 0; i < pipeline->member_count && i < room; i++) {
        const struct weir__member *member = &pipeline->members[i];
        const bool batches = member->role == WEIR_ROLE_BATCHES;
        const weir_sink *sink = batches ? pipeline->bins[member->index].options.sink : NULL;
        out[i] = (weir_pipeline_stage){.stage = {weir__load_relaxed_u64(&member->ref)},
                                       .role = member->role,
                                       .index = member->index,
                                       .partition = member->partition,
                                       .idempotent = sink != NULL && sink->idempotent,
                                       .alive = weir__member_lives(member)};
        memcpy(out[i].name, member->name, sizeof out[i].name);
    }
    return pipeline->member_count;
}

bool weir_pipeline_running(const weir_pipeline *pipeline) {
    if (weir__pipeline_unfit(pipeline)) {
        return false;
    }
    bool all = true;
    for (size_t i = 0; i < pipeline->member_count; i++) {
        all = all && weir__member_lives(&pipeline->members[i]);
    }
    return all;
}

bool weir__source_is_broken(const weir_source *source) {
    return weir_source_over(source) && source->broken; /* the owner's, until SO5 -> SO6 */
}

void weir__pipeline_add_source(weir_pipeline_stats *stats, const weir_source *source) {
    weir_source_stats of;
    if (source != NULL && weir_source_statistics(source, &of) == WEIR_OK) {
        stats->pulled += of.pulled;
        stats->acked += of.acked;
        stats->naks += of.naks;
        stats->lost_acks += of.lost_acks;
        stats->forgotten += of.forgotten;
        stats->left += of.left;
        stats->outstanding += of.outstanding;
        stats->broken += weir__source_is_broken(source);
    }
}

weir_status weir_pipeline_read_stats(const weir_pipeline *pipeline, weir_pipeline_stats *out) {
    if (weir__pipeline_unfit(pipeline) || weir__missing(out, "out")) {
        return weir__refused();
    }
    uint64_t figures[WEIR__TALLIES];
    for (size_t i = 0; i < WEIR__TALLIES; i++) {
        figures[i] = weir__load_relaxed_u64(&pipeline->tallies[i]);
    }
    memcpy(out, figures, sizeof *out);
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        weir__pipeline_add_source(out, pipeline->sources[i]);
    }
    return WEIR_OK;
}
