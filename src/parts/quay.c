/*
 * The quay: see quay.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/quay.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/errand.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- opening ------------------------------------------------------------------- */

static void poke_gone(struct weir__poke *poke) {
    struct weir__quay *quay = WEIR__CONTAINER_OF(poke, struct weir__quay, poke);
    if (quay->kind->arrived_late != NULL) {
        quay->kind->arrived_late(quay);
    }
    weir__quay_release(quay, 1);
}

static void heir_lost(struct weir__heir *heir, uint64_t count) {
    weir__quay_lost(WEIR__CONTAINER_OF(heir, struct weir__quay, heir), count);
}

static void heir_released(struct weir__heir *heir) {
    weir__quay_release(WEIR__CONTAINER_OF(heir, struct weir__quay, heir), 1);
}

void weir__quay_open(struct weir__quay *quay, const struct weir__quay_kind *kind,
                     weir_runtime *runtime,
                     void (*discarded)(void *context, uint64_t count, weir_discard cause),
                     void *context) {
    enum { POLLS_LEAST = 32 }; /* some three microseconds */
    const uint32_t polls = weir__worker_polls(runtime);
    const uint32_t least = runtime->options.idle == WEIR_IDLE_ADAPT ? POLLS_LEAST : polls;
    *quay = (struct weir__quay){.poke = {.gone = poke_gone},
                                .heir = {.lost = heir_lost, .release = heir_released},
                                .runtime = runtime,
                                .kind = kind,
                                .discarded = discarded,
                                .context = context,
                                .polls = polls,
                                .polls_most = (uint16_t)polls,
                                .polls_least = (uint16_t)(polls < least ? polls : least),
                                .refs = 2};
}

/* ---- references ---------------------------------------------------------------- */

void weir__quay_lost(struct weir__quay *quay, uint64_t count) {
    weir__fetch_add_u64(&quay->lost, count); /* out with the reference: O3 -> O4 */
}

void weir__quay_release(struct weir__quay *quay, uint32_t count) {
    uint32_t *refs = &quay->refs;
    uint32_t left = weir__fetch_sub_u32(refs, count) - count; /* O3 -> O4 */
    if (left == 1) {
        weir__futex_wake(refs, INT32_MAX); /* only their address: it may be gone by now */
    }
    if (left > 0) {
        return;
    }
    uint64_t lost = weir__load_relaxed_u64(&quay->lost);
    if (lost > 0) { /* once, and by the last one, so never on two threads at a time */
        weir__quay_discarded_late(quay, 0, lost);
    }
    if (quay->kind->nobodys != NULL) {
        quay->kind->nobodys(quay);
    }
}

void weir__quay_inherit(struct weir__quay *quay, struct weir__edge *edge) {
    weir__quay_hold(quay, 1);
    edge->heir = &quay->heir;
}

static bool is_alone(const struct weir__quay *quay, uint32_t *refs) {
    *refs = weir__load_acquire_u32(&quay->refs); /* O3 -> O4 */
    return *refs == 1;
}

static void sleep_until_alone(struct weir__quay *quay, uint64_t deadline) {
    uint32_t refs;
    for (uint32_t i = 0; i < quay->polls_most && !is_alone(quay, &refs); i++) {
        weir__cpu_relax();
    }
    while (!is_alone(quay, &refs) && weir__clock_now_ns() < deadline) {
        weir__futex_wait(&quay->refs, refs, deadline);
    }
}

bool weir__quay_alone(struct weir__quay *quay, uint64_t timeout_ns, const char *call) {
    enum { NOT_AT_ALL_NS = 1 };
    weir_runtime *runtime = quay->runtime;
    uint32_t refs;
    if (weir__here != NULL || timeout_ns <= NOT_AT_ALL_NS) {
        return is_alone(quay, &refs);
    }
    uint64_t deadline = weir__quay_deadline(quay, timeout_ns);
    if (weir__quay_has_threads(quay)) {
        sleep_until_alone(quay, deadline);
    } else if (weir__stepping_begin_from(runtime, call) == WEIR_OK) {
        while (!is_alone(quay, &refs) && weir__runtime_go_on(runtime, 1, deadline, NULL)) {}
        weir__stepping_end(runtime);
    }
    return is_alone(quay, &refs);
}

/* ---- calling the stage --------------------------------------------------------- */

/* The poke is the caller's to send: nobody else has set POKED_TOLD. */
static struct weir__mail *poke_for(struct weir__quay *quay, weir_ref stage) {
    weir__quay_hold(quay, 1);
    quay->poke.mail.kind = WEIR__MAIL_POKE;
    quay->poke.mail.to = stage;
    return &quay->poke.mail;
}

void weir__quay_poke(struct weir__quay *quay) {
    if (weir__load_relaxed_u32(&quay->poked) == WEIR__POKED_TOLD ||
        weir__exchange_u32(&quay->poked, WEIR__POKED_TOLD) == WEIR__POKED_TOLD) { /* O1 -> O2 */
        return;
    }
    struct weir__mail *poke = poke_for(quay, quay->stage);
    weir__mail_send(&weir__runtime_worker(quay->runtime, quay->stage)->bell, poke);
}

void weir__quay_poke_self(struct weir__quay *quay, weir_stage *self) {
    if (weir__load_relaxed_u32(&quay->poked) == WEIR__POKED_TOLD) {
        return;
    }
    weir__store_relaxed_u32(&quay->poked, WEIR__POKED_TOLD);
    weir__mail_list_push(&self->control, poke_for(quay, self->ref));
    if (!weir__stage_is_starting(self)) {
        weir__ready_queue(self->ready, false);
    }
}

void weir__quay_watch(weir_stage *self) {
    self->ready->watched = true;
    self->looks = 0;
}

void weir__quay_look_on(struct weir__quay *quay, weir_stage *self) {
    if (!self->ready->watched &&
        weir__exchange_u32(&quay->poked, WEIR__POKED_TOLD) != WEIR__POKED_TOLD) {
        weir__quay_watch(self);
    }
}

bool weir__quay_rest(struct weir__quay *quay, enum weir__poked as, weir_stage *self,
                     bool (*news)(weir_stage *self)) {
    weir__quay_give_up(quay, as); /* O1 -> O2 */
    /* Where it had been made TOLD again, the poke is coming. */
    return !news(self) || weir__exchange_u32(&quay->poked, WEIR__POKED_TOLD) == WEIR__POKED_TOLD;
}

/* ---- waiting ------------------------------------------------------------------- */

uint64_t weir__quay_deadline(const struct weir__quay *quay, uint64_t timeout_ns) {
    if (timeout_ns == WEIR_FOREVER) {
        return UINT64_MAX;
    }
    if (timeout_ns == 0) {
        return 0; /* over already: no clock need tell */
    }
    return weir__clock_deadline(weir_runtime_now(quay->runtime), timeout_ns);
}

/* Sleeping and being woken cost more than most waits last. */
static bool spin(struct weir__quay *quay, const struct weir__doze *doze, void *waiter) {
    bool (*come)(void *waiter) = doze->come_soon != NULL ? doze->come_soon : doze->come;
    const uint32_t polls = weir__load_relaxed_u32(&quay->polls);
    for (uint32_t i = 0; i < polls; i++) {
        if (come(waiter)) {
            if (i > 0 && polls < quay->polls_most) {
                weir__store_relaxed_u32(&quay->polls, polls * 2);
            }
            return true;
        }
        weir__cpu_relax();
    }
    if (polls > quay->polls_least) {
        weir__store_relaxed_u32(&quay->polls, polls / 2);
    }
    return false;
}

static void sleep_at(struct weir__berth *berth, const struct weir__doze *doze, void *waiter,
                     uint64_t deadline) {
    if (doze->lies_down != NULL) {
        doze->lies_down(waiter);
    }
    uint32_t rung = weir__berth_lie_down(berth); /* E1 -> E2 */
    if (!doze->come(waiter)) {
        weir__berth_sleep(berth, rung, deadline);
    }
    weir__berth_get_up(berth);
}

static weir_status sleep_until(struct weir__quay *quay, struct weir__berth *berth,
                               const struct weir__doze *doze, void *waiter, uint64_t deadline) {
    for (;;) {
        if (!spin(quay, doze, waiter)) {
            sleep_at(berth, doze, waiter, deadline);
        }
        if (doze->come(waiter)) {
            return WEIR_OK;
        }
        if (deadline != UINT64_MAX && weir__clock_now_ns() >= deadline) {
            return WEIR_TIMEOUT;
        }
    }
}

/* A clock is read each time, so that no more turns are done than time allows. */
static weir_status step_until(struct weir__quay *quay, const struct weir__doze *doze, void *waiter,
                              uint64_t deadline) {
    size_t turns = deadline == UINT64_MAX ? doze->turns : 1;
    bool moving = true;
    weir_status status = weir__stepping_begin(quay->runtime);
    if (status != WEIR_OK) {
        return status;
    }
    if (doze->lies_down != NULL) {
        doze->lies_down(waiter);
    }
    while (moving && !doze->come(waiter)) {
        moving = weir_runtime_now(quay->runtime) < deadline &&
                 weir__runtime_go_on(quay->runtime, turns, deadline, NULL);
    }
    weir__stepping_end(quay->runtime);
    return doze->come(waiter) ? WEIR_OK : WEIR_TIMEOUT;
}

weir_status weir__quay_doze(struct weir__quay *quay, struct weir__berth *berth,
                            const struct weir__doze *doze, void *waiter, uint64_t deadline) {
    if (weir__here != NULL) {
        return weir__refuse(WEIR_WRONG_THREAD, "a callback cannot wait for %s", doze->what);
    }
    if (deadline == 0) {
        return doze->come(waiter) ? WEIR_OK : WEIR_TIMEOUT;
    }
    return weir__quay_has_threads(quay) ? sleep_until(quay, berth, doze, waiter, deadline)
                                        : step_until(quay, doze, waiter, deadline);
}

/* ---- discarded events ---------------------------------------------------------- */

void weir__quay_discarded(struct weir__quay *quay, const char *name, uint64_t count,
                          weir_discard cause) {
    if (quay->discarded != NULL) {
        quay->discarded(quay->context, count, cause);
    } else {
        weir__host_log(weir__here, WEIR_LOG_WARNING, "%s %s has discarded %llu events",
                       quay->kind->name, name, (unsigned long long)count);
    }
}

static void tell_late(struct weir__quay *quay, uint64_t count, weir_discard cause) {
    if (count > 0) {
        struct weir__errand errand;
        weir__errand_begin(&errand, quay->runtime, "discarded");
        quay->discarded(quay->context, count, cause);
        weir__errand_end(&errand);
    }
}

void weir__quay_discarded_late(struct weir__quay *quay, uint64_t dropped, uint64_t left) {
    if (quay->discarded != NULL) {
        tell_late(quay, dropped, WEIR_DISCARD_OVERFLOW);
        tell_late(quay, left, WEIR_DISCARD_STOPPED);
    } else {
        char text[128];
        snprintf(text, sizeof text, "%" PRIu64 " events %s", dropped + left, quay->kind->late);
        weir__runtime_log(quay->runtime, WEIR_LOG_WARNING, text);
    }
}
