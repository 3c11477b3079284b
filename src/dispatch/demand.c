/*
 * The demand dispatcher: each emission to whoever has asked for the most.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The consumers stand in line (line.h), the largest open demand first; who comes to a
 * demand that others have already stands behind them, which is how equals take
 * turns.  `pending` is demand that was passed upstream for consumers that have
 * left since, and that is not answered yet: it is set off against the next
 * asks, and against emissions that nobody had room for.
 *
 *   open == the sum of the demands in the line
 *
 * The first emission may be dealt out in random order (shuffle_first); the line stays
 * sorted meanwhile.
 *
 * The arithmetic is GenStage.DemandDispatcher's to the event.  Serving the
 * buffer from open demand, whatever `pending` swallowed, is the stage's task.
 *
 * One owner, the producer's worker: no threads.
 */
#include "base/attributes.h"
#include "base/check.h"
#include "base/reserved.h"
#include "base/rng.h"
#include "dispatch/line.h"
#include "dispatch/seam.h"
#include "memory/allocator.h"

struct asker {
    struct weir__place place; /* by its demand */
    weir_outlet *outlet;
};

struct demands {
    struct weir__line line;
    uint64_t open;
    uint64_t pending;
    bool shuffle; /* the next dispatch that delivers, and then no more */
    uint64_t seed;
};

static inline struct asker *asker_at(struct weir__place *place) {
    return WEIR__CONTAINER_OF(place, struct asker, place);
}

/* max_demand serves GenStage's warning about larger asks, which are served alike. */
static weir_status demand_init(void *state, weir_desk *desk, const void *options) {
    struct demands *all = state;
    const weir_demand_dispatcher_options *chosen = options;
    (void)desk;
    if (chosen && WEIR__RESERVED_SET(chosen, "weir_demand_dispatcher_options")) return WEIR_INVALID;
    all->shuffle = chosen && chosen->shuffle_first;
    all->seed = chosen ? chosen->seed : 0;
    return WEIR_OK;
}

static weir_reason demand_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct demands *all = state;
    *upstream = 0;
    struct asker *asker = consumer->state;
    asker->outlet = consumer;
    weir__line_join(&all->line, &asker->place, 0);
    return WEIR_REASON_NORMAL;
}

/* What of `more` is to be passed up, as some was for those who have left. */
static inline uint64_t set_off_leavers(struct demands *all, uint64_t more) {
    if (WEIR__LIKELY(all->pending == 0)) return more;
    uint64_t answered = more < all->pending ? more : all->pending;
    all->pending -= answered;
    return more - answered;
}

static WEIR__NOINLINE uint64_t ask_far(struct demands *all, struct weir__place *place,
                                       uint64_t more) {
    weir__line_move(&all->line, place, place->number + more);
    return set_off_leavers(all, more);
}

static uint64_t demand_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct demands *all = state;
    struct asker *asker = consumer->state;
    struct weir__place *place = &asker->place;
    uint64_t bound = UINT64_MAX - all->open; /* the sum cannot wrap, whatever is asked */
    uint64_t more = count < bound ? count : bound;
    all->open += more;
    if (more > 0 && !weir__line_raise(&all->line, place, place->number + more)) {
        return ask_far(all, place, more);
    }
    return set_off_leavers(all, more);
}

static uint64_t demand_cancel(void *state, weir_outlet *consumer) {
    struct demands *all = state;
    struct asker *asker = consumer->state;
    all->pending += asker->place.number;
    all->open -= asker->place.number;
    weir__line_leave(&all->line, &asker->place);
    return 0;
}

/* As many of `left` events as it has asked for.  Returns how many. */
static inline uint64_t give(struct demands *all, weir_run *run, struct weir__place *place,
                            uint64_t left) {
    uint64_t sent = left < place->number ? left : place->number;
    all->open -= sent;
    uint64_t demand = place->number - sent;
    if (!weir__line_lower(&all->line, place, demand)) weir__line_move(&all->line, place, demand);
    weir_run_send(run, asker_at(place)->outlet, sent);
    return sent;
}

/* Writes down those with demand, who are the first of the line.  Returns how many. */
static size_t write_down(const struct demands *all, struct weir__place **places) {
    size_t count = 0;
    struct weir__place *place = all->line.first;
    for (; place && place->number > 0; place = place->after) places[count++] = place;
    return count;
}

/*
 * The first emission, to each in turn in random order: whoever is drawn gets all that he
 * has asked for, or all that is left.  Without memory, the order is the line's.
 */
static WEIR__NOINLINE uint64_t give_shuffled(struct demands *all, weir_run *run, uint64_t left) {
    const struct weir__allocator *allocator = run->desk->allocator;
    size_t bytes = all->line.count * sizeof(struct weir__place *);
    struct weir__place **places = weir__alloc(allocator, bytes, 16);
    all->shuffle = false;
    if (places == NULL) return left;
    struct weir__rng rng;
    weir__rng_seed(&rng, all->seed);
    size_t count = write_down(all, places);
    while (left > 0 && count > 0) {
        size_t drawn = (size_t)weir__rng_below(&rng, count);
        left -= give(all, run, places[drawn], left);
        places[drawn] = places[--count];
    }
    weir__free(allocator, places, bytes);
    return left;
}

static void demand_dispatch(void *state, weir_run *run, uint64_t count) {
    struct demands *all = state;
    uint64_t left = count;
    if (WEIR__UNLIKELY(all->shuffle) && all->open > 0) left = give_shuffled(all, run, left);
    while (left > 0 && all->open > 0) left -= give(all, run, all->line.first, left);
    if (left > 0) all->pending -= left < all->pending ? left : all->pending;
}

static uint64_t demand_open(const void *state) {
    const struct demands *all = state;
    return all->open;
}

/* Events here belong to no consumer in particular: the next one takes them. */
static bool demand_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    (void)state;
    (void)consumer;
    (void)events;
    return true;
}

static const weir_dispatcher demand_dispatcher = {
    .name = "demand",
    .state_bytes = sizeof(struct demands),
    .outlet_bytes = sizeof(struct asker),
    .init = demand_init,
    .subscribe = demand_subscribe,
    .ask = demand_ask,
    .cancel = demand_cancel,
    .dispatch = demand_dispatch,
    .open_demand = demand_open,
    .give_back = demand_give_back,
};

const weir_dispatcher *weir_demand_dispatcher(void) {
    return &demand_dispatcher;
}

#if WEIR__CHECKED
void weir__demand_check(const void *state) {
    const struct demands *all = state;
    weir__line_check(&all->line);
    if (all->line.count > WEIR__CHECK_MOST) return;
    uint64_t sum = 0;
    for (const struct weir__place *place = all->line.first; place != NULL; place = place->after) {
        sum += place->number;
    }
    WEIR__CHECK(all->open == sum);
}
#endif
