/*
 * The calls that wait for a stage's answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "runtime/waiting.h"
#include "stage/subscription.h"

#include <string.h>

/* The sentence that belongs to what a call was answered with. */
static weir_status told_status(weir_status status, weir_ref stage) {
    unsigned long long bits = (unsigned long long)stage.bits;
    if (status == WEIR_NO_STAGE) {
        return weir__refuse(status, "stage %#llx has stopped, or never was", bits);
    }
    if (status == WEIR_UNHANDLED) {
        return weir__refuse(status, "stage %#llx has no handle_call", bits);
    }
    if (status == WEIR_NO_SUBSCRIPTION) {
        return weir__refuse(status, "the subscription was refused, or has ended");
    }
    return status;
}

weir_status weir_call(weir_runtime *runtime, weir_ref stage, const void *request, size_t bytes,
                      weir_answer *answer, uint64_t timeout_ns) {
    weir_status status = weir__check_payload(request, "request", bytes);
    if (status == WEIR_OK && answer != NULL && answer->bytes == NULL && answer->room > 0) {
        status = weir__refuse(WEIR_INVALID, "answer.bytes must not be NULL when room is %zu",
                              answer->room);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_CALL}, .count = bytes};
    return told_status(weir__wait(runtime, &head, request, answer, timeout_ns, "weir_call"), stage);
}

weir_status weir_reply(weir_runtime *runtime, weir_from from, const void *answer, size_t bytes) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (answer == NULL && bytes > 0) {
        return weir__refuse(WEIR_INVALID, "answer must not be NULL when bytes is %zu", bytes);
    }
    if (!weir__caller_answer(&runtime->calls, from, WEIR_OK, answer, bytes)) {
        return weir__refuse(WEIR_NO_CALLER, "nobody waits for that answer any more");
    }
    return WEIR_OK;
}

weir_status weir_stop_wait(weir_runtime *runtime, weir_ref stage, weir_reason reason,
                           uint64_t timeout_ns) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_STOP}, .reason = reason};
    status = weir__wait(runtime, &head, NULL, NULL, timeout_ns, "weir_stop_wait");
    return status == WEIR_NO_STAGE ? WEIR_OK : status; /* which is what it waited for */
}

static void answer_that_it_came(weir_stage *stage, weir_from from, uint64_t argument) {
    (void)argument;
    weir__caller_answer(stage->host->calls, from, WEIR_OK, NULL, 0);
}

/* Before anything is sent that is then to be waited for. */
static weir_status may_wait(weir_runtime *runtime, weir_ref stage, const char *call) {
    weir_status status = weir__waiting_begin(runtime, stage, call);
    weir__waiting_end(runtime);
    return status;
}

/* What is waited for was sent: that this worker must not wait by now is no refusal. */
static weir_status once_sent(weir_status status) {
    return status == WEIR_WRONG_THREAD ? WEIR_TIMEOUT : status;
}

weir_status weir_info_wait(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes,
                           uint64_t timeout_ns) {
    weir_status status = may_wait(runtime, stage, "weir_info_wait");
    status = status != WEIR_OK ? status : weir_info(runtime, stage, message, bytes);
    if (status != WEIR_OK) {
        return status;
    }
    weir_answer none = {0};
    status = weir__ask_stage(runtime, stage, answer_that_it_came, 0, &none, timeout_ns,
                             "weir_info_wait");
    return told_status(once_sent(status), stage);
}

/* ---- subscribing, and waiting for it ------------------------------------- */

static void consumes(weir_stage *stage, weir_from from, uint64_t id) {
    bool found = weir__stage_find(stage, (weir_subscription){.id = id}) != NULL;
    weir__caller_answer(stage->host->calls, from, found ? WEIR_OK : WEIR_NO_SUBSCRIPTION, NULL, 0);
}

/* One that waits in line (stage/leaving.c) is answered for when it waits no more. */
static void produces(weir_stage *stage, weir_from from, uint64_t id) {
    struct weir__edge *edge = weir__stage_find_consumer(stage, (weir_subscription){.id = id});
    if (edge != NULL && weir__edge_in_line(edge)) {
        edge->asker = from;
        return;
    }
    weir__caller_answer(stage->host->calls, from, edge != NULL ? WEIR_OK : WEIR_NO_SUBSCRIPTION,
                        NULL, 0);
}

/* The same in a callback, for which whom it waits behind may wait in turn. */
static void produces_now(weir_stage *stage, weir_from from, uint64_t id) {
    struct weir__edge *edge = weir__stage_find_consumer(stage, (weir_subscription){.id = id});
    bool waits = edge != NULL && weir__edge_in_line(edge);
    weir__caller_answer(stage->host->calls, from,
                        waits          ? WEIR_TIMEOUT
                        : edge != NULL ? WEIR_OK
                                       : WEIR_NO_SUBSCRIPTION,
                        NULL, 0);
}

/* Whether it stands at the consumer, and then at the producer. */
static weir_status await_both(weir_runtime *runtime, weir_subscription made, uint64_t begun,
                              uint64_t timeout_ns, const char *call) {
    weir_answer none = {0};
    weir_status status =
        weir__ask_stage(runtime, made.consumer, consumes, made.id, &none, timeout_ns, call);
    uint64_t passed = weir_runtime_now(runtime) - begun;
    uint64_t left = timeout_ns == WEIR_FOREVER ? WEIR_FOREVER
                    : passed < timeout_ns      ? timeout_ns - passed
                                               : 0;
    if (status != WEIR_OK) {
        return told_status(once_sent(status), made.consumer);
    }
    status = weir__ask_stage(runtime, made.producer, weir__here == NULL ? produces : produces_now,
                             made.id, &none, left, call);
    return told_status(once_sent(status), made.producer);
}

weir_status weir_subscribe_wait(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                const weir_subscribe_options *options, uint64_t timeout_ns,
                                weir_subscription *out) {
    static const char *const call = "weir_subscribe_wait";
    weir_subscription made;
    uint64_t begun = weir_runtime_now(runtime);
    weir_status status = may_wait(runtime, consumer, call);
    status = status != WEIR_OK ? status : may_wait(runtime, producer, call);
    status =
        status != WEIR_OK ? status : weir_subscribe(runtime, consumer, producer, options, &made);
    if (status != WEIR_OK) {
        return status;
    }
    if (out != NULL) {
        *out = made;
    }
    return await_both(runtime, made, begun, timeout_ns, call);
}

weir_status weir_resubscribe_wait(weir_runtime *runtime, weir_subscription old, weir_reason reason,
                                  weir_ref producer, const weir_subscribe_options *options,
                                  uint64_t timeout_ns, weir_subscription *out) {
    static const char *const call = "weir_resubscribe_wait";
    weir_subscription made;
    uint64_t begun = weir_runtime_now(runtime);
    weir_status status = may_wait(runtime, old.consumer, call);
    status = status != WEIR_OK
                 ? status
                 : may_wait(runtime, producer.bits == 0 ? old.producer : producer, call);
    status = status != WEIR_OK ? status
                               : weir_resubscribe(runtime, old, reason, producer, options, &made);
    if (status != WEIR_OK) {
        return status;
    }
    if (out != NULL) {
        *out = made;
    }
    return await_both(runtime, made, begun, timeout_ns, call);
}

/* ---- what a stage knows of itself ---------------------------------------- */

static weir_status ask_value(weir_runtime *runtime, weir_ref stage, weir__query *function,
                             uint64_t timeout_ns, void *out, size_t bytes, const char *call) {
    weir_answer answer = {.bytes = out, .room = bytes};
    weir_status status = weir__check_given(out, "out");
    if (status != WEIR_OK) {
        return status;
    }
    return told_status(weir__ask_stage(runtime, stage, function, 0, &answer, timeout_ns, call),
                       stage);
}

static void answer_mode(weir_stage *stage, weir_from from, uint64_t argument) {
    (void)argument;
    weir__caller_answer(stage->host->calls, from, WEIR_OK, &stage->mode, sizeof stage->mode);
}

weir_status weir_demand_mode_of(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                weir_demand_mode *out) {
    return ask_value(runtime, stage, answer_mode, timeout_ns, out, sizeof *out,
                     "weir_demand_mode_of");
}

static void answer_buffered(weir_stage *stage, weir_from from, uint64_t argument) {
    (void)argument;
    uint64_t count = stage->kind == WEIR_CONSUMER ? 0 : weir_buffered(stage);
    weir__caller_answer(stage->host->calls, from, WEIR_OK, &count, sizeof count);
}

weir_status weir_estimate_buffered(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                   uint64_t *out) {
    return ask_value(runtime, stage, answer_buffered, timeout_ns, out, sizeof *out,
                     "weir_estimate_buffered");
}

/* What is listed of a subscription, and where it is written. */
typedef void describe(const weir_stage *stage, const struct weir__edge *edge, void *out);

static void describe_subscription(const weir_stage *stage, const struct weir__edge *edge,
                                  void *out) {
    (void)stage;
    memcpy(out, &edge->id, sizeof edge->id);
}

static void describe_lag(const weir_stage *stage, const struct weir__edge *edge, void *out) {
    uint64_t now = weir_runtime_now(stage->host->runtime);
    weir_lag lag = {
        .subscription = edge->id, .leaving = weir__edge_leaving(edge), .in_line = edge->in_line};
    lag.open_demand = lag.leaving ? 0 : weir__edge_open_demand(edge);
    lag.silent_ns = now > edge->heard_ns ? now - edge->heard_ns : 0;
    lag.rate_due_ns =
        weir__edge_is_limited(edge) ? weir__load_relaxed_u64(&edge->limit->until_ns) : 0;
    memcpy(out, &lag, sizeof lag);
}

enum which { CONSUMERS, PRODUCERS, LAGS };

/* The lists that there are: of which side, and what of each. */
static const struct listing {
    bool consumers;
    bool leavers; /* they come behind those */
    size_t bytes;
    describe *describe;
} listings[] = {[CONSUMERS] = {true, false, sizeof(weir_subscription), describe_subscription},
                [PRODUCERS] = {false, false, sizeof(weir_subscription), describe_subscription},
                [LAGS] = {true, true, sizeof(weir_lag), describe_lag}};

/* Behind `edge`; NULL: the first one. */
static const struct weir__edge *next_of(const struct listing *listing, const weir_stage *stage,
                                        const struct weir__edge *edge) {
    if (!listing->consumers) {
        return edge == NULL ? stage->producers : edge->producers_next;
    }
    if (edge != NULL && weir__edge_leaving(edge)) {
        return edge->leavers_next;
    }
    const struct weir__edge *next = edge == NULL ? stage->consumers : edge->consumers_next;
    return next == NULL && listing->leavers ? stage->leavers : next;
}

/* A list is answered with whole. */
static void answer_list(weir_stage *stage, weir_from from, uint64_t which) {
    const struct listing *listing = &listings[which];
    const struct weir__edge *edge = NULL;
    size_t count = 0;
    while ((edge = next_of(listing, stage, edge)) != NULL) {
        count++;
    }
    size_t bytes = count * listing->bytes;
    unsigned char *all = weir__alloc(stage->host->allocator, bytes, 16);
    if (all == NULL && count > 0) {
        weir__caller_answer(stage->host->calls, from, WEIR_NO_MEMORY, NULL, 0);
        return;
    }
    unsigned char *at = all;
    while ((edge = next_of(listing, stage, edge)) != NULL) {
        listing->describe(stage, edge, at);
        at += listing->bytes;
    }
    weir__caller_answer(stage->host->calls, from, WEIR_OK, all, bytes);
    weir__free(stage->host->allocator, all, bytes);
}

static weir_status ask_list(weir_runtime *runtime, weir_ref stage, enum which which,
                            uint64_t timeout_ns, void *out, size_t room, size_t *count,
                            const char *call) {
    size_t each = listings[which].bytes;
    size_t most = SIZE_MAX / each;
    weir_answer answer = {.bytes = out, .room = (room < most ? room : most) * each};
    weir_status status = weir__check_given(count, "count");
    if (status == WEIR_OK && room > 0) {
        status = weir__check_given(out, "out");
    }
    if (status != WEIR_OK) {
        return status;
    }
    status = weir__ask_stage(runtime, stage, answer_list, which, &answer, timeout_ns, call);
    if (status == WEIR_OK) {
        *count = answer.count / each;
    }
    if (status == WEIR_NO_MEMORY) {
        return weir__refuse(status, "no memory for a list of subscriptions");
    }
    return told_status(status, stage);
}

weir_status weir_consumers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count) {
    return ask_list(runtime, stage, CONSUMERS, timeout_ns, out, room, count, "weir_consumers");
}

weir_status weir_producers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count) {
    return ask_list(runtime, stage, PRODUCERS, timeout_ns, out, room, count, "weir_producers");
}

weir_status weir_lags(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns, weir_lag *out,
                      size_t room, size_t *count) {
    return ask_list(runtime, stage, LAGS, timeout_ns, out, room, count, "weir_lags");
}
