/*
 * The retry stage: see retry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/retry.h"

#include "base/backoff.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "parts/aside.h"
#include "parts/behind.h"
#include "parts/middle.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "stage/keeping.h"

#include <weir/timer.h>

struct retry {
    weir_retry_options options; /* defaults filled in                               */
    struct weir__waiting waiting;
    struct weir__behind behind; /* watermarks, of what waits: with the serials of `waiting` */
    uint32_t full;              /* so many may wait for now: the limit, or what there is room for */
    bool ended;                 /* it finishes: nothing waits any more                         */
    weir_timer timer;
    uint64_t timer_ns; /* when that comes; UINT64_MAX: it is not armed             */
};

static uint64_t time_of_retry(const weir_stage *self) {
    return weir_runtime_now(self->host->runtime);
}

/* ---- out ------------------------------------------------------------------------ */

static void forget_first_waiting(weir_stage *self, struct retry *retry) {
    uint64_t serial = weir__waiting_serial(&retry->waiting);
    weir__waiting_remove(&retry->waiting);
    weir__behind_gone(self, &retry->behind, serial);
    retry->full = (uint32_t)retry->options.limit; /* there may be memory for more by now */
}

static weir_verdict send_first_waiting(weir_stage *self, struct retry *retry) {
    if (weir__aside_emit(self, weir__waiting_first(&retry->waiting)) != WEIR_OK) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    forget_first_waiting(self, retry);
    return WEIR_CONTINUE;
}

/* What is due, as far as it is asked for. */
static weir_verdict send_due_events(weir_stage *self, struct retry *retry, uint64_t now) {
    if (retry->waiting.count == 0 || weir__waiting_due(&retry->waiting) > now) {
        return WEIR_CONTINUE;
    }
    weir_asked asked = weir_open_demand(self);
    uint64_t left = asked.bytes >= self->event_bytes ? asked.events : 0;
    weir_verdict verdict = WEIR_CONTINUE;
    for (; left > 0 && verdict == WEIR_CONTINUE && retry->waiting.count > 0 &&
           weir__waiting_due(&retry->waiting) <= now;
         left--) {
        verdict = send_first_waiting(self, retry);
    }
    return verdict;
}

/* All of them, whoever asks. */
static weir_verdict send_waiting(weir_stage *self, struct retry *retry) {
    weir_verdict verdict = WEIR_CONTINUE;
    while (verdict == WEIR_CONTINUE && retry->waiting.count > 0) {
        verdict = send_first_waiting(self, retry);
    }
    return verdict;
}

static void drop_waiting(weir_stage *self, struct retry *retry) {
    const uint32_t count = retry->waiting.count;
    while (retry->waiting.count > 0) {
        weir__aside_drop(self, weir__waiting_first(&retry->waiting), WEIR_DISCARD_STOPPED);
        forget_first_waiting(self, retry);
    }
    weir__stage_keeps(self, count);
    weir__stage_loses_kept(self, count, WEIR_DISCARD_STOPPED);
}

static weir_verdict end_events_that_wait(weir_stage *self, struct retry *retry) {
    if (retry->options.at_end == WEIR_RETRY_AT_ONCE) {
        return send_waiting(self, retry);
    }
    drop_waiting(self, retry);
    return WEIR_CONTINUE;
}

/* ---- time ------------------------------------------------------------------------- */

/* For the first one, if it is not due yet.  false: no memory. */
static bool arm_for_first(weir_stage *self, struct retry *retry, uint64_t now) {
    uint64_t due = retry->waiting.count > 0 ? weir__waiting_due(&retry->waiting) : UINT64_MAX;
    if (retry->ended || due <= now || due >= retry->timer_ns) {
        return true;
    }
    weir_runtime *runtime = self->host->runtime;
    if (retry->timer_ns != UINT64_MAX) {
        weir_cancel_timer(runtime, retry->timer);
        retry->timer_ns = UINT64_MAX;
    }
    uint64_t later = time_of_retry(self); /* the timer counts from then on */
    uint64_t delay = due > later ? due - later : 0;
    if (weir_send_after(runtime, self->ref, NULL, 0, delay, &retry->timer) != WEIR_OK) {
        return false;
    }
    retry->timer_ns = due;
    return true;
}

/* What each callback leaves behind. */
static weir_verdict settle_retry(weir_stage *self, weir_verdict verdict, uint64_t now) {
    struct retry *retry = weir_state(self);
    weir__stage_keeps(self, retry->waiting.count);
    bool room = retry->ended || retry->waiting.count < retry->full;
    self->appetite = room ? WEIR__TAKES_ALL : WEIR__TAKES_NONE;
    if (verdict == WEIR_CONTINUE && !arm_for_first(self, retry, now)) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    return verdict;
}

static weir_verdict go_on_waiting(weir_stage *self) {
    struct retry *retry = weir_state(self);
    uint64_t now = time_of_retry(self);
    return settle_retry(
        self, retry->ended ? end_events_that_wait(self, retry) : send_due_events(self, retry, now),
        now);
}

/* The timer, as a rule; whatever else it is, it does no harm. */
static weir_verdict look_at_waiting(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    struct retry *retry = weir_state(self);
    if (retry->timer_ns <= time_of_retry(self)) {
        retry->timer_ns = UINT64_MAX;
    }
    return go_on_waiting(self);
}

/* ---- in ----------------------------------------------------------------------------- */

static uint64_t delay_of_event(weir_stage *self, const struct retry *retry, const void *event) {
    const weir_retry_options *options = &retry->options;
    if (options->delay != NULL) {
        return options->delay(options->context, event);
    }
    unsigned failures = options->failures != NULL ? options->failures(options->context, event) : 1;
    return weir_backoff_delay(&options->backoff, failures, weir__rng_next(&self->host->rng));
}

static weir_status put_waiting(weir_stage *self, struct retry *retry, weir_batch batch,
                               size_t index, uint64_t now) {
    struct weir__waiting *waiting = &retry->waiting;
    void *event = weir__waiting_room(waiting);
    weir_status status = weir__aside_take(self, batch, index, event);
    if (status == WEIR_OK) {
        uint64_t delay = delay_of_event(self, retry, event);
        weir__waiting_add(waiting, delay < UINT64_MAX - now ? now + delay : UINT64_MAX);
        weir__behind_came(&retry->behind);
    }
    return status;
}

static bool has_room_to_wait(weir_stage *self, struct retry *retry) {
    struct weir__waiting *waiting = &retry->waiting;
    if (waiting->count < waiting->capacity ||
        weir__waiting_grow(waiting, (uint32_t)retry->options.limit, self->host->allocator)) {
        return true;
    }
    retry->full = waiting->capacity;
    return false;
}

/* As far as there is room.  Those that go at once make some; the rest comes again. */
static weir_verdict take_as_fits(weir_stage *self, struct retry *retry, weir_batch batch,
                                 uint64_t now) {
    weir_verdict verdict = WEIR_CONTINUE;
    for (size_t i = 0; i < batch.count && verdict == WEIR_CONTINUE; i++) {
        if (!has_room_to_wait(self, retry)) {
            verdict = retry->ended ? end_events_that_wait(self, retry)
                                   : send_due_events(self, retry, now);
            if (verdict == WEIR_CONTINUE && !has_room_to_wait(self, retry)) {
                bool left = retry->waiting.count > 0 && weir_batch_rest(self, i) == WEIR_OK;
                return left ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
            }
        }
        weir_status status =
            verdict == WEIR_CONTINUE ? put_waiting(self, retry, batch, i, now) : WEIR_OK;
        verdict = status == WEIR_OK ? verdict : weir__aside_failed(self, "retry", status);
    }
    return verdict;
}

static weir_verdict take_failed(weir_stage *self, weir_batch batch) {
    struct retry *retry = weir_state(self);
    uint64_t now = time_of_retry(self);
    weir_verdict verdict = weir__aside_check(self, "retry", retry->options.type);
    verdict = verdict == WEIR_CONTINUE ? take_as_fits(self, retry, batch, now) : verdict;
    if (verdict == WEIR_CONTINUE) {
        verdict =
            retry->ended ? end_events_that_wait(self, retry) : send_due_events(self, retry, now);
    }
    return settle_retry(self, verdict, now);
}

/* A watermark is of what waits, too; what else is said is said of what comes from now on. */
static weir_verdict mark_retry(weir_stage *self, const struct weir__item *mark) {
    struct retry *retry = weir_state(self);
    if (weir__mark_in(mark).kind == WEIR_MARK_WATERMARK) {
        weir__behind_mark(self, &retry->behind, mark);
    } else {
        weir__stage_emit_mark(self, mark);
    }
    return WEIR_CONTINUE;
}

/* ---- the stage ------------------------------------------------------------------------ */

static void tell_of_retry(weir_stage *self, uint64_t count, weir_discard cause) {
    const struct retry *retry = weir_state(self);
    retry->options.discarded(retry->options.context, count, cause);
}

/* The part's: it is to finish. */
static void retry_ends(weir_stage *self) {
    struct retry *retry = weir_state(self);
    retry->ended = true;
    self->appetite = WEIR__TAKES_ALL;
    self->supply_due = true; /* what waits goes, in its next turn */
}

static void lose_waiting(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct retry *retry = weir_state(self);
    weir__behind_close(&retry->behind);
    drop_waiting(self, retry);
    weir__waiting_close(&retry->waiting, self->host->allocator);
}

static weir_verdict open_retry(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {
        .supply = go_on_waiting, .mark = mark_retry, .drained = retry_ends};
    struct retry *retry = weir_state(self);
    *retry = *(const struct retry *)argument;
    weir__behind_open(&retry->behind, self->host->allocator);
    self->part = &calls;
    self->appetite = WEIR__TAKES_ALL;
    return WEIR_CONTINUE;
}

/* ---- its options ------------------------------------------------------------------------ */

static weir_status check_delay(const weir_retry_options *options) {
    bool backs_off = options->backoff.first_ns != 0;
    if (options->delay != NULL && backs_off) {
        return weir__refuse(WEIR_INVALID, "delay and backoff.first_ns cannot both be set");
    }
    if (options->delay == NULL && !backs_off) {
        return weir__refuse(WEIR_INVALID, "delay or backoff.first_ns must be set");
    }
    if (options->failures != NULL && !backs_off) {
        return weir__refuse(WEIR_INVALID, "backoff.first_ns must be set when failures is");
    }
    return backs_off ? weir__backoff_check(&options->backoff, "backoff") : WEIR_OK;
}

static weir_status check_retry(const weir_retry_options *options) {
    if (weir__missing(options, "options") || WEIR__RESERVED_SET(options, "weir_retry_options")) {
        return WEIR_INVALID;
    }
    if (options->type != NULL && options->type->spans > 0) {
        return weir__refuse(WEIR_INVALID, "type->spans must be 0 for a retry stage, got %u",
                            options->type->spans);
    }
    if (options->limit > WEIR_RETRY_LIMIT_MAX) {
        return weir__refuse(WEIR_INVALID, "limit must be from 1 to %d, got %zu",
                            WEIR_RETRY_LIMIT_MAX, options->limit);
    }
    if ((unsigned)options->at_end > WEIR_RETRY_AT_ONCE) {
        return weir__refuse(WEIR_INVALID,
                            "at_end must be one of WEIR_RETRY_DROP, WEIR_RETRY_AT_ONCE, got %d",
                            (int)options->at_end);
    }
    return check_delay(options);
}

weir_status weir_retry_start(weir_runtime *runtime, const weir_retry_options *options,
                             weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_retry(options);
    if (status != WEIR_OK) {
        return status;
    }
    struct retry filled = {.options = *options, .timer_ns = UINT64_MAX};
    filled.options.name = NULL; /* the stage has a copy */
    filled.options.limit = options->limit != 0 ? options->limit : WEIR_RETRY_LIMIT_DEFAULT;
    filled.full = (uint32_t)filled.options.limit;
    filled.waiting.event_bytes =
        options->type != NULL ? options->type->bytes : options->event_bytes;
    const weir_stage_options stage = {
        WEIR__MIDDLE(options, "retry"),
        .event_bytes = options->event_bytes,
        .takes_bytes = filled.waiting.event_bytes,
        .type = options->type,
        .state_bytes = sizeof filled,
        .argument = &filled,
        .on = {.init = open_retry,
               .handle_events = take_failed,
               .handle_info = look_at_waiting,
               .discarded = options->discarded != NULL ? tell_of_retry : NULL,
               .terminate = lose_waiting},
    };
    return weir_stage_start(runtime, &stage, out);
}
