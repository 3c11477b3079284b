/*
 * The account: see account.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "account.h"

#include <string.h>
#include <weir/runtime.h>

enum { STALE_NS = 2000000 }; /* a worker that is awake looks at the clock more often */

/*
 * The clock of a runtime with virtual time, or of one that is dead, stands where it was looked at
 * last.
 */
static uint64_t moment_of(const struct view *view) {
    if (view->image->live && view->header->mode != WEIR_SIMULATED) {
        return view->image->now_ns;
    }
    uint64_t last = view->header->opened_ns;
    for (uint32_t i = 0; i < view->worker_count; i++) {
        uint64_t seen = view->workers[i].at->seen_ns;
        last = seen > last ? seen : last;
    }
    for (uint32_t i = 0; i < view->stage_count; i++) {
        uint64_t noted = view->stages[i].at->noted_ns;
        last = noted > last ? noted : last;
    }
    return last;
}

/* A worker in a long callback has not said so yet: it is awake, and has not looked at the clock
 * for a while.  Of a program that is dead: while others still did. */
static uint64_t in_callback(const struct view *view, const weir_counters_worker *worker) {
    bool visits = worker->asleep == 0 && worker->stage != 0;
    uint64_t since = view->moment_ns > worker->seen_ns ? view->moment_ns - worker->seen_ns : 0;
    return visits && since > STALE_NS ? since : 0;
}

static bool is_asked(const struct view *view, const struct view_stage *stage) {
    for (uint32_t i = 0; i < stage->outs; i++) {
        const struct view_subscription *out =
            &view->subscriptions[view->outs[stage->first_out + i]];
        if (out->at->asked > out->at->heard) {
            return true;
        }
    }
    return stage->at->open_demand > 0;
}

static bool is_sent_to(const struct view *view, const struct view_stage *stage) {
    for (uint32_t i = 0; i < stage->ins; i++) {
        const struct view_subscription *in = &view->subscriptions[view->ins[stage->first_in + i]];
        if (in->at->sent > in->at->received) {
            return true;
        }
    }
    return false;
}

/* Other workers say that it has something to do. */
static bool has_work(const struct view *view, const struct view_stage *stage) {
    return (stage->outs == 0 || is_asked(view, stage)) &&
           (stage->ins == 0 ? stage->outs > 0 : is_sent_to(view, stage));
}

/* What has passed since the last note goes to the state it is in.  One whose worker is in a long
 * callback of another's cannot say that it waits for that. */
static void account(const struct view *view, struct view_stage *stage) {
    const weir_counters_stage *at = stage->at;
    uint64_t rest = view->moment_ns > at->noted_ns ? view->moment_ns - at->noted_ns : 0;
    uint64_t callback = stage->worker == NONE ? 0 : view->workers[stage->worker].callback_ns;
    stage->state = at->state < WEIR_STATES ? (weir_stage_state)at->state : WEIR_STATE_IDLE;
    memcpy(stage->spent, at->times, sizeof stage->spent);
    if (at->noted_ns == 0) {
        rest = 0;
    }
    if (callback > 0 && view->workers[stage->worker].at->stage == at->ref) {
        stage->callback_ns = callback;
        stage->state = WEIR_STATE_BUSY;
    } else if (callback > 0 && has_work(view, stage)) {
        uint64_t waits = callback < rest ? callback : rest;
        stage->spent[stage->state] += rest - waits;
        stage->state = WEIR_STATE_WAITING;
        rest = waits;
    }
    stage->spent[stage->state] += rest;
}

void account_all(struct view *view) {
    view->moment_ns = moment_of(view);
    for (uint32_t i = 0; i < view->worker_count; i++) {
        view->workers[i].callback_ns = in_callback(view, view->workers[i].at);
    }
    for (uint32_t i = 0; i < view->stage_count; i++) {
        account(view, &view->stages[i]);
    }
}
