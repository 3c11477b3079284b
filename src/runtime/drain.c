/*
 * Draining: every stage finishes, and what does not is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `draining` is set before the workers are told: a stage whose source has finished
 * knows why, though its own worker be told later.  A start that was under way
 * brings its stage after that mail: it is told as it joins.  When the time is up,
 * each worker is asked for a stage that holds things up; a worker that does not
 * answer within a grace is in a callback, and the stage whose it is (`entered`) is
 * the answer.
 */
#include "os/clock.h"
#include "runtime/errand.h"
#include "runtime/waiting.h"

#include <stdio.h>
#include <string.h>

struct holdup {
    weir_ref stage;
    bool holds; /* it holds something itself; else it waits, perhaps for one on another worker */
    char name[sizeof((weir_drain_report *)0)->name];
};

/* Nothing more will come to it, and it does not wait for other stages' ends.  A producer
 * that has ended counts as one until the stage is through with what it sent. */
static bool holds(const weir_stage *stage) {
    const struct weir__edge *edge = stage->producers;
    while (edge != NULL && edge->ended) edge = edge->producers_next;
    return stage->finishing && edge == NULL && stage->stop_asked == NULL;
}

/* A stage that holds something; else any. */
static const weir_stage *holdup_of(const struct weir__worker *worker) {
    const weir_stage *any = worker->stages;
    for (const weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (holds(stage)) {
            return stage;
        }
    }
    return any;
}

static bool describe(const struct weir__worker *worker, struct holdup *out) {
    const weir_stage *stage = holdup_of(worker);
    memset(out, 0, sizeof *out);
    if (stage != NULL) {
        out->stage = stage->ref;
        out->holds = holds(stage);
        snprintf(out->name, sizeof out->name, "%s", stage->name);
    }
    return stage != NULL;
}

void weir__drain_answer(struct weir__worker *worker, struct weir__message *message) {
    struct holdup found;
    bool any = describe(worker, &found);
    weir__call_answer(worker->host.calls, message->from, any ? WEIR_OK : WEIR_NO_STAGE, &found,
                      sizeof found);
    worker->host.used_up(&worker->host, message);
}

/* The stage in whose callback the worker has been for the whole of the grace. */
static bool describe_stuck(weir_runtime *runtime, struct weir__worker *worker, struct holdup *out) {
    weir_ref ref = {weir__load_acquire_u64(&worker->host.entered)}; /* N1 -> N2 */
    struct weir__slot *slot = ref.bits == 0 ? NULL : weir__registry_find(&runtime->registry, ref);
    if (slot == NULL) {
        return false;
    }
    out->stage = ref;
    out->holds = true;
    memcpy(out->name, slot->label, sizeof slot->label);
    return true;
}

static bool ask_worker(weir_runtime *runtime, struct weir__worker *worker, struct holdup *out) {
    enum { GRACE_NS = 100000000 };
    struct weir__call *slot;
    struct weir__message *message = weir__alloc_zeroed(&runtime->allocator, sizeof *message, 16);
    if (message == NULL) {
        return false;
    }
    message->mail.kind = WEIR__MAIL_HOLDUP; /* it is for the worker: `to` is nobody */
    if (weir__call_begin(&runtime->calls, message->mail.to, out, sizeof *out, true, &slot,
                         &message->from) != WEIR_OK) {
        weir__free(&runtime->allocator, message, sizeof *message);
        return false;
    }
    weir__mail_send(&worker->bell, &message->mail);
    weir_status status = weir__call_end(slot, weir__clock_now_ns() + GRACE_NS, NULL);
    return status == WEIR_TIMEOUT ? describe_stuck(runtime, worker, out) : status == WEIR_OK;
}

static void find_holdup(weir_runtime *runtime, weir_drain_report *report) {
    bool held = false;
    for (unsigned i = 0; i < runtime->worker_count && !held; i++) {
        struct weir__worker *worker = &runtime->workers[i];
        struct holdup found;
        bool any = runtime->options.mode == WEIR_THREADS ? ask_worker(runtime, worker, &found)
                                                         : describe(worker, &found);
        held = any && found.holds;
        if (held || (any && report->stage.bits == 0)) {
            report->stage = found.stage;
            memcpy(report->name, found.name, sizeof report->name);
        }
    }
}

weir_status weir_runtime_drain(weir_runtime *runtime, uint64_t timeout_ns,
                               weir_drain_report *report) {
    weir_status status = weir__check_outside(runtime, "weir_runtime_drain");
    if (status != WEIR_OK) {
        return status;
    }
    weir__exchange_u32(&runtime->draining, 1); /* ordered by the mail that follows */
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        weir__worker_finish_all(&runtime->workers[i]);
    }
    status = weir_runtime_run(runtime, timeout_ns);
    if (report != NULL) {
        memset(report, 0, sizeof *report);
        report->stages = weir_runtime_stages(runtime);
        if (status != WEIR_OK) {
            find_holdup(runtime, report);
        }
        weir_runtime_accounts(runtime, &report->accounts);
    }
    return status;
}
