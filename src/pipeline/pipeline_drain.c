/*
 * The end of a pipeline: draining it, and the end of its sources.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Draining is: nothing waits for another try any more (`draining`; what waits in processors they
 * give back as they finish, what waits in pools is ended here, again and again, for a task may have
 * looked at `draining` before it was set); sources are asked for nothing more; the supervisor has
 * all members finish, who wait for their producers; and when it has ended, all is settled but for
 * acks, for which sources are waited for.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "os/lock.h"
#include "parts/task_pool.h"
#include "pipeline/pipeline.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"

static const uint64_t AWAIT_NS = 1000000;
static const uint64_t LOOKS_NS = 10000000; /* at what waits in pools */

uint64_t weir__pipeline_time_left(const weir_pipeline *pipeline, uint64_t deadline) {
    const uint64_t now = weir_runtime_now(pipeline->runtime);
    return deadline == UINT64_MAX ? WEIR_FOREVER : deadline > now ? deadline - now : 0;
}

/* ---- draining ------------------------------------------------------------------- */

static bool has_member(const weir_pipeline *pipeline, uint64_t stage) {
    for (size_t i = 0; i < pipeline->member_count; i++) {
        if (weir__member_ref(&pipeline->members[i]).bits == stage) {
            return true;
        }
    }
    return false;
}

/* Its subscriptions to a producer of the program's end; what that has sent comes still. */
static weir_status leave_producer(weir_pipeline *pipeline, weir_ref producer) {
    weir_runtime *runtime = pipeline->runtime;
    const size_t room = weir_subscriptions(runtime, producer, NULL, 0) + pipeline->processor_count;
    const size_t bytes = room * sizeof(weir_counters_subscription);
    weir_counters_subscription *list = weir__alloc(pipeline->allocator, bytes, 64);
    if (list == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory to leave a producer");
    }
    const size_t count = weir_subscriptions(runtime, producer, list, room);
    for (size_t i = 0; i < count && i < room; i++) {
        if (has_member(pipeline, list[i].consumer)) {
            const weir_subscription of = {
                .consumer = {list[i].consumer}, .producer = producer, .id = list[i].id};
            weir_cancel(runtime, of, WEIR_REASON_SHUTDOWN);
        }
    }
    weir__free(pipeline->allocator, list, bytes);
    return WEIR_OK;
}

/* Sources have so long.  Once more does no harm. */
static weir_status begin_drain(weir_pipeline *pipeline, uint64_t within_ns) {
    weir__store_relaxed_u32(&pipeline->draining, 1);
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        if (pipeline->sources[i] != NULL) {
            weir_source_finish(pipeline->sources[i], within_ns);
        }
    }
    if (pipeline->push != NULL) {
        weir_source_finish(pipeline->push, within_ns);
    }
    weir_finish(pipeline->runtime, pipeline->supervisor);
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < pipeline->options.producer_count && status == WEIR_OK; i++) {
        status = leave_producer(pipeline, pipeline->producers[i]);
    }
    return status;
}

/* What waits to be begun again is given back, but for the batch that waits for its sink, which is
 * lost: nothing is wrong with that. */
static void end_waiting_tries(weir_pipeline *pipeline) {
    for (size_t i = 0; i < pipeline->crew_count; i++) {
        struct weir__crew *crew = &pipeline->crews[i];
        weir_pool *pool = weir__load_acquire_ptr(&crew->pool); /* P3 -> P4 */
        if (pool != NULL) {
            weir__task_end_waiting(pool, &crew->lost);
        }
    }
    for (unsigned i = 0; i < pipeline->processor_count; i++) {
        weir_pool *pool = weir__load_acquire_ptr(&pipeline->processors[i].pool); /* P3 -> P4 */
        if (pool != NULL) {
            weir__task_end_waiting(pool, NULL);
        }
    }
}

/* Nobody is started again in a drain: one that has not ended by itself, or NULL.  What others have
 * for it nobody will take. */
static const struct weir__member *lost_member(const weir_pipeline *pipeline) {
    for (size_t i = 0; i < pipeline->member_count; i++) {
        const struct weir__member *member = &pipeline->members[i];
        weir_reason reason = WEIR_REASON_NORMAL;
        if (member->role >= WEIR_ROLE_PROCESSOR && !weir__member_lives(member) &&
            weir_wait(pipeline->runtime, weir__member_ref(member), LOOKS_NS, &reason) == WEIR_OK &&
            reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN &&
            reason != WEIR_REASON_NOPROC) { /* which is not known any more */
            return member;
        }
    }
    return NULL;
}

/* Then the others stop, and give back what they have, rather than wait for their deadline. */
static void give_up_for_lost(weir_pipeline *pipeline) {
    const bool gave_up = weir__load_relaxed_u32(&pipeline->gave_up) != 0;
    const struct weir__member *member = gave_up ? NULL : lost_member(pipeline);
    if (member != NULL && weir__exchange_u32(&pipeline->gave_up, 1) == 0) {
        weir__pipeline_log(pipeline, WEIR_LOG_WARNING,
                           "%s has stopped amid a drain: what is under way is given back",
                           member->name);
        weir_stop(pipeline->runtime, pipeline->supervisor, WEIR_REASON_SHUTDOWN);
    }
}

/* A runtime that is stepped moves nothing while nobody waits: it is waited for at once. */
static weir_status await_members(weir_pipeline *pipeline, uint64_t deadline) {
    const bool stepped = pipeline->runtime->options.mode != WEIR_THREADS;
    for (;;) {
        end_waiting_tries(pipeline);
        if (!stepped) { /* else nothing waits for a deadline that does not come at once */
            give_up_for_lost(pipeline);
        }
        uint64_t left = weir__pipeline_time_left(pipeline, deadline);
        const uint64_t slice = stepped || left < LOOKS_NS ? left : LOOKS_NS;
        weir_status status = weir_wait(pipeline->runtime, pipeline->supervisor, slice, NULL);
        if (status != WEIR_TIMEOUT || slice == left) {
            return status;
        }
    }
}

static weir_status await_source(weir_pipeline *pipeline, weir_source *source, uint64_t deadline) {
    return source == NULL ? WEIR_OK
                          : weir_source_drain(source, WEIR_FOREVER,
                                              weir__pipeline_time_left(pipeline, deadline));
}

weir_status weir__pipeline_drain(weir_pipeline *pipeline, uint64_t deadline) {
    weir_status status = begin_drain(pipeline, WEIR_FOREVER);
    status = status == WEIR_OK ? await_members(pipeline, deadline) : status;
    for (unsigned i = 0; i < pipeline->options.source_count && status == WEIR_OK; i++) {
        status = await_source(pipeline, pipeline->sources[i], deadline);
    }
    return status == WEIR_OK ? await_source(pipeline, pipeline->push, deadline) : status;
}

weir_status weir_pipeline_drain(weir_pipeline *pipeline, uint64_t timeout_ns) {
    if (weir__pipeline_unfit(pipeline)) {
        return weir__refused();
    }
    weir_status status = weir__stepping_begin_from(pipeline->runtime, "weir_pipeline_drain");
    if (status == WEIR_OK) {
        const uint64_t now = weir_runtime_now(pipeline->runtime);
        status = weir__pipeline_drain(pipeline, weir__clock_deadline(now, timeout_ns));
        weir__stepping_end(pipeline->runtime);
    }
    return status;
}

/* ---- a driver that is broken ------------------------------------------------------ */

/*
 * Drains, as somebody who calls weir_pipeline_drain does, but waits for nothing: the source whose
 * driver is broken comes again and again, on its thread, until the supervisor has ended.  Where
 * there are no threads nothing happens but in turns: it is enough then to come once, and at the
 * deadline, which all sources have.  Under the lock.
 */
static uint64_t end_early(weir_pipeline *pipeline, uint64_t now, bool late) {
    struct weir__ending_early *ending = &pipeline->ending;
    const bool threads = pipeline->runtime->options.mode == WEIR_THREADS;
    if (!ending->begun) { /* again, too, if there was no memory */
        const uint64_t within = pipeline->options.shutdown_ns;
        ending->end_by = ending->end_by == 0 ? weir__clock_deadline(now, within) : ending->end_by;
        ending->begun = begin_drain(pipeline, within) == WEIR_OK;
    }
    end_waiting_tries(pipeline);
    if (!weir__stage_lives(pipeline, pipeline->supervisor)) {
        return UINT64_MAX;
    }
    if (!ending->late && (late || now >= ending->end_by)) {
        ending->late = true;
        weir__pipeline_log(pipeline, WEIR_LOG_WARNING,
                           "what was under way was not through in time, and is given back");
        weir_stop(pipeline->runtime, pipeline->supervisor, WEIR_REASON_SHUTDOWN);
    }
    if (threads) {
        give_up_for_lost(pipeline);
    }
    return !ending->late && (threads || !ending->begun) ? weir__clock_deadline(now, LOOKS_NS)
                                                        : UINT64_MAX;
}

uint64_t weir__pipeline_source_ends(const struct weir__source_kin *kin, uint64_t now_ns,
                                    bool broken, bool late) {
    weir_pipeline *pipeline =
        WEIR__CONTAINER_OF((struct weir__source_kin *)(uintptr_t)kin, weir_pipeline, kin);
    struct weir__ending_early *ending = &pipeline->ending;
    if (broken) {
        weir__store_relaxed_u32(&ending->broke, 1);
    } else if (weir__load_relaxed_u32(&ending->broke) == 0) {
        return UINT64_MAX;
    }
    weir__lock(&ending->lock);
    const uint64_t look = ending->shut    ? UINT64_MAX
                          : !ending->open ? weir__clock_deadline(now_ns, LOOKS_NS)
                                          : end_early(pipeline, now_ns, late);
    weir__unlock(&ending->lock);
    return look;
}

void weir__pipeline_opened(weir_pipeline *pipeline) {
    weir__lock(&pipeline->ending.lock);
    pipeline->ending.open = true;
    weir__unlock(&pipeline->ending.lock);
}

void weir__pipeline_shuts(weir_pipeline *pipeline) {
    weir__lock(&pipeline->ending.lock);
    pipeline->ending.shut = true;
    weir__unlock(&pipeline->ending.lock);
}

/* ---- the sources' own end --------------------------------------------------------- */

/* A stepped runtime that is at rest before will bring no more. */
static bool go_on_until(weir_pipeline *pipeline, uint64_t deadline) {
    if (pipeline->runtime->options.mode != WEIR_THREADS) {
        return weir__runtime_go_on(pipeline->runtime, 1, deadline, NULL);
    }
    weir__clock_sleep_ns(AWAIT_NS);
    return weir_runtime_now(pipeline->runtime) < deadline;
}

static bool sources_are_over(const weir_pipeline *pipeline) {
    bool over = true;
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        over = over && weir_source_over(pipeline->sources[i]);
    }
    return over;
}

/* All sources are over: by themselves? */
static weir_status tell_how_over(const weir_pipeline *pipeline) {
    for (unsigned i = 0; i < pipeline->options.source_count; i++) {
        if (weir__source_is_broken(pipeline->sources[i])) {
            return weir__refuse(WEIR_NO_STAGE, "the driver of %s.source.%u is broken",
                                pipeline->name, i);
        }
    }
    if (!weir__pipeline_draining(pipeline) &&
        weir_ending(pipeline->runtime, pipeline->supervisor)) {
        return weir__refuse(WEIR_NO_STAGE,
                            "pipeline %s has ended: a stage of its had stopped for good",
                            pipeline->name);
    }
    return WEIR_OK;
}

weir_status weir_pipeline_await(weir_pipeline *pipeline, uint64_t timeout_ns) {
    if (weir__pipeline_unfit(pipeline)) {
        return weir__refused();
    }
    weir_status status = weir__stepping_begin_from(pipeline->runtime, "weir_pipeline_await");
    if (status != WEIR_OK) {
        return status;
    }
    const uint64_t deadline = weir__clock_deadline(weir_runtime_now(pipeline->runtime), timeout_ns);
    while (!sources_are_over(pipeline) && go_on_until(pipeline, deadline)) {}
    weir__stepping_end(pipeline->runtime);
    return sources_are_over(pipeline) ? tell_how_over(pipeline) : WEIR_TIMEOUT;
}
