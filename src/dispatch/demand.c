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
 * Those with the same demand are a group.  There are few of them, however many
 * consumers there are, so a place is looked for from group to group: the first
 * and the last of each know each other.
 *
 *   the first of a group: `end` is the last; the last: `end` is the first
 *   (one alone is both; between the two, `end` means nothing)
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
    struct entry *end; /* of its group, the other */
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

/* `next` is at that end of the group, instead of entry, who is there and not alone. */
static inline void hand_over(struct entry *entry, struct entry *next) {
    next->end = entry->end;
    entry->end->end = next;
    entry->end = entry;
}

/* Joins the group that `last` is the last of. */
static inline void follow(struct entry *entry, struct entry *last) {
    entry->end = last->end;
    last->end->end = entry;
}

static inline void leave(struct line *line, struct entry *entry) {
    struct entry *before = entry->before;
    struct entry *after = entry->after;
    *(before ? &before->after : &line->first) = after;
    *(after ? &after->before : &line->last) = before;
    if (entry->end == entry) return; /* alone */
    if (!before || before->demand != entry->demand) {
        hand_over(entry, after);
    } else if (!after || after->demand != entry->demand) {
        hand_over(entry, before);
    }
}

/* Behind `place`, the last of a group with at least its demand, or first of all: NULL. */
static inline void join(struct line *line, struct entry *entry, struct entry *place) {
    struct entry *after = place ? place->after : line->first;
    entry->before = place;
    entry->after = after;
    *(place ? &place->after : &line->first) = entry;
    *(after ? &after->before : &line->last) = entry;
    entry->end = entry;
    if (place && place->demand == entry->demand) follow(entry, place);
}

/* The last of all with at least `demand`, or NULL: looked for from the front, or the back. */
static inline struct entry *from_front(const struct line *line, uint64_t demand) {
    struct entry *place = NULL;
    struct entry *next = line->first;
    while (next && next->demand >= demand) {
        place = next->end;
        next = place->after;
    }
    return place;
}

static inline struct entry *from_back(const struct line *line, uint64_t demand) {
    struct entry *place = line->last;
    while (place && place->demand < demand) place = place->end->before;
    return place;
}

/* Its demand grows, mostly to one of the largest. */
static inline void move_up(struct line *line, struct entry *entry, uint64_t demand) {
    struct entry *before = entry->before;
    if (before && before->demand < demand) {
        leave(line, entry);
        entry->demand = demand;
        join(line, entry, from_front(line, demand));
        return;
    }
    /* It stays where it is, which was the first place of its group. */
    entry->demand = demand;
    if (entry->end != entry) hand_over(entry, entry->after);
    if (before && before->demand == demand) follow(entry, before);
}

/* Its demand falls, mostly to one of the least. */
static inline void move_down(struct line *line, struct entry *entry, uint64_t demand) {
    struct entry *after = entry->after;
    if (after && after->demand >= demand) {
        leave(line, entry);
        entry->demand = demand;
        join(line, entry, from_back(line, demand));
        return;
    }
    /* It stays where it is, which was the last place of its group. */
    entry->demand = demand;
    if (entry->end != entry) hand_over(entry, entry->before);
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
    struct entry *entry = consumer->state;
    entry->outlet = consumer;
    join(line, entry, line->last); /* with no demand: behind all, who have that or more */
    return WEIR_REASON_NORMAL;
}

static uint64_t demand_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct line *line = state;
    struct entry *entry = consumer->state;
    uint64_t bound = UINT64_MAX - line->open; /* the sum cannot wrap, whatever is asked */
    uint64_t more = count < bound ? count : bound;
    line->open += more;
    if (more > 0) move_up(line, entry, entry->demand + more);

    if (WEIR__LIKELY(line->pending == 0)) return more;
    uint64_t answered = more < line->pending ? more : line->pending;
    line->pending -= answered;
    return more - answered;
}

static uint64_t demand_cancel(void *state, weir_outlet *consumer) {
    struct line *line = state;
    struct entry *entry = consumer->state;
    line->pending += entry->demand;
    line->open -= entry->demand;
    leave(line, entry);
    return 0;
}

/* As many of `left` events as it has asked for.  Returns how many. */
static inline uint64_t give(struct line *line, weir_run *run, struct entry *entry, uint64_t left) {
    uint64_t sent = left < entry->demand ? left : entry->demand;
    line->open -= sent;
    move_down(line, entry, entry->demand - sent);
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
static WEIR__NOINLINE uint64_t give_shuffled(struct line *line, weir_run *run, uint64_t left) {
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
