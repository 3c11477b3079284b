/*
 * The worker pool: children on their way to the threads, as far as there is room and demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.  All of it runs on the stage's worker, in a callback of it.
 */
#include "parts/task_pool.h"

/* It is begun for those who have asked for so much. */
static void begin_for(weir_pool *pool, weir_task *task, uint64_t wanted) {
    weir__task_more(task)->wanted = wanted;
    task->under_way = true;
    pool->under_way++;
}

/* How many a list has, at most. */
static uint32_t length_of(const struct weir__task_list *list, uint64_t most) {
    uint32_t count = 0;
    for (const weir_task *task = list->first; task != NULL && count < most; task = task->next) {
        count++;
    }
    return count;
}

/* Some may have been ended meanwhile: they come back. */
static void put_some(weir_pool *pool, struct weir__task_list *list, uint32_t count,
                     uint64_t wanted) {
    for (uint32_t i = 0; i < count; i++) {
        weir_task *task = weir__task_take_first(list);
        if (weir__task_emits(pool) && !task->under_way && weir__task_is_queued(task)) {
            begin_for(pool, task, wanted - i);
        }
        task->away = true;
        if (pool->rules.ways.alone) {
            pool->single = task;
        }
        weir__handout_put(&pool->handout, task);
    }
}

/* How many may go to the threads. */
static uint32_t room_at_threads(const weir_pool *pool) {
    uint32_t room = weir__handout_room(&pool->handout);
    if (!pool->rules.ways.alone) {
        return room;
    }
    return pool->single == NULL && room > 0;
}

/* To the threads: those that are begun again, and so many others. */
static void put_out(weir_pool *pool, uint64_t fresh) {
    uint32_t room = room_at_threads(pool);
    uint32_t again = length_of(&pool->again, room);
    uint32_t others = length_of(&pool->backlog, room - again < fresh ? room - again : fresh);
    uint32_t count = again + others;
    if (count == 0) {
        return;
    }
    weir__fetch_add_u32(&pool->out, count);
    weir__quay_hold(&pool->quay, count);
    weir__runtime_abroad(pool->quay.runtime, count);
    put_some(pool, &pool->again, again, 0);
    put_some(pool, &pool->backlog, others, fresh);
    weir__handout_tell(&pool->handout, count);
}

/* One holds, and waits: nobody is begun. */
static bool is_held(const weir_pool *pool) {
    return pool->holder != NULL && pool->again.first != pool->holder;
}

void weir__task_hand_out(weir_pool *pool) {
    if ((pool->again.first == NULL && pool->backlog.first == NULL) || is_held(pool)) {
        return;
    }
    uint64_t fresh = weir__task_may_begin(pool);
    if (weir__task_has_threads(pool)) {
        put_out(pool, fresh);
    } else if (pool->again.first != NULL || fresh > 0) {
        weir__quay_poke(&pool->quay);
    }
}

/* ---- without threads ----------------------------------------------------- */

/* The next one of a list that nobody has ended; NULL: there is none. */
static weir_task *take_queued(weir_pool *pool, struct weir__task_list *list) {
    weir_task *task;
    while ((task = weir__task_take_first(list)) != NULL && !weir__task_is_queued(task)) {
        weir__task_recycle(pool, task);
    }
    return task;
}

/* No threads: who is to be begun here. */
static weir_task *take_child(weir_pool *pool) {
    weir_task *task = take_queued(pool, &pool->again);
    uint64_t fresh = task == NULL ? weir__task_may_begin(pool) : 0;
    if (fresh > 0) {
        task = take_queued(pool, &pool->backlog);
        if (task != NULL && weir__task_emits(pool)) {
            begin_for(pool, task, fresh);
        }
    }
    return task;
}

/* No threads: the oldest child runs here. */
void weir__task_run_one(weir_pool *pool) {
    weir_task *task = weir__task_has_threads(pool) || is_held(pool) ? NULL : take_child(pool);
    if (task == NULL) {
        return;
    }
    weir__task_run(task);
    if (weir__task_state(weir__load_relaxed_u64(&task->word)) == WEIR__TASK_DONE) {
        weir__task_finished(pool, task);
    }
    weir__task_recycle(pool, task);
}
