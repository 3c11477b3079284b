/*
 * The port's other side: what the inlet's worker does with its ports.  See port.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/port.h"

#include "base/attributes.h"
#include "base/check.h"

void weir__ports_adopt(weir_inlet *inlet) {
    ck_stack_entry_t *entry = weir__stack_take(&inlet->fresh); /* I1 -> I2, I5 -> I6 */
    while (entry != NULL) {
        weir_port *port = WEIR__CONTAINER_OF(entry, weir_port, link);
        entry = entry->next;
        if (inlet->port == NULL) {
            port->next = port;
            inlet->port = port;
        } else {
            port->next = inlet->port->next;
            inlet->port->next = port;
        }
        inlet->ports++;
    }
}

/* There is room where these events were. */
static void publish(weir_port *port) {
    weir__store_release_u64(&port->taken, port->out); /* A3 -> A4 */
}

/* Lets go of the port behind `before`.  What lies in it beyond `taken` will be buried. */
static void let_go(weir_inlet *inlet, weir_port *before) {
    weir_port *port = before->next;
    publish(port);
    before->next = port->next;
    inlet->ports--;
    inlet->port = inlet->ports > 0 ? before : NULL;
    inlet->marks_due = inlet->marks_due || inlet->marks_seen > 0; /* it holds up nobody's now */
    weir__port_release(port);
}

static bool is_port_done(const weir_port *port) {
    return weir__load_acquire_u32(&port->closed) != 0 && /* A11 -> A12 */
           weir__load_relaxed_u64(&port->tail) == port->out && weir__port_markless(port);
}

void weir__port_wake(weir_port *port) {
    port->unwoken = 0;
    weir__berth_wake(&port->room, 1); /* A9 -> A10 */
    weir__lamp_tell(&port->room_lamp);
}

/* ---- taking ---------------------------------------------------------------- */

/* Emits of what lies there, so many at most, in a row.  Returns how many; 0: no memory. */
static uint64_t take_run(const weir_port *port, weir_stage *self, const void *at, uint64_t run) {
    struct weir__inlet_keeper *keeper = port->inlet->keeper;
    if (WEIR__LIKELY(keeper == NULL)) {
        return weir_emit(self, at, (size_t)run) == WEIR_OK ? run : 0;
    }
    weir_room room = weir_reserve(self, (size_t)run);
    keeper->unpack(keeper, at, room.count, room.events);
    weir_commit(self, room.count);
    return room.count;
}

/* Emits from one port.  The ring's end cuts a run in two. */
static bool take_from_ring(weir_port *port, weir_stage *self, uint64_t *open) {
    if (port->seen - port->out < *open) {
        port->seen = weir__load_acquire_u64(&port->tail); /* A1 -> A2 */
    }
    const struct weir__bounds *bounds = &port->inlet->bounds;
    uint64_t count = port->seen - port->out;
    count = count < *open ? count : *open;
    weir__port_pass_marks(port, self);
    while (count > 0) {
        uint64_t first = port->out & port->mask;
        uint64_t run = port->mask + 1 - first;
        run = weir__port_unmarked(port, run < count ? run : count);
        run = weir__inlet_portion(self, run);
        if (run == 0) {
            break;
        }
        const unsigned char *events = port->events + first * port->place_bytes;
        run = take_run(port, self, events, run);
        if (run == 0) {
            return false;
        }
        port->out += run;
        port->unwoken += weir__charge_of(bounds, events, (size_t)run);
        port->unsettled = true;
        count -= run;
        *open -= run;
        weir__port_pass_marks(port, self);
    }
    /* A pusher that waits reads the line again and again: it is not written each time. */
    if (port->out - port->taken >= port->publish_at) {
        publish(port);
    }
    /* It need not be seen here: settle makes sure. */
    if (port->unwoken > 0 && weir__charge_is_good(bounds, port->unwoken)) {
        weir__port_wake(port);
    }
    WEIR__VERIFY(weir__port_check_worker(port));
    return true;
}

bool weir__ports_take(weir_inlet *inlet, weir_stage *self, uint64_t *open) {
    weir_port *before = inlet->port;
    for (uint32_t left = inlet->ports; left > 0 && *open > 0; left--) {
        weir_port *port = before->next;
        uint64_t had = *open;
        if (!take_from_ring(port, self, open)) {
            return false;
        }
        if (*open == had && is_port_done(port)) {
            let_go(inlet, before);
        } else {
            before = port;
            inlet->port = port;
        }
    }
    return true;
}

void weir__ports_settle(weir_inlet *inlet, bool all) {
    weir_port *before = inlet->port;
    if (before == NULL) {
        return;
    }
    bool any = all;
    for (uint32_t left = inlet->ports; left > 0; left--, before = before->next) {
        before->unsettled = before->unsettled || all;
        if (before->unsettled) {
            publish(before);
            any = true;
        }
    }
    if (any) {
        weir__fence_full(); /* A9 -> A10 */
    }
    for (uint32_t left = inlet->ports; left > 0; left--) {
        weir_port *port = before->next;
        if (port->unsettled) { /* who lies down after this sees what is published */
            port->unsettled = false;
            weir__port_wake(port);
        }
        if (is_port_done(port)) {
            let_go(inlet, before);
        } else {
            before = port;
        }
    }
}

/* ---- before it looks no more, and before it stops ---------------------------- */

/* Unwanted, events may lie there, as long as none is amid its push. */
bool weir__ports_news(const weir_inlet *inlet, bool wanted) {
    const weir_port *port = inlet->port;
    for (uint32_t left = inlet->ports; left > 0; left--) {
        port = port->next;
        uint64_t expected = wanted ? port->out : weir__load_relaxed_u64(&port->tail);
        if (weir__load_relaxed_u64(&port->claimed) != expected || /* A5 -> A6 */
            is_port_done(port)) {
            return true;
        }
    }
    return false;
}

bool weir__ports_come(const weir_inlet *inlet) {
    const weir_port *port = inlet->port;
    for (uint32_t left = inlet->ports; left > 0; left--) {
        port = port->next;
        if (weir__load_relaxed_u64(&port->tail) != port->out) {
            return true;
        }
    }
    return false;
}

bool weir__ports_empty(const weir_inlet *inlet) {
    if (weir__load_relaxed_ptr(&inlet->fresh.head) != NULL) {
        return false; /* it was opened just before, and its poke is coming */
    }
    const weir_port *port = inlet->port;
    for (uint32_t left = inlet->ports; left > 0; left--) {
        port = port->next;
        if (weir__load_relaxed_u64(&port->claimed) != port->out || /* A7 -> A8 */
            !weir__port_markless(port)) {
            return false;
        }
    }
    return true;
}

uint64_t weir__ports_end(weir_inlet *inlet) {
    uint64_t count = 0;
    weir__ports_adopt(inlet);
    while (inlet->ports > 0) {
        weir_port *port = inlet->port->next;
        uint64_t tail = weir__load_acquire_u64(&port->tail); /* A1 -> A2 */
        count += tail - port->out;
        weir__port_drop(port, port->out, tail);
        port->out = tail;
        publish(port);
        weir__port_wake(port); /* A9 -> A10: after the exchange of `dead` */
        let_go(inlet, inlet->port);
    }
    return count;
}

#if WEIR__CHECKED
void weir__port_check_worker(const weir_port *port) {
    WEIR__CHECK(port->out - port->taken <= port->seen - port->taken);
    WEIR__CHECK(port->seen - port->taken <= port->capacity);
    WEIR__CHECK(port->out - port->taken < port->publish_at);
}
#endif
