/*
 * Parcels: see parcel.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/parcel.h"

#include "base/refusal.h"

/* ---- bounds ---------------------------------------------------------------- */

static uint64_t the_less(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static weir_status refuse_capacity(const char *option, size_t most, size_t got) {
    return weir__refuse(WEIR_INVALID, "%s must be from 1 to %zu, got %zu", option, most,
                        got == WEIR_NONE ? (size_t)0 : got);
}

/* The bytes of flat events are as many events; of those that have spans, they are at most. */
static void bound_bytes(struct weir__bounds *bounds, size_t capacity_bytes) {
    uint64_t fit = bounds->event_bytes > 0 ? capacity_bytes / bounds->event_bytes : 1;
    bounds->events = the_less(bounds->events, fit > 0 ? fit : 1);
    if (bounds->spans > 0) {
        bounds->bytes = capacity_bytes;
        bounds->events_mask = ((uint64_t)1 << WEIR__CHARGE_BYTES_SHIFT) - 1;
    }
}

weir_status weir__bounds_open(struct weir__bounds *bounds, const weir_event_type *type,
                              size_t event_bytes, size_t capacity, size_t capacity_bytes) {
    const size_t most = SIZE_MAX / 4 / WEIR_EVENT_BYTES_LIMIT;
    if (capacity > most) {
        return refuse_capacity("capacity", most, capacity);
    }
    if (capacity_bytes > WEIR_CAPACITY_BYTES_LIMIT) {
        return refuse_capacity("capacity_bytes", WEIR_CAPACITY_BYTES_LIMIT, capacity_bytes);
    }
    *bounds =
        (struct weir__bounds){.events = capacity == 0 ? WEIR_INLET_CAPACITY_DEFAULT : capacity,
                              .events_mask = UINT64_MAX,
                              .event_bytes = type != NULL ? type->bytes : event_bytes,
                              .payload_limit = type != NULL ? weir__payload_limit(type) : 0,
                              .spans = type != NULL ? type->spans : 0};
    if (capacity_bytes > 0) {
        bound_bytes(bounds, capacity_bytes);
    }
    if (bounds->bytes > 0 && bounds->events > WEIR__CHARGE_EVENTS_MOST) {
        return refuse_capacity("capacity, beside capacity_bytes,", WEIR__CHARGE_EVENTS_MOST,
                               capacity);
    }
    return WEIR_OK;
}

/* ---- charges --------------------------------------------------------------- */

static uint64_t charge_for(uint64_t events, uint64_t bytes) {
    return events | bytes << WEIR__CHARGE_BYTES_SHIFT;
}

/* What an event with so much payload counts as. */
static uint64_t counted(const struct weir__bounds *bounds, size_t payload) {
    return the_less(bounds->event_bytes + payload, bounds->bytes);
}

uint64_t weir__charge_of_spans(const struct weir__bounds *bounds, const void *events,
                               size_t count) {
    const unsigned char *event = events;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++, event += bounds->event_bytes) {
        bytes += counted(bounds, weir__spans_bytes(bounds->spans, event));
    }
    return charge_for(count, bytes);
}

bool weir__charge_of_both_fits(const struct weir__bounds *bounds, uint64_t waiting, uint64_t charge,
                               uint64_t times) {
    return weir__charge_events(bounds, waiting) + weir__charge_events(bounds, charge) <=
               times * bounds->events &&
           weir__charge_bytes(bounds, waiting) + weir__charge_bytes(bounds, charge) <=
               times * bounds->bytes;
}

uint64_t weir__charge_generous(const struct weir__bounds *bounds, uint64_t charge) {
    uint64_t events = weir__charge_events(bounds, charge) + bounds->events / 4;
    uint64_t bytes = weir__charge_bytes(bounds, charge) + bounds->bytes / 4;
    events = the_less(events, bounds->events);
    return bounds->bytes == 0 ? events : charge_for(events, the_less(bytes, bounds->bytes));
}

/* ---- parcels ----------------------------------------------------------------- */

weir_status weir__parcel_weigh_spans(const struct weir__bounds *bounds,
                                     struct weir__parcel *parcel) {
    enum { MOST_LOG2 = 60 }; /* bytes of a push, which fixed parts beside them do not let wrap */
    const unsigned char *event = parcel->events;
    uint64_t bytes = 0;
    for (size_t i = 0; i < parcel->count; i++, event += bounds->event_bytes) {
        size_t payload = weir__spans_bytes(bounds->spans, event);
        if (payload > bounds->payload_limit) {
            return weir__refuse(WEIR_INVALID,
                                "event %zu has spans of %zu bytes, its type's payload_limit is %zu",
                                i, payload, bounds->payload_limit);
        }
        parcel->payload += payload;
        bytes += bounds->bytes > 0 ? counted(bounds, payload) : 0;
        if (parcel->payload >> MOST_LOG2 != 0) {
            return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu bytes of payload and more",
                                parcel->payload);
        }
    }
    if (bytes > bounds->bytes) {
        return weir__refuse(WEIR_INVALID,
                            "the events must count as at most capacity_bytes, %llu, together; "
                            "they count as %llu",
                            (unsigned long long)bounds->bytes, (unsigned long long)bytes);
    }
    parcel->charge = bounds->bytes > 0 ? charge_for(parcel->count, bytes) : parcel->count;
    return WEIR_OK;
}

weir_status weir__parcel_refuse(const struct weir__bounds *bounds, size_t count) {
    if (count > bounds->events) {
        return weir__refuse(WEIR_INVALID, "count must be at most the capacity, %llu, got %zu",
                            (unsigned long long)bounds->events, count);
    }
    return weir__refuse(WEIR_INVALID, "events must not be NULL when count is %zu", count);
}

char *weir__parcel_write_spans(const struct weir__bounds *bounds, const void *events, size_t count,
                               void *to, char *at) {
    const unsigned char *event = events;
    unsigned char *place = to;
    for (size_t i = 0; i < count; i++) {
        weir__spans_write(bounds->spans, bounds->event_bytes, event, place, at);
        at += weir__spans_bytes(bounds->spans, event);
        event += bounds->event_bytes;
        place += bounds->event_bytes;
    }
    return at;
}

/* ---- as many as have room --------------------------------------------------- */

static size_t flat_that_fit(size_t most, bool (*fits)(void *where, uint64_t charge), void *where) {
    size_t least = 0;
    while (least < most) {
        size_t middle = most - (most - least) / 2;
        if (fits(where, middle)) {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    return least;
}

weir_status weir__parcel_split(const struct weir__bounds *bounds, const void *events, size_t count,
                               bool (*fits)(void *where, uint64_t charge), void *where,
                               struct weir__split *split) {
    const unsigned char *event = events;
    uint64_t charge = 0;
    *split = (struct weir__split){.next = 1};
    if (events == NULL) {
        return weir__parcel_refuse(bounds, 1);
    }
    if (bounds->spans == 0) {
        split->count = flat_that_fit(the_less(count, bounds->events), fits, where);
        return WEIR_OK;
    }
    for (; split->count < count; split->count++, event += bounds->event_bytes) {
        struct weir__parcel one;
        weir_status status = weir__parcel_weigh(bounds, event, 1, &one);
        if (status != WEIR_OK) {
            return status;
        }
        charge += one.charge;
        split->next = one.charge;
        if (!fits(where, charge)) {
            break;
        }
    }
    return WEIR_OK;
}
