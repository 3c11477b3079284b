/*
 * The inlet's other side: what pushing threads do.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/port.h"

#include "base/reason.h"
#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/errand.h"
#include "runtime/post.h"

#include <stdio.h>
#include <string.h>

void weir__inlet_poke(weir_inlet *inlet) {
    if (weir__exchange_u32(&inlet->poked, WEIR__INLET_TOLD) == WEIR__INLET_TOLD) { /* I1 -> I2 */
        return;
    }
    weir__inlet_hold(inlet);
    inlet->poke.mail.kind = WEIR__MAIL_POKE;
    inlet->poke.mail.to = inlet->stage;
    weir__mail_send(&weir__runtime_worker(inlet->runtime, inlet->stage)->bell, &inlet->poke.mail);
}

void weir__inlet_poke_if_cold(weir_inlet *inlet) {
    if (weir__load_relaxed_u32(&inlet->poked) == WEIR__INLET_COLD) { /* I1 -> I2 */
        weir__inlet_poke(inlet);
    }
}

/* ---- coming and leaving -------------------------------------------------- */

void weir__inlet_bury(weir_inlet *inlet, uint64_t count) {
    if (count == 0) {
        return;
    }
    weir__runtime_discarded(inlet->runtime, count);
    if (inlet->discarded != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, inlet->runtime, "discarded");
        inlet->discarded(inlet->context, count, WEIR_DISCARD_STOPPED);
        weir__errand_end(&errand);
    } else {
        char text[96];
        snprintf(text, sizeof text,
                 "%llu events were discarded: they were pushed into an inlet that just stopped",
                 (unsigned long long)count);
        weir__runtime_log(inlet->runtime, WEIR_LOG_WARNING, text);
    }
}

/* Nobody will emit these: the last pusher to leave counts them. */
static void bury_all(weir_inlet *inlet) {
    struct weir__chunk *chunk = weir__inlet_take(inlet);
    uint64_t count = 0;
    while (chunk != NULL) {
        struct weir__chunk *next = chunk->next;
        count += chunk->count;
        weir__inlet_free_chunk(inlet, chunk);
        chunk = next;
    }
    count += weir__inlet_count_dropped(inlet);
    weir__inlet_bury(inlet, count);
    ck_stack_entry_t *entry = weir__stack_take(&inlet->fresh); /* I5 -> I6 */
    while (entry != NULL) {
        weir_port *port = WEIR__CONTAINER_OF(entry, weir_port, link);
        entry = entry->next;
        weir__port_wake(port);    /* A9 -> A10: after locked operations, and they after `dead` */
        weir__port_release(port); /* the worker's, who has not come to know it */
    }
}

void weir__inlet_enter(weir_inlet *inlet) {
    weir__fetch_add_u32(&inlet->pushing, 1);
}

void weir__inlet_leave(weir_inlet *inlet) {
    if (weir__fetch_sub_u32(&inlet->pushing, 1) == 1 && /* I5 -> I6 */
        weir__load_relaxed_u32(&inlet->dead) != 0) {
        bury_all(inlet);
    }
}

bool weir__inlet_shuts_out(const weir_inlet *inlet, uint32_t finished) {
    return finished != WEIR__INLET_WITHIN || !weir__is_inside(inlet->runtime, inlet->stage);
}

weir_status weir__inlet_refuse_gone(const weir_inlet *inlet) {
    if (weir__load_acquire_u32(&inlet->dead) == 0) { /* I5 -> I6 */
        return weir__refuse(WEIR_NO_STAGE, "the inlet was finished");
    }
    return weir__refuse(WEIR_NO_STAGE, "the inlet has stopped: %s",
                        weir__reason_words(inlet->reason).text);
}

bool weir_inlet_stopped(const weir_inlet *inlet) {
    return !weir__missing(inlet, "inlet") &&
           weir__load_acquire_u32(&inlet->dead) != 0; /* I5 -> I6 */
}

weir_reason weir_inlet_reason(const weir_inlet *inlet) {
    if (weir__missing(inlet, "inlet") || weir__load_acquire_u32(&inlet->dead) == 0) { /* I5 -> I6 */
        return WEIR_REASON_NORMAL;
    }
    return inlet->reason;
}

/* ---- feeders ------------------------------------------------------------- */

/* On whose behalf this thread pushes: in a callback of its, its init among them, or a task. */
static weir_ref pusher(const weir_runtime *runtime) {
    const weir_stage *starting = weir__starting;
    while (starting != NULL && starting->host->runtime != runtime) {
        starting = starting->outer;
    }
    return starting != NULL ? starting->ref : weir__errand_stage(runtime);
}

static bool knows(weir_inlet *inlet, weir_ref stage) {
    struct weir__inlet_feeder *feeder = weir__load_acquire_ptr(&inlet->feeders);     /* I9 -> I10 */
    while (feeder != NULL && weir__load_acquire_u64(&feeder->stage) != stage.bits) { /* I9 -> I10 */
        feeder = feeder->next;
    }
    return feeder != NULL;
}

/* In the place of one that has ended.  False: they all live. */
static bool replace(weir_inlet *inlet, weir_ref stage) {
    struct weir__inlet_feeder *feeder = weir__load_acquire_ptr(&inlet->feeders); /* I9 -> I10 */
    for (; feeder != NULL; feeder = feeder->next) {
        uint64_t other = weir__load_relaxed_u64(&feeder->stage);
        if (weir__registry_find(&inlet->runtime->registry, (weir_ref){other}) == NULL &&
            weir__cas_u64(&feeder->stage, &other, stage.bits)) { /* I9 -> I10 */
            return true;
        }
    }
    return false;
}

/* Without memory it is not remembered, and the inlet's stage told again. */
static void remember(weir_inlet *inlet, weir_ref stage) {
    struct weir__inlet_feeder *feeder =
        replace(inlet, stage) ? NULL : weir__alloc(&inlet->runtime->allocator, sizeof *feeder, 16);
    if (feeder == NULL) {
        return;
    }
    feeder->stage = stage.bits;
    struct weir__inlet_feeder *next = weir__load_relaxed_ptr(&inlet->feeders);
    do { /* `next` is the CAS's to write to, feeder->next the others' to read once it is there */
        feeder->next = next;
    } while (!weir__cas_ptr(&inlet->feeders, &next, feeder)); /* I9 -> I10 */
}

/* The stage is told before anything is pushed; who comes when it takes no more is refused. */
weir_status weir__inlet_know_feeder(weir_inlet *inlet) {
    weir_ref stage = pusher(inlet->runtime);
    if (stage.bits == 0 || stage.bits == inlet->stage.bits || knows(inlet, stage) ||
        weir__inlet_gone(inlet)) {
        return WEIR_OK;
    }
    weir_status status = weir_feeds(inlet->runtime, stage, inlet->stage);
    if (status != WEIR_OK) {
        return status == WEIR_NO_STAGE ? weir__inlet_refuse_gone(inlet) : status;
    }
    remember(inlet, stage);
    return WEIR_OK;
}

uint64_t weir__inlet_deadline(const weir_inlet *inlet, uint64_t timeout_ns) {
    if (timeout_ns == WEIR_FOREVER) {
        return UINT64_MAX;
    }
    uint64_t now =
        weir__inlet_has_threads(inlet) ? weir__clock_now_ns() : weir_runtime_now(inlet->runtime);
    return weir__clock_deadline(now, timeout_ns);
}

/* A clock is read for each call, so that no more turns are done than time allows. */
bool weir__inlet_step(weir_inlet *inlet, uint64_t deadline) {
    enum { TURNS = 16 };
    return weir__runtime_go_on(inlet->runtime, deadline == UINT64_MAX ? TURNS : 1, deadline, NULL);
}

/* ---- pushing ------------------------------------------------------------- */

static uint64_t limit(const weir_inlet *inlet) {
    /* Dropping the oldest is the worker's doing: until it has, as many again may wait. */
    return inlet->when_full == WEIR_DROP_OLDEST ? 2 * (uint64_t)inlet->capacity : inlet->capacity;
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

static bool has_room(const weir_inlet *inlet, size_t count) {
    return weir__load_relaxed_u64(&inlet->waiting) + count <= inlet->capacity;
}

/* Sleeping and being woken cost more than most waits last. */
static bool spin_for_room(const weir_inlet *inlet, size_t count) {
    for (uint32_t i = 0; i < inlet->polls; i++) {
        if (has_room(inlet, count)) {
            return true;
        }
        weir__cpu_relax();
    }
    return false;
}

static weir_status wait_for_room(weir_inlet *inlet, size_t count, uint64_t deadline) {
    if (spin_for_room(inlet, count)) {
        return WEIR_OK;
    }
    uint32_t room = weir__load_relaxed_u32(&inlet->room);
    weir__fetch_add_u32(&inlet->waiters, 1); /* I7 -> I8 */
    if (!has_room(inlet, count) && !weir__inlet_gone(inlet)) {
        weir__futex_wait(&inlet->room, room, deadline);
    }
    weir__fetch_sub_u32(&inlet->waiters, 1);
    return weir__clock_now_ns() >= deadline ? WEIR_TIMEOUT : WEIR_OK;
}

/* Nobody else runs the workers, nor lets time pass. */
static weir_status step_for_room(weir_inlet *inlet, size_t count, uint64_t deadline) {
    if (weir_runtime_now(inlet->runtime) >= deadline) {
        return WEIR_TIMEOUT;
    }
    bool moving = weir__inlet_step(inlet, deadline);
    return moving || has_room(inlet, count) ? WEIR_OK : WEIR_TIMEOUT;
}

/* Room is reserved: the events go on the stack. */
static weir_status push(weir_inlet *inlet, const void *events, size_t count) {
    struct weir__chunk *chunk =
        weir__alloc(&inlet->runtime->allocator, weir__inlet_chunk_bytes(inlet, count), 16);
    if (chunk == NULL) {
        weir__inlet_made_room(inlet, count);
        weir__inlet_poke(inlet); /* the stage may have waited for just this reservation */
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu events of %zu bytes", count,
                            inlet->event_bytes);
    }
    chunk->count = count;
    chunk->first = 0;
    memcpy(chunk->events, events, count * inlet->event_bytes);
    weir__stack_push(&inlet->pushed, &chunk->link); /* I1 -> I2, I5 -> I6 */
    weir__inlet_poke_if_cold(inlet);
    return WEIR_OK;
}

/* One attempt.  WEIR_FULL: there is no room, and nothing has changed. */
static weir_status try_push(weir_inlet *inlet, const void *events, size_t count) {
    bool beyond;
    if (!reserve(inlet, count, &beyond)) {
        if (weir__inlet_gone(inlet)) {
            return weir__inlet_refuse_gone(inlet);
        }
        if (inlet->when_full != WEIR_DROP_NEWEST && inlet->when_full != WEIR_DROP_OLDEST) {
            return WEIR_FULL;
        }
        weir__fetch_add_u64(&inlet->newest_dropped, count);
        weir__inlet_poke_if_cold(inlet);
        return WEIR_DROPPED;
    }
    if (weir__inlet_gone(inlet)) { /* I3 -> I4 */
        weir__inlet_made_room(inlet, count);
        weir__inlet_poke(inlet); /* the stage may have waited for just this reservation */
        return weir__inlet_refuse_gone(inlet);
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
            return weir__refuse(WEIR_WRONG_THREAD, "a callback cannot wait for room in an inlet");
        }
        status = weir__inlet_has_threads(inlet) ? wait_for_room(inlet, count, deadline)
                                                : step_for_room(inlet, count, deadline);
        if (status != WEIR_OK) {
            return weir__inlet_gone(inlet) ? weir__inlet_refuse_gone(inlet) : status;
        }
    }
}

weir_status weir_inlet_push(weir_inlet *inlet, const void *events, size_t count,
                            uint64_t timeout_ns) {
    if (weir__missing(inlet, "inlet")) {
        return WEIR_INVALID;
    }
    if (count == 0) {
        return WEIR_OK;
    }
    if (count > inlet->capacity) {
        return weir__refuse(WEIR_INVALID, "count must be at most the capacity, %zu, got %zu",
                            inlet->capacity, count);
    }
    if (events == NULL) {
        return weir__refuse(WEIR_INVALID, "events must not be NULL when count is %zu", count);
    }
    uint64_t deadline =
        inlet->when_full == WEIR_BLOCK ? weir__inlet_deadline(inlet, timeout_ns) : UINT64_MAX;
    weir_status status = weir__inlet_know_feeder(inlet);
    if (status != WEIR_OK) {
        return status;
    }
    weir__inlet_enter(inlet);
    status = push_until(inlet, events, count, deadline);
    weir__inlet_leave(inlet);
    return status;
}

size_t weir_inlet_waiting(const weir_inlet *inlet) {
    if (weir__missing(inlet, "inlet")) {
        return 0;
    }
    return (size_t)weir__load_relaxed_u64(&inlet->waiting);
}

weir_status weir_inlet_finish(weir_inlet *inlet) {
    if (weir__missing(inlet, "inlet")) {
        return WEIR_INVALID;
    }
    weir__exchange_u32(&inlet->finished, WEIR__INLET_FINISHED); /* I3 -> I4 */
    weir__fetch_add_u32(&inlet->room, 1);                       /* who waits for room is told */
    weir__futex_wake(&inlet->room, INT32_MAX);
    weir__inlet_poke(inlet);
    return WEIR_OK;
}

void weir_inlet_close(weir_inlet *inlet) {
    if (inlet == NULL) {
        return;
    }
    weir_inlet_finish(inlet);
    weir__inlet_release(inlet);
}
