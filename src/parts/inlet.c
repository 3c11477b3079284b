/*
 * The inlet: a producer stage that any thread pushes into.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * This file is the stage's side, on its worker; inlet_push.c is the pushers'.
 */
#include "parts/inlet.h"

#include "base/refusal.h"
#include "os/futex.h"

void weir__inlet_release(weir_inlet *inlet) {
    if (weir__fetch_sub_u32(&inlet->refs, 1) == 1) {
        weir__free(&inlet->runtime->allocator, inlet, sizeof *inlet);
    }
}

struct weir__chunk *weir__inlet_take(weir_inlet *inlet) {
    struct weir__chunk *first = NULL;
    ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&inlet->pushed); /* I1 -> I2, I5 -> I6 */
    while (entry != NULL) {
        struct weir__chunk *chunk = WEIR__CONTAINER_OF(entry, struct weir__chunk, link);
        entry = entry->next;
        chunk->next = first;
        first = chunk;
    }
    return first;
}

void weir__inlet_made_room(weir_inlet *inlet, uint64_t count) {
    weir__fetch_sub_u64(&inlet->waiting, count); /* I7 -> I8 */
    if (weir__load_relaxed_u32(&inlet->waiters) > 0) {
        weir__fetch_add_u32(&inlet->room, 1);
        weir__futex_wake(&inlet->room, INT32_MAX);
    }
}

uint64_t weir__inlet_count_dropped(weir_inlet *inlet) {
    return weir__exchange_u64(&inlet->newest_dropped, 0);
}

/* ---- the worker's side --------------------------------------------------- */

/* Accepted, and never emitted: on the books as emitted and discarded. */
static void discard(weir_stage *self, uint64_t count, weir_discard cause) {
    weir__count(&self->host->counters.emitted, count);
    weir__stage_discard(self, count, cause, false);
}

static void collect(weir_inlet *inlet) {
    struct weir__chunk *chunk = weir__inlet_take(inlet);
    if (chunk == NULL) {
        return;
    }
    if (inlet->first == NULL) {
        inlet->first = chunk;
    } else {
        inlet->last->next = chunk;
    }
    for (; chunk != NULL; chunk = chunk->next) {
        inlet->queued += chunk->count;
        inlet->last = chunk;
    }
}

/* Takes `count` events off the front; `self` emits them, NULL drops them. */
static bool take_front(weir_inlet *inlet, weir_stage *self, uint64_t count) {
    while (count > 0) {
        struct weir__chunk *chunk = inlet->first;
        uint64_t left = chunk->count - chunk->first;
        uint64_t part = left < count ? left : count;
        const unsigned char *events = chunk->events + chunk->first * inlet->event_bytes;
        if (self != NULL && weir_emit(self, events, (size_t)part) != WEIR_OK) {
            return false;
        }
        count -= part;
        inlet->queued -= part;
        chunk->first += (size_t)part;
        if (chunk->first == chunk->count) {
            inlet->first = chunk->next;
            weir__inlet_free_chunk(inlet, chunk);
        }
    }
    return true;
}

static void drop_oldest(weir_stage *self, weir_inlet *inlet) {
    if (inlet->when_full == WEIR_DROP_OLDEST && inlet->queued > inlet->capacity) {
        uint64_t over = inlet->queued - inlet->capacity;
        take_front(inlet, NULL, over);
        weir__inlet_made_room(inlet, over);
        discard(self, over, WEIR_DISCARD_OVERFLOW);
    }
}

static weir_verdict emit(weir_stage *self, weir_inlet *inlet) {
    uint64_t before = inlet->queued;
    /* While demand is held back, events wait in here, where the capacity holds. */
    uint64_t open = self->mode == WEIR_FORWARD ? weir__stage_open_demand(self) : 0;
    bool emitted = take_front(inlet, self, before < open ? before : open);
    if (before > inlet->queued) {
        weir__inlet_made_room(inlet, before - inlet->queued);
    }
    if (!emitted) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    bool done = weir__load_relaxed_u32(&inlet->finished) != 0 &&
                weir__load_relaxed_u64(&inlet->waiting) == 0 && /* I3 -> I4 */
                weir_buffered(self) == 0;                       /* what came back */
    return done ? weir_stop_with(self, WEIR_REASON_NORMAL) : WEIR_CONTINUE;
}

static weir_inlet *inlet_of(weir_stage *self) {
    return *(weir_inlet **)weir_state(self);
}

/*
 * Demand is looked at where it changes (supply), not summed here: a consumer
 * that leaves takes its demand along, and what is pushed then waits in here,
 * within the capacity.
 */
static weir_verdict handle_demand(weir_stage *self, uint64_t demand) {
    (void)self;
    (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict supply(weir_stage *self) {
    return emit(self, inlet_of(self));
}

/* The stage is to finish: as weir_inlet_finish, but on the worker. */
static void drained(weir_stage *self) {
    weir_inlet *inlet = inlet_of(self);
    weir__exchange_u32(&inlet->finished, 1); /* I3 -> I4 */
    weir__fetch_add_u32(&inlet->room, 1);
    weir__futex_wake(&inlet->room, INT32_MAX);
}

static bool may_finish(const weir_stage *self) {
    const weir_inlet *inlet = *(weir_inlet *const *)self->state;
    return weir__load_relaxed_u64(&inlet->waiting) == 0; /* I3 -> I4 */
}

static weir_verdict init(weir_stage *self, void *argument) {
    (void)argument;
    self->supply = supply;
    self->drained = drained;
    self->may_finish = may_finish;
    return WEIR_CONTINUE;
}

/* A poke: something was pushed, dropped or finished. */
static weir_verdict handle_poke(weir_stage *self, const void *message, size_t bytes) {
    if (message != NULL || bytes != 0) {
        weir__host_log(self->host, WEIR_LOG_WARNING,
                       "inlet %s takes no casts: a message of %zu bytes was dropped", self->name,
                       bytes);
        return WEIR_CONTINUE;
    }
    weir_inlet *inlet = inlet_of(self);
    weir__exchange_u32(&inlet->poked, 0); /* I1 -> I2 */
    discard(self, weir__inlet_count_dropped(inlet), WEIR_DISCARD_OVERFLOW);
    collect(inlet);
    drop_oldest(self, inlet);
    weir_verdict verdict = emit(self, inlet);
    weir__inlet_release(inlet); /* the poke's */
    return verdict;
}

static void handle_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    weir_inlet *inlet = inlet_of(self);
    if (inlet->discarded != NULL) {
        inlet->discarded(inlet->context, count, cause);
    } else {
        weir__host_log(self->host, WEIR_LOG_WARNING, "inlet %s has discarded %llu events",
                       self->name, (unsigned long long)count);
    }
}

static void handle_terminate(weir_stage *self, weir_reason reason) {
    (void)reason;
    weir_inlet *inlet = inlet_of(self);
    weir__exchange_u32(&inlet->dead, 1); /* I5 -> I6 */
    weir__fetch_add_u32(&inlet->room, 1);
    weir__futex_wake(&inlet->room, INT32_MAX);
    collect(inlet);
    uint64_t left = inlet->queued;
    take_front(inlet, NULL, left);
    discard(self, weir__inlet_count_dropped(inlet), WEIR_DISCARD_OVERFLOW);
    discard(self, left, WEIR_DISCARD_STOPPED);
    weir__inlet_release(inlet); /* the stage's */
}

static void poke_gone(struct weir__poke *poke) {
    weir__inlet_release(WEIR__CONTAINER_OF(poke, weir_inlet, poke));
}

/* ---- opening ------------------------------------------------------------- */

static weir_status start(weir_runtime *runtime, const weir_inlet_options *options,
                         weir_inlet *inlet) {
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER,
        .name = options->name != NULL ? options->name : "inlet",
        .event_bytes = options->event_bytes,
        .state_bytes = sizeof inlet,
        .state = &inlet,
        .worker = options->worker,
        .dispatcher = options->dispatcher,
        .dispatcher_options = options->dispatcher_options,
        .on = {.init = init,
               .handle_demand = handle_demand,
               .handle_cast = handle_poke,
               .discarded = handle_discarded,
               .terminate = handle_terminate},
    };
    return weir_stage_start(runtime, &stage, &inlet->stage);
}

weir_status weir_inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                            weir_inlet **out, weir_ref *stage) {
    if (options == NULL || out == NULL) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL", out == NULL ? "out" : "options");
    }
    if ((unsigned)options->when_full > WEIR_DROP_OLDEST) {
        return weir__refuse(WEIR_INVALID,
                            "when_full must be one of WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST, "
                            "WEIR_DROP_OLDEST, got %d",
                            (int)options->when_full);
    }
    size_t capacity = options->capacity == 0 ? WEIR_INLET_CAPACITY_DEFAULT : options->capacity;
    if (capacity > SIZE_MAX / 4 / WEIR_EVENT_BYTES_LIMIT) {
        return weir__refuse(WEIR_INVALID, "capacity must be from 1 to %zu, got %zu",
                            SIZE_MAX / 4 / WEIR_EVENT_BYTES_LIMIT,
                            capacity == WEIR_NONE ? (size_t)0 : capacity);
    }
    weir_inlet *inlet = weir__alloc_zeroed(&runtime->allocator, sizeof *inlet, 128);
    if (inlet == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for an inlet");
    }
    inlet->runtime = runtime;
    inlet->event_bytes = options->event_bytes;
    inlet->capacity = capacity;
    inlet->when_full = options->when_full;
    inlet->discarded = options->discarded;
    inlet->context = options->context;
    inlet->refs = 2;
    inlet->poke.gone = poke_gone;
    ck_stack_init(&inlet->pushed);
    weir_status status = start(runtime, options, inlet);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, inlet, sizeof *inlet);
        return status;
    }
    *out = inlet;
    if (stage != NULL) {
        *stage = inlet->stage;
    }
    return WEIR_OK;
}
