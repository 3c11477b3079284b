/*
 * The port: what its one thread does.  See port.h; port_take.c is the worker's side.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/port.h"

#include "base/attributes.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/refusal.h"

#include <string.h>

uint64_t weir__port_start;

/* ---- opening and closing --------------------------------------------------- */

/* How often the worker says what it has taken, where pushers wait for room. */
enum { PUBLISHES = 8 };

static weir_port *make_port(weir_inlet *inlet) {
    const struct weir__bounds *bounds = &inlet->bounds;
    uint64_t places = weir__round_up_power_of_two_u64(bounds->events);
    size_t place_bytes = inlet->keeper != NULL ? inlet->keeper->packed_bytes : bounds->event_bytes;
    size_t bytes = sizeof(weir_port) + (size_t)places * place_bytes;
    weir_port *port = weir__alloc(&inlet->quay.runtime->allocator, bytes, WEIR__CACHE_LINES);
    if (port == NULL) {
        return NULL;
    }
    memset(port, 0, sizeof *port); /* not its events: a large ring is touched as it is used */
    port->inlet = inlet;
    port->capacity = bounds->events;
    port->mask = places - 1;
    port->place_bytes = place_bytes;
    /* Who is refused without room is to know of each place; and few events may be many bytes. */
    bool waits = inlet->when_full == WEIR_BLOCK && bounds->events > PUBLISHES && bounds->bytes == 0;
    port->publish_at = waits ? bounds->events / PUBLISHES : 1;
    port->bytes = bytes;
    port->refs = 2;
    port->claimed = port->in = port->tail = weir__port_start;
    port->taken = port->out = port->seen = weir__port_start;
    port->marks_claimed = port->marks_in = port->marks_tail = weir__port_start;
    port->marks_taken = port->marks_seen = weir__port_start;
    port->room_until = weir__port_start; /* the first push looks for room, */
    port->pusher = 0;                    /* and who pushes                 */
    port->counted = weir__port_start;
    return port;
}

static void free_port(weir_port *port) {
    weir_inlet *inlet = port->inlet;
    weir__port_free_pages(port);
    weir__lamp_close(&port->room_lamp);
    weir__free(&inlet->quay.runtime->allocator, port, port->bytes);
    weir__quay_release(&inlet->quay, 1);
}

/* Made one by one: that is seldom. */
static void drop_packed(const weir_port *port, const unsigned char *packed, uint64_t count) {
    enum { EVENT_MOST = 128 };
    const weir_inlet *inlet = port->inlet;
    _Alignas(16) unsigned char event[EVENT_MOST];
    WEIR__CHECK(inlet->bounds.event_bytes <= sizeof event);
    for (; count > 0; count--, packed += port->place_bytes) {
        inlet->keeper->unpack(inlet->keeper, packed, 1, event);
        weir__inlet_drop(inlet, event, 1, WEIR_DISCARD_STOPPED);
    }
}

void weir__port_drop(const weir_port *port, uint64_t from, uint64_t to) {
    if (port->inlet->type == NULL) {
        return;
    }
    while (from != to) {
        uint64_t first = from & port->mask;
        uint64_t run = port->mask + 1 - first;
        run = run < to - from ? run : to - from;
        const unsigned char *at = port->events + first * port->place_bytes;
        if (port->inlet->keeper != NULL) {
            drop_packed(port, at, run);
        } else {
            weir__inlet_drop(port->inlet, at, run, WEIR_DISCARD_STOPPED);
        }
        from += run;
    }
}

void weir__port_release(weir_port *port) {
    if (weir__fetch_sub_u32(&port->refs, 1) == 1) {
        weir__port_drop(port, port->taken, port->tail);
        weir__inlet_bury(port->inlet, 0, port->tail - port->taken);
        free_port(port);
    }
}

weir_status weir_port_open(weir_inlet *inlet, weir_port **out) {
    if (weir__inlet_unfit(inlet) || weir__missing(out, "out")) {
        return weir__refused();
    }
    if (inlet->when_full == WEIR_DROP_OLDEST) {
        return weir__refuse(WEIR_INVALID, "an inlet with WEIR_DROP_OLDEST has no ports: what is in "
                                          "a port is not its stage's to drop");
    }
    weir_status status = weir__inlet_know_feeder(inlet);
    if (status != WEIR_OK) {
        return status;
    }
    weir_port *port = make_port(inlet);
    if (port == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a port of %llu events of %zu bytes",
                            (unsigned long long)inlet->bounds.events, inlet->bounds.event_bytes);
    }
    weir__quay_hold(&inlet->quay, 1);
    weir__inlet_enter(inlet);
    bool gone = weir__inlet_gone(inlet);
    if (!gone) {
        weir__stack_push(&inlet->fresh, &port->link); /* I1 -> I2, I5 -> I6 */
        weir__quay_poke(&inlet->quay);
    }
    weir__inlet_leave(inlet);
    if (gone) {
        free_port(port);
        return weir__inlet_refuse_gone(inlet);
    }
    *out = port;
    return WEIR_OK;
}

void weir_port_close(weir_port *port) {
    if (port == NULL) {
        return;
    }
    if (weir__port_unfit(port)) {
        weir__lamp_close(&port->room_lamp); /* all that is a child's of fork */
        return;
    }
    weir_inlet *inlet = port->inlet;
    weir__store_release_u32(&port->closed, 1); /* A11 -> A12 */
    weir__fence_full();                        /* I1 -> I2 */
    if (weir__load_relaxed_u32(&inlet->dead) == 0) {
        weir__quay_poke(&inlet->quay);
    }
    weir__port_release(port);
}

size_t weir_port_waiting(const weir_port *port) {
    if (weir__port_unfit(port)) {
        return 0;
    }
    uint64_t taken = weir__load_acquire_u64(&port->taken); /* A3 -> A4: before what it is below */
    return (size_t)(weir__load_relaxed_u64(&port->claimed) - taken);
}

/* ---- room -------------------------------------------------------------------- */

bool weir__port_fits(weir_port *port, uint64_t charge) {
    if (port->inlet->bounds.spans > 0) {
        return weir__port_has_room(port, charge);
    }
    port->room_until = weir__load_acquire_u64(&port->taken) + port->capacity; /* A3 -> A4 */
    return port->room_until - port->in >= charge;
}

/* Who waits for so much room. */
struct port_waiter {
    weir_port *port;
    uint64_t charge;
};

static bool port_room_has_come(void *waiter) {
    const struct port_waiter *blocked = waiter;
    return weir__port_fits(blocked->port, blocked->charge) ||
           weir__inlet_gone(blocked->port->inlet);
}

/*
 * As long as the pusher does not sleep the worker takes one event after the other; who snatched
 * each place as it came free would take the worker's line away each time, so it waits for some
 * more of them, and looks less often.
 */
static bool port_much_room_has_come(void *waiter) {
    enum { RELAXES = 4 };
    const struct port_waiter *blocked = waiter;
    const struct weir__bounds *bounds = &blocked->port->inlet->bounds;
    struct port_waiter good = {.port = blocked->port,
                               .charge = weir__charge_generous(bounds, blocked->charge)};
    for (int i = 1; i < RELAXES; i++) {
        weir__cpu_relax();
    }
    return port_room_has_come(&good);
}

static weir_status wait_for_port_room(weir_port *port, uint64_t charge, uint64_t timeout_ns) {
    static const struct weir__doze doze = {.what = "room in a port",
                                           .turns = WEIR__INLET_TURNS,
                                           .come = port_room_has_come,
                                           .come_soon = port_much_room_has_come};
    weir_inlet *inlet = port->inlet;
    struct port_waiter blocked = {.port = port, .charge = charge};
    weir_status status = weir__quay_doze(&inlet->quay, &port->room, &doze, &blocked,
                                         weir__quay_deadline(&inlet->quay, timeout_ns));
    if (status == WEIR_WRONG_THREAD) {
        return status;
    }
    if (weir__port_fits(port, charge)) {
        return WEIR_OK;
    }
    return weir__inlet_gone(inlet) ? weir__inlet_refuse_gone(inlet) : status;
}

static weir_status drop_newest(weir_inlet *inlet, const struct weir__parcel *parcel) {
    weir__inlet_enter(inlet);
    weir_status status = weir__inlet_drop_newest(inlet, parcel);
    weir__inlet_leave(inlet);
    return status;
}

static weir_status without_room(weir_port *port, const struct weir__parcel *parcel,
                                uint64_t timeout_ns) {
    if (weir__inlet_gone(port->inlet)) {
        return weir__inlet_refuse_gone(port->inlet);
    }
    switch (port->inlet->when_full) {
    case WEIR_BLOCK:
        return wait_for_port_room(port, parcel->charge, timeout_ns);
    case WEIR_DROP_NEWEST:
        return drop_newest(port->inlet, parcel);
    default:
        return WEIR_FULL;
    }
}

/* ---- pushing ------------------------------------------------------------------- */

static inline void copy_in(weir_port *port, const unsigned char *events, size_t count) {
    size_t size = port->place_bytes;
    uint64_t first = port->in & port->mask;
    unsigned char *to = port->events + first * size;
    if (WEIR__LIKELY(count == 1 && size == sizeof(uint64_t))) {
        memcpy(to, events, sizeof(uint64_t)); /* one load, one store */
        return;
    }
    size_t run = (size_t)(port->mask + 1 - first);
    if (WEIR__LIKELY(count <= run)) {
        memcpy(to, events, count * size);
        return;
    }
    memcpy(to, events, run * size);
    memcpy(port->events, events + run * size, (count - run) * size);
}

/* The claim came after the end.  A stage that has seen it looks on until it is gone. */
static WEIR__NOINLINE weir_status take_back_claim(weir_port *port) {
    weir__store_relaxed_u64(&port->claimed, port->in);
    return weir__inlet_refuse_gone(port->inlet);
}

/* There is room for them; spans: a parcel of events that have some, and `at` for its payload.
 * events: NULL: they lie there. */
static inline weir_status put_in_ring(weir_port *port, const void *events, size_t count,
                                      const struct weir__parcel *spans, char *at) {
    weir_inlet *inlet = port->inlet;
    weir__store_relaxed_u64(&port->claimed, port->in + count);
    weir__fence_full(); /* A5 -> A6, A7 -> A8 */
    if (WEIR__UNLIKELY(weir__inlet_gone(inlet))) {
        return take_back_claim(port);
    }
    bool cold = weir__load_relaxed_u32(&inlet->quay.poked) == WEIR__POKED_COLD;
    if (spans != NULL) {
        weir__port_write(port, spans, at);
    } else if (events != NULL) {
        copy_in(port, events, count);
    }
    port->in += count;
    weir__store_release_u64(&port->tail, port->in); /* A1 -> A2 */
    if (WEIR__UNLIKELY(cold)) {
        weir__quay_poke(&inlet->quay);
    }
    WEIR__VERIFY(weir__port_check_pusher(port));
    return WEIR_OK;
}

static weir_status put_with_payload(weir_port *port, const struct weir__parcel *parcel) {
    char *at = weir__port_payload(port, parcel);
    if (at == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu bytes of payload", parcel->payload);
    }
    port->room_until = port->in + parcel->count;
    weir_status status = put_in_ring(port, parcel->events, parcel->count, parcel, at);
    port->room_until = port->in; /* so that the next one comes here */
    if (status == WEIR_OK) {
        weir__port_wrote(port, parcel);
    }
    return status;
}

static WEIR__NOINLINE weir_status push_slowly(weir_port *port, const void *events, size_t count,
                                              uint64_t timeout_ns) {
    if (count == 0) {
        return WEIR_OK;
    }
    struct weir__parcel parcel;
    weir_status status = weir__inlet_may_push(port->inlet, events, count, &parcel);
    if (status != WEIR_OK) {
        return status;
    }
    port->pusher = weir__inlet_pusher(port->inlet).bits;
    if (!weir__port_fits(port, parcel.charge)) {
        status = without_room(port, &parcel, timeout_ns);
    }
    if (status == WEIR_FULL || status == WEIR_TIMEOUT) {
        weir__port_refused(port, parcel.charge);
    }
    if (status != WEIR_OK) {
        return status;
    }
    return port->inlet->bounds.spans == 0 ? put_in_ring(port, events, count, NULL, NULL)
                                          : put_with_payload(port, &parcel);
}

/* Whoever pushes does so on behalf of whom he did before; mostly, both of nobody. */
static inline bool is_known(const weir_port *port) {
    uint64_t any = (uintptr_t)weir__here | (uintptr_t)weir__errands | port->pusher;
    return any == 0 || weir__inlet_pusher(port->inlet).bits == port->pusher;
}

weir_status weir_port_push(weir_port *port, const void *events, size_t count, uint64_t timeout_ns) {
    if (weir__port_unfit(port)) {
        return weir__refused();
    }
    bool fits = count - 1 < port->room_until - port->in; /* none of 0, as count - 1 is huge */
    bool known = is_known(port);
    if (WEIR__LIKELY(fits && known && events != NULL)) {
        return put_in_ring(port, events, count, NULL, NULL);
    }
    return push_slowly(port, events, count, timeout_ns);
}

weir_status weir__port_publish(weir_port *port, size_t count) {
    port->room_until = port->in + count;
    weir_status status = put_in_ring(port, NULL, count, NULL, NULL);
    port->room_until = port->in; /* who pushes next looks for room */
    return status;
}

#if WEIR__CHECKED
void weir__port_check_pusher(const weir_port *port) {
    WEIR__CHECK(port->tail == port->in);
    WEIR__CHECK(port->claimed == port->in);
    WEIR__CHECK(port->marks_claimed == port->marks_in);
    WEIR__CHECK(port->room_until - port->in <= port->capacity);
}
#endif
