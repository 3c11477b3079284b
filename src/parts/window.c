/*
 * A window stage: events are added, marks and timers come.  See window.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events are looked at some time before they are added: whose each one is, which fetches its place
 * in the table.
 */
#include "parts/window.h"

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/check.h"

#include <string.h>
#include <weir/call.h>
#include <weir/timer.h>

const char weir__window_question[8] = "windows?";

/* What came of an event. */
enum window_added { ADDED, TOO_LATE, NO_ROOM };

/* ---- one event, one window --------------------------------------------------- */

static void say_early(weir_stage *self, struct weir__windows *windows, struct weir__windowed *one) {
    weir__window_emit(self, one, WEIR_TRIGGER_EVENTS, false);
    if (windows->options.reset) {
        weir__window_empty(windows, one);
    }
}

static inline void add_event(weir_stage *self, struct weir__windows *windows,
                             struct weir__windowed *one, const void *event) {
    const weir_window_options *options = &windows->options;
    if (options->add != NULL) {
        options->add(options->context, one->accumulator, event);
    }
    one->count++;
    one->since++;
    if (WEIR__UNLIKELY(one->state == WEIR__WINDOW_OVER)) {
        weir__window_emit(self, one, WEIR_TRIGGER_LATE, true);
    } else if (options->early_events > 0 && one->since >= options->early_events) {
        say_early(self, windows, one);
    }
}

/* NULL: there is no room. */
static WEIR__NOINLINE struct weir__windowed *
begin_window(struct weir__windows *windows, uint64_t key, uint64_t begin, uint64_t end) {
    struct weir__windowed *one = weir__window_add(&windows->table, key, begin, end);
    if (one == NULL) {
        return NULL;
    }
    bool over = weir__windows_end(&windows->options) && end <= windows->watermark;
    one->state = over ? WEIR__WINDOW_OVER : WEIR__WINDOW_OPEN;
    weir__window_note_end(windows, one);
    size_t open = windows->table.count;
    windows->counts.most = open > windows->counts.most ? open : windows->counts.most;
    return one;
}

/* Nothing is kept of what ended then. */
static inline bool is_gone(const struct weir__windows *windows, uint64_t end) {
    return weir__window_later(end, windows->options.lateness) <= windows->watermark;
}

static inline enum window_added add_to(weir_stage *self, struct weir__windows *windows,
                                       uint64_t key, uint64_t begin, uint64_t end,
                                       const void *event) {
    struct weir__windowed *one = weir__window_find(&windows->table, key, begin);
    if (WEIR__UNLIKELY(one == NULL) && (one = begin_window(windows, key, begin, end)) == NULL) {
        return NO_ROOM;
    }
    add_event(self, windows, one, event);
    return ADDED;
}

/* ---- by kinds ---------------------------------------------------------------- */

static enum window_added add_tumbling(weir_stage *self, struct weir__windows *windows,
                                      weir_place place, const void *event) {
    if (WEIR__UNLIKELY(place.time - windows->began >= windows->options.size ||
                       place.time < windows->began)) {
        windows->began = place.time - place.time % windows->options.size;
        windows->ended = weir__window_later(windows->began, windows->options.size);
    }
    if (WEIR__UNLIKELY(is_gone(windows, windows->ended))) {
        return TOO_LATE;
    }
    return add_to(self, windows, place.key, windows->began, windows->ended, event);
}

static enum window_added add_sliding(weir_stage *self, struct weir__windows *windows,
                                     weir_place place, const void *event) {
    const weir_window_options *options = &windows->options;
    uint64_t begin = place.time - place.time % options->every;
    uint64_t windows_of_it = (options->size - 1) / options->every + 1;
    if (windows->table.count + windows_of_it > windows->table.most) {
        return NO_ROOM; /* it is added to all of them, or to none */
    }
    enum window_added added = TOO_LATE;
    for (;;) {
        uint64_t end = weir__window_later(begin, options->size);
        if (end <= place.time && end != UINT64_MAX) {
            break; /* size is no multiple of every: it lies between two */
        }
        if (!is_gone(windows, end)) {
            added = add_to(self, windows, place.key, begin, end, event);
        }
        if (added == NO_ROOM || begin < options->every) {
            break;
        }
        begin -= options->every;
    }
    return added;
}

/* The next of the key's sessions that has to do with that time; NULL. */
static struct weir__windowed *session_of(const struct weir__windows *windows, uint64_t key,
                                         uint64_t begin, uint64_t end,
                                         const struct weir__windowed *other_than) {
    struct weir__windowed *one = weir__window_first_of(&windows->table, key);
    while (one != NULL && (one == other_than || one->begin >= end || one->end <= begin)) {
        one = weir__window_next_of(&windows->table, one);
    }
    return one;
}

/* Makes one of two.  Returns where it stands now. */
static struct weir__windowed *join_sessions(struct weir__windows *windows,
                                            struct weir__windowed *one,
                                            struct weir__windowed *other) {
    const weir_window_options *options = &windows->options;
    if (options->merge != NULL) {
        options->merge(options->context, one->accumulator, other->accumulator);
    }
    one->count += other->count;
    one->since += other->since;
    one->begin = other->begin < one->begin ? other->begin : one->begin;
    one->end = other->end > one->end ? other->end : one->end;
    const uint64_t key = one->key;
    const uint64_t begin = one->begin;
    const uint64_t end = one->end;
    weir__window_take_out(&windows->table, other);
    return session_of(windows, key, begin, end, NULL);
}

static enum window_added add_session(weir_stage *self, struct weir__windows *windows,
                                     weir_place place, const void *event) {
    uint64_t begin = place.time;
    uint64_t end = weir__window_later(begin, windows->options.size);
    struct weir__windowed *one = session_of(windows, place.key, begin, end, NULL);
    if (one == NULL && is_gone(windows, end)) {
        return TOO_LATE;
    }
    if (one == NULL && (one = begin_window(windows, place.key, begin, end)) == NULL) {
        return NO_ROOM;
    }
    one->begin = begin < one->begin ? begin : one->begin;
    one->end = end > one->end ? end : one->end;
    struct weir__windowed *other;
    while ((other = session_of(windows, place.key, one->begin, one->end, one)) != NULL) {
        one = join_sessions(windows, one, other);
    }
    bool over = one->end <= windows->watermark;
    one->state = over && one->state == WEIR__WINDOW_OVER ? WEIR__WINDOW_OVER : WEIR__WINDOW_OPEN;
    weir__window_note_end(windows, one);
    add_event(self, windows, one, event);
    return ADDED;
}

static enum window_added add_counted(weir_stage *self, struct weir__windows *windows,
                                     weir_place place, const void *event) {
    struct weir__windowed *one = weir__window_find(&windows->table, place.key, 0);
    if (one == NULL && (one = begin_window(windows, place.key, place.time, place.time)) == NULL) {
        return NO_ROOM;
    }
    one->begin = place.time < one->begin ? place.time : one->begin;
    one->end = place.time > one->end ? place.time : one->end;
    add_event(self, windows, one, event);
    if (one->count >= windows->options.size) {
        weir__window_emit(self, one, WEIR_TRIGGER_COUNT, true);
        weir__window_drop(windows, one);
        weir__window_take_out(&windows->table, one);
    }
    return ADDED;
}

static inline enum window_added add_by_kind(weir_stage *self, struct weir__windows *windows,
                                            weir_place place, const void *event) {
    switch (windows->options.kind) {
    case WEIR_WINDOW_TUMBLING:
        return add_tumbling(self, windows, place, event);
    case WEIR_WINDOW_SLIDING:
        return add_sliding(self, windows, place, event);
    case WEIR_WINDOW_SESSION:
        return add_session(self, windows, place, event);
    case WEIR_WINDOW_COUNT:
        return add_counted(self, windows, place, event);
    default:
        return add_to(self, windows, place.key, 0, UINT64_MAX, event);
    }
}

/* ---- batches ----------------------------------------------------------------- */

static void count_late(struct weir__windows *windows, weir_place place, const void *event) {
    windows->counts.late++;
    if (windows->options.late != NULL) {
        windows->options.late(windows->options.context, event, place);
    }
}

/* Adds one.  false: it has to wait until there is demand; or there is no memory for it. */
static bool add_one(weir_stage *self, struct weir__windows *windows, weir_place place,
                    const void *event, bool *no_memory) {
    enum window_added added = add_by_kind(self, windows, place, event);
    if (WEIR__UNLIKELY(added == NO_ROOM)) {
        if (!weir__windows_make_room(self)) {
            *no_memory = windows->table.count == 0;
            return false;
        }
        added = add_by_kind(self, windows, place, event);
    }
    if (WEIR__UNLIKELY(added == TOO_LATE)) {
        count_late(windows, place, event);
    }
    *no_memory = added == NO_ROOM;
    return added != NO_ROOM;
}

/* Whose an event is that comes soon; its accumulator's place is fetched. */
static inline weir_place look_ahead(const struct weir__windows *windows, const void *event,
                                    uint64_t now) {
    const weir_window_options *options = &windows->options;
    const struct weir__window_table *table = &windows->table;
    weir_place place = options->place(options->context, event);
    place.time = options->processing_time ? now : place.time;
    if (table->capacity > 0) {
        size_t home = weir__window_home(table, place.key, windows->began);
        weir__prefetch_to_write(weir__window_at(table, home));
    }
    return place;
}

/* Returns how many were added. */
static size_t add_some(weir_stage *self, struct weir__windows *windows, const unsigned char *events,
                       size_t count, bool *no_memory) {
    enum { AHEAD = 16 };
    const size_t bytes = windows->options.takes_bytes;
    const bool by_clock = windows->options.processing_time;
    const uint64_t now = by_clock ? weir_runtime_now(self->host->runtime) : 0;
    weir_place places[AHEAD];
    for (size_t i = 0; i < count && i < AHEAD; i++) {
        places[i] = look_ahead(windows, events + i * bytes, now);
    }
    for (size_t i = 0; i < count; i++) {
        weir_place place = places[i % AHEAD];
        if (i + AHEAD < count) {
            places[i % AHEAD] = look_ahead(windows, events + (i + AHEAD) * bytes, now);
        }
        if (!add_one(self, windows, place, events + i * bytes, no_memory)) {
            return i;
        }
    }
    return count;
}

/* ---- timers ------------------------------------------------------------------ */

static bool arm_window_timer(weir_stage *self, uint64_t due, weir_timer *out) {
    uint64_t now = weir_runtime_now(self->host->runtime);
    uint64_t delay = due > now ? due - now : 0;
    return weir_send_after(self->host->runtime, self->ref, NULL, 0, delay, out) == WEIR_OK;
}

/* A timer for what is over by the clock next.  false: no memory. */
static bool arm_clock(weir_stage *self, struct weir__windows *windows) {
    if (!windows->options.processing_time || windows->next_end >= windows->clock_due) {
        return true;
    }
    if (windows->clock_due != UINT64_MAX) {
        (void)weir_cancel_timer(self->host->runtime, windows->clock);
    }
    windows->clock_due = windows->next_end;
    return arm_window_timer(self, windows->clock_due, &windows->clock);
}

/* A timer for early results, once there is something to say.  false: no memory. */
static bool arm_tick(weir_stage *self, struct weir__windows *windows) {
    if (windows->options.early_ns == 0 || windows->tick_due != UINT64_MAX) {
        return true;
    }
    uint64_t now = weir_runtime_now(self->host->runtime);
    windows->tick_due = weir__window_later(now, windows->options.early_ns);
    return arm_window_timer(self, windows->tick_due, NULL);
}

static weir_verdict lacks_memory(weir_stage *self) {
    return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

static weir_verdict go_on_and_arm(weir_stage *self) {
    weir_verdict verdict = weir__windows_go_on(self);
    bool armed = verdict != WEIR_CONTINUE || arm_clock(self, weir__windows_of(self));
    return armed ? verdict : lacks_memory(self);
}

/* ---- callbacks --------------------------------------------------------------- */

static weir_verdict window_events(weir_stage *self, weir_batch batch) {
    struct weir__windows *windows = weir__windows_of(self);
    bool no_memory = false;
    size_t added = add_some(self, windows, batch.events, batch.count, &no_memory);
    windows->counts.events += added;
    WEIR__VERIFY(weir__window_table_check(&windows->table));
    if (added < batch.count && (no_memory || weir_batch_rest(self, added) != WEIR_OK)) {
        return lacks_memory(self);
    }
    bool armed = arm_clock(self, windows) && arm_tick(self, windows);
    return armed ? WEIR_CONTINUE : lacks_memory(self);
}

/* The least of what all producers have said may have risen.  false: no memory. */
static bool hear_watermark(weir_stage *self, struct weir__windows *windows, uint32_t source) {
    const weir_mark mark = {
        .kind = WEIR_MARK_WATERMARK, .source = source, .value = weir_watermark(self)};
    if (mark.value <= windows->heard) {
        return true;
    }
    windows->heard = mark.value;
    if (!windows->options.processing_time) {
        windows->watermark = mark.value;
    }
    return weir__windows_order(windows, &mark);
}

static weir_verdict window_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    (void)from;
    struct weir__windows *windows = weir__windows_of(self);
    bool heard = mark->kind == WEIR_MARK_WATERMARK ? hear_watermark(self, windows, mark->source)
                                                   : weir__windows_order(windows, mark);
    return heard ? go_on_and_arm(self) : lacks_memory(self);
}

static weir_verdict window_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason) {
    (void)peer, (void)cause, (void)reason;
    bool heard = hear_watermark(self, weir__windows_of(self), 0);
    return heard ? go_on_and_arm(self) : lacks_memory(self);
}

/* One of its timers; or one that the end has brought forward, which has nothing to do. */
static weir_verdict window_info(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    struct weir__windows *windows = weir__windows_of(self);
    uint64_t now = weir_runtime_now(self->host->runtime);
    const weir_mark clock = {.source = WEIR__WINDOWS_CLOCK, .value = now};
    const weir_mark tick = {.source = WEIR__WINDOWS_TIME};
    bool noted = true;
    if (windows->clock_due <= now) {
        windows->clock_due = UINT64_MAX;
        windows->watermark = now;
        noted = weir__windows_order(windows, &clock);
    }
    if (windows->tick_due <= now) {
        windows->tick_due = UINT64_MAX;
        noted = weir__windows_order(windows, &tick) && noted;
    }
    return noted ? go_on_and_arm(self) : lacks_memory(self);
}

/* Told again, as it is behind whatever comes, it has nothing to add to an order that waits. */
static weir_verdict window_end(weir_stage *self) {
    const weir_mark end = {.source = WEIR__WINDOWS_END};
    struct weir__windows *windows = weir__windows_of(self);
    if (!windows->ends && !weir__windows_order(windows, &end)) {
        return lacks_memory(self);
    }
    windows->ends = true;
    return weir__windows_go_on(self);
}

static weir_verdict window_call(weir_stage *self, weir_from from, const void *request,
                                size_t bytes) {
    const struct weir__windows *windows = weir__windows_of(self);
    if (bytes == sizeof weir__window_question &&
        memcmp(request, weir__window_question, bytes) == 0) {
        weir_window_counts counts = windows->counts;
        counts.open = windows->table.count;
        counts.watermark = windows->watermark;
        (void)weir_reply(self->host->runtime, from, &counts, sizeof counts);
    } else {
        (void)weir_reply(self->host->runtime, from, NULL, 0);
    }
    return WEIR_CONTINUE;
}

static void window_terminate(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct weir__windows *windows = weir__windows_of(self);
    for (size_t i = 0; i < windows->table.capacity; i++) {
        struct weir__windowed *one = weir__window_at(&windows->table, i);
        if (one->state != WEIR__WINDOW_NONE) {
            weir__window_drop(windows, one);
        }
    }
    weir__window_table_close(&windows->table);
    weir__queue_close(&windows->orders, WEIR_DISCARD_STOPPED, &self->host->pool);
}

/* ---- as a part ----------------------------------------------------------------- */

static weir_holdup window_holds(const weir_stage *self) {
    return weir__windows_wait(weir__windows_of(self)) ? WEIR_HOLDUP_DEMAND : WEIR_HOLDUP_NONE;
}

static weir_verdict window_init(weir_stage *self, void *argument) {
    static const struct weir__part_calls part = {.supply = go_on_and_arm, .holds = window_holds};
    const weir_window_options *options = argument;
    struct weir__windows *windows = weir__windows_of(self);
    bool by_key = options->kind != WEIR_WINDOW_TUMBLING && options->kind != WEIR_WINDOW_SLIDING;
    windows->options = *options;
    windows->next_end = UINT64_MAX;
    windows->clock_due = UINT64_MAX;
    windows->tick_due = UINT64_MAX;
    windows->ended = options->size;
    weir__window_table_open(&windows->table, self->host->allocator, options->accumulator_bytes,
                            options->most, by_key);
    weir__queue_open(&windows->orders, self->host->allocator);
    self->part = &part;
    return WEIR_CONTINUE;
}

const weir_callbacks weir__window_callbacks = {.init = window_init,
                                               .handle_events = window_events,
                                               .handle_mark = window_mark,
                                               .handle_cancel = window_cancel,
                                               .handle_info = window_info,
                                               .handle_end = window_end,
                                               .handle_call = window_call,
                                               .terminate = window_terminate};
