/*
 * Payload: events that begin with spans, and the bytes that those point at.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The fixed parts of such events lie in a block like any others; the bytes of their spans lie in
 * another one, which that block's `lender` is, one after the other in the order of emission. A
 * block of events has one lender, and holds it until it goes home: no event is counted, or
 * allocated, for its payload. Payload is copied there, or read into it where it will lie
 * (weir_reserve_bytes), or it lies in the input's own lender, which is then lent on
 * (weir_emit_slices): whoever gets such events shares those bytes with others, so they are
 * flagged as aliased, and so is the input.
 *
 * A stage fills one pair after another; while all that it emitted has come back, the same
 * one from its start.
 */
#include "base/attributes.h"
#include "base/refusal.h"
#include "memory/pool.h"
#include "memory/spans.h"
#include "stage/keeping.h"
#include "stage/stage.h"

#include <string.h>

enum { FIXED_BYTES = 16384, PAYLOAD_FIRST_BYTES = 4096, PAYLOAD_BYTES = WEIR__BLOCK_BYTES_MAX };

/* ---- the pair that is filled ------------------------------------------------ */

static void close_block(weir_stage *stage, struct weir__block **block) {
    if (*block != NULL) {
        weir__block_close(*block, &stage->host->pool);
        *block = NULL;
    }
}

/* A block of events that have all come back is filled from its start, whoever its lender is. */
static void begin_fixed_anew(weir_stage *stage) {
    struct weir__block *fixed = stage->open;
    if (fixed == NULL || !weir__block_idle(fixed)) {
        return;
    }
    fixed->used = 0;
    if (fixed->lender != NULL) {
        weir__block_drop(fixed->lender, &stage->host->pool);
        fixed->lender = NULL;
    }
}

/* The same of payload, which those events may have been the last to hold. */
static void begin_anew(weir_stage *stage) {
    struct weir__block *payload = stage->payload;
    begin_fixed_anew(stage);
    if (payload != NULL && weir__block_idle(payload)) {
        payload->used = 0;
    }
}

/* Room for so many bytes side by side, behind what the payload has. */
static struct weir__block *open_payload(weir_stage *stage, size_t bytes) {
    struct weir__block *payload = stage->payload;
    if (payload != NULL && payload->capacity - payload->used >= bytes) {
        return payload;
    }
    size_t fresh = payload == NULL ? PAYLOAD_FIRST_BYTES : PAYLOAD_BYTES;
    close_block(stage, &stage->payload);
    stage->payload = weir__pool_get(&stage->host->pool, 1, NULL, fresh > bytes ? fresh : bytes);
    return stage->payload;
}

/*
 * For how many events the next block is: twice those of one whose lender had no more, so that few
 * events of many lenders take little; and as many as are good for a block that was full.
 */
static uint64_t events_of_next(const weir_stage *stage, bool other) {
    uint64_t most = FIXED_BYTES / (stage->event_bytes + WEIR__OWNED_WORD_BYTES);
    uint64_t twice = other ? 2 * (uint64_t)stage->open->used : most;
    return twice < most ? twice : most > 0 ? most : 1;
}

/* Room for an event or more whose payload is in that block. */
static struct weir__block *open_fixed(weir_stage *stage, struct weir__block *lender) {
    begin_fixed_anew(stage);
    struct weir__block *fixed = stage->open;
    bool other = fixed != NULL && fixed->lender != NULL && fixed->lender != lender;
    if (fixed == NULL || other || fixed->used == fixed->capacity) {
        uint64_t events = events_of_next(stage, other);
        close_block(stage, &stage->open);
        fixed = stage->open =
            weir__pool_get(&stage->host->pool, (uint32_t)stage->event_bytes, stage->type, events);
    }
    if (fixed != NULL && fixed->lender == NULL) {
        fixed->lender = lender;
        weir__block_hold(lender, &stage->host->pool);
    }
    return fixed;
}

/* ---- emitting ------------------------------------------------------------------ */

/* The events so far are as they were. */
static WEIR__NOINLINE void take_back(weir_stage *stage, uint64_t before) {
    weir__stage_end_strip(stage);
    weir__stage_unemit(stage, before);
}

static weir_status refuse_memory(const weir_stage *stage) {
    return weir__refuse(WEIR_NO_MEMORY, "no memory for events of %zu bytes and their payload",
                        stage->event_bytes);
}

/*
 * As of flat events (emit.c), the first one of a callback opens a strip, the rest of the open
 * block, of which block and emission learn when it is closed.  Its `room` stays 0, so that
 * weir_emit comes here for each: there is the payload, too.  While it is open, the stage may emit.
 */
static WEIR__NOINLINE weir_status open_spans(weir_stage *stage, size_t bytes, size_t number) {
    if (!weir__stage_can_emit(stage)) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot emit events here", stage->name);
    }
    if (bytes > weir__payload_limit(stage->type)) {
        return weir__refuse(WEIR_INVALID,
                            "stage %s: event %zu has spans of %zu bytes, its type's payload_limit "
                            "is %zu",
                            stage->name, number, bytes, weir__payload_limit(stage->type));
    }
    weir__stage_end_strip(stage);
    begin_anew(stage);
    struct weir__block *payload =
        weir__queue_reserve(&stage->emission, 1) ? open_payload(stage, bytes) : NULL;
    struct weir__block *fixed = payload == NULL ? NULL : open_fixed(stage, payload);
    if (fixed == NULL) {
        return refuse_memory(stage);
    }
    stage->strip = (struct weir__strip){.to = weir__block_event(fixed, fixed->used)};
    return WEIR_OK;
}

/*
 * Writes as many of the events to the open strip as there is room for, and returns how many.
 * spans: the type's, a constant where it may be one.
 */
static inline size_t fill_strip(weir_stage *stage, const unsigned char *event, size_t count,
                                unsigned spans) {
    struct weir__strip *strip = &stage->strip;
    struct weir__block *payload = stage->payload;
    if (strip->to == NULL) {
        return 0;
    }
    const size_t bytes = stage->event_bytes;
    const size_t limit = weir__payload_limit(stage->type);
    const size_t free_events = stage->open->capacity - stage->open->used - strip->count;
    const size_t most = count < free_events ? count : free_events;
    unsigned char *to = strip->to;
    char *at = weir__block_at(payload, payload->used, 1);
    size_t room = payload->capacity - payload->used;
    for (count = 0; count < most; count++, event += bytes, to += bytes) {
        size_t length = weir__spans_bytes(spans, event);
        if (length > room || length > limit) {
            break;
        }
        weir__spans_write(spans, bytes, event, to, at);
        at += length;
        room -= length;
    }
    payload->used = payload->capacity - (uint32_t)room;
    strip->to = to;
    strip->count += count;
    return count;
}

static WEIR__NOINLINE weir_status emit_run(weir_stage *stage, const void *events, size_t count) {
    const unsigned char *event = events;
    const unsigned spans = stage->type->spans;
    uint64_t before = stage->emission.events + (stage->strip.to != NULL ? stage->strip.count : 0);
    for (size_t done = 0;;) {
        done += spans == 1 ? fill_strip(stage, event, count - done, 1)
                           : fill_strip(stage, event, count - done, spans);
        if (WEIR__LIKELY(done == count)) {
            return WEIR_OK;
        }
        event = (const unsigned char *)events + done * stage->event_bytes;
        weir_status status = open_spans(stage, weir__spans_bytes(spans, event), done);
        if (status != WEIR_OK) {
            take_back(stage, before);
            return status;
        }
    }
}

/*
 * The same for the most common, one event that is one span and nothing else.  Its payload is
 * copied last, so that no register is saved for what comes behind.
 */
static inline bool fill_with_one(weir_stage *stage, const weir_bytes *event) {
    struct weir__strip *strip = &stage->strip;
    struct weir__block *payload = stage->payload;
    const uint32_t length = event->count;
    if (strip->to == NULL || stage->event_bytes != sizeof *event ||
        strip->count == stage->open->capacity - stage->open->used ||
        length > payload->capacity - payload->used || length > weir__payload_limit(stage->type)) {
        return false;
    }
    const char *from = event->at;
    char *at = weir__block_at(payload, payload->used, 1);
    weir_bytes *to = (weir_bytes *)(void *)strip->to;
    payload->used += length;
    strip->to += sizeof *event;
    strip->count++;
    *to = (weir_bytes){.at = at, .count = length};
    if (length > 0) {
        memcpy(at, from, length);
    }
    return true;
}

weir_status weir__stage_emit_spans(weir_stage *stage, const void *events, size_t count) {
    stage->reserved = 0;
    return count == 1 && fill_with_one(stage, events) ? WEIR_OK : emit_run(stage, events, count);
}

/* ---- bytes that are written where they will lie ------------------------------------ */

weir_room weir_reserve_bytes(weir_stage *self, size_t least) {
    if (weir__self_unfit(self)) {
        return (weir_room){0};
    }
    weir__stage_end_strip(self);
    self->reserved = 0;
    if (!weir__stage_can_emit(self) || !weir__stage_has_spans(self)) {
        weir__refuse(WEIR_INVALID, "stage %s cannot emit here, or its events have no spans",
                     self->name);
        return (weir_room){0};
    }
    if (least == 0 || least > weir__payload_limit(self->type)) {
        weir__refuse(WEIR_INVALID, "least must be from 1 to %zu (payload_limit), got %zu",
                     weir__payload_limit(self->type), least);
        return (weir_room){0};
    }
    begin_anew(self);
    struct weir__block *payload = open_payload(self, least);
    if (payload == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for %zu bytes of payload", least);
        return (weir_room){0};
    }
    self->reserved = payload->capacity - payload->used;
    return (weir_room){.events = weir__block_event(payload, payload->used),
                       .count = self->reserved};
}

/* Every event's payload is within the type's limit; else which is not. */
static size_t short_enough(const weir_event_type *type, const void *events, size_t count) {
    const unsigned char *event = events;
    size_t i = 0;
    while (i < count && weir__spans_bytes(type->spans, event) <= weir__payload_limit(type)) {
        event += type->bytes;
        i++;
    }
    return i;
}

/* Whether some spans may share bytes: they do not rise. */
static bool may_overlap(const weir_event_type *type, const void *events, size_t count) {
    const unsigned char *event = events;
    uintptr_t end = 0;
    for (size_t i = 0; i < count; i++, event += type->bytes) {
        const weir_bytes *spans = (const weir_bytes *)(const void *)event;
        for (unsigned k = 0; k < type->spans; k++) {
            if (spans[k].count > 0 && (uintptr_t)spans[k].at < end) {
                return true;
            }
            end = spans[k].count > 0 ? (uintptr_t)spans[k].at + spans[k].count : end;
        }
    }
    return false;
}

/* Events whose spans lie in `bytes` bytes from `at` on; else the first that does not. */
static size_t within(const weir_event_type *type, const void *events, size_t count, const char *at,
                     size_t bytes) {
    const unsigned char *event = events;
    for (size_t i = 0; i < count; i++, event += type->bytes) {
        const weir_bytes *spans = (const weir_bytes *)(const void *)event;
        for (unsigned k = 0; k < type->spans; k++) {
            size_t from = (size_t)((uintptr_t)spans[k].at - (uintptr_t)at);
            if (spans[k].count > 0 && (from > bytes || spans[k].count > bytes - from)) {
                return i;
            }
        }
    }
    return count;
}

/* NULL: events whose spans lie where they may. */
static const char *why_not(const weir_event_type *type, const void *events, size_t count,
                           const char *at, size_t bytes, size_t *number) {
    *number = short_enough(type, events, count);
    if (*number < count) {
        return "has more than its type's payload_limit";
    }
    *number = within(type, events, count, at, bytes);
    return *number < count ? "has a span that is not in that payload" : NULL;
}

/* Events as they are, whose payload is in `lender`. */
static bool append_fixed(weir_stage *stage, const unsigned char *events, size_t count,
                         struct weir__block *lender, uint32_t flags) {
    while (count > 0) {
        struct weir__block *fixed =
            weir__queue_reserve(&stage->emission, 1) ? open_fixed(stage, lender) : NULL;
        if (fixed == NULL) {
            return false;
        }
        size_t room = fixed->capacity - fixed->used;
        size_t part = count < room ? count : room;
        memcpy(weir__block_event(fixed, fixed->used), events, part * stage->event_bytes);
        weir__stage_append(stage, (uint32_t)part, flags);
        events += part * stage->event_bytes;
        count -= part;
    }
    return true;
}

weir_status weir_commit_bytes(weir_stage *self, size_t used, const void *events, size_t count) {
    if (weir__self_unfit(self) || (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    if (!weir__stage_can_emit(self) || !weir__stage_has_spans(self) || used > self->reserved) {
        return weir__refuse(WEIR_INVALID, "used must be at most the bytes reserved, %zu, got %zu",
                            weir__stage_has_spans(self) ? self->reserved : 0, used);
    }
    if (self->reserved == 0) {
        return count == 0 ? WEIR_OK
                          : weir__refuse(WEIR_INVALID,
                                         "stage %s has reserved no bytes for %zu "
                                         "events",
                                         self->name, count);
    }
    struct weir__block *payload = self->payload;
    size_t number;
    const char *why = why_not(self->type, events, count, weir__block_event(payload, payload->used),
                              used, &number);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID, "event %zu of %zu bytes used %s", number, used, why);
    }
    uint64_t before = self->emission.events;
    uint32_t flags = may_overlap(self->type, events, count) ? WEIR__ALIASED : 0;
    if (!append_fixed(self, events, count, payload, WEIR__OWNING | flags)) {
        take_back(self, before);
        return refuse_memory(self);
    }
    payload->used += (uint32_t)used;
    self->reserved = 0;
    return WEIR_OK;
}

/* ---- slices of the input -------------------------------------------------------------- */

/* Why there is no input to lend on; NULL: there is. */
static const char *unsliceable(const weir_stage *self, const struct weir__item *item) {
    if (!weir__stage_can_emit(self) || !weir__stage_has_spans(self)) {
        return "it cannot emit events with spans here";
    }
    if (item == NULL || item->block == NULL || item->block->lender == NULL) {
        return "no batch with spans is at hand";
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return "the batch was forwarded";
    }
    return (item->flags & WEIR__STASHED) != 0 ? "some of the batch is in the stash" : NULL;
}

weir_status weir_emit_slices(weir_stage *self, const void *events, size_t count) {
    if (weir__self_unfit(self) || (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    struct weir__item *item = weir__stage_batch(self);
    const char *why = unsliceable(self, item);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot emit slices: %s", self->name, why);
    }
    if (count == 0) {
        return WEIR_OK;
    }
    weir__stage_end_strip(self);
    self->reserved = 0;
    struct weir__block *lender = item->block->lender;
    size_t number;
    why = why_not(self->type, events, count, weir__block_event(lender, 0),
                  lender->bytes - WEIR__BLOCK_HEADER_BYTES, &number);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID, "event %zu %s", number, why);
    }
    uint64_t before = self->emission.events;
    if (!append_fixed(self, events, count, lender, WEIR__OWNING | WEIR__ALIASED)) {
        take_back(self, before);
        return refuse_memory(self);
    }
    item->flags |= WEIR__ALIASED; /* who owns it now writes to a copy */
    self->emits |= WEIR__EMITS_SLICES;
    return WEIR_OK;
}

/* A few bytes of a long input would keep all of it, as long as nobody comes to them. */
void weir__stage_settle_slices(weir_stage *stage) {
    for (uint32_t i = 0; i < stage->emission.count; i++) {
        struct weir__item *item = weir__queue_at(&stage->emission, i);
        if ((item->flags & WEIR__ALIASED) != 0 && item->block->lender != NULL &&
            item->block->lender != stage->payload) {
            weir__stage_unpin_item(stage, item);
        }
    }
}
