/*
 * The worker pool: a child's course, from the queue to its end.  See task_pool.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything here runs on the stage's worker, also what is still to be done when
 * the stage has stopped (weir__task_arrived_late).  Children go to the handout by
 * way of the backlog, which holds what the ring has no room for.
 */
#include "parts/task_pool.h"

#include "base/check.h"
#include "ring/free_list.h"
#include "stage/subscription.h"

/* ---- lists --------------------------------------------------------------- */

void weir__task_append(struct weir__task_list *list, weir_task *task) {
    task->next = NULL;
    task->away = true;
    if (list->first == NULL) {
        list->first = task;
    } else {
        list->last->next = task;
    }
    list->last = task;
}

weir_task *weir__task_take_first(struct weir__task_list *list) {
    weir_task *task = list->first;
    if (task != NULL) {
        list->first = task->next;
        task->away = false;
    }
    return task;
}

/* ---- sources: what each subscription is owed ----------------------------- */

void weir__task_add_source(weir_pool *pool, struct weir__task_source *source) {
    source->next = pool->sources;
    if (source->next != NULL) {
        source->next->previous = source;
    }
    pool->sources = source;
    weir__index_add(&pool->by_id, &source->by_id, source->subscription.id);
}

void weir__task_drop_source(weir_pool *pool, struct weir__task_source *source) {
    *(source->previous != NULL ? &source->previous->next : &pool->sources) = source->next;
    if (source->next != NULL) {
        source->next->previous = source->previous;
    }
    weir__index_remove(&pool->by_id, &source->by_id);
    weir__free(&pool->quay.runtime->allocator, source, sizeof *source);
}

/* GenStage's rule: completions are counted, and asked for in runs of min_demand. */
static void ask_for_others(const weir_pool *pool, struct weir__task_source *source,
                           uint64_t count) {
    source->pending += count;
    while (source->pending > 0 && source->pending >= source->min) {
        uint64_t most = WEIR_MAX_DEMAND_LIMIT;
        uint64_t part = source->pending < most ? source->pending : most;
        weir_ask(pool->quay.runtime, source->subscription, part);
        source->pending -= part;
    }
}

void weir__task_finished_for(weir_pool *pool, struct weir__task_source *source, uint64_t count) {
    if (!source->live || count == 0) {
        return;
    }
    struct weir__edge *edge = weir__stage_find(pool->self, source->subscription);
    if (edge != NULL) {
        weir__subscription_done(pool->self, edge, count);
    }
    const uint64_t excess = source->lent > source->apart ? source->lent - source->apart : 0;
    const uint64_t back = excess < count ? excess : count;
    source->lent -= back;
    ask_for_others(pool, source, count - back);
}

void weir__task_stand_apart(weir_pool *pool, weir_task *task) {
    struct weir__task_source *source = task->source;
    if (source == NULL || task->apart || task == pool->holder || pool->rules.ways.apart == 0) {
        return;
    }
    task->apart = true;
    source->apart++;
    if (source->live && source->lent < source->apart && source->lent < pool->rules.ways.apart) {
        source->lent++;
        ask_for_others(pool, source, 1);
    }
}

void weir__task_stand_back(weir_task *task) {
    if (task->apart) {
        task->apart = false;
        task->source->apart--;
    }
}

/* ---- the end of a child -------------------------------------------------- */

void weir__task_discard(weir_pool *pool, uint64_t count, weir_discard cause) {
    if (count > 0) {
        weir__count(&weir__here->counters.lost, count);
        if (pool->self != NULL) {
            weir__count(&pool->self->meter.slot->discarded[cause], count);
        } else {
            weir__meter_late(weir__here, 0, count);
        }
        weir__quay_discarded(&pool->quay, pool->name, count, cause);
    }
}

void weir__task_handled(weir_pool *pool) {
    weir__count(&weir__here->counters.handled, 1);
    if (pool->self != NULL) {
        pool->self->meter.tally.unhandled--;
    } else {
        weir__meter_late(weir__here, 1, 0);
    }
}

void weir__task_tell_unseen(weir_pool *pool) {
    uint64_t count = pool->unseen;
    pool->unseen = 0;
    weir__task_discard(pool, count, WEIR_DISCARD_STOPPED);
}

/* A slot nobody points to any more; its handles are stale from now on. */
void weir__task_recycle(weir_pool *pool, weir_task *task) {
    enum { SERIALS_AT_A_TIME = 1024 };
    bool ended = weir__task_state(weir__load_relaxed_u64(&task->word)) == WEIR__TASK_ENDED;
    if (!ended || task->away || task->end_due) {
        return;
    }
    uint64_t next = weir__serial_next(&pool->serials, &weir__child_serials, SERIALS_AT_A_TIME);
    if (next == 0) {
        return; /* no more in this process: the slot stays as it is, ended */
    }
    weir__store_relaxed_u64(&task->word, weir__task_word(next, WEIR__TASK_FREE)); /* G5 -> G6 */
    bool by_hand = task->by_hand;
    task->begun = false;
    task->attempt = 0;
    task->end_read = false;
    task->known = false;
    task->by_hand = false;
    task->source = NULL;
    if (by_hand) {
        weir__free_list_give(&pool->hand_free, &task->back.link);
    } else {
        task->next = pool->free;
        pool->free = task;
    }
}

/* What its event is dropped for. */
static weir_discard fate_of(const weir_task *task) {
    if (!task->begun) {
        return WEIR_DISCARD_STOPPED;
    }
    return task->result == WEIR_TASK_OK ? WEIR_DISCARD_HANDLED : WEIR_DISCARD_ABANDONED;
}

static void tell_exit(const weir_pool *pool, const weir_task *task, weir_child_exit how) {
    const weir_pool_options *options = &pool->options;
    const weir_child child = weir__task_child(task);
    if (options->exited != NULL) {
        options->exited(options->context, child, task->event, how);
    } else if (options->ended != NULL) {
        const weir_child_end end = {.child = child,
                                    .event = task->event,
                                    .how = how,
                                    .attempts = task->attempt,
                                    .emitted =
                                        weir__task_emits(pool) ? weir__task_more(task)->sent : 0};
        options->ended(options->context, &end);
    }
}

void weir__task_know(weir_pool *pool, weir_task *task) {
    task->known = true;
    pool->children++;
    if (pool->rules.in_order) {
        weir__task_join_line(pool, task);
    }
    if (weir__task_emits(pool)) {
        weir__task_more(task)->sent = 0;
    }
}

/* The child is finished for good.  Its event: handled if a task has seen it. */
void weir__task_close(weir_pool *pool, weir_task *task, weir_child_exit how) {
    struct weir__task_source *source = task->source;
    uint64_t serial = weir__task_serial(weir__load_relaxed_u64(&task->word));
    uint64_t was = weir__exchange_u64(&task->word, weir__task_word(serial, WEIR__TASK_ENDED));
    if (weir__task_is_ending(was)) {
        how = WEIR_CHILD_ENDED;
        task->end_due = !task->end_read;
    }
    if (task->delayed) {
        weir__task_undelay(task);
    }
    weir__task_stand_back(task);
    pool->holder = pool->holder == task ? NULL : pool->holder;
    pool->children--;
    pool->under_way -= task->under_way;
    task->under_way = false;
    if (pool->rules.in_order) {
        weir__task_leave_line(pool, task);
    }
    tell_exit(pool, task, how);
    weir__lifted_drop(&task->lifted, task->event, fate_of(task), &weir__here->pool);
    if (source == NULL) {
        return;
    }
    if (task->begun) {
        weir__task_handled(pool);
    } else if (how != WEIR_CHILD_GIVEN_BACK) {
        pool->unseen++;
    }
    source->count--;
    weir__task_finished_for(pool, source, 1);
    if (source->count == 0 && !source->live) {
        weir__task_drop_source(pool, source);
    }
}

/* It is to run, unless somebody ends it (whose note comes). */
void weir__task_queue(struct weir__task_list *list, weir_task *task, enum weir__task_state from) {
    if (weir__task_move(task, from, WEIR__TASK_QUEUED)) {
        weir__task_append(list, task);
    }
}

/* The same, before all others. */
void weir__task_queue_first(struct weir__task_list *list, weir_task *task,
                            enum weir__task_state from) {
    struct weir__task_list others = *list;
    *list = (struct weir__task_list){0};
    weir__task_queue(list, task, from);
    if (list->first == NULL) {
        *list = others;
    } else if (others.first != NULL) {
        list->first->next = others.first;
        list->last = others.last;
    }
}

/* ---- back from the threads ----------------------------------------------- */

/* Its task has returned. */
void weir__task_finished(weir_pool *pool, weir_task *task) {
    bool good = task->result == WEIR_TASK_OK;
    task->begun = true;
    if (pool->holder == task || task->holds) {
        pool->holder = !good && task->holds ? task : NULL;
        task->holds = false;
    }
    if (!good && task->result != WEIR_TASK_FAILED) {
        weir__host_log(weir__here, WEIR_LOG_ERROR, "a task of pool %s has returned %d", pool->name,
                       (int)task->result);
    }
    if (good && weir__task_emits(pool)) {
        weir__task_settle(pool, task);
        return;
    }
    if (good) {
        weir__task_close(pool, task, WEIR_CHILD_FINISHED);
        return;
    }
    if (weir__task_emits(pool)) {
        weir__task_drop_results(pool, task, WEIR_DISCARD_ABANDONED);
    }
    if (weir__task_may_restart(pool, task) &&
        weir__task_move(task, WEIR__TASK_DONE, WEIR__TASK_RESTARTING)) {
        weir__task_restart(pool, task);
    } else {
        weir__task_close(pool, task, WEIR_CHILD_FAILED);
    }
}

/* ---- notes --------------------------------------------------------------- */

/* It was, or is, to be ended: now, unless a thread has it, which brings it back. */
static void read_end(weir_pool *pool, weir_task *task, enum weir__task_state state) {
    task->end_read = true;
    task->end_due = false;
    if (state == WEIR__TASK_NEW || state == WEIR__TASK_QUEUED || state == WEIR__TASK_RESTARTING) {
        weir__task_close(pool, task, WEIR_CHILD_ENDED);
    }
}

/* It has come back, or was started by hand. */
static void read_back(weir_pool *pool, weir_task *task, enum weir__task_state state) {
    task->away = false;
    pool->single = pool->single == task ? NULL : pool->single;
    if (state == WEIR__TASK_DONE) {
        weir__task_finished(pool, task);
    } else if (state == WEIR__TASK_NEW && pool->self == NULL) {
        weir__task_close(pool, task, WEIR_CHILD_DISCARDED); /* too late */
    } else { /* or it was ended before a thread began it */
        weir__task_queue(&pool->backlog, task, WEIR__TASK_NEW);
    }
}

static void read_note(weir_pool *pool, struct weir__task_note *note) {
    weir_task *task = note->task;
    enum weir__task_state state = weir__task_state(weir__load_relaxed_u64(&task->word));
    if (!task->known) { /* started by hand; its end by hand may come first */
        weir__task_know(pool, task);
    }
    if (note == &task->end) {
        read_end(pool, task, state);
    } else {
        read_back(pool, task, state);
    }
    weir__task_recycle(pool, task);
}

void weir__task_read_notes(weir_pool *pool) {
    ck_stack_entry_t *entry = weir__stack_take_in_order(&pool->notes); /* G1 -> G2, G3 -> G4 */
    while (entry != NULL) {
        struct weir__task_note *note = WEIR__CONTAINER_OF(entry, struct weir__task_note, link);
        entry = entry->next; /* the slot may be used again */
        read_note(pool, note);
    }
    weir__task_tell_unseen(pool);
}

void weir__task_arrived_late(struct weir__quay *quay) {
    weir__quay_give_up(quay, WEIR__POKED_COLD); /* G1 -> G2 */
    weir__task_read_notes(WEIR__CONTAINER_OF(quay, weir_pool, quay));
}

/* ---- the checker ----------------------------------------------------------- */

#if WEIR__CHECKED
void weir__task_check(const weir_pool *pool) {
    uint32_t used = weir__load_acquire_u32(&pool->used); /* G3 -> G4 */
    if (used > WEIR__CHECK_MOST) {
        return;
    }
    uint64_t children = 0;
    uint64_t sourced = 0;
    uint64_t under_way = 0;
    uint64_t apart = 0;
    for (uint32_t i = 0; i < used; i++) {
        const weir_task *task = weir__task_at(pool, i);
        uint64_t word = weir__load_relaxed_u64(&task->word);
        bool lives = task->known && weir__task_state(word) != WEIR__TASK_ENDED;
        children += lives;
        sourced += lives && task->source != NULL;
        under_way += task->under_way;
        WEIR__CHECK(lives || !(task->under_way || task->delayed || task->apart));
        apart += task->apart;
    }
    for (const struct weir__task_source *source = pool->sources; source != NULL;
         source = source->next) {
        sourced -= source->count;
        apart -= source->apart;
        WEIR__CHECK(!source->live || source->lent <= source->count);
        WEIR__CHECK(source->lent <= pool->rules.ways.apart);
    }
    WEIR__CHECK(apart == 0);
    WEIR__CHECK(pool->children == children);
    WEIR__CHECK(sourced == 0);
    WEIR__CHECK(pool->under_way == under_way);
}
#endif
