/*
 * Subscriptions, as any thread may begin, feed and end them: see request.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A caller never touches a stage: it looks who lives in a slot (a hint
 * that may be out of date) and sends mail to the slot's worker, whose own look
 * decides.
 */
#include "runtime/request.h"
#include "base/refusal.h"
#include "runtime/options.h"
#include "runtime/placement.h"
#include "runtime/post.h"
#include "runtime/rates.h"
#include "stage/subscription.h"

/* ---- checks -------------------------------------------------------------- */

static weir_status check_producer(const weir_runtime *runtime, weir_ref ref) {
    if (weir__ref_kind(ref) == WEIR_CONSUMER) {
        return weir__refuse(WEIR_NOT_A_PRODUCER, "the stage to subscribe to is a consumer");
    }
    return weir__check_alive(runtime, ref, "producer");
}

static weir_status check_consumer(const weir_runtime *runtime, weir_ref ref) {
    if (weir__ref_kind(ref) == WEIR_PRODUCER) {
        return weir__refuse(WEIR_NOT_A_CONSUMER, "the stage that subscribes is a producer");
    }
    return weir__check_alive(runtime, ref, "consumer");
}

static weir_status refuse_absent(const char *who) {
    return weir__refuse(WEIR_NO_STAGE, "the %s has just stopped, or is starting yet", who);
}

/* What an edge is made with. */
struct matched {
    weir_subscribe_options options; /* filled in */
    bool competes;                  /* its producer has the shared dispatcher */
};

/*
 * A consumer that takes events of one size would not know what to do with others; and of
 * partitions it has to want one.  What is not said of the window depends on the events' size.
 */
static weir_status match(const struct weir__slot *from, weir_ref producer, size_t takes_bytes,
                         const char *taker, const weir_subscribe_options *given,
                         struct matched *out) {
    const weir_subscribe_options *options = &out->options;
    struct weir__label label;
    if (!weir__registry_read_label(from, producer, &label)) {
        return refuse_absent("producer");
    }
    if (takes_bytes != 0 && takes_bytes != label.event_bytes) {
        return weir__refuse(WEIR_INVALID,
                            "stage %s takes events of %zu bytes (takes_bytes), those of stage %s "
                            "have %u",
                            taker, takes_bytes, label.name, (unsigned)label.event_bytes);
    }
    if (label.partitioned && options->partition == 0 && options->partition_name == NULL) {
        return weir__refuse(WEIR_INVALID,
                            "partition or partition_name must be set: stage %.63s subscribes to "
                            "stage %s, which has a partition dispatcher",
                            taker, label.name);
    }
    if (label.shared && options->max_bytes != 0 && options->max_bytes != WEIR_INFINITY) {
        return weir__refuse(WEIR_INVALID,
                            "max_bytes must not be set: stage %.63s subscribes to stage %s, which "
                            "has the shared dispatcher",
                            taker, label.name);
    }
    if (label.shared && options->rate != NULL) {
        return weir__refuse(WEIR_INVALID,
                            "rate must not be set: stage %.63s subscribes to stage %s, which has "
                            "the shared dispatcher",
                            taker, label.name);
    }
    weir__options_fit(given, label.event_bytes, &out->options);
    out->competes = label.shared;
    return WEIR_OK;
}

void weir__request_drop(struct weir__edge *edge) {
    while (edge != NULL) {
        struct weir__edge *next = edge->producers_next;
        weir__edge_release(edge);
        weir__edge_release(edge);
        edge = next;
    }
}

/* ---- subscribing --------------------------------------------------------- */

/* An edge whose options are checked, between two slots; NULL: one has just gone. */
static weir_status make_edge(weir_runtime *runtime, struct weir__slot *from, struct weir__slot *to,
                             weir_ref consumer, weir_ref producer, const struct matched *matched,
                             struct weir__edge **out) {
    if (from == NULL || to == NULL) {
        return refuse_absent(from == NULL ? "producer" : "consumer");
    }
    weir_subscription id = {.consumer = consumer,
                            .producer = producer,
                            .id = weir__fetch_add_u64(&runtime->next_edge, 1)};
    *out = weir__edge_open(&runtime->allocator, id, &matched->options, matched->competes,
                           &from->ready, &to->ready);
    if (*out == NULL || !weir__edge_show(*out, &runtime->sheet)) {
        weir__request_drop(*out);
        *out = NULL;
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a subscription");
    }
    weir__placement_consumes(runtime, producer, consumer);
    (*out)->forth.kind = WEIR__MAIL_EDGE_REQUEST;
    (*out)->forth.to = consumer;
    return WEIR_OK;
}

/* A stage's slot, and what the stage takes; of the stage whose init is running too.  NULL: it
 * has gone. */
static struct weir__slot *slot_living(weir_runtime *runtime, weir_ref ref,
                                      struct weir__label *label) {
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, ref);
    const weir_stage *starting = weir__starting_stage(runtime, ref);
    if (starting != NULL) {
        weir__label_of(starting, label);
        return slot;
    }
    slot = weir__registry_find(&runtime->registry, ref);
    return slot != NULL && weir__registry_read_label(slot, ref, label) ? slot : NULL;
}

weir_status weir__request_make(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                               const weir_subscribe_options *options, struct weir__edge **out) {
    struct matched matched = {.competes = false};
    struct weir__label taker = {.takes_bytes = 0};
    weir_status status = weir__options_subscribe(options, &matched.options);
    status = status != WEIR_OK ? status : weir__check_open(runtime);
    status = status != WEIR_OK ? status : weir__rates_join(runtime, matched.options.rate);
    status = status != WEIR_OK ? status : check_consumer(runtime, consumer);
    status = status != WEIR_OK ? status : check_producer(runtime, producer);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__slot *from = weir__registry_find(&runtime->registry, producer);
    struct weir__slot *to = slot_living(runtime, consumer, &taker);
    if (from != NULL && to != NULL) {
        status = match(from, producer, taker.takes_bytes, taker.name, options, &matched);
    }
    return status != WEIR_OK ? status
                             : make_edge(runtime, from, to, consumer, producer, &matched, out);
}

void weir__request_send(weir_runtime *runtime, struct weir__edge *edge, weir_subscription *out) {
    if (out != NULL) {
        *out = edge->id;
    }
    weir__send(runtime, &edge->forth);
}

static weir_status request_subscription(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                        const weir_subscribe_options *options, bool counted,
                                        weir_subscription *out) {
    struct weir__edge *edge;
    weir_status status = weir__request_make(runtime, consumer, producer, options, &edge);
    if (status != WEIR_OK) {
        return status;
    }
    edge->counted = counted;
    weir__request_send(runtime, edge, out);
    return WEIR_OK;
}

weir_status weir_subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                           const weir_subscribe_options *options, weir_subscription *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    return request_subscription(runtime, consumer, producer, options, false, out);
}

weir_status weir__subscribe_counted(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                    const weir_subscribe_options *options, weir_subscription *out) {
    return request_subscription(runtime, consumer, producer, options, true, out);
}

weir_status weir_resubscribe(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                             weir_ref producer, const weir_subscribe_options *options,
                             weir_subscription *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    struct weir__edge *edge;
    weir_ref from = producer.bits == 0 ? old.producer : producer;
    weir_status status = weir__request_make(runtime, old.consumer, from, options, &edge);
    if (status != WEIR_OK) {
        return status;
    }
    edge->replaces = old.id;
    edge->replace_reason = reason;
    weir__request_send(runtime, edge, out);
    return WEIR_OK;
}

/* ---- those that a stage begins with ---------------------------------------- */

/* The edge of one entry of subscribe_to. */
static weir_status make_wished(weir_runtime *runtime, struct weir__slot *slot, weir_ref ref,
                               const weir_stage_options *options, const weir_subscribe_to *wish,
                               struct weir__edge **out) {
    struct matched matched = {.competes = false};
    weir_ref producer = wish->producer;
    weir_status status = weir__options_subscribe_to(wish, &matched.options);
    status = status != WEIR_OK ? status : weir__rates_join(runtime, matched.options.rate);
    if (status == WEIR_OK && wish->name != NULL) {
        status = weir_whereis(runtime, wish->name, &producer);
    }
    status = status != WEIR_OK ? status : check_producer(runtime, producer);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__slot *from = weir__registry_find(&runtime->registry, producer);
    if (from != NULL) {
        status = match(from, producer, options->takes_bytes, weir__options_name(options),
                       &wish->options, &matched);
    }
    return status != WEIR_OK ? status
                             : make_edge(runtime, from, slot, ref, producer, &matched, out);
}

weir_status weir__request_wishes(weir_runtime *runtime, struct weir__slot *slot, weir_ref ref,
                                 const weir_stage_options *options, struct weir__edge **out) {
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < options->subscribe_count && status == WEIR_OK; i++) {
        status = make_wished(runtime, slot, ref, options, &options->subscribe_to[i], out);
        out = status == WEIR_OK ? &(*out)->producers_next : out;
    }
    return status;
}

/* ---- asking and cancelling ----------------------------------------------- */

static weir_status refuse_over(void) {
    return weir__refuse(WEIR_NO_SUBSCRIPTION, "the subscription has ended");
}

weir_status weir_ask(weir_runtime *runtime, weir_subscription subscription, uint64_t count) {
    if (count > WEIR_MAX_DEMAND_LIMIT) {
        return weir__refuse(WEIR_INVALID, "count must be at most %d, got %llu",
                            WEIR_MAX_DEMAND_LIMIT, (unsigned long long)count);
    }
    weir_stage *self = weir__running_stage(runtime, subscription.consumer);
    if (self != NULL) {
        struct weir__edge *edge = weir__stage_find(self, subscription);
        if (edge == NULL) {
            return refuse_over();
        }
        if (count > 0) {
            weir__subscription_ask_by_hand(self, edge, count);
        }
        return WEIR_OK;
    }
    weir_status status = weir__check_alive(runtime, subscription.consumer, "consumer");
    if (status != WEIR_OK || count == 0) {
        return status;
    }
    struct weir__message head = {.mail = {.to = subscription.consumer, .kind = WEIR__MAIL_ASK},
                                 .subscription = subscription,
                                 .count = count};
    return weir__post(runtime, &head, NULL);
}

/* In a callback of one of its two ends.  False: it is in neither. */
static bool cancel_here(weir_runtime *runtime, weir_subscription subscription, weir_reason reason,
                        weir_status *status) {
    weir_stage *consumer = weir__running_stage(runtime, subscription.consumer);
    weir_stage *producer = weir__running_stage(runtime, subscription.producer);
    if (consumer == NULL && producer == NULL) {
        return false;
    }
    struct weir__edge *edge = consumer != NULL ? weir__stage_find(consumer, subscription)
                                               : weir__stage_find_consumer(producer, subscription);
    *status = edge != NULL ? WEIR_OK : refuse_over();
    if (edge != NULL && consumer != NULL) {
        weir__subscription_cancel(edge, reason);
    } else if (edge != NULL) {
        weir__subscription_evict(producer, edge, reason);
    }
    return true;
}

/* Both ends are told (inbox.c), or neither. */
static weir_status cancel_at_both(weir_runtime *runtime, weir_subscription subscription,
                                  weir_reason reason) {
    struct weir__message head = {.mail = {.to = subscription.consumer, .kind = WEIR__MAIL_CANCEL},
                                 .subscription = subscription,
                                 .reason = reason};
    struct weir__message *to_consumer;
    struct weir__message *to_producer = NULL;
    weir_status status = weir__make_message(runtime, &head, NULL, &to_consumer);
    if (status != WEIR_OK) {
        return status;
    }
    if (weir__registry_find(&runtime->registry, subscription.producer) != NULL) {
        head.mail.to = subscription.producer;
        status = weir__make_message(runtime, &head, NULL, &to_producer);
    }
    if (status != WEIR_OK) {
        weir__drop_message(runtime, to_consumer);
        return status;
    }
    if (to_producer != NULL) {
        weir__send_message(runtime, to_producer);
    }
    weir__send_message(runtime, to_consumer);
    return WEIR_OK;
}

weir_status weir_cancel(weir_runtime *runtime, weir_subscription subscription, weir_reason reason) {
    weir_status status;
    if (cancel_here(runtime, subscription, reason, &status)) {
        return status;
    }
    status = weir__check_alive(runtime, subscription.consumer, "consumer");
    if (status != WEIR_OK) {
        return status;
    }
    return cancel_at_both(runtime, subscription, reason);
}
