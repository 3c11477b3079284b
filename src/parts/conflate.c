/*
 * The conflater: see conflate.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/conflate.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "memory/spans.h"
#include "parts/aside.h"
#include "parts/behind.h"
#include "parts/middle.h"
#include "runtime/runtime.h"
#include "stage/keeping.h"

#include <string.h>

struct conflater {
    weir_conflate_options options; /* defaults filled in */
    struct weir__latest latest;
    struct weir__behind behind;         /* marks, of the line */
    uint64_t gone[WEIR_DISCARD_CAUSES]; /* in this callback: dropped for each cause */
};

static unsigned spans_of_latest(const weir_stage *self) {
    return self->type != NULL ? self->type->spans : 0;
}

/* ---- out --------------------------------------------------------------------------- */

/* As many as are asked for; where bytes are the bound, one at a time, as long as there is room. */
static uint64_t room_for_latest(weir_stage *self) {
    weir_asked asked = weir_open_demand(self);
    if (asked.bytes == UINT64_MAX) {
        return asked.events;
    }
    return asked.events > 0 && asked.bytes > 0 ? 1 : 0;
}

/* It has gone, for whatever reason: the marks behind it follow. */
static void remove_first_latest(weir_stage *self, struct conflater *conflater) {
    uint64_t serial = conflater->latest.first->serial;
    weir__latest_remove_first(&conflater->latest);
    weir__behind_gone(self, &conflater->behind, serial);
}

static weir_verdict send_first_latest(weir_stage *self, struct conflater *conflater) {
    if (weir__aside_emit(self, conflater->latest.first->event) != WEIR_OK) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    remove_first_latest(self, conflater);
    return WEIR_CONTINUE;
}

/* From the front, as far as is asked. */
static weir_verdict send_latest(weir_stage *self, struct conflater *conflater) {
    weir_verdict verdict = WEIR_CONTINUE;
    uint64_t room = 0;
    while (verdict == WEIR_CONTINUE && conflater->latest.first != NULL) {
        room = room > 0 ? room : room_for_latest(self);
        if (room == 0) {
            break;
        }
        verdict = send_first_latest(self, conflater);
        room--;
    }
    return verdict;
}

/* What was in a slot comes to nothing. */
static void drop_latest(weir_stage *self, struct conflater *conflater,
                        const struct weir__latest_slot *slot, weir_discard why) {
    weir__aside_drop(self, slot->event, why);
    conflater->gone[why]++;
}

static void drop_first_latest(weir_stage *self, struct conflater *conflater, weir_discard why) {
    drop_latest(self, conflater, conflater->latest.first, why);
    remove_first_latest(self, conflater);
}

/* What each callback leaves behind: those that are kept, and those that were, and are lost. */
static weir_verdict settle_latest(weir_stage *self, weir_verdict verdict) {
    static const weir_discard causes[] = {WEIR_DISCARD_REPLACED, WEIR_DISCARD_OVERFLOW,
                                          WEIR_DISCARD_NO_MEMORY, WEIR_DISCARD_STOPPED};
    struct conflater *conflater = weir_state(self);
    uint64_t lost = 0;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        lost += conflater->gone[causes[i]];
    }
    weir__stage_keeps(self, conflater->latest.index.count + lost);
    for (size_t i = 0; i < sizeof causes / sizeof *causes && lost > 0; i++) {
        uint64_t gone = conflater->gone[causes[i]];
        conflater->gone[causes[i]] = 0;
        weir__stage_loses_kept(self, gone, causes[i]);
    }
    return verdict;
}

static weir_verdict supply_latest(weir_stage *self) {
    return settle_latest(self, send_latest(self, weir_state(self)));
}

/* ---- in ------------------------------------------------------------------------------ */

/* Of a new key.  Who has waited longest makes room, if need be; NULL: there is no memory. */
static struct weir__latest_slot *slot_for_more(weir_stage *self, struct conflater *conflater) {
    struct weir__latest *latest = &conflater->latest;
    bool full = latest->index.count >= conflater->options.keys;
    struct weir__latest_slot *slot =
        full ? NULL : weir__latest_take(latest, conflater->options.keys);
    if (slot == NULL && latest->first != NULL) {
        drop_first_latest(self, conflater, full ? WEIR_DISCARD_OVERFLOW : WEIR_DISCARD_NO_MEMORY);
        slot = weir__latest_take(latest, conflater->options.keys);
    }
    return slot;
}

/* An event of the batch goes into a slot in which there is none. */
static weir_status fill_slot(weir_stage *self, struct conflater *conflater,
                             struct weir__latest_slot *slot, weir_batch batch, size_t index) {
    const unsigned spans = spans_of_latest(self);
    const void *event = (const unsigned char *)batch.events + index * self->event_bytes;
    if (spans > 0 &&
        !weir__latest_room(&conflater->latest, slot, weir__spans_bytes(spans, event))) {
        return WEIR_NO_MEMORY;
    }
    weir_status status = weir__aside_take(self, batch, index, slot->event);
    if (status == WEIR_OK && spans > 0) {
        weir__spans_write(spans, spans * sizeof(weir_bytes), event, slot->event, slot->payload);
    }
    return status;
}

/* The new event, in `fresh`, takes the place of the one in `slot`; which is dropped, in `fresh`. */
static void exchange_latest(weir_stage *self, struct conflater *conflater,
                            struct weir__latest_slot *slot, struct weir__latest_slot *fresh) {
    struct weir__latest_slot before = *slot; /* but for the event */
    drop_latest(self, conflater, slot, WEIR_DISCARD_REPLACED);
    memcpy(slot->event, fresh->event, self->event_bytes);
    slot->payload = fresh->payload;
    slot->payload_bytes = fresh->payload_bytes;
    fresh->payload = before.payload;
    fresh->payload_bytes = before.payload_bytes;
}

/* Of a key that is in the line.  If it cannot be put there, the one before is there still. */
static weir_status replace_latest(weir_stage *self, struct conflater *conflater,
                                  struct weir__latest_slot *slot, weir_batch batch, size_t index) {
    if (self->type == NULL) { /* nothing can go wrong */
        conflater->gone[WEIR_DISCARD_REPLACED]++;
        return fill_slot(self, conflater, slot, batch, index);
    }
    struct weir__latest *latest = &conflater->latest;
    struct weir__latest_slot *fresh = weir__latest_take(latest, conflater->options.keys + 1);
    if (fresh == NULL) {
        return WEIR_NO_MEMORY;
    }
    weir_status status = fill_slot(self, conflater, fresh, batch, index);
    if (status == WEIR_OK) {
        exchange_latest(self, conflater, slot, fresh);
    }
    weir__latest_give_back(latest, fresh);
    return status;
}

static weir_status add_latest(weir_stage *self, struct conflater *conflater, uint64_t key,
                              weir_batch batch, size_t index) {
    struct weir__latest_slot *slot = slot_for_more(self, conflater);
    if (slot == NULL) {
        return WEIR_NO_MEMORY;
    }
    weir_status status = fill_slot(self, conflater, slot, batch, index);
    if (status == WEIR_OK) {
        slot->serial = weir__behind_came(&conflater->behind);
        weir__latest_add(&conflater->latest, slot, key);
    } else {
        weir__latest_give_back(&conflater->latest, slot);
    }
    return status;
}

static weir_status put_latest(weir_stage *self, struct conflater *conflater, weir_batch batch,
                              size_t index) {
    const weir_conflate_options *options = &conflater->options;
    const void *event = (const unsigned char *)batch.events + index * self->event_bytes;
    uint64_t key = options->key(options->context, event);
    struct weir__latest_slot *slot = weir__latest_find(&conflater->latest, key);
    return slot != NULL ? replace_latest(self, conflater, slot, batch, index)
                        : add_latest(self, conflater, key, batch, index);
}

/* One by one: what is asked for goes before the next one may replace it. */
static weir_verdict put_batch_of_latest(weir_stage *self, struct conflater *conflater,
                                        weir_batch batch) {
    uint64_t room = room_for_latest(self);
    weir_verdict verdict = WEIR_CONTINUE;
    for (size_t i = 0; i < batch.count && verdict == WEIR_CONTINUE; i++) {
        weir_status status = put_latest(self, conflater, batch, i);
        if (status != WEIR_OK) {
            return weir__aside_failed(self, "conflater", status);
        }
        if (room > 0) {
            verdict = send_first_latest(self, conflater);
            room = room > 1 ? room - 1 : room_for_latest(self);
        }
    }
    return verdict;
}

static weir_verdict take_in_latest(weir_stage *self, weir_batch batch) {
    struct conflater *conflater = weir_state(self);
    weir_verdict verdict = weir__aside_check(self, "conflater", self->type);
    if (verdict != WEIR_CONTINUE) {
        return verdict;
    }
    if (conflater->latest.first == NULL && weir_open_demand(self).bytes == UINT64_MAX &&
        weir_open_demand(self).events >= batch.count) {
        return weir_forward(self);
    }
    return settle_latest(self, put_batch_of_latest(self, conflater, batch));
}

/* In the line, as a key that is replaced by nothing. */
static weir_verdict mark_latest(weir_stage *self, const struct weir__item *mark) {
    struct conflater *conflater = weir_state(self);
    weir__behind_mark(self, &conflater->behind, mark);
    return WEIR_CONTINUE;
}

/* ---- the stage ------------------------------------------------------------------------- */

/* Nothing can replace them any more. */
static weir_verdict send_all_latest(weir_stage *self) {
    struct conflater *conflater = weir_state(self);
    weir_verdict verdict = WEIR_CONTINUE;
    while (verdict == WEIR_CONTINUE && conflater->latest.first != NULL) {
        verdict = send_first_latest(self, conflater);
    }
    return settle_latest(self, verdict);
}

static void lose_latest(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct conflater *conflater = weir_state(self);
    weir__behind_close(&conflater->behind);
    while (conflater->latest.first != NULL) {
        drop_first_latest(self, conflater, WEIR_DISCARD_STOPPED);
    }
    settle_latest(self, WEIR_CONTINUE);
    weir__latest_close(&conflater->latest);
}

static void tell_of_latest(weir_stage *self, uint64_t count, weir_discard cause) {
    const struct conflater *conflater = weir_state(self);
    conflater->options.discarded(conflater->options.context, count, cause);
}

static weir_verdict open_conflater(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.supply = supply_latest, .mark = mark_latest};
    struct conflater *conflater = weir_state(self);
    conflater->options = *(const weir_conflate_options *)argument;
    weir__latest_open(&conflater->latest, self->host->allocator, self->event_bytes);
    weir__behind_open(&conflater->behind, self->host->allocator);
    self->part = &calls;
    self->appetite = WEIR__TAKES_ALL;
    return WEIR_CONTINUE;
}

static weir_status check_conflater(const weir_conflate_options *options) {
    if (weir__missing(options, "options") || WEIR__RESERVED_SET(options, "weir_conflate_options")) {
        return WEIR_INVALID;
    }
    if (options->key == NULL) {
        return weir__refuse(WEIR_INVALID, "key must be set");
    }
    if (options->keys > WEIR_CONFLATE_KEYS_LIMIT) {
        return weir__refuse(WEIR_INVALID, "keys must be from 1 to %d, got %zu",
                            WEIR_CONFLATE_KEYS_LIMIT, options->keys);
    }
    return WEIR_OK;
}

weir_status weir_conflate_start(weir_runtime *runtime, const weir_conflate_options *options,
                                weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_conflater(options);
    if (status != WEIR_OK) {
        return status;
    }
    weir_conflate_options filled = *options;
    filled.name = NULL; /* the stage has a copy */
    filled.keys = options->keys != 0 ? options->keys : WEIR_CONFLATE_KEYS_DEFAULT;
    const weir_stage_options stage = {
        WEIR__MIDDLE(options, "conflater"),
        .event_bytes = options->event_bytes,
        .takes_bytes = options->type != NULL ? options->type->bytes : options->event_bytes,
        .type = options->type,
        .state_bytes = sizeof(struct conflater),
        .argument = &filled,
        .on = {.init = open_conflater,
               .handle_events = take_in_latest,
               .handle_end = send_all_latest,
               .discarded = options->discarded != NULL ? tell_of_latest : NULL,
               .terminate = lose_latest},
    };
    return weir_stage_start(runtime, &stage, out);
}
