/*
 * The calls that any thread may make: starting, subscribing, sending messages.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A caller never touches a stage: it looks at the generation of a slot (a hint
 * that may be out of date) and sends mail to the worker that the reference
 * names; that worker's own look decides.
 */
#include "base/refusal.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

#include <string.h>

enum { PAYLOAD_LIMIT = 1 << 30 };

/* ---- checks -------------------------------------------------------------- */

static weir_status check_alive(const weir_runtime *runtime, weir_ref ref, const char *what) {
    if (weir__ref_kind(ref) == 0 || weir__runtime_worker(runtime, ref) == NULL ||
        weir__registry_find(&runtime->registry, ref) == NULL) {
        return weir__refuse(WEIR_NO_STAGE, "%s %#llx names no living stage", what,
                            (unsigned long long)ref.bits);
    }
    return WEIR_OK;
}

static weir_status check_producer(const weir_runtime *runtime, weir_ref ref) {
    if (weir__ref_kind(ref) == WEIR_CONSUMER) {
        return weir__refuse(WEIR_NOT_A_PRODUCER, "the stage to subscribe to is a consumer");
    }
    return check_alive(runtime, ref, "producer");
}

static weir_status check_consumer(const weir_runtime *runtime, weir_ref ref) {
    if (weir__ref_kind(ref) == WEIR_PRODUCER) {
        return weir__refuse(WEIR_NOT_A_CONSUMER, "the stage that subscribes is a producer");
    }
    return check_alive(runtime, ref, "consumer");
}

static weir_status check_open(const weir_runtime *runtime) {
    if (weir__load_acquire_u32(&runtime->closing) != 0) { /* T7 -> T8 */
        return weir__refuse(WEIR_CLOSED, "the runtime is closing");
    }
    return WEIR_OK;
}

/* ---- subscribing --------------------------------------------------------- */

/* Everything is checked but that both are alive, which only their workers know. */
static struct weir__edge *make_edge(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                    const weir_subscribe_options *options) {
    struct weir__slot *from = weir__registry_find(&runtime->registry, producer);
    struct weir__slot *to = weir__registry_find(&runtime->registry, consumer);
    if (from == NULL || to == NULL) {
        weir__refuse(WEIR_NO_STAGE, "the stage has just stopped");
        return NULL;
    }
    weir_subscription id = {.consumer = consumer,
                            .producer = producer,
                            .id = weir__fetch_add_u64(&runtime->next_edge, 1)};
    struct weir__edge *edge =
        weir__edge_open(&runtime->allocator, id, options, &from->ready, &to->ready);
    if (edge == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for a subscription");
    }
    return edge;
}

static void send_request(weir_runtime *runtime, struct weir__edge *edge) {
    edge->forth.kind = WEIR__MAIL_EDGE_REQUEST;
    edge->forth.to = edge->id.consumer;
    weir__mail_send(&weir__runtime_worker(runtime, edge->id.consumer)->bell, &edge->forth);
}

weir_status weir_subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                           const weir_subscribe_options *options, weir_subscription *out) {
    weir_subscribe_options filled;
    weir_status status = weir__options_subscribe(options, &filled);
    status = status != WEIR_OK ? status : check_open(runtime);
    status = status != WEIR_OK ? status : check_consumer(runtime, consumer);
    status = status != WEIR_OK ? status : check_producer(runtime, producer);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__edge *edge = make_edge(runtime, consumer, producer, &filled);
    if (edge == NULL) {
        return check_alive(runtime, producer, "producer") == WEIR_OK &&
                       check_alive(runtime, consumer, "consumer") == WEIR_OK
                   ? WEIR_NO_MEMORY
                   : WEIR_NO_STAGE;
    }
    if (out != NULL) {
        *out = edge->id;
    }
    send_request(runtime, edge);
    return WEIR_OK;
}

/* ---- starting ------------------------------------------------------------ */

static struct weir__worker *place(weir_runtime *runtime, const weir_stage_options *options) {
    unsigned index = options->worker > 0
                         ? options->worker - 1
                         : weir__fetch_add_u32(&runtime->next_worker, 1) % runtime->worker_count;
    return &runtime->workers[index];
}

/* The edges of subscribe_to, linked by producers_next; made before anything is known. */
static weir_status make_edges(weir_runtime *runtime, struct weir__slot *slot, weir_ref ref,
                              const weir_stage_options *options, struct weir__edge **out) {
    struct weir__edge **end = out;
    for (size_t i = 0; i < options->subscribe_count; i++) {
        const weir_subscribe_to *wish = &options->subscribe_to[i];
        weir_subscribe_options filled;
        weir_status status = weir__options_subscribe(&wish->options, &filled);
        status = status != WEIR_OK ? status : check_producer(runtime, wish->producer);
        if (status != WEIR_OK) {
            return status;
        }
        struct weir__slot *from = weir__registry_find(&runtime->registry, wish->producer);
        weir_subscription id = {.consumer = ref,
                                .producer = wish->producer,
                                .id = weir__fetch_add_u64(&runtime->next_edge, 1)};
        struct weir__edge *edge = from == NULL ? NULL
                                               : weir__edge_open(&runtime->allocator, id, &filled,
                                                                 &from->ready, &slot->ready);
        if (edge == NULL) {
            return from == NULL ? weir__refuse(WEIR_NO_STAGE, "the producer has just stopped")
                                : weir__refuse(WEIR_NO_MEMORY, "no memory for a subscription");
        }
        *end = edge;
        end = &edge->producers_next;
    }
    return WEIR_OK;
}

static void drop_edges(struct weir__edge *edge) {
    while (edge != NULL) {
        struct weir__edge *next = edge->producers_next;
        weir__edge_release(edge);
        weir__edge_release(edge);
        edge = next;
    }
}

static void launch(weir_runtime *runtime, struct weir__worker *worker, struct weir__slot *slot,
                   weir_stage *stage, struct weir__edge *edges) {
    weir__registry_publish(slot);
    weir__fetch_add_u32(&runtime->alive, 1);
    stage->start.kind = WEIR__MAIL_START;
    stage->start.to = stage->ref;
    stage->stops = weir__load_relaxed_u32(&runtime->stops);
    weir__mail_send(&worker->bell, &stage->start);
    while (edges != NULL) {
        struct weir__edge *edge = edges;
        edges = edge->producers_next;
        edge->producers_next = NULL;
        send_request(runtime, edge);
    }
}

weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options *options,
                             weir_ref *out) {
    weir_status status = weir__options_stage(options, runtime->worker_count);
    status = status != WEIR_OK ? status : check_open(runtime);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__worker *worker = place(runtime, options);
    struct weir__slot *slot =
        weir__registry_take(&runtime->registry, &worker->bell, &worker->free_slots);
    if (slot == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a stage, or there are %d already",
                            (int)WEIR__REGISTRY_STAGES_MAX);
    }
    weir_ref ref = weir__registry_ref(slot, worker->index, options->kind);
    struct weir__edge *edges = NULL;
    weir_stage *stage = NULL;
    status = make_edges(runtime, slot, ref, options, &edges);
    if (status == WEIR_OK) {
        status = weir__stage_open(&worker->host, &slot->ready, ref, options, &stage);
    }
    if (status != WEIR_OK) {
        drop_edges(edges);
        weir__registry_give(slot, &worker->free_slots);
        return status;
    }
    if (out != NULL) {
        *out = ref;
    }
    launch(runtime, worker, slot, stage, edges);
    return WEIR_OK;
}

/* ---- messages ------------------------------------------------------------ */

static size_t message_bytes(const struct weir__message *message) {
    bool payload = message->mail.kind == WEIR__MAIL_CAST || message->mail.kind == WEIR__MAIL_INFO ||
                   message->mail.kind == WEIR__MAIL_INFO_DUE;
    return sizeof *message + (payload ? (size_t)message->count : 0);
}

void weir__message_used_up(struct weir__host *host, struct weir__message *message) {
    struct weir__worker *worker = WEIR__CONTAINER_OF(host, struct weir__worker, host);
    weir__fetch_sub_u32(&worker->messages, 1);
    weir__free(host->allocator, message, message_bytes(message));
}

/* Sends a copy of `head` with its payload, within the worker's limit. */
static weir_status post(weir_runtime *runtime, const struct weir__message *head,
                        const void *payload) {
    struct weir__worker *worker = weir__runtime_worker(runtime, head->mail.to);
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
    weir__mail_send(&worker->bell, &message->mail);
    return WEIR_OK;
}

static weir_status post_payload(weir_runtime *runtime, weir_ref stage, enum weir__mail_kind kind,
                                const void *payload, size_t bytes) {
    weir_status status = check_alive(runtime, stage, "stage");
    if (status == WEIR_OK && bytes > PAYLOAD_LIMIT) {
        status = weir__refuse(WEIR_INVALID, "bytes must be at most %d, got %zu", (int)PAYLOAD_LIMIT,
                              bytes);
    }
    if (status == WEIR_OK && payload == NULL && bytes > 0) {
        status = weir__refuse(WEIR_INVALID, "message must not be NULL when bytes is %zu", bytes);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = kind}, .count = bytes};
    return post(runtime, &head, payload);
}

weir_status weir_cast(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes) {
    return post_payload(runtime, stage, WEIR__MAIL_CAST, message, bytes);
}

weir_status weir_info(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes) {
    return post_payload(runtime, stage, WEIR__MAIL_INFO, message, bytes);
}

weir_status weir_stop(weir_runtime *runtime, weir_ref stage, weir_reason reason) {
    weir_status status = check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_STOP}, .reason = reason};
    return post(runtime, &head, NULL);
}

weir_status weir_demand(weir_runtime *runtime, weir_ref stage, weir_demand_mode mode) {
    weir_kind kind = weir__ref_kind(stage); /* 0: the reference of no stage */
    if (kind == WEIR_PRODUCER_CONSUMER || kind == WEIR_CONSUMER) {
        return weir__refuse(WEIR_NOT_A_PRODUCER, "only a producer has a demand mode");
    }
    if ((unsigned)mode > WEIR_ACCUMULATE) {
        return weir__refuse(WEIR_INVALID,
                            "mode must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got %d", (int)mode);
    }
    weir_status status = check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_MODE}, .mode = mode};
    return post(runtime, &head, NULL);
}

/* ---- asking and cancelling ----------------------------------------------- */

/* The consumer itself, when this is one of its callbacks; else NULL. */
static weir_stage *own_stage(const weir_runtime *runtime, weir_subscription subscription) {
    if (weir__here == NULL || weir__here->runtime != runtime || weir__here->running == NULL ||
        weir__here->running->ref.bits != subscription.consumer.bits) {
        return NULL;
    }
    return weir__here->running;
}

static weir_status refuse_ended(void) {
    return weir__refuse(WEIR_NO_SUBSCRIPTION, "the subscription has ended");
}

weir_status weir_ask(weir_runtime *runtime, weir_subscription subscription, uint64_t count) {
    if (count > WEIR_MAX_DEMAND_LIMIT) {
        return weir__refuse(WEIR_INVALID, "count must be at most %d, got %llu",
                            WEIR_MAX_DEMAND_LIMIT, (unsigned long long)count);
    }
    weir_stage *self = own_stage(runtime, subscription);
    if (self != NULL) {
        struct weir__edge *edge = weir__stage_find(self, subscription);
        if (edge == NULL) {
            return refuse_ended();
        }
        if (count > 0) {
            weir__edge_ask(edge, count);
        }
        if (count > 0 && edge->subscribed) { /* else the producer looks when it opens */
            weir__outbox_touch(&self->host->outbox, edge, WEIR__DEMAND);
        }
        return WEIR_OK;
    }
    weir_status status = check_alive(runtime, subscription.consumer, "consumer");
    if (status != WEIR_OK || count == 0) {
        return status;
    }
    struct weir__message head = {.mail = {.to = subscription.consumer, .kind = WEIR__MAIL_ASK},
                                 .subscription = subscription,
                                 .count = count};
    return post(runtime, &head, NULL);
}

weir_status weir_cancel(weir_runtime *runtime, weir_subscription subscription, weir_reason reason) {
    weir_stage *self = own_stage(runtime, subscription);
    if (self != NULL) {
        struct weir__edge *edge = weir__stage_find(self, subscription);
        if (edge == NULL) {
            return refuse_ended();
        }
        weir__stage_request_cancel(edge, reason);
        return WEIR_OK;
    }
    weir_status status = check_alive(runtime, subscription.consumer, "consumer");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = subscription.consumer, .kind = WEIR__MAIL_CANCEL},
                                 .subscription = subscription,
                                 .reason = reason};
    return post(runtime, &head, NULL);
}
