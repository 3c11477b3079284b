/*
 * Aside: see aside.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/aside.h"

#include <string.h>

weir_verdict weir__aside_check(weir_stage *self, const char *part, const weir_event_type *type) {
    const weir_event_type *its = weir__item_type(weir__stage_batch(self));
    if (WEIR__LIKELY(its == type)) {
        return WEIR_CONTINUE;
    }
    weir__host_log(self->host, WEIR_LOG_ERROR,
                   "%s %s stops: it was given events %s, and was started for %s", part,
                   weir_stage_name(self), its == NULL ? "that own nothing" : "of another type",
                   type == NULL ? "such as own nothing" : "those of its own type");
    return weir_stop_with(self, WEIR_REASON_BAD_OPTIONS);
}

weir_verdict weir__aside_failed(weir_stage *self, const char *part, weir_status status) {
    if (status == WEIR_NO_MEMORY) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    weir__host_log(self->host, WEIR_LOG_ERROR,
                   "%s %s stops: others have its events, or had, and their type has no copy", part,
                   weir_stage_name(self));
    return weir_stop_with(self, WEIR_REASON_BAD_OPTIONS);
}

weir_status weir__aside_take(weir_stage *self, weir_batch batch, size_t index, void *to) {
    struct weir__item *item = weir__stage_batch(self);
    if (weir__item_type(item) == NULL) {
        memcpy(to, (const unsigned char *)batch.events + index * item->event_bytes,
               item->event_bytes);
        return WEIR_OK;
    }
    item->flags |= WEIR__TAKEN; /* it is, or all are as they were */
    return weir__owned_move(item->block, item->first + (uint32_t)index, 1, to, &self->host->pool);
}

weir_status weir__aside_emit(weir_stage *self, const void *event) {
    weir_status status = weir_emit(self, event, 1);
    if (status == WEIR_OK && self->type != NULL) {
        weir__owned_accept(&self->host->pool, 0 - (uint64_t)1); /* it has been before */
    }
    return status;
}

void weir__aside_drop(weir_stage *self, const void *event, weir_discard why) {
    if (self->type != NULL) {
        weir__owned_drop_lifted(self->type, event, false, why, &self->host->pool);
    }
}
