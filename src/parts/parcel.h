/*
 * Parcels: what a push brings, and what that takes up of a capacity.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The capacity of an inlet, and of each of its ports, is in events; it may be in bytes, too. Of
 * flat events these are so many events more or less. Where events have spans, each is as long as
 * it is, and both are counted in one word, so that one locked operation reserves both:
 *
 *   charge      bits 0..23  events    24..63  bytes, payload included
 *   elsewhere   events
 *
 * Charges are added up and subtracted as numbers are. An event that is larger than all of the
 * capacity's bytes counts as those: it has room where nothing else waits, and only there.
 *
 * No threads: bounds are constant, all else is the caller's.
 * Wrap: a charge has at most 3 times the capacity, of which 4 are below 2^24 events and 2^40 bytes.
 */
#ifndef WEIR__PARTS_PARCEL_H
#define WEIR__PARTS_PARCEL_H

#include "base/attributes.h"
#include "memory/spans.h"

#include <weir/inlet.h>

enum {
    WEIR__CHARGE_BYTES_SHIFT = 24,
    WEIR__CHARGE_EVENTS_MOST = (1 << 22) - 1 /* of a capacity that is in bytes, too */
};

struct weir__bounds {
    uint64_t events;      /* that may wait, 1 or more                                    */
    uint64_t bytes;       /* likewise, of events with spans; 0: `events` alone says it   */
    uint64_t events_mask; /* what of a charge is its events                              */
    size_t event_bytes;   /* the fixed part                                              */
    size_t payload_limit; /* of one event with spans                                     */
    unsigned spans;       /* of each event; 0: it is flat                                */
};

struct weir__parcel {
    const void *events; /* the pusher's, side by side */
    size_t count;
    size_t payload; /* bytes that their spans point at */
    uint64_t charge;
};

/* type: NULL, or not checked yet; capacity, capacity_bytes: as options say.  WEIR_OK; INVALID. */
weir_status weir__bounds_open(struct weir__bounds *bounds, const weir_event_type *type,
                              size_t event_bytes, size_t capacity, size_t capacity_bytes);

/* ---- charges --------------------------------------------------------------- */

static inline uint64_t weir__charge_events(const struct weir__bounds *bounds, uint64_t charge) {
    return charge & bounds->events_mask;
}

static inline uint64_t weir__charge_bytes(const struct weir__bounds *bounds, uint64_t charge) {
    return (charge & ~bounds->events_mask) >> WEIR__CHARGE_BYTES_SHIFT;
}

/* Of these, whose sum is within bounds. */
uint64_t weir__charge_of_spans(const struct weir__bounds *bounds, const void *events, size_t count);

static inline uint64_t weir__charge_of(const struct weir__bounds *bounds, const void *events,
                                       size_t count) {
    return WEIR__LIKELY(bounds->bytes == 0) ? count : weir__charge_of_spans(bounds, events, count);
}

bool weir__charge_of_both_fits(const struct weir__bounds *bounds, uint64_t waiting, uint64_t charge,
                               uint64_t times);

/* Beside what waits there is room for so much in `times` the capacity. */
static inline bool weir__charge_fits(const struct weir__bounds *bounds, uint64_t waiting,
                                     uint64_t charge, uint64_t times) {
    return WEIR__LIKELY(bounds->bytes == 0)
               ? waiting + charge <= times * bounds->events
               : weir__charge_of_both_fits(bounds, waiting, charge, times);
}

/* A good part of the capacity: it is worth it to wake whoever waits for room. */
static inline bool weir__charge_is_good(const struct weir__bounds *bounds, uint64_t charge) {
    return weir__charge_events(bounds, charge) >= bounds->events / 4 ||
           (bounds->bytes > 0 && weir__charge_bytes(bounds, charge) >= bounds->bytes / 4);
}

/* So much, and a good part more, but no more than there will ever be. */
uint64_t weir__charge_generous(const struct weir__bounds *bounds, uint64_t charge);

/* ---- parcels ----------------------------------------------------------------- */

weir_status weir__parcel_refuse(const struct weir__bounds *bounds, size_t count);
weir_status weir__parcel_weigh_spans(const struct weir__bounds *bounds,
                                     struct weir__parcel *parcel);

/* How many of these, from the first on, `fits` says have room together; next: what it must have room
 * for, so that there is one more of them. */
struct weir__split {
    size_t count;
    uint64_t next;
};

/* WEIR_OK; INVALID: events is NULL, or one that would go has more than payload_limit. */
weir_status weir__parcel_split(const struct weir__bounds *bounds, const void *events, size_t count,
                               bool (*fits)(void *where, uint64_t charge), void *where,
                               struct weir__split *split);

/* What these are.  WEIR_OK; INVALID: one has more than payload_limit, or they are more than will
 * ever have room; NO_MEMORY: nobody has so much. */
static inline weir_status weir__parcel_weigh(const struct weir__bounds *bounds, const void *events,
                                             size_t count, struct weir__parcel *parcel) {
    if (WEIR__UNLIKELY(count > bounds->events || events == NULL)) {
        return weir__parcel_refuse(bounds, count);
    }
    *parcel = (struct weir__parcel){.events = events, .count = count, .charge = count};
    return WEIR__LIKELY(bounds->spans == 0) ? WEIR_OK : weir__parcel_weigh_spans(bounds, parcel);
}

/* Writes so many events with spans to `to`, and what those point at side by side to `at`; returns
 * behind that. */
char *weir__parcel_write_spans(const struct weir__bounds *bounds, const void *events, size_t count,
                               void *to, char *at);

/* Writes all that was weighed to `to`, and behind that what spans point at. */
static inline void weir__parcel_write(const struct weir__bounds *bounds,
                                      const struct weir__parcel *parcel, void *to) {
    const size_t bytes = parcel->count * bounds->event_bytes;
    if (WEIR__LIKELY(bounds->spans == 0)) {
        memcpy(to, parcel->events, bytes);
    } else {
        weir__parcel_write_spans(bounds, parcel->events, parcel->count, to, (char *)to + bytes);
    }
}

#endif
