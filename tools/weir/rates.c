/*
 * Rates: see rates.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rates.h"

#include "trouble.h"

#include <stdlib.h>
#include <string.h>

static double seconds_of(uint64_t from, uint64_t until) {
    return until > from ? (double)(until - from) / 1e9 : 0;
}

/* What a figure grew by, a second.  Figures that fall are a bad file's. */
static double per_second(uint64_t before, uint64_t now, double seconds) {
    return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static uint64_t grown(uint64_t before, uint64_t now) {
    return now > before ? now - before : 0;
}

/* Those of the times that came since; the longest is known to be in their last class. */
static void since(weir_counters_times *rest, const weir_counters_times *before,
                  const weir_counters_times *now) {
    memset(rest, 0, sizeof *rest);
    if (now == NULL) {
        return;
    }
    *rest = *now;
    if (before == NULL || before->owner != now->owner || before->count > now->count) {
        return;
    }
    unsigned last = 0;
    for (unsigned i = 0; i < WEIR_TIMES_CLASSES; i++) {
        rest->classes[i] = grown(before->classes[i], now->classes[i]);
        last = rest->classes[i] > 0 ? i : last;
    }
    rest->count = now->count - before->count;
    rest->sum = grown(before->sum, now->sum);
    uint64_t end = weir_times_begin(last + 1);
    rest->most = rest->count == 0 ? 0 : now->most < end ? now->most : end;
}

static uint64_t all_discarded(const weir_counters_stage *stage) {
    uint64_t sum = 0;
    for (unsigned i = 1; i < sizeof stage->discarded / sizeof *stage->discarded;
         i++) { /* 0: handled, as they should */
        sum += stage->discarded[i];
    }
    return sum;
}

/* Shares of the time in the five states.  In no time at all it is what it is now. */
static void share_out(struct stage_rates *rates, const struct view_stage *before,
                      const struct view_stage *now) {
    double sum = 0;
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        rates->share[i] = (double)grown(before == NULL ? 0 : before->spent[i], now->spent[i]);
        sum += rates->share[i];
    }
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        rates->share[i] = sum > 0 ? rates->share[i] / sum : i == (unsigned)now->state;
    }
}

static void rate_stage(struct stage_rates *rates, const struct view_stage *before,
                       const struct view_stage *now, double seconds) {
    static const weir_counters_stage nothing;
    const weir_counters_stage *from = before == NULL ? &nothing : before->at;
    const weir_counters_stage *to = now->at;
    rates->in = per_second(from->events_in, to->events_in, seconds);
    rates->out = per_second(from->events_out, to->events_out, seconds);
    rates->bytes_in = per_second(from->bytes_in, to->bytes_in, seconds);
    rates->batches = per_second(from->batches, to->batches, seconds);
    rates->demands = per_second(from->demands, to->demands, seconds);
    rates->messages = per_second(from->messages, to->messages, seconds);
    rates->turns = per_second(from->turns, to->turns, seconds);
    rates->discarded = all_discarded(to);
    rates->discards = per_second(all_discarded(from), rates->discarded, seconds);
    rates->restarts = grown(from->restarts, to->restarts);
    share_out(rates, before, now);
    since(&rates->handling, before == NULL ? NULL : before->handling, now->handling);
    since(&rates->pipeline, before == NULL ? NULL : before->pipeline, now->pipeline);
}

static double at_most_one(double share) {
    return share < 1 ? share : 1;
}

/* How full the windows are.  What a stage has queued belongs to its subscriptions in the
 * proportion of their windows: it is not counted for each. */
static void fill_stage(struct rates *rates, const struct view *now, uint32_t number) {
    const struct view_stage *stage = &now->stages[number];
    double windows = 0;
    double in_flight = 0;
    for (uint32_t i = 0; i < stage->ins; i++) {
        windows += (double)now->subscriptions[now->ins[stage->first_in + i]].at->max_demand;
    }
    for (uint32_t i = 0; i < stage->ins; i++) {
        uint32_t in = now->ins[stage->first_in + i];
        struct subscription_rates *each = &rates->subscriptions[in];
        double window = (double)now->subscriptions[in].at->max_demand;
        double part = windows > 0 ? window / windows : 0;
        each->in_flight = (double)each->ring + (double)stage->at->queued * part;
        each->fill = window > 0 ? at_most_one(each->in_flight / window) : 0;
        in_flight += each->in_flight;
    }
    rates->stages[number].fill = windows > 0 ? at_most_one(in_flight / windows) : 0;
}

static void rate_subscription(struct subscription_rates *rates,
                              const struct view_subscription *before,
                              const struct view_subscription *now, double seconds) {
    const weir_counters_subscription *to = now->at;
    rates->events = per_second(before == NULL ? 0 : before->at->received, to->received, seconds);
    rates->ring = grown(to->received, to->sent);
    rates->open = to->sent == 0 && to->received > 0 ? 0 : grown(to->sent, to->asked);
    since(&rates->waiting, before == NULL ? NULL : before->waiting, now->waiting);
}

/* It rests since it looked at the clock last, if it sleeps. */
static uint64_t rest_of(const struct view *view, const struct view_worker *worker) {
    bool asleep = worker->at->asleep != 0;
    return worker->at->rest_ns + (asleep ? grown(worker->at->seen_ns, view->moment_ns) : 0);
}

/* Likewise, if it is with a stage for long. */
static uint64_t busy_of(const struct view_worker *worker) {
    return worker->at->turn_ns + worker->callback_ns;
}

static void rate_worker(struct worker_rates *rates, const struct view *before,
                        const struct view *now, uint32_t number, double seconds) {
    const struct view_worker *to = &now->workers[number];
    static const weir_counters_worker nothing;
    struct view_worker from = {.at = &nothing};
    if (before != NULL && number < before->worker_count &&
        before->workers[number].at->index == to->at->index) {
        from = before->workers[number];
    }
    uint64_t rested = from.at == &nothing ? 0 : rest_of(before, &from);
    rates->load = at_most_one(per_second(busy_of(&from), busy_of(to), seconds) / 1e9);
    rates->rest = at_most_one(per_second(rested, rest_of(now, to), seconds) / 1e9);
    rates->coreless =
        at_most_one(per_second(image_delay(from.at), image_delay(to->at), seconds) / 1e9);
    rates->turns = per_second(from.at->turns, to->at->turns, seconds);
    rates->wakes = per_second(from.at->wakes, to->at->wakes, seconds);
}

static bool same_runtime(const struct view *one, const struct view *other) {
    return one->header->pid == other->header->pid &&
           one->header->started == other->header->started &&
           one->header->number == other->header->number &&
           one->header->opened_ns == other->header->opened_ns;
}

static double life(const struct view *view, uint32_t stage) {
    return seconds_of(view->stages[stage].at->begun_ns, view->moment_ns);
}

static void rate_all(struct rates *rates, const struct view *before, const struct view *now) {
    for (uint32_t i = 0; i < now->stage_count; i++) {
        const struct view_stage *to = &now->stages[i];
        uint32_t found = before == NULL ? NONE : view_find_stage(before, to->at->ref);
        const struct view_stage *from = found == NONE ? NULL : &before->stages[found];
        rate_stage(&rates->stages[i], from, to, before != NULL ? rates->seconds : life(now, i));
    }
    for (uint32_t i = 0; i < now->subscription_count; i++) {
        const struct view_subscription *to = &now->subscriptions[i];
        uint32_t found =
            before == NULL ? NONE : view_find_subscription(before, to->at->id, to->at->consumer);
        rate_subscription(
            &rates->subscriptions[i], found == NONE ? NULL : &before->subscriptions[found], to,
            before != NULL || to->consumer == NONE ? rates->seconds : life(now, to->consumer));
    }
    for (uint32_t i = 0; i < now->worker_count; i++) {
        rate_worker(&rates->workers[i], before, now, i, rates->seconds);
    }
    for (uint32_t i = 0; i < now->stage_count; i++) {
        fill_stage(rates, now, i);
    }
}

bool rates_make(struct rates *rates, const struct view *before, const struct view *now) {
    if (before != NULL && !same_runtime(before, now)) {
        before = NULL;
    }
    *rates = (struct rates){
        .seconds =
            seconds_of(before == NULL ? now->header->opened_ns : before->moment_ns, now->moment_ns),
        .stages = calloc(now->stage_count + 1u, sizeof *rates->stages),
        .subscriptions = calloc(now->subscription_count + 1u, sizeof *rates->subscriptions),
        .workers = calloc(now->worker_count + 1u, sizeof *rates->workers)};
    if (rates->stages == NULL || rates->subscriptions == NULL || rates->workers == NULL) {
        rates_free(rates);
        return trouble("no memory for the rates of %u stages", now->stage_count);
    }
    rate_all(rates, before, now);
    return true;
}

void rates_free(struct rates *rates) {
    free(rates->stages);
    free(rates->subscriptions);
    free(rates->workers);
    *rates = (struct rates){0};
}
