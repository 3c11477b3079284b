/*
 * The shared dispatcher: each event to whichever consumer is free first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The consumers' demand is one pool: what is sent goes on the rack
 * (edge/rack.h) and is nobody's until somebody takes it.  With `waiting` for
 * what is on the rack, and sums over the consumers that have not left,
 *
 *   open == asked - taken - waiting
 *
 * `open` may be below 0 for a moment: when a consumer leaves, others may have
 * taken what they have asked for and the producer has not yet heard.
 *
 * The size of entries.  Any consumer may take any entry, so an entry must suit
 * all: at most max_demand - min_demand of each, one batch.  A manual consumer may
 * ask for as little as one, and cannot be made to ask for more: two of them who
 * ask for three each could never take an entry of five that their six had
 * open.  So among several, a manual one makes all entries single events.
 *
 * `pending` is as the demand dispatcher's: demand passed upstream for consumers
 * that have left since.  Of what a leaver had asked for and not taken, that is
 * the part that was open; the rest was waiting, and is sent anew to the others
 * or goes back to the buffer.
 *
 * One owner, the producer's worker: no threads.
 */
#include "dispatch/shared.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "dispatch/line.h"
#include "edge/rack.h"

struct taker {
    struct weir__place place; /* by the events of an entry: max - min; unless it is manual */
    uint64_t asked;
    bool manual;
};

struct pool {
    struct weir__line line; /* the automatic ones that have not left */
    uint64_t manual;        /* the others                            */
    int64_t open;
    uint64_t pending;
    uint64_t grain;      /* of entries that are sent now              */
    uint64_t grain_most; /* as the options have it; 0: no bound       */
    weir_desk *desk;
    bool grain_fell;
};

static uint64_t at_most(uint64_t count, uint64_t most) {
    return count < most ? count : most;
}

static struct weir__edge *edge_of(weir_outlet *outlet) {
    return WEIR__CONTAINER_OF(outlet, struct weir__edge, outlet);
}

static weir_status shared_init(void *state, weir_desk *desk, const void *options) {
    struct pool *pool = state;
    weir_shared_dispatcher_options chosen = {0};
    if (options != NULL) {
        chosen = *(const weir_shared_dispatcher_options *)options;
    }
    if (WEIR__RESERVED_SET(&chosen, "weir_shared_dispatcher_options")) {
        return WEIR_INVALID;
    }
    if (chosen.entries == 0) {
        chosen.entries = WEIR_SHARED_ENTRIES_DEFAULT;
    }
    if (!weir__is_power_of_two_u64(chosen.entries) || chosen.entries < 2 ||
        chosen.entries > WEIR_SHARED_ENTRIES_LIMIT) {
        return weir__refuse(WEIR_INVALID, "entries must be a power of two from 2 to %d, got %zu",
                            WEIR_SHARED_ENTRIES_LIMIT, chosen.entries);
    }
    if (chosen.grain > WEIR_MAX_DEMAND_LIMIT) {
        return weir__refuse(WEIR_INVALID, "grain must be at most %d, got %zu",
                            WEIR_MAX_DEMAND_LIMIT, chosen.grain);
    }
    desk->rack = weir__rack_open(desk->allocator, (uint32_t)chosen.entries);
    if (desk->rack == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a ring of %zu entries", chosen.entries);
    }
    pool->desk = desk;
    pool->grain_most = chosen.grain > 0 ? chosen.grain : WEIR_MAX_DEMAND_LIMIT;
    pool->grain = pool->grain_most;
    return WEIR_OK;
}

/* The stage has let go of the rack, unless it never ran. */
static void shared_close(void *state) {
    const struct pool *pool = state;
    if (pool->desk->rack != NULL) weir__rack_leave(pool->desk->rack, pool->desk->pool);
}

/* The line has the largest number first, and we the smallest entries. */
static uint64_t of_entry(uint64_t most) {
    return UINT64_MAX - most;
}

static void size_entries(struct pool *pool) {
    const struct weir__place *first = pool->line.first;
    uint64_t grain = pool->grain_most;
    if (first != NULL) grain = at_most(grain, of_entry(first->number));
    if (pool->manual > 0 && pool->manual + pool->line.count > 1) grain = 1;
    pool->grain_fell = pool->grain_fell || grain < pool->grain;
    pool->grain = grain;
}

static weir_reason shared_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct pool *pool = state;
    const weir_subscribe_options *options = weir_outlet_options(consumer);
    struct taker *taker = weir_outlet_state(consumer);
    *upstream = 0;
    taker->manual = edge_of(consumer)->manual;
    pool->manual += taker->manual;
    if (!taker->manual) {
        uint64_t most = options->max_demand - options->min_demand;
        weir__line_join(&pool->line, &taker->place, of_entry(most));
    }
    size_entries(pool);
    /* What lies there for nobody was cut for others, and no memory allowed to take it back. */
    pool->grain_fell = pool->grain_fell || (taker->manual && pool->open < 0);
    return WEIR_REASON_NORMAL;
}

/* What of `more` is to be passed up, as some was for those who have left. */
static uint64_t unanswered(struct pool *pool, uint64_t more) {
    uint64_t answered = at_most(more, pool->pending);
    pool->pending -= answered;
    return more - answered;
}

static uint64_t shared_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct pool *pool = state;
    struct taker *taker = weir_outlet_state(consumer);
    uint64_t bound = (uint64_t)(INT64_MAX - (pool->open > 0 ? pool->open : 0));
    uint64_t more = at_most(count, bound); /* the sum cannot wrap, whatever is asked */
    taker->asked += more;
    pool->open += (int64_t)more;
    return unanswered(pool, more);
}

/* It may go on taking for a moment: weir__shared_left has the figures. */
static uint64_t shared_cancel(void *state, weir_outlet *consumer) {
    (void)state;
    weir__rack_unlist(edge_of(consumer)->rack, edge_of(consumer));
    return 0;
}

static uint64_t shared_open_demand(const void *state) {
    const struct pool *pool = state;
    return pool->open > 0 ? (uint64_t)pool->open : 0;
}

static void shared_dispatch(void *state, weir_run *run, uint64_t count) {
    struct pool *pool = state;
    uint64_t now = at_most(count, shared_open_demand(pool));
    if (now > 0) {
        const struct weir_desk *desk = run->desk;
        run->left -= now;
        uint64_t lost = desk->calls->put(desk->context, run->queue, now, pool->grain);
        pool->open -= (int64_t)(now - lost);
        if (lost > 0) desk->calls->demand_again(desk->context, lost);
    }
    pool->pending -= at_most(count - now, pool->pending);
}

/* What a dead consumer had taken and not begun: as any event, anybody's. */
static bool shared_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    (void)state;
    (void)consumer;
    (void)events;
    return true;
}

const weir_dispatcher *weir_shared_dispatcher(void) {
    static const weir_dispatcher table = {
        .name = "shared",
        .state_bytes = sizeof(struct pool),
        .outlet_bytes = sizeof(struct taker),
        .init = shared_init,
        .close = shared_close,
        .subscribe = shared_subscribe,
        .ask = shared_ask,
        .cancel = shared_cancel,
        .dispatch = shared_dispatch,
        .open_demand = shared_open_demand,
        .give_back = shared_give_back,
    };
    return &table;
}

/* ---- for the stage ------------------------------------------------------- */

bool weir__shared_grain_fell(void *state) {
    struct pool *pool = state;
    bool fell = pool->grain_fell;
    pool->grain_fell = false;
    return fell;
}

uint64_t weir__shared_left(void *state, weir_outlet *consumer, uint64_t taken) {
    struct pool *pool = state;
    struct taker *taker = weir_outlet_state(consumer);
    uint64_t open = shared_open_demand(pool);
    int64_t rest = (int64_t)(taker->asked - taken);
    pool->open -= rest;
    pool->manual -= taker->manual;
    if (!taker->manual) weir__line_leave(&pool->line, &taker->place);
    size_entries(pool);
    if (rest >= 0) {
        pool->pending += at_most((uint64_t)rest, open);
        return 0;
    }
    return unanswered(pool, (uint64_t)-rest); /* it took what others have asked for */
}

uint64_t weir__shared_excess(const void *state) {
    const struct pool *pool = state;
    return pool->open < 0 ? 0 - (uint64_t)pool->open : 0;
}

void weir__shared_recalled(void *state, uint64_t count) {
    struct pool *pool = state;
    pool->open += (int64_t)count;
}

#if WEIR__CHECKED
void weir__shared_dispatch_check(const void *state) {
    const struct pool *pool = state;
    weir__line_check(&pool->line);
    WEIR__CHECK(pool->grain > 0 && pool->grain <= pool->grain_most);
    WEIR__CHECK(pool->manual == 0 || pool->manual + pool->line.count == 1 || pool->grain == 1);
}

uint64_t weir__shared_asked(const weir_outlet *consumer) {
    const struct taker *taker = consumer->state;
    return taker->asked;
}

void weir__shared_open_check(const void *state, uint64_t asked, uint64_t taken, uint64_t waiting) {
    const struct pool *pool = state;
    WEIR__CHECK(pool->open == (int64_t)(asked - taken - waiting));
}
#endif
