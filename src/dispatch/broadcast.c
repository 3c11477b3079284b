/*
 * The broadcast dispatcher: every event to every consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A consumer's `limit` is the position, counted in events broadcast, up to which
 * it has asked.  The consumers stand in a list, the smallest limit first; what
 * all have in common, `waiting`, is that limit less the position served.
 * GenStage keeps the same in relative numbers (a surplus for each consumer beside
 * the common part); a late subscriber, whose limit is where we are, takes the
 * common part back to 0 without a word about the others.
 *
 *   served <= limit of every consumer;   the list is sorted by limit
 *   waiting == first's limit - served    (0 without consumers)
 *   waiting <= requested                 what was asked upstream and not answered
 *
 * What is left over, because nobody waits for it now, answers a request all the
 * same: the stage buffers it, and serves it to whoever asks.  (GenStage goes on
 * waiting for it, and so for ever.)
 *
 * One owner, the producer's worker: no threads.
 */
#include "base/attributes.h"
#include "dispatch/seam.h"

struct listener {
    struct listener *before;
    struct listener *after;
    uint64_t limit;
    weir_outlet *outlet;
    bool forgotten; /* only with forgets_refused */
};

struct audience {
    struct listener *first;
    struct listener *last;
    uint64_t count;
    uint64_t served;
    uint64_t requested;
    bool as_genstage;     /* what is left over answers nothing */
    bool forgets_refused; /* a refusal forgets whom it was about */
};

static void leave(struct audience *audience, struct listener *listener) {
    *(listener->before ? &listener->before->after : &audience->first) = listener->after;
    *(listener->after ? &listener->after->before : &audience->last) = listener->before;
    audience->count--;
}

/* Among its equals the last; looked for from the back, where askers mostly go. */
static void join(struct audience *audience, struct listener *listener) {
    struct listener *place = audience->last;
    while (place && place->limit > listener->limit) place = place->before;
    listener->before = place;
    listener->after = place ? place->after : audience->first;
    *(listener->before ? &listener->before->after : &audience->first) = listener;
    *(listener->after ? &listener->after->before : &audience->last) = listener;
    audience->count++;
}

static uint64_t waiting(const struct audience *audience) {
    return audience->first ? audience->first->limit - audience->served : 0;
}

/* What has become common and was not requested yet is passed upstream. */
static uint64_t request(struct audience *audience) {
    uint64_t open = waiting(audience);
    if (open <= audience->requested) return 0;
    uint64_t more = open - audience->requested;
    audience->requested = open;
    return more;
}

static weir_status broadcast_init(void *state, weir_desk *desk, const void *options) {
    (void)desk;
    struct audience *audience = state;
    const weir_broadcast_dispatcher_options *chosen = options;
    audience->as_genstage = chosen && chosen->as_genstage;
    audience->forgets_refused = chosen && chosen->forgets_refused;
    return WEIR_OK;
}

static bool same_stage(const struct listener *listener, const weir_outlet *consumer) {
    return listener->outlet->subscription.consumer.bits == consumer->subscription.consumer.bits;
}

static weir_reason broadcast_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct audience *audience = state;
    *upstream = 0;
    for (struct listener *other = audience->first; other; other = other->after) {
        if (same_stage(other, consumer) && !other->forgotten) {
            other->forgotten = audience->forgets_refused;
            return WEIR_REASON_ALREADY_SUBSCRIBED;
        }
    }
    struct listener *listener = weir_outlet_state(consumer);
    listener->outlet = consumer;
    listener->limit = audience->served;
    join(audience, listener);
    return WEIR_REASON_NORMAL;
}

static uint64_t broadcast_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct audience *audience = state;
    struct listener *listener = weir_outlet_state(consumer);
    uint64_t bound = UINT64_MAX - listener->limit; /* positions do not wrap, whatever is asked */
    leave(audience, listener);
    listener->limit += count < bound ? count : bound;
    join(audience, listener);
    return request(audience);
}

static uint64_t broadcast_cancel(void *state, weir_outlet *consumer) {
    struct audience *audience = state;
    leave(audience, weir_outlet_state(consumer));
    return request(audience);
}

static void broadcast_dispatch(void *state, weir_run *run, uint64_t count) {
    struct audience *audience = state;
    uint64_t open = waiting(audience);
    uint64_t now = count < open ? count : open;
    uint64_t answered = audience->as_genstage ? now : count;
    audience->requested -= answered < audience->requested ? answered : audience->requested;
    if (now == 0) return;
    audience->served += now;
    if (audience->count == 1 && !weir_outlet_options(audience->first->outlet)->selector) {
        weir_run_send(run, audience->first->outlet, now); /* nobody to share with */
        return;
    }
    for (struct listener *listener = audience->first; listener; listener = listener->after) {
        uint64_t refused = weir_run_share(run, listener->outlet, now);
        if (refused > 0) weir_run_ask_again(run, listener->outlet, refused);
    }
    weir_run_skip(run, now);
}

static uint64_t broadcast_open_demand(const void *state) {
    return waiting(state);
}

const weir_dispatcher *weir_broadcast_dispatcher(void) {
    static const weir_dispatcher table = {
        .name = "broadcast",
        .selects = true,
        .state_bytes = sizeof(struct audience),
        .outlet_bytes = sizeof(struct listener),
        .init = broadcast_init,
        .subscribe = broadcast_subscribe,
        .ask = broadcast_ask,
        .cancel = broadcast_cancel,
        .dispatch = broadcast_dispatch,
        .open_demand = broadcast_open_demand,
    };
    return &table;
}
