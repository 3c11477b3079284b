/*
 * Waiting: see waiting.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/waiting.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "runtime/errand.h"

static struct weir__worker *worker_here(const weir_runtime *runtime) {
    struct weir__host *here = weir__here;
    return here == NULL || here->runtime != runtime
               ? NULL
               : WEIR__CONTAINER_OF(here, struct weir__worker, host);
}

/* Whether the ring of who waits for whom leads from `target` back to `self`. */
static bool leads_back(const weir_runtime *runtime, uint32_t target, uint32_t self) {
    for (unsigned i = 0; i <= weir__runtime_all(runtime); i++) {
        if (target == self) {
            return true;
        }
        uint32_t next = weir__load_relaxed_u32(&runtime->workers[target].waits_for); /* U1 -> U2 */
        if (next == 0) {
            return false;
        }
        target = next - 1;
    }
    return true; /* a ring of others: its members are being refused */
}

weir_status weir__waiting_begin(weir_runtime *runtime, weir_ref stage, const char *call) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    struct weir__worker *self = worker_here(runtime);
    if (weir__is_starting(runtime, stage)) {
        return weir__refuse(WEIR_WRONG_THREAD,
                            "%s: the stage that is starting would wait for "
                            "itself",
                            call);
    }
    const struct weir__worker *target = weir__runtime_worker(runtime, stage);
    if (self == NULL || target == NULL) {
        return WEIR_OK; /* no callback, or no stage at all, which is told elsewhere */
    }
    if (runtime->options.mode != WEIR_THREADS) {
        return weir__refuse(WEIR_WRONG_THREAD,
                            "%s would wait for the thread that steps the runtime", call);
    }
    weir__store_relaxed_u32(&self->waits_for, target->index + 1);
    weir__fence_full(); /* U1 -> U2 */
    if (leads_back(runtime, target->index, self->index)) {
        weir__store_relaxed_u32(&self->waits_for, 0);
        return weir__refuse(WEIR_WRONG_THREAD, "%s would wait for the worker that calls it", call);
    }
    return WEIR_OK;
}

void weir__waiting_end(weir_runtime *runtime) {
    struct weir__worker *self = worker_here(runtime);
    if (self != NULL) {
        weir__store_relaxed_u32(&self->waits_for, 0);
    }
}

/* ---- the wait ------------------------------------------------------------ */

/*
 * To sleep and be woken takes longer than most answers do.  So who waits for the answer of a stage
 * looks for it a while, unless that stage's worker may need his core for it.  about: {0}: the
 * answer is an end, which takes as long as it takes.
 */
static void look_for_answer(const weir_runtime *runtime, weir_ref about,
                            const struct weir__caller *call) {
    const struct weir__worker *worker = weir__runtime_worker(runtime, about);
    if (about.bits == 0 || worker == NULL || runtime->options.unpinned ||
        worker->core == weir__thread_core()) {
        return;
    }
    for (uint32_t left = weir__worker_polls(runtime); left > 0; left--) {
        if (weir__caller_answered(call)) {
            return;
        }
        weir__cpu_relax();
    }
}

/* The answer, or the end of patience: at rest nobody will answer any more. */
static weir_status await(weir_runtime *runtime, weir_ref about, struct weir__caller *call,
                         uint64_t timeout_ns, size_t *bytes) {
    uint64_t deadline = weir__clock_deadline(weir_runtime_now(runtime), timeout_ns);
    if (runtime->options.mode == WEIR_THREADS) {
        if (timeout_ns > 0) {
            look_for_answer(runtime, about, call);
        }
        return weir__caller_end(call, deadline, bytes);
    }
    while (!weir__caller_answered(call) && weir__runtime_go_on(runtime, 1, deadline, call)) {}
    return weir__caller_end(call, 0, bytes);
}

static weir_status post_and_await(weir_runtime *runtime, weir_ref about, struct weir__message *head,
                                  const void *payload, weir_answer *answer, uint64_t timeout_ns) {
    struct weir__caller *slot;
    bool controls = head->mail.kind != WEIR__MAIL_CALL;
    weir_status status = weir__caller_begin(&runtime->calls, about, answer->bytes, answer->room,
                                            controls, &slot, &head->from);
    if (status != WEIR_OK) {
        return status;
    }
    status = weir__post(runtime, head, payload);
    if (status == WEIR_OK) {
        return await(runtime, about, slot, timeout_ns, &answer->count);
    }
    weir__caller_end(slot, 0, NULL);
    return status;
}

/* about: whose end is an answer, too; {0}: nobody's. */
static weir_status send_and_await(weir_runtime *runtime, weir_ref about, struct weir__message *head,
                                  const void *payload, weir_answer *answer, uint64_t timeout_ns) {
    weir_status status = weir__stepping_begin(runtime);
    if (status == WEIR_OK) {
        status = post_and_await(runtime, about, head, payload, answer, timeout_ns);
        weir__stepping_end(runtime);
    }
    return status;
}

weir_status weir__wait(weir_runtime *runtime, struct weir__message *head, const void *payload,
                       weir_answer *answer, uint64_t timeout_ns, const char *call) {
    weir_ref stage = head->mail.to;
    weir_answer none = {0};
    weir_status status = weir__check_alive(runtime, stage, "stage");
    status = status != WEIR_OK ? status : weir__waiting_begin(runtime, stage, call);
    if (status != WEIR_OK) {
        return status;
    }
    status =
        send_and_await(runtime, stage, head, payload, answer != NULL ? answer : &none, timeout_ns);
    weir__waiting_end(runtime);
    return status;
}

/* A stage ends after its tasks; in its callbacks nobody may wait for it anyhow. */
static weir_status check_not_its_task(const weir_runtime *runtime, weir_ref stage,
                                      const char *call) {
    return weir__errand_stage(runtime).bits != stage.bits
               ? WEIR_OK
               : weir__refuse(WEIR_WRONG_THREAD, "%s would wait for the task that calls it", call);
}

weir_status weir__wait_for_end(weir_runtime *runtime, struct weir__message *head,
                               weir_answer *answer, uint64_t timeout_ns, const char *call) {
    weir_status status = weir__waiting_begin(runtime, head->mail.to, call);
    status = status != WEIR_OK ? status : check_not_its_task(runtime, head->mail.to, call);
    if (status != WEIR_OK) {
        return status;
    }
    status = send_and_await(runtime, (weir_ref){0}, head, NULL, answer, timeout_ns);
    weir__waiting_end(runtime);
    return status;
}

static weir_stage *stage_here(weir_runtime *runtime, weir_ref stage) {
    struct weir__worker *self = worker_here(runtime);
    struct weir__slot *slot = self == NULL ? NULL : weir__registry_find(&runtime->registry, stage);
    return slot == NULL || slot->bell != &self->bell ? NULL : slot->stage;
}

weir_status weir__ask_stage(weir_runtime *runtime, weir_ref stage, weir__query *function,
                            uint64_t argument, weir_answer *answer, uint64_t timeout_ns,
                            const char *call) {
    weir_stage *here = stage_here(runtime, stage);
    if (here == NULL) {
        struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_QUERY},
                                     .query = {.function = function, .argument = argument}};
        return weir__wait(runtime, &head, NULL, answer, timeout_ns, call);
    }
    struct weir__caller *slot;
    weir_from from;
    weir_status status =
        weir__caller_begin(&runtime->calls, stage, answer->bytes, answer->room, true, &slot, &from);
    if (status != WEIR_OK) {
        return status;
    }
    function(here, from, argument);
    return weir__caller_end(slot, 0, &answer->count);
}
