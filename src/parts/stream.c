/*
 * The stream: a consumer stage whose batches a foreign thread takes.  See stream.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * This file is the stage's side, on its worker; stream_open.c opens one,
 * stream_read.c is the reader's, and stream_close.c tells how one goes.
 */
#include "parts/stream.h"

#include "base/check.h"
#include "stage/control.h"
#include "stage/ending.h"
#include "stage/keeping.h"
#include "stage/subscription.h"

#include <string.h>

enum { TELL_AT_LEAST = WEIR__STREAM_ENTRIES / 4 };

void weir__stream_wake(weir_stream *stream) {
    weir__fence_full(); /* J3 -> J4 */
    weir__lamp_tell(&stream->lamp);
    weir__berth_wake(&stream->asleep, 1);
}

static weir_stream *stream_of(weir_stage *self) {
    return *(weir_stream **)weir_state(self);
}

/* ---- lending ------------------------------------------------------------- */

/* The batch as it lies; or a copy of it beside the id, if it is small and owns nothing. */
static void fill_events(struct weir__entry *slot, const struct weir__item *item) {
    const struct weir__edge *edge = item->owner;
    size_t bytes = (size_t)item->count * item->event_bytes;
    memcpy(slot->events + WEIR__STREAM_INLINE_BYTES, &edge->id, sizeof edge->id);
    if (bytes <= WEIR__STREAM_INLINE_BYTES && (item->flags & WEIR__OWNING) == 0) {
        const void *events = weir__block_at(item->block, item->first, item->event_bytes);
        memcpy(slot->events, events, bytes);
        slot->flags |= WEIR__STREAM_INLINE;
    }
}

static void fill_stream_slot(struct weir__entry *slot, const struct weir__item *item) {
    if ((item->flags & WEIR__MARK) != 0) {
        static const weir_subscription nobodys;
        weir__entry_put(slot, item);
        memcpy(slot->events + WEIR__STREAM_INLINE_BYTES, &nobodys, sizeof nobodys);
        return;
    }
    slot->block = item->block;
    slot->first = item->first;
    slot->count = item->count;
    slot->flags = (uint16_t)(item->flags & WEIR__OWNING);
    slot->event_bytes_less_1 = (uint16_t)(item->event_bytes - 1);
    fill_events(slot, item);
}

/* An entry for each batch, or mark, that has none yet, as far as the ring has room. */
static bool fill_entry(weir_stream *stream, weir_stage *self) {
    const struct weir__queue *lent = &self->lent;
    bool any = false;
    for (; stream->given < lent->count; stream->given++) {
        const struct weir__item *item = weir__queue_at(lent, stream->given);
        if (weir__item_is_ask(item)) {
            continue;
        }
        struct weir__entry *slot = weir__ring_reserve(&stream->ring);
        if (slot == NULL) {
            break;
        }
        bool tell = weir__stage_lent_asks(self, stream->given) || ++stream->untold == TELL_AT_LEAST;
        stream->untold = tell ? 0 : stream->untold;
        fill_stream_slot(slot, item);
        slot->flags |= tell ? WEIR__STREAM_TELL : 0u;
        weir__ring_commit(&stream->ring, slot);
        any = true;
    }
    return any;
}

/* What the reader is through with, as `position` tells. */
static void take_back_read(weir_stream *stream, weir_stage *self, uint64_t position) {
    uint64_t back = (position & WEIR__STREAM_MOVES) / 2;
    while (stream->back < back) {
        stream->given -= weir__stage_lent_back(self);
        stream->back++;
    }
    WEIR__VERIFY(weir__stream_check(stream, self, position));
}

static void lend(weir_stage *self) {
    weir_stream *stream = stream_of(self);
    take_back_read(stream, self, weir__load_acquire_u64(&stream->position)); /* J5 -> J6 */
    if (fill_entry(stream, self)) {
        weir__stream_wake(stream);
    }
    uint32_t waiting = self->lent.count - stream->given;
    if (waiting > 0) { /* without an entry: the batch just lent, and the ask behind it */
        weir__stage_unpin(self, &self->lent, waiting < 2 ? waiting : 2);
    }
}

/*
 * The reader is amid a batch and reads it on: the rest of that, and what came behind it by
 * its subscription, goes back when the reader is through.  Without memory the batch does not.
 */
static void leave_to_reader(weir_stage *self, weir_stream *stream) {
    struct weir__edge *edge = weir__queue_at(&self->lent, 0)->owner;
    if (edge != NULL && weir__queue_reserve(&edge->returned, 1)) { /* a mark is nobody's */
        stream->amid = edge;
        self->amid = edge;
        return;
    }
    weir__queue_pop(&self->lent); /* with its reference, the reader's */
    weir__stream_part(stream);
}

static void producers_left(weir_stage *self) {
    weir__stream_part(stream_of(self));
}

/* A watermark takes the place of the one before it, unless that is the reader's already. */
static weir_verdict mark_lent(weir_stage *self, const struct weir__item *mark) {
    const weir_stream *stream = stream_of(self);
    struct weir__item nobodys = *mark;
    nobodys.owner = NULL;
    weir__stage_lend_mark(self, &nobodys, stream->given == self->lent.count);
    return WEIR_CONTINUE;
}

/* The stage ends.  What the reader has not begun stays lent, and goes back. */
static void recall(weir_stage *self) {
    weir_stream *stream = stream_of(self);
    struct weir__queue *lent = &self->lent;
    stream->reason = self->reason;
    self->ready->watched = false;
    uint64_t position = weir__exchange_u64(&stream->position, WEIR__STREAM_CLOSED);
    /* J5 -> J6, J7 -> J8 */
    take_back_read(stream, self, position);
    if ((position & 1) != 0 && (position & WEIR__STREAM_QUIT) != 0) {
        weir__stage_lent_part(self, weir__queue_at(lent, 0)->count - stream->unread);
    } else if ((position & 1) != 0) {
        leave_to_reader(self, stream);
    }
    weir__stream_wake(stream);
}

/* ---- callbacks ----------------------------------------------------------- */

/* Subscribed to all: the demand mode goes to the producers, behind that. */
static void send_modes(weir_stream *stream) {
    while (stream->modes != NULL) {
        struct weir__mail *mail = stream->modes;
        stream->modes = mail->next;
        weir__mail_send(&weir__runtime_worker(stream->quay.runtime, mail->to)->bell, mail);
    }
}

static bool none_left(const weir_stage *self, const weir_stream *stream) {
    return stream->subscribed && stream->opened && self->producers == NULL &&
           stream->arrived == weir__load_relaxed_u32(&stream->requested);
}

/* There is nothing more to read: the reader has quit, or no subscription is left. */
static bool done(const weir_stage *self, const weir_stream *stream, uint64_t position) {
    return (position & WEIR__STREAM_QUIT) != 0 || none_left(self, stream);
}

static bool look_at_position(weir_stage *self) {
    weir_stream *stream = stream_of(self);
    uint64_t position = weir__load_acquire_u64(&stream->position); /* J5 -> J6 */
    if (done(self, stream, position)) {
        bool quit = (position & WEIR__STREAM_QUIT) != 0;
        self->stopping = true;
        self->reason = quit ? WEIR_REASON_NORMAL : stream->last;
        return true;
    }
    if ((position & WEIR__STREAM_MOVES) / 2 == stream->back) {
        return false;
    }
    take_back_read(stream, self, position);
    if (fill_entry(stream, self)) {
        weir__stream_wake(stream);
    }
    return true;
}

/* `look` acquires it. */
static bool stream_news(weir_stage *self) {
    weir_stream *stream = stream_of(self);
    uint64_t position = weir__load_relaxed_u64(&stream->position);
    return done(self, stream, position) || (position & WEIR__STREAM_MOVES) / 2 != stream->back;
}

static bool stream_rests(weir_stage *self) {
    return weir__quay_rest(&stream_of(self)->quay, WEIR__POKED_COLD, self,
                           stream_news); /* J1 -> J2 */
}

static weir_verdict stream_poked(weir_stage *self) {
    weir_stream *stream = stream_of(self);
    stream->opened = true;
    weir__quay_watch(self);
    send_modes(stream);
    weir__quay_release(&stream->quay, 1); /* the poke's */
    return WEIR_CONTINUE;
}

/* Only a consumer that lends nothing is ever handed events. */
static weir_verdict stream_events(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
}

static weir_subscribe_verdict stream_subscribed(weir_stage *self, const weir_peer *peer) {
    weir_stream *stream = stream_of(self);
    struct weir__edge *edge = weir__stage_find(self, peer->subscription);
    if (edge != NULL) {
        weir__quay_inherit(&stream->quay, edge);
        stream->arrived += edge->counted;
    }
    stream->subscribed = true;
    return WEIR_AUTOMATIC;
}

static weir_verdict stream_cancelled(weir_stage *self, const weir_peer *peer,
                                     weir_cancel_cause cause, weir_reason reason) {
    (void)cause;
    weir_stream *stream = stream_of(self);
    bool bad = reason == WEIR_REASON_BAD_OPTIONS; /* which the reader wants to know */
    stream->last = bad ? reason : WEIR_REASON_NORMAL;
    if (weir__stage_stops(peer->options->cancel, reason) || !none_left(self, stream)) {
        return WEIR_CONTINUE;
    }
    return weir_stop_with(self, stream->last);
}

static void stream_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    weir__quay_discarded(&stream_of(self)->quay, self->name, count, cause);
}

static void stream_terminate(weir_stage *self, weir_reason reason) {
    (void)reason;
    weir_stream *stream = stream_of(self);
    weir__stream_drop_modes(stream);
    weir__quay_release(&stream->quay, 1); /* the stage's */
}

static weir_verdict stream_init(weir_stage *self, void *argument) {
    const weir_stream *stream = argument;
    static const struct weir__part_calls without = {.poke = stream_poked,
                                                    .look = look_at_position,
                                                    .rest = stream_rests,
                                                    .lend = lend,
                                                    .recall = recall,
                                                    .left = producers_left};
    static const struct weir__part_calls with_marks = {.poke = stream_poked,
                                                       .mark = mark_lent,
                                                       .look = look_at_position,
                                                       .rest = stream_rests,
                                                       .lend = lend,
                                                       .recall = recall,
                                                       .left = producers_left};
    self->part = stream->marks ? &with_marks : &without;
    return WEIR_CONTINUE;
}

const weir_callbacks weir__stream_callbacks = {
    .init = stream_init,
    .handle_events = stream_events,
    .handle_subscribe = stream_subscribed,
    .handle_cancel = stream_cancelled,
    .discarded = stream_discarded,
    .terminate = stream_terminate,
};

#if WEIR__CHECKED
void weir__stream_check(const weir_stream *stream, const weir_stage *self, uint64_t position) {
    const struct weir__queue *lent = &self->lent;
    WEIR__CHECK(stream->given <= lent->count);
    WEIR__CHECK(stream->back == (position & WEIR__STREAM_MOVES) / 2);
    bool batch = stream->given > 0 && !weir__item_is_ask(weir__queue_at(lent, 0));
    WEIR__CHECK((position & 1) == 0 || batch); /* it is amid the first one */
    WEIR__CHECK(stream->given == 0 || batch);
}
#endif
