/*
 * The worker pool: children that are begun again, at once or after a delay.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.  All of it runs on the stage's worker.  A child that waits takes no thread: its
 * slot is in the worker's timers, which its end, or its stage's, takes it out of.
 */
#include "parts/task_pool.h"

#include "base/rng.h"

bool weir__task_may_restart(const weir_pool *pool, const weir_task *task) {
    return pool->self != NULL && !pool->given_up && !task->lifted.taken &&
           pool->options.restart == WEIR_CHILD_TRANSIENT && task->attempt < pool->rules.attempts;
}

/* ---- the delay ----------------------------------------------------------- */

static uint64_t delay_of(const weir_pool *pool, const weir_task *task) {
    const weir_backoff *delay = &pool->rules.delay;
    uint64_t random = delay->jitter > 0 ? weir__rng_next(&weir__here->rng) : 0;
    return weir_backoff_delay(delay, task->attempt, random);
}

void weir__task_undelay(weir_task *task) {
    weir__timers_remove(&weir__here->timers, &weir__task_more(task)->timer);
    task->delayed = false;
}

/* Called by the worker, between turns: what it brings about comes with the poke. */
static void delay_is_over(struct weir__timer *timer) {
    weir_task *task = WEIR__CONTAINER_OF(timer, struct weir__task_more, timer)->task;
    weir_pool *pool = task->pool;
    weir__task_undelay(task);
    weir__task_append(&pool->retry, task);
    weir__quay_poke(&pool->quay);
}

static void wait_for_restart(weir_pool *pool, weir_task *task, uint64_t delay_ns) {
    uint64_t now = weir_runtime_now(pool->quay.runtime);
    struct weir__timer *timer = &weir__task_more(task)->timer;
    timer->fire = delay_is_over;
    task->delayed = true;
    weir__timers_add(&weir__here->timers, timer,
                     now < UINT64_MAX - delay_ns ? now + delay_ns : UINT64_MAX);
    weir__task_stand_apart(pool, task);
}

/* ---- begun again --------------------------------------------------------- */

/* `start` could not: that was an attempt, too. */
static void not_begun(weir_pool *pool, weir_task *task) {
    weir__host_log(weir__here, WEIR_LOG_ERROR, "pool %s could not begin a child again", pool->name);
    task->attempt += task->attempt < UINT32_MAX;
    uint64_t delay_ns = delay_of(pool, task);
    if (task->attempt >= pool->rules.attempts) {
        weir__task_close(pool, task, WEIR_CHILD_FAILED);
    } else if (delay_ns > 0) {
        wait_for_restart(pool, task, delay_ns);
    } else {
        weir__task_append(&pool->retry, task);
        weir__quay_poke(&pool->quay);
    }
}

/* It is begun again, dropped, or tried again later. */
static void begin_again(weir_pool *pool, weir_task *task) {
    if (!weir__intensity_count(&pool->intensity, weir_runtime_now(pool->quay.runtime))) {
        pool->given_up = true;
        weir__task_close(pool, task, WEIR_CHILD_FAILED);
        return;
    }
    weir_start_verdict verdict = WEIR_CHILD_START;
    if (pool->options.start != NULL) {
        verdict = pool->options.start(pool->options.context, task->event);
    }
    if (verdict == WEIR_CHILD_START) {
        pool->self->meter.tally.restarts++;
        weir__task_stand_back(task);
        if (pool->holder == task) {
            weir__task_queue_first(&pool->again, task, WEIR__TASK_RESTARTING);
        } else {
            weir__task_queue(&pool->again, task, WEIR__TASK_RESTARTING);
        }
    } else if (verdict == WEIR_CHILD_IGNORE) {
        weir__task_close(pool, task, WEIR_CHILD_FAILED);
    } else {
        not_begun(pool, task);
    }
}

void weir__task_restart(weir_pool *pool, weir_task *task) {
    uint64_t delay_ns = delay_of(pool, task);
    if (delay_ns > 0) {
        wait_for_restart(pool, task, delay_ns);
    } else if (pool->options.restart_rate != NULL) {
        weir__task_stand_apart(pool, task);
        weir__task_append(&pool->retry, task);
        weir__quay_poke(&pool->quay);
    } else {
        begin_again(pool, task);
    }
}

/* ---- tokens of restart_rate ------------------------------------------------ */

void weir__task_await_no_token(weir_pool *pool) {
    if (pool->token_awaited) {
        weir__timers_remove(&weir__here->timers, &pool->token_timer);
        pool->token_awaited = false;
    }
}

/* Called by the worker, between turns. */
static void token_is_due(struct weir__timer *timer) {
    weir_pool *pool = WEIR__CONTAINER_OF(timer, weir_pool, token_timer);
    weir__task_await_no_token(pool);
    weir__quay_poke(&pool->quay);
}

/* Whether there is one for the first that is to be begun again; else the pool has a place in line,
 * and is poked when that is reached. */
static bool has_restart_token(weir_pool *pool) {
    weir_rate *rate = pool->options.restart_rate;
    const uint64_t now = weir_runtime_now(pool->quay.runtime);
    uint64_t due = now;
    weir__task_await_no_token(pool);
    if (rate == NULL || weir__rate_line(rate, &pool->token_line, 1, now, &due)) {
        return true;
    }
    pool->token_timer.fire = token_is_due;
    pool->token_awaited = true;
    weir__timers_add(&weir__here->timers, &pool->token_timer, due);
    return false;
}

void weir__task_rates_set(weir_pool *pool) {
    if (pool->token_awaited) {
        weir__quay_poke(&pool->quay);
    }
}

/* Those that are due, in order, as far as there are tokens. */
void weir__task_retry(weir_pool *pool) {
    const weir_task *last = pool->retry.first != NULL ? pool->retry.last : NULL;
    const weir_task *done = NULL;
    while (last != done && !pool->given_up) {
        weir_task *task = pool->retry.first;
        uint64_t word = weir__load_relaxed_u64(&task->word);
        bool waits = weir__task_state(word) == WEIR__TASK_RESTARTING && !weir__task_is_ending(word);
        if (waits && !has_restart_token(pool)) {
            return;
        }
        done = weir__task_take_first(&pool->retry);
        if (waits) {
            begin_again(pool, task);
        }
        weir__task_recycle(pool, task);
    }
}
