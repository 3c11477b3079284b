/*
 * What a callback may ask about its own stage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/stage.h"

#include "base/refusal.h"

void *weir_state(weir_stage *self) {
    if (weir__missing(self, "self")) {
        return NULL;
    }
    return self->state;
}

weir_runtime *weir_stage_runtime(const weir_stage *self) {
    if (weir__missing(self, "self")) {
        return NULL;
    }
    return self->host->runtime;
}

weir_ref weir_self(const weir_stage *self) {
    if (weir__missing(self, "self")) {
        return (weir_ref){0};
    }
    return self->ref;
}

const char *weir_stage_name(const weir_stage *self) {
    if (weir__missing(self, "self")) {
        return "";
    }
    return self->name;
}

weir_subscription weir_batch_subscription(const weir_stage *self) {
    const struct weir__item *item = weir__self_unfit(self) ? NULL : weir__stage_batch(self);
    return item != NULL ? ((const struct weir__edge *)item->owner)->id : (weir_subscription){0};
}

size_t weir_batch_event_bytes(const weir_stage *self) {
    const struct weir__item *item = weir__self_unfit(self) ? NULL : weir__stage_batch(self);
    return item != NULL ? item->event_bytes : 0;
}

uint64_t weir_buffered(const weir_stage *self) {
    if (weir__self_unfit(self)) {
        return 0;
    }
    return weir__buffer_count(&self->buffer);
}

uint64_t weir_held(const weir_stage *self) {
    if (weir__self_unfit(self)) {
        return 0;
    }
    return self->desk.held;
}

weir_verdict weir_stop_with(weir_stage *self, weir_reason reason) {
    if (weir__self_unfit(self)) {
        return WEIR_STOP;
    }
    self->reason = reason;
    return WEIR_STOP;
}

weir_verdict weir_finish_with(weir_stage *self, weir_reason reason) {
    if (weir__self_unfit(self)) {
        return WEIR_STOP;
    }
    self->reason = reason;
    return WEIR_FINISH;
}
