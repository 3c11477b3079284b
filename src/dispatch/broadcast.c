/*
 * The broadcast dispatcher: every event to every consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A consumer's limit is the position, counted in events broadcast, up to which
 * it has asked.  The consumers stand in line (line.h), the smallest limit first: what
 * orders them there is what their limits are short of the last position there is.  What
 * all have in common, `waiting`, is the first one's limit less the position served.
 * GenStage keeps the same in relative numbers (a surplus for each consumer beside
 * the common part); a late subscriber, whose limit is where we are, takes the
 * common part back to 0 without a word about the others.
 *
 *   served <= limit of every consumer
 *   waiting <= requested                 what was asked upstream and not answered
 *   a consumer is in the index of members, unless it was forgotten
 *
 * What is left over, because nobody waits for it now, answers a request all the
 * same: the stage buffers it, and serves it to whoever asks.  (GenStage goes on
 * waiting for it, and so for ever.)
 *
 * Which stages are subscribed, of which each may be but once, an index knows.
 *
 * One owner, the producer's worker: no threads.
 */
#include "base/attributes.h"
#include "base/check.h"
#include "base/reserved.h"
#include "dispatch/line.h"
#include "dispatch/seam.h"
#include "memory/index.h"

struct listener {
    struct weir__place place;       /* by limit; see limit_of                  */
    struct weir__index_node member; /* by its stage; in the index, unless forgotten */
    weir_outlet *outlet;
    bool forgotten; /* only with forgets_refused */
};

struct audience {
    struct weir__line line;
    struct weir__index members;
    uint64_t served;
    uint64_t requested;
    bool as_genstage;     /* what is left over answers nothing */
    bool forgets_refused; /* a refusal forgets whom it was about */
};

static struct listener *listener_at(struct weir__place *place) {
    return WEIR__CONTAINER_OF(place, struct listener, place);
}

/* The line has the largest number first, and we the smallest limit. */
static uint64_t limit_of(const struct weir__place *place) {
    return UINT64_MAX - place->number;
}

static uint64_t waiting(const struct audience *audience) {
    const struct weir__place *first = audience->line.first;
    return first ? limit_of(first) - audience->served : 0;
}

/* What has become common and was not requested yet is passed upstream. */
static uint64_t demand_common(struct audience *audience) {
    uint64_t open = waiting(audience);
    if (open <= audience->requested) return 0;
    uint64_t more = open - audience->requested;
    audience->requested = open;
    return more;
}

static weir_status broadcast_init(void *state, weir_desk *desk, const void *options) {
    struct audience *audience = state;
    const weir_broadcast_dispatcher_options *chosen = options;
    if (chosen && WEIR__RESERVED_SET(chosen, "weir_broadcast_dispatcher_options")) {
        return WEIR_INVALID;
    }
    weir__index_open(&audience->members, desk->allocator);
    audience->as_genstage = chosen && chosen->as_genstage;
    audience->forgets_refused = chosen && chosen->forgets_refused;
    return WEIR_OK;
}

static void broadcast_close(void *state) {
    struct audience *audience = state;
    weir__index_close(&audience->members);
}

static weir_reason broadcast_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct audience *audience = state;
    uint64_t stage = consumer->subscription->consumer.bits;
    *upstream = 0;
    struct listener *other = WEIR__INDEX_FIND(&audience->members, stage, struct listener, member);
    if (other != NULL) {
        other->forgotten = audience->forgets_refused;
        if (other->forgotten) weir__index_remove(&audience->members, &other->member);
        return WEIR_REASON_ALREADY_SUBSCRIBED;
    }
    struct listener *listener = weir_outlet_state(consumer);
    listener->outlet = consumer;
    weir__index_add(&audience->members, &listener->member, stage);
    weir__line_join(&audience->line, &listener->place, UINT64_MAX - audience->served);
    return WEIR_REASON_NORMAL;
}

static uint64_t broadcast_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct audience *audience = state;
    struct weir__line *line = &audience->line;
    struct listener *listener = weir_outlet_state(consumer);
    struct weir__place *place = &listener->place;
    /* positions do not wrap, whatever is asked */
    uint64_t number = place->number - (count < place->number ? count : place->number);
    if (!weir__line_lower(line, place, number)) weir__line_move(line, place, number);
    return demand_common(audience);
}

static uint64_t broadcast_cancel(void *state, weir_outlet *consumer) {
    struct audience *audience = state;
    struct listener *listener = weir_outlet_state(consumer);
    weir__line_leave(&audience->line, &listener->place);
    if (!listener->forgotten) weir__index_remove(&audience->members, &listener->member);
    return demand_common(audience);
}

static void broadcast_dispatch(void *state, weir_run *run, uint64_t count) {
    struct audience *audience = state;
    uint64_t open = waiting(audience);
    uint64_t now = count < open ? count : open;
    uint64_t answered = audience->as_genstage ? now : count;
    audience->requested -= answered < audience->requested ? answered : audience->requested;
    if (now == 0) return;
    audience->served += now;
    struct weir__place *first = audience->line.first;
    if (first->after == NULL && !weir__selects(weir_outlet_options(listener_at(first)->outlet))) {
        weir_run_send(run, listener_at(first)->outlet, now); /* nobody to share with */
        return;
    }
    for (struct weir__place *place = first; place; place = place->after) {
        weir_outlet *outlet = listener_at(place)->outlet;
        uint64_t refused = weir_run_share(run, outlet, now);
        if (refused > 0) weir_run_ask_again(run, outlet, refused);
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
        .close = broadcast_close,
        .subscribe = broadcast_subscribe,
        .ask = broadcast_ask,
        .cancel = broadcast_cancel,
        .dispatch = broadcast_dispatch,
        .open_demand = broadcast_open_demand,
    };
    return &table;
}

#if WEIR__CHECKED
void weir__broadcast_check(const void *state) {
    const struct audience *audience = state;
    weir__line_check(&audience->line);
    weir__index_check(&audience->members);
    struct weir__place *place = audience->line.first; /* the smallest limit of all */
    WEIR__CHECK(place == NULL || audience->served <= limit_of(place));
    WEIR__CHECK(waiting(audience) <= audience->requested);
    if (audience->line.count > WEIR__CHECK_MOST) return;
    size_t members = 0;
    for (; place != NULL; place = place->after) {
        members += !listener_at(place)->forgotten;
    }
    WEIR__CHECK(audience->members.count == members);
}
#endif
