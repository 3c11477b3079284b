/*
 * Windows that are over are emitted, as they are asked for.  See window.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "parts/window.h"
#include "stage/mark.h"

#include <string.h>

/* ---- one window ------------------------------------------------------------ */

void weir__window_emit(weir_stage *self, struct weir__windowed *one, weir_trigger trigger,
                       bool last) {
    struct weir__windows *windows = weir__windows_of(self);
    const weir_window window = {.key = one->key,
                                .begin = one->begin,
                                .end = one->end,
                                .count = one->count,
                                .trigger = trigger,
                                .last = last};
    windows->counts.emitted[trigger]++;
    one->since = 0;
    if (windows->options.emit == NULL) {
        windows->unsent = weir_emit(self, &window, 1) != WEIR_OK || windows->unsent;
    } else {
        windows->options.emit(windows->options.context, self, &window, one->accumulator);
    }
}

void weir__window_drop(struct weir__windows *windows, struct weir__windowed *one) {
    if (windows->options.drop != NULL && one->count > 0) {
        windows->options.drop(windows->options.context, one->accumulator);
    }
}

void weir__window_empty(struct weir__windows *windows, struct weir__windowed *one) {
    weir__window_drop(windows, one);
    memset(one->accumulator, 0, windows->table.accumulator_bytes);
    one->count = 0;
    one->since = 0;
}

/* ---- a sweep --------------------------------------------------------------- */

/* When it need not be kept any longer. */
static uint64_t kept_until(const struct weir__windows *windows, const struct weir__windowed *one) {
    return weir__window_later(one->end, windows->options.lateness);
}

void weir__window_note_end(struct weir__windows *windows, const struct weir__windowed *one) {
    uint64_t end = one->state == WEIR__WINDOW_OPEN ? one->end : kept_until(windows, one);
    if (weir__windows_end(&windows->options) && end < windows->next_end) {
        windows->next_end = end;
    }
}

/* What is to become of a window that the sweep comes to. */
struct window_fate {
    bool emit;
    bool last;
    bool out;
};

static struct window_fate fate_by_time(const struct weir__windows *windows,
                                       const struct weir__windowed *one) {
    uint64_t bound = windows->sweep.bound;
    bool over = one->end <= bound;
    return (struct window_fate){.emit = over && one->state == WEIR__WINDOW_OPEN && one->count > 0,
                                .last = true,
                                .out = over && kept_until(windows, one) <= bound};
}

static struct window_fate window_fate_of(const struct weir__windows *windows,
                                         const struct weir__windowed *one) {
    bool open = one->state == WEIR__WINDOW_OPEN && one->count > 0;
    switch (windows->sweep.trigger) {
    case WEIR_TRIGGER_WATERMARK:
        return fate_by_time(windows, one);
    case WEIR_TRIGGER_END:
        return (struct window_fate){.emit = open, .last = true, .out = true};
    case WEIR_TRIGGER_FULL:
        return (struct window_fate){.emit = open, .out = true};
    default:
        return (struct window_fate){.emit = open && one->since > 0,
                                    .out =
                                        windows->options.reset && one->state == WEIR__WINDOW_OPEN};
    }
}

static void sweep_over(weir_stage *self, struct weir__windows *windows, struct weir__windowed *one,
                       struct window_fate fate) {
    if (fate.emit) {
        weir__window_emit(self, one, windows->sweep.trigger, fate.last);
    }
    if (fate.out) { /* somebody else may stand there now: the sweep stays */
        weir__window_drop(windows, one);
        weir__window_take_out(&windows->table, one);
        return;
    }
    if (windows->sweep.trigger == WEIR_TRIGGER_WATERMARK && one->end <= windows->sweep.bound) {
        one->state = WEIR__WINDOW_OVER;
    }
    weir__window_note_end(windows, one);
    windows->sweep.at++;
}

static void begin_sweep(struct weir__windows *windows, weir_trigger trigger, uint64_t bound) {
    windows->sweep = (struct weir__sweep){.on = windows->table.count > 0,
                                          .trigger = trigger,
                                          .bound = bound,
                                          .capacity = windows->table.capacity};
    windows->next_end = UINT64_MAX; /* of all that it leaves */
}

/* How many windows may be emitted now, if each is one event. */
static uint64_t room_for_results(weir_stage *self) {
    weir_asked asked = weir_open_demand(self);
    if (asked.bytes == 0) {
        return 0;
    }
    return asked.bytes == UINT64_MAX || asked.events == 0 ? asked.events : 1;
}

/* true: it is through. */
static bool sweep_on(weir_stage *self, struct weir__windows *windows) {
    struct weir__sweep *sweep = &windows->sweep;
    if (sweep->capacity != windows->table.capacity) { /* all stand elsewhere */
        sweep->capacity = windows->table.capacity;
        sweep->at = 0;
    }
    uint64_t room = 0;
    while (sweep->at < sweep->capacity) {
        struct weir__windowed *one = weir__window_at(&windows->table, sweep->at);
        if (one->state == WEIR__WINDOW_NONE) {
            sweep->at++;
            continue;
        }
        struct window_fate fate = window_fate_of(windows, one);
        if (fate.emit && room == 0 && (room = room_for_results(self)) == 0) {
            return false;
        }
        room -= fate.emit ? 1 : 0;
        sweep_over(self, windows, one, fate);
    }
    sweep->on = false;
    return true;
}

/* ---- orders ---------------------------------------------------------------- */

bool weir__windows_order(struct weir__windows *windows, const weir_mark *mark) {
    struct weir__item item = weir__mark_item(mark);
    return weir__queue_push_mark(&windows->orders, &item);
}

bool weir__windows_wait(const struct weir__windows *windows) {
    return windows->sweep.on || windows->ordered || !weir__queue_empty(&windows->orders);
}

static bool is_over_by(const struct weir__windows *windows, uint64_t time) {
    bool all = windows->options.kind == WEIR_WINDOW_GLOBAL && time == UINT64_MAX;
    return all || (weir__windows_end(&windows->options) && windows->next_end <= time);
}

static void begin_own_order(struct weir__windows *windows, const weir_mark *order) {
    switch ((enum weir__window_order)order->source) {
    case WEIR__WINDOWS_CLOCK:
        if (is_over_by(windows, order->value)) {
            begin_sweep(windows, WEIR_TRIGGER_WATERMARK, order->value);
        }
        break;
    case WEIR__WINDOWS_TIME:
        begin_sweep(windows, WEIR_TRIGGER_TIME, 0);
        break;
    case WEIR__WINDOWS_END:
        windows->ends = false;
        begin_sweep(windows, WEIR_TRIGGER_END, 0);
        break;
    }
}

static void begin_order(struct weir__windows *windows) {
    windows->order = weir__queue_pop(&windows->orders);
    windows->ordered = true;
    const weir_mark order = weir__mark_in(&windows->order);
    if (order.kind == 0) {
        begin_own_order(windows, &order);
    } else if (order.kind == WEIR_MARK_FLUSH) {
        begin_sweep(windows, WEIR_TRIGGER_FLUSH, 0);
    } else if (order.kind == WEIR_MARK_WATERMARK && !windows->options.processing_time &&
               is_over_by(windows, order.value)) {
        begin_sweep(windows, WEIR_TRIGGER_WATERMARK, order.value);
    }
}

/* Its results have gone out: so does it, if it is a mark.  false: no memory. */
static bool end_order(weir_stage *self, struct weir__windows *windows) {
    const weir_mark mark = weir__mark_in(&windows->order);
    windows->ordered = false;
    /* where consumers compete there are no marks: it ends here */
    return mark.kind == 0 || weir_emit_mark(self, &mark) != WEIR_NO_MEMORY;
}

weir_verdict weir__windows_go_on(weir_stage *self) {
    struct weir__windows *windows = weir__windows_of(self);
    while (weir__windows_wait(windows)) {
        if (windows->sweep.on && !sweep_on(self, windows)) {
            break;
        }
        if (windows->ordered) {
            if (!end_order(self, windows)) {
                return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
            }
        } else if (!weir__queue_empty(&windows->orders)) {
            begin_order(windows);
        }
    }
    return windows->unsent ? weir_stop_with(self, WEIR_REASON_NO_MEMORY) : WEIR_CONTINUE;
}

bool weir__windows_make_room(weir_stage *self) {
    struct weir__windows *windows = weir__windows_of(self);
    weir__windows_go_on(self); /* what was ordered before comes first */
    if (weir__windows_wait(windows) || windows->table.count == 0) {
        return false;
    }
    begin_sweep(windows, WEIR_TRIGGER_FULL, 0);
    weir__windows_go_on(self);
    return !weir__windows_wait(windows);
}
