/*
 * The service: drawing it, opening it, and what its parts share.  See service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/service.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- drawing ------------------------------------------------------------- */

static void draw_parts(struct service *service) {
    struct weir__rng *rng = &service->rng;
    service->heads = stress_chance(rng, 2) ? 1 : (unsigned)stress_between(rng, 1, SERVICE_HEADS);
    for (unsigned i = 0; i < service->heads; i++) {
        service->head[i] = (enum head)weir__rng_below(rng, HEADS);
    }
    service->middles = (unsigned)stress_between(rng, 0, SERVICE_MIDDLES);
    for (unsigned i = 0; i < service->middles; i++)
        service->middle[i] = (enum middle)weir__rng_below(rng, MIDDLES);
    service->tail = (enum tail)weir__rng_below(rng, TAILS);
}

static void follow_parts(struct service *service) {
    bool pool = service->tail == TAIL_POOL;
    for (unsigned i = 0; i < service->middles; i++) {
        enum middle middle = service->middle[i];
        service->claim.merges |= middle == MIDDLE_MERGE;
        service->has_ring |= middle == MIDDLE_RING;
        service->has_hop |= middle >= MIDDLE_POOL;
        pool |= middle == MIDDLE_POOL;
    }
    bool several = service->tail == TAIL_DEMAND || service->tail == TAIL_SHARED ||
                   service->tail == TAIL_BROADCAST || service->tail == TAIL_PARTITION;
    service->readers = several ? (unsigned)stress_between(&service->rng, 2, 4) : 1;
    service->claim.broadcasts = service->tail == TAIL_BROADCAST;
    service->claim.may_refuse = service->has_hop && !service->names;
    /* Of consumers that die what they have comes late to the others; who shares takes turns. */
    service->keeps_order = !service->has_ring && !pool && service->tail != TAIL_SHARED &&
                           (!several || service->claim.clean);
    service->tight = service->has_ring && !service->has_hop && stress_chance(&service->rng, 2);
}

/* The stream may be read on by another one, if nobody ends by himself before that. */
static void draw_reopens(struct service *service) {
    bool steady = service->tail == TAIL_STREAM && service->claim.clean;
    for (unsigned i = 0; i < service->heads; i++) {
        steady = steady && (service->head[i] == HEAD_INLET || service->head[i] == HEAD_MAIL);
    }
    service->reopens = steady ? (unsigned)weir__rng_below(&service->rng, 4) : 0;
    if (service->reopens > 0) service->on_cancel = WEIR_ON_CANCEL_CONTINUE;
}

void service_draw(struct service *service, uint64_t most) {
    struct weir__rng *rng = &service->rng;
    service->options = (weir_runtime_options){.workers = (unsigned)stress_between(rng, 1, 3),
                                              .idle = stress_idle(rng),
                                              .unpinned = true,
                                              .close_ns = WEIR_FOREVER};
    if (service->options.idle == WEIR_IDLE_SPIN) service->options.workers = 1;
    service->pauses = (enum stress_pauses)weir__rng_below(rng, 3);
    service->most = stress_between(rng, 1, stress_chance(rng, 4) ? most : most / 8 + 1);
    service->settles = !stress_chance(rng, 4);
    service->names = stress_chance(rng, 2);
    draw_parts(service);
    follow_parts(service);
    draw_reopens(service);
    /* Who comes when a head has ended by itself stops, as of an abnormal end (NOPROC). */
    if (service->middles == 0 && service->readers > 1) service->settles = true;
    service->claim.copies =
        service->tail == TAIL_BROADCAST ? (service->settles ? service->readers : 0) : 1;
}

void service_describe(const struct service *service, char *text, size_t room) {
    static const char *const heads[] = {"inlet", "iterator", "answers", "mail"};
    static const char *const middles[] = {"pass", "merge", "delay", "stash",
                                          "ring", "pool",  "push",  "send"};
    static const char *const tails[] = {"one",       "demand", "shared", "broadcast",
                                        "partition", "stream", "pool"};
    size_t used = 0;
    used += (size_t)snprintf(text + used, room - used, "workers %u ", service->options.workers);
    for (unsigned i = 0; i < service->heads; i++)
        used += (size_t)snprintf(text + used, room - used, "%s ", heads[service->head[i]]);
    used += (size_t)snprintf(text + used, room - used, "> ");
    for (unsigned i = 0; i < service->middles; i++)
        used += (size_t)snprintf(text + used, room - used, "%s > ", middles[service->middle[i]]);
    snprintf(text + used, room - used, "%s %u most %" PRIu64 "%s%s%s%s", tails[service->tail],
             service->readers, service->most, service->settles ? " settled" : "",
             service->permanent ? " permanent" : "", service->tight ? " tight" : "",
             service->on_cancel == WEIR_ON_CANCEL_STOP ? " on_cancel" : "");
}

/* ---- building ------------------------------------------------------------ */

struct part *service_part(struct service *service, const char *name) {
    STRESS_CHECK(service->parts < SERVICE_PARTS);
    struct part *part = &service->part[service->parts++];
    part->service = service;
    part->name = name;
    stress_rng(&part->rng);
    return part;
}

static void draw_window(const struct service *service, struct weir__rng *rng,
                        weir_subscribe_options *options) {
    static const size_t windows[] = {1, 2, 5, 50, 1000};
    size_t max = windows[weir__rng_below(rng, 5)];
    size_t min = stress_chance(rng, 2) ? 0 : (size_t)weir__rng_below(rng, max);
    options->max_demand = max;
    options->min_demand = min == 0 ? WEIR_NONE : min;
    if (!service->permanent) options->cancel = (weir_cancel_mode)weir__rng_below(rng, 3);
}

unsigned service_inputs(const struct service *service, struct weir__rng *rng,
                        weir_subscribe_to *list) {
    for (unsigned i = 0; i < service->end_count; i++) {
        list[i] = (weir_subscribe_to){.producer = service->ends[i]->ref};
        draw_window(service, rng, &list[i].options);
    }
    return service->end_count;
}

void service_ends_with(struct service *service, struct part *part) {
    service->ends[0] = part;
    service->end_count = 1;
}

static uint32_t deal(void *context, const void *event) {
    const struct service *service = context;
    return (uint32_t)(stress_word_number(((const struct parcel *)event)->item[0]) %
                      service->readers);
}

const weir_dispatcher *service_dispatcher(const struct service *service, bool last,
                                          const void **options) {
    static _Thread_local weir_partition_dispatcher_options partition;
    *options = NULL;
    if (last && service->tail == TAIL_SHARED) return weir_shared_dispatcher();
    if (last && service->tail == TAIL_BROADCAST) return weir_broadcast_dispatcher();
    if (!last || service->tail != TAIL_PARTITION) return weir_demand_dispatcher();
    partition = (weir_partition_dispatcher_options){
        .partitions = service->readers, .hash = deal, .context = (void *)service};
    *options = &partition;
    return weir_partition_dispatcher();
}

/* ---- what parts share ---------------------------------------------------- */

struct part *part_of(weir_stage *self) {
    return *(struct part **)weir_state(self);
}

weir_subscribe_verdict part_subscribed(weir_stage *self, const weir_peer *peer) {
    struct service *service = part_of(self)->service;
    if (peer->side != WEIR_PRODUCER) return WEIR_AUTOMATIC;
    pthread_mutex_lock(&service->lock);
    if (service->lines < SERVICE_LINES) {
        service->line[service->lines++] =
            (struct line){.id = peer->subscription, .options = *peer->options};
    }
    pthread_mutex_unlock(&service->lock);
    return WEIR_AUTOMATIC;
}

void part_told(void *context, uint64_t count, weir_discard cause) {
    struct part *part = context;
    struct ledger *ledger = &part->service->ledger;
    ledger_count(&ledger->told, count);
    bool drops = part->inlet != NULL &&
                 (part->policy == WEIR_DROP_NEWEST || part->policy == WEIR_DROP_OLDEST);
    if (drops && cause == WEIR_DISCARD_OVERFLOW) {
        ledger_count(&ledger->dropped, count);
    } else if (part->service->claim.clean) {
        stress_fail("%s discards %" PRIu64 " events (%d) in a clean end", part->name, count,
                    (int)cause);
    }
}

void part_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    part_told(part_of(self), count, cause);
}

weir_verdict part_goes_on(weir_stage *self, struct part *part, weir_batch batch) {
    ledger_count(&part->service->ledger.handled, batch.count);
    stress_pause(&part->rng, part->service->pauses);
    bool burnt = ++part->batches == part->fuse;
    return burnt ? weir_stop_with(self, WEIR_REASON_USER) : WEIR_CONTINUE;
}

void part_emit(weir_stage *self, const struct parcel *parcel) {
    STRESS_OK(weir_emit(self, parcel, 1));
    ledger_count(&part_of(self)->service->ledger.emitted, 1);
}

weir_status service_post(struct service *service, weir_ref to, enum post post,
                         const struct parcel *parcel, uint64_t delay_ns) {
    weir_status status;
    ledger_count(&service->ledger.posted, parcel->count); /* before it can be received */
    switch (post) {
    case POST_CAST:
        status = weir_cast(service->runtime, to, parcel, sizeof *parcel);
        break;
    case POST_INFO:
        status = weir_info(service->runtime, to, parcel, sizeof *parcel);
        break;
    case POST_TIMER:
        status = weir_send_after(service->runtime, to, parcel, sizeof *parcel, delay_ns, NULL);
        break;
    default:
        status = weir_call(service->runtime, to, parcel, sizeof *parcel, NULL, WEIR_FOREVER);
    }
    if (status != WEIR_OK) ledger_count(&service->ledger.posted, (uint64_t)0 - parcel->count);
    return status;
}

/* ---- opening and closing ------------------------------------------------- */

/* Sources that would begin at once wait until everybody is there. */
static void let_flow(struct service *service) {
    if (service->settles) STRESS_OK(weir_runtime_settle(service->runtime, WEIR_FOREVER));
    for (unsigned i = 0; i < service->sources; i++) {
        weir_status status = weir_demand(service->runtime, service->source[i]->ref, WEIR_FORWARD);
        /* What the first ones have let flow may have stopped the next. */
        STRESS_CHECK(status == WEIR_OK || (status == WEIR_NO_STAGE && !service->claim.clean));
    }
}

/* Any stage with handle_events of ours, which are those that count batches. */
static void light_fuse(struct service *service) {
    struct part *part = &service->part[weir__rng_below(&service->rng, service->parts)];
    if (service->fuses) part->fuse = stress_between(&service->rng, 1, 20);
}

void service_open(struct service *service) {
    ledger_open(&service->ledger);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->asked, NULL);
    service->runtime = stress_open(&service->options);
    for (unsigned i = 0; i < service->heads; i++)
        service_start_head(service, service->head[i], service->middles == 0);
    for (unsigned i = 0; i < service->middles; i++)
        service_start_middle(service, service->middle[i], i + 1 == service->middles);
    service_start_tail(service);
    for (unsigned i = 0; i < service->parts; i++) service->part[i].first_ref = service->part[i].ref;
    unsigned watchers = (unsigned)weir__rng_below(&service->rng, 3);
    for (unsigned i = 0; i < watchers; i++) service_add_hand(service, NULL, 0, service_watch);
    light_fuse(service);
    let_flow(service);
    service_start_hands(service);
}

void service_close_handles(struct service *service) {
    for (unsigned i = 0; i < service->parts; i++) {
        struct part *part = &service->part[i];
        weir_inlet_close(part->inlet);
        STRESS_OK(weir_pool_close(part->pool, NULL));
    }
}
