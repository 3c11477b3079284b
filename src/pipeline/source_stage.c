/*
 * Who runs a source's rounds, and who calls it: its thread, its keeper's stage, its inlet.  See
 * source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "os/clock.h"
#include "os/lock.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

/* ---- calling it ----------------------------------------------------------------- */

void weir__source_call(weir_source *source) {
    if (source->threaded) {
        weir__berth_wake(&source->berth, 1); /* SO3 -> SO4 */
    } else {
        weir__quay_poke(&source->quay);
    }
}

static void wake_driver(weir_source *source) {
    if (source->driver.wake == NULL) {
        return;
    }
    weir__lock(&source->wake_lock);
    if (!source->closed) {
        source->driver.wake(source->options.context);
    }
    weir__unlock(&source->wake_lock);
}

static void ask_end_by(weir_source *source, uint64_t deadline) {
    uint64_t seen = weir__load_relaxed_u64(&source->deadline);
    while (deadline < seen && !weir__cas_u64(&source->deadline, &seen, deadline)) {}
    weir__exchange_u32(&source->ended, 1); /* SO3 -> SO4 */
    wake_driver(source);
    weir__source_call(source);
}

void weir__source_ask_end(weir_source *source, uint64_t within_ns) {
    uint64_t now = weir_runtime_now(source->quay.runtime);
    ask_end_by(source, weir__clock_deadline(now, within_ns));
}

void weir__source_took(struct weir__ledger *ledger, struct weir__record *first,
                       struct weir__record *last, uint32_t count) {
    weir_source *source = WEIR__CONTAINER_OF(ledger, weir_source, ledger);
    switch (weir__returns_push(&source->returns, first, last)) {
    case WEIR__PUSHED_RING: /* the source stays until it is told that this is over */
        if (source->threaded) {
            weir__berth_ring(&source->berth);
        } else {
            weir__quay_poke(&source->quay);
        }
        weir__returns_rung(&source->returns);
        break;
    case WEIR__PUSHED_NOT:
        for (uint32_t left = count; left > 0; first = first->next) {
            left -= weir__run_release(source, first);
        }
        if (weir__returns_count_off(&source->returns, count)) {
            weir__quay_release(&source->quay, 1);
        }
        break;
    default: /* it may be gone by now */
        break;
    }
}

/* ---- the inlet's worker --------------------------------------------------------- */

static weir_source *source_of_keeper(struct weir__inlet_keeper *keeper) {
    return WEIR__CONTAINER_OF(keeper, weir_source, keeper);
}

/* It is woken for a good part of what it can push, or once nothing more leaves: who is woken for
 * each batch that a consumer has handled costs more than what it brings. */
static void call_for(weir_source *source, uint64_t wanted) {
    source->called_for = wanted;
    weir__fence_full(); /* SO3 -> SO4 */
    weir__source_call(source);
}

/* The ring has room for as many as it has taken, and so many. */
static void keeper_asked(struct weir__inlet_keeper *keeper, const weir_inlet *inlet,
                         uint64_t open) {
    weir_source *source = source_of_keeper(keeper);
    uint64_t most = inlet->bounds.events;
    uint64_t out = inlet->port == NULL ? source->first_place : inlet->port->out;
    uint64_t wanted = out + (open < most ? open : most);
    if (!source->driven || wanted == weir__load_relaxed_u64(&source->wanted)) {
        return;
    }
    weir__store_release_u64(&source->wanted, wanted); /* SO1 -> SO2 */
    if (!source->threaded || wanted - source->called_for >= most / 2) {
        call_for(source, wanted);
    }
}

static void keeper_settled(struct weir__inlet_keeper *keeper) {
    weir_source *source = source_of_keeper(keeper);
    uint64_t wanted = weir__load_relaxed_u64(&source->wanted);
    if (source->driven && wanted != source->called_for) {
        call_for(source, wanted);
    }
}

/* Its end, or a drain, is here: what is outstanding is waited for, and nobody has said how long. */
static void keeper_finishes(struct weir__inlet_keeper *keeper) {
    weir__source_ask_end(source_of_keeper(keeper), WEIR_FOREVER);
}

/* One of its stages has stopped. */
static void stage_gone(weir_source *source) {
    weir__exchange_u32(&source->gone, 1); /* SO3 -> SO4 */
    wake_driver(source);
    weir__source_call(source);
}

static void keeper_gone(struct weir__inlet_keeper *keeper) {
    weir_source *source = source_of_keeper(keeper);
    stage_gone(source);
    weir__quay_release(&source->quay, 1); /* the inlet's */
}

const struct weir__inlet_keeper weir__source_keeper = {.packed_bytes = sizeof(struct weir__slip),
                                                       .unpack = weir__slip_unpack,
                                                       .asked = keeper_asked,
                                                       .settled = keeper_settled,
                                                       .finishes = keeper_finishes,
                                                       .gone = keeper_gone};

/* ---- with a thread -------------------------------------------------------------- */

static bool source_called(void *waiter) {
    return weir__source_is_called(waiter);
}

/* Who settles rings only where that is waited for: for room, or as it ends. */
static bool waits_for_returns(const weir_source *source) {
    return source->no_more || source->outstanding >= source->options.max_outstanding ||
           source->cramped;
}

static void lie_down(void *waiter) {
    weir_source *source = waiter;
    if (waits_for_returns(source)) {
        weir__returns_lie_down(&source->returns); /* if not, something has come */
    }
}

void weir__source_sleep(weir_source *source, uint64_t due) {
    static const struct weir__doze doze = {
        .what = "a source's work", .come = source_called, .lies_down = lie_down};
    if (source->out > 0 && !waits_for_returns(source)) {
        uint64_t idle = weir__clock_deadline(source->now_ns, source->driver.idle_ns);
        due = idle < due ? idle : due;
    }
    weir__quay_doze(&source->quay, &source->berth, &doze, source, due); /* SO3 -> SO4 */
}

void weir__source_thread(void *argument) {
    weir_source *source = argument;
    for (;;) {
        uint64_t due = weir__source_round(source);
        if (weir__load_relaxed_u32(&source->over) != 0) {
            return;
        }
        if (due > source->now_ns) {
            weir__source_sleep(source, due);
        }
    }
}

/* ---- without one: the keeper's stage -------------------------------------------- */

static weir_source *source_of_stage(weir_stage *self) {
    return *(weir_source **)weir_state(self);
}

static void disarm(weir_source *source) {
    if (source->armed_at != UINT64_MAX) {
        weir__timers_remove(&weir__here->timers, &source->timer);
        source->armed_at = UINT64_MAX;
    }
}

/* Called by the keeper's worker, between turns: the round comes with the poke. */
static void round_is_due(struct weir__timer *timer) {
    weir_source *source = WEIR__CONTAINER_OF(timer, weir_source, timer);
    disarm(source);
    weir__quay_poke(&source->quay);
}

/* Has its next round at that time.  It needs no memory: without any a source waits like others. */
static void arm(weir_source *source, uint64_t due) {
    if (due == source->armed_at) {
        return;
    }
    disarm(source);
    if (due != UINT64_MAX) {
        source->timer.fire = round_is_due;
        source->armed_at = due;
        weir__timers_add(&weir__here->timers, &source->timer, due);
    }
}

static void have_round(weir_source *source) {
    if (weir__load_acquire_u32(&source->begun) == 0 || /* SO7 -> SO8 */
        weir__load_relaxed_u32(&source->over) != 0) {
        return;
    }
    uint64_t due = weir__source_round(source);
    if (weir__load_relaxed_u32(&source->over) != 0) {
        disarm(source);
        return;
    }
    bool lies = due > source->now_ns && weir__returns_lie_down(&source->returns); /* SO3 -> SO4 */
    if (!lies || weir__source_is_called(source)) {
        weir__quay_poke(&source->quay);
        return;
    }
    arm(source, due);
}

static weir_verdict keeper_poked(weir_stage *self) {
    weir_source *source = source_of_stage(self);
    weir__quay_give_up(&source->quay, WEIR__POKED_COLD); /* O1 -> O2 */
    weir__quay_release(&source->quay, 1);                /* the poke's */
    have_round(source);
    return WEIR_CONTINUE;
}

static weir_verdict keeper_init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.poke = keeper_poked};
    (void)argument;
    self->part = &calls;
    return WEIR_CONTINUE;
}

/* A consumer in name only. */
static weir_subscribe_verdict keeper_subscribed(weir_stage *self, const weir_peer *peer) {
    (void)self;
    (void)peer;
    return WEIR_SUBSCRIBE_REFUSE;
}

static weir_verdict keeper_events(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static void keeper_terminate(weir_stage *self, weir_reason reason) {
    weir_source *source = source_of_stage(self);
    (void)reason;
    bool over = weir__load_relaxed_u32(&source->over) != 0;
    if (!over && source->threaded) { /* it was stopped, perhaps behind the end of what it pulls */
        stage_gone(source);
        weir__source_ask_end(source, source->options.shutdown_ns);
    }
    if (!over && !source->threaded &&
        weir__load_acquire_u32(&source->begun) != 0) { /* SO7 -> SO8 */
        weir__source_end_now(source);
    }
    disarm(source);
    weir__quay_release(&source->quay, 1); /* the stage's */
}

const weir_callbacks weir__source_callbacks = {.init = keeper_init,
                                               .handle_events = keeper_events,
                                               .handle_subscribe = keeper_subscribed,
                                               .terminate = keeper_terminate};
