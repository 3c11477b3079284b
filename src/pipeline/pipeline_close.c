/*
 * The end of a pipeline: closing it.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Closing drains until the deadline, and then stops what is left, last member first: its messages
 * are dropped, and so given back.  Pools are closed before sources, since their tasks may still
 * settle.
 *
 * Behind the deadline all that was stopped has `weir__pipeline_grace_ns` together: stages to come
 * to their ends, tasks to return, sources to tell their drivers.  A callback cannot be ended by
 * somebody else, so if one is still at work then it is said which, nothing is freed, and who closes
 * the pipeline calls again.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "parts/task_pool.h"
#include "pipeline/pipeline.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"
#include "runtime/worker.h"

uint64_t weir__pipeline_grace_ns = 1000000000;

/* Of one call: it gives up at `late`. */
struct closing {
    weir_pipeline *pipeline;
    uint64_t deadline; /* until then nothing is given up */
    uint64_t late;
};

static uint64_t left_to_close(const struct closing *closing) {
    return weir__pipeline_time_left(closing->pipeline, closing->late);
}

/* ---- what does not end ------------------------------------------------------------ */

static weir_status refuse_late(weir_status status, const weir_pipeline *pipeline, const char *what,
                               const char *name) {
    return status != WEIR_TIMEOUT ? status
                                  : weir__refuse(status, "pipeline %s: %s %s has not returned",
                                                 pipeline->name, what, name);
}

/* ---- closing ---------------------------------------------------------------------- */

static weir_status close_own_pool(const struct closing *closing, weir_pool **pool,
                                  const char *name) {
    weir_status status = weir__task_close_within(*pool, left_to_close(closing));
    if (status == WEIR_OK) {
        *pool = NULL;
    }
    return refuse_late(status, closing->pipeline, "a task of", name);
}

static weir_status close_pools(const struct closing *closing) {
    weir_pipeline *pipeline = closing->pipeline;
    weir_status status = WEIR_OK;
    while (pipeline->retired != NULL && status == WEIR_OK) {
        struct weir__retired *retired = pipeline->retired;
        status = close_own_pool(closing, &retired->pool, "a crew that was stopped");
        if (status == WEIR_OK) {
            pipeline->retired = retired->next;
            weir__free(pipeline->allocator, retired, sizeof *retired);
        }
    }
    for (unsigned i = 0; i < pipeline->processor_count && status == WEIR_OK; i++) {
        const struct weir__processor *processor = &pipeline->processors[i];
        status = close_own_pool(closing, &pipeline->processors[i].pool, processor->member->name);
    }
    for (size_t i = 0; i < pipeline->crew_count && status == WEIR_OK; i++) {
        status = close_own_pool(closing, &pipeline->crews[i].pool, pipeline->crews[i].member->name);
    }
    return status;
}

static weir_status close_source(const struct closing *closing, weir_source **source,
                                const char *name) {
    weir_pipeline *pipeline = closing->pipeline;
    if (*source == NULL) {
        return WEIR_OK;
    }
    weir_status status = weir_source_drain(*source, WEIR_FOREVER, left_to_close(closing));
    if (status != WEIR_OK) {
        return refuse_late(status, pipeline, "a function of the driver of", name);
    }
    weir_pipeline_stats figures = {0};
    weir__pipeline_add_source(&figures, *source);
    status = weir_source_close(*source);
    if (status == WEIR_OK) {
        *source = NULL;
        WEIR__TALLY(pipeline, pulled, figures.pulled);
        WEIR__TALLY(pipeline, acked, figures.acked);
        WEIR__TALLY(pipeline, naks, figures.naks);
        WEIR__TALLY(pipeline, lost_acks, figures.lost_acks);
        WEIR__TALLY(pipeline, broken, figures.broken);
        WEIR__TALLY(pipeline, forgotten, figures.forgotten);
        WEIR__TALLY(pipeline, left, figures.left);
    }
    return status;
}

/* All has been settled by now: they have half of what is left to tell their drivers, and those the
 * rest to return. */
static weir_status close_sources(const struct closing *closing) {
    weir_pipeline *pipeline = closing->pipeline;
    const uint64_t within = weir__pipeline_time_left(
        pipeline, weir__clock_deadline(closing->deadline, weir__pipeline_grace_ns / 2));
    size_t count;
    const size_t first = weir__members_of(pipeline, WEIR_ROLE_SOURCE, &count);
    weir_status status = WEIR_OK;
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        if (pipeline->sources[i] != NULL) {
            weir_source_finish(pipeline->sources[i], within > 0 ? within : 1);
        }
    }
    if (pipeline->push != NULL) {
        weir_source_finish(pipeline->push, within > 0 ? within : 1);
    }
    for (unsigned i = 0; i < pipeline->options.source_count && status == WEIR_OK; i++) {
        status = close_source(closing, &pipeline->sources[i], pipeline->members[first + i].name);
    }
    return status == WEIR_OK ? close_source(closing, &pipeline->push, "pushes") : status;
}

/* Whose callback keeps that stage's worker busy: its own name, or another member's. */
static const char *busy_name(const weir_pipeline *pipeline, const struct weir__member *member) {
    const struct weir__worker *worker =
        weir__runtime_worker(pipeline->runtime, weir__member_ref(member));
    const uint64_t busy = weir__load_relaxed_u64(&worker->host.seen->stage);
    for (size_t i = 0; i < pipeline->member_count && busy != 0; i++) {
        if (weir__member_ref(&pipeline->members[i]).bits == busy) {
            return pipeline->members[i].name;
        }
    }
    return member->name;
}

static weir_status await_member(const struct closing *closing, const struct weir__member *member) {
    weir_runtime *runtime = closing->pipeline->runtime;
    const weir_ref stage = weir__member_ref(member);
    if (stage.bits == 0) {
        return WEIR_OK;
    }
    weir_stop(runtime, stage, WEIR_REASON_SHUTDOWN); /* an opening that failed has these */
    return refuse_late(weir_wait(runtime, stage, left_to_close(closing), NULL), closing->pipeline,
                       "a callback of", busy_name(closing->pipeline, member));
}

/* Every stage that was started has ended, or is waited for a little. */
static weir_status await_all(const struct closing *closing) {
    weir_pipeline *pipeline = closing->pipeline;
    weir_status supervised = WEIR_OK;
    if (pipeline->supervisor.bits != 0) {
        weir_stop(pipeline->runtime, pipeline->supervisor, WEIR_REASON_SHUTDOWN);
        supervised =
            weir_wait(pipeline->runtime, pipeline->supervisor, left_to_close(closing), NULL);
    }
    weir_status status = WEIR_OK;
    for (size_t i = pipeline->member_count; i > 0 && status == WEIR_OK; i--) {
        status = await_member(closing, &pipeline->members[i - 1]);
    }
    return status != WEIR_OK
               ? status
               : refuse_late(supervised, pipeline, "a callback beside", "its supervisor");
}

weir_status weir__pipeline_shut(weir_pipeline *pipeline, uint64_t deadline) {
    const uint64_t now = weir_runtime_now(pipeline->runtime);
    const struct closing closing = {
        .pipeline = pipeline,
        .deadline = deadline,
        .late = weir__clock_deadline(deadline > now ? deadline : now, weir__pipeline_grace_ns)};
    weir__store_relaxed_u32(&pipeline->draining, 1);
    weir__pipeline_shuts(pipeline);
    weir_status status = await_all(&closing);
    if (status == WEIR_OK) {
        status = close_pools(&closing);
    }
    if (status == WEIR_OK) {
        weir_inlet_close(pipeline->dead);
        pipeline->dead = NULL;
        status = close_sources(&closing);
    }
    for (size_t i = 0; i < pipeline->crew_count && status == WEIR_OK; i++) {
        if (pipeline->crews[i].bin->options.sink != NULL) {
            weir__crew_close_sink(&pipeline->crews[i]);
        }
    }
    return status;
}

/* Once; what is still at work after that is stopped. */
static void drain_at_last(weir_pipeline *pipeline, uint64_t deadline) {
    if (!pipeline->drained) {
        pipeline->drained = true;
        if (weir__pipeline_drain(pipeline, deadline) == WEIR_TIMEOUT) {
            weir__pipeline_log(pipeline, WEIR_LOG_WARNING,
                               "what was under way was not through in time, and is given back");
        }
    }
}

weir_status weir_pipeline_close(weir_pipeline *pipeline, weir_pipeline_stats *stats) {
    if (pipeline == NULL || weir__pipeline_unfit(pipeline)) {
        return WEIR_OK;
    }
    weir_runtime *runtime = pipeline->runtime;
    weir_status status = weir__stepping_begin_from(runtime, "weir_pipeline_close");
    if (status != WEIR_OK) {
        return status;
    }
    const uint64_t deadline =
        weir__clock_deadline(weir_runtime_now(runtime), pipeline->options.shutdown_ns);
    drain_at_last(pipeline, deadline);
    status = weir__pipeline_shut(pipeline, deadline);
    if (stats != NULL) {
        weir_pipeline_read_stats(pipeline, stats);
    }
    if (status == WEIR_OK) {
        weir__pipeline_free(pipeline);
    }
    weir__stepping_end(runtime);
    return status;
}
