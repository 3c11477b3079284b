/*
 * Holds: events that a dispatcher keeps back, and the infos and marks behind them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An info may stand in several holds at once; it goes on when it has come out of
 * the last of them.  `places` counts them, and one more while the dispatcher is
 * shown it, so that nothing it does then can release it under its hands.
 *
 * A mark of the program's stands in each hold by itself, and goes to whoever is sent the event
 * before it.
 *
 *   but for late sends and infos put in an empty hold, no info or mark is at the front
 */
#include "base/atomic.h"

#include "base/check.h"
#include "base/refusal.h"
#include "dispatch/seam.h"
#include "memory/pool.h"

static void count_held(struct weir_desk *desk, uint64_t more) {
    desk->held += more;
    weir__store_relaxed_u64(desk->buffered, *desk->buffered + more);
}

/* ---- infos --------------------------------------------------------------- */

static void leave_place(struct weir_notice *notice) {
    if (--notice->places > 0) return;
    struct weir_desk *desk = notice->desk;
    void *info = notice->info;
    weir__free(desk->allocator, notice, sizeof *notice);
    desk->calls->info_due(desk->context, info);
}

static bool front_is_mark_of(const struct weir_hold *hold) {
    return !weir__queue_empty(&hold->queue) &&
           (weir__queue_at(&hold->queue, 0)->flags & WEIR__MARK) != 0;
}

/* What is at the front and holds no events goes on; a mark of the program's to that consumer. */
static void release_marks(struct weir_hold *hold, weir_outlet *consumer) {
    struct weir_desk *desk = hold->desk;
    while (front_is_mark_of(hold)) {
        struct weir__item item = weir__queue_pop(&hold->queue);
        if (!weir__item_is_programs_mark(&item)) {
            leave_place(item.mark);
        } else if (consumer != NULL) {
            desk->calls->send_mark(desk->context, consumer, &item);
        }
    }
}

bool weir__hold_info(struct weir_hold *hold, struct weir_notice *notice) {
    struct weir__item mark = {.mark = notice, .flags = WEIR__MARK};
    if (!weir__queue_push(&hold->queue, mark)) return false;
    notice->places++;
    return true;
}

bool weir_hold_info(weir_hold *hold, weir_notice *info) {
    if (weir__missing(hold, "hold") || weir__missing(info, "info")) {
        return false;
    }
    return hold->queue.events > 0 && weir__hold_info(hold, info);
}

bool weir__desk_info(struct weir_desk *desk, const struct weir__dispatch *dispatch, void *info) {
    if (dispatch->table->info == NULL) return false;
    struct weir_notice *notice = weir__alloc_zeroed(desk->allocator, sizeof *notice, 16);
    if (notice == NULL) return false; /* too early, rather than never */
    *notice = (struct weir_notice){.desk = desk, .info = info, .places = 1};
    dispatch->table->info(dispatch->state, notice);
    if (--notice->places > 0) return true;
    weir__free(desk->allocator, notice, sizeof *notice);
    return false;
}

/* ---- marks of the program's ------------------------------------------------ */

void weir__hold_mark(struct weir_hold *hold, const struct weir__item *mark) {
    if (!weir__queue_push_mark(&hold->queue, mark)) {
        hold->desk->calls->send_mark(hold->desk->context, NULL, mark);
    }
}

void weir_passing_send(weir_passing *mark, weir_outlet *consumer) {
    if (!weir__missing(mark, "mark") && !weir__missing(consumer, "consumer")) {
        mark->desk->calls->send_mark(mark->desk->context, consumer, mark->mark);
    }
}

bool weir_passing_hold(weir_passing *mark, weir_hold *hold) {
    if (weir__missing(mark, "mark") || weir__missing(hold, "hold") ||
        weir__queue_empty(&hold->queue)) {
        return false;
    }
    weir__hold_mark(hold, mark->mark);
    return true;
}

weir_mark weir_passing_mark(const weir_passing *mark) {
    if (weir__missing(mark, "mark")) {
        return (weir_mark){0};
    }
    return (weir_mark){.kind = mark->mark->kind - WEIR__MARK_PROGRAMS,
                       .source = mark->mark->first,
                       .value = mark->mark->demand};
}

/* ---- events -------------------------------------------------------------- */

weir_hold *weir_hold_open(weir_desk *desk) {
    if (weir__missing(desk, "desk")) {
        return NULL;
    }
    struct weir_hold *hold = weir__alloc_zeroed(desk->allocator, sizeof *hold, 64);
    if (hold == NULL) return NULL;
    hold->desk = desk;
    weir__queue_open(&hold->queue, desk->allocator);
    hold->next = desk->holds;
    if (desk->holds != NULL) desk->holds->previous = hold;
    desk->holds = hold;
    return hold;
}

void weir_hold_close(weir_hold *hold) {
    if (hold == NULL) return;
    struct weir_desk *desk = hold->desk;
    weir_hold_drop(hold, UINT64_MAX, WEIR_DISCARD_STOPPED);
    *(hold->previous != NULL ? &hold->previous->next : &desk->holds) = hold->next;
    if (hold->next != NULL) hold->next->previous = hold->previous;
    weir__queue_close(&hold->queue, WEIR_DISCARD_STOPPED, desk->pool);
    weir__free(desk->allocator, hold, sizeof *hold);
}

uint64_t weir_hold_count(const weir_hold *hold) {
    if (weir__missing(hold, "hold")) {
        return 0;
    }
    return hold->queue.events;
}

bool weir__hold_push(struct weir_hold *hold, struct weir__item item) {
    if (!weir__queue_append(&hold->queue, item, hold->desk->pool)) return false;
    count_held(hold->desk, item.count);
    return true;
}

static void discard_held_item(struct weir_desk *desk, struct weir__item item) {
    weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, desk->pool);
    desk->calls->discard(desk->context, item.count, WEIR_DISCARD_NO_MEMORY);
}

/* The next item of the run, of at most `count` events, as it may wait in a hold. */
static struct weir__item take_item_to_hold(weir_run *run, uint64_t count) {
    struct weir_desk *desk = run->desk;
    struct weir__item item = weir__queue_take(run->queue, count, desk->pool);
    run->left -= item.count;
    item.flags &= WEIR__LASTING;
    if (desk->calls->unpin != NULL) desk->calls->unpin(desk->context, &item);
    return item;
}

uint64_t weir_run_hold(weir_run *run, weir_hold *hold, uint64_t count) {
    if (weir__missing(run, "run")) {
        return 0;
    }
    if (hold == NULL) return 0; /* weir_hold_open had no memory, perhaps */
    uint64_t left = count < run->left ? count : run->left;
    uint64_t before = hold->queue.events;
    while (left > 0) {
        struct weir__item item = take_item_to_hold(run, left);
        left -= item.count;
        if (!weir__hold_push(hold, item)) discard_held_item(run->desk, item);
    }
    return hold->queue.events - before;
}

/* Puts the queue's first `items` items in the opposite order. */
static void reverse(struct weir__queue *queue, uint32_t items) {
    for (uint32_t i = 0; i < items / 2; i++) {
        struct weir__item *one = weir__queue_at(queue, i);
        struct weir__item *other = weir__queue_at(queue, items - 1 - i);
        struct weir__item item = *one;
        *one = *other;
        *other = item;
    }
}

uint64_t weir_run_hold_first(weir_run *run, weir_hold *hold, uint64_t count) {
    if (weir__missing(run, "run")) {
        return 0;
    }
    if (hold == NULL) return 0;
    struct weir_desk *desk = run->desk;
    uint64_t left = count < run->left ? count : run->left;
    uint64_t kept = 0;
    uint32_t items = 0;
    while (left > 0) {
        struct weir__item item = take_item_to_hold(run, left);
        left -= item.count;
        if (weir__queue_push_front(&hold->queue, item)) {
            kept += item.count;
            items++;
        } else {
            discard_held_item(desk, item);
        }
    }
    reverse(&hold->queue, items);
    count_held(desk, kept);
    return kept;
}

uint64_t weir__hold_send(struct weir_hold *hold, weir_outlet *consumer, uint64_t count, bool late) {
    struct weir_desk *desk = hold->desk;
    uint64_t sent = 0;
    while (sent < count && !weir__queue_empty(&hold->queue)) {
        uint64_t part = weir__queue_run(&hold->queue, count - sent);
        if (part > 0) {
            count_held(desk, 0 - part);
            desk->calls->send(desk->context, consumer, &hold->queue, part);
            sent += part;
        }
        if (!late || sent < count) release_marks(hold, consumer);
    }
    return sent;
}

uint64_t weir_hold_send(weir_hold *hold, weir_outlet *consumer, uint64_t count) {
    if (weir__missing(hold, "hold") || weir__missing(consumer, "consumer")) {
        return 0;
    }
    return weir__hold_send(hold, consumer, count, false);
}

uint64_t weir_hold_drop(weir_hold *hold, uint64_t count, weir_discard cause) {
    if (weir__missing(hold, "hold")) {
        return 0;
    }
    struct weir_desk *desk = hold->desk;
    uint64_t dropped = 0;
    while (dropped < count && !weir__queue_empty(&hold->queue)) {
        uint64_t part = weir__queue_run(&hold->queue, count - dropped);
        weir__queue_discard(&hold->queue, part, cause, desk->pool);
        count_held(desk, 0 - part);
        dropped += part;
        release_marks(hold, NULL);
    }
    if (dropped > 0) desk->calls->discard(desk->context, dropped, cause);
    return dropped;
}

/* ---- the end of the stage ------------------------------------------------ */

uint64_t weir__desk_empty(struct weir_desk *desk, void (*drop)(void *context, void *info),
                          void *context) {
    uint64_t events = desk->held;
    for (struct weir_hold *hold = desk->holds; hold != NULL; hold = hold->next) {
        while (!weir__queue_empty(&hold->queue)) {
            struct weir__item item = weir__queue_pop(&hold->queue);
            if ((item.flags & WEIR__MARK) == 0) {
                weir__item_discard(&item, WEIR_DISCARD_STOPPED, desk->pool);
                continue;
            }
            if (weir__item_is_programs_mark(&item)) continue;
            struct weir_notice *notice = item.mark;
            if (--notice->places > 0) continue;
            drop(context, notice->info);
            weir__free(desk->allocator, notice, sizeof *notice);
        }
    }
    count_held(desk, 0 - events);
    return events;
}

void weir__desk_close(struct weir_desk *desk) {
    while (desk->holds != NULL) weir_hold_close(desk->holds);
    if (desk->fill != NULL) weir__block_close(desk->fill, desk->pool);
    desk->fill = NULL;
}

#if WEIR__CHECKED
void weir__desk_check(const struct weir_desk *desk) {
    uint64_t sum = 0;
    int left = WEIR__CHECK_MOST;
    const struct weir_hold *hold = desk->holds;
    for (; hold != NULL && left > 0; hold = hold->next, left--) {
        WEIR__CHECK(hold->next == NULL || hold->next->previous == hold);
        weir__queue_check(&hold->queue);
        sum += hold->queue.events;
    }
    WEIR__CHECK(hold != NULL || desk->held == sum);
    if (desk->fill != NULL) weir__block_check(desk->fill, desk->pool);
}
#endif
