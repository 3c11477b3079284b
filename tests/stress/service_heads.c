/*
 * The heads of a service, and what stands behind parts that push or send: see service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/service.h"

/* It is among the ends of what was built so far, beside other heads. */
static struct part *add_source(struct service *service, const char *name) {
    struct part *part = service_part(service, name);
    service->source[service->sources++] = part;
    return part;
}

static void beside(struct service *service, struct part *part) {
    service->ends[service->end_count++] = part;
}

/* ---- inlets -------------------------------------------------------------- */

struct part *service_start_inlet(struct service *service, size_t capacity, weir_when_full policy,
                                 bool last) {
    struct part *part = add_source(service, "inlet");
    const void *options;
    const weir_dispatcher *dispatcher = service_dispatcher(service, last, &options);
    part->policy = policy;
    part->capacity = capacity;
    STRESS_OK(weir_inlet_open(service->runtime,
                              &(weir_inlet_options){.event_bytes = sizeof(struct parcel),
                                                    .capacity = capacity,
                                                    .when_full = policy,
                                                    .dispatcher = dispatcher,
                                                    .dispatcher_options = options,
                                                    .on_cancel = service->on_cancel,
                                                    .discarded = part_told,
                                                    .context = part},
                              &part->inlet, &part->ref));
    return part;
}

static void start_inlet(struct service *service, bool last) {
    size_t capacity = (size_t)stress_between(&service->rng, 1, 50);
    weir_when_full policy = (weir_when_full)weir__rng_below(&service->rng, 4);
    beside(service, service_start_inlet(service, capacity, policy, last));
    struct part *part = service->ends[service->end_count - 1];
    unsigned hands = (unsigned)stress_between(&service->rng, 1, 3);
    for (unsigned i = 0; i < hands; i++)
        service_add_hand(service, part, service->most, service_push);
}

/* ---- iterators ----------------------------------------------------------- */

static weir_made next(void *context, weir_room room) {
    struct part *part = context;
    struct ledger *ledger = &part->service->ledger;
    uint64_t left = ledger_left(ledger, part->source);
    uint64_t most = room.count < left ? room.count : left;
    size_t count = (size_t)stress_between(&part->rng, most > 0, most);
    ledger_write(ledger, part->source, room.events, count);
    ledger_accepted(ledger, part->source, count);
    ledger_count(&ledger->emitted, count);
    stress_pause(&part->rng, part->service->pauses);
    return (weir_made){count, count == left ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void start_iterator(struct service *service, bool last) {
    struct part *part = add_source(service, "iterator");
    const void *options;
    const weir_dispatcher *dispatcher = service_dispatcher(service, last, &options);
    part->source = ledger_source(&service->ledger, service->most);
    STRESS_OK(weir_iterator_start(service->runtime,
                                  &(weir_iterator_options){.event_bytes = sizeof(struct parcel),
                                                           .next = next,
                                                           .discarded = part_told,
                                                           .context = part,
                                                           .demand = WEIR_ACCUMULATE,
                                                           .on_cancel = service->on_cancel,
                                                           .dispatcher = dispatcher,
                                                           .dispatcher_options = options},
                                  &part->ref));
    beside(service, part);
}

/* ---- who emits what it is sent ------------------------------------------- */

static void received(weir_stage *self, const void *message, size_t bytes) {
    struct part *part = part_of(self);
    const struct parcel *parcel = message;
    STRESS_CHECK(bytes == sizeof *parcel);
    parcel_check(parcel);
    ledger_count(&part->service->ledger.received, parcel->count);
    part_emit(self, parcel);
    stress_pause(&part->rng, part->service->pauses);
}

static weir_verdict emit_message(weir_stage *self, const void *message, size_t bytes) {
    received(self, message, bytes);
    return WEIR_CONTINUE;
}

static weir_verdict emit_request(weir_stage *self, weir_from from, const void *message,
                                 size_t bytes) {
    received(self, message, bytes);
    STRESS_OK(weir_reply(weir_stage_runtime(self), from, "", 0));
    return WEIR_CONTINUE;
}

static weir_verdict no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

/* ---- who has its answers cast -------------------------------------------- */

/* A request that nobody can take any more is none. */
static void put_request(struct part *part, struct request request) {
    struct service *service = part->service;
    pthread_mutex_lock(&service->lock);
    STRESS_CHECK(part->requests < SERVICE_REQUESTS);
    part->request[(part->first_request + part->requests++) % SERVICE_REQUESTS] = request;
    pthread_cond_broadcast(&service->asked);
    pthread_mutex_unlock(&service->lock);
}

/* Having asked for all that there is it finishes: the tokens keep it until that has come. */
static weir_verdict ask_outside(weir_stage *self, uint64_t demand) {
    struct part *part = part_of(self);
    struct request request = {.wanted = demand < part->left ? demand : part->left};
    if (request.wanted > 0) {
        weir_status status = weir_busy(weir_stage_runtime(self), weir_self(self), &request.token);
        if (status == WEIR_NO_STAGE) return WEIR_CONTINUE; /* it is about to stop */
        STRESS_OK(status);
        part->left -= request.wanted;
        put_request(part, request);
    }
    return part->left == 0 ? WEIR_FINISH : WEIR_CONTINUE;
}

static struct part *start_source(struct service *service, const char *name, size_t mailbox_limit,
                                 bool last,
                                 weir_verdict (*handle_demand)(weir_stage *self, uint64_t demand)) {
    struct part *part = add_source(service, name);
    const void *options;
    const weir_dispatcher *dispatcher = service_dispatcher(service, last, &options);
    STRESS_OK(weir_stage_start(service->runtime,
                               &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                     .name = name,
                                                     .event_bytes = sizeof(struct parcel),
                                                     .state_bytes = sizeof part,
                                                     .state = &part,
                                                     .buffer_size = WEIR_INFINITY,
                                                     .demand = WEIR_ACCUMULATE,
                                                     .dispatcher = dispatcher,
                                                     .dispatcher_options = options,
                                                     .on_cancel = service->on_cancel,
                                                     .mailbox_limit = mailbox_limit,
                                                     .on = {.handle_demand = handle_demand,
                                                            .handle_cast = emit_message,
                                                            .handle_info = emit_message,
                                                            .handle_call = emit_request,
                                                            .discarded = part_discarded}},
                               &part->ref));
    return part;
}

struct part *service_start_mail(struct service *service, size_t mailbox_limit, bool last) {
    return start_source(service, "mail", mailbox_limit, last, no_demand);
}

static void start_mail(struct service *service, bool last) {
    size_t limit =
        stress_chance(&service->rng, 3) ? (size_t)stress_between(&service->rng, 1, 8) : 0;
    struct part *part = service_start_mail(service, limit, last);
    unsigned hands = (unsigned)stress_between(&service->rng, 1, 2);
    for (unsigned i = 0; i < hands; i++)
        service_add_hand(service, part, service->most, service_send);
    beside(service, part);
}

static void start_answers(struct service *service, bool last) {
    struct part *part = start_source(service, "answers", 0, last, ask_outside);
    unsigned hands = (unsigned)stress_between(&service->rng, 1, 2);
    part->left = service->most;
    part->request = service->request[service->answering++];
    for (unsigned i = 0; i < hands; i++)
        service_add_hand(service, part, service->most, service_answer);
    beside(service, part);
}

void service_start_head(struct service *service, enum head head, bool last) {
    switch (head) {
    case HEAD_INLET:
        start_inlet(service, last);
        return;
    case HEAD_ITERATOR:
        start_iterator(service, last);
        return;
    case HEAD_ANSWERS:
        start_answers(service, last);
        return;
    default:
        start_mail(service, last);
    }
}
