/*
 * The culprit: see culprit.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "culprit.h"

#include "death.h"
#include "trouble.h"
#include "verdict.h"

#include <stdlib.h>

#define WAITS      0.3  /* of its time: then a stage has a vote */
#define AT_WORK    0.9  /* a walk does not lead beyond a stage that is as busy as this */
#define GOES_ON    0.1  /* ... and from others only if they wait as much as this */
#define FOR_WORKER 0.25 /* it waits so much for its worker: then that is looked at */
#define MOSTLY     0.6
#define LONG_NS    1000000

/* What is tried, for each stage of the view, unless it says something else. */
struct trial {
    const struct view *view;
    const struct rates *rates;
    struct culprit_end *ends;
    uint32_t *seen_by;   /* the walk that was here last, by the number of its start plus 1 */
    uint32_t *component; /* stages that are connected have the same */
    double *stage_votes; /* by kind: stage_votes[kind * stages + stage] */
    double *worker_votes;
};

double culprit_engaged(const struct stage_rates *rates) {
    return rates->share[WEIR_STATE_BUSY] + rates->share[WEIR_STATE_WAITING];
}

static double share(const struct trial *trial, uint32_t stage, weir_stage_state state) {
    return trial->rates->stages[stage].share[state];
}

static double engaged(const struct trial *trial, uint32_t stage) {
    return culprit_engaged(&trial->rates->stages[stage]);
}

static bool worker_is_full(const struct rates *rates, uint32_t worker) {
    return worker != NONE && rates->workers[worker].load >= CULPRIT_FULL &&
           rates->workers[worker].rest <= 1 - CULPRIT_FULL;
}

bool culprit_is_full(const struct view *view, const struct rates *rates, uint32_t stage) {
    const struct stage_rates *own = &rates->stages[stage];
    return own->share[WEIR_STATE_BUSY] >= CULPRIT_FULL ||
           (culprit_engaged(own) >= CULPRIT_FULL &&
            own->share[WEIR_STATE_BUSY] >= own->share[WEIR_STATE_WAITING] &&
            worker_is_full(rates, view->stages[stage].worker));
}

/* --- walks -------------------------------------------------------------------------------- */

/* The one to go on to: of the consumers or of the producers, who is most at work, or waits most
 * to go the same way; nobody who was seen on this walk.  NONE: there is none. */
static uint32_t next_of(const struct trial *trial, uint32_t at, bool down, uint32_t walk) {
    const struct view *view = trial->view;
    const struct view_stage *stage = &view->stages[at];
    weir_stage_state same_way = down ? WEIR_STATE_BLOCKED : WEIR_STATE_STARVED;
    uint32_t best = NONE;
    double most = -1;
    for (uint32_t i = 0; i < (down ? stage->outs : stage->ins); i++) {
        uint32_t number = down ? view->outs[stage->first_out + i] : view->ins[stage->first_in + i];
        const struct view_subscription *each = &view->subscriptions[number];
        uint32_t other = down ? each->consumer : each->producer;
        if (other == NONE || trial->seen_by[other] == walk) {
            continue;
        }
        double blocked = share(trial, other, WEIR_STATE_BLOCKED);
        double score = engaged(trial, other) + blocked + share(trial, other, same_way) / 2;
        if (score > most) {
            most = score;
            best = other;
        }
    }
    return best;
}

static struct culprit_end ends_at(enum culprit_kind kind, uint32_t target) {
    return (struct culprit_end){.kind = kind, .target = target};
}

/* Of its worker's time those that it is connected with take most. */
static bool is_with_its_own(const struct trial *trial, uint32_t stage) {
    double own = 0;
    double others = 0;
    for (uint32_t i = 0; i < trial->view->stage_count; i++) {
        if (trial->view->stages[i].worker == trial->view->stages[stage].worker) {
            bool with = trial->component[i] == trial->component[stage];
            *(with ? &own : &others) += share(trial, i, WEIR_STATE_BUSY);
        }
    }
    return own > others;
}

/* A walk that can go no further: the busiest that it came by, if that is full; or where it is
 * itself the reason; or all of a worker's stages together (a chain in one go waits for none). */
static struct culprit_end walk_ends(const struct trial *trial, uint32_t at, bool down,
                                    uint32_t busiest) {
    const struct view_stage *stage = &trial->view->stages[at];
    if (busiest != NONE && engaged(trial, busiest) >= CULPRIT_FULL) {
        return ends_at(CULPRIT_STAGE, busiest);
    }
    double idle = share(trial, at, WEIR_STATE_IDLE);
    if (stage->ins == 0 && stage->outs > 0 &&
        share(trial, at, WEIR_STATE_STARVED) + idle > MOSTLY) {
        return ends_at(CULPRIT_SOURCE, at);
    }
    if (down && stage->outs == 0 && share(trial, at, WEIR_STATE_BLOCKED) > MOSTLY) {
        return ends_at(CULPRIT_UNASKED, at);
    }
    uint32_t worker = stage->worker;
    bool together = worker_is_full(trial->rates, worker) && is_with_its_own(trial, at);
    return together ? ends_at(CULPRIT_WORKER, worker) : ends_at(CULPRIT_NONE, NONE);
}

static struct culprit_end walk_from(struct trial *trial, uint32_t start) {
    const uint32_t walk = start + 1;
    uint32_t busiest = NONE;
    bool down = share(trial, start, WEIR_STATE_BLOCKED) >= share(trial, start, WEIR_STATE_STARVED);
    for (uint32_t at = start;;) {
        trial->seen_by[at] = walk;
        if (at != start) {
            double blocked = share(trial, at, WEIR_STATE_BLOCKED);
            double starved = share(trial, at, WEIR_STATE_STARVED);
            if (busiest == NONE || engaged(trial, at) > engaged(trial, busiest)) {
                busiest = at;
            }
            if (engaged(trial, at) >= AT_WORK) {
                return ends_at(CULPRIT_STAGE, at);
            }
            if (blocked >= GOES_ON || starved >= GOES_ON) {
                down = blocked >= starved;
            } else if (down) {
                return busiest != NONE && engaged(trial, busiest) >= CULPRIT_FULL
                           ? ends_at(CULPRIT_STAGE, busiest)
                           : ends_at(CULPRIT_UNASKED, start);
            } /* nothing has come to it, and nobody asks: further up */
        }
        uint32_t next = next_of(trial, at, down, walk);
        if (next == NONE) {
            return walk_ends(trial, at, down, busiest);
        }
        at = next;
    }
}

/* --- workers ------------------------------------------------------------------------------ */

/* The busiest of the other stages of its worker, or NONE. */
static uint32_t neighbour_of(const struct trial *trial, uint32_t stage) {
    const struct view *view = trial->view;
    uint32_t best = NONE;
    for (uint32_t i = 0; i < view->stage_count; i++) {
        if (i != stage && view->stages[i].worker == view->stages[stage].worker &&
            share(trial, i, WEIR_STATE_BUSY) > GOES_ON &&
            (best == NONE ||
             share(trial, i, WEIR_STATE_BUSY) > share(trial, best, WEIR_STATE_BUSY))) {
            best = i;
        }
    }
    return best;
}

static bool has_long_callbacks(const struct trial *trial, uint32_t stage) {
    const struct view_stage *self = &trial->view->stages[stage];
    const weir_counters_worker *worker = trial->view->workers[self->worker].at;
    return weir_times_share(&trial->rates->stages[stage].handling, 0.99) >= LONG_NS ||
           self->callback_ns >= LONG_NS ||
           (worker->longest_stage == self->at->ref && worker->longest_ns >= LONG_NS);
}

/* A stage that waits for its worker waits for the others there: for one of them, or for all. */
static struct culprit_end of_worker(const struct trial *trial, uint32_t stage) {
    uint32_t worker = trial->view->stages[stage].worker;
    uint32_t other = worker == NONE ? NONE : neighbour_of(trial, stage);
    if (share(trial, stage, WEIR_STATE_WAITING) < FOR_WORKER || other == NONE) {
        return ends_at(CULPRIT_STAGE, stage);
    }
    double busy = share(trial, other, WEIR_STATE_BUSY);
    if (busy < MOSTLY || busy < 2 * share(trial, stage, WEIR_STATE_BUSY)) {
        return ends_at(CULPRIT_WORKER, worker);
    }
    if (trial->component[other] == trial->component[stage]) {
        return ends_at(CULPRIT_STAGE, other);
    }
    return has_long_callbacks(trial, other) ? ends_at(CULPRIT_NEIGHBOUR, other)
                                            : ends_at(CULPRIT_WORKER, worker);
}

static uint32_t root(uint32_t *component, uint32_t stage) {
    while (component[stage] != stage) {
        component[stage] = component[component[stage]];
        stage = component[stage];
    }
    return stage;
}

static void connect(struct trial *trial) {
    const struct view *view = trial->view;
    for (uint32_t i = 0; i < view->stage_count; i++) {
        trial->component[i] = i;
    }
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        const struct view_subscription *each = &view->subscriptions[i];
        if (each->producer != NONE && each->consumer != NONE) {
            trial->component[root(trial->component, each->producer)] =
                root(trial->component, each->consumer);
        }
    }
    for (uint32_t i = 0; i < view->stage_count; i++) {
        trial->component[i] = root(trial->component, i);
    }
}

/* --- votes -------------------------------------------------------------------------------- */

static double *votes_of(const struct trial *trial, enum culprit_kind kind, uint32_t target) {
    return kind == CULPRIT_WORKER
               ? &trial->worker_votes[target]
               : &trial->stage_votes[(size_t)kind * trial->view->stage_count + target];
}

static void cast_vote(const struct trial *trial, uint32_t stage, const struct culprit_end *end) {
    bool itself = end->kind == CULPRIT_STAGE && end->target == stage;
    if (end->kind != CULPRIT_NONE && !itself) {
        *votes_of(trial, end->kind, end->target) += end->vote;
    }
}

/* What is named as full is: a stage that is not has a worker that is, or there is no culprit. */
static struct culprit_end if_full(const struct trial *trial, struct culprit_end end) {
    if (end.kind == CULPRIT_STAGE && !culprit_is_full(trial->view, trial->rates, end.target)) {
        uint32_t worker = trial->view->stages[end.target].worker;
        end = ends_at(CULPRIT_WORKER, neighbour_of(trial, end.target) == NONE ? NONE : worker);
    }
    if (end.kind == CULPRIT_WORKER && !worker_is_full(trial->rates, end.target)) {
        end = ends_at(CULPRIT_NONE, NONE);
    }
    return end;
}

/* A stage may wait for its worker some of its time, and for others some. */
static void vote(struct trial *trial, uint32_t stage) {
    double blocked = share(trial, stage, WEIR_STATE_BLOCKED);
    double starved = share(trial, stage, WEIR_STATE_STARVED);
    double waiting = share(trial, stage, WEIR_STATE_WAITING);
    double most = blocked > starved ? blocked : starved;
    struct culprit_end here = ends_at(CULPRIT_NONE, NONE);
    struct culprit_end there = ends_at(CULPRIT_NONE, NONE);
    if (waiting >= FOR_WORKER) {
        here = if_full(trial, of_worker(trial, stage));
        here.vote = waiting;
    }
    if (most >= WAITS) {
        there = walk_from(trial, stage);
        if (there.kind == CULPRIT_STAGE) {
            there = if_full(trial, of_worker(trial, there.target));
        }
        there.vote = most;
    }
    cast_vote(trial, stage, &here);
    cast_vote(trial, stage, &there);
    trial->ends[stage] = here.vote >= there.vote ? here : there;
}

/* Who has most of the votes of that kind; NONE: nobody has any. */
static uint32_t elected(const struct trial *trial, enum culprit_kind kind, double *most) {
    const struct view *view = trial->view;
    uint32_t best = NONE;
    for (uint32_t i = 0; i < (kind == CULPRIT_WORKER ? view->worker_count : view->stage_count);
         i++) {
        if (*votes_of(trial, kind, i) > *most) {
            *most = *votes_of(trial, kind, i);
            best = i;
        }
    }
    return best;
}

static uint32_t busiest_of(const struct trial *trial) {
    uint32_t best = NONE;
    for (uint32_t i = 0; i < trial->view->stage_count; i++) {
        if (best == NONE ||
            share(trial, i, WEIR_STATE_BUSY) > share(trial, best, WEIR_STATE_BUSY)) {
            best = i;
        }
    }
    return best;
}

/* Of all that waits for it, what waits most: for a worker, or a neighbour there, who waits for
 * that worker. */
static uint32_t victim_of(const struct trial *trial, const struct culprit *culprit) {
    bool on_worker = culprit->kind == CULPRIT_WORKER || culprit->kind == CULPRIT_NEIGHBOUR;
    uint32_t best = NONE;
    double most = on_worker ? FOR_WORKER : 0;
    for (uint32_t i = 0; i < trial->view->stage_count; i++) {
        const struct culprit_end *end = &trial->ends[i];
        bool here = on_worker ? trial->view->stages[i].worker == culprit->worker
                              : end->kind == culprit->kind && end->target == culprit->stage;
        double waits = on_worker ? share(trial, i, WEIR_STATE_WAITING) : end->vote;
        if (here && i != culprit->stage && waits > most) {
            most = waits;
            best = i;
        }
    }
    return best;
}

/* Kinds that mean that something is full go first, by their votes; then the others. */
static void elect(const struct trial *trial, struct culprit *culprit) {
    static const enum culprit_kind kinds[] = {CULPRIT_STAGE, CULPRIT_NEIGHBOUR, CULPRIT_WORKER,
                                              CULPRIT_UNASKED, CULPRIT_SOURCE};
    double most = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i] >= CULPRIT_SOURCE && culprit->kind != CULPRIT_NONE) {
            break;
        }
        uint32_t found = elected(trial, kinds[i], &most);
        if (found != NONE) {
            culprit->kind = kinds[i];
            culprit->stage = kinds[i] == CULPRIT_WORKER ? NONE : found;
            culprit->worker = kinds[i] == CULPRIT_WORKER ? found : NONE;
        }
    }
    if (culprit->kind == CULPRIT_STAGE && *votes_of(trial, CULPRIT_NEIGHBOUR, culprit->stage) > 0) {
        culprit->kind = CULPRIT_NEIGHBOUR; /* it stands in the way of others than its own, too */
    }
    if (culprit->kind == CULPRIT_NONE) {
        culprit->stage = busiest_of(trial);
    }
    if (culprit->stage != NONE) {
        culprit->worker = trial->view->stages[culprit->stage].worker;
    }
    culprit->victim = victim_of(trial, culprit);
}

bool culprit_find(struct culprit *culprit, const struct view *view, const struct rates *rates) {
    size_t stages = view->stage_count + 1u;
    struct trial trial = {.view = view,
                          .rates = rates,
                          .ends = calloc(stages, sizeof(struct culprit_end)),
                          .seen_by = calloc(stages, sizeof(uint32_t)),
                          .component = calloc(stages, sizeof(uint32_t)),
                          .stage_votes = calloc(stages * (CULPRIT_UNASKED + 1), sizeof(double)),
                          .worker_votes = calloc(view->worker_count + 1u, sizeof(double))};
    bool have = trial.ends != NULL && trial.seen_by != NULL && trial.component != NULL &&
                trial.stage_votes != NULL && trial.worker_votes != NULL;
    *culprit = (struct culprit){.stage = NONE, .worker = NONE, .victim = NONE};
    if (have) {
        connect(&trial);
        for (uint32_t i = 0; i < view->stage_count; i++) {
            vote(&trial, i);
        }
        elect(&trial, culprit);
        verdict_say(culprit, view, rates, trial.ends);
    }
    if (have && !view->image->live) {
        death_say(culprit, view);
    }
    free(trial.ends);
    free(trial.seen_by);
    free(trial.component);
    free(trial.stage_votes);
    free(trial.worker_votes);
    return have || trouble("no memory for %u stages", view->stage_count);
}

const char *culprit_kind_text(enum culprit_kind kind) {
    static const char *const texts[] = {"none",   "stage",   "worker", "neighbour",
                                        "source", "unasked", "death"};
    return texts[kind];
}
