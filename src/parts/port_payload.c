/*
 * The port's payload: what spans point at, on its pusher's side.  See port.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pages are filled one after the other, a push's payload side by side in one of them. They are
 * listed in that order, so the oldest is the first whose events have all been taken; it is
 * then filled again, and a steady flow allocates nothing. What is larger than a page has one of
 * its own, which is freed.
 */
#include "parts/port.h"

enum { PAGE_BYTES = 65536, PAGE_LEAST = 1024 };

static size_t page_bytes(const weir_port *port) {
    uint64_t bound = port->inlet->bounds.bytes;
    return bound == 0 || bound > PAGE_BYTES ? PAGE_BYTES
           : bound < PAGE_LEAST             ? PAGE_LEAST
                                            : (size_t)bound;
}

static void free_page(weir_port *port, struct weir__port_page *page) {
    weir__free(&port->inlet->quay.runtime->allocator, page, sizeof *page + page->bytes);
}

/* ---- what has been taken ------------------------------------------------------- */

/* The fixed parts of what has been taken lie where they were until the pusher goes on there. */
static void look_at_taken(weir_port *port) {
    const struct weir__bounds *bounds = &port->inlet->bounds;
    uint64_t taken = weir__load_acquire_u64(&port->taken); /* A3 -> A4 */
    for (; bounds->bytes > 0 && port->counted != taken; port->counted++) {
        size_t place = (size_t)(port->counted & port->mask);
        const unsigned char *event = port->events + place * port->place_bytes;
        port->wait_bytes -= weir__charge_bytes(bounds, weir__charge_of(bounds, event, 1));
    }
    port->counted = taken;
}

static bool has_known_room(const weir_port *port, uint64_t charge) {
    const struct weir__bounds *bounds = &port->inlet->bounds;
    uint64_t waiting = port->in - port->counted;
    return waiting + weir__charge_events(bounds, charge) <= bounds->events &&
           port->wait_bytes + weir__charge_bytes(bounds, charge) <= bounds->bytes;
}

/* The worker's line is left alone as long as what is known will do. */
bool weir__port_has_room(weir_port *port, uint64_t charge) {
    if (!has_known_room(port, charge)) {
        look_at_taken(port);
    }
    return has_known_room(port, charge);
}

/* ---- pages --------------------------------------------------------------------- */

static bool is_done_with(const weir_port *port, const struct weir__port_page *page) {
    return port->in - page->end >= port->in - port->counted;
}

/* The oldest page, if all that it was filled with has been taken. */
static struct weir__port_page *take_oldest(weir_port *port) {
    struct weir__port_page *page = port->oldest;
    if (page != NULL && !is_done_with(port, page)) {
        look_at_taken(port);
    }
    if (page == NULL || !is_done_with(port, page)) {
        return NULL;
    }
    port->oldest = page->next;
    port->page = port->oldest == NULL ? NULL : port->page;
    return page;
}

/* An empty one for so many bytes. */
static struct weir__port_page *next_page(weir_port *port, size_t bytes) {
    const size_t usual = page_bytes(port);
    for (struct weir__port_page *page; (page = take_oldest(port)) != NULL;) {
        if (page->bytes == usual && bytes <= usual) {
            return page;
        }
        free_page(port, page);
    }
    bytes = bytes < usual ? usual : bytes;
    struct weir__port_page *page =
        weir__alloc(&port->inlet->quay.runtime->allocator, sizeof *page + bytes, 16);
    if (page != NULL) {
        page->bytes = bytes;
    }
    return page;
}

char *weir__port_payload(weir_port *port, const struct weir__parcel *parcel) {
    struct weir__port_page *page = port->page;
    if (page != NULL && page->bytes - page->used >= parcel->payload) {
        return page->at + page->used;
    }
    page = next_page(port, parcel->payload);
    if (page == NULL) {
        return NULL;
    }
    page->next = NULL;
    page->used = 0;
    page->end = port->in;
    if (port->page == NULL) {
        port->oldest = page;
    } else {
        port->page->next = page;
    }
    port->page = page;
    return page->at;
}

void weir__port_write(weir_port *port, const struct weir__parcel *parcel, char *at) {
    const struct weir__bounds *bounds = &port->inlet->bounds;
    const unsigned char *events = parcel->events;
    const size_t first = (size_t)(port->in & port->mask);
    const size_t end = (size_t)port->mask + 1 - first;
    const size_t run = parcel->count < end ? parcel->count : end;
    at =
        weir__parcel_write_spans(bounds, events, run, port->events + first * port->place_bytes, at);
    if (run < parcel->count) {
        weir__parcel_write_spans(bounds, events + run * port->place_bytes, parcel->count - run,
                                 port->events, at);
    }
}

void weir__port_wrote(weir_port *port, const struct weir__parcel *parcel) {
    port->page->used += parcel->payload;
    port->page->end = port->in;
    port->wait_bytes += weir__charge_bytes(&port->inlet->bounds, parcel->charge);
}

void weir__port_free_pages(weir_port *port) {
    while (port->oldest != NULL) {
        struct weir__port_page *page = port->oldest;
        port->oldest = page->next;
        free_page(port, page);
    }
}
