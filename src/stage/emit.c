/*
 * Emitting: from a callback to the dispatcher or the buffer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage fills one block after another.  What a callback emits gathers in
 * `emission` as slices and is dispatched as a whole when it returns.  A block
 * of which every slice has come back to this worker is filled again from its
 * start: stages of one worker so live in the nearest cache.
 */
#include "base/check.h"
#include "base/probe.h"
#include "base/refusal.h"
#include "memory/pool.h"
#include "stage/ending.h"
#include "stage/keeping.h"
#include "stage/mark.h"
#include "stage/stage.h"

#include <string.h>

/* A stage begins with small blocks, and takes large ones once it fills them. */
enum { FIRST_BLOCK_BYTES = 4096, BLOCK_BYTES = WEIR__BLOCK_BYTES_MAX };

static void close_open_block(weir_stage *stage) {
    if (stage->open != NULL) {
        weir__block_close(stage->open, &stage->host->pool);
        stage->open = NULL;
    }
}

/* Room in the open block, in events; all of it once no slice of it is alive. */
static inline size_t room_in(struct weir__block *block) {
    if (weir__block_idle(block)) {
        block->used = 0;
    }
    return block->capacity - block->used;
}

/* The block to fill next, with room for `want` events, or as many as a block holds. */
static struct weir__block *open_block(weir_stage *stage, size_t want) {
    struct weir__block *block = stage->open;
    if (block != NULL && room_in(block) >= want) {
        return block;
    }
    size_t limit = BLOCK_BYTES / stage->event_bytes;
    if (want > limit) {
        want = limit;
    }
    if (block != NULL && block->capacity - block->used >= want) {
        return block;
    }
    size_t bytes = block == NULL ? FIRST_BLOCK_BYTES : BLOCK_BYTES;
    size_t events = bytes / stage->event_bytes;
    close_open_block(stage);
    stage->open = weir__pool_get(&stage->host->pool, (uint32_t)stage->event_bytes, stage->type,
                                 events > want ? events : want);
    return stage->open;
}

static WEIR__INLINE void append(weir_stage *stage, uint32_t count, uint32_t flags) {
    struct weir__queue *queue = &stage->emission;
    struct weir__block *block = stage->open;
    uint32_t first = block->used;
    block->used += count;
    if (WEIR__UNLIKELY(flags != 0)) {
        weir__owned_accept(&stage->host->pool, count);
    }
    if (queue->count > 0) {
        struct weir__item *last = weir__queue_at(queue, queue->count - 1);
        if (last->block == block && last->first + last->count == first && last->flags == flags) {
            last->count += count;
            queue->events += count;
            return;
        }
    }
    struct weir__item item = {.block = block,
                              .first = first,
                              .count = count,
                              .flags = flags,
                              .event_bytes = (uint32_t)stage->event_bytes};
    WEIR__CHECK(queue->count < queue->capacity);
    weir__queue_push(queue, item);
    weir__block_hold_filling(block, &stage->host->pool);
}

void weir__stage_append(weir_stage *stage, uint32_t count, uint32_t flags) {
    append(stage, count, flags);
}

static WEIR__NOINLINE void refuse_room(const weir_stage *stage, size_t want) {
    if (want == 0) {
        weir__refuse(WEIR_INVALID, "want must be at least 1, got 0");
    } else if (weir__stage_has_spans(stage)) {
        weir__refuse(WEIR_INVALID,
                     "events of stage %s have spans: weir_emit, or "
                     "weir_reserve_bytes",
                     stage->name);
    } else {
        weir__refuse(WEIR_INVALID, "stage %s cannot emit %zu events here", stage->name, want);
    }
}

static WEIR__INLINE void append_to_emission(weir_stage *stage, uint32_t count) {
    append(stage, count, stage->type != NULL ? WEIR__OWNING : 0);
}

/* All that weir_commit will need is taken here, so that what was written is never lost. */
weir_room weir_reserve(weir_stage *self, size_t want) {
    if (weir__self_unfit(self)) {
        return (weir_room){0};
    }
    weir__stage_end_strip(self);
    self->reserved = 0;
    if (WEIR__UNLIKELY(!weir__stage_can_emit(self) || want == 0 || weir__stage_has_spans(self))) {
        refuse_room(self, want);
        return (weir_room){0};
    }
    struct weir__block *block =
        weir__queue_reserve(&self->emission, 1) ? open_block(self, want) : NULL;
    if (WEIR__UNLIKELY(block == NULL)) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for %zu events of %zu bytes", want,
                     self->event_bytes);
        return (weir_room){0};
    }
    size_t free_events = block->capacity - block->used;
    self->reserved = free_events < want ? free_events : want;
    return (weir_room){.events = weir__block_at(block, block->used, (uint32_t)self->event_bytes),
                       .count = self->reserved};
}

weir_status weir_commit(weir_stage *self, size_t count) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    if (weir__stage_has_spans(self)) {
        refuse_room(self, 1);
        return WEIR_INVALID;
    }
    if (WEIR__UNLIKELY(count > self->reserved)) {
        return weir__refuse(WEIR_INVALID, "count must be at most the room reserved, %zu, got %zu",
                            self->reserved, count);
    }
    self->reserved = 0;
    if (count > 0) {
        append_to_emission(self, (uint32_t)count);
    }
    return WEIR_OK;
}

/*
 * Event by event is how most programs emit.  The first one of a callback opens a strip,
 * the rest of the open block, where it and the next ones are written with a few
 * instructions each; block and emission learn of them when the strip is closed.  There is
 * room in the emission's queue by then, so that closing it cannot fail.
 */
static bool open_strip(weir_stage *stage, size_t want) {
    if (!weir__stage_can_emit(stage) || !weir__queue_reserve(&stage->emission, 1)) {
        return false;
    }
    const struct weir__block *block = open_block(stage, want);
    if (block == NULL || block->capacity - block->used < want) {
        return false;
    }
    stage->strip.to = weir__block_at(block, block->used, (uint32_t)stage->event_bytes);
    stage->strip.room = block->capacity - block->used;
    stage->strip.count = 0;
    return true;
}

void weir__stage_close_strip(weir_stage *stage) {
    append_to_emission(stage, (uint32_t)stage->strip.count);
    stage->strip.to = NULL;
    stage->strip.room = 0;
}

static inline void write_to_strip(weir_stage *stage, const void *events, size_t count,
                                  size_t bytes) {
    struct weir__strip *strip = &stage->strip;
    memcpy(strip->to, events, bytes);
    strip->to += bytes;
    strip->room -= count;
    strip->count += count;
}

void weir__stage_unemit(weir_stage *stage, uint64_t before) {
    struct weir__queue *queue = &stage->emission;
    if (stage->type != NULL) {
        weir__owned_accept(&stage->host->pool, 0 - (queue->events - before));
    }
    weir__queue_keep(queue, before, &stage->host->pool);
    stage->weighed.events = UINT64_MAX; /* others may come in their place (rest.c) */
}

/* All or nothing, over as many blocks as it takes. */
static weir_status emit_pieces(weir_stage *self, const void *events, size_t count) {
    const unsigned char *from = events;
    struct weir__queue *queue = &self->emission;
    uint64_t before = queue->events;
    while (count > 0) {
        weir_room room = weir_reserve(self, count);
        if (room.events == NULL) {
            weir__stage_unemit(self, before);
            return weir__stage_can_emit(self) ? WEIR_NO_MEMORY : WEIR_INVALID;
        }
        memcpy(room.events, from, room.count * self->event_bytes);
        weir_commit(self, room.count);
        from += room.count * self->event_bytes;
        count -= room.count;
    }
    return WEIR_OK;
}

/* The first of a callback, or one that has no room, or spans: their strip has none for others. */
static WEIR__NOINLINE weir_status emit_first(weir_stage *self, const void *events, size_t count) {
    if (weir__self_unfit(self) || (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    if (WEIR__UNLIKELY(weir__stage_has_spans(self))) {
        return weir__stage_emit_spans(self, events, count);
    }
    if (WEIR__UNLIKELY(self->kind == WEIR_CONSUMER && self->may_emit)) {
        weir__stage_count_out(self, count);
        weir__stage_discard(self, count, WEIR_DISCARD_CONSUMER, false);
        return weir__refuse(WEIR_INVALID, "a consumer cannot emit: %zu events discarded", count);
    }
    weir__stage_end_strip(self);
    self->reserved = 0;
    if (count > 0 && open_strip(self, count)) {
        size_t bytes = count * self->event_bytes;
        if (bytes == sizeof(uint64_t)) {
            write_to_strip(self, events, count, sizeof(uint64_t));
        } else {
            write_to_strip(self, events, count, bytes);
        }
        return WEIR_OK;
    }
    return emit_pieces(self, events, count);
}

/* Apart, because it calls memcpy: what calls nobody saves no registers. */
static WEIR__NOINLINE weir_status emit_bytes(weir_stage *self, const void *events, size_t count,
                                             size_t bytes) {
    write_to_strip(self, events, count, bytes);
    return WEIR_OK;
}

weir_status weir_emit(weir_stage *self, const void *events, size_t count) {
    /* 0, too: it is not worth a case */
    if (WEIR__UNLIKELY(self == NULL || events == NULL || count - 1 >= self->strip.room)) {
        return emit_first(self, events, count);
    }
    size_t bytes = count * self->event_bytes;
    if (bytes != sizeof(uint64_t)) {
        return emit_bytes(self, events, count, bytes);
    }
    write_to_strip(self, events, count, sizeof(uint64_t)); /* the most common */
    return WEIR_OK;
}

/* ---- from the callback's end to the dispatcher --------------------------- */

void weir__stage_bad_return(weir_stage *stage, const char *callback, int value) {
    stage->reason = WEIR_REASON_BAD_RETURN;
    weir__host_log(stage->host, WEIR_LOG_ERROR, "stage %s stops: %s has returned %d", stage->name,
                   callback, value);
}

void weir__stage_end(weir_stage *stage, const char *callback, weir_verdict verdict) {
    if (verdict == WEIR_FINISH) {
        weir__stage_finish(stage, false);
        return;
    }
    stage->stopping = true;
    stage->bereft = false; /* it ends of its own accord */
    if (verdict != WEIR_STOP) {
        weir__stage_bad_return(stage, callback, (int)verdict);
    }
}

void weir__stage_discard(weir_stage *stage, uint64_t count, weir_discard cause, bool sent) {
    if (count == 0) {
        return;
    }
    WEIR__PROBE3(discard, stage->ref.bits, count, cause);
    struct weir__counters *counters = &stage->host->counters;
    weir__count(sent ? &counters->lost : &counters->dropped, count);
    weir__count(&stage->meter.slot->discarded[weir__discard_known(cause)], count);
    if (stage->on.discarded != NULL) {
        weir__stage_end_strip(stage);
        bool may_emit = stage->may_emit;
        stage->may_emit = false;
        stage->on.discarded(stage, count, cause);
        stage->may_emit = may_emit;
        return;
    }
    static const char *const why[] = {NULL,
                                      "from its buffer",
                                      "when it stopped",
                                      "that no consumer could take",
                                      "that nobody was subscribed to",
                                      "for want of memory",
                                      NULL, /* as the program wanted: no warning */
                                      "for which its hash named no partition that there is",
                                      "that waited for a consumer that left"};
    if ((size_t)cause >= sizeof why / sizeof *why || why[cause] == NULL) {
        return;
    }
    weir__host_log(stage->host, WEIR_LOG_WARNING, "stage %s has discarded %llu events %s",
                   stage->name, (unsigned long long)count, why[cause]);
}

static void drop_all(weir_stage *stage, struct weir__queue *events, weir_discard cause) {
    uint64_t count = events->events;
    weir__queue_discard(events, count, cause, &stage->host->pool);
    weir__stage_discard(stage, count, cause, false);
}

static void to_buffer(weir_stage *stage, struct weir__queue *events) {
    uint64_t count = events->events;
    if (!weir__queue_reserve(&stage->buffer.queue, events->count)) {
        drop_all(stage, events, WEIR_DISCARD_NO_MEMORY);
        return;
    }
    weir__stage_unpin(stage, events, events->count);
    uint64_t dropped = weir__buffer_store(&stage->buffer, events, weir__stage_came_out, stage);
    weir__count(&stage->host->counters.buffered, count - dropped);
    weir__stage_discard(stage, dropped, WEIR_DISCARD_OVERFLOW, false);
}

void weir__stage_offer(weir_stage *stage, struct weir__queue *events) {
    if (stage->drop_unheard && stage->known.count == 0) {
        /* They answer what was asked for those who have left, or the next one asks in vain. */
        weir__stage_dispatch(stage, events, events->events);
        drop_all(stage, events, WEIR_DISCARD_UNHEARD);
        return;
    }
    if (weir__buffer_count(&stage->buffer) > 0) {
        weir__stage_serve(stage); /* nothing overtakes */
    }
    /*
     * Where there is no open demand the dispatcher delivers none of them, but it
     * is told that they came: they answer what it had asked upstream.
     */
    if (weir__buffer_count(&stage->buffer) == 0 || weir__stage_open_demand(stage) == 0) {
        weir__stage_dispatch(stage, events, events->events);
    }
    if (events->events > 0) {
        to_buffer(stage, events);
    }
}

/*
 * There is no memory to hold them.  What their demand was for is demanded anew, later, as much as
 * was lost: who emits more than he is asked for may be asked for too much.  If it is for nothing
 * any more, they have answered it, as in weir__stage_offer.
 */
static void lose_emission(weir_stage *stage, struct weir__queue *events) {
    uint64_t count = events->events;
    if (weir__stage_open_demand(stage) > 0) {
        stage->desk.calls->demand_again(stage, count);
    } else {
        weir__stage_dispatch(stage, events, count);
    }
    drop_all(stage, events, WEIR_DISCARD_NO_MEMORY);
}

static void defer(weir_stage *stage, struct weir__queue *events) {
    if (!weir__queue_reserve(&stage->deferred, events->count)) {
        lose_emission(stage, events);
        return;
    }
    weir__count(&stage->host->counters.buffered, events->events);
    while (!weir__queue_empty(events)) {
        struct weir__item item = weir__queue_pop(events);
        item.flags &= WEIR__LASTING;
        item.flags |= weir__queue_empty(events) ? 0 : WEIR__MORE;
        weir__queue_push(&stage->deferred, item);
    }
}

/*
 * The next emission will probably be as long as this one.  Its lines were last
 * read by a consumer elsewhere: fetched now, while that consumer is told.
 */
static inline void fetch_ahead(const weir_stage *stage, uint64_t events) {
    enum { AHEAD_BYTES_MAX = 32768, LINE_BYTES = 64 };
    const struct weir__block *block = stage->open;
    if (block == NULL || stage->host->outbox.count == 0) {
        return;
    }
    uint64_t room = block->capacity - block->used;
    uint64_t bytes = (events < room ? events : room) * stage->event_bytes;
    const unsigned char *next = weir__block_at(block, block->used, (uint32_t)stage->event_bytes);
    for (uint64_t at = 0; at < bytes && at < AHEAD_BYTES_MAX; at += LINE_BYTES) {
        weir__prefetch_to_write(next + at);
    }
}

/* To the consumers at once: nothing that was emitted before waits. */
static inline bool goes_straight(const weir_stage *stage) {
    return stage->mode == WEIR_FORWARD && stage->deferred.count == 0 &&
           stage->buffer.queue.count == 0 && !stage->drop_unheard;
}

static WEIR__INLINE void send_emission(weir_stage *stage, struct weir__queue *emission) {
    uint64_t events = emission->events;
    weir__stage_count_out(stage, events);
    if (WEIR__LIKELY(goes_straight(stage))) {
        weir__stage_dispatch(stage, emission, events);
        if (emission->events > 0) {
            to_buffer(stage, emission);
        }
        fetch_ahead(stage, events);
        return;
    }
    /* What was held back is being replayed, perhaps: this comes behind it. */
    bool behind = weir__stage_has_deferred(stage) && !stage->as_genstage;
    if (stage->mode == WEIR_ACCUMULATE || behind) {
        defer(stage, emission);
    } else {
        weir__stage_offer(stage, emission);
        fetch_ahead(stage, events);
    }
}

void weir__stage_emit_run(weir_stage *stage, struct weir__queue *run) {
    send_emission(stage, run);
}

/* It has slices of its input, or marks among its events. */
static WEIR__NOINLINE void emit_specially(weir_stage *stage) {
    unsigned emits = stage->emits;
    stage->emits = 0;
    if ((emits & WEIR__EMITS_SLICES) != 0) {
        weir__stage_settle_slices(stage);
    }
    weir__stage_emit_marked(stage);
}

void weir__stage_emitted(weir_stage *stage) {
    if (WEIR__UNLIKELY(stage->emits != 0)) {
        emit_specially(stage);
    } else {
        send_emission(stage, &stage->emission);
    }
}
