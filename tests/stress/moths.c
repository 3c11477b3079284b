/*
 * Moths: see moths.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/moths.h"

#include <stdlib.h>

enum { SUBSCRIPTIONS = 6 }; /* of one moth, at a time */

struct moth {
    struct stress_swarm *swarm;
    struct stress_tally tally;
    struct weir__rng rng;
    uint64_t life; /* batches */
    unsigned subscriptions;
    bool manual;
};

static struct moth *moth_of(weir_stage *self) {
    return *(struct moth **)weir_state(self);
}

/* What any call about a stage or subscription that may have gone can say. */
static void settled(weir_status status) {
    if (status != WEIR_OK && status != WEIR_NO_STAGE && status != WEIR_NO_SUBSCRIPTION &&
        status != WEIR_FULL && status != WEIR_CLOSED) {
        stress_fail("%s: %s", weir_status_name(status), weir_refusal());
    }
}

static weir_reason draw_reason(struct weir__rng *rng) {
    static const weir_reason reasons[] = {WEIR_REASON_NORMAL, WEIR_REASON_SHUTDOWN,
                                          WEIR_REASON_USER, WEIR_REASON_USER + 7};
    return reasons[weir__rng_below(rng, 4)];
}

static void remember(struct stress_swarm *swarm, struct weir__rng *rng,
                     const weir_subscription *subscription) {
    pthread_mutex_lock(&swarm->lock);
    swarm->subscriptions[weir__rng_below(rng, STRESS_SWARM_RECENT)] = *subscription;
    pthread_mutex_unlock(&swarm->lock);
}

static weir_subscribe_options draw_options(struct weir__rng *rng) {
    static const size_t windows[] = {1, 2, 10, 255, 256, 1000, 10000};
    weir_subscribe_options options = stress_demand(rng, windows, 7);
    options.cancel = (weir_cancel_mode)weir__rng_below(rng, 3);
    return options;
}

static void subscribe(struct stress_swarm *swarm, struct weir__rng *rng, weir_ref consumer) {
    weir_subscribe_options options = draw_options(rng);
    weir_subscription subscription;
    if (!swarm->stops) options.cancel = WEIR_TEMPORARY;
    weir_status status =
        weir_subscribe(swarm->runtime, consumer, swarm->source, &options, &subscription);
    settled(status);
    if (status == WEIR_OK) remember(swarm, rng, &subscription);
}

/* ---- its own doing ------------------------------------------------------- */

static weir_verdict grow_old(weir_stage *self, struct moth *moth, weir_subscription subscription) {
    if (moth->life == 0 || --moth->life > 0) return WEIR_CONTINUE;
    if (moth->swarm->stops && !stress_chance(&moth->rng, 3)) {
        return weir_stop_with(self, draw_reason(&moth->rng));
    }
    settled(weir_cancel(weir_stage_runtime(self), subscription, draw_reason(&moth->rng)));
    return WEIR_CONTINUE;
}

static weir_verdict moth_events(weir_stage *self, weir_batch batch) {
    struct moth *moth = moth_of(self);
    const unsigned char *event = batch.events;
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++, event += bytes) {
        uint64_t word = stress_event_read(event, bytes);
        stress_tally_add(&moth->tally, stress_word_source(word), stress_word_number(word));
    }
    stress_pause(&moth->rng, moth->swarm->pauses);
    if (moth->manual && stress_chance(&moth->rng, 2)) {
        settled(weir_ask(weir_stage_runtime(self), weir_batch_subscription(self),
                         stress_between(&moth->rng, 0, 300)));
    }
    return grow_old(self, moth, weir_batch_subscription(self));
}

static weir_subscribe_verdict moth_subscribe(weir_stage *self, const weir_peer *peer) {
    struct moth *moth = moth_of(self);
    if (moth->subscriptions == SUBSCRIPTIONS) return WEIR_SUBSCRIBE_REFUSE;
    remember(moth->swarm, &moth->rng, &peer->subscription);
    moth->subscriptions++;
    if (stress_chance(&moth->rng, 16)) {
        settled(weir_cancel(weir_stage_runtime(self), peer->subscription, WEIR_REASON_USER));
    }
    if (moth->manual) {
        settled(weir_ask(weir_stage_runtime(self), peer->subscription,
                         stress_between(&moth->rng, 0, 100)));
    }
    switch (weir__rng_below(&moth->rng, 32)) {
    case 0:
        moth->subscriptions--; /* no handle_cancel follows */
        return WEIR_SUBSCRIBE_REFUSE;
    case 1:
        return moth->swarm->stops ? WEIR_SUBSCRIBE_STOP : WEIR_AUTOMATIC;
    default:
        return moth->manual ? WEIR_MANUAL : WEIR_AUTOMATIC;
    }
}

static weir_verdict moth_cast(weir_stage *self, const void *message, size_t bytes) {
    struct moth *moth = moth_of(self);
    const weir_subscription *subscription = message;
    STRESS_CHECK(bytes == sizeof *subscription);
    settled(weir_ask(weir_stage_runtime(self), *subscription,
                     moth->manual ? stress_between(&moth->rng, 0, 300) : 0));
    return grow_old(self, moth, *subscription);
}

static weir_verdict moth_info(weir_stage *self, const void *message, size_t bytes) {
    return moth_cast(self, message, bytes);
}

/* It stops, waits for new subscriptions, or asks for one at once. */
static weir_verdict moth_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                weir_reason reason) {
    struct moth *moth = moth_of(self);
    (void)peer;
    (void)cause;
    (void)reason;
    moth->subscriptions--;
    if (stress_chance(&moth->rng, 4)) subscribe(moth->swarm, &moth->rng, weir_self(self));
    return moth->swarm->stops && stress_chance(&moth->rng, 4) ? WEIR_STOP : WEIR_CONTINUE;
}

static void moth_terminate(weir_stage *self, weir_reason reason) {
    struct moth *moth = moth_of(self);
    struct stress_swarm *swarm = moth->swarm;
    (void)reason;
    pthread_mutex_lock(&swarm->lock);
    stress_tally_join(&swarm->tally, &moth->tally);
    swarm->stopped++;
    pthread_mutex_unlock(&swarm->lock);
    free(moth);
}

static weir_verdict moth_init(weir_stage *self, void *argument) {
    (void)argument;
    return stress_chance(&moth_of(self)->rng, 16) ? WEIR_STOP : WEIR_CONTINUE;
}

/* ---- what is done to it -------------------------------------------------- */

static void start(struct stress_swarm *swarm, struct weir__rng *rng) {
    struct moth *moth = calloc(1, sizeof *moth);
    STRESS_CHECK(moth != NULL);
    moth->swarm = swarm;
    moth->manual = stress_chance(rng, 4);
    moth->life = weir__rng_below(rng, 8);
    stress_rng(&moth->rng);
    weir_subscribe_to from[2] = {{.producer = swarm->source, .options = draw_options(rng)},
                                 {.producer = swarm->source, .options = draw_options(rng)}};
    size_t lines = (size_t)weir__rng_below(rng, 3);
    if (!swarm->stops) from[0].options.cancel = from[1].options.cancel = WEIR_TEMPORARY;
    weir_ref ref;
    weir_status status =
        weir_stage_start(swarm->runtime,
                         &(weir_stage_options){.kind = WEIR_CONSUMER,
                                               .name = "moth",
                                               .state_bytes = sizeof moth,
                                               .state = &moth,
                                               .subscribe_to = lines > 0 ? from : NULL,
                                               .subscribe_count = lines,
                                               .on = {.init = moth_init,
                                                      .handle_subscribe = moth_subscribe,
                                                      .handle_events = moth_events,
                                                      .handle_cast = moth_cast,
                                                      .handle_info = moth_info,
                                                      .handle_cancel = moth_cancel,
                                                      .terminate = moth_terminate}},
                         &ref);
    if (status != WEIR_OK) {
        STRESS_CHECK(status == WEIR_INIT_STOPPED);
        free(moth);
        return;
    }
    pthread_mutex_lock(&swarm->lock);
    swarm->started++;
    swarm->refs[weir__rng_below(rng, STRESS_SWARM_RECENT)] = ref;
    pthread_mutex_unlock(&swarm->lock);
}

void stress_swarm_disturb(struct stress_swarm *swarm, struct weir__rng *rng) {
    pthread_mutex_lock(&swarm->lock);
    weir_ref ref = swarm->refs[weir__rng_below(rng, STRESS_SWARM_RECENT)];
    weir_subscription subscription =
        swarm->subscriptions[weir__rng_below(rng, STRESS_SWARM_RECENT)];
    uint64_t alive = swarm->started - swarm->stopped;
    pthread_mutex_unlock(&swarm->lock);
    weir_runtime *runtime = swarm->runtime;
    switch (weir__rng_below(rng, 12)) {
    case 0:
    case 1:
        if (alive < swarm->most_alive) start(swarm, rng);
        return;
    case 2:
    case 3:
    case 4:
        if (ref.bits != 0) subscribe(swarm, rng, ref);
        return;
    case 5:
    case 6:
        settled(weir_cancel(runtime, subscription, draw_reason(rng)));
        return;
    case 7:
        settled(weir_ask(runtime, subscription, stress_between(rng, 0, 1000)));
        return;
    case 8:
        settled(weir_cast(runtime, subscription.consumer, &subscription, sizeof subscription));
        return;
    case 9:
        settled(weir_info(runtime, subscription.consumer, &subscription, sizeof subscription));
        return;
    default:
        if (swarm->stops) settled(weir_stop(runtime, ref, draw_reason(rng)));
        return;
    }
}

void stress_swarm_open(struct stress_swarm *swarm) {
    STRESS_CHECK(pthread_mutex_init(&swarm->lock, NULL) == 0);
}

void stress_swarm_close(struct stress_swarm *swarm) {
    STRESS_CHECK(swarm->started == swarm->stopped);
    pthread_mutex_destroy(&swarm->lock);
}
