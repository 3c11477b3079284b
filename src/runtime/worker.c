/*
 * The worker: see worker.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/worker.h"

#include "base/check.h"
#include "base/probe.h"
#include "runtime/outputs.h"
#include "runtime/placement.h"
#include "runtime/runtime.h"
#include "stage/control.h"
#include "stage/ending.h"
#include "stage/limit.h"

_Thread_local struct weir__host *weir__here;

enum { LINGER_TURNS = 8, LINGER_STAGES = 8 };

static struct weir__bell *bell_of(weir_runtime *runtime, weir_ref stage) {
    return weir__registry_bell(&runtime->registry, stage);
}

static weir_reason reason_of(const weir_runtime *runtime, weir_ref stage, bool *bereft) {
    return weir__registry_reason(&runtime->registry, stage, bereft);
}

void weir__worker_open(struct weir__worker *worker, weir_runtime *runtime, uint32_t index,
                       unsigned core) {
    struct weir__host *host = &worker->host;
    weir__bell_open(&worker->bell);
    if (runtime->options.mode != WEIR_THREADS) {
        weir__bell_share(&worker->bell, &runtime->workers[0].bell);
    }
    ck_stack_init(&worker->free_slots);
    worker->index = index;
    worker->core = core;
    worker->epoch = 1; /* cold: nothing is there yet */
    host->runtime = runtime;
    host->allocator = &runtime->allocator;
    host->bell = &worker->bell;
    host->log = weir__runtime_log;
    host->used_up = weir__message_used_up;
    host->token_back = weir__token_back;
    host->bell_of = bell_of;
    host->reason_of = reason_of;
    host->calls = &runtime->calls;
    host->draining = &runtime->draining;
    weir__rng_seed(&host->rng, runtime->options.seed + index);
    weir__pool_open(&host->pool, &runtime->allocator);
    weir__worker_idle_open(worker);
}

/* ---- stages come and go -------------------------------------------------- */

/* What ran outside of a turn is told (edge/outbox.h: the next mail may free an edge). */
static void tell_published(struct weir__worker *worker) {
    weir__outbox_flush(&worker->host.outbox);
}

/* Told to stop, unless it was started after the last call that says so: it stays, however
 * late STOP_ALL comes.  Nothing stays once the runtime is closing. */
static void stop_older(struct weir__worker *worker, weir_stage *stage) {
    weir_runtime *runtime = worker->host.runtime;
    uint32_t stops = weir__load_acquire_u32(&runtime->stops);                      /* T9 -> T10 */
    if (stage->stops == stops && weir__load_acquire_u32(&runtime->closing) == 0) { /* T7 -> T8 */
        return;
    }
    if (!stage->stopping) {
        weir__stage_stop(stage, (weir_reason)weir__load_relaxed_u32(&runtime->stop_reason));
    }
    weir__ready_queue(stage->ready, false);
    tell_published(worker);
}

/* Behind what init has sent to itself: the requests, then what has overtaken START. */
static void receive_first(weir_stage *stage, struct weir__slot *slot) {
    while (stage->requests != NULL) {
        struct weir__edge *edge = stage->requests;
        stage->requests = edge->producers_next;
        edge->producers_next = NULL;
        weir__mail_list_push(&stage->control, &edge->forth);
    }
    struct weir__mail *early;
    while ((early = weir__mail_list_pop(&slot->early)) != NULL) {
        weir__mail_list_push(&stage->control, early);
    }
}

static void join_worker(struct weir__worker *worker, weir_stage *stage) {
    struct weir__slot *slot = weir__registry_find(&worker->host.runtime->registry, stage->ref);
    slot->stage = stage;
    stage->previous = NULL;
    stage->next = worker->stages;
    if (stage->next != NULL) {
        stage->next->previous = stage;
    }
    worker->stages = stage;
    weir__meter_joins(&worker->host, 1);
    receive_first(stage, slot);
    if (worker->finishes) { /* FINISH_ALL has been here */
        weir__stage_finish(stage, true);
        tell_published(worker);
    }
    stop_older(worker, stage); /* STOP_ALL may have been here, too */
    if (stage->control.first != NULL) {
        weir__ready_queue(&slot->ready, false);
    }
}

/* For another stage, unless mail to the last one is still on its way. */
static void give_slot_back(struct weir__worker *worker, struct weir__slot *slot) {
    if (weir__mailbox_home(&slot->mailbox)) {
        weir__registry_give(slot, &worker->free_slots);
    }
}

static void leave_worker(struct weir__worker *worker, struct weir__slot *slot) {
    weir_stage *stage = slot->stage;
    weir_ref ref = stage->ref;
    slot->ended = ref;
    slot->ended_reason = stage->reason;
    slot->ended_bereft = stage->bereft;
    weir__stage_terminate(stage);
    if (stage->previous != NULL) {
        stage->previous->next = stage->next;
    } else {
        worker->stages = stage->next;
    }
    if (stage->next != NULL) {
        stage->next->previous = stage->previous;
    }
    weir__placement_give(
        worker->host.runtime,
        (struct weir__place){.worker = worker, .kind = weir__ref_kind(ref), .own = slot->own});
    slot->stage = NULL;
    weir__registry_end(slot);
    weir__mailbox_close(&slot->mailbox); /* before the sweep below (P3 -> P4) */
    give_slot_back(worker, slot);
    weir__stage_end_monitors(stage); /* who hears of the end finds its name free */
    weir__stage_tell_enders(stage);
    weir__callers_sweep(worker->host.calls, ref);
    weir__outputs_forget(worker->host.runtime, stage);
    weir__meter_sum(stage);
    weir__meter_joins(&worker->host, -1);
    weir__stage_free(stage);
    weir__pool_flush(&worker->host.pool);
    weir__runtime_gone(worker->host.runtime);
}

static void stop_all(struct weir__worker *worker) {
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        stop_older(worker, stage);
    }
}

void weir__worker_stop_all(struct weir__worker *worker) {
    if (weir__exchange_u32(&worker->stop_all_sent, 1) == 0) { /* T1 -> T2 */
        worker->stop_all.kind = WEIR__MAIL_STOP_ALL;
        weir__mail_send(&worker->bell, &worker->stop_all);
    }
}

static void finish_all(struct weir__worker *worker) {
    worker->finishes = true;
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        weir__stage_finish(stage, true);
        tell_published(worker);
    }
}

void weir__worker_finish_all(struct weir__worker *worker) {
    if (weir__exchange_u32(&worker->finish_all_sent, 1) == 0) { /* once and for all */
        worker->finish_all.kind = WEIR__MAIL_FINISH_ALL;
        weir__mail_send(&worker->bell, &worker->finish_all);
    }
}

static void look_at_rates(const struct weir__worker *worker) {
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        weir__limits_look_again(stage);
        void (*rates_set)(weir_stage *) = WEIR__PART(stage, rates_set);
        if (rates_set != NULL) {
            rates_set(stage);
        }
    }
}

/* Who finds the node in flight relies on it: it is free again before the worker looks (as
 * T1 -> T2), and the terms were out before. */
void weir__worker_rates_set(struct weir__worker *worker) {
    if (weir__exchange_u32(&worker->rates_set_sent, 1) == 0) {
        worker->rates_set.kind = WEIR__MAIL_RATES_SET;
        weir__mail_send(&worker->bell, &worker->rates_set);
    }
}

/* ---- mail ---------------------------------------------------------------- */

/* Once, however many there are: the accounts count them. */
static void say_late(struct weir__worker *worker, weir_ref stage) {
    if (worker->late_for.bits != stage.bits) {
        worker->late_for = stage;
        weir__host_log(&worker->host, WEIR_LOG_WARNING,
                       "a message came to stage %s when that had stopped, and was dropped",
                       weir__host_name(&worker->host, stage).name);
    }
}

/* Its stage has gone. */
static void bounce(struct weir__worker *worker, struct weir__mail *mail) {
    const weir_ref to = mail->to;
    const uint64_t dropped = worker->host.counters.messages_dropped;
    bool owned = weir__mailbox_owns(mail);
    struct weir__mailbox *box = owned ? weir__mailbox_of(mail) : NULL;
    weir__store_relaxed_u64(&worker->host.seen->stage, mail->to.bits); /* its enders may be told */
    weir__mail_bounce(&worker->host, mail);
    weir__store_relaxed_u64(&worker->host.seen->stage, 0);
    if (dropped != worker->host.counters.messages_dropped) {
        say_late(worker, to);
    }
    if (owned) {
        give_slot_back(worker, WEIR__CONTAINER_OF(box, struct weir__slot, mailbox));
    }
}

static void deliver_mail(struct weir__worker *worker, struct weir__mail *mail) {
    if (mail->kind == WEIR__MAIL_START) {
        join_worker(worker, WEIR__CONTAINER_OF(mail, weir_stage, start));
        return;
    }
    struct weir__slot *slot = weir__registry_find(&worker->host.runtime->registry, mail->to);
    if (slot == NULL) {
        bounce(worker, mail);
        return;
    }
    if (slot->stage == NULL) { /* it can be found already, and its START is on the way */
        weir__mail_list_push(&slot->early, mail);
        return;
    }
    weir__mail_list_push(&slot->stage->control, mail);
    weir__ready_queue(&slot->ready, false);
}

/* One load of mail.  True when it held STOP_ALL, whose node is then free again. */
static bool deliver_all(struct weir__worker *worker, struct weir__mail *mail) {
    bool stop = false;
    while (mail != NULL) {
        struct weir__mail *next = mail->next;
        if (mail->kind == WEIR__MAIL_STOP_ALL) {
            weir__exchange_u32(&worker->stop_all_sent, 0); /* T1 -> T2 */
            stop = true;
        } else if (mail->kind == WEIR__MAIL_FINISH_ALL) {
            finish_all(worker);
        } else if (mail->kind == WEIR__MAIL_RATES_SET) {
            weir__exchange_u32(&worker->rates_set_sent, 0);
            look_at_rates(worker);
        } else if (mail->kind == WEIR__MAIL_ASK_WORKER) {
            weir__worker_answer(worker, weir__message_of(mail));
        } else if (mail->kind == WEIR__MAIL_RING_END) {
            weir__rings_told(worker);
        } else {
            deliver_mail(worker, mail);
        }
        mail = next;
    }
    return stop;
}

/*
 * Who finds STOP_ALL already sent relies on it for the stages that he started
 * before.  Their mail is on the stack once the node is free, but need not be in
 * the load that STOP_ALL came with: so the stack is taken again before it acts.
 */
static bool take_mail(struct weir__worker *worker) {
    if (WEIR__LIKELY(!weir__mail_pending(&worker->bell))) {
        return false;
    }
    struct weir__mail *mail = weir__mail_take(&worker->bell);
    bool any = mail != NULL;
    bool stop = false;
    while (deliver_all(worker, mail)) {
        stop = true;
        mail = weir__mail_take(&worker->bell);
    }
    if (stop) {
        stop_all(worker);
    }
    weir__pool_flush(&worker->host.pool); /* what bounced has left blocks behind, perhaps */
    return any;
}

/* ---- timers -------------------------------------------------------------- */

/*
 * A busy worker looks at the clock now and then only: behind as many turns as take a quarter of a
 * millisecond, if they are like those since the last look (of which some it may have slept).
 */
static void look_in_turns(struct weir__worker *worker, uint64_t turns, uint64_t now) {
    enum { TURNS_MOST = 16, BETWEEN_LOOKS_NS = 250000 };
    uint64_t took = (now - worker->fired_ns) / (turns > worker->fired ? turns - worker->fired : 1);
    uint64_t fit = BETWEEN_LOOKS_NS / (took + 1) + 1;
    worker->fire_turns = fit < TURNS_MOST ? (uint32_t)fit : TURNS_MOST;
    worker->fired = turns;
    worker->fired_ns = now;
}

/* Fires what is due. */
static bool fire(struct weir__worker *worker) {
    struct weir__timers *timers = &worker->host.timers;
    if (timers->first == NULL) {
        return false;
    }
    bool known = weir__timers_due(timers) <= worker->host.now_ns; /* a visit took long, perhaps */
    uint64_t turns = worker->host.counters.turns;                 /* legs, too */
    if (worker->bell.run_count > 0 && turns - worker->fired < worker->fire_turns && !known) {
        return false;
    }
    uint64_t now = weir_runtime_now(worker->host.runtime);
    look_in_turns(worker, turns, now);
    bool any = false;
    while (weir__timers_due(timers) <= now) {
        timers->first->fire(timers->first); /* which removes it */
        any = true;
    }
    return any;
}

void weir__worker_look(struct weir__worker *worker) {
    worker->host.now_ns = weir_runtime_now(worker->host.runtime);
    worker->looked = worker->host.counters.turns;
}

/* ---- visiting ------------------------------------------------------------ */

/* An edge was raised for a stage that has gone. */
static void let_go_of_dead_edge(void *context, struct weir__ready_edge *ready) {
    weir__ready_lower(&ready->raised);
    weir__outbox_let_go(context, ready->edge);
}

static inline void meter_begins(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    if (!WEIR__METERED) {
        return;
    }
    bool as_before = --meter->left > 0 && !meter->cooled && meter->listed;
    if (WEIR__UNLIKELY(!as_before)) {
        weir__meter_begins_anew(stage);
    }
}

static bool visit(struct weir__worker *worker, struct weir__slot *slot) {
    weir_stage *stage = slot->stage;
    if (stage == NULL) {
        weir__ready_collect(&slot->ready, let_go_of_dead_edge, &worker->host.outbox);
        return false;
    }
    weir__count(&worker->host.counters.turns, 1);
    if (WEIR__UNLIKELY(worker->host.counters.turns - worker->looked >= WEIR__TURNS_PER_LOOK)) {
        weir__worker_look(worker);
    }
    weir__store_relaxed_u64(&worker->host.seen->stage, stage->ref.bits);
    meter_begins(stage);
    WEIR__PROBE1(turn__begin, stage->ref.bits);
    bool busy = weir__stage_turn(stage);
    WEIR__PROBE2(turn__end, stage->ref.bits, busy);
    stage->meter.turns_busy += WEIR__METERED && busy;
    if (WEIR__METERED && WEIR__UNLIKELY(worker->host.stamps != 0)) {
        weir__meter_ends(stage, busy);
    }
    if (stage->stopping) {
        leave_worker(worker, slot);
        busy = true;
    }
    weir__store_relaxed_u64(&worker->host.seen->stage, 0);
    return busy;
}

/* A stage with hot edges is visited on; among few, so is one that was busy just
 * now: stages of one worker that work for each other need not cool in between. */
static bool stays(const struct weir__worker *worker, const struct weir__ready_stage *ready) {
    return ready->hot[WEIR__DEMAND].count > 0 || ready->hot[WEIR__EVENTS].count > 0 ||
           ready->watched ||
           (ready->polls < LINGER_TURNS && worker->host.hot_polls > 0 &&
            worker->bell.run_count < LINGER_STAGES);
}

/* It has run dry: whoever looks now sees all that it did. */
static void note_all(struct weir__worker *worker) {
    if (worker->host.unnoted != NULL) {
        weir__meter_note(&worker->host, UINT32_MAX);
    }
}

enum weir__step weir__worker_step(struct weir__worker *worker) {
    WEIR__CHECK(weir__outbox_empty(&worker->host.outbox));
    bool mail = take_mail(worker);
    mail = fire(worker) || mail;
    weir__bell_collect(&worker->bell);
    weir__worker_looks_out(worker, worker->bell.run_count > 0);
    struct weir__ready_stage *ready = weir__bell_next(&worker->bell);
    if (ready == NULL) {
        note_all(worker);
        return mail ? WEIR__STEP_BUSY : WEIR__STEP_COLD;
    }
    struct weir__slot *slot = WEIR__CONTAINER_OF(ready, struct weir__slot, ready);
    bool busy = visit(worker, slot);
    ready->polls = busy ? 0 : ready->polls + 1;
    if (busy || ready->queued || stays(worker, ready) || !weir__ready_cool_stage(ready)) {
        if (ready->owned) {
            weir__ready_queue(ready, false);
        }
    } else if (WEIR__METERED && slot->stage != NULL) {
        weir__meter_cools(slot->stage);
    }
    return busy || mail ? WEIR__STEP_BUSY : WEIR__STEP_IDLE;
}
