/*
 * The tails of a service: who is the last to have an item.  See service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/service.h"

#include "base/atomic.h"

static struct part *add_reader(struct service *service, const char *name, unsigned number) {
    struct part *part = service_part(service, name);
    service->reading[number] = part;
    part->reader = service->claim.broadcasts ? number : 0; /* else nobody may have it twice */
    part->in_order = service->keeps_order;
    return part;
}

/* ---- consumers ----------------------------------------------------------- */

static void done(struct part *part, const struct parcel *parcel) {
    ledger_done(&part->service->ledger, part->reader, part->in_order ? part->next : NULL, parcel);
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    struct part *part = part_of(self);
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) done(part, &parcel[i]);
    return part_goes_on(self, part, batch);
}

static void start_consumer(struct service *service, unsigned number) {
    weir_subscribe_to list[SERVICE_HEADS];
    struct part *part = add_reader(service, "consumer", number);
    unsigned count = service_inputs(service, &service->rng, list);
    for (unsigned i = 0; i < count && service->tail == TAIL_PARTITION; i++)
        list[i].options.partition = WEIR_PARTITION(number);
    STRESS_OK(weir_stage_start(service->runtime,
                               &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                     .name = "consumer",
                                                     .state_bytes = sizeof part,
                                                     .state = &part,
                                                     .subscribe_to = count > 0 ? list : NULL,
                                                     .subscribe_count = count,
                                                     .on = {.handle_events = consume,
                                                            .handle_subscribe = part_subscribed,
                                                            .discarded = part_discarded}},
                               &part->ref));
}

/* ---- a pool -------------------------------------------------------------- */

static weir_task_result work(void *context, const void *event, weir_task *self) {
    struct part *part = context;
    static _Thread_local struct weir__rng rng;
    static _Thread_local const struct service *drawn;
    (void)self;
    if (drawn != part->service) stress_rng(&rng);
    drawn = part->service;
    ledger_mark(&part->service->ledger, event, part->run_bit);
    stress_pause(&rng, part->service->pauses);
    return part->fails > 0 && stress_chance(&rng, part->fails) ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static void exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    struct part *part = context;
    struct ledger *ledger = &part->service->ledger;
    (void)child;
    bool begun = (ledger_mark(ledger, event, 0) & part->run_bit) != 0;
    if (begun && how != WEIR_CHILD_GIVEN_BACK) {
        ledger_count(&ledger->handled, 1);
        ledger_done(ledger, part->reader, NULL, event);
    }
}

static void start_pool(struct service *service) {
    weir_subscribe_to list[SERVICE_HEADS];
    struct part *part = add_reader(service, "workers", 0);
    unsigned count = service_inputs(service, &service->rng, list);
    part->run_bit = 1u << LEDGER_READERS;
    part->fails = stress_chance(&service->rng, 2) ? 20 : 0;
    weir_child_restart restart =
        stress_chance(&service->rng, 2) ? WEIR_CHILD_TRANSIENT : WEIR_CHILD_TEMPORARY;
    STRESS_OK(weir_pool_open(
        service->runtime,
        &(weir_pool_options){.name = part->name,
                             .event_bytes = sizeof(struct parcel),
                             .threads = stress_chance(&service->rng, 4)
                                            ? WEIR_NONE
                                            : (size_t)stress_between(&service->rng, 1, 3),
                             .task = work,
                             .exited = exited,
                             .discarded = part_told,
                             .context = part,
                             .restart = restart,
                             .max_restarts = WEIR_POOL_MAX_RESTARTS_LIMIT,
                             .max_seconds = WEIR_NONE,
                             .shutdown_ns = WEIR_FOREVER,
                             .subscribe_to = count > 0 ? list : NULL,
                             .subscribe_count = count},
        &part->pool, &part->ref));
}

/* ---- a stream ------------------------------------------------------------ */

weir_status service_open_stream(struct service *service, struct weir__rng *rng, struct part *part) {
    weir_subscribe_to list[SERVICE_HEADS];
    unsigned count = service_inputs(service, rng, list);
    weir_status status =
        weir_stream_open(service->runtime,
                         &(weir_stream_options){.event_bytes = sizeof(struct parcel),
                                                .subscribe_to = count > 0 ? list : NULL,
                                                .subscribe_count = count,
                                                .demand = WEIR_STREAM_LEAVE,
                                                .discarded = part_told,
                                                .context = part,
                                                .close_ns = WEIR_FOREVER},
                         &part->stream);
    if (status == WEIR_OK) part->ref = weir_stream_stage(part->stream);
    return status;
}

static void take_batch(struct part *part, weir_batch batch) {
    const struct parcel *parcel = batch.events;
    for (size_t i = 0; i < batch.count; i++) done(part, &parcel[i]);
    ledger_count(&part->service->ledger.handled, batch.count);
}

/* Up to `most` times; false: it has ended, or is to. */
static bool read_on(struct hand *hand, uint64_t most) {
    struct part *part = hand->part;
    for (uint64_t i = 0; i < most; i++) {
        struct parcel event;
        weir_batch batch = {.events = &event, .count = 1};
        uint64_t timeout = weir__rng_below(&hand->rng, 500000);
        weir_status status;
        if (stress_chance(&hand->rng, 2))
            status = weir_stream_next(part->stream, &event, timeout);
        else
            batch = weir_stream_batch(part->stream, (size_t)weir__rng_below(&hand->rng, 20),
                                      timeout, &status);
        if (status == WEIR_OK) take_batch(part, batch);
        if (status == WEIR_END || weir__load_relaxed_u32(&hand->service->quit) != 0) return false;
        STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
        stress_pause(&hand->rng, hand->service->pauses);
    }
    return true;
}

void *service_read(void *argument) {
    struct hand *hand = argument;
    struct service *service = hand->service;
    struct part *part = hand->part;
    bool more = true;
    for (unsigned i = 0; more && i < service->reopens; i++) {
        more = read_on(hand, stress_between(&hand->rng, 0, 40));
        if (!more) break;
        STRESS_OK(weir_stream_close(part->stream));
        STRESS_OK(service_open_stream(service, &hand->rng, part));
    }
    weir__exchange_u32(&service->read, 1);
    if (more) read_on(hand, service->leaves ? stress_between(&hand->rng, 0, 100) : UINT64_MAX);
    STRESS_OK(weir_stream_close(part->stream));
    return NULL;
}

static void start_stream(struct service *service) {
    struct part *part = add_reader(service, "stream", 0);
    STRESS_OK(service_open_stream(service, &service->rng, part));
    service_add_hand(service, part, 0, service_read);
}

/* ---- which --------------------------------------------------------------- */

void service_start_tail(struct service *service) {
    if (service->tail == TAIL_STREAM) {
        start_stream(service);
        return;
    }
    if (service->tail == TAIL_POOL) {
        start_pool(service);
        return;
    }
    for (unsigned i = 0; i < service->readers; i++) start_consumer(service, i);
}
