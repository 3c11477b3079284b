/*
 * The worker pool's threads: what is handed out is run, and sent back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.
 */
#include "parts/task_pool.h"

#include "base/refusal.h"
#include "runtime/errand.h"

void weir__task_send(weir_pool *pool, struct weir__task_note *note) {
    weir__stack_push(&pool->notes, &note->link); /* G1 -> G2, G3 -> G4 */
    weir__quay_poke(&pool->quay);
}

void weir__task_hold(weir_task *task) {
    task->holds = true;
}

void weir__task_run(weir_task *task) {
    const weir_pool_options *options = &task->pool->options;
    if (!weir__task_move(task, WEIR__TASK_QUEUED, WEIR__TASK_RUNNING)) {
        return; /* it was ended: only the pointer to it had to come out of the ring */
    }
    task->attempt += task->attempt < UINT32_MAX;
    struct weir__errand errand;
    weir__errand_begin(&errand, task->pool->quay.runtime, "task");
    errand.stage = task->pool->quay.stage;
    task->result = options->task(options->context, task->event, task);
    weir__errand_end(&errand);
    weir__fetch_add_u64(&task->word, WEIR__TASK_DONE - WEIR__TASK_RUNNING); /* with its mark */
}

/* `running` is told of them before the reference goes, which may be the last but one. */
void weir__task_home(weir_pool *pool, uint32_t count) {
    if (count > 0) {
        weir__runtime_home(pool->quay.runtime, count); /* Q5 -> Q6 */
        weir__fetch_sub_u32(&pool->out, count);
        weir__quay_release(&pool->quay, count);
    }
}

/* The order matters: who sees `abroad` at 0, or is alone, finds the poke in the worker's mail. */
static void send_back(weir_pool *pool, weir_task *task) {
    weir__task_send(pool, &task->back);
    weir__task_home(pool, 1);
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
    if (weir__task_unfit(self)) {
        return false;
    }
    return weir__task_is_ending(weir__load_relaxed_u64(&self->word));
}

weir_status weir_task_take(weir_task *self, void *event) {
    if (weir__task_unfit(self) || weir__missing(event, "event")) {
        return weir__refused();
    }
    struct weir__lifted *lifted = &self->lifted;
    bool again = lifted->taken;
    weir_status status = weir__lifted_take(lifted, self->event, event);
    if (status == WEIR_OK) {
        return WEIR_OK;
    }
    const char *why = again                             ? "it was taken"
                      : lifted->as == WEIR__LIFTED_FLAT ? "it owns nothing: copy it"
                      : status == WEIR_INVALID ? "others have it, and its type cannot copy it"
                                               : "others have it, and its type made no copy";
    return weir__refuse(status, "a task of pool %s cannot take its event: %s", self->pool->name,
                        why);
}

unsigned weir_task_attempt(const weir_task *self) {
    if (weir__task_unfit(self)) {
        return 0;
    }
    return self->attempt;
}

weir_child weir_task_child(const weir_task *self) {
    if (weir__task_unfit(self)) {
        return (weir_child){0};
    }
    return weir__task_child(self);
}
