/*
 * The messages that any thread may send to a stage and need not wait for.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "memory/spans.h"
#include "os/clock.h"
#include "runtime/options.h"
#include "runtime/post.h"
#include "stage/control.h"

#include <weir/timer.h>

/* A stage sends to itself what its end has brought forth (stage/ending.c). */
static bool is_of_the_end(const weir_runtime *runtime, weir_ref to) {
    const weir_stage *self = weir__running_stage(runtime, to);
    return self != NULL && self->telling_end;
}

/* type: of an event that owns something, which is the payload; else NULL. */
static weir_status post_payload(weir_runtime *runtime, weir_ref stage, enum weir__mail_kind kind,
                                const void *payload, size_t bytes, const weir_event_type *type) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    status = status != WEIR_OK ? status : weir__check_payload(payload, "message", bytes);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = kind},
                                 .count = bytes,
                                 .type = type,
                                 .fate = WEIR_DISCARD_STOPPED, /* unless it is handled */
                                 .reminds = is_of_the_end(runtime, stage)};
    return weir__post(runtime, &head, payload);
}

weir_status weir_cast(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes) {
    return post_payload(runtime, stage, WEIR__MAIL_CAST, message, bytes, NULL);
}

weir_status weir_info(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes) {
    return post_payload(runtime, stage, WEIR__MAIL_INFO, message, bytes, NULL);
}

static weir_status post_event(weir_runtime *runtime, weir_ref stage, enum weir__mail_kind kind,
                              const weir_event_type *type, const void *event) {
    if (weir__unfit(runtime) || weir__missing(type, "type") || weir__missing(event, "event")) {
        return weir__refused();
    }
    weir_status status = weir__options_type(type);
    if (status != WEIR_OK) {
        return status;
    }
    size_t bytes = weir__spans_bytes(type->spans, event);
    if (bytes > weir__payload_limit(type)) {
        return weir__refuse(WEIR_INVALID,
                            "the event has spans of %zu bytes, its type's payload_limit is %zu",
                            bytes, weir__payload_limit(type));
    }
    return post_payload(runtime, stage, kind, event, type->bytes + bytes, type);
}

weir_status weir_cast_event(weir_runtime *runtime, weir_ref stage, const weir_event_type *type,
                            const void *event) {
    return post_event(runtime, stage, WEIR__MAIL_CAST, type, event);
}

weir_status weir_info_event(weir_runtime *runtime, weir_ref stage, const weir_event_type *type,
                            const void *event) {
    return post_event(runtime, stage, WEIR__MAIL_INFO, type, event);
}

weir_status weir_stop(weir_runtime *runtime, weir_ref stage, weir_reason reason) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_STOP}, .reason = reason};
    return weir__post(runtime, &head, NULL);
}

weir_status weir_demand(weir_runtime *runtime, weir_ref stage, weir_demand_mode mode) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_kind kind = weir__ref_kind(stage); /* 0: the reference of no stage */
    if (kind == WEIR_PRODUCER_CONSUMER || kind == WEIR_CONSUMER) {
        return weir__refuse(WEIR_NOT_A_PRODUCER, "only a producer has a demand mode");
    }
    if ((unsigned)mode > WEIR_ACCUMULATE) {
        return weir__refuse(WEIR_INVALID,
                            "mode must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got %d", (int)mode);
    }
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_MODE}, .mode = mode};
    return weir__post(runtime, &head, NULL);
}

/* ---- timers -------------------------------------------------------------- */

weir_status weir_send_after(weir_runtime *runtime, weir_ref stage, const void *message,
                            size_t bytes, uint64_t delay_ns, weir_timer *out) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    status = status != WEIR_OK ? status : weir__check_payload(message, "message", bytes);
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t now = weir_runtime_now(runtime);
    weir_stage *self = weir__running_stage(runtime, stage);
    struct weir__message head = {
        .mail = {.to = stage, .kind = WEIR__MAIL_TIMER},
        .count = bytes,
        .wakes = self != NULL && bytes == 0,
        .fate = WEIR_DISCARD_STOPPED, /* unless it is handled */
        .armed = {.timer = {.due_ns = weir__clock_deadline(now, delay_ns)},
                  .node = {.number = weir__fetch_add_u64(&runtime->next_timer, 1)}}};
    if (self == NULL) {
        status = weir__post(runtime, &head, message);
    } else { /* at once, so that it can be cancelled at once */
        struct weir__message *made;
        status = weir__make_message(runtime, &head, message, &made);
        if (status == WEIR_OK) {
            weir__stage_arm(self, made);
        }
    }
    if (status == WEIR_OK && out != NULL) {
        *out = (weir_timer){.stage = stage, .id = head.armed.node.number};
    }
    return status;
}

weir_status weir_cancel_timer(weir_runtime *runtime, weir_timer timer) {
    weir_status status = weir__check_alive(runtime, timer.stage, "the timer's stage");
    if (status != WEIR_OK) {
        return status;
    }
    weir_stage *self = weir__running_stage(runtime, timer.stage);
    if (self != NULL) {
        return weir__stage_disarm(self, timer.id)
                   ? WEIR_OK
                   : weir__refuse(WEIR_NO_TIMER, "the timer has fired, or was cancelled");
    }
    struct weir__message head = {.mail = {.to = timer.stage, .kind = WEIR__MAIL_TIMER_CANCEL},
                                 .count = timer.id};
    return weir__post(runtime, &head, NULL);
}
