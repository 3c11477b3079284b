/*
 * The worker pool: what its tasks emit, and what that has to do with demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.  But for weir_task_emit, all of it runs on the stage's worker.
 */
#include "parts/task_pool.h"

#include "base/refusal.h"
#include "stage/stage.h"

/* ---- on the task's thread ------------------------------------------------ */

weir_status weir_task_emit(weir_task *self, const void *events, size_t count) {
    if (weir__task_unfit(self) || (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    const weir_pool *pool = self->pool;
    if (!weir__task_emits(pool)) {
        return weir__refuse(WEIR_INVALID,
                            "a task of pool %s cannot emit %zu events: its pool has no `emits`",
                            pool->name, count);
    }
    return weir__results_add(&weir__task_more(self)->results, &pool->rules.results, events, count);
}

/* ---- demand -------------------------------------------------------------- */

uint64_t weir__task_may_begin(const weir_pool *pool) {
    if (!weir__task_emits(pool)) {
        return UINT64_MAX;
    }
    weir_asked asked = weir_open_demand(pool->self);
    if (asked.bytes == 0) {
        return 0;
    }
    return asked.events > pool->under_way ? asked.events - pool->under_way : 0;
}

/* ---- the line ------------------------------------------------------------ */

void weir__task_join_line(weir_pool *pool, weir_task *task) {
    struct weir__task_more *more = weir__task_more(task);
    weir_task *last = pool->line.last;
    more->order_next = NULL;
    more->order_previous = last;
    *(last != NULL ? &weir__task_more(last)->order_next : &pool->line.first) = task;
    pool->line.last = task;
}

void weir__task_leave_line(weir_pool *pool, weir_task *task) {
    weir_task *next = weir__task_more(task)->order_next;
    weir_task *previous = weir__task_more(task)->order_previous;
    *(previous != NULL ? &weir__task_more(previous)->order_next : &pool->line.first) = next;
    *(next != NULL ? &weir__task_more(next)->order_previous : &pool->line.last) = previous;
}

/* ---- results ------------------------------------------------------------- */

/* They never were the graph's: as if it had emitted them, and lost them. */
static void tell_dropped(weir_pool *pool, uint64_t count, weir_discard why) {
    if (pool->self != NULL) {
        weir__stage_count_out(pool->self, count);
        weir__stage_discard(pool->self, count, why, false);
    } else {
        weir__runtime_discarded(pool->quay.runtime, count);
        weir__quay_discarded(&pool->quay, pool->name, count, why);
    }
}

void weir__task_drop_made(weir_pool *pool, const void *events, size_t count, weir_discard why) {
    const weir_event_type *type = pool->rules.results.type;
    if (type != NULL) {
        weir__owned_drop_raw(type, events, count, why, &weir__here->pool, &weir__here->pool);
    }
    tell_dropped(pool, count, why);
}

void weir__task_drop_results(weir_pool *pool, weir_task *task, weir_discard why) {
    struct weir__results *results = &weir__task_more(task)->results;
    if (results->count > 0) {
        weir__results_point(results, &pool->rules.results);
        weir__task_drop_made(pool, results->events, results->count, why);
        weir__results_clear(results, &pool->rules.results);
    }
}

/* To the consumers, or the buffer, when the callback that runs has returned. */
static void send_results(weir_pool *pool, weir_task *task) {
    struct weir__results *results = &weir__task_more(task)->results;
    if (pool->over || pool->self == NULL) {
        weir__task_drop_results(pool, task, WEIR_DISCARD_STOPPED);
        return;
    }
    weir__results_point(results, &pool->rules.results);
    if (weir_emit(pool->self, results->events, results->count) != WEIR_OK) {
        weir__task_drop_results(pool, task, WEIR_DISCARD_NO_MEMORY);
        return;
    }
    weir__task_more(task)->sent = results->count;
    weir__results_clear(results, &pool->rules.results);
}

void weir__task_settle(weir_pool *pool, weir_task *task) {
    if (weir__task_more(task)->results.count > 0) {
        if (pool->rules.in_order && !pool->over && pool->self != NULL) {
            weir__fetch_add_u64(&task->word, WEIR__TASK_WAITING - WEIR__TASK_DONE);
            return; /* perhaps for nobody: the line is looked at before the callback ends */
        }
        send_results(pool, task);
    }
    weir__task_close(pool, task, WEIR_CHILD_FINISHED);
}

void weir__task_pass_line(weir_pool *pool) {
    weir_task *task;
    while ((task = pool->line.first) != NULL &&
           weir__task_state(weir__load_relaxed_u64(&task->word)) == WEIR__TASK_WAITING) {
        send_results(pool, task);
        weir__task_close(pool, task, WEIR_CHILD_FINISHED);
        weir__task_recycle(pool, task);
    }
}
