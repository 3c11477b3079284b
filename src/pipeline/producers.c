/*
 * Producers of the program's own, whose messages a pipeline handles.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which processor a message goes to is said by its producer's dispatcher.  Weir's own are known;
 * of one that is the program's it must know itself what it does with partitions.
 */
#include "base/refusal.h"
#include "pipeline/pipeline.h"
#include "runtime/post.h"
#include "runtime/registry.h"
#include "runtime/runtime.h"

#include <stdio.h>

/* What is known of it; false: it has gone, as subscribing will tell. */
static bool look_at_producer(const weir_runtime *runtime, weir_ref producer,
                             struct weir__label *out) {
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, producer);
    return slot != NULL && weir__registry_read_label(slot, producer, out);
}

bool weir__producer_is_partitioned(const weir_runtime *runtime, weir_ref producer) {
    struct weir__label label;
    return look_at_producer(runtime, producer, &label) && label.partitioned;
}

static weir_status check_living(const weir_runtime *runtime, const weir_pipeline_options *options) {
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < options->producer_count; i++) {
        char what[40];
        snprintf(what, sizeof what, "producers[%zu]", i);
        status = weir__check_alive(runtime, options->producers[i], what);
    }
    return status;
}

weir_status weir__producers_check(const weir_runtime *runtime,
                                  const weir_pipeline_options *options) {
    const weir_processors *processors = &options->processors;
    const unsigned count = processors->count == 0 ? runtime->worker_count : processors->count;
    const weir_status status = check_living(runtime, options);
    if (status != WEIR_OK) {
        return status;
    }
    for (size_t i = 0; processors->partition_by != NULL && i < options->producer_count; i++) {
        struct weir__label label;
        if (!look_at_producer(runtime, options->producers[i], &label) || label.foreign) {
            continue;
        }
        if (!label.partitioned && count > 1) {
            return weir__refuse(WEIR_INVALID,
                                "producers[%zu], stage %s, must have a partition dispatcher with "
                                "%u partitions, a processor's each, where processors.partition_by "
                                "is set: it has another dispatcher",
                                i, label.name, count);
        }
        if (label.partitioned && label.partitions != count) {
            return weir__refuse(WEIR_INVALID,
                                "producers[%zu], stage %s, must have %u partitions, a processor's "
                                "each, got %u",
                                i, label.name, count, label.partitions);
        }
    }
    return WEIR_OK;
}
