/*
 * Stress: services that are ended in every way while foreign threads use them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    After a clean end, a drain or the end of all sources, each item that was accepted has
 *         been handled once, and in order where the parts keep it; who holds a token, or is
 *         known to feed, is never refused before that.  After any other end what was accepted
 *         was handled once, or discarded and told, or is with user code that has said so.  The
 *         accounts agree with both.  Who waits for an end is told of it, once.
 * Method  Each round builds a service of parts (service.h), lets its hands work, ends it at
 *         some moment in one of the ways below, closes the runtime and looks at the ledger
 *         (ledger.h).  `clean` has the clean ends, `torn` the others.
 */
#include "stress/service.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum ending {
    END_DRAIN,
    END_DRAIN_BEGIN,
    END_FINISH,  /* the sources                                              */
    END_REPLACE, /* subscriptions are replaced, then all is drained          */
    END_STOP,    /* of a stage; the first that is not clean                  */
    END_FUSE,    /* a callback stops its stage                               */
    END_CANCEL,  /* of a subscription                                        */
    END_LEAVE,   /* the tail goes, and who has no consumer any more stops    */
    END_RUNTIME_STOP,
    END_CLOSE, /* at once */
    ENDINGS
};

static const char *const names[ENDINGS] = {"drain",        "drain_begin", "finish", "replace",
                                           "stop",         "fuse",        "cancel", "leave",
                                           "runtime_stop", "close"};

static struct weir__rng rng;

static uint64_t below(struct service *service, uint64_t bound) {
    return weir__rng_below(&service->rng, bound);
}

static void expect_all_ended(struct service *service) {
    STRESS_OK(weir_runtime_run(service->runtime, WEIR_FOREVER));
    STRESS_CHECK(weir_runtime_stages(service->runtime) == 0);
}

static void gone_or_ok(weir_status status) {
    if (status != WEIR_NO_STAGE) STRESS_OK(status);
}

/* ---- clean ends ---------------------------------------------------------- */

/* Now and then it is impatient at first. */
static void drain(struct service *service) {
    weir_drain_report report;
    weir_status status = WEIR_TIMEOUT;
    for (uint64_t tries = below(service, 3); tries > 0 && status == WEIR_TIMEOUT; tries--) {
        status = weir_runtime_drain(service->runtime, below(service, 300000), &report);
        STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
    }
    STRESS_OK(weir_runtime_drain(service->runtime, WEIR_FOREVER, &report));
    STRESS_CHECK(report.stages == 0 && report.stage.bits == 0);
}

struct drained {
    weir_runtime *runtime;
    uint32_t times; /* atomic */
};

static void is_drained(void *context, weir_status status, const weir_drain_report *report) {
    struct drained *drained = context;
    STRESS_OK(status);
    STRESS_CHECK(report->stages == 0);
    STRESS_CHECK(weir_runtime_drain(drained->runtime, 0, NULL) == WEIR_WRONG_THREAD);
    weir__fetch_add_u32(&drained->times, 1);
}

static void begin_drain(struct service *service) {
    struct drained drained = {.runtime = service->runtime};
    struct pollfd over = {.events = POLLIN};
    weir_drain_report report;
    STRESS_OK(
        weir_runtime_drain_begin(service->runtime, WEIR_FOREVER, is_drained, &drained, &over.fd));
    while (poll(&over, 1, -1) != 1) {}
    STRESS_CHECK(weir__load_acquire_u32(&drained.times) == 1);
    STRESS_OK(weir_runtime_drain(service->runtime, 0, &report));
    STRESS_CHECK(report.stages == 0);
}

/* All sources, those behind hops too, which wait for who feeds them. */
static void finish(struct service *service) {
    for (unsigned i = 0; i < service->sources; i++) {
        struct part *part = service->source[i];
        if (service->shuts && part->inlet != NULL && i < service->heads) {
            STRESS_OK(weir_inlet_finish(part->inlet));
        } else {
            gone_or_ok(weir_finish(service->runtime, part->ref));
        }
    }
    if (service->permanent && service->settles && !service->has_ring) {
        expect_all_ended(service);
    } else {
        drain(service);
    }
}

/* One that there was, which is taken off the list; false: none.  (Who replaced one twice would
 * have two.) */
static bool take_line(struct service *service, struct line *out) {
    pthread_mutex_lock(&service->lock);
    bool any = service->lines > 0;
    if (any) {
        struct line *line = &service->line[below(service, service->lines)];
        *out = *line;
        *line = service->line[--service->lines];
    }
    pthread_mutex_unlock(&service->lock);
    return any;
}

static void replace(struct service *service) {
    struct line line;
    for (uint64_t times = stress_between(&service->rng, 1, 6); times > 0; times--) {
        if (!take_line(service, &line)) continue;
        line.options.max_demand += (size_t)below(service, 100); /* a ring's has to be roomy */
        gone_or_ok(weir_resubscribe(service->runtime, line.id, WEIR_REASON_NORMAL, (weir_ref){0},
                                    &line.options, NULL));
        stress_pause(&service->rng, STRESS_PAUSE_OFTEN);
    }
    drain(service);
}

/* ---- other ends ---------------------------------------------------------- */

static weir_reason draw_reason(struct service *service) {
    return below(service, 2) == 0 ? WEIR_REASON_NORMAL : WEIR_REASON_USER;
}

/* Whatever is left is stopped, or, false, it is left for who closes. */
static bool wind_up(struct service *service) {
    weir_drain_report report;
    if (below(service, 2) == 0) {
        weir_status status = weir_runtime_drain(service->runtime, below(service, 5000000), &report);
        STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
    }
    if (below(service, 3) == 0) return false;
    STRESS_OK(weir_runtime_stop(service->runtime, draw_reason(service)));
    expect_all_ended(service);
    return true;
}

static void stop_one(struct service *service) {
    const struct part *part = &service->part[below(service, service->parts)];
    gone_or_ok(weir_stop(service->runtime, part->first_ref, draw_reason(service)));
}

static void cancel_one(struct service *service) {
    struct line line;
    if (!take_line(service, &line)) return;
    gone_or_ok(weir_cancel(service->runtime, line.id, draw_reason(service)));
}

/* All that is before the tail stops, one part after the other; what only feeds does not. */
static bool leave(struct service *service) {
    for (unsigned i = 0; i < service->readers && service->tail != TAIL_STREAM; i++) {
        struct part *part = service->reading[i];
        if (part->pool != NULL && below(service, 2) == 0) {
            STRESS_OK(weir_pool_close(part->pool, NULL));
            part->pool = NULL;
        } else {
            gone_or_ok(weir_stop(service->runtime, part->first_ref, WEIR_REASON_USER));
        }
    }
    if (service->has_ring || service->has_hop) return wind_up(service);
    expect_all_ended(service);
    return true;
}

/* ---- a round ------------------------------------------------------------- */

/* False: stages are left. */
static bool end(struct service *service, enum ending ending) {
    switch (ending) {
    case END_DRAIN:
        drain(service);
        return true;
    case END_DRAIN_BEGIN:
        begin_drain(service);
        return true;
    case END_FINISH:
        finish(service);
        return true;
    case END_REPLACE:
        replace(service);
        return true;
    case END_STOP:
        stop_one(service);
        return wind_up(service);
    case END_FUSE:
        return wind_up(service);
    case END_CANCEL:
        cancel_one(service);
        return wind_up(service);
    case END_LEAVE:
        return leave(service);
    case END_RUNTIME_STOP:
        STRESS_OK(weir_runtime_stop(service->runtime, draw_reason(service)));
        expect_all_ended(service);
        return true;
    default:
        return false;
    }
}

/* Some time, and at least until the stream is not closed early any more. */
static void wait_for_moment(struct service *service) {
    uint64_t ns = below(service, 4) == 0 ? 0 : below(service, 2000000);
    weir_status status = weir_runtime_run(service->runtime, ns);
    STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
    while (service->reopens > 0 && weir__load_relaxed_u32(&service->read) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

/* Callbacks push into inlets whose handles are to be given back. */
static void stop_pushers(struct service *service) {
    for (unsigned i = 0; i < service->parts; i++) {
        struct part *part = &service->part[i];
        if (part->to == NULL || part->to->inlet == NULL) continue;
        gone_or_ok(weir_stop_wait(service->runtime, part->ref, WEIR_REASON_USER, WEIR_FOREVER));
    }
}

static weir_accounts close_all(struct service *service, bool ended) {
    weir__exchange_u32(ended ? &service->over : &service->quit, 1);
    service_join_hands(service);
    if (!ended) stop_pushers(service);
    service_close_handles(service);
    weir_accounts accounts = stress_close(service->runtime);
    for (uint32_t i = 0; i < service->fd_count && i < SERVICE_FDS; i++) {
        struct pollfd readable = {.fd = service->fds[i], .events = POLLIN};
        STRESS_CHECK(poll(&readable, 1, 0) == 1);
        close(service->fds[i]);
    }
    STRESS_CHECK(service->watched == service->ended);
    return accounts;
}

static void draw(struct service *service, enum ending ending, uint64_t most) {
    service->claim.clean = ending < END_STOP;
    service->shuts = ending == END_FINISH && stress_chance(&service->rng, 2);
    service->permanent = ending == END_LEAVE || !stress_chance(&service->rng, 3);
    bool stops = ending == END_LEAVE || (ending != END_REPLACE && stress_chance(&service->rng, 3));
    service->on_cancel = stops ? WEIR_ON_CANCEL_STOP : WEIR_ON_CANCEL_CONTINUE;
    service->fuses = ending == END_FUSE;
    service_draw(service, most);
    service->settles = service->settles || ending == END_LEAVE;
    service->leaves =
        ending == END_LEAVE || (!service->claim.clean && stress_chance(&service->rng, 2));
}

/* Returns how many items there were. */
static uint64_t round_of(const char *name, enum ending ending, uint64_t most) {
    char text[120];
    struct service *service = calloc(1, sizeof *service);
    STRESS_CHECK(service != NULL);
    stress_rng(&service->rng);
    draw(service, ending, most);
    service_describe(service, text, sizeof text);
    stress_step("%s: %s: %s", name, names[ending], text);
    service_open(service);
    wait_for_moment(service);
    bool ended = end(service, ending);
    weir_accounts accounts = close_all(service, ended);
    uint64_t items = ledger_check(&service->ledger, &service->claim, &accounts);
    ledger_free(&service->ledger);
    pthread_cond_destroy(&service->asked);
    pthread_mutex_destroy(&service->lock);
    free(service);
    return items;
}

/* A round costs as much as some hundred items, however few it has. */
static void rounds(const char *name, uint64_t events, enum ending first, enum ending end) {
    enum { ITEMS_MOST = 800, ROUND = 200 };
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        enum ending ending = first + (enum ending)weir__rng_below(&rng, end - first);
        stress_ring_start(&rng);
        done += ROUND + round_of(name, ending, ITEMS_MOST);
    }
}

static void clean(uint64_t events) {
    rounds("clean", events, END_DRAIN, END_STOP);
}

static void torn(uint64_t events) {
    rounds("torn", events, END_STOP, ENDINGS);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {{"clean", 1, clean}, {"torn", 1, torn}};
    return stress_main(count, arguments, 200000, scenarios, sizeof scenarios / sizeof *scenarios);
}
