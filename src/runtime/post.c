/*
 * Posting: see post.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/post.h"

#include "base/check.h"
#include "base/refusal.h"
#include "memory/spans.h"
#include "runtime/errand.h"

#include <string.h>

/* ---- checks -------------------------------------------------------------- */

weir_stage *weir__starting_stage(const weir_runtime *runtime, weir_ref ref) {
    weir_stage *stage = weir__starting;
    while (stage != NULL && (stage->ref.bits != ref.bits || stage->host->runtime != runtime)) {
        stage = stage->outer;
    }
    return stage;
}

bool weir__is_starting(const weir_runtime *runtime, weir_ref ref) {
    return weir__starting_stage(runtime, ref) != NULL;
}

static weir_status refuse_gone(weir_ref ref, const char *what) {
    return weir__refuse(WEIR_NO_STAGE, "%s %#llx names no living stage", what,
                        (unsigned long long)ref.bits);
}

weir_status weir__check_alive(const weir_runtime *runtime, weir_ref ref, const char *what) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (weir__registry_find(&runtime->registry, ref) == NULL && !weir__is_starting(runtime, ref)) {
        return refuse_gone(ref, what);
    }
    return WEIR_OK;
}

weir_status weir__check_payload(const void *payload, const char *name, size_t bytes) {
    if (bytes > WEIR__PAYLOAD_LIMIT) {
        return weir__refuse(WEIR_INVALID, "bytes must be at most %d, got %zu",
                            (int)WEIR__PAYLOAD_LIMIT, bytes);
    }
    if (payload == NULL && bytes > 0) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL when bytes is %zu", name, bytes);
    }
    return WEIR_OK;
}

weir_status weir__check_open(const weir_runtime *runtime) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (weir__load_acquire_u32(&runtime->closing) != 0) { /* T7 -> T8 */
        return weir__refuse(WEIR_CLOSED, "the runtime is closing");
    }
    if (weir__load_relaxed_u32(&runtime->draining) != 0) {
        return weir__refuse(WEIR_CLOSED, "the runtime is draining");
    }
    return WEIR_OK;
}

bool weir__is_inside(const weir_runtime *runtime, weir_ref to) {
    return weir__errand_stage(runtime).bits != 0 ||
           weir__mailbox_tokens(&weir__registry_slot(&runtime->registry, to)->mailbox) > 0;
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

/* What users send is counted, and nothing else: NULL. */
static struct weir__counter *counter_of(const weir_runtime *runtime,
                                        const struct weir__mail *mail) {
    switch (mail->kind) {
    case WEIR__MAIL_CALL:
    case WEIR__MAIL_CAST:
    case WEIR__MAIL_INFO:
        return &weir__registry_slot(&runtime->registry, mail->to)->mailbox.messages;
    case WEIR__MAIL_TIMER:
        return &weir__registry_slot(&runtime->registry, mail->to)->mailbox.timers;
    default:
        return NULL;
    }
}

static weir_status count_message(const weir_runtime *runtime, struct weir__counter *counter,
                                 weir_ref to) {
    switch (counter == NULL ? WEIR__COUNT_DONE
                            : weir__counter_add(counter, weir__ref_generation(to),
                                                weir__is_inside(runtime, to))) {
    case WEIR__COUNT_DONE:
        return WEIR_OK;
    case WEIR__COUNT_FULL:
        return WEIR_FULL;
    default:
        return refuse_gone(to, "stage");
    }
}

/* Before memory is taken for one that is refused anyhow. */
static bool is_full(const struct weir__counter *counter, weir_ref to) {
    uint64_t word = counter == NULL ? 0 : weir__load_relaxed_u64(&counter->count);
    return counter != NULL && weir__counts_for(word, weir__ref_generation(to)) &&
           weir__count_number(word) >= weir__load_relaxed_u64(&counter->limit);
}

static void count_off(struct weir__counter *counter, weir_ref to) {
    if (counter != NULL) {
        weir__counter_take(counter, weir__ref_generation(to));
    }
}

/* What an event that came as a message owns. */
static void drop_owned_message(weir_runtime *runtime, const struct weir__message *message) {
    bool at_home = weir__here != NULL && weir__here->runtime == runtime;
    weir__owned_drop_raw(message->type, message->payload, 1, message->fate,
                         at_home ? &weir__here->pool : NULL, &runtime->workers[0].host.pool);
}

void weir__drop_message(weir_runtime *runtime, struct weir__message *message) {
    if (WEIR__UNLIKELY(message->type != NULL)) {
        drop_owned_message(runtime, message);
    }
    count_off(message->counter, message->mail.to);
    weir__free(&runtime->allocator, message, message_bytes(message));
}

/* A cast, or an info, a timer's too once that was due.  Its fate is STOPPED until a callback
 * has had it. */
static bool is_for_a_callback(const struct weir__message *message) {
    return message->mail.kind == WEIR__MAIL_CAST || message->mail.kind == WEIR__MAIL_INFO ||
           message->mail.kind == WEIR__MAIL_INFO_DUE;
}

/* By whoever works for a worker of the runtime, or, of a stage that never ran, who starts it. */
static void count_fate(weir_runtime *runtime, const struct weir__message *message) {
    bool had = message->fate == WEIR_DISCARD_HANDLED || message->fate == WEIR_DISCARD_ABANDONED;
    struct weir__host *here = weir__here;
    if (here == NULL || here->runtime != runtime) {
        WEIR__CHECK(!had);
        weir__fetch_add_u64(&runtime->foreign_messages_dropped, 1);
    } else {
        weir__count(had ? &here->counters.messages : &here->counters.messages_dropped, 1);
        here->wakes_dropped += message->wakes && !had;
    }
}

void weir__message_used_up(struct weir__host *host, struct weir__message *message) {
    if (is_for_a_callback(message)) {
        count_fate(host->runtime, message);
    }
    weir__drop_message(host->runtime, message);
}

/* What an event's spans point at lies behind it. */
static void write_payload(struct weir__message *message, const void *payload, size_t bytes) {
    const weir_event_type *type = message->type;
    if (type == NULL || type->spans == 0) {
        memcpy(message->payload, payload, bytes);
    } else {
        weir__spans_write(type->spans, type->bytes, payload, message->payload,
                          (char *)message->payload + type->bytes);
    }
}

weir_status weir__make_message(weir_runtime *runtime, const struct weir__message *head,
                               const void *payload, struct weir__message **out) {
    struct weir__counter *counter = counter_of(runtime, &head->mail);
    *out = NULL;
    if (is_full(counter, head->mail.to)) {
        return WEIR_FULL;
    }
    size_t bytes = message_bytes(head);
    struct weir__message *message = weir__alloc(&runtime->allocator, bytes, 16);
    if (message == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a message of %zu bytes",
                            bytes - sizeof *head);
    }
    /* Last: a stage that finishes waits for what is counted, and is woken by the mail alone. */
    weir_status status = count_message(runtime, counter, head->mail.to);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, message, bytes);
        return status;
    }
    memcpy(message, head, sizeof *head);
    message->counter = counter;
    if (bytes > sizeof *head) {
        write_payload(message, payload, bytes - sizeof *head);
    }
    *out = message;
    return WEIR_OK;
}

/* From a stage's own init, to itself, it waits for the stage's start. */
void weir__send(weir_runtime *runtime, struct weir__mail *mail) {
    weir_stage *starting = weir__starting_stage(runtime, mail->to);
    if (starting != NULL) {
        weir__mail_list_push(&starting->control, mail);
    } else {
        weir__mail_send(&weir__runtime_worker(runtime, mail->to)->bell, mail);
    }
}

void weir__send_message(weir_runtime *runtime, struct weir__message *message) {
    weir__send(runtime, &message->mail);
}

bool weir__tell(weir_runtime *runtime, weir_ref stage, enum weir__mail_kind kind,
                weir_reason reason) {
    /* A stage in its init is not known yet, and may tell itself. */
    struct weir__slot *slot = weir__is_starting(runtime, stage)
                                  ? weir__registry_slot(&runtime->registry, stage)
                                  : weir__registry_find(&runtime->registry, stage);
    struct weir__mail *mail;
    if (slot == NULL ||
        !weir__mailbox_tell(&slot->mailbox, weir__ref_generation(stage), kind, reason, &mail)) {
        return false;
    }
    if (mail != NULL) {
        weir__send(runtime, mail);
    }
    return true;
}

weir_status weir__post(weir_runtime *runtime, const struct weir__message *head,
                       const void *payload) {
    weir_ref to = head->mail.to;
    if (weir__mailbox_owns(&head->mail)) {
        bool told = weir__tell(runtime, to, (enum weir__mail_kind)head->mail.kind, head->reason);
        return told ? WEIR_OK : refuse_gone(to, "stage");
    }
    struct weir__message *message;
    weir_status status = weir__make_message(runtime, head, payload, &message);
    if (status == WEIR_OK) {
        weir__send_message(runtime, message);
    }
    return status;
}
