/*
 * Placement: see placement.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/placement.h"

/* ---- where there is least ---------------------------------------------------- */

/* For who begins a chain producers first, then all stages; else all stages alone. */
static uint64_t load_of(const struct weir__worker *worker, bool source) {
    uint64_t sources = weir__load_relaxed_u32(&worker->sources);
    uint64_t residents = weir__load_relaxed_u32(&worker->residents);
    return source ? sources << 32 | residents : residents;
}

static bool is_owned(const struct weir__worker *worker) {
    return weir__load_relaxed_u32(&worker->owned) != 0 || weir__worker_is_timely(worker);
}

/*
 * Of many workers only some are looked at: others in each turn.  What is a stage's own is not for
 * others; there is one that is nobody's.  favourite: where no other has less; may be NULL.
 */
static struct weir__worker *least_loaded(weir_runtime *runtime, bool source,
                                         struct weir__worker *favourite) {
    enum { LOOKS = 64 };
    uint32_t turn = weir__fetch_add_u32(&runtime->next_worker, 1);
    struct weir__worker *best = favourite == NULL || is_owned(favourite) ? NULL : favourite;
    unsigned looks = 0;
    for (unsigned i = 0; i < runtime->worker_count && looks < LOOKS; i++) {
        struct weir__worker *worker = &runtime->workers[(turn + i) % runtime->worker_count];
        if (!is_owned(worker)) {
            looks++;
            bool less = best == NULL || load_of(worker, source) < load_of(best, source);
            best = less ? worker : best;
        }
    }
    /* NULL: all were taken while this looked. */
    return best != NULL ? best : &runtime->workers[turn % runtime->worker_count];
}

/* ---- who belongs together --------------------------------------------------- */

/* {0}: none that is known.  What is refused here is refused again where it counts. */
static weir_ref first_producer(weir_runtime *runtime, const weir_stage_options *options,
                               weir_ref near) {
    weir_ref producer = near;
    if (options->subscribe_count > 0) {
        producer = options->subscribe_to[0].producer;
        if (options->subscribe_to[0].name != NULL &&
            weir_whereis(runtime, options->subscribe_to[0].name, &producer) != WEIR_OK) {
            producer = (weir_ref){0};
        }
    }
    return producer;
}

/* Nobody consumes from it, as far as is known: whoever did first has ended. */
static bool is_unconsumed(const weir_runtime *runtime, weir_ref producer) {
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, producer);
    return slot != NULL &&
           weir__registry_find(&runtime->registry,
                               (weir_ref){weir__load_relaxed_u64(&slot->consumer)}) == NULL;
}

void weir__placement_consumes(weir_runtime *runtime, weir_ref producer, weir_ref consumer) {
    if (is_unconsumed(runtime, producer)) {
        struct weir__slot *slot = weir__registry_slot(&runtime->registry, producer);
        weir__store_relaxed_u64(&slot->consumer, consumer.bits);
    }
}

static struct weir__worker *worker_of(const weir_runtime *runtime, weir_ref producer) {
    return producer.bits == 0 ? NULL : weir__runtime_worker(runtime, producer);
}

/* ---- the words ---------------------------------------------------------------- */

static struct weir__worker *spread(weir_runtime *runtime) {
    return least_loaded(runtime, false, NULL);
}

static struct weir__worker *in_chain(weir_runtime *runtime, const weir_stage_options *options,
                                     weir_ref near) {
    weir_ref producer = first_producer(runtime, options, near);
    struct weir__worker *with = worker_of(runtime, producer);
    bool chained = with != NULL && !is_owned(with) && options->subscribe_count <= 1 &&
                   is_unconsumed(runtime, producer);
    return chained ? with : least_loaded(runtime, options->kind == WEIR_PRODUCER, with);
}

static struct weir__worker *with_producer(weir_runtime *runtime, const weir_stage_options *options,
                                          weir_ref near) {
    struct weir__worker *with = worker_of(runtime, first_producer(runtime, options, near));
    return with != NULL ? with : spread(runtime);
}

/* NULL: none could be left to the others. */
static struct weir__worker *take_own(weir_runtime *runtime) {
    if (weir__fetch_add_u32(&runtime->owned, 1) + 1 >= runtime->worker_count) {
        weir__fetch_sub_u32(&runtime->owned, 1);
        return NULL;
    }
    for (;;) {
        struct weir__worker *worker = spread(runtime);
        uint32_t nobodys = 0;
        if (weir__cas_u32(&worker->owned, &nobodys, 1)) {
            return worker;
        }
    }
}

static struct weir__worker *worker_for(weir_runtime *runtime, const weir_stage_options *options,
                                       weir_ref near, bool *own) {
    unsigned word =
        options->worker != WEIR_ANY_WORKER ? options->worker : runtime->options.default_worker;
    struct weir__worker *worker;
    switch (word) {
    case WEIR_ANY_WORKER:
        return in_chain(runtime, options, near);
    case WEIR_SPREAD:
        return spread(runtime);
    case WEIR_WITH_PRODUCER:
        return with_producer(runtime, options, near);
    case WEIR_OWN_WORKER:
        worker = take_own(runtime);
        *own = worker != NULL;
        return worker != NULL ? worker : spread(runtime);
    case WEIR_TIMELY_WORKER:
        return &runtime->workers[runtime->worker_count];
    default:
        return &runtime->workers[word - 1];
    }
}

struct weir__home weir__placement_take(weir_runtime *runtime, const weir_stage_options *options,
                                       weir_ref near) {
    struct weir__home place = {.kind = options->kind};
    place.worker = worker_for(runtime, options, near, &place.own);
    place.before = weir__fetch_add_u32(&place.worker->residents, 1);
    weir__fetch_add_u32(&place.worker->sources, place.kind == WEIR_PRODUCER);
    return place;
}

void weir__placement_give(weir_runtime *runtime, struct weir__home place) {
    weir__fetch_sub_u32(&place.worker->residents, 1);
    weir__fetch_sub_u32(&place.worker->sources, place.kind == WEIR_PRODUCER);
    if (place.own) { /* first the worker, then the count: there is always one for who counted */
        weir__store_relaxed_u32(&place.worker->owned, 0);
        weir__fetch_sub_u32(&runtime->owned, 1);
    }
}
