/*
 * The worker pool's threads: what is handed out is run, and sent back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.
 */
#include "parts/task_pool.h"

#include "base/refusal.h"
#include "os/futex.h"
#include "runtime/errand.h"

void weir__task_poke(weir_pool *pool) {
    if (weir__load_relaxed_u32(&pool->poked) != 0 ||
        weir__exchange_u32(&pool->poked, 1) != 0) { /* G1 -> G2 */
        return;
    }
    weir__fetch_add_u32(&pool->refs, 1);
    pool->poke.mail.kind = WEIR__MAIL_POKE;
    pool->poke.mail.to = pool->stage;
    weir__mail_send(&weir__runtime_worker(pool->runtime, pool->stage)->bell, &pool->poke.mail);
}

void weir__task_send(weir_pool *pool, struct weir__task_note *note) {
    weir__stack_push(&pool->notes, &note->link); /* G1 -> G2, G3 -> G4 */
    weir__task_poke(pool);
}

void weir__task_run(weir_task *task) {
    const weir_pool_options *options = &task->pool->options;
    if (!weir__task_move(task, WEIR__TASK_QUEUED, WEIR__TASK_RUNNING)) {
        return; /* it was ended: only the pointer to it had to come out of the ring */
    }
    struct weir__errand errand;
    weir__errand_begin(&errand, task->pool->runtime, "task");
    errand.stage = task->pool->stage;
    task->result = options->task(options->context, task->event, task);
    weir__errand_end(&errand);
    uint64_t serial = weir__task_serial(weir__load_relaxed_u64(&task->word));
    uint64_t was = weir__exchange_u64(&task->word, weir__task_word(serial, WEIR__TASK_DONE));
    task->was_ended = weir__task_state(was) == WEIR__TASK_STOPPING;
}

/* The order matters: who sees `out` or `abroad` at 0 finds the poke in the worker's mail. */
static void send_back(weir_pool *pool, weir_task *task) {
    weir__task_send(pool, &task->back);
    weir__runtime_home(pool->runtime, 1);          /* Q5 -> Q6 */
    if (weir__fetch_sub_u32(&pool->out, 1) == 1) { /* G5 -> G6 */
        weir__futex_wake(&pool->out, INT32_MAX);
    }
}

void weir__task_thread(void *argument) {
    weir_pool *pool = argument;
    do {
        weir_task *task;
        while ((task = weir__handout_take(&pool->handout)) != NULL) {
            weir__task_run(task);
            send_back(pool, task);
        }
    } while (weir__handout_wait(&pool->handout));
}

bool weir_task_ending(const weir_task *self) {
    if (weir__missing(self, "self")) {
        return false;
    }
    return weir__task_state(weir__load_relaxed_u64(&self->word)) == WEIR__TASK_STOPPING;
}

weir_child weir_task_child(const weir_task *self) {
    if (weir__missing(self, "self")) {
        return (weir_child){0};
    }
    return weir__task_child(self);
}
