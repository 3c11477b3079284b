/*
 * The culprit in a sentence.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "verdict.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Told of from this share of its time on. */
#define CORELESS 0.25

/* From which a share is not shown as 0 %. */
#define SEEN 0.005

enum {
    NAMES = 3,            /* of those that wait; of more, how many they are */
    HANGS_NS = 1000000000 /* a callback that has not returned for so long   */
};

static void say(struct culprit *culprit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct culprit *culprit, const char *format, ...) {
    size_t length = strlen(culprit->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(culprit->text + length, sizeof culprit->text - length, format, arguments);
    va_end(arguments);
}

static struct figure percent(const struct rates *rates, uint32_t stage, weir_stage_state state) {
    return text_share(rates->stages[stage].share[state]);
}

/* What stands between the names of a list. */
static const char *between(uint32_t number, uint32_t count) {
    return number == 0 ? "" : number + 1 == count ? " and " : ", ";
}

/* --- a stage ------------------------------------------------------------------------------ */

static weir_stage_state main_wait(const struct stage_rates *rates) {
    weir_stage_state most = WEIR_STATE_WAITING;
    for (unsigned i = WEIR_STATE_WAITING; i <= WEIR_STATE_BLOCKED; i++) {
        most = rates->share[i] > rates->share[most] ? (weir_stage_state)i : most;
    }
    return most;
}

/* Those that wait for it, who waits most first: at most NAMES; returns how many there are. */
static uint32_t waiters_of(uint32_t names[NAMES], const struct culprit *culprit,
                           const struct view *view, const struct culprit_end *ends) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->stage_count; i++) {
        if (ends[i].kind != CULPRIT_STAGE || ends[i].target != culprit->stage ||
            i == culprit->stage) {
            continue;
        }
        uint32_t at = count < NAMES ? count : NAMES;
        count++;
        for (; at > 0 && ends[names[at - 1]].vote < ends[i].vote; at--) {
            if (at < NAMES) names[at] = names[at - 1];
        }
        if (at < NAMES) names[at] = i;
    }
    return count;
}

static void say_waiters(struct culprit *culprit, const struct view *view, const struct rates *rates,
                        const struct culprit_end *ends) {
    uint32_t names[NAMES];
    uint32_t count = waiters_of(names, culprit, view, ends);
    uint32_t told = count < NAMES ? count : NAMES;
    uint32_t parts = told + (count > told);
    if (count == 0) {
        return;
    }
    say(culprit, "; ");
    for (uint32_t i = 0; i < told; i++) {
        weir_stage_state state = main_wait(&rates->stages[names[i]]);
        say(culprit, "%s%s (%s %s)", between(i, parts), view->stages[names[i]].label,
            view_state_text(state), percent(rates, names[i], state).text);
    }
    if (count > told) {
        say(culprit, " and %u more", count - told);
    }
    say(culprit, count == 1 ? " waits for it" : " wait for it");
}

/* Of its producers' events, those that wait in partition queues. */
static void say_held(struct culprit *culprit, const struct view *view) {
    const struct view_stage *stage = &view->stages[culprit->stage];
    for (uint32_t i = 0; i < stage->ins; i++) {
        const struct view_subscription *in = &view->subscriptions[view->ins[stage->first_in + i]];
        if (in->producer != NONE && view->stages[in->producer].at->held > in->at->max_demand) {
            const struct view_stage *producer = &view->stages[in->producer];
            say(culprit, "; %s holds %s events", producer->label,
                text_whole(producer->at->held).text);
            return;
        }
    }
}

/* Others that take from its first producer, and are as full. */
static void say_siblings(struct culprit *culprit, const struct view *view,
                         const struct rates *rates) {
    const struct view_stage *stage = &view->stages[culprit->stage];
    uint32_t in = stage->ins == 0 ? NONE : view->ins[stage->first_in];
    uint32_t producer = in == NONE ? NONE : view->subscriptions[in].producer;
    uint32_t names[NAMES];
    uint32_t count = 0;
    if (producer == NONE) {
        return;
    }
    const struct view_stage *parent = &view->stages[producer];
    for (uint32_t i = 0; i < parent->outs; i++) {
        uint32_t other = view->subscriptions[view->outs[parent->first_out + i]].consumer;
        if (other != NONE && other != culprit->stage && culprit_is_full(view, rates, other)) {
            if (count < NAMES) names[count] = other;
            count++;
        }
    }
    uint32_t told = count < NAMES ? count : NAMES;
    for (uint32_t i = 0; i < told; i++) {
        say(culprit, "%s%s",
            i == 0 ? (count == 1 ? "; so is " : "; so are ") : between(i, told + (count > told)),
            view->stages[names[i]].label);
    }
    if (count > told) {
        say(culprit, " and %u more", count - told);
    }
}

static void say_stage(struct culprit *culprit, const struct view *view, const struct rates *rates,
                      const struct culprit_end *ends) {
    const struct view_stage *stage = &view->stages[culprit->stage];
    const struct stage_rates *own = &rates->stages[culprit->stage];
    say(culprit, "%s is full: busy %s of its time", stage->label,
        percent(rates, culprit->stage, WEIR_STATE_BUSY).text);
    if (own->share[WEIR_STATE_BUSY] < CULPRIT_FULL) {
        say(culprit, " (and %s waiting for its worker)",
            percent(rates, culprit->stage, WEIR_STATE_WAITING).text);
    }
    if (stage->callback_ns >= HANGS_NS) {
        say(culprit, ", and its callback has not returned for %s",
            text_time(stage->callback_ns).text);
    } else if (own->handling.count > 0) {
        say(culprit, ", %s a callback", text_time(weir_times_share(&own->handling, 0.5)).text);
    }
    say_waiters(culprit, view, rates, ends);
    say_held(culprit, view);
    say_siblings(culprit, view, rates);
}

/* --- a worker ----------------------------------------------------------------------------- */

/* The busiest of the worker's stages that is less busy than `after`, or as busy and behind it. */
static uint32_t next_busiest(const struct culprit *culprit, const struct view *view,
                             const struct rates *rates, uint32_t after) {
    uint32_t best = NONE;
    double limit = after == NONE ? 2 : rates->stages[after].share[WEIR_STATE_BUSY];
    for (uint32_t i = 0; i < view->stage_count; i++) {
        double busy = rates->stages[i].share[WEIR_STATE_BUSY];
        bool behind = busy < limit || (busy == limit && i > after);
        if (view->stages[i].worker == culprit->worker && i != after && behind &&
            (best == NONE || busy > rates->stages[best].share[WEIR_STATE_BUSY])) {
            best = i;
        }
    }
    return best;
}

static void say_worker(struct culprit *culprit, const struct view *view,
                       const struct rates *rates) {
    uint32_t busiest = next_busiest(culprit, view, rates, NONE);
    uint32_t other = NONE;
    say(culprit, "worker %u is full: ", view->workers[culprit->worker].at->index);
    for (uint32_t i = busiest, told = 0; i != NONE && told <= NAMES; told++) {
        say(culprit, "%s%s %s", told == 0 ? "" : ", ", view->stages[i].label,
            percent(rates, i, WEIR_STATE_BUSY).text);
        other = other == NONE && i != culprit->victim ? i : other;
        i = next_busiest(culprit, view, rates, i);
    }
    if (culprit->victim != NONE && other != NONE) {
        say(culprit, ": %s waits for %s", view->stages[culprit->victim].label,
            view->stages[other].label);
    }
}

static void say_neighbour(struct culprit *culprit, const struct view *view,
                          const struct rates *rates) {
    const struct view_stage *stage = &view->stages[culprit->stage];
    const weir_counters_worker *worker = view->workers[culprit->worker].at;
    uint64_t longest = weir_times_share(&rates->stages[culprit->stage].handling, 0.99);
    say(culprit, "%s keeps worker %u busy %s of the time", stage->label, worker->index,
        percent(rates, culprit->stage, WEIR_STATE_BUSY).text);
    if (stage->callback_ns >= HANGS_NS) {
        say(culprit, ": its callback has not returned for %s", text_time(stage->callback_ns).text);
    } else if (longest > 0) {
        say(culprit, " with long callbacks (p99 %s)", text_time(longest).text);
    } else {
        say(culprit, " with long callbacks (longest %s)", text_time(worker->longest_ns).text);
    }
    if (culprit->victim != NONE) {
        say(culprit, "; %s waits for that worker %s of its time",
            view->stages[culprit->victim].label,
            percent(rates, culprit->victim, WEIR_STATE_WAITING).text);
    }
}

/* --- nothing is full ---------------------------------------------------------------------- */

static void say_source(struct culprit *culprit, const struct view *view,
                       const struct rates *rates) {
    const struct stage_rates *own = &rates->stages[culprit->stage];
    bool starved = own->share[WEIR_STATE_STARVED] >= own->share[WEIR_STATE_IDLE];
    weir_stage_state state = starved ? WEIR_STATE_STARVED : WEIR_STATE_IDLE;
    const char *label = view->stages[culprit->stage].label;
    struct figure share = percent(rates, culprit->stage, state);
    if (own->out == 0) {
        say(culprit, "nothing comes in at %s: it is %s %s of its time", label,
            view_state_text(state), share.text);
    } else {
        say(culprit, "nothing is full: %s events/s come in at %s, which is %s %s of its time",
            text_number(own->out).text, label, view_state_text(state), share.text);
    }
}

static void say_nothing(struct culprit *culprit, const struct view *view,
                        const struct rates *rates) {
    if (culprit->stage == NONE) {
        say(culprit, "nothing is full: there are no stages");
        return;
    }
    const char *label = view->stages[culprit->stage].label;
    double busy = rates->stages[culprit->stage].share[WEIR_STATE_BUSY];
    if (busy < SEEN) {
        say(culprit, "nothing happens: no stage is at work");
    } else if (busy >= CULPRIT_FULL) {
        say(culprit, "nobody waits for another stage: the busiest is %s, busy %s of its time",
            label, text_share(busy).text);
    } else {
        say(culprit, "nothing is full: the busiest stage is %s, busy %s of its time", label,
            text_share(busy).text);
    }
}

/* What no stage can be blamed for: a worker that is ready to run, and others have its core. */
static void say_coreless(struct culprit *culprit, const struct view *view,
                         const struct rates *rates) {
    uint32_t most = NONE;
    for (uint32_t i = 0; i < view->worker_count; i++) {
        if (rates->workers[i].coreless >= CORELESS &&
            (most == NONE || rates->workers[i].coreless > rates->workers[most].coreless)) {
            most = i;
        }
    }
    if (most != NONE) {
        say(culprit, "; worker %u is ready and has no core %s of the time",
            view->workers[most].at->index, text_share(rates->workers[most].coreless).text);
    }
}

void verdict_say(struct culprit *culprit, const struct view *view, const struct rates *rates,
                 const struct culprit_end *ends) {
    culprit->text[0] = 0;
    switch (culprit->kind) {
    case CULPRIT_STAGE:
        say_stage(culprit, view, rates, ends);
        break;
    case CULPRIT_WORKER:
        say_worker(culprit, view, rates);
        break;
    case CULPRIT_NEIGHBOUR:
        say_neighbour(culprit, view, rates);
        break;
    case CULPRIT_SOURCE:
        say_source(culprit, view, rates);
        break;
    case CULPRIT_UNASKED:
        say(culprit, "%s has events, and nobody asks for them: it is blocked %s of its time",
            view->stages[culprit->stage].label,
            percent(rates, culprit->stage, WEIR_STATE_BLOCKED).text);
        break;
    case CULPRIT_NONE:
        say_nothing(culprit, view, rates);
        break;
    case CULPRIT_DEATH: /* death.c */
        break;
    }
    say_coreless(culprit, view, rates);
}
