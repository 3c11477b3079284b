/*
 * Rings: see rings.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/rings.h"

#include "runtime/asking.h"
#include "stage/ending.h"
#include "stage/monitor.h"
#include "stage/outputs.h"

/* What a step of the search has found on one worker, or on all of them. */
struct step {
    uint64_t members; /* that have the search's number                 */
    uint64_t changed; /* that have lost it                             */
    uint64_t told;    /* of the members: their end, and nothing has come of it */
    uint64_t closed;  /* of the members                                 */
    uint64_t awaited; /* stages that something else is to come to, sooner or later */
    uint64_t relaxed;
    uint64_t moved; /* workers that are not still */
};

static struct weir__slot *slot_of_member(const weir_stage *stage) {
    return WEIR__CONTAINER_OF(stage->ready, struct weir__slot, ready);
}

static bool is_member(const weir_stage *stage, uint64_t search) {
    return weir__load_relaxed_u64(&slot_of_member(stage)->ring) == search;
}

static bool is_told_its_end(const weir_stage *stage) {
    return stage->unfed && stage->end_told;
}

static void count_member(const weir_stage *stage, struct step *step) {
    step->members++;
    step->told += is_told_its_end(stage);
}

/* ---- on the worker ------------------------------------------------------- */

static void mark_waiting(struct weir__worker *worker, uint64_t search, void *answer) {
    struct step *step = answer;
    worker->still_at = worker->host.counters.turns;
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        step->awaited += weir__stage_awaits(stage);
        bool waits = weir__stage_waits_for_others(stage);
        weir__store_relaxed_u64(&slot_of_member(stage)->ring, waits ? search : 0);
        if (waits) {
            count_member(stage, step);
        }
    }
}

struct feeders {
    const weir_runtime *runtime;
    uint64_t search;
    bool all; /* of them are members */
};

static bool lives_as_member(const weir_runtime *runtime, weir_ref ref, uint64_t search) {
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, ref);
    return slot != NULL && weir__load_relaxed_u64(&slot->ring) == search;
}

static void check_feeder(void *context, struct weir__index_node *node) {
    const struct weir__monitor *monitor = WEIR__CONTAINER_OF(node, struct weir__monitor, node);
    struct feeders *feeders = context;
    if (monitor->feeds && !lives_as_member(feeders->runtime, monitor->watched, feeders->search)) {
        feeders->all = false;
    }
}

static bool fed_by_members(const weir_runtime *runtime, const weir_stage *stage, uint64_t search) {
    struct feeders feeders = {runtime, search, true};
    for (const struct weir__edge *edge = stage->producers; edge != NULL;
         edge = edge->producers_next) {
        if (!lives_as_member(runtime, edge->id.producer, search)) {
            return false;
        }
    }
    if (stage->parent != NULL && !lives_as_member(runtime, stage->parent->ref, search)) {
        return false;
    }
    if (!stage->is_shut) {
        weir__index_each(&stage->watching, check_feeder, &feeders);
    }
    return feeders.all;
}

static bool has_member_output(const weir_runtime *runtime, const weir_stage *stage,
                              uint64_t search) {
    const struct weir__outputs *outputs = stage->outputs;
    uint32_t i = 0;
    while (outputs != NULL && i < outputs->count &&
           !lives_as_member(runtime, outputs->at[i].ref, search)) {
        i++;
    }
    return outputs != NULL && i < outputs->count;
}

/* It is on the way round, and not only behind a ring: who is ends after that by itself. */
static bool feeds_a_member(const weir_runtime *runtime, const weir_stage *stage, uint64_t search) {
    for (const struct weir__edge *edge = stage->consumers; edge != NULL;
         edge = edge->consumers_next) {
        if (lives_as_member(runtime, edge->id.consumer, search)) {
            return true;
        }
    }
    if (has_member_output(runtime, stage, search)) {
        return true;
    }
    const struct weir__monitor *monitor = stage->watchers;
    while (monitor != NULL &&
           !(monitor->feeds && lives_as_member(runtime, monitor->watcher, search))) {
        monitor = monitor->next;
    }
    return monitor != NULL;
}

static void prune(struct weir__worker *worker, uint64_t search, void *answer) {
    const weir_runtime *runtime = worker->host.runtime;
    struct step *step = answer;
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (!is_member(stage, search)) {
            continue;
        }
        if (fed_by_members(runtime, stage, search) && feeds_a_member(runtime, stage, search)) {
            count_member(stage, step);
        } else {
            weir__store_relaxed_u64(&slot_of_member(stage)->ring, 0);
            step->changed++;
        }
    }
}

static void tell_members(struct weir__worker *worker, uint64_t search, void *answer) {
    (void)answer;
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (is_member(stage, search) && !is_told_its_end(stage)) {
            weir__stage_unfed(stage);
        }
    }
}

/* No stage of it had a turn since the marking, or is about to have one: nothing was sent to them
 * before that, either, or they would have been called for it. */
static bool is_still(const struct weir__worker *worker) {
    return worker->still_at == worker->host.counters.turns && worker->bell.run_count == 0 &&
           !weir__bell_pending(&worker->bell);
}

static void close_all(struct weir__worker *worker, uint64_t search, void *answer) {
    struct step *step = answer;
    bool still = is_still(worker);
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (is_member(stage, search)) {
            step->members++;
            step->closed += still && is_told_its_end(stage) &&
                            weir__stage_waits_for_others(stage) && weir__stage_close(stage);
        }
    }
}

static void look_for_rings(struct weir__worker *worker, uint64_t search, void *answer) {
    struct step *step = answer;
    (void)search;
    step->moved += !is_still(worker);
}

static void open_all(struct weir__worker *worker, uint64_t search) {
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (is_member(stage, search)) {
            weir__stage_reopen(stage);
        }
    }
}

static void end_all(struct weir__worker *worker, uint64_t search) {
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (is_member(stage, search)) {
            stage->stopping = true;
            weir__ready_queue(stage->ready, false);
        }
    }
}

void weir__rings_told(struct weir__worker *worker) {
    struct weir__ring_end *told = &worker->ring_end;
    if (told->ends) {
        end_all(worker, told->search);
    } else {
        open_all(worker, told->search);
    }
    weir__store_release_u32(&told->away, 0); /* T21 -> T22 */
}

static void relax(struct weir__worker *worker, uint64_t search, void *answer) {
    struct step *step = answer;
    (void)search;
    for (weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        if (weir__stage_may_relax(stage)) {
            stage->relaxed = true;
            weir__stage_supply_soon(stage);
            step->relaxed++;
            weir__ready_queue(stage->ready, false);
        }
    }
}

/* ---- who searches -------------------------------------------------------- */

/* Every worker, one after the other.  False: one does not answer, or there is no memory. */
static bool ask_all(weir_runtime *runtime, weir__worker_query *function, uint64_t search,
                    struct step *sum) {
    *sum = (struct step){0};
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        struct step step = {0};
        if (weir__ask_worker(runtime, &runtime->workers[i], function, search, &step, sizeof step) !=
            WEIR_OK) {
            return false;
        }
        sum->members += step.members;
        sum->changed += step.changed;
        sum->told += step.told;
        sum->closed += step.closed;
        sum->awaited += step.awaited;
        sum->relaxed += step.relaxed;
        sum->moved += step.moved;
    }
    return true;
}

/* Every worker, whether one of them answers in time or not, and however short memory is: half of
 * a ring must not end, nor stay closed.  So the mail is the worker's own, and home (all_home). */
static void tell_all(weir_runtime *runtime, bool ends, uint64_t search) {
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        struct weir__worker *worker = &runtime->workers[i];
        worker->ring_end.mail.kind = WEIR__MAIL_RING_END;
        worker->ring_end.search = search;
        worker->ring_end.ends = ends;
        weir__store_relaxed_u32(&worker->ring_end.away,
                                1); /* the next search comes after this one */
        if (runtime->options.mode != WEIR_THREADS) {
            weir__rings_told(worker);
        } else {
            weir__mail_send(&worker->bell, &worker->ring_end.mail);
        }
    }
}

/* Every worker has taken what the last search told it. */
static bool all_home(const weir_runtime *runtime) {
    const unsigned count = weir__runtime_all(runtime);
    unsigned i = 0;
    while (i < count &&
           weir__load_acquire_u32(&runtime->workers[i].ring_end.away) == 0) { /* T21 -> T22 */
        i++;
    }
    return i == count;
}

/* All that is left was told its end: they end together, unless something came all the same. */
static bool end_ring(weir_runtime *runtime, uint64_t search) {
    struct step step;
    bool closed = ask_all(runtime, close_all, search, &step) && step.closed == step.members;
    tell_all(runtime, closed, search);
    return closed;
}

/*
 * Nothing is to come to anybody, and nothing has since that was found.  Who gives a token back may
 * have sent something before, to a stage that was looked at before that came: then the token's
 * mail was taken before its own stage was looked at, so what was sent had come, and the other's
 * worker has had a turn since, or is about to.
 */
static bool relax_some(weir_runtime *runtime, uint64_t search) {
    struct step step;
    return ask_all(runtime, look_for_rings, search, &step) && step.moved == 0 &&
           ask_all(runtime, relax, search, &step) && step.relaxed > 0;
}

static bool search_one(weir_runtime *runtime, uint64_t search) {
    struct step step;
    if (!all_home(runtime) || !ask_all(runtime, mark_waiting, search, &step)) {
        return false;
    }
    bool awaited = step.awaited > 0;
    do {
        if (!ask_all(runtime, prune, search, &step)) {
            return false;
        }
    } while (step.changed > 0);
    if (step.members == 0) {
        return !awaited && relax_some(runtime, search);
    }
    if (step.told < step.members) {
        return ask_all(runtime, tell_members, search, &step);
    }
    return end_ring(runtime, search);
}

bool weir__rings_break(weir_runtime *runtime) {
    uint64_t search = weir__load_relaxed_u64(&runtime->search);
    bool mine =
        (search & 1) == 0 && weir__cas_u64(&runtime->search, &search, search + 1); /* T11 -> T12 */
    bool any = mine && search_one(runtime, search + 1);
    if (mine) {
        weir__store_release_u64(&runtime->search, search + 2); /* T11 -> T12 */
    }
    return any;
}
