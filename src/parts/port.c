/*
 * The port: what its one thread does.  See port.h; port_take.c is the worker's side.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/port.h"

#include "base/attributes.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"

#include <string.h>

uint64_t weir__port_start;

/* ---- opening and closing --------------------------------------------------- */

/* How often the worker says what it has taken, where pushers wait for room. */
enum { PUBLISHES = 8 };

static weir_port *make(weir_inlet *inlet) {
    uint64_t places = weir__round_up_power_of_two_u64(inlet->capacity);
    size_t bytes = sizeof(weir_port) + (size_t)places * inlet->event_bytes;
    weir_port *port = weir__alloc(&inlet->runtime->allocator, bytes, WEIR__CACHE_LINES);
    if (port == NULL) {
        return NULL;
    }
    memset(port, 0, sizeof *port); /* not its events: a large ring is touched as it is used */
    port->inlet = inlet;
    port->capacity = inlet->capacity;
    port->mask = places - 1;
    port->event_bytes = inlet->event_bytes;
    /* Who is refused without room is to know of each place. */
    bool waits = inlet->when_full == WEIR_BLOCK && inlet->capacity > PUBLISHES;
    port->publish_at = waits ? inlet->capacity / PUBLISHES : 1;
    port->bytes = bytes;
    port->refs = 2;
    port->claimed = port->in = port->tail = weir__port_start;
    port->taken = port->out = port->seen = weir__port_start;
    port->room_until = weir__port_start; /* the first push looks who pushes, and for room */
    return port;
}

static void free_port(weir_port *port) {
    weir_inlet *inlet = port->inlet;
    weir__free(&inlet->runtime->allocator, port, port->bytes);
    weir__inlet_release(inlet);
}

void weir__port_release(weir_port *port) {
    if (weir__fetch_sub_u32(&port->refs, 1) == 1) {
        weir__inlet_bury(port->inlet, port->tail - port->taken);
        free_port(port);
    }
}

weir_status weir_port_open(weir_inlet *inlet, weir_port **out) {
    if (weir__missing(inlet, "inlet") || weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    if (inlet->when_full == WEIR_DROP_OLDEST) {
        return weir__refuse(WEIR_INVALID, "an inlet with WEIR_DROP_OLDEST has no ports: what is in "
                                          "a port is not its stage's to drop");
    }
    weir_status status = weir__inlet_know_feeder(inlet);
    if (status != WEIR_OK) {
        return status;
    }
    weir_port *port = make(inlet);
    if (port == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a port of %zu events of %zu bytes",
                            inlet->capacity, inlet->event_bytes);
    }
    weir__inlet_hold(inlet);
    weir__inlet_enter(inlet);
    bool gone = weir__inlet_gone(inlet);
    if (!gone) {
        weir__stack_push(&inlet->fresh, &port->link); /* I1 -> I2, I5 -> I6 */
        weir__inlet_poke(inlet);
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
    weir_inlet *inlet = port->inlet;
    weir__store_release_u32(&port->closed, 1); /* A11 -> A12 */
    if (weir__load_relaxed_u32(&inlet->dead) == 0) {
        weir__inlet_poke(inlet);
    }
    weir__port_release(port);
}

size_t weir_port_waiting(const weir_port *port) {
    if (weir__missing(port, "port")) {
        return 0;
    }
    uint64_t taken = weir__load_acquire_u64(&port->taken); /* A3 -> A4: before what it is below */
    return (size_t)(weir__load_relaxed_u64(&port->claimed) - taken);
}

/* ---- room -------------------------------------------------------------------- */

static bool has_room(weir_port *port, size_t count) {
    port->room_until = weir__load_acquire_u64(&port->taken) + port->capacity; /* A3 -> A4 */
    return port->room_until - port->in >= count;
}

/*
 * Sleeping and being woken cost more than most waits last.  Meanwhile the worker takes
 * one event after the other; who snatched each place as it came free would take the
 * worker's line away each time, so it waits for some more of them.
 */
static bool spin_for_room(weir_port *port, size_t count) {
    enum { RELAXES = 4 };
    size_t good = count + port->capacity / 4;
    good = good < port->capacity ? good : port->capacity;
    for (uint32_t i = 0; i < port->inlet->polls; i++) {
        if (has_room(port, good) || weir__inlet_gone(port->inlet)) {
            break;
        }
        for (int k = 0; k < RELAXES; k++) {
            weir__cpu_relax();
        }
    }
    return has_room(port, count);
}

/* Returns true when its time is up. */
static bool sleep_for_room(weir_port *port, size_t count, uint64_t deadline) {
    if (spin_for_room(port, count)) {
        return false;
    }
    weir__exchange_u32(&port->asleep, 1); /* A9 -> A10 */
    if (!has_room(port, count) && !weir__inlet_gone(port->inlet)) {
        weir__futex_wait(&port->asleep, 1, deadline);
    }
    weir__exchange_u32(&port->asleep, 0);
    return deadline != UINT64_MAX && weir__clock_now_ns() >= deadline;
}

/* Nobody else runs the workers, nor lets time pass. */
static bool step_for_room(weir_port *port, uint64_t deadline) {
    return (deadline != UINT64_MAX && weir_runtime_now(port->inlet->runtime) >= deadline) ||
           !weir__inlet_step(port->inlet, deadline);
}

static weir_status wait_for_room(weir_port *port, size_t count, uint64_t timeout_ns) {
    if (weir__here != NULL) {
        return weir__refuse(WEIR_WRONG_THREAD, "a callback cannot wait for room in a port");
    }
    bool threads = weir__inlet_has_threads(port->inlet);
    uint64_t deadline = weir__inlet_deadline(port->inlet, timeout_ns);
    bool over = timeout_ns == 0;
    while (!over && !weir__inlet_gone(port->inlet)) {
        over = threads ? sleep_for_room(port, count, deadline) : step_for_room(port, deadline);
        if (has_room(port, count)) {
            return WEIR_OK;
        }
    }
    return weir__inlet_gone(port->inlet) ? weir__inlet_refuse_gone(port->inlet) : WEIR_TIMEOUT;
}

static weir_status drop(weir_port *port, size_t count) {
    weir_inlet *inlet = port->inlet;
    weir__inlet_enter(inlet);
    weir__fetch_add_u64(&inlet->newest_dropped, count);
    weir__inlet_poke_if_cold(inlet);
    weir__inlet_leave(inlet);
    return WEIR_DROPPED;
}

static weir_status without_room(weir_port *port, size_t count, uint64_t timeout_ns) {
    if (weir__inlet_gone(port->inlet)) {
        return weir__inlet_refuse_gone(port->inlet);
    }
    switch (port->inlet->when_full) {
    case WEIR_BLOCK:
        return wait_for_room(port, count, timeout_ns);
    case WEIR_DROP_NEWEST:
        return drop(port, count);
    default:
        return WEIR_FULL;
    }
}

/* ---- pushing ------------------------------------------------------------------- */

static inline void copy_in(weir_port *port, const unsigned char *events, size_t count) {
    size_t size = port->event_bytes;
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
static weir_status take_back(weir_port *port) {
    weir__store_relaxed_u64(&port->claimed, port->in);
    return weir__inlet_refuse_gone(port->inlet);
}

/* There is room for them. */
static inline weir_status put(weir_port *port, const void *events, size_t count) {
    weir_inlet *inlet = port->inlet;
    weir__store_relaxed_u64(&port->claimed, port->in + count);
    weir__fence_full(); /* A5 -> A6, A7 -> A8 */
    if (WEIR__UNLIKELY(weir__inlet_gone(inlet))) {
        return take_back(port);
    }
    bool cold = weir__load_relaxed_u32(&inlet->poked) == WEIR__INLET_COLD;
    copy_in(port, events, count);
    port->in += count;
    weir__store_release_u64(&port->tail, port->in); /* A1 -> A2 */
    if (WEIR__UNLIKELY(cold)) {
        weir__inlet_poke(inlet);
    }
    WEIR__VERIFY(weir__port_check_pusher(port));
    return WEIR_OK;
}

static weir_status push_slowly(weir_port *port, const void *events, size_t count,
                               uint64_t timeout_ns) {
    if (count == 0) {
        return WEIR_OK;
    }
    if (count > port->capacity) {
        return weir__refuse(WEIR_INVALID, "count must be at most the capacity, %zu, got %zu",
                            (size_t)port->capacity, count);
    }
    if (events == NULL) {
        return weir__refuse(WEIR_INVALID, "events must not be NULL when count is %zu", count);
    }
    weir_status status =
        weir__inlet_know_feeder(port->inlet); /* each time the ring has gone round */
    if (status == WEIR_OK && !has_room(port, count)) {
        status = without_room(port, count, timeout_ns);
    }
    return status == WEIR_OK ? put(port, events, count) : status;
}

weir_status weir_port_push(weir_port *port, const void *events, size_t count, uint64_t timeout_ns) {
    if (weir__missing(port, "port")) {
        return WEIR_INVALID;
    }
    bool fits = count - 1 < port->room_until - port->in; /* none of 0, as count - 1 is huge */
    if (WEIR__LIKELY(fits && events != NULL)) {
        return put(port, events, count);
    }
    return push_slowly(port, events, count, timeout_ns);
}

#if WEIR__CHECKED
void weir__port_check_pusher(const weir_port *port) {
    WEIR__CHECK(port->tail == port->in);
    WEIR__CHECK(port->claimed == port->in);
    WEIR__CHECK(port->room_until - port->in <= port->capacity);
}
#endif
