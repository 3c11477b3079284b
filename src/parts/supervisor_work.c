/*
 * What a supervisor does: phases, restarts, their intensity.  See supervisor.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an end means is decided in weir__supervisor_down: whether the child is forgotten, or
 * started again, alone or with its group, or that was once too often.  What is done is
 * done in weir__supervisor_pursue, which goes on with the phase as far as it can: whoever
 * changes something (a child is down, time has passed, the supervisor is to stop) notes it,
 * and calls that.
 */
#include "base/reason.h"
#include "base/refusal.h"
#include "os/clock.h"
#include "parts/supervisor.h"

enum { NS_PER_SECOND = 1000000000 };

/* ---- intensity ----------------------------------------------------------- */

void weir__supervisor_give_up(struct weir__supervisor *supervisor, weir_reason reason) {
    if (supervisor->phase != WEIR__PHASE_ENDING) {
        supervisor->phase = WEIR__PHASE_ENDING;
        supervisor->end_reason = reason;
    }
}

/* Whether the runtime, or the supervisor, is about to end: STOP_ALL may be on its way. */
static bool is_ending(const struct weir__supervisor *supervisor) {
    const weir_runtime *runtime = supervisor->runtime;
    return supervisor->self->finishing || weir__load_relaxed_u32(&runtime->draining) != 0 ||
           weir__load_relaxed_u32(&runtime->closing) != 0 ||
           weir__load_relaxed_u32(&runtime->stops) != supervisor->self->stops;
}

weir_status weir__supervisor_check_open(const struct weir__supervisor *supervisor) {
    if (supervisor->phase == WEIR__PHASE_ENDING || is_ending(supervisor)) {
        return weir__refuse(WEIR_CLOSED, "supervisor %s is ending", supervisor->self->name);
    }
    return WEIR_OK;
}

/* Counts a restart.  When there were too many, that was the end. */
static bool count_restart(struct weir__supervisor *supervisor) {
    const struct weir__intensity *intensity = &supervisor->intensity;
    if (weir__intensity_count(&supervisor->intensity, weir_runtime_now(supervisor->runtime))) {
        return true;
    }
    weir__host_log(supervisor->self->host, WEIR_LOG_ERROR,
                   "supervisor %s gives up: more than %zu restarts in %llu s",
                   supervisor->self->name, intensity->most,
                   (unsigned long long)(intensity->period_ns / NS_PER_SECOND));
    weir__supervisor_give_up(supervisor, WEIR_REASON_SHUTDOWN);
    return false;
}

/* ---- trying again -------------------------------------------------------- */

void weir__supervisor_poke(struct weir__supervisor *supervisor) {
    weir__quay_poke_self(&supervisor->quay, supervisor->self);
}

static void retry_now(struct weir__timer *timer) {
    struct weir__supervisor *supervisor = WEIR__CONTAINER_OF(timer, struct weir__supervisor, retry);
    struct weir__child *child;
    weir__timers_remove(&supervisor->self->host->timers, timer);
    supervisor->retrying = false;
    while ((child = weir__supervisor_next(supervisor, WEIR__PLACE_REFUSED)) != NULL) {
        weir__child_place(supervisor, child, WEIR__PLACE_WANTED);
    }
    weir__links_retry(supervisor);
    weir__supervisor_poke(supervisor);
}

/* Whatever was refused waits for one timer. */
static void retry_later(struct weir__supervisor *supervisor) {
    bool any = weir__supervisor_next(supervisor, WEIR__PLACE_REFUSED) != NULL ||
               supervisor->refused.first != NULL;
    if (supervisor->retrying || !any) {
        return;
    }
    uint64_t now = weir_runtime_now(supervisor->runtime);
    supervisor->retry.fire = retry_now;
    supervisor->retrying = true;
    weir__timers_add(&supervisor->self->host->timers, &supervisor->retry,
                     weir__clock_deadline(now, supervisor->retry_ns));
}

/* ---- starting what is wanted --------------------------------------------- */

void weir__supervisor_want_nothing(struct weir__supervisor *supervisor) {
    static const enum weir__child_place places[] = {WEIR__PLACE_WANTED, WEIR__PLACE_REFUSED};
    struct weir__child *child;
    for (int i = 0; i < 2; i++) {
        while ((child = weir__supervisor_next(supervisor, places[i])) != NULL) {
            weir__child_place(supervisor, child, WEIR__PLACE_NONE);
        }
    }
}

/* A start that was refused.  False: it was the last. */
static bool refused_work(struct weir__supervisor *supervisor, struct weir__child *child,
                         weir_status status) {
    bool lacks_producer = status == WEIR_NO_NAME || status == WEIR_NO_STAGE;
    weir__child_place(supervisor, child, WEIR__PLACE_REFUSED);
    if (!lacks_producer || !child->told) {
        weir__host_log(supervisor->self->host, WEIR_LOG_WARNING,
                       "supervisor %s could not start %s: %s", supervisor->self->name, child->name,
                       weir__child_refusal(child, status));
    }
    child->told = lacks_producer;
    return lacks_producer || count_restart(supervisor);
}

/* In a group, those after a child that was refused may need it. */
static bool has_to_wait(const struct weir__supervisor *supervisor,
                        const struct weir__child *child) {
    const struct weir__child *before = weir__supervisor_next(supervisor, WEIR__PLACE_REFUSED);
    return supervisor->strategy != WEIR_ONE_FOR_ONE && before != NULL &&
           before->number < child->number;
}

/* Starts the children that are wanted, in order.  False: the phase is another now. */
static bool start_wanted(struct weir__supervisor *supervisor) {
    struct weir__child *child;
    while ((child = weir__supervisor_next(supervisor, WEIR__PLACE_WANTED)) != NULL &&
           !has_to_wait(supervisor, child)) {
        weir_status status = weir__child_start(supervisor, child);
        if (status == WEIR_CLOSED) {
            weir__supervisor_want_nothing(supervisor);
        } else if (status == WEIR_OK) {
            child->restarts++;
            supervisor->self->meter.tally.restarts++;
        } else if (!refused_work(supervisor, child, status)) {
            return false;
        }
    }
    return true;
}

/* ---- the phases ---------------------------------------------------------- */

/*
 * The group is down: it is wanted again, but for those that are temporary; at once, if
 * somebody in it has failed, and else after a while.
 */
static void regroup(struct weir__supervisor *supervisor) {
    struct weir__child *child = supervisor->last;
    supervisor->phase = WEIR__PHASE_RUNNING;
    while (child != NULL && child->number >= supervisor->group_from) {
        struct weir__child *before = child->previous;
        if (child->forget || child->restart == WEIR_RESTART_TEMPORARY) {
            weir__supervisor_forget(supervisor, child);
        } else if (child->place != WEIR__PLACE_REFUSED) {
            weir__child_place(supervisor, child,
                              supervisor->group_counts ? WEIR__PLACE_WANTED : WEIR__PLACE_REFUSED);
        }
        child = before;
    }
}

static bool is_work_done(const struct weir__supervisor *supervisor) {
    for (int place = WEIR__PLACE_NONE + 1; place < WEIR__PLACES; place++) {
        if (supervisor->places[place].first != NULL) {
            return false;
        }
    }
    return supervisor->ends_with_children;
}

/* Tells the last child of the group to stop.  False: none is left. */
static bool stop_last(struct weir__supervisor *supervisor, uint32_t from) {
    struct weir__child *child = weir__supervisor_last_alive(supervisor, from);
    if (child != NULL && child->state == WEIR__CHILD_UP) {
        weir__child_stop(supervisor, child);
    }
    return child != NULL;
}

weir_verdict weir__supervisor_pursue(struct weir__supervisor *supervisor) {
    if (supervisor->phase == WEIR__PHASE_GROUP && !stop_last(supervisor, supervisor->group_from)) {
        regroup(supervisor);
    }
    if (supervisor->phase == WEIR__PHASE_RUNNING) {
        if (is_ending(supervisor)) {
            weir__supervisor_want_nothing(supervisor);
        } else if (start_wanted(supervisor)) {
            weir__links_make(supervisor);
            retry_later(supervisor);
            if (is_work_done(supervisor)) {
                return weir_stop_with(supervisor->self, WEIR_REASON_NORMAL);
            }
        }
    }
    if (supervisor->phase == WEIR__PHASE_ENDING && !stop_last(supervisor, 0)) {
        return weir_stop_with(supervisor->self, supervisor->end_reason);
    }
    return WEIR_CONTINUE;
}

/* ---- a child is down ----------------------------------------------------- */

static bool is_abnormal(weir_reason reason) {
    return reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN;
}

static bool is_restarted(const struct weir__child *child, weir_reason reason) {
    return child->restart == WEIR_RESTART_PERMANENT ||
           (child->restart == WEIR_RESTART_TRANSIENT && is_abnormal(reason));
}

/* It has stopped by itself, and is to be started again: with its group. */
static void revive(struct weir__supervisor *supervisor, struct weir__child *child,
                   weir_reason reason, bool bereft) {
    weir__host_log(supervisor->self->host, WEIR_LOG_WARNING,
                   "supervisor %s restarts %s, which %s: %s", supervisor->self->name, child->name,
                   bereft ? "has lost a producer" : "stopped", weir__reason_words(reason).text);
    if (!bereft && !count_restart(supervisor)) {
        return;
    }
    if (supervisor->strategy == WEIR_ONE_FOR_ONE) {
        weir__child_place(supervisor, child, bereft ? WEIR__PLACE_REFUSED : WEIR__PLACE_WANTED);
        return;
    }
    uint32_t from = supervisor->strategy == WEIR_REST_FOR_ONE ? child->number : 0;
    bool more = supervisor->phase == WEIR__PHASE_GROUP;
    supervisor->group_from = more && supervisor->group_from < from ? supervisor->group_from : from;
    supervisor->group_counts = (more && supervisor->group_counts) || !bereft;
    supervisor->phase = WEIR__PHASE_GROUP;
}

void weir__supervisor_down(struct weir__supervisor *supervisor, struct weir__child *child,
                           weir_reason reason, bool bereft) {
    bool by_itself = child->state == WEIR__CHILD_UP;
    bool fails = !bereft && (by_itself || reason != WEIR_REASON_SHUTDOWN);
    bool in_group =
        supervisor->phase == WEIR__PHASE_GROUP && child->number >= supervisor->group_from;
    weir__child_down(supervisor, child);
    if (supervisor->phase == WEIR__PHASE_ENDING || is_ending(supervisor)) {
        return;
    }
    if (in_group) { /* its failure counts, if it was others' news of that which came first */
        supervisor->group_counts =
            supervisor->group_counts ||
            (fails && is_restarted(child, reason) && count_restart(supervisor));
    } else if (by_itself && is_restarted(child, reason)) {
        revive(supervisor, child, reason, bereft);
    } else if (child->forget || child->restart == WEIR_RESTART_TEMPORARY) {
        weir__supervisor_forget(supervisor, child);
    }
}
