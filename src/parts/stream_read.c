/*
 * The stream's other side: what the reading thread does.  See stream.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/stream.h"

#include "base/refusal.h"
#include "stage/mark.h"

#include <string.h>

enum found { NOTHING, TAKEN, MARKED, OVER };

/* ---- taking batches ------------------------------------------------------ */

static bool holds_batch(const weir_stream *stream) {
    return (stream->at & 1) != 0;
}

/* The stage is gone.  Of the batch that was being read all but `unread` events have been. */
static enum found find_end(weir_stream *stream, size_t unread) {
    stream->over = true;
    if (holds_batch(stream)) {
        stream->at--;
        stream->unread = unread;
        weir__stream_part(stream);
    }
    return OVER;
}

/* False: the stage has closed it. */
static bool move_position(weir_stream *stream, uint64_t to) {
    uint64_t from = stream->at;
    if (!weir__cas_u64(&stream->position, &from, to)) { /* J1 -> J2, J5 -> J6, J7 -> J8 */
        return false;
    }
    stream->at = to;
    return true;
}

static bool closed(const weir_stream *stream) {
    uint64_t position = weir__load_acquire_u64(&stream->position); /* J7 -> J8 */
    return (position & WEIR__STREAM_CLOSED) != 0;
}

/* True when `take` would find something.  Behind a dark lamp (J3 -> J4), for certain. */
static bool has_something(const weir_stream *stream) {
    return !weir__ring_empty(&stream->ring) || closed(stream);
}

static const unsigned char *events_in_hand(const weir_stream *stream) {
    const struct weir__entry *batch = &stream->in_hand;
    return (batch->flags & WEIR__STREAM_INLINE) != 0
               ? batch->events
               : weir__block_at(batch->block, batch->first, (uint32_t)stream->event_bytes);
}

/* Is through with the batch it holds, if any, and takes the next. */
static enum found take_entry(weir_stream *stream) {
    bool more = !weir__ring_empty(&stream->ring);
    if (stream->over || (!more && !holds_batch(stream) && closed(stream))) {
        return find_end(stream, 0);
    }
    if (!more && !holds_batch(stream)) {
        return NOTHING;
    }
    bool tell = holds_batch(stream) && (stream->in_hand.flags & WEIR__STREAM_TELL) != 0;
    stream->unreported = stream->unreported || holds_batch(stream);
    uint64_t back = (stream->at + 1) & ~UINT64_C(1); /* what it holds is back */
    if (!move_position(stream, more ? back + 1 : back)) {
        return find_end(stream, 0);
    }
    if (tell) {
        stream->unreported = false;
        weir__quay_poke(&stream->quay); /* J1 -> J2 */
    }
    if (!more) {
        return NOTHING;
    }
    weir__ring_pop(&stream->ring, &stream->in_hand);
    stream->left = stream->in_hand.count;
    if (weir__entry_is_mark(&stream->in_hand)) {
        stream->at_mark = true;
        return MARKED;
    }
    stream->next_event = events_in_hand(stream);
    return TAKEN;
}

/* Before it waits, or says that there is nothing: the stage knows all. */
static void report(weir_stream *stream) {
    if (stream->unreported) {
        stream->unreported = false;
        weir__quay_poke(&stream->quay); /* J1 -> J2 */
    }
}

/* ---- waiting ------------------------------------------------------------- */

static bool something_has_come(void *waiter) {
    return has_something(waiter); /* J3 -> J4 */
}

static void report_before_sleep(void *waiter) {
    report(waiter);
}

static weir_status doze_at_stream(weir_stream *stream, uint64_t timeout_ns) {
    static const struct weir__doze until_something = {.what = "a stream's events",
                                                      .turns = 1,
                                                      .come = something_has_come,
                                                      .lies_down = report_before_sleep};
    uint64_t deadline = weir__quay_deadline(&stream->quay, timeout_ns);
    return weir__quay_doze(&stream->quay, &stream->asleep, &until_something, stream, deadline);
}

/* TIMEOUT: from now on the lamp says when there is something. */
static enum found give_up(weir_stream *stream) {
    report(stream);
    if (!weir__lamp_is_open(&stream->lamp)) {
        return NOTHING;
    }
    weir__lamp_darken(&stream->lamp); /* J3 -> J4 */
    if (!has_something(stream)) {
        return NOTHING;
    }
    weir__lamp_light(&stream->lamp); /* it has found something itself */
    return take_entry(stream);
}

/* The next batch is at hand with WEIR_OK. */
static weir_status fetch(weir_stream *stream, uint64_t timeout_ns) {
    enum found found = stream->at_mark ? MARKED : take_entry(stream);
    if (found == NOTHING && timeout_ns > 0) {
        weir_status status = doze_at_stream(stream, timeout_ns);
        if (status == WEIR_WRONG_THREAD) {
            report(stream);
            return status;
        }
        found = take_entry(stream);
    }
    if (found == NOTHING) {
        found = give_up(stream);
    }
    static const weir_status statuses[] = {
        [NOTHING] = WEIR_TIMEOUT, [TAKEN] = WEIR_OK, [MARKED] = WEIR_AT_MARK, [OVER] = WEIR_END};
    return statuses[found];
}

/* ---- the calls ----------------------------------------------------------- */

static inline void pass_event(weir_stream *stream) {
    stream->next_event += stream->event_bytes;
    stream->left--;
}

weir_status weir_stream_next(weir_stream *stream, void *event, uint64_t timeout_ns) {
    if (weir__missing(stream, "stream") || weir__missing(event, "event")) {
        return WEIR_INVALID;
    }
    if (stream->left == 0) {
        weir_status status = fetch(stream, timeout_ns);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (WEIR__LIKELY(stream->event_bytes == sizeof(uint64_t))) {
        memcpy(event, stream->next_event, sizeof(uint64_t)); /* one load, one store */
    } else {
        memcpy(event, stream->next_event, stream->event_bytes);
    }
    pass_event(stream);
    return WEIR_OK;
}

static weir_status refuse_take(weir_status status, const struct weir__entry *batch) {
    bool owning = (batch->flags & WEIR__OWNING) != 0;
    const char *why = !owning                        ? "it owns nothing: weir_stream_next copies it"
                      : batch->block->lender != NULL ? "its payload stays with weir: copy it"
                      : status == WEIR_INVALID       ? "others have it, and its type cannot copy it"
                                                     : "others have it, and its type made no copy";
    return weir__refuse(status, "the stream's next event cannot be taken: %s", why);
}

/* The batch is lent, and the event's word with it: `position` orders the mark left there. */
weir_status weir_stream_take(weir_stream *stream, void *event, uint64_t timeout_ns) {
    if (weir__missing(stream, "stream") || weir__missing(event, "event")) {
        return WEIR_INVALID;
    }
    weir_status status = stream->left == 0 ? fetch(stream, timeout_ns) : WEIR_OK;
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir__entry *batch = &stream->in_hand;
    if ((batch->flags & WEIR__OWNING) == 0 || batch->block->lender != NULL) {
        return refuse_take(WEIR_INVALID, batch);
    }
    uint32_t index = batch->first + batch->count - (uint32_t)stream->left;
    status = weir__owned_take(batch->block, index, 1, event, NULL);
    if (status != WEIR_OK) {
        return refuse_take(status, batch);
    }
    pass_event(stream);
    return WEIR_OK;
}

weir_batch weir_stream_batch(weir_stream *stream, size_t most, uint64_t timeout_ns,
                             weir_status *status) {
    weir_status found = weir__missing(stream, "stream") ? WEIR_INVALID : WEIR_OK;
    if (found == WEIR_OK && stream->left == 0) {
        found = fetch(stream, timeout_ns);
    }
    if (status != NULL) {
        *status = found;
    }
    if (found != WEIR_OK) {
        return (weir_batch){0};
    }
    weir_batch batch = {.events = stream->next_event,
                        .count = most == 0 || most > stream->left ? stream->left : most};
    stream->next_event += batch.count * stream->event_bytes;
    stream->left -= batch.count;
    return batch;
}

weir_status weir_stream_mark(weir_stream *stream, weir_mark *mark) {
    if (weir__missing(stream, "stream") || weir__missing(mark, "mark")) {
        return WEIR_INVALID;
    }
    if (!stream->at_mark) {
        return weir__refuse(WEIR_INVALID, "the stream is at no mark: weir_stream_next, take or "
                                          "batch say WEIR_AT_MARK where one is");
    }
    const struct weir__item item = weir__entry_mark(&stream->in_hand);
    *mark = weir__mark_in(&item);
    stream->at_mark = false;
    return WEIR_OK;
}

weir_subscription weir_stream_subscription(const weir_stream *stream) {
    weir_subscription from = {0};
    if (!weir__missing(stream, "stream")) {
        memcpy(&from, stream->in_hand.events + WEIR__STREAM_INLINE_BYTES, sizeof from);
    }
    return from;
}

/* Readable until the first TIMEOUT has made sure, unless there is nothing. */
weir_status weir_stream_fd(weir_stream *stream, int *out) {
    if (weir__missing(stream, "stream") || weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    bool open = weir__lamp_is_open(&stream->lamp);
    weir_status status = weir__lamp_open(&stream->lamp, out); /* J3 -> J4 */
    if (status == WEIR_OK && !open &&
        (stream->left > 0 || stream->at_mark || has_something(stream))) {
        weir__lamp_light(&stream->lamp);
    }
    return status;
}

weir_reason weir_stream_reason(const weir_stream *stream) {
    if (weir__missing(stream, "stream")) {
        return WEIR_REASON_NORMAL;
    }
    return stream->over ? stream->reason : WEIR_REASON_NORMAL;
}

void weir__stream_quit(weir_stream *stream) {
    size_t unread = stream->left;
    uint64_t to = stream->at;
    if (holds_batch(stream) && unread == 0) {
        to++;
    }
    if (stream->over) {
        return;
    }
    stream->unread = unread;
    if (move_position(stream, to | WEIR__STREAM_QUIT)) {
        weir__quay_poke(&stream->quay);
    } else {
        find_end(stream, unread);
    }
}
