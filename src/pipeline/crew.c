/*
 * Crews: pools that handle a batcher's batches.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A child of the pool is a batch.  Its task calls handle_batch, or the sink, and asks of each
 * message what has become of it.  Mostly all are OK: then they stay in the batch, which settles
 * them when it is dropped.  Where some are to be tried again, the others are settled at once, and
 * moved out of it: those that wait are its first messages then, the rest of it is empty messages,
 * which settle nobody, and the task FAILS, so that its pool begins it again after the delay.  A
 * sink that is lost is the same, with all of the batch.
 *
 * A partition's crew, and a sink's, has one thread, and handles one batch at a time.  Only these
 * crews have a sink, whose state is theirs (crew_sink.c); the tasks of others, on several threads,
 * share nothing here.
 *
 * What waits for its next try makes room for the batches behind it, as many as batches_apart says:
 * its pool asks for others in its stead.  Not so where an order is promised (bin->waits), and where
 * the sink is lost: then the pool begins nothing but that batch (weir__task_hold), so that nothing
 * overtakes it.
 */
#include "pipeline/pipeline.h"

#include "os/lock.h"
#include "parts/task_pool.h"
#include "stage/host.h"

#include <string.h>

/* ---- handling a batch ------------------------------------------------------------ */

static void set_outcomes(weir_message *messages, size_t count, weir_outcome outcome) {
    for (size_t i = 0; i < count; i++) {
        messages[i].outcome = (uint8_t)outcome;
    }
}

/* So many messages of a batch were given an outcome that is none.  Logged when that begins. */
static void note_odd(struct weir__crew *crew, uint8_t which, size_t count) {
    const uint32_t now = count > 0;
    if (weir__load_relaxed_u32(&crew->odd) == now) {
        return;
    }
    weir__store_relaxed_u32(&crew->odd, now);
    if (count > 0) {
        weir__pipeline_log(crew->member->pipeline, WEIR_LOG_ERROR,
                           "batcher %s: %zu messages of a batch were given outcome %u, which is "
                           "none: they have failed",
                           crew->bin->name, count, which);
    }
}

/* What the callback said of all is what it said of those of whom it said nothing. */
static void spread_outcome(struct weir__crew *crew, weir_message *messages, size_t count,
                           weir_outcome outcome) {
    if ((unsigned)outcome >= WEIR_MESSAGE_OUTCOMES) {
        weir__pipeline_log(crew->member->pipeline, WEIR_LOG_ERROR,
                           "handle_batch of %s returned %d, which is no outcome: its messages have "
                           "failed",
                           crew->bin->name, (int)outcome);
        outcome = WEIR_MESSAGE_FAILED;
    }
    size_t odd = 0;
    uint8_t which = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].outcome >= WEIR_MESSAGE_OUTCOMES) {
            which = messages[i].outcome;
            messages[i].outcome = WEIR_MESSAGE_FAILED;
            odd++;
        } else if (messages[i].outcome == WEIR_MESSAGE_OK) {
            messages[i].outcome = (uint8_t)outcome;
        }
    }
    note_odd(crew, which, odd);
}

/* false: the sink is lost, and nothing is known of any of them. */
static bool call_handler(struct weir__crew *crew, weir_message *messages, size_t count,
                         const weir_batch_info *info) {
    const weir_pipeline *pipeline = crew->member->pipeline;
    const weir_pipeline_batcher *options = &crew->bin->options;
    set_outcomes(messages, count, WEIR_MESSAGE_OK);
    weir_outcome outcome = WEIR_MESSAGE_OK;
    if (options->sink == NULL) {
        outcome = options->handle_batch(pipeline->options.context, messages, count, info);
    } else {
        weir_pulled answer = weir__crew_write(crew, messages, count, info);
        if (answer == WEIR_LOST) {
            return false;
        }
        outcome = answer == WEIR_BROKEN ? WEIR_MESSAGE_FAILED : WEIR_MESSAGE_OK;
    }
    spread_outcome(crew, messages, count, outcome);
    return true;
}

/* ---- what becomes of its messages -------------------------------------------------- */

/* Returns how many are neither OK nor SKIP. */
static size_t judge_batch(const struct weir__crew *crew, const weir_gathered *batch, size_t count) {
    weir_pipeline *pipeline = crew->member->pipeline;
    weir_message *messages = batch->events;
    const struct weir__trial trial = {
        .tries = &crew->bin->options.retry,
        .where = WEIR_ROLE_BATCHES,
        .dead = crew->bin->dead ? batch->attempt + 1 - (uint32_t)batch->reserved[1] : 0,
        .ending = weir__pipeline_draining(pipeline) || weir_ending_here()};
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        while (i < count && messages[i].outcome > WEIR_MESSAGE_SKIP) {
            i++;
        }
        if (i > first) {
            failed += i - first;
            weir__pipeline_judge(pipeline, &messages[first], i - first, &trial);
        }
    }
    return failed;
}

/* What has been stored as a dead letter is settled as that. */
static void mark_dead(weir_message *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (messages[i].outcome <= WEIR_MESSAGE_SKIP) {
            messages[i].outcome = WEIR_MESSAGE_DEAD;
        }
    }
}

static bool is_buried(const struct weir__crew *crew, const weir_message *message) {
    return message->outcome == WEIR_MESSAGE_DEAD && !crew->bin->dead &&
           crew->member->pipeline->dead_bin != NULL;
}

/* Out of the batch: what is left in its place settles nobody. */
static weir_message lift(weir_message *message) {
    weir_message lifted = *message;
    memset(message, 0, sizeof *message);
    return lifted;
}

/* Dead letters leave the batch; where some wait, so do all others.  Returns how many wait. */
static size_t sort_batch(const struct weir__crew *crew, weir_message *messages, size_t count) {
    weir_pipeline *pipeline = crew->member->pipeline;
    size_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        waiting += messages[i].outcome == WEIR_MESSAGE_RETRY;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].outcome == WEIR_MESSAGE_RETRY) {
            weir_message waits = lift(&messages[i]);
            messages[kept++] = waits;
        } else if (is_buried(crew, &messages[i])) {
            weir_message dead = lift(&messages[i]);
            weir__pipeline_bury(pipeline, &dead);
        } else if (waiting > 0) {
            weir_message done = lift(&messages[i]);
            weir__pipeline_settle(pipeline, &done, 1, WEIR_DISCARD_HANDLED);
        } else {
            weir__pipeline_count(pipeline, &messages[i], 1);
        }
    }
    return waiting;
}

/* ---- the task ------------------------------------------------------------------------ */

/* Those of a batch that are to be handled: all, or its first, which wait. */
static size_t to_handle(const weir_gathered *batch) {
    const weir_message *messages = batch->events;
    size_t count = 0;
    while (count < batch->count &&
           (batch->attempt == 0 || messages[count].outcome == WEIR_MESSAGE_RETRY)) {
        count++;
    }
    return count;
}

static weir_batch_info info_of(const struct weir__crew *crew, const weir_gathered *batch) {
    return (weir_batch_info){.batcher = crew->bin->name,
                             .key = batch->key,
                             .trigger = batch->trigger,
                             .number = crew->bin->number,
                             .partition = crew->bin->partitions > 1 ? crew->member->partition : 0,
                             .attempt = batch->attempt + 1,
                             .bytes = batch->bytes};
}

/* All went well, as it mostly does: they stay. */
static void count_batch(const struct weir__crew *crew, weir_message *messages, size_t count) {
    if (crew->bin->dead) {
        mark_dead(messages, count);
        WEIR__TALLY(crew->member->pipeline, dead, count);
    } else {
        WEIR__TALLY(crew->member->pipeline, done, count);
    }
}

static weir_task_result handle_gathered(struct weir__crew *crew, weir_gathered *batch,
                                        weir_task *self) {
    weir_pipeline *pipeline = crew->member->pipeline;
    weir_message *messages = batch->events;
    const size_t count = to_handle(batch);
    const weir_batch_info info = info_of(crew, batch);
    const uint64_t start = weir_runtime_now(pipeline->runtime);
    WEIR__TALLY(pipeline, batches, 1);
    WEIR__TALLY(pipeline, batched, count);
    if (batch->attempt > 0) {
        WEIR__TALLY(pipeline, retried, count);
    }
    if (!call_handler(crew, messages, count, &info)) {
        weir__crew_sink_lost(crew, weir_task_child(self).bits);
        weir__task_hold(self);
        set_outcomes(messages, count, WEIR_MESSAGE_RETRY);
        batch->attempt += crew->wrote; /* what may have been stored is tried again */
        batch->reserved[1] += crew->wrote;
        weir__pipeline_observed(crew->member, start, count, count, &info);
        return WEIR_TASK_FAILED;
    }
    const size_t failed = judge_batch(crew, batch, count);
    weir__pipeline_observed(crew->member, start, count, failed, &info);
    batch->attempt++;
    if (failed == 0) {
        count_batch(crew, messages, count);
        return WEIR_TASK_OK;
    }
    if (crew->bin->dead) {
        mark_dead(messages, count);
    }
    return sort_batch(crew, messages, count) == 0 ? WEIR_TASK_OK : WEIR_TASK_FAILED;
}

static weir_task_result crew_task(void *context, const void *event, weir_task *self) {
    struct weir__crew *crew = context;
    weir_gathered *batch = (weir_gathered *)(uintptr_t)event; /* the child's, and nobody else's */
    if (!crew->bin->in_order) {
        return handle_gathered(crew, batch, self);
    }
    weir__lock(&crew->lock);
    weir_task_result result = handle_gathered(crew, batch, self);
    weir__unlock(&crew->lock);
    return result;
}

/* Of a batch that waited, or was handled as its pool stopped. */
static void crew_exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    const struct weir__crew *crew = context;
    (void)child;
    if (how != WEIR_CHILD_FINISHED && how != WEIR_CHILD_GIVEN_BACK) {
        WEIR__TALLY(crew->member->pipeline, given_back, to_handle(event));
    }
}

static void crew_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)count, (void)cause; /* whole batches, whose sources are told */
}

/* How many batches may wait apart: a batch keeps the memory of all that it had, so fewer of large
 * ones. */
static size_t batches_apart(const struct weir__bin *bin) {
    enum { MOST = 1024, LEAST = 16, MESSAGES = 1 << 20 };
    const size_t size = bin->options.size > 0 ? bin->options.size : MESSAGES / MOST;
    const size_t some = MESSAGES / size;
    return bin->waits ? 0 : some > MOST ? MOST : some < LEAST ? LEAST : some;
}

/* Where its gatherer is to live, but what is for few is not for long callbacks, nor for two. */
static unsigned home_of_crew(const weir_pipeline_batcher *options) {
    const bool apart = options->worker == WEIR_OWN_WORKER ||
                       (options->worker == WEIR_TIMELY_WORKER && options->quick);
    return apart ? WEIR_ANY_WORKER : options->worker;
}

weir_status weir__crew_start(struct weir__crew *crew, weir_ref *out) {
    const weir_pipeline_batcher *options = &crew->bin->options;
    const struct weir__task_ways ways = {.apart = batches_apart(crew->bin),
                                         .alone = crew->bin->in_order};
    const weir_pool_options pool = {
        .name = crew->member->name,
        .event_bytes = sizeof(weir_gathered),
        .threads = options->quick        ? WEIR_NONE
                   : crew->bin->in_order ? 1
                                         : options->count,
        .worker = home_of_crew(options),
        .task = crew_task,
        .exited = crew_exited,
        .discarded = crew_discarded,
        .context = crew,
        .restart = WEIR_CHILD_TRANSIENT,
        .max_restarts = WEIR_INFINITY,
        .restart_delay = &options->retry.delay,
        .attempts = WEIR_POOL_ATTEMPTS_LIMIT,
        .restart_rate = options->rate,
    };
    weir_pool *opened;
    weir_status status =
        weir__task_open_ways(crew->member->pipeline->runtime, &pool, &ways, &opened, out);
    if (status == WEIR_OK) {
        weir__store_release_ptr(&crew->pool, opened); /* P3 -> P4 */
    }
    return status;
}
