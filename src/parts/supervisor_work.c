/*
 * What a supervisor does: phases, restarts, their intensity.  See supervisor.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All its decisions are made in `pursue`, which goes on with the phase as far as
 * it can: whoever changes something (a child is down, time has passed, the
 * supervisor is to stop) notes it, and calls that.
 */
#include "base/refusal.h"
#include "parts/supervisor.h"

#include <weir/timer.h>

enum { NS_PER_SECOND = 1000000000 };

/* ---- the list of children ------------------------------------------------ */

struct weir__child *weir__supervisor_find(const struct weir__supervisor *supervisor,
                                          uint32_t number) {
    struct weir__child *child = supervisor->first;
    while (child != NULL && child->number != number) {
        child = child->next;
    }
    return child;
}

void weir__supervisor_add(struct weir__supervisor *supervisor, struct weir__child *child) {
    struct weir__child **end = &supervisor->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    child->number = supervisor->numbers++;
    child->next = NULL;
    *end = child;
}

void weir__supervisor_forget(struct weir__supervisor *supervisor, struct weir__child *child) {
    struct weir__child **at = &supervisor->first;
    while (*at != child) {
        at = &(*at)->next;
    }
    *at = child->next;
    weir__child_free(&supervisor->runtime->allocator, child);
}

/* The last child, of that number or a higher one, that is not down. */
struct weir__child *weir__supervisor_last_alive(const struct weir__supervisor *supervisor,
                                                uint32_t from) {
    struct weir__child *found = NULL;
    for (struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        if (child->number >= from && child->state != WEIR__CHILD_DOWN) {
            found = child;
        }
    }
    return found;
}

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
    size_t most = supervisor->max_restarts;
    if (most == WEIR_INFINITY) {
        return true;
    }
    uint64_t now = weir_runtime_now(supervisor->runtime);
    uint64_t *slot = most > 0 ? &supervisor->restarts[supervisor->next_restart % most] : NULL;
    bool filled = supervisor->next_restart >= most;
    if (filled && (slot == NULL || now - *slot <= supervisor->period_ns)) {
        weir__host_log(supervisor->self->host, WEIR_LOG_ERROR,
                       "supervisor %s gives up: more than %zu restarts in %llu s",
                       supervisor->self->name, most,
                       (unsigned long long)(supervisor->period_ns / NS_PER_SECOND));
        weir__supervisor_give_up(supervisor, WEIR_REASON_SHUTDOWN);
        return false;
    }
    *slot = now;
    supervisor->next_restart++;
    return true;
}

/* ---- trying again -------------------------------------------------------- */

void weir__supervisor_poke(struct weir__supervisor *supervisor) {
    weir_stage *self = supervisor->self;
    if (supervisor->poked) {
        return;
    }
    supervisor->poked = true;
    supervisor->poke.mail.kind = WEIR__MAIL_POKE;
    supervisor->poke.mail.to = self->ref;
    weir__mail_list_push(&self->control, &supervisor->poke.mail);
    if (weir__starting != self) {
        weir__ready_queue(self->ready, false);
    }
}

/* By a timer; for want of memory, at once. */
static void retry_later(struct weir__supervisor *supervisor) {
    if (supervisor->timer) {
        return;
    }
    supervisor->timer = weir_send_after(supervisor->runtime, supervisor->self->ref, NULL, 0,
                                        supervisor->retry_ns, NULL) == WEIR_OK;
    if (!supervisor->timer) {
        weir__supervisor_poke(supervisor);
    }
}

void weir__supervisor_forget_failures(struct weir__supervisor *supervisor) {
    for (struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        child->failed = false;
        for (size_t i = 0; i < child->link_count; i++) {
            child->links[i].failed = false;
        }
    }
}

/* ---- starting what is wanted --------------------------------------------- */

static void refused(struct weir__supervisor *supervisor, const struct weir__child *child,
                    const char *what, weir_status status) {
    weir__host_log(supervisor->self->host, WEIR_LOG_WARNING, "supervisor %s could not %s %s: %s",
                   supervisor->self->name, what, child->name, weir__child_refusal(child, status));
}

void weir__supervisor_want_nothing(struct weir__supervisor *supervisor) {
    for (struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        child->wanted = false;
    }
}

/* A refused try: false when it was the last. */
static bool try_again(struct weir__supervisor *supervisor) {
    if (!count_restart(supervisor)) {
        return false;
    }
    retry_later(supervisor);
    return true;
}

/* Starts the children that are wanted, in order.  False: the phase is another now. */
static bool start_wanted(struct weir__supervisor *supervisor) {
    for (struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        if (child->wanted && !child->failed) {
            weir_status status = weir__child_start(supervisor, child);
            if (status == WEIR_CLOSED) {
                weir__supervisor_want_nothing(supervisor);
                return true;
            }
            child->restarts += status == WEIR_OK ? 1 : 0;
            child->failed = status != WEIR_OK;
            if (child->failed) {
                refused(supervisor, child, "start", status);
            }
            if (child->failed && !try_again(supervisor)) {
                return false;
            }
        }
        if (child->failed && supervisor->strategy != WEIR_ONE_FOR_ONE) {
            break; /* those after it may need it */
        }
    }
    return true;
}

/* Makes what links of a child's can be made; strict: up to the first that is refused. */
static weir_status link_child(struct weir__supervisor *supervisor, struct weir__child *child,
                              bool strict) {
    for (size_t i = 0; i < child->link_count && child->state == WEIR__CHILD_UP; i++) {
        struct weir__link *link = &child->links[i];
        if (link->to.bits != 0 || link->failed) {
            continue;
        }
        weir_status status = weir__child_link(supervisor, child, link);
        link->failed = status != WEIR_OK;
        if (link->failed && strict) {
            return status;
        }
        if (link->failed && status != WEIR_CLOSED) {
            refused(supervisor, child, "subscribe", status);
            if (!try_again(supervisor)) {
                return status;
            }
        }
    }
    return WEIR_OK;
}

weir_status weir__supervisor_link(struct weir__supervisor *supervisor, struct weir__child *child) {
    return link_child(supervisor, child, true);
}

/* False: the phase is another now. */
static bool make_links(struct weir__supervisor *supervisor) {
    struct weir__child *child = supervisor->first;
    while (child != NULL && link_child(supervisor, child, false) == WEIR_OK) {
        child = child->next;
    }
    return child == NULL;
}

/* ---- the phases ---------------------------------------------------------- */

/* The group is down: it is wanted again, but for those that are temporary. */
static void regroup(struct weir__supervisor *supervisor) {
    struct weir__child *next;
    supervisor->phase = WEIR__PHASE_RUNNING;
    for (struct weir__child *child = supervisor->first; child != NULL; child = next) {
        next = child->next;
        if (child->number < supervisor->group_from) {
            continue;
        }
        if (child->forget || child->restart == WEIR_RESTART_TEMPORARY) {
            weir__supervisor_forget(supervisor, child);
        } else {
            child->wanted = true;
        }
    }
}

static bool is_done(const struct weir__supervisor *supervisor) {
    for (const struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        if (child->state != WEIR__CHILD_DOWN || child->wanted) {
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
        } else if (start_wanted(supervisor) && make_links(supervisor) && is_done(supervisor)) {
            return weir_stop_with(supervisor->self, WEIR_REASON_NORMAL);
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

/* It has died by itself, and is to be started again: with its group. */
static void revive(struct weir__supervisor *supervisor, struct weir__child *child,
                   weir_reason reason) {
    weir__host_log(supervisor->self->host, WEIR_LOG_WARNING,
                   "supervisor %s restarts %s, which stopped: %s", supervisor->self->name,
                   child->name, weir_reason_text(reason));
    if (!count_restart(supervisor)) {
        return;
    }
    if (supervisor->strategy == WEIR_ONE_FOR_ONE) {
        child->wanted = true;
        return;
    }
    uint32_t from = supervisor->strategy == WEIR_REST_FOR_ONE ? child->number : 0;
    bool lower = supervisor->phase != WEIR__PHASE_GROUP || from < supervisor->group_from;
    supervisor->group_from = lower ? from : supervisor->group_from;
    supervisor->phase = WEIR__PHASE_GROUP;
}

void weir__supervisor_down(struct weir__supervisor *supervisor, struct weir__child *child,
                           weir_reason reason) {
    bool by_itself = child->state == WEIR__CHILD_UP;
    bool in_group =
        supervisor->phase == WEIR__PHASE_GROUP && child->number >= supervisor->group_from;
    weir__child_down(supervisor, child);
    if (supervisor->phase == WEIR__PHASE_ENDING || is_ending(supervisor) || in_group) {
        return;
    }
    if (by_itself && is_restarted(child, reason)) {
        revive(supervisor, child, reason);
    } else if (child->forget || child->restart == WEIR_RESTART_TEMPORARY) {
        weir__supervisor_forget(supervisor, child);
    }
}
