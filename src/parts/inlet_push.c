/*
 * The inlet's other side: what pushing threads do.  See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/port.h"

#include "base/reason.h"
#include "base/refusal.h"
#include "runtime/errand.h"
#include "runtime/post.h"

void weir__inlet_poke_if_cold(weir_inlet *inlet) {
    if (weir__load_relaxed_u32(&inlet->quay.poked) == WEIR__POKED_COLD) { /* I1 -> I2 */
        weir__quay_poke(&inlet->quay);
    }
}

/* ---- what nobody will emit ----------------------------------------------- */

void weir__inlet_drop(const weir_inlet *inlet, const void *events, uint64_t count,
                      weir_discard why) {
    if (inlet->type == NULL || count == 0) {
        return;
    }
    const struct weir__quay *quay = &inlet->quay;
    struct weir__worker *home = weir__runtime_worker(quay->runtime, quay->stage);
    bool inside = weir__here != NULL && weir__here->runtime == quay->runtime;
    struct weir__errand errand;
    weir__errand_begin(&errand, quay->runtime, "drop");
    weir__owned_drop_raw(inlet->type, events, (size_t)count, why, inside ? &weir__here->pool : NULL,
                         &home->host.pool);
    weir__errand_end(&errand);
}

weir_status weir__inlet_drop_newest(weir_inlet *inlet, const struct weir__parcel *parcel) {
    weir__inlet_drop(inlet, parcel->events, parcel->count, WEIR_DISCARD_OVERFLOW);
    weir__fetch_add_u64(&inlet->newest_dropped, parcel->count);
    weir__inlet_poke_if_cold(inlet);
    return WEIR_DROPPED;
}

void weir__inlet_bury(weir_inlet *inlet, uint64_t dropped, uint64_t left) {
    if (dropped + left == 0) {
        return;
    }
    weir__runtime_discarded(inlet->quay.runtime, dropped + left);
    weir__quay_discarded_late(&inlet->quay, dropped, left);
}

/* ---- coming and leaving -------------------------------------------------- */

/* Nobody will emit these: the last pusher to leave drops and counts them. */
static void bury_all(weir_inlet *inlet) {
    struct weir__chunk *chunk = weir__chunk_of(weir__stack_take(&inlet->pushed)); /* I5 -> I6 */
    uint64_t count = 0;
    while (chunk != NULL) {
        struct weir__chunk *below = weir__chunk_of(chunk->link.next);
        size_t pushed = weir__inlet_chunk_count(inlet, chunk);
        count += pushed;
        weir__inlet_drop(inlet, chunk->events, pushed, WEIR_DISCARD_STOPPED);
        weir__inlet_free_chunk(inlet, chunk);
        chunk = below;
    }
    weir__inlet_bury(inlet, weir__inlet_count_dropped(inlet), count);
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
    return finished != WEIR__INLET_WITHIN ||
           !weir__is_inside(inlet->quay.runtime, inlet->quay.stage);
}

weir_status weir__inlet_refuse_gone(const weir_inlet *inlet) {
    if (weir__load_acquire_u32(&inlet->dead) == 0) { /* I5 -> I6 */
        return weir__refuse(WEIR_NO_STAGE, "the inlet was finished");
    }
    return weir__refuse(WEIR_NO_STAGE, "the inlet has stopped: %s",
                        weir__reason_words(inlet->reason).text);
}

bool weir_inlet_stopped(const weir_inlet *inlet) {
    return !weir__inlet_unfit(inlet) && weir__load_acquire_u32(&inlet->dead) != 0; /* I5 -> I6 */
}

weir_reason weir_inlet_reason(const weir_inlet *inlet) {
    if (weir__inlet_unfit(inlet) || weir__load_acquire_u32(&inlet->dead) == 0) { /* I5 -> I6 */
        return WEIR_REASON_NORMAL;
    }
    return inlet->reason;
}

/* ---- feeders ------------------------------------------------------------- */

weir_ref weir__inlet_pusher_on_errand(const weir_runtime *runtime) {
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
        if (weir__registry_find(&inlet->quay.runtime->registry, (weir_ref){other}) == NULL &&
            weir__cas_u64(&feeder->stage, &other, stage.bits)) { /* I9 -> I10 */
            return true;
        }
    }
    return false;
}

/* Without memory it is not remembered, and the inlet's stage told again. */
static void remember(weir_inlet *inlet, weir_ref stage) {
    struct weir__inlet_feeder *feeder =
        replace(inlet, stage) ? NULL
                              : weir__alloc(&inlet->quay.runtime->allocator, sizeof *feeder, 16);
    if (feeder == NULL) {
        return;
    }
    feeder->stage = stage.bits;
    struct weir__inlet_feeder *next = weir__load_relaxed_ptr(&inlet->feeders);
    do { /* `next` is the CAS's to write to, feeder->next the others' to read once it is there */
        feeder->next = next;
    } while (!weir__cas_ptr(&inlet->feeders, &next, feeder)); /* I9 -> I10 */
}

void weir__inlet_trust(weir_inlet *inlet, weir_ref stage) {
    remember(inlet, stage);
}

/* The stage is told before anything is pushed; who comes when it takes no more is refused. */
weir_status weir__inlet_know_feeder(weir_inlet *inlet) {
    weir_ref stage = weir__inlet_pusher(inlet);
    if (stage.bits == 0 || stage.bits == inlet->quay.stage.bits || knows(inlet, stage)) {
        return WEIR_OK;
    }
    if (weir__inlet_gone(inlet)) { /* which need not last: it is not known then, and is to be */
        return weir__inlet_refuse_gone(inlet);
    }
    weir_status status = weir_feeds(inlet->quay.runtime, stage, inlet->quay.stage);
    if (status != WEIR_OK) {
        return status == WEIR_NO_STAGE ? weir__inlet_refuse_gone(inlet) : status;
    }
    remember(inlet, stage);
    return WEIR_OK;
}

/* ---- pushing ------------------------------------------------------------- */

/*
 * Room for the parcel: true when it was there and is now reserved.  Without
 * room nothing is added, not even for a moment: another pusher might take that
 * for a full inlet and sleep, and nobody would wake it.
 */
static bool reserve(weir_inlet *inlet, const struct weir__parcel *parcel, uint64_t times,
                    bool *beyond) {
    const struct weir__bounds *bounds = &inlet->bounds;
    uint64_t waiting = weir__load_relaxed_u64(&inlet->waiting);
    do {
        *beyond = !weir__charge_fits(bounds, waiting, parcel->charge, 1);
        if (*beyond && !weir__charge_fits(bounds, waiting, parcel->charge, times)) {
            return false;
        }
    } while (!weir__cas_u64(&inlet->waiting, &waiting, waiting + parcel->charge)); /* I3 -> I4 */
    return true;
}

bool weir__inlet_fits(const weir_inlet *inlet, uint64_t charge) {
    return weir__charge_fits(&inlet->bounds, weir__load_relaxed_u64(&inlet->waiting), charge, 1);
}

/* Who waits for so much room. */
struct inlet_waiter {
    const weir_inlet *inlet;
    uint64_t charge;
};

static bool inlet_room_has_come(void *waiter) {
    const struct inlet_waiter *blocked = waiter;
    return weir__inlet_fits(blocked->inlet, blocked->charge) ||
           weir__inlet_gone(blocked->inlet); /* I7 -> I8 */
}

static weir_status wait_for_inlet_room(weir_inlet *inlet, uint64_t charge, uint64_t deadline) {
    static const struct weir__doze doze = {
        .what = "room in an inlet", .turns = WEIR__INLET_TURNS, .come = inlet_room_has_come};
    struct inlet_waiter blocked = {.inlet = inlet, .charge = charge};
    weir_status status = weir__quay_doze(&inlet->quay, &inlet->room, &doze, &blocked, deadline);
    return status == WEIR_TIMEOUT && weir__inlet_gone(inlet) ? weir__inlet_refuse_gone(inlet)
                                                             : status;
}

static void give_back_room(weir_inlet *inlet, const struct weir__parcel *parcel) {
    weir__inlet_made_room(inlet, parcel->charge);
    weir__quay_poke(&inlet->quay); /* the stage may have waited for just this reservation */
}

/* Room is reserved: the events go on the stack. */
static weir_status push(weir_inlet *inlet, const struct weir__parcel *parcel) {
    const struct weir__bounds *bounds = &inlet->bounds;
    struct weir__chunk *chunk =
        weir__alloc(&inlet->quay.runtime->allocator,
                    weir__inlet_chunk_bytes(inlet, parcel->count, parcel->payload), 16);
    if (chunk == NULL) {
        give_back_room(inlet, parcel);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu events, %zu bytes", parcel->count,
                            parcel->count * bounds->event_bytes + parcel->payload);
    }
    bool mark = parcel->count == 0;
    chunk->charge = parcel->charge;
    chunk->first = mark ? WEIR__CHUNK_MARK : 0;
    chunk->payload = parcel->payload;
    if (mark) {
        memcpy(chunk->events, parcel->events, parcel->payload);
    } else {
        weir__parcel_write(bounds, parcel, chunk->events);
    }
    weir__stack_push(&inlet->pushed, &chunk->link); /* I1 -> I2, I5 -> I6 */
    if (mark) {
        weir__inlet_marked(inlet);
    } else {
        weir__inlet_poke_if_cold(inlet);
    }
    return WEIR_OK;
}

weir_status weir__inlet_try(weir_inlet *inlet, const struct weir__parcel *parcel, uint64_t times,
                            bool *beyond) {
    if (!reserve(inlet, parcel, times, beyond)) {
        return weir__inlet_gone(inlet) ? weir__inlet_refuse_gone(inlet) : WEIR_FULL;
    }
    if (weir__inlet_gone(inlet)) { /* I3 -> I4 */
        give_back_room(inlet, parcel);
        return weir__inlet_refuse_gone(inlet);
    }
    return push(inlet, parcel);
}

/* One attempt, by the policy.  WEIR_FULL: there is no room, and nothing has changed. */
static weir_status try_push(weir_inlet *inlet, const struct weir__parcel *parcel) {
    /* Dropping the oldest is the worker's doing: until it has, as many again may wait. */
    const uint64_t times = inlet->when_full == WEIR_DROP_OLDEST ? 2 : 1;
    bool drops = inlet->when_full == WEIR_DROP_NEWEST || inlet->when_full == WEIR_DROP_OLDEST;
    bool beyond = false;
    weir_status status = weir__inlet_try(inlet, parcel, times, &beyond);
    if (status == WEIR_FULL && drops && parcel->count > 0) { /* nobody would hear of a mark */
        return weir__inlet_drop_newest(inlet, parcel);
    }
    return status == WEIR_OK && beyond ? WEIR_DROPPED : status;
}

static weir_status push_until(weir_inlet *inlet, const struct weir__parcel *parcel,
                              uint64_t timeout_ns) {
    uint64_t deadline = 0;
    for (;;) { /* as another may be faster */
        weir_status status = try_push(inlet, parcel);
        if (WEIR__LIKELY(status != WEIR_FULL) || inlet->when_full != WEIR_BLOCK) {
            return status;
        }
        deadline = deadline != 0 ? deadline : weir__quay_deadline(&inlet->quay, timeout_ns);
        status = wait_for_inlet_room(inlet, parcel->charge, deadline);
        if (status != WEIR_OK) {
            return status;
        }
    }
}

weir_status weir__inlet_push_parcel(weir_inlet *inlet, const struct weir__parcel *parcel,
                                    uint64_t timeout_ns) {
    weir__inlet_enter(inlet);
    weir_status status = push_until(inlet, parcel, timeout_ns);
    if (status == WEIR_FULL || status == WEIR_TIMEOUT) {
        weir__inlet_refused(inlet, parcel->charge);
    }
    weir__inlet_leave(inlet);
    return status;
}

weir_status weir_inlet_push(weir_inlet *inlet, const void *events, size_t count,
                            uint64_t timeout_ns) {
    if (weir__inlet_unfit(inlet)) {
        return weir__refused();
    }
    if (count == 0) {
        return WEIR_OK;
    }
    struct weir__parcel parcel;
    weir_status status = weir__inlet_may_push(inlet, events, count, &parcel);
    if (status != WEIR_OK) {
        return status;
    }
    return weir__inlet_push_parcel(inlet, &parcel, timeout_ns);
}

size_t weir_inlet_waiting(const weir_inlet *inlet) {
    if (weir__inlet_unfit(inlet)) {
        return 0;
    }
    uint64_t waiting = weir__load_relaxed_u64(&inlet->waiting);
    return (size_t)weir__charge_events(&inlet->bounds, waiting);
}

weir_status weir_inlet_finish(weir_inlet *inlet) {
    if (weir__inlet_unfit(inlet)) {
        return weir__refused();
    }
    weir__exchange_u32(&inlet->finished, WEIR__INLET_FINISHED); /* I3 -> I4 */
    weir__inlet_shuts(inlet);
    weir__quay_poke(&inlet->quay);
    return WEIR_OK;
}

void weir_inlet_close(weir_inlet *inlet) {
    if (inlet == NULL) {
        return;
    }
    if (weir__inlet_unfit(inlet)) {
        weir__lamp_close(&inlet->room_lamp); /* all that is a child's of fork */
        return;
    }
    weir_inlet_finish(inlet);
    weir__quay_release(&inlet->quay, 1);
}
