/*
 * The demand dispatcher: each emission to whoever has asked for the most.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The consumers stand in a list, the largest open demand first; who comes to a
 * demand that others have already stands behind them, which is how equals take
 * turns.  `pending` is demand that was passed upstream for consumers that have
 * left since, and that is not answered yet: it is set off against the next
 * asks, and against emissions that nobody had room for.
 *
 *   the list is sorted by demand, largest first
 *   open == the sum of the demands in the list
 *
 * The first emission may be dealt out in random order (shuffle_first); the list stays
 * sorted meanwhile.
 *
 * The arithmetic is GenStage.DemandDispatcher's to the event.  Serving the
 * buffer from open demand, whatever `pending` swallowed, is the stage's task.
 *
 * One owner, the producer's worker: no threads.
 */
#include "base/attributes.h"
#include "base/rng.h"
#include "dispatch/seam.h"

struct entry {
    struct entry *before;
    struct entry *after;
    uint64_t demand;
    weir_outlet *outlet;
};

struct line {
    struct entry *first;
    struct entry *last;
    uint64_t open;
    uint64_t pending;
    bool shuffle; /* the next dispatch that delivers, and then no more */
    uint64_t seed;
};

static void leave(struct line *line, struct entry *entry) {
    *(entry->before ? &entry->before->after : &line->first) = entry->after;
    *(entry->after ? &entry->after->before : &line->last) = entry->before;
}

/* Behind `place`, or first of all when that is NULL. */
static void join(struct line *line, struct entry *entry, struct entry *place) {
    entry->before = place;
    entry->after = place ? place->after : line->first;
    *(entry->before ? &entry->before->after : &line->first) = entry;
    *(entry->after ? &entry->after->before : &line->last) = entry;
}

/* The nearest entry, from `place` towards the front, with at least `demand`. */
static struct entry *nearest(struct entry *place, uint64_t demand) {
    while (place && place->demand < demand) place = place->before;
    return place;
}

/* entry's demand grew: all those behind it have less, so look ahead of it only. */
static void move_up(struct line *line, struct entry *entry) {
    struct entry *place = nearest(entry->before, entry->demand);
    if (place == entry->before) return;
    leave(line, entry);
    join(line, entry, place);
}

/* entry's demand fell, mostly to the least of all: look from the back. */
static void move_down(struct line *line, struct entry *entry) {
    if (!entry->after || entry->after->demand < entry->demand) return;
    leave(line, entry);
    join(line, entry, nearest(line->last, entry->demand));
}

/* max_demand serves GenStage's warning about larger asks, which are served alike. */
static weir_status demand_init(void *state, weir_desk *desk, const void *options) {
    struct line *line = state;
    const weir_demand_dispatcher_options *chosen = options;
    (void)desk;
    line->shuffle = chosen && chosen->shuffle_first;
    line->seed = chosen ? chosen->seed : 0;
    return WEIR_OK;
}

static weir_reason demand_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct line *line = state;
    *upstream = 0;
    struct entry *entry = weir_outlet_state(consumer);
    entry->outlet = consumer;
    join(line, entry, line->last);
    return WEIR_REASON_NORMAL;
}

static uint64_t demand_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct line *line = state;
    struct entry *entry = weir_outlet_state(consumer);
    uint64_t bound = UINT64_MAX - line->open; /* the sum cannot wrap, whatever is asked */
    uint64_t more = count < bound ? count : bound;
    entry->demand += more;
    line->open += more;
    move_up(line, entry);

    uint64_t answered = more < line->pending ? more : line->pending;
    line->pending -= answered;
    return more - answered;
}

static uint64_t demand_cancel(void *state, weir_outlet *consumer) {
    struct line *line = state;
    struct entry *entry = weir_outlet_state(consumer);
    line->pending += entry->demand;
    line->open -= entry->demand;
    leave(line, entry);
    return 0;
}

/* As many of `left` events as it has asked for.  Returns how many. */
static uint64_t give(struct line *line, weir_run *run, struct entry *entry, uint64_t left) {
    uint64_t sent = left < entry->demand ? left : entry->demand;
    entry->demand -= sent;
    line->open -= sent;
    move_down(line, entry);
    weir_run_send(run, entry->outlet, sent);
    return sent;
}

/* Any of those with demand, which are the first ones of the list. */
static struct entry *drawn(const struct line *line, struct weir__rng *rng) {
    uint64_t count = 0;
    for (struct entry *entry = line->first; entry && entry->demand > 0; entry = entry->after) {
        count++;
    }
    struct entry *entry = line->first;
    for (uint64_t i = weir__rng_below(rng, count); i > 0; i--) entry = entry->after;
    return entry;
}

/* The first emission, to each in turn in random order.  Returns what is left. */
static uint64_t give_shuffled(struct line *line, weir_run *run, uint64_t left) {
    struct weir__rng rng;
    weir__rng_seed(&rng, line->seed);
    line->shuffle = false;
    while (left > 0 && line->open > 0) left -= give(line, run, drawn(line, &rng), left);
    return left;
}

static void demand_dispatch(void *state, weir_run *run, uint64_t count) {
    struct line *line = state;
    uint64_t left = count;
    if (WEIR__UNLIKELY(line->shuffle) && line->open > 0) left = give_shuffled(line, run, left);
    while (left > 0 && line->open > 0) left -= give(line, run, line->first, left);
    line->pending -= left < line->pending ? left : line->pending;
}

static uint64_t demand_open(const void *state) {
    const struct line *line = state;
    return line->open;
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
    .state_bytes = sizeof(struct line),
    .outlet_bytes = sizeof(struct entry),
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
