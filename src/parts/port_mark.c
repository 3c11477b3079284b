/*
 * Marks in a port: see port.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "parts/port.h"
#include "stage/mark.h"

_Static_assert((WEIR_PORT_MARKS & (WEIR_PORT_MARKS - 1)) == 0, "places are found by a mask");

static struct weir__port_mark *place_of_mark(weir_port *port, uint64_t position) {
    return &port->marks[position & (WEIR_PORT_MARKS - 1)];
}

/* ---- the worker's side ----------------------------------------------------- */

/* It says what the one in hand said: nothing lies between them. */
static bool stands_for_held(const weir_port *port, const struct weir__port_mark *next) {
    return port->held.at == next->at && weir__mark_replaces(&port->held.mark, &next->mark);
}

/* The next one comes into the worker's hands, and with it watermarks right behind it. */
static void hold_next_mark(weir_port *port) {
    while (port->marks_taken != port->marks_seen) {
        const struct weir__port_mark *next = place_of_mark(port, port->marks_taken);
        if (port->holds && !stands_for_held(port, next)) {
            return;
        }
        port->held = *next;
        port->holds = true;
        port->unsettled = true;
        weir__store_release_u64(&port->marks_taken, port->marks_taken + 1); /* A15 -> A16 */
    }
}

void weir__port_pass_marks(weir_port *port, weir_stage *self) {
    if (weir__load_relaxed_u64(&port->marks_tail) != port->marks_seen) {
        port->marks_seen = weir__load_acquire_u64(&port->marks_tail); /* A13 -> A14 */
        hold_next_mark(port);
    }
    while (port->holds && port->held.at == port->out) {
        port->holds = false;
        weir__inlet_emit_mark(port->inlet, self, &port->held.mark, &port->said);
        hold_next_mark(port);
    }
}

void weir__ports_pass_marks(weir_inlet *inlet, weir_stage *self) {
    weir_port *port = inlet->port;
    for (uint32_t left = inlet->ports; left > 0; left--) {
        port = port->next;
        weir__port_pass_marks(port, self);
    }
}

bool weir__port_markless(const weir_port *port) {
    return !port->holds && weir__load_relaxed_u64(&port->marks_claimed) == port->marks_taken;
}

/* ---- the pusher's side ------------------------------------------------------- */

bool weir__port_fits_mark(const weir_port *port) {
    return port->marks_in - weir__load_acquire_u64(&port->marks_taken) < /* A15 -> A16 */
           WEIR_PORT_MARKS;
}

static bool mark_room_has_come(void *waiter) {
    const weir_port *port = waiter;
    return weir__port_fits_mark(port) || weir__inlet_gone(port->inlet);
}

/* WEIR_OK: there is room. */
static weir_status wait_for_mark_room(weir_port *port, uint64_t timeout_ns) {
    static const struct weir__doze doze = {.what = "room for a mark in a port",
                                           .turns = WEIR__INLET_TURNS,
                                           .come = mark_room_has_come};
    weir_inlet *inlet = port->inlet;
    weir_status status = WEIR_FULL;
    if (inlet->when_full == WEIR_BLOCK && !weir__inlet_gone(inlet)) {
        status = weir__quay_doze(&inlet->quay, &port->room, &doze, port,
                                 weir__quay_deadline(&inlet->quay, timeout_ns));
    }
    if (status == WEIR_WRONG_THREAD) {
        return status;
    }
    if (weir__port_fits_mark(port)) {
        return WEIR_OK;
    }
    return weir__inlet_gone(inlet) ? weir__inlet_refuse_gone(inlet) : status;
}

/* The claim came after the end: a stage that has seen it is to look again. */
static weir_status take_back_mark(weir_port *port) {
    weir__store_relaxed_u64(&port->marks_claimed, port->marks_in);
    weir__fence_full(); /* A7 -> A8: taken back, and then the look that this brings */
    if (weir__load_relaxed_u32(&port->inlet->dead) == 0) {
        weir__quay_poke(&port->inlet->quay);
    }
    return weir__inlet_refuse_gone(port->inlet);
}

static weir_status put_mark_in_ring(weir_port *port, const weir_mark *mark) {
    weir__store_relaxed_u64(&port->marks_claimed, port->marks_in + 1);
    weir__fence_full(); /* A7 -> A8 */
    if (weir__inlet_gone(port->inlet)) {
        return take_back_mark(port);
    }
    *place_of_mark(port, port->marks_in) = (struct weir__port_mark){.at = port->in, .mark = *mark};
    port->marks_in++;
    weir__store_release_u64(&port->marks_tail, port->marks_in); /* A13 -> A14 */
    weir__inlet_marked(port->inlet);
    return WEIR_OK;
}

weir_status weir_port_push_mark(weir_port *port, const weir_mark *mark, uint64_t timeout_ns) {
    if (weir__port_unfit(port) || weir__missing(mark, "mark")) {
        return weir__refused();
    }
    weir_status status = weir__inlet_may_mark(port->inlet, mark);
    if (status == WEIR_OK && !weir__port_fits_mark(port)) {
        status = wait_for_mark_room(port, timeout_ns);
    }
    if (status == WEIR_FULL || status == WEIR_TIMEOUT) {
        weir__port_refused_mark(port);
    }
    return status == WEIR_OK ? put_mark_in_ring(port, mark) : status;
}
