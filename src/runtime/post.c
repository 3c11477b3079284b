/*
 * Posting: see post.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/post.h"

#include "base/refusal.h"

#include <string.h>

/* ---- checks -------------------------------------------------------------- */

bool weir__is_starting(weir_ref ref) {
    return weir__starting != NULL && weir__starting->ref.bits == ref.bits;
}

weir_status weir__check_alive(const weir_runtime *runtime, weir_ref ref, const char *what) {
    if (weir__ref_kind(ref) == 0 || weir__runtime_worker(runtime, ref) == NULL ||
        (weir__registry_find(&runtime->registry, ref) == NULL && !weir__is_starting(ref))) {
        return weir__refuse(WEIR_NO_STAGE, "%s %#llx names no living stage", what,
                            (unsigned long long)ref.bits);
    }
    return WEIR_OK;
}

weir_status weir__check_given(const void *pointer, const char *name) {
    return pointer != NULL ? WEIR_OK : weir__refuse(WEIR_INVALID, "%s must not be NULL", name);
}

weir_status weir__check_payload(const void *payload, size_t bytes) {
    if (bytes > WEIR__PAYLOAD_LIMIT) {
        return weir__refuse(WEIR_INVALID, "bytes must be at most %d, got %zu",
                            (int)WEIR__PAYLOAD_LIMIT, bytes);
    }
    if (payload == NULL && bytes > 0) {
        return weir__refuse(WEIR_INVALID, "message must not be NULL when bytes is %zu", bytes);
    }
    return WEIR_OK;
}

weir_status weir__check_open(const weir_runtime *runtime) {
    if (weir__load_acquire_u32(&runtime->closing) != 0) { /* T7 -> T8 */
        return weir__refuse(WEIR_CLOSED, "the runtime is closing");
    }
    if (weir__load_relaxed_u32(&runtime->draining) != 0) {
        return weir__refuse(WEIR_CLOSED, "the runtime is draining");
    }
    return WEIR_OK;
}

weir_stage *weir__running_stage(const weir_runtime *runtime, weir_ref ref) {
    struct weir__host *here = weir__here;
    if (here == NULL || here->runtime != runtime || here->running == NULL ||
        here->running->ref.bits != ref.bits) {
        return NULL;
    }
    return here->running;
}

/* ---- messages ------------------------------------------------------------ */

static size_t message_bytes(const struct weir__message *message) {
    return sizeof *message + weir__message_payload(message);
}

void weir__message_used_up(struct weir__host *host, struct weir__message *message) {
    struct weir__worker *worker = WEIR__CONTAINER_OF(host, struct weir__worker, host);
    weir__fetch_sub_u32(&worker->messages, 1);
    weir__free(host->allocator, message, message_bytes(message));
}

weir_status weir__make_message(weir_runtime *runtime, const struct weir__message *head,
                               const void *payload, struct weir__message **out) {
    struct weir__worker *worker = weir__runtime_worker(runtime, head->mail.to);
    *out = NULL;
    if (weir__fetch_add_u32(&worker->messages, 1) >= runtime->options.mailbox_limit) {
        weir__fetch_sub_u32(&worker->messages, 1);
        return WEIR_FULL;
    }
    size_t bytes = message_bytes(head);
    struct weir__message *message = weir__alloc(&runtime->allocator, bytes, 16);
    if (message == NULL) {
        weir__fetch_sub_u32(&worker->messages, 1);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a message of %zu bytes",
                            bytes - sizeof *head);
    }
    memcpy(message, head, sizeof *head);
    if (bytes > sizeof *head) {
        memcpy(message->payload, payload, bytes - sizeof *head);
    }
    *out = message;
    return WEIR_OK;
}

weir_status weir__post(weir_runtime *runtime, const struct weir__message *head,
                       const void *payload) {
    struct weir__message *message;
    weir_status status = weir__make_message(runtime, head, payload, &message);
    if (status != WEIR_OK) {
        return status;
    }
    if (weir__is_starting(message->mail.to)) {
        weir__mail_list_push(&weir__starting->control, &message->mail);
    } else {
        weir__mail_send(&weir__runtime_worker(runtime, message->mail.to)->bell, &message->mail);
    }
    return WEIR_OK;
}
