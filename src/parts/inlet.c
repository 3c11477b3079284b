/*
 * The inlet: a producer stage that any thread pushes into.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A push copies its events into a chunk, puts it on a stack and, unless that
 * is already under way, pokes the stage, which takes the stack whole, reverses
 * it (so the chunks of one thread keep their order) and emits on demand.
 *
 *   field      writers                        readers
 *   waiting    pushers reserve, the worker    all: pushed or being pushed, and
 *              gives back what left           not yet emitted or discarded
 *   pushed     pushers push; who drains it    who drains it
 *              takes it whole
 *   poked      pushers 0 -> 1, worker 1 -> 0  pushers
 *   pushing    pushers in weir_inlet_push     the last one of them, when dead
 *   finished   weir_inlet_finish              worker, pushers
 *   dead       the worker, at the end         pushers
 *   room       the worker; a futex            blocked pushers
 *
 * Ordering.  All of these are moved by locked operations, so each is a full
 * fence, and four Dekker pairs rest on that:
 *   I1 -> I2  push a chunk, read poked / clear poked, take the stack: no chunk
 *             stays on the stack unseen.
 *   I3 -> I4  reserve, read finished / finished, read waiting: the stage stops
 *             only when nothing is or will be on its way.
 *   I5 -> I6  push a chunk, leave (pushing), read dead / dead, take the stack:
 *             what is pushed while the stage ends is drained by the worker or by
 *             the last pusher to leave, and counted.
 *   I7 -> I8  waiters up, read waiting / lower waiting, read waiters: no blocked
 *             pusher sleeps beside free room.
 * Progress: pushing is lock-free, but for WEIR_BLOCK without room and for the
 * allocator.  Wrap: waiting and pushing return to 0; room wraps harmlessly.
 */
#include <weir/inlet.h>

#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

#include <string.h>

struct chunk {
    ck_stack_entry_t link;
    struct chunk *next; /* in the worker's queue, oldest first */
    size_t count;
    size_t first; /* events before it have left */
    _Alignas(16) unsigned char events[];
};

struct weir_inlet {
    /* constant */
    weir_runtime *runtime;
    weir_ref stage;
    size_t event_bytes;
    size_t capacity;
    weir_when_full when_full;
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;

    WEIR__APART uint64_t waiting;
    uint32_t pushing;
    uint32_t finished;
    uint32_t dead;
    uint64_t newest_dropped; /* by pushers, and not yet counted */
    WEIR__APART ck_stack_t pushed;
    uint32_t poked;
    struct weir__poke poke;
    WEIR__APART uint32_t room;
    uint32_t waiters;
    uint32_t refs; /* the handle, the stage, a poke in flight */

    /* the worker's */
    WEIR__APART struct chunk *first;
    struct chunk *last;
    uint64_t queued;
    uint64_t pending; /* demand not yet met */
};

static size_t chunk_bytes(const weir_inlet *inlet, size_t count) {
    return sizeof(struct chunk) + count * inlet->event_bytes;
}

static void free_chunk(weir_inlet *inlet, struct chunk *chunk) {
    weir__free(&inlet->runtime->allocator, chunk, chunk_bytes(inlet, chunk->count));
}

static void hold(weir_inlet *inlet) {
    weir__fetch_add_u32(&inlet->refs, 1);
}

static void release(weir_inlet *inlet) {
    if (weir__fetch_sub_u32(&inlet->refs, 1) == 1) {
        weir__free(&inlet->runtime->allocator, inlet, sizeof *inlet);
    }
}

/* ---- pokes -------------------------------------------------------------------------- */

static void poke_gone(struct weir__poke *poke) {
    release(WEIR__CONTAINER_OF(poke, weir_inlet, poke));
}

static void poke(weir_inlet *inlet) {
    if (weir__load_relaxed_u32(&inlet->poked) != 0 ||
        weir__exchange_u32(&inlet->poked, 1) != 0) { /* I1 -> I2 */
        return;
    }
    hold(inlet);
    inlet->poke.mail.kind = WEIR__MAIL_POKE;
    inlet->poke.mail.to = inlet->stage;
    weir__mail_send(&weir__runtime_worker(inlet->runtime, inlet->stage)->bell, &inlet->poke.mail);
}

/* ---- the worker's side ------------------------------------------------------------------ */

/* Takes the stack; returns its chunks oldest first. */
static struct chunk *take_pushed(weir_inlet *inlet) {
    struct chunk *first = NULL;
    ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&inlet->pushed); /* I1 -> I2, I5 -> I6 */
    while (entry != NULL) {
        struct chunk *chunk = WEIR__CONTAINER_OF(entry, struct chunk, link);
        entry = entry->next;
        chunk->next = first;
        first = chunk;
    }
    return first;
}

/* `count` events have left the inlet: there is room for as many. */
static void made_room(weir_inlet *inlet, uint64_t count) {
    weir__fetch_sub_u64(&inlet->waiting, count); /* I7 -> I8 */
    if (weir__load_relaxed_u32(&inlet->waiters) > 0) {
        weir__fetch_add_u32(&inlet->room, 1);
        weir__futex_wake(&inlet->room, INT32_MAX);
    }
}

/* What pushers dropped and nobody has counted; it is the caller's to count. */
static uint64_t count_dropped(weir_inlet *inlet) {
    return weir__exchange_u64(&inlet->newest_dropped, 0);
}

/* Accepted, and never emitted: on the books as emitted and discarded. */
static void discard(weir_stage *self, uint64_t count, weir_discard cause) {
    weir__count(&self->host->counters.emitted, count);
    weir__stage_discard(self, count, cause, false);
}

static void collect(weir_inlet *inlet) {
    struct chunk *chunk = take_pushed(inlet);
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
        struct chunk *chunk = inlet->first;
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
            free_chunk(inlet, chunk);
        }
    }
    return true;
}

static void drop_oldest(weir_stage *self, weir_inlet *inlet) {
    if (inlet->when_full == WEIR_DROP_OLDEST && inlet->queued > inlet->capacity) {
        uint64_t over = inlet->queued - inlet->capacity;
        take_front(inlet, NULL, over);
        made_room(inlet, over);
        discard(self, over, WEIR_DISCARD_OVERFLOW);
    }
}

static weir_verdict emit(weir_stage *self, weir_inlet *inlet) {
    uint64_t before = inlet->queued;
    uint64_t count = before < inlet->pending ? before : inlet->pending;
    bool emitted = take_front(inlet, self, count);
    inlet->pending -= before - inlet->queued;
    if (before > inlet->queued) {
        made_room(inlet, before - inlet->queued);
    }
    if (!emitted) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    bool done = weir__load_relaxed_u32(&inlet->finished) != 0 &&
                weir__load_relaxed_u64(&inlet->waiting) == 0; /* I3 -> I4 */
    return done ? weir_stop_with(self, WEIR_REASON_NORMAL) : WEIR_CONTINUE;
}

static weir_inlet *inlet_of(weir_stage *self) {
    return *(weir_inlet **)weir_state(self);
}

static weir_verdict handle_demand(weir_stage *self, uint64_t demand) {
    weir_inlet *inlet = inlet_of(self);
    inlet->pending += demand;
    return emit(self, inlet);
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
    discard(self, count_dropped(inlet), WEIR_DISCARD_OVERFLOW);
    collect(inlet);
    drop_oldest(self, inlet);
    weir_verdict verdict = emit(self, inlet);
    release(inlet); /* the poke's */
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
    discard(self, left + count_dropped(inlet), WEIR_DISCARD_STOPPED);
    release(inlet); /* the stage's */
}

/* ---- opening ---------------------------------------------------------------------------------- */

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
        .on = {.handle_demand = handle_demand,
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

/* ---- pushing -------------------------------------------------------------------------------------- */

/* Nobody will emit these: the last pusher to leave counts them. */
static void bury(weir_inlet *inlet) {
    struct chunk *chunk = take_pushed(inlet);
    uint64_t count = 0;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        count += chunk->count;
        free_chunk(inlet, chunk);
        chunk = next;
    }
    count += count_dropped(inlet);
    if (count > 0) {
        weir__runtime_discarded(inlet->runtime, count);
        if (inlet->discarded != NULL) {
            inlet->discarded(inlet->context, count, WEIR_DISCARD_STOPPED);
        }
    }
}

static void leave(weir_inlet *inlet) {
    if (weir__fetch_sub_u32(&inlet->pushing, 1) == 1 && /* I5 -> I6 */
        weir__load_relaxed_u32(&inlet->dead) != 0) {
        bury(inlet);
    }
}

static uint64_t limit(const weir_inlet *inlet) {
    /* Dropping the oldest is the worker's doing: until it has, as many again may wait. */
    return inlet->when_full == WEIR_DROP_OLDEST ? 2 * (uint64_t)inlet->capacity
                                                : inlet->capacity;
}

/*
 * Room for `count` events: true when it was there and is now reserved.  Without
 * room nothing is added, not even for a moment: another pusher might take that
 * for a full inlet and sleep, and nobody would wake it.
 */
static bool reserve(weir_inlet *inlet, size_t count, bool *beyond) {
    uint64_t waiting = weir__load_relaxed_u64(&inlet->waiting);
    do {
        *beyond = waiting + count > inlet->capacity;
        if (waiting + count > limit(inlet)) {
            return false;
        }
    } while (!weir__cas_u64(&inlet->waiting, &waiting, waiting + count)); /* I3 -> I4 */
    return true;
}

static weir_status wait_for_room(weir_inlet *inlet, size_t count, uint64_t deadline) {
    uint32_t room = weir__load_relaxed_u32(&inlet->room);
    weir__fetch_add_u32(&inlet->waiters, 1); /* I7 -> I8 */
    bool full = weir__load_relaxed_u64(&inlet->waiting) + count > inlet->capacity;
    if (full && weir__load_relaxed_u32(&inlet->dead) == 0) {
        weir__futex_wait(&inlet->room, room, deadline);
    }
    weir__fetch_sub_u32(&inlet->waiters, 1);
    return weir__clock_now_ns() >= deadline ? WEIR_TIMEOUT : WEIR_OK;
}

static weir_status refuse_gone(const weir_inlet *inlet) {
    bool dead = weir__load_relaxed_u32(&inlet->dead) != 0;
    return weir__refuse(WEIR_NO_STAGE, dead ? "the inlet has stopped" : "the inlet was finished");
}

static bool gone(const weir_inlet *inlet) {
    return weir__load_relaxed_u32(&inlet->dead) != 0 ||
           weir__load_relaxed_u32(&inlet->finished) != 0;
}

/* Room is reserved: the events go on the stack. */
static weir_status push(weir_inlet *inlet, const void *events, size_t count) {
    struct chunk *chunk =
        weir__alloc(&inlet->runtime->allocator, chunk_bytes(inlet, count), 16);
    if (chunk == NULL) {
        made_room(inlet, count);
        poke(inlet); /* the stage may have waited for just this reservation */
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu events of %zu bytes", count,
                            inlet->event_bytes);
    }
    chunk->count = count;
    chunk->first = 0;
    memcpy(chunk->events, events, count * inlet->event_bytes);
    ck_stack_push_upmc(&inlet->pushed, &chunk->link); /* I1 -> I2, I5 -> I6 */
    poke(inlet);
    return WEIR_OK;
}

/* One attempt.  WEIR_FULL: there is no room, and nothing has changed. */
static weir_status try_push(weir_inlet *inlet, const void *events, size_t count) {
    bool beyond;
    if (!reserve(inlet, count, &beyond)) {
        if (gone(inlet)) {
            return refuse_gone(inlet);
        }
        if (inlet->when_full != WEIR_DROP_NEWEST && inlet->when_full != WEIR_DROP_OLDEST) {
            return WEIR_FULL;
        }
        weir__fetch_add_u64(&inlet->newest_dropped, count);
        poke(inlet);
        return WEIR_DROPPED;
    }
    if (gone(inlet)) { /* I3 -> I4 */
        made_room(inlet, count);
        poke(inlet); /* the stage may have waited for just this reservation */
        return refuse_gone(inlet);
    }
    weir_status status = push(inlet, events, count);
    return status == WEIR_OK && beyond ? WEIR_DROPPED : status;
}

static weir_status push_until(weir_inlet *inlet, const void *events, size_t count,
                              uint64_t deadline) {
    for (;;) {
        weir_status status = try_push(inlet, events, count);
        if (status != WEIR_FULL || inlet->when_full != WEIR_BLOCK) {
            return status;
        }
        if (weir__here != NULL) {
            return weir__refuse(WEIR_WRONG_THREAD,
                                "a callback cannot wait for room in an inlet");
        }
        status = wait_for_room(inlet, count, deadline);
        if (status != WEIR_OK) {
            return gone(inlet) ? refuse_gone(inlet) : status;
        }
    }
}

weir_status weir_inlet_push(weir_inlet *inlet, const void *events, size_t count,
                            uint64_t timeout_ns) {
    if (count == 0) {
        return WEIR_OK;
    }
    if (count > inlet->capacity) {
        return weir__refuse(WEIR_INVALID, "count must be at most the capacity, %zu, got %zu",
                            inlet->capacity, count);
    }
    uint64_t deadline = UINT64_MAX;
    if (inlet->when_full == WEIR_BLOCK && timeout_ns != WEIR_FOREVER) {
        deadline = weir__clock_deadline(weir__clock_now_ns(), timeout_ns);
    }
    weir__fetch_add_u32(&inlet->pushing, 1);
    weir_status status = push_until(inlet, events, count, deadline);
    leave(inlet);
    return status;
}

size_t weir_inlet_waiting(const weir_inlet *inlet) {
    return (size_t)weir__load_relaxed_u64(&inlet->waiting);
}

weir_status weir_inlet_finish(weir_inlet *inlet) {
    weir__exchange_u32(&inlet->finished, 1); /* I3 -> I4 */
    poke(inlet);
    return WEIR_OK;
}

void weir_inlet_close(weir_inlet *inlet) {
    weir_inlet_finish(inlet);
    release(inlet);
}
