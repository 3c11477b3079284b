/*
 * Ending: what a stage that finishes waits for, what it is told, and how it ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage that finishes looks at the end of each of its turns whether it is through:
 *
 *   1  its input is over: no producers and no feeders are left, nothing waits to be handled
 *   2  a part is shut: an inlet takes no more, unless tokens are out, whose holders may push
 *   3  reminders (timers without a message) are brought forward, and handled.  What they and
 *      handle_end bring forth, directly or by messages of the stage to itself, is marked
 *      (telling_end, message->reminds): a reminder among that is late, it comes when it is due,
 *      if the stage is still there, and nothing is told or brought forward for it
 *   4  handle_end is told, and again whenever something has come after it (end_told)
 *   5  it holds nothing, in whatever queue, nor in timers with a message
 *   6  its mailbox closes: no message was accepted that has not been handled, no token is
 *      out (ring/mailbox.h, P7 -> P8); from here on senders are refused
 *
 * Whatever it waits for wakes it when it comes: an end of a subscription, a notice, mail, a
 * timer, demand.
 *
 * Stages that feed each other in a ring wait for each other for ever.  Who drains the runtime
 * finds them once everything is at rest (runtime/rings.c); they are then `unfed`: nothing is
 * taken from outside of the runtime any more, each is told its end (3, 4) as if its producers had
 * ended, and when nothing more came of that they are ended together: each is closed, and has no
 * turn from then on, until all are and end, or one is not and they are opened again.
 * Models: tests/model/drain.pml, rings.pml.
 */
#include "stage/ending.h"

#include "dispatch/shared.h"
#include "edge/rack.h"
#include "stage/keeping.h"
#include "stage/monitor.h"
#include "stage/outputs.h"
#include "stage/stage.h"

/* ---- beginning ----------------------------------------------------------- */

void weir__stage_finish(weir_stage *stage, bool told) {
    if (stage->finishing || stage->stopping) {
        return;
    }
    stage->finishing = true;
    if (stage->mailbox != NULL) {
        weir__store_relaxed_u32(&stage->mailbox->finishes, 1); /* for who asks */
    }
    if (WEIR__PART(stage, drained) != NULL) {
        stage->part->drained(stage);
    }
    if (told && stage->on.handle_drain != NULL) {
        weir__stage_enter(stage);
        weir__stage_leave(stage, "handle_drain", stage->on.handle_drain(stage));
    }
    if (stage->mode == WEIR_ACCUMULATE && !stage->stopping) {
        weir__stage_set_mode(stage, WEIR_FORWARD);
    }
    weir__ready_queue(stage->ready, false);
}

/* ---- a source of its has ended ------------------------------------------- */

/* Because a permanent subscription has ended normally, for that reason. */
static void finish_bereft(weir_stage *stage, weir_reason reason) {
    if (!stage->finishing && !stage->stopping) {
        stage->reason = reason;
        stage->bereft = true;
    }
    weir__stage_finish(stage, false);
}

bool weir__stage_refused(weir_reason reason) {
    return reason == WEIR_REASON_BAD_OPTIONS || reason == WEIR_REASON_ALREADY_SUBSCRIBED ||
           reason == WEIR_REASON_MISSING_PARTITION || reason == WEIR_REASON_UNKNOWN_PARTITION ||
           reason == WEIR_REASON_PARTITION_TAKEN;
}

bool weir__stage_stops(weir_cancel_mode mode, weir_reason reason) {
    if (weir__stage_refused(reason) || mode == WEIR_TEMPORARY) {
        return false;
    }
    return mode == WEIR_PERMANENT ||
           (reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN);
}

/*
 * One that finishes ends when it holds nothing, and not because a source has finished before,
 * even before it could subscribe there; and the normal end of a source has it finish.
 */
void weir__stage_bereave(weir_stage *stage, weir_cancel_mode mode, weir_reason reason) {
    bool normal = reason == WEIR_REASON_NORMAL || reason == WEIR_REASON_SHUTDOWN;
    if (stage->stopping || !weir__stage_stops(mode, reason) ||
        (stage->finishing && (normal || reason == WEIR_REASON_NOPROC))) {
        return;
    }
    if (normal && !stage->as_genstage) {
        finish_bereft(stage, reason);
        return;
    }
    stage->stopping = true;
    stage->reason = reason;
    stage->bereft = true;
}

/* ---- what is left -------------------------------------------------------- */

/* Nothing that it was sent waits to be handled. */
static bool has_handled_all(const weir_stage *stage) {
    return !stage->begun && weir__queue_empty(&stage->inq) && stage->limit_events == 0 &&
           stage->control.first == NULL;
}

/* Feeders of a part that takes no more feed nobody.  An output is fed by its stage. */
static bool is_fed(const weir_stage *stage) {
    return stage->producers != NULL || (stage->feeders > 0 && !stage->is_shut) ||
           stage->parent != NULL;
}

/*
 * In the queue that its consumers share: what those have asked for who are there they will
 * take.  But one that was cancelled may leave what was put there for it.
 */
static bool keeps_for_takers(const weir_stage *stage) {
    return stage->desk.rack != NULL && !weir__rack_empty(stage->desk.rack) &&
           (stage->leaving.count > 0 || weir__shared_excess(stage->dispatch.state) > 0);
}

/* By itself, or by way of its dispatcher or a reader. */
static bool owes_nothing(const weir_stage *stage) {
    return weir__queue_empty(&stage->deferred) && weir__queue_empty(&stage->buffer.queue) &&
           weir__queue_empty(&stage->lent) && stage->desk.held == 0 && !keeps_for_takers(stage);
}

static bool keeps_nothing(const weir_stage *stage) {
    return owes_nothing(stage) && !weir__stage_keeps_some(stage);
}

/* A part that is open to who is not subscribed, still. */
static bool part_is_open(const weir_stage *stage) {
    return WEIR__PART(stage, shut) != NULL && !stage->is_shut;
}

static weir_holdup part_of(const weir_stage *stage) {
    return WEIR__PART(stage, holds) == NULL ? WEIR_HOLDUP_NONE : stage->part->holds(stage);
}

/* It has told what it kept, too: only who feeds it is left. */
static bool holds_nothing(const weir_stage *stage) {
    return has_handled_all(stage) && stage->end_told && keeps_nothing(stage) &&
           stage->timers.count == stage->late_timers && part_of(stage) == WEIR_HOLDUP_NONE;
}

static bool close_mail(const weir_stage *stage) {
    return stage->mailbox == NULL || weir__mailbox_end(stage->mailbox, stage->timers.count);
}

/* ---- in a ring ------------------------------------------------------------ */

void weir__stage_unfed(weir_stage *stage) {
    stage->unfed = true;
    if (stage->mailbox != NULL) {
        weir__mailbox_keep_within(stage->mailbox);
    }
    if (part_is_open(stage)) {
        stage->part->shut(stage, WEIR__SHUT_OUTSIDE);
    }
    weir__ready_queue(stage->ready, false);
}

bool weir__stage_close(weir_stage *stage) {
    if (!close_mail(stage)) {
        return false;
    }
    stage->closed = true;
    if (part_is_open(stage)) {
        stage->part->shut(stage, WEIR__SHUT_TRIED);
        return stage->part->holds(stage) == WEIR_HOLDUP_NONE;
    }
    return true;
}

void weir__stage_reopen(weir_stage *stage) {
    stage->closed = false;
    if (stage->mailbox != NULL) {
        weir__mailbox_reopen(stage->mailbox, !stage->is_shut);
    }
    if (part_is_open(stage)) {
        stage->part->shut(stage, WEIR__SHUT_OUTSIDE);
    }
    weir__ready_queue(stage->ready, false); /* something may have come meanwhile */
}

/* ---- the last words ------------------------------------------------------ */

struct reminders {
    weir_stage *stage;
    uint64_t last_ns; /* when the last of them is due    */
    bool fresh;       /* one is not yet brought forward */
};

/* An armed timer without a message, unless it came of the end itself; NULL. */
static struct weir__message *reminder_of(struct weir__index_node *node) {
    struct weir__message *message = WEIR__CONTAINER_OF(node, struct weir__message, armed.node);
    return message->count > 0 || message->armed.late ? NULL : message;
}

static void find_last(void *context, struct weir__index_node *node) {
    struct reminders *found = context;
    const struct weir__message *message = reminder_of(node);
    if (message != NULL) {
        uint64_t due = message->armed.timer.due_ns;
        found->last_ns = due > found->last_ns ? due : found->last_ns;
        found->fresh = found->fresh || !message->reminds;
    }
}

/* They keep their order: each comes as much earlier as the last one. */
static void bring_forward(void *context, struct weir__index_node *node) {
    const struct reminders *found = context;
    struct weir__message *message = reminder_of(node);
    if (message != NULL && !message->reminds) {
        struct weir__timers *timers = &found->stage->host->timers;
        uint64_t now = found->stage->host->now_ns;
        uint64_t before = found->last_ns - message->armed.timer.due_ns;
        message->reminds = true;
        weir__timers_move(timers, &message->armed.timer, before < now ? now - before : 0);
    }
}

/* True when there are some that are to come, which is now. */
static bool remind(weir_stage *stage) {
    struct reminders found = {.stage = stage};
    if (stage->reminders == 0) {
        return false; /* without a look at those that carry a message, which may be many */
    }
    weir__index_each(&stage->timers, find_last, &found);
    if (found.fresh) {
        weir__index_each(&stage->timers, bring_forward, &found);
    }
    return true;
}

static void tell_end(weir_stage *stage) {
    stage->end_told = true;
    if (stage->on.handle_end != NULL) {
        stage->telling_end = true;
        weir__stage_enter(stage);
        weir__stage_leave(stage, "handle_end", stage->on.handle_end(stage));
        stage->telling_end = false;
    }
}

/*
 * False: tokens are out, whose holders may send it something.  One that its program has shut takes
 * nothing of theirs; nor does it give out more.  In a ring it is shut as it is closed.
 */
static bool shut_to_feeders(weir_stage *stage) {
    if (WEIR__PART(stage, shut) == NULL || (is_fed(stage) && !stage->is_shut)) {
        return true;
    }
    bool none = stage->mailbox == NULL || weir__mailbox_shut(stage->mailbox);
    if (none && !stage->is_shut) {
        stage->is_shut = true;
        stage->part->shut(stage, WEIR__SHUT_ALL);
    }
    return none || stage->is_shut;
}

void weir__stage_go_to_end(weir_stage *stage) {
    bool over = has_handled_all(stage) && (stage->unfed || !is_fed(stage));
    if (stage->stopping || !over || !shut_to_feeders(stage)) {
        return;
    }
    if (!stage->end_told && !remind(stage)) {
        tell_end(stage);
    }
    if (!stage->stopping && !is_fed(stage) && holds_nothing(stage) && close_mail(stage)) {
        stage->stopping = true; /* with the reason that it finishes for: NORMAL, most often */
    }
}

/* In the queue, in a limit, or with a part that has taken it. */
static bool keeps_input_back(const weir_stage *stage) {
    bool has = !weir__queue_empty(&stage->inq) || stage->limits != NULL;
    return (has && !weir__stage_can_drain(stage)) || part_of(stage) == WEIR_HOLDUP_DEMAND;
}

bool weir__stage_may_relax(const weir_stage *stage) {
    return stage->finishing && !stage->stopping && !stage->relaxed && !weir__stage_is_held(stage) &&
           stage->kind == WEIR_PRODUCER_CONSUMER && stage->buffer.size == UINT64_MAX &&
           stage->buffer.most == UINT64_MAX && keeps_input_back(stage);
}

/* Nothing will come to it of a timer, or only when it is told its end. */
static bool awaits_no_timer(const weir_stage *stage) {
    return stage->timers.count == stage->late_timers + (stage->unfed ? 0 : stage->reminders);
}

/* An inlet that takes more, and has nothing, is such a one. */
bool weir__stage_waits_for_others(const weir_stage *stage) {
    const struct weir__mailbox *box = stage->mailbox;
    bool counted =
        box != NULL && (weir__mailbox_tokens(box) > 0 || weir__mailbox_messages(box) > 0);
    weir_holdup part = part_of(stage);
    bool open = part_is_open(stage) && part == WEIR_HOLDUP_PRODUCERS;
    return stage->finishing && !stage->stopping && is_fed(stage) && !counted &&
           has_handled_all(stage) && awaits_no_timer(stage) && owes_nothing(stage) &&
           (!weir__stage_keeps_some(stage) || !stage->end_told) &&
           (part == WEIR_HOLDUP_NONE || open);
}

/* ---- why it does not end ------------------------------------------------- */

static bool owes_events(const weir_stage *stage) {
    return !weir__queue_empty(&stage->deferred) || !weir__queue_empty(&stage->buffer.queue) ||
           !weir__queue_empty(&stage->inq) || stage->limit_events > 0 || stage->desk.held > 0 ||
           keeps_for_takers(stage);
}

/* It has something to handle, and may. */
static bool has_stage_work(const weir_stage *stage) {
    bool may = !weir__stage_is_held(stage) &&
               (stage->kind == WEIR_CONSUMER ||
                (stage->kind == WEIR_PRODUCER_CONSUMER && weir__stage_has_appetite(stage) &&
                 (stage->rest != WEIR__REST_BYTES || stage->relaxed)));
    const struct weir__edge *edge = stage->producers;
    while (edge != NULL && !weir__edge_has_events(edge)) edge = edge->producers_next;
    return stage->begun || (may && (edge != NULL || weir__stage_can_drain(stage)));
}

weir_holdup weir__stage_holdup(const weir_stage *stage) {
    const struct weir__mailbox *box = stage->mailbox;
    weir_holdup part = part_of(stage);
    /* What lies in a queue that it shares is not its work as long as a reader keeps it busy. */
    if (!weir__queue_empty(&stage->lent)) {
        return WEIR_HOLDUP_READER;
    }
    if (part == WEIR_HOLDUP_TASKS || part == WEIR_HOLDUP_WRITES) {
        return part;
    }
    if (has_stage_work(stage)) {
        return WEIR_HOLDUP_WORK;
    }
    if (box != NULL && weir__mailbox_tokens(box) > 0) {
        return WEIR_HOLDUP_TOKENS;
    }
    if (stage->control.first != NULL || (box != NULL && weir__mailbox_messages(box) > 0)) {
        return WEIR_HOLDUP_MAIL;
    }
    if (stage->timers.count > stage->late_timers + stage->reminders) {
        return WEIR_HOLDUP_TIMERS;
    }
    if (stage->limits_waiting > 0) {
        return WEIR_HOLDUP_RATE;
    }
    if (owes_events(stage) || part == WEIR_HOLDUP_DEMAND) {
        return WEIR_HOLDUP_DEMAND;
    }
    if (weir__stage_keeps_some(stage)) {
        return WEIR_HOLDUP_STASH;
    }
    if (is_fed(stage)) {
        return WEIR_HOLDUP_PRODUCERS;
    }
    bool last = part == WEIR_HOLDUP_NONE && (stage->finishing || stage->stopping);
    return last ? WEIR_HOLDUP_WORK : part; /* of its last turn */
}

/* A stash and reminders wait for the end, and for nothing that comes by itself.  Of messages
 * only infos are left at rest, which wait behind events. */
bool weir__stage_awaits(const weir_stage *stage) {
    const struct weir__mailbox *box = stage->mailbox;
    bool tokens = box != NULL && weir__mailbox_tokens(box) > 0;
    return tokens || stage->control.first != NULL || has_stage_work(stage) ||
           stage->timers.count > stage->late_timers + stage->reminders ||
           stage->limits_waiting > 0 || part_of(stage) == WEIR_HOLDUP_TASKS ||
           part_of(stage) == WEIR_HOLDUP_WRITES || !weir__queue_empty(&stage->lent);
}
