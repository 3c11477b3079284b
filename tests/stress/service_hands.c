/*
 * The hands of a service: foreign threads that push, send, answer and watch.  See service.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/service.h"

#include "base/atomic.h"

#include <stdio.h>

void service_add_hand(struct service *service, struct part *part, uint64_t most,
                      void *(*run)(void *hand)) {
    STRESS_CHECK(service->hands < SERVICE_HANDS);
    struct hand *hand = &service->hand[service->hands++];
    hand->service = service;
    hand->part = part;
    hand->run = run;
    hand->source = most > 0 ? ledger_source(&service->ledger, most) : 0;
    stress_rng(&hand->rng);
    hand->post = (enum post)weir__rng_below(&hand->rng, POSTS);
    hand->at_port = stress_chance(&hand->rng, 2);
    /* Who waits for room in front of a ring that stalls must not hold up who would end it. */
    hand->holds = !service->tight && stress_chance(&hand->rng, 2);
}

void service_start_hands(struct service *service) {
    for (unsigned i = 0; i < service->hands; i++) {
        struct hand *hand = &service->hand[i];
        STRESS_CHECK(pthread_create(&hand->thread, NULL, hand->run, hand) == 0);
    }
}

void service_join_hands(struct service *service) {
    pthread_mutex_lock(&service->lock);
    pthread_cond_broadcast(&service->asked);
    pthread_mutex_unlock(&service->lock);
    for (unsigned i = 0; i < service->hands; i++) pthread_join(service->hand[i].thread, NULL);
}

static bool goes_on(const struct hand *hand) {
    return weir__load_relaxed_u32(&hand->service->quit) == 0 &&
           ledger_left(&hand->service->ledger, hand->source) > 0;
}

/* ---- tokens -------------------------------------------------------------- */

static void take_token(struct hand *hand, weir_token *token) {
    if (!hand->holds) return;
    weir_status status = weir_busy(hand->service->runtime, hand->part->ref, token);
    if (status == WEIR_NO_STAGE) {
        hand->holds = false; /* it came too late */
    } else {
        STRESS_OK(status);
    }
}

static void give_token(struct hand *hand, weir_token token) {
    if (!hand->holds) return;
    STRESS_OK(weir_done(hand->service->runtime, token));
    STRESS_CHECK(weir_done(hand->service->runtime, token) == WEIR_NO_TOKEN);
}

/* The stage takes nothing more: whoever holds a token is not told that at a clean end. */
static void check_refusal(const struct hand *hand, weir_status status, bool shut) {
    STRESS_CHECK(status == WEIR_NO_STAGE);
    if (hand->holds && hand->service->claim.clean && !shut) {
        weir_reason reason = WEIR_REASON_NOPROC;
        char why[200];
        snprintf(why, sizeof why, "%s", weir_refusal());
        weir_wait(hand->service->runtime, hand->part->ref, WEIR_FOREVER, &reason);
        stress_fail("%s refuses who holds a token of it: %s, it has ended: %s", hand->part->name,
                    why, weir_reason_text(reason));
    }
}

/* ---- pushing ------------------------------------------------------------- */

enum { PUSH_MOST = 8 };

/* True until the inlet takes no more. */
static bool push_once(struct hand *hand, weir_port *port) {
    struct parcel parcels[PUSH_MOST];
    struct ledger *ledger = &hand->service->ledger;
    uint64_t left = ledger_left(ledger, hand->source);
    size_t count = (size_t)stress_between(&hand->rng, 1, left < PUSH_MOST ? left : PUSH_MOST);
    size_t capacity = hand->part->capacity;
    if (count > capacity) count = capacity;
    uint64_t timeout = weir__rng_below(&hand->rng, 1000000);
    ledger_write(ledger, hand->source, parcels, count);
    weir_status status = port != NULL ? weir_port_push(port, parcels, count, timeout)
                                      : weir_inlet_push(hand->part->inlet, parcels, count, timeout);
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        ledger_accepted(ledger, hand->source, count);
        ledger_count(&ledger->emitted, count);
        return true;
    }
    if (status == WEIR_FULL || status == WEIR_TIMEOUT) return true;
    check_refusal(hand, status, hand->service->shuts);
    return false;
}

void *service_push(void *argument) {
    struct hand *hand = argument;
    weir_port *port = NULL;
    weir_token token;
    take_token(hand, &token);
    if (hand->at_port && hand->part->policy != WEIR_DROP_OLDEST) {
        weir_status status = weir_port_open(hand->part->inlet, &port);
        if (status != WEIR_OK) check_refusal(hand, status, hand->service->shuts);
    }
    while (goes_on(hand) && push_once(hand, port)) {
        stress_pause(&hand->rng, hand->service->pauses);
    }
    weir_port_close(port);
    give_token(hand, token);
    return NULL;
}

/* ---- sending ------------------------------------------------------------- */

static bool send_once(struct hand *hand, uint64_t delay_ns) {
    struct service *service = hand->service;
    struct parcel parcel;
    ledger_write(&service->ledger, hand->source, &parcel, 1);
    weir_status status = service_post(service, hand->part->ref, hand->post, &parcel, delay_ns);
    if (status == WEIR_OK) {
        ledger_accepted(&service->ledger, hand->source, 1);
        return true;
    }
    if (status == WEIR_FULL) return true;
    check_refusal(hand, status, false);
    return false;
}

void *service_send(void *argument) {
    struct hand *hand = argument;
    weir_token token;
    uint64_t delay_ns = weir__rng_below(&hand->rng, 500000);
    take_token(hand, &token);
    while (goes_on(hand) && send_once(hand, delay_ns)) {
        stress_pause(&hand->rng, hand->service->pauses);
    }
    give_token(hand, token);
    return NULL;
}

/* ---- answering ----------------------------------------------------------- */

/* Waits for a request; false: there will be none. */
static bool get_request(struct hand *hand, struct request *out) {
    struct service *service = hand->service;
    struct part *part = hand->part;
    pthread_mutex_lock(&service->lock);
    while (part->requests == 0 && weir__load_relaxed_u32(&service->quit) == 0 &&
           weir__load_relaxed_u32(&service->over) == 0) {
        pthread_cond_wait(&service->asked, &service->lock);
    }
    bool any = part->requests > 0;
    if (any) {
        *out = part->request[part->first_request];
        part->first_request = (part->first_request + 1) % SERVICE_REQUESTS;
        part->requests--;
    }
    pthread_mutex_unlock(&service->lock);
    return any;
}

static void answer(struct hand *hand, uint64_t wanted) {
    struct service *service = hand->service;
    while (wanted > 0) {
        struct parcel parcel;
        ledger_write(&service->ledger, hand->source, &parcel, 1);
        weir_status status = service_post(service, hand->part->ref, POST_CAST, &parcel, 0);
        stress_pause(&hand->rng, service->pauses);
        if (status == WEIR_FULL) continue;
        if (status != WEIR_OK) {
            check_refusal(hand, status, false);
            return;
        }
        ledger_accepted(&service->ledger, hand->source, 1);
        wanted--;
    }
}

/* Requests that are left when all is over are answered, too: to nobody. */
void *service_answer(void *argument) {
    struct hand *hand = argument;
    struct request request;
    while (get_request(hand, &request)) {
        hand->holds = true; /* the request's */
        answer(hand, request.wanted);
        STRESS_OK(weir_done(hand->service->runtime, request.token));
    }
    return NULL;
}

/* ---- watching ------------------------------------------------------------ */

static void ended(void *context, weir_ref stage, weir_reason reason) {
    struct service *service = context;
    (void)stage;
    ledger_count(&service->ended, 1);
    if (service->claim.clean && reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN &&
        reason != WEIR_REASON_NOPROC) {
        stress_fail("a stage ends with %s in a clean end", weir_reason_text(reason));
    }
}

static void wait_for(struct hand *hand, weir_ref stage) {
    weir_reason reason = WEIR_REASON_USER;
    weir_status status =
        weir_wait(hand->service->runtime, stage, weir__rng_below(&hand->rng, 2000000), &reason);
    STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT || status == WEIR_FULL);
    if (status == WEIR_OK) {
        STRESS_CHECK(weir_ending(hand->service->runtime, stage));
        STRESS_CHECK(weir_finish(hand->service->runtime, stage) == WEIR_NO_STAGE);
    }
}

static void watch_once(struct hand *hand) {
    struct service *service = hand->service;
    weir_drain_report report;
    /* A stream's is another one each time. */
    weir_ref stage = service->part[weir__rng_below(&hand->rng, service->parts)].first_ref;
    switch (weir__rng_below(&hand->rng, 4)) {
    case 0:
        wait_for(hand, stage);
        return;
    case 1:
        ledger_count(&service->watched, 1);
        STRESS_OK(weir_on_end(service->runtime, stage, ended, service));
        return;
    case 2:
        if (weir__load_relaxed_u32(&service->fd_count) < SERVICE_FDS) {
            uint32_t place = weir__fetch_add_u32(&service->fd_count, 1);
            if (place < SERVICE_FDS)
                STRESS_OK(weir_end_fd(service->runtime, stage, &service->fds[place]));
        }
        return;
    default:
        if (stress_chance(&hand->rng, 8)) STRESS_OK(weir_runtime_holdup(service->runtime, &report));
    }
}

void *service_watch(void *argument) {
    struct hand *hand = argument;
    uint64_t deeds = stress_between(&hand->rng, 1, 40);
    for (uint64_t i = 0; i < deeds && weir__load_relaxed_u32(&hand->service->over) == 0; i++) {
        watch_once(hand);
        stress_pause(&hand->rng, STRESS_PAUSE_OFTEN);
    }
    return NULL;
}
