/*
 * Taking: events that own something become the callback's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "stage/stage.h"

#include <string.h>

const char *weir__stage_not_in_batch(const struct weir__item *item, size_t first, size_t count) {
    if (item == NULL) {
        return "no batch is at hand";
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return "the batch was forwarded";
    }
    return first > item->count || count > item->count - first ? "the batch has fewer" : NULL;
}

/* Why these of a batch's events cannot be taken; NULL: they can. */
static const char *untakable(const weir_stage *self, const struct weir__item *item, size_t first,
                             size_t count) {
    const char *absent = weir__stage_not_in_batch(item, first, count);
    if (absent != NULL) {
        return absent;
    }
    if ((item->flags & WEIR__OWNING) == 0) {
        return "they own nothing: copy them";
    }
    if (item->block->lender != NULL) {
        return "their payload stays with weir: copy it";
    }
    if ((item->flags & WEIR__STASHED) != 0 && first < self->stash_next && count > 0) {
        return "those up to the last one stashed may be in the stash";
    }
    return weir__item_some_taken(item, first, count) ? "some of them were taken" : NULL;
}

weir_status weir_take_message(weir_stage *self, void *event) {
    if (weir__self_unfit(self) || weir__missing(event, "event")) {
        return weir__refused();
    }
    struct weir__message *message = self->may_emit ? self->host->message : NULL;
    if (message == NULL || message->type == NULL) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot take a message: %s", self->name,
                            message == NULL ? "none is at hand"
                                            : "it owns nothing, or was taken: copy it");
    }
    if (message->type->spans > 0) {
        return weir__refuse(WEIR_INVALID,
                            "stage %s cannot take a message whose payload stays with weir: copy it",
                            self->name);
    }
    memcpy(event, message->payload, message->type->bytes);
    message->type = NULL;
    weir__owned_took_raw(&self->host->pool, 1);
    return WEIR_OK;
}

weir_status weir_take(weir_stage *self, size_t first, size_t count, void *events) {
    if (weir__self_unfit(self) || (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    struct weir__item *item = weir__stage_batch(self);
    const char *why = untakable(self, item, first, count);
    if (why == NULL && count == 0) {
        return WEIR_OK;
    }
    weir_status status = WEIR_INVALID;
    if (why == NULL) {
        status = weir__owned_take(item->block, item->first + (uint32_t)first, (uint32_t)count,
                                  events, &self->host->pool);
        if (status == WEIR_OK) {
            item->flags |= WEIR__TAKEN;
            return WEIR_OK;
        }
        why = status == WEIR_INVALID ? "others have them, and their type cannot copy them"
                                     : "others have them, and their type made no copy";
    }
    return weir__refuse(status, "stage %s cannot take %zu events from number %zu on: %s",
                        self->name, count, first, why);
}
