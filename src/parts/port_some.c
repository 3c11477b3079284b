/*
 * The port, for a pusher that does not wait: as much as there is room for, and when there is more.
 * See port.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who was refused may sleep in poll or epoll until there is room for what he has: his lamp
 * (lamp.h) is darkened, and he looks once more, as who sleeps at the berth does, and whoever wakes
 * that one lights it.
 */
#include "parts/port.h"

#include "base/refusal.h"

static bool fits_in_port(void *port, uint64_t charge) {
    return weir__port_fits(port, charge);
}

void weir__port_refused(weir_port *port, uint64_t charge) {
    if (!weir__lamp_is_open(&port->room_lamp)) {
        return;
    }
    weir__lamp_darken(&port->room_lamp); /* A9 -> A10 */
    if (weir__port_fits(port, charge) || weir__inlet_gone(port->inlet)) {
        weir__lamp_light(&port->room_lamp);
    }
}

/* Marks that the worker takes are told of as events are: weir__ports_settle. */
void weir__port_refused_mark(weir_port *port) {
    if (!weir__lamp_is_open(&port->room_lamp)) {
        return;
    }
    weir__lamp_darken(&port->room_lamp); /* A9 -> A10 */
    if (weir__port_fits_mark(port) || weir__inlet_gone(port->inlet)) {
        weir__lamp_light(&port->room_lamp);
    }
}

weir_status weir_port_push_some(weir_port *port, const void *events, size_t count, size_t *taken) {
    if (weir__port_unfit(port) || weir__missing(taken, "taken")) {
        return weir__refused();
    }
    *taken = 0;
    if (count == 0) {
        return WEIR_OK;
    }
    struct weir__split split;
    weir_status status =
        weir__parcel_split(&port->inlet->bounds, events, count, fits_in_port, port, &split);
    if (status == WEIR_OK && split.count > 0) {
        status = weir_port_push(port, events, split.count, 0);
    }
    if (status != WEIR_OK) {
        return status;
    }
    *taken = split.count;
    if (split.count == count) {
        return WEIR_OK;
    }
    if (split.count == 0 && weir__inlet_gone(port->inlet)) {
        return weir__inlet_refuse_gone(port->inlet);
    }
    weir__port_refused(port, split.next);
    return WEIR_FULL;
}

weir_status weir_port_room_fd(weir_port *port, int *out) {
    if (weir__port_unfit(port) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_status status = weir__inlet_may_wait(port->inlet, "a port");
    return status == WEIR_OK ? weir__lamp_open_lit(&port->room_lamp, out) : status;
}
