/*
 * Pushes: messages that come from the program, and who is told of them.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A push is one piece of memory: a ledger of its own, a record for each message, the acks that are
 * to be, the messages as they go to the inlet, and their bytes.  Who settles the last record tells
 * the pusher, and frees it.
 *
 *   field   writers                               readers
 *   left    who settles, down                     the same
 *
 * Ordering
 *   SP1 -> SP2  left goes down (full), behind the records' fates -> the last one's own step (full):
 *               he sees all of them.
 */
#include "base/check.h"
#include "base/refusal.h"
#include "pipeline/source.h"

#include <string.h>

struct source_push {
    struct weir__ledger ledger;
    weir_source *source;
    weir_pushed *settled;
    void *context;
    uint64_t left; /* atomic */
    size_t count;
    size_t bytes; /* of all of it */
    weir_ack *acks;
    weir_message *messages;
    _Alignas(64) struct weir__record records[];
};

static void free_push(struct source_push *push) {
    weir_source *source = push->source;
    weir__fetch_sub_u64(&source->pushed, push->count); /* SO3 -> SO4 */
    weir__free(&source->quay.runtime->allocator, push, push->bytes);
    if (weir__source_has_ended(source)) { /* it waits for them */
        weir__source_call(source);
    }
    weir__quay_release(&source->quay, 1);
}

static void tell_pusher(struct source_push *push) {
    for (size_t i = 0; i < push->count; i++) {
        uint64_t fate = weir__load_relaxed_u64(&push->records[i].worst);
        push->acks[i] = (weir_ack){.token = i,
                                   .deliveries = push->messages[i].deliveries,
                                   .outcome = weir__fate_outcome(fate),
                                   .why = weir__fate_why(fate),
                                   .reason = weir__fate_reason(fate)};
    }
    push->settled(push->context, push->acks, push->count);
}

/* Each of a run's records has its own fate again. */
static void have_fates(struct weir__record *head) {
    uint64_t fate;
    for (uint64_t bits = weir__run_open(head, &fate); bits != 0; bits &= bits - 1) {
        weir__store_relaxed_u64(&weir__run_record(head, bits)->worst, fate);
    }
}

static void push_took(struct weir__ledger *ledger, struct weir__record *first,
                      struct weir__record *last, uint32_t count) {
    struct source_push *push = WEIR__CONTAINER_OF(ledger, struct source_push, ledger);
    struct weir__record *next;
    for (struct weir__record *head = first; head != NULL; head = next) {
        next = head == last ? NULL : head->next;
        have_fates(head);
    }
    uint64_t before = weir__fetch_sub_u64(&push->left, count); /* SP1 -> SP2 */
    WEIR__CHECK(before >= count);
    if (before != count) {
        return;
    } /* SP1 -> SP2: the last one sees all fates */
    if (push->settled != NULL) {
        tell_pusher(push);
    }
    free_push(push);
}

/* ---- making one ----------------------------------------------------------------- */

static uint64_t spans_of(const weir_message *messages, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes +=
            (uint64_t)messages[i].data.count + messages[i].key.count + messages[i].headers.count;
    }
    return bytes;
}

static char *put_span(weir_bytes *span, char *at) {
    const char *from = span->at;
    span->at = at;
    if (span->count > 0) {
        memcpy(at, from, span->count);
    }
    return at + span->count;
}

static void fill_push(struct source_push *push, const weir_message *messages, char *at) {
    for (size_t i = 0; i < push->count; i++) {
        weir_message *to = &push->messages[i];
        const weir_message *from = &messages[i];
        *to = *from;
        to->room = 0;
        to->outcome = WEIR_MESSAGE_OK;
        to->failed_as = WEIR_MESSAGE_OK; /* a dead letter of somebody else's is none here */
        to->failed_in = 0;
        to->reason = 0;
        push->records[i].ledger = &push->ledger;
        weir__record_rest(&push->records[i]);
        to->ack = weir__record_word(&push->records[i]);
        at = put_span(&to->headers, put_span(&to->key, put_span(&to->data, at)));
    }
}

/* It holds the source, as long as it is there. */
static struct source_push *make_push(weir_source *source, const weir_message *messages,
                                     size_t count) {
    size_t acks_at = sizeof(struct source_push) + count * sizeof(struct weir__record);
    size_t messages_at = acks_at + count * sizeof(weir_ack);
    size_t bytes_at = messages_at + count * sizeof(weir_message);
    uint64_t payload = spans_of(messages, count);
    if (payload > SIZE_MAX / 2) {
        return NULL;
    }
    struct source_push *push =
        weir__alloc(&source->quay.runtime->allocator, bytes_at + (size_t)payload, 64);
    if (push == NULL) {
        return NULL;
    }
    char *base = (char *)push;
    *push = (struct source_push){.ledger = {.forks = weir__forks, .took = push_took},
                                 .source = source,
                                 .left = count,
                                 .count = count,
                                 .bytes = bytes_at + (size_t)payload,
                                 .acks = (weir_ack *)(void *)(base + acks_at),
                                 .messages = (weir_message *)(void *)(base + messages_at)};
    fill_push(push, messages, base + bytes_at);
    weir__quay_hold(&source->quay, 1);
    return push;
}

/* ---- pushing -------------------------------------------------------------------- */

static bool reserve_pushed(weir_source *source, size_t count) {
    uint64_t pushed = weir__load_relaxed_u64(&source->pushed);
    do {
        if (pushed + count > source->options.max_outstanding) {
            return false;
        }
    } while (!weir__cas_u64(&source->pushed, &pushed, pushed + count));
    return true;
}

static weir_status push_all(weir_source *source, struct source_push *push, uint64_t timeout_ns) {
    weir_status status = weir_inlet_push(source->inlet, push->messages, push->count, timeout_ns);
    if (status != WEIR_OK) {
        free_push(push);
    }
    return status;
}

weir_status weir_source_push(weir_source *source, const weir_message *messages, size_t count,
                             uint64_t timeout_ns, weir_pushed *settled, void *context) {
    if (weir__source_unfit(source) || (count > 0 && weir__missing(messages, "messages"))) {
        return weir__refused();
    }
    if (count == 0) {
        if (settled != NULL) {
            settled(context, NULL, 0);
        }
        return WEIR_OK;
    }
    if (count > source->inlet->bounds.events) {
        return weir__refuse(WEIR_INVALID, "a push has %llu messages at most, got %zu",
                            (unsigned long long)source->inlet->bounds.events, count);
    }
    if (weir__source_has_ended(source)) {
        return weir__refuse(WEIR_NO_STAGE, "source %s has ended", source->name);
    }
    if (!reserve_pushed(source, count)) {
        return WEIR_FULL;
    }
    struct source_push *push = make_push(source, messages, count);
    if (push == NULL) {
        weir__fetch_sub_u64(&source->pushed, count);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a push of %zu messages", count);
    }
    push->settled = settled;
    push->context = context;
    return push_all(source, push, timeout_ns);
}
