/*
 * The worker pool: its stage's callbacks.  See task_pool.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/task_pool.h"

#include "base/check.h"
#include "stage/control.h"
#include "stage/keeping.h"
#include "stage/subscription.h"

#include <string.h>

static weir_pool *pool_of(weir_stage *self) {
    return *(weir_pool **)weir_state(self);
}

/* ---- the stage's callbacks ----------------------------------------------- */

/* Where none is under way, all wait for consumers to ask: who emits nothing need not. */
static weir_holdup pool_holds(const weir_stage *self) {
    const weir_pool *pool = *(weir_pool *const *)self->state;
    if (pool->children == 0) {
        return WEIR_HOLDUP_NONE;
    }
    bool gated = weir__task_emits(pool) && pool->under_way == 0;
    return gated ? WEIR_HOLDUP_DEMAND : WEIR_HOLDUP_TASKS;
}

static weir_verdict pool_poked(weir_stage *self);

/* Consumers have asked, or the buffer has changed. */
static weir_verdict pool_supplies(weir_stage *self) {
    weir_pool *pool = pool_of(self);
    weir_verdict verdict = weir__iteration_go(pool);
    weir__task_hand_out(pool);
    return verdict;
}

static void pool_rates_set(weir_stage *self) {
    weir__task_rates_set(pool_of(self));
}

static weir_verdict pool_init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.poke = pool_poked,
                                                  .supply = pool_supplies,
                                                  .rates_set = pool_rates_set,
                                                  .holds = pool_holds};
    (void)argument;
    weir_pool *pool = pool_of(self);
    self->counts_handled = true;
    self->part = &calls;
    pool->self = self;
    return WEIR_CONTINUE;
}

static struct weir__task_source *find_source(const weir_pool *pool, weir_subscription from) {
    return WEIR__INDEX_FIND(&pool->by_id, from.id, struct weir__task_source, by_id);
}

static weir_subscribe_verdict pool_subscribed(weir_stage *self, const weir_peer *peer) {
    weir_pool *pool = pool_of(self);
    if (peer->side == WEIR_CONSUMER) {
        return WEIR_AUTOMATIC;
    }
    struct weir__task_source *source =
        weir__alloc_zeroed(&pool->quay.runtime->allocator, sizeof *source, 16);
    if (source == NULL) {
        weir__host_log(self->host, WEIR_LOG_ERROR,
                       "pool %s has no memory for one more subscription", pool->name);
        return WEIR_SUBSCRIBE_REFUSE;
    }
    source->subscription = peer->subscription;
    source->max = peer->options->max_demand;
    source->min = peer->options->min_demand;
    source->live = true;
    weir__task_add_source(pool, source);
    struct weir__edge *edge = weir__stage_find(self, source->subscription);
    if (edge != NULL) {
        weir__quay_inherit(&pool->quay, edge);
    }
    weir_ask(pool->quay.runtime, source->subscription, source->max);
    return WEIR_MANUAL;
}

static weir_verdict pool_cancelled(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                   weir_reason reason) {
    weir_pool *pool = pool_of(self);
    struct weir__task_source *source =
        peer->side == WEIR_PRODUCER ? find_source(pool, peer->subscription) : NULL;
    (void)cause, (void)reason;
    if (source != NULL) {
        source->live = false;
        if (source->count == 0) {
            weir__task_drop_source(pool, source);
        }
    }
    return WEIR_CONTINUE;
}

/* What an event owns that stays in the batch is dropped for that, when the batch is over. */
static void leave_in_batch(const struct weir__item *batch, uint32_t index, weir_discard why) {
    if (weir__item_type(batch) != NULL) {
        weir__owned_mark(batch->block, batch->first + index, 1, weir__fate_of(why));
    }
}

/* Whether there is to be a child for the event; if not, `start` has handled it. */
static bool to_be_begun(weir_pool *pool, const struct weir__item *batch, uint32_t index,
                        const void *event) {
    weir_start_verdict verdict = WEIR_CHILD_START;
    if (pool->options.start != NULL) {
        verdict = pool->options.start(pool->options.context, event);
    }
    if (verdict == WEIR_CHILD_START) {
        return true;
    }
    weir__task_handled(pool);
    if (verdict != WEIR_CHILD_IGNORE) {
        weir__host_log(weir__here, WEIR_LOG_ERROR, "pool %s could not begin a child (%d)",
                       pool->name, (int)verdict);
        leave_in_batch(batch, index, WEIR_DISCARD_ABANDONED);
    }
    return false;
}

/* A slot for it.  NULL: no memory, it is lost. */
static weir_task *slot_for(weir_pool *pool, const struct weir__item *batch, uint32_t index) {
    weir_task *task = weir__task_take_slot(pool);
    if (task == NULL) {
        weir__task_discard(pool, 1, WEIR_DISCARD_NO_MEMORY);
        leave_in_batch(batch, index, WEIR_DISCARD_NO_MEMORY);
    }
    return task;
}

/* A child for the event, queued: false when there is none. */
static bool start_child(weir_pool *pool, struct weir__task_source *source,
                        const struct weir__item *batch, uint32_t index, const void *event) {
    weir_task *task = to_be_begun(pool, batch, index, event) ? slot_for(pool, batch, index) : NULL;
    if (task == NULL) {
        return false;
    }
    task->lifted = weir__lift(batch, index, event, task->event, &weir__here->pool);
    task->source = source;
    source->count++;
    weir__task_know(pool, task);
    weir__store_release_u64(&task->producer, source->subscription.producer.bits); /* G5 -> G6 */
    weir__task_move(task, WEIR__TASK_FREE, WEIR__TASK_NEW);
    weir__task_queue(&pool->backlog, task, WEIR__TASK_NEW);
    return true;
}

static weir_verdict pool_events(weir_stage *self, weir_batch batch) {
    weir_pool *pool = pool_of(self);
    struct weir__task_source *source = find_source(pool, weir_batch_subscription(self));
    uint64_t before = source->count;
    uint64_t failed = 0;
    const unsigned char *event = batch.events;
    const struct weir__item *item = weir__stage_batch(self);
    for (uint32_t i = 0; i < batch.count; i++, event += pool->options.event_bytes) {
        failed += !start_child(pool, source, item, i, event);
    }
    if (before + batch.count > source->max + source->lent) {
        weir__host_log(self->host, WEIR_LOG_ERROR,
                       "pool %s has received %llu events in excess of its max_demand", pool->name,
                       (unsigned long long)(before + batch.count - source->max - source->lent));
    }
    weir__task_finished_for(pool, source, failed);
    weir__task_hand_out(pool);
    WEIR__VERIFY(weir__task_check(pool));
    return WEIR_CONTINUE;
}

/* A poke: children have come back, or come, or were ended; or the pool is closing. */
static weir_verdict pool_poked(weir_stage *self) {
    weir_pool *pool = pool_of(self);
    weir__quay_give_up(&pool->quay, WEIR__POKED_COLD); /* G1 -> G2 */
    weir__task_retry(pool);
    weir__task_read_notes(pool);
    weir__task_run_one(pool);
    weir__task_pass_line(pool);
    weir_verdict verdict =
        pool->verdict != WEIR_CONTINUE ? pool->verdict : weir__iteration_go(pool);
    pool->verdict = WEIR_CONTINUE;
    weir__task_hand_out(pool);
    WEIR__VERIFY(weir__task_check(pool));
    weir__quay_release(&pool->quay, 1); /* the poke's */
    if (pool->given_up) {
        weir__host_log(self->host, WEIR_LOG_ERROR,
                       "pool %s stops: more than %zu restarts in %zu seconds", pool->name,
                       pool->options.max_restarts, pool->options.max_seconds);
    }
    bool stop = pool->given_up || weir__load_relaxed_u32(&pool->closing) != 0;
    return stop ? weir_stop_with(self, WEIR_REASON_SHUTDOWN) : verdict;
}

/* ---- the end ------------------------------------------------------------- */

/* All that no thread has begun, newest first. */
static weir_task *take_unbegun(weir_pool *pool) {
    weir_task *newest = NULL;
    weir_task *task;
    uint32_t count = 0;
    while (weir__task_has_threads(pool) && (task = weir__handout_take(&pool->handout)) != NULL) {
        task->away = false;
        task->next = newest;
        newest = task;
        count++;
    }
    weir__task_home(pool, count);
    struct weir__task_list *lists[] = {&pool->retry, &pool->again, &pool->backlog};
    for (int i = 0; i < 3; i++) {
        while ((task = weir__task_take_first(lists[i])) != NULL) {
            task->next = newest;
            newest = task;
        }
    }
    return newest;
}

/* A slice that is its event.  false: no memory. */
static bool slice_of(weir_pool *pool, weir_task *task, struct weir__item *item) {
    const struct weir__lifted *lifted = &task->lifted;
    if (lifted->as == WEIR__LIFTED_HELD) {
        item->block = lifted->block;
        item->first = lifted->index;
        item->flags = WEIR__OWNING | WEIR__ALIASED;
        return true;
    }
    const weir_event_type *type = lifted->as == WEIR__LIFTED_MOVED ? lifted->type : NULL;
    item->flags = type != NULL ? WEIR__OWNING : 0;
    return weir__stage_keep(pool->self, type, task->event, item);
}

/* Its event goes back with the subscription it came by, ahead of what is there. */
static bool give_back_event(weir_pool *pool, weir_task *task) {
    struct weir__edge *edge = task->source == NULL || task->begun
                                  ? NULL
                                  : weir__stage_find(pool->self, task->source->subscription);
    if (edge == NULL) {
        return false;
    }
    struct weir__item item = {
        .count = 1, .event_bytes = (uint32_t)pool->options.event_bytes, .owner = edge};
    if (!weir__queue_reserve(&edge->returned, 1) || !slice_of(pool, task, &item)) {
        return false;
    }
    weir__queue_push_front(&edge->returned, item);
    task->lifted.as = WEIR__LIFTED_FLAT; /* the slice has what it owns */
    return true;
}

static void end_unbegun(weir_pool *pool, weir_task *task, enum weir__task_state from) {
    if (weir__task_move(task, from, WEIR__TASK_ENDED)) {
        bool back = give_back_event(pool, task);
        weir__task_close(pool, task, back ? WEIR_CHILD_GIVEN_BACK : WEIR_CHILD_DISCARDED);
    }
}

/* Marks it, without a note: it comes back anyhow. */
static void ask_to_stop(weir_task *task) {
    uint64_t word = weir__load_relaxed_u64(&task->word);
    while (weir__task_state(word) == WEIR__TASK_RUNNING && !weir__task_is_ending(word)) {
        if (weir__cas_u64(&task->word, &word, word | WEIR__TASK_ENDING)) {
            task->end_read = true;
            return;
        }
    }
}

/* It is in no list: it waits for its restart, or for earlier results. */
static void end_waiting(weir_pool *pool, weir_task *task) {
    if (task->delayed) {
        weir__task_undelay(task);
        end_unbegun(pool, task, WEIR__TASK_RESTARTING);
    } else {
        weir__task_drop_results(pool, task, WEIR_DISCARD_STOPPED);
        weir__task_close(pool, task, WEIR_CHILD_FINISHED);
    }
    weir__task_recycle(pool, task);
}

/*
 * What is left waits, or is with the threads.  One that was handed a child and has not begun
 * it comes too late; the others are asked to stop.
 */
static void stop_running(weir_pool *pool) {
    uint32_t used = weir__load_acquire_u32(&pool->used); /* G3 -> G4 */
    for (uint32_t i = 0; i < used; i++) {
        weir_task *task = weir__task_at(pool, i);
        uint64_t word = weir__load_relaxed_u64(&task->word);
        if (task->delayed || weir__task_state(word) == WEIR__TASK_WAITING) {
            end_waiting(pool, task);
            continue;
        }
        end_unbegun(pool, task, WEIR__TASK_QUEUED);
        ask_to_stop(task);
    }
}

/* A close waits for them. */
static void say_what_runs(weir_pool *pool) {
    uint32_t out = weir__load_relaxed_u32(&pool->out);
    if (out > 0 && weir__load_relaxed_u32(&pool->quay.runtime->closing) != 0) {
        weir__host_log(weir__here, WEIR_LOG_WARNING,
                       "weir_runtime_close waits for tasks of pool %s (%u) to return", pool->name,
                       (unsigned)out);
    }
}

static void terminate(weir_stage *self, weir_reason reason) {
    weir_pool *pool = pool_of(self);
    (void)reason;
    pool->given_up = true; /* nothing is begun again */
    pool->over = true;
    for (struct weir__task_source *source = pool->sources; source != NULL; source = source->next) {
        source->pending = 0;
        source->min = UINT64_MAX; /* nor asked for */
    }
    weir__exchange_u32(&pool->dead, 1);
    weir__task_await_no_token(pool);
    weir__task_read_notes(pool);
    weir_task *task = take_unbegun(pool);
    while (task != NULL) {
        weir_task *older = task->next;
        end_unbegun(pool, task, WEIR__TASK_QUEUED);
        end_unbegun(pool, task, WEIR__TASK_RESTARTING);
        weir__task_recycle(pool, task);
        task = older;
    }
    stop_running(pool);
    say_what_runs(pool);
    weir__task_tell_unseen(pool);
    pool->self = NULL;
    struct weir__task_source *next;
    for (struct weir__task_source *source = pool->sources; source != NULL; source = next) {
        next = source->next;
        source->live = false;
        if (source->count == 0) {
            weir__task_drop_source(pool, source);
        }
    }
    weir__quay_release(&pool->quay, 1); /* the stage's */
}

/* That a task failed is no news; what it had emitted is counted, and told to who wants to know. */
static void pool_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    struct weir__quay *quay = &pool_of(self)->quay;
    if (cause != WEIR_DISCARD_ABANDONED || quay->discarded != NULL) {
        weir__quay_discarded(quay, self->name, count, cause);
    }
}

/* Of one that calls `next`: nobody calls it, as it supplies by itself. */
static weir_verdict pool_demanded(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_kind kind_of(const weir_pool *pool) {
    return !weir__task_emits(pool)   ? WEIR_CONSUMER
           : pool->iteration != NULL ? WEIR_PRODUCER
                                     : WEIR_PRODUCER_CONSUMER;
}

/* Tasks see events alone, and run side by side: before which results it would be nobody can say. */
static weir_verdict end_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    (void)self, (void)from, (void)mark;
    return WEIR_CONTINUE;
}

weir_stage_options weir__task_stage(const weir_pool *pool) {
    const weir_pool_emits *emits = &pool->emits;
    const struct weir__iteration *iteration = pool->iteration;
    return (weir_stage_options){
        .kind = kind_of(pool),
        .takes_bytes = iteration == NULL ? pool->options.event_bytes : 0,
        .demand = iteration == NULL ? WEIR_FORWARD : weir__iteration_demand(iteration),
        .event_bytes = emits->event_bytes,
        .type = emits->type,
        .buffer_size = emits->buffer_size,
        .buffer_bytes = emits->buffer_bytes,
        .buffer_keep = emits->buffer_keep,
        .dispatcher = emits->dispatcher,
        .dispatcher_options = emits->dispatcher_options,
        .on_cancel = emits->on_cancel,
        .on = {.init = pool_init,
               .handle_demand = pool_demanded,
               .handle_events = pool_events,
               .handle_subscribe = pool_subscribed,
               .handle_cancel = pool_cancelled,
               .handle_mark = weir__task_emits(pool) ? end_mark : NULL,
               .discarded = pool_discarded,
               .terminate = terminate},
    };
}
