/*
 * The middle parts of a service: see service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/service.h"

#include "base/atomic.h"

#include <string.h>

enum { RING_OUT, RING_BACK, RING_PARTITIONS };

static const uint64_t long_ns =
    UINT64_C(1000000000000000); /* for a reminder: never, but at its end */

/* ---- starting ------------------------------------------------------------ */

/* A producer_consumer with these callbacks, and those of all. */
struct start {
    const char *name;
    const weir_subscribe_to *list;
    unsigned count;
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_kind kind;
    weir_callbacks on;
};

static void start_stage(struct service *service, struct part *part, const struct start *start) {
    weir_callbacks on = start->on;
    on.handle_subscribe = part_subscribed;
    on.discarded = part_discarded;
    STRESS_OK(weir_stage_start(
        service->runtime,
        &(weir_stage_options){.kind = start->kind,
                              .name = start->name,
                              .event_bytes =
                                  start->kind == WEIR_CONSUMER ? 0 : sizeof(struct parcel),
                              .state_bytes = sizeof part,
                              .state = &part,
                              .subscribe_to = start->count > 0 ? start->list : NULL,
                              .subscribe_count = start->count,
                              .dispatcher = start->dispatcher,
                              .dispatcher_options = start->dispatcher_options,
                              .on_cancel = start->kind == WEIR_CONSUMER ? WEIR_ON_CANCEL_CONTINUE
                                                                        : service->on_cancel,
                              .on = on},
        &part->ref));
}

/* The usual one: between what was built so far and what comes. */
static struct part *start_between(struct service *service, const char *name, bool last,
                                  const weir_callbacks *on) {
    weir_subscribe_to list[SERVICE_HEADS];
    struct start start = {.name = name, .list = list, .kind = WEIR_PRODUCER_CONSUMER, .on = *on};
    struct part *part = service_part(service, name);
    part->patience_ns =
        stress_chance(&service->rng, 2) ? long_ns : weir__rng_below(&service->rng, 1000000);
    part->stash_most = (size_t)stress_between(&service->rng, 1, 60);
    start.count = service_inputs(service, &service->rng, list);
    start.dispatcher = service_dispatcher(service, last, &start.dispatcher_options);
    start_stage(service, part, &start);
    service_ends_with(service, part);
    return part;
}

/* ---- passing on ---------------------------------------------------------- */

static void copy_all(weir_stage *self, weir_batch batch) {
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) part_emit(self, &parcel[i]);
}

static weir_verdict pass(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    uint64_t count = batch.count;
    weir_verdict verdict = part_goes_on(self, part, batch);
    if (stress_chance(&part->rng, 2)) {
        copy_all(self, batch);
        return verdict;
    }
    STRESS_CHECK(weir_forward(self) == WEIR_CONTINUE);
    ledger_count(&part->service->ledger.emitted, count);
    return verdict;
}

/* ---- merging ------------------------------------------------------------- */

static void send_off(weir_stage *self, struct part *part) {
    if (part->gathered.count == 0) return;
    weir_cancel_timer(weir_stage_runtime(self), part->due);
    parcel_seal(&part->gathered);
    part_emit(self, &part->gathered);
    part->gathered = (struct parcel){0};
}

static void gather(weir_stage *self, struct part *part, const struct parcel *parcel) {
    struct parcel *to = &part->gathered;
    parcel_check(parcel);
    if (to->count + parcel->count > PARCEL_ITEMS) send_off(self, part);
    if (to->count == 0) {
        STRESS_OK(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0,
                                  part->patience_ns, &part->due));
    }
    memcpy(&to->item[to->count], parcel->item, parcel->count * sizeof *parcel->item);
    to->count += parcel->count;
    if (to->count == PARCEL_ITEMS) send_off(self, part);
}

static weir_verdict merge(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) gather(self, part, &parcel[i]);
    return part_goes_on(self, part, batch);
}

static weir_verdict merge_end(weir_stage *self) {
    send_off(self, part_of(self));
    return WEIR_CONTINUE;
}

static weir_verdict merge_due(weir_stage *self, const void *message, size_t bytes) {
    STRESS_CHECK(message == NULL || bytes == 0);
    return merge_end(self);
}

static void merge_stops(weir_stage *self, weir_reason reason) {
    struct part *part = part_of(self);
    (void)reason;
    ledger_count(&part->service->ledger.stranded, part->gathered.count);
}

/* ---- delaying ------------------------------------------------------------ */

static weir_verdict delay(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        STRESS_OK(service_post(part->service, weir_self(self), POST_TIMER, &parcel[i],
                               part->patience_ns));
    }
    return part_goes_on(self, part, batch);
}

static weir_verdict delayed(weir_stage *self, const void *message, size_t bytes) {
    const struct parcel *parcel = message;
    STRESS_CHECK(bytes == sizeof *parcel);
    ledger_count(&part_of(self)->service->ledger.received, parcel->count);
    part_emit(self, parcel);
    return WEIR_CONTINUE;
}

/* ---- stashing ------------------------------------------------------------ */

/* They count as handled now, and as emitted. */
static void unstash(weir_stage *self, struct part *part, uint64_t count) {
    STRESS_OK(weir_stash_emit(self, count));
    ledger_count(&part->service->ledger.handled, count);
    ledger_count(&part->service->ledger.emitted, count);
}

static weir_verdict stash(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    weir_batch none = {.count = 0};
    if (weir_stashed(self) == 0) {
        STRESS_OK(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0,
                                  part->patience_ns, &part->due));
    }
    STRESS_OK(weir_stash(self, 0, batch.count));
    uint64_t stashed = weir_stashed(self);
    if (stashed >= part->stash_most) unstash(self, part, stress_between(&part->rng, 1, stashed));
    return part_goes_on(self, part, none);
}

static weir_verdict stash_end(weir_stage *self) {
    if (weir_stashed(self) > 0) unstash(self, part_of(self), weir_stashed(self));
    return WEIR_CONTINUE;
}

static weir_verdict stash_due(weir_stage *self, const void *message, size_t bytes) {
    STRESS_CHECK(message == NULL || bytes == 0);
    return stash_end(self);
}

/* ---- a ring -------------------------------------------------------------- */

/* Odd ones go round once. */
static weir_verdict turn(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    const struct parcel *parcel = batch.events;
    bool round = weir_batch_subscription(self).producer.bits == part->back.bits;
    for (size_t i = 0; i < batch.count; i++) {
        struct parcel turned = parcel[i];
        bool odd = (stress_word_number(turned.item[0]) & 1) != 0;
        turned.way = odd && !round ? RING_BACK : RING_OUT;
        part_emit(self, &turned);
    }
    return part_goes_on(self, part, batch);
}

static uint32_t way_of(void *context, const void *event) {
    (void)context;
    return ((const struct parcel *)event)->way;
}

static struct part *start_from_partition(struct service *service, struct part *turner,
                                         unsigned partition, bool last) {
    weir_subscribe_to list[SERVICE_HEADS];
    struct part *part = service_part(service, partition == RING_OUT ? "out" : "round");
    struct start start = {.name = part->name,
                          .list = list,
                          .kind = WEIR_PRODUCER_CONSUMER,
                          .on = {.handle_events = pass}};
    service_ends_with(service, turner);
    start.count = service_inputs(service, &service->rng, list);
    list[0].options.partition = WEIR_PARTITION(partition);
    start.dispatcher = service_dispatcher(service, last, &start.dispatcher_options);
    start_stage(service, part, &start);
    return part;
}

static void start_ring(struct service *service, bool last) {
    weir_subscribe_to list[SERVICE_HEADS];
    const weir_partition_dispatcher_options ways = {.partitions = RING_PARTITIONS, .hash = way_of};
    struct part *turner = service_part(service, "turn");
    struct start start = {.name = turner->name,
                          .list = list,
                          .count = service_inputs(service, &service->rng, list),
                          .dispatcher = weir_partition_dispatcher(),
                          .dispatcher_options = &ways,
                          .kind = WEIR_PRODUCER_CONSUMER,
                          .on = {.handle_events = turn}};
    start_stage(service, turner, &start);
    struct part *round = start_from_partition(service, turner, RING_BACK, false);
    turner->back = round->ref;
    struct part *out = start_from_partition(service, turner, RING_OUT, last);
    service_ends_with(service, round);
    service_inputs(service, &service->rng, list);
    /* Whoever goes round always has room, or else the ring may stall. */
    if (!service->tight) list[0].options.max_demand = 1000000;
    STRESS_OK(weir_subscribe(service->runtime, turner->ref, round->ref, &list[0].options, NULL));
    service_ends_with(service, out);
}

/* ---- no subscription to the next ----------------------------------------- */

/* Of a push or a message that may be refused only if nobody knew of the feeder. */
static void passed_on(struct part *part, const struct parcel *parcel, weir_status status,
                      bool known) {
    struct service *service = part->service;
    if (status == WEIR_OK) {
        weir__exchange_u32(&part->fed, 1);
        return;
    }
    if (service->claim.clean && (known || part->named)) {
        stress_fail("%s, %s, cannot pass on: %s, %s", part->name,
                    part->named ? "whose feeding was said" : "which has pushed before",
                    weir_status_name(status), weir_refusal());
    }
    STRESS_CHECK(status == WEIR_NO_STAGE || status == WEIR_FULL || status == WEIR_TIMEOUT);
    ledger_count(&service->ledger.refused, parcel->count);
}

/* The feeder has what it pushes on the books of the inlet. */
static weir_status push_on(struct part *part, const struct parcel *parcel, uint64_t timeout_ns) {
    weir_status status = weir_inlet_push(part->to->inlet, parcel, 1, timeout_ns);
    if (status == WEIR_OK) ledger_count(&part->service->ledger.emitted, 1);
    return status;
}

static weir_task_result push_from_task(void *context, const void *event, weir_task *self) {
    struct part *part = context;
    static _Thread_local struct weir__rng rng;
    static _Thread_local const struct service *drawn;
    bool known = weir__load_acquire_u32(&part->fed) != 0;
    weir_status status;
    if (drawn != part->service) stress_rng(&rng);
    drawn = part->service;
    STRESS_CHECK((ledger_mark(&part->service->ledger, event, part->run_bit) & part->run_bit) == 0);
    stress_pause(&rng, part->service->pauses);
    do {
        status = push_on(part, event, 1000000);
    } while ((status == WEIR_TIMEOUT || status == WEIR_FULL) && !weir_task_ending(self));
    passed_on(part, event, status, known);
    return WEIR_TASK_OK;
}

static void task_exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    struct part *part = context;
    struct ledger *ledger = &part->service->ledger;
    (void)child;
    bool begun = (ledger_mark(ledger, event, 0) & part->run_bit) != 0;
    STRESS_CHECK(!begun || how == WEIR_CHILD_FINISHED || how == WEIR_CHILD_ENDED);
    ledger_count(&ledger->handled, begun);
}

static void start_pool(struct service *service, struct part *part, bool last) {
    weir_subscribe_to list[SERVICE_HEADS];
    unsigned count = service_inputs(service, &service->rng, list);
    bool threads = !stress_chance(&service->rng, 4);
    part->run_bit = 1u << (LEDGER_READERS + service->parts % 20);
    STRESS_OK(weir_pool_open(
        service->runtime,
        &(weir_pool_options){.name = part->name,
                             .event_bytes = sizeof(struct parcel),
                             .threads =
                                 threads ? (size_t)stress_between(&service->rng, 1, 3) : WEIR_NONE,
                             .task = push_from_task,
                             .exited = task_exited,
                             .discarded = part_told,
                             .context = part,
                             .shutdown_ns = WEIR_FOREVER,
                             .subscribe_to = count > 0 ? list : NULL,
                             .subscribe_count = count},
        &part->pool, &part->ref));
    part->to = service_start_inlet(
        service, threads ? (size_t)stress_between(&service->rng, 1, 50) : 1000000,
        stress_chance(&service->rng, 2) && threads ? WEIR_BLOCK : WEIR_REFUSE, last);
}

static weir_verdict send_on(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        bool known = weir__load_acquire_u32(&part->fed) != 0;
        weir_status status = part->to->inlet != NULL
                                 ? push_on(part, &parcel[i], 0)
                                 : service_post(part->service, part->to->ref, part->post,
                                                &parcel[i], part->patience_ns);
        passed_on(part, &parcel[i], status, known && part->to->inlet != NULL);
    }
    return part_goes_on(self, part, batch);
}

static void start_sender(struct service *service, struct part *part) {
    weir_subscribe_to list[SERVICE_HEADS];
    struct start start = {.name = part->name,
                          .list = list,
                          .count = service_inputs(service, &service->rng, list),
                          .kind = WEIR_CONSUMER,
                          .on = {.handle_events = send_on}};
    part->post = (enum post)weir__rng_below(&service->rng, POST_CALL);
    part->patience_ns = weir__rng_below(&service->rng, 500000);
    start_stage(service, part, &start);
}

/* Messages are never learnt of; nothing flows as yet, so the other is set in time. */
static void start_hop(struct service *service, enum middle middle, bool last) {
    static const char *const names[] = {"pool", "pusher", "sender"};
    struct part *part = service_part(service, names[middle - MIDDLE_POOL]);
    if (middle == MIDDLE_POOL) {
        start_pool(service, part, last);
    } else {
        start_sender(service, part);
        part->to = middle == MIDDLE_PUSH ? service_start_inlet(service, 1000000, WEIR_REFUSE, last)
                                         : service_start_mail(service, 0, last);
    }
    part->named = service->names || middle == MIDDLE_SEND;
    if (part->named) STRESS_OK(weir_feeds(service->runtime, part->ref, part->to->ref));
    service_ends_with(service, part->to);
}

void service_start_middle(struct service *service, enum middle middle, bool last) {
    static const weir_callbacks passing = {.handle_events = pass};
    static const weir_callbacks merging = {.handle_events = merge,
                                           .handle_info = merge_due,
                                           .handle_end = merge_end,
                                           .terminate = merge_stops};
    static const weir_callbacks delaying = {.handle_events = delay, .handle_info = delayed};
    static const weir_callbacks stashing = {
        .handle_events = stash, .handle_info = stash_due, .handle_end = stash_end};
    switch (middle) {
    case MIDDLE_PASS:
        start_between(service, "pass", last, &passing);
        return;
    case MIDDLE_MERGE:
        start_between(service, "merge", last, &merging);
        return;
    case MIDDLE_DELAY:
        start_between(service, "delay", last, &delaying)->patience_ns =
            weir__rng_below(&service->rng, 1000000);
        return;
    case MIDDLE_STASH:
        start_between(service, "stash", last, &stashing);
        return;
    case MIDDLE_RING:
        start_ring(service, last);
        return;
    default:
        start_hop(service, middle, last);
    }
}
