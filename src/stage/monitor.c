/*
 * Monitors: see monitor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/monitor.h"

#include "base/refusal.h"
#include "stage/ending.h"
#include "stage/stage.h"

#define MONITOR_OF(mail, member)                                                             \
    ((struct weir__monitor *)(void *)((unsigned char *)(mail)-offsetof(struct weir__monitor, \
                                                                       member)))

static void tie(weir_stage *watched, struct weir__monitor *monitor) {
    monitor->previous = NULL;
    monitor->next = watched->watchers;
    if (monitor->next != NULL) {
        monitor->next->previous = monitor;
    }
    watched->watchers = monitor;
    monitor->listed[WEIR__WATCHED] = true;
}

static void untie(weir_stage *watched, struct weir__monitor *monitor) {
    if (monitor->previous != NULL) {
        monitor->previous->next = monitor->next;
    } else {
        watched->watchers = monitor->next;
    }
    if (monitor->next != NULL) {
        monitor->next->previous = monitor->previous;
    }
    monitor->listed[WEIR__WATCHED] = false;
}

static void release(const struct weir__host *host, struct weir__monitor *monitor) {
    if (weir__fetch_sub_u32(&monitor->refs, 1) == 1) { /* X1 -> X2 */
        weir__free(host->allocator, monitor, sizeof *monitor);
    }
}

/* With both references: the watched never knew. */
static void drop_monitor(const struct weir__host *host, struct weir__monitor *monitor) {
    release(host, monitor);
    release(host, monitor);
}

static void send_monitor(struct weir__bell *bell, struct weir__mail *mail,
                         enum weir__mail_kind kind, weir_ref to) {
    mail->kind = kind;
    mail->to = to;
    weir__mail_send(bell, mail);
}

static void begin_watching(struct weir__monitor *monitor) {
    send_monitor(monitor->watched_bell, &monitor->watch, WEIR__MAIL_WATCH, monitor->watched);
}

/* The feeder has started, or never will. */
static void introduce_feeder(struct weir__monitor *monitor) {
    send_monitor(monitor->watcher_bell, &monitor->watch, WEIR__MAIL_FEEDER, monitor->watcher);
}

/* With the watched side's reference. */
static void notify(struct weir__monitor *monitor, weir_reason reason, bool bereft) {
    monitor->reason = reason;
    monitor->bereft = bereft;
    send_monitor(monitor->watcher_bell, &monitor->watch, WEIR__MAIL_NOTICE, monitor->watcher);
}

/* The watcher has lost interest, and its index forgets the monitor.  With the watcher
 * side's reference. */
static void unwatch(void *context, struct weir__index_node *node) {
    struct weir__monitor *monitor = WEIR__CONTAINER_OF(node, struct weir__monitor, node);
    (void)context;
    monitor->listed[WEIR__WATCHING] = false;
    send_monitor(monitor->watched_bell, &monitor->unwatch, WEIR__MAIL_UNWATCH, monitor->watched);
}

/* ---- made ---------------------------------------------------------------- */

/* watched_bell: NULL for who is no stage.  NULL: no memory. */
static struct weir__monitor *make_monitor(const struct weir__allocator *allocator, weir_ref watcher,
                                          weir_ref watched, struct weir__bell *watcher_bell,
                                          struct weir__bell *watched_bell) {
    struct weir__monitor *monitor = weir__alloc_zeroed(allocator, sizeof *monitor, 16);
    if (monitor == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory to watch a stage");
        return NULL;
    }
    monitor->watcher = watcher;
    monitor->watched = watched;
    monitor->watcher_bell = watcher_bell;
    monitor->watched_bell = watched_bell != NULL ? watched_bell : watcher_bell; /* finds nobody */
    monitor->refs = 2;
    return monitor;
}

struct weir__monitor *weir__monitor_feeder(const struct weir__allocator *allocator, weir_ref feeder,
                                           weir_ref stage, struct weir__bell *feeder_bell,
                                           struct weir__bell *stage_bell, bool later) {
    struct weir__monitor *monitor = make_monitor(allocator, stage, feeder, stage_bell, feeder_bell);
    if (monitor != NULL) {
        monitor->feeds = true;
        monitor->watch.kind = later ? WEIR__MAIL_FEEDER_LATER : WEIR__MAIL_FEEDER;
        monitor->watch.to = later ? feeder : stage;
    }
    return monitor;
}

static void add_monitor(weir_stage *stage, struct weir__monitor *monitor) {
    monitor->listed[WEIR__WATCHING] = true;
    weir__index_add(&stage->watching, &monitor->node, ++stage->monitors);
}

/* ---- by users ------------------------------------------------------------ */

weir_status weir__stage_watch(weir_stage *self, weir_ref stage, bool recall, weir_monitor *out) {
    if (self->on.handle_down == NULL) {
        return weir__refuse(WEIR_INVALID, "stage %s has no handle_down to be told with",
                            self->name);
    }
    if (stage.bits == 0 || stage.bits == self->ref.bits) {
        return weir__refuse(stage.bits == 0 ? WEIR_NO_STAGE : WEIR_INVALID,
                            stage.bits == 0 ? "the reference {0} is of no stage"
                                            : "a stage cannot watch itself");
    }
    struct weir__bell *bell = self->host->bell_of(self->host->runtime, stage);
    struct weir__monitor *monitor =
        make_monitor(self->host->allocator, self->ref, stage, self->host->bell, bell);
    if (monitor == NULL) {
        return WEIR_NO_MEMORY;
    }
    monitor->recall = recall;
    add_monitor(self, monitor);
    if (out != NULL) {
        *out = (weir_monitor){.stage = self->ref, .id = monitor->node.number};
    }
    if (weir__stage_is_starting(self)) { /* a notice must not come before the stage does */
        monitor->watch.kind = WEIR__MAIL_WATCH_LATER;
        weir__mail_list_push(&self->control, &monitor->watch);
    } else {
        begin_watching(monitor);
    }
    return WEIR_OK;
}

weir_status weir_monitor_stage(weir_stage *self, weir_ref stage, weir_monitor *out) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    return weir__stage_watch(self, stage, false, out);
}

weir_status weir_demonitor(weir_stage *self, weir_monitor monitor) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    struct weir__index_node *node =
        monitor.stage.bits == self->ref.bits ? weir__index_find(&self->watching, monitor.id) : NULL;
    if (node != NULL && !WEIR__CONTAINER_OF(node, struct weir__monitor, node)->feeds) {
        weir__index_remove(&self->watching, node);
        unwatch(self, node);
    }
    return WEIR_OK;
}

/* ---- mail ---------------------------------------------------------------- */

/* The watcher's side is done with it, and its reference is let go. */
static void watched_enough(weir_stage *stage, struct weir__monitor *monitor) {
    weir__index_remove(&stage->watching, &monitor->node);
    monitor->listed[WEIR__WATCHING] = false;
    release(stage->host, monitor);
}

static void tell_down(weir_stage *stage, struct weir__monitor *monitor) {
    weir_ref watched = monitor->watched;
    weir_reason reason = monitor->reason;
    stage->notice_bereft = monitor->bereft;
    watched_enough(stage, monitor);
    weir__stage_came(stage);
    weir__stage_enter(stage);
    weir__stage_leave(stage, "handle_down", stage->on.handle_down(stage, watched, reason));
}

/* Unless the watcher has lost interest meanwhile. */
static void noticed(weir_stage *stage, struct weir__monitor *monitor) {
    if (monitor->listed[WEIR__WATCHING] && monitor->feeds) {
        weir__index_remove(&stage->fed_by, &monitor->feeder);
        stage->feeders--;
        watched_enough(stage, monitor);
    } else if (monitor->listed[WEIR__WATCHING]) {
        tell_down(stage, monitor);
    }
    release(stage->host, monitor); /* the watched side's */
}

/* Told again of one that it knows, a stage knows it already. */
static void learn_feeder(weir_stage *stage, struct weir__monitor *monitor) {
    if (stage->mailbox != NULL) {
        weir__counter_take(&stage->mailbox->tokens, stage->mailbox->generation);
    }
    if (weir__index_find(&stage->fed_by, monitor->watched.bits) != NULL) {
        drop_monitor(stage->host, monitor);
        return;
    }
    add_monitor(stage, monitor);
    weir__index_add(&stage->fed_by, &monitor->feeder, monitor->watched.bits);
    stage->feeders++;
    begin_watching(monitor);
}

/* Unless it has lost interest in its init already. */
static void watch_now(weir_stage *stage, struct weir__monitor *monitor) {
    if (monitor->listed[WEIR__WATCHING]) {
        begin_watching(monitor);
    } else {
        release(stage->host, monitor); /* the watched side's */
    }
}

void weir__stage_monitor_mail(weir_stage *stage, struct weir__mail *mail) {
    struct weir__monitor *monitor;
    switch (mail->kind) {
    case WEIR__MAIL_FEEDER:
        learn_feeder(stage, MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_FEEDER_LATER:
        introduce_feeder(MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_WATCH_LATER:
        watch_now(stage, MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_WATCH:
        tie(stage, MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_NOTICE:
        noticed(stage, MONITOR_OF(mail, watch));
        return;
    default:
        monitor = MONITOR_OF(mail, unwatch);
        if (monitor->listed[WEIR__WATCHED]) {
            untie(stage, monitor);
            release(stage->host, monitor); /* the watched side's */
        }
        release(stage->host, monitor); /* the watcher's */
        return;
    }
}

/* The watched has gone already. */
static void watch_late(const struct weir__host *host, struct weir__monitor *monitor) {
    bool bereft = false;
    weir_reason reason = monitor->recall ? host->reason_of(host->runtime, monitor->watched, &bereft)
                                         : WEIR_REASON_NOPROC;
    notify(monitor, reason, bereft);
}

void weir__monitor_bounce(struct weir__host *host, struct weir__mail *mail) {
    switch (mail->kind) {
    case WEIR__MAIL_WATCH:
        watch_late(host, MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_FEEDER_LATER:
        introduce_feeder(MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_FEEDER: /* the watcher is gone */
        drop_monitor(host, MONITOR_OF(mail, watch));
        return;
    case WEIR__MAIL_WATCH_LATER: /* the watched never knew */
    case WEIR__MAIL_NOTICE:
        release(host, MONITOR_OF(mail, watch));
        return;
    default:
        release(host, MONITOR_OF(mail, unwatch));
        return;
    }
}

void weir__stage_end_monitors(weir_stage *stage) {
    while (stage->watchers != NULL) {
        struct weir__monitor *monitor = stage->watchers;
        untie(stage, monitor);
        notify(monitor, stage->reason, stage->bereft);
    }
    weir__index_empty(&stage->watching, unwatch, stage);
}
