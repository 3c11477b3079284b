/*
 * Results: see results.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/results.h"

#include "base/refusal.h"
#include "memory/spans.h"

#include <string.h>

enum { MOST_LOG2 = 60 }; /* bytes of payload, which what lies beside them does not let wrap */

void weir__results_kind_open(struct weir__results_kind *kind,
                             const struct weir__allocator *allocator, const weir_event_type *type,
                             size_t event_bytes) {
    *kind = (struct weir__results_kind){.allocator = allocator,
                                        .type = type,
                                        .event_bytes = type != NULL ? type->bytes : event_bytes,
                                        .spans = type != NULL ? type->spans : 0};
}

size_t weir__results_own_bytes(const struct weir__results_kind *kind) {
    return kind->event_bytes <= WEIR__RESULTS_OWN_BYTES ? kind->event_bytes : 0;
}

static void use_own(struct weir__results *results) {
    results->events = results->own;
    results->room = results->own != NULL ? 1 : 0;
}

void weir__results_open(struct weir__results *results, unsigned char *own) {
    *results = (struct weir__results){.own = own};
    use_own(results);
}

/* ---- memory -------------------------------------------------------------- */

/* What is at least `needed`, and twice as much as before. */
static size_t grown(size_t room, size_t needed) {
    return room < SIZE_MAX / 4 && 2 * room > needed ? 2 * room : needed;
}

static void free_events(struct weir__results *results, const struct weir__results_kind *kind) {
    if (results->events != results->own) {
        weir__free(kind->allocator, results->events, results->room * kind->event_bytes);
    }
}

static bool have_room(struct weir__results *results, const struct weir__results_kind *kind,
                      size_t count) {
    if (count <= results->room - results->count) {
        return true;
    }
    if (count > SIZE_MAX / 4 / kind->event_bytes - results->count) {
        return false;
    }
    size_t room = grown(results->room, results->count + count);
    unsigned char *events = weir__alloc(kind->allocator, room * kind->event_bytes, 16);
    if (events == NULL) {
        return false;
    }
    if (results->count > 0) {
        memcpy(events, results->events, results->count * kind->event_bytes);
    }
    free_events(results, kind);
    results->events = events;
    results->room = room;
    return true;
}

static bool have_payload(struct weir__results *results, const struct weir__results_kind *kind,
                         size_t bytes) {
    if (bytes <= results->payload_room - results->payload_used) {
        return true;
    }
    size_t room = grown(results->payload_room, results->payload_used + bytes);
    char *payload = weir__alloc(kind->allocator, room, 16);
    if (payload == NULL) {
        return false;
    }
    if (results->payload_used > 0) {
        memcpy(payload, results->payload, results->payload_used);
    }
    weir__free(kind->allocator, results->payload, results->payload_room);
    results->payload = payload;
    results->payload_room = room;
    return true;
}

/* ---- adding -------------------------------------------------------------- */

/* How much payload these have, besides what there is. */
static weir_status weigh(const struct weir__results *results, const struct weir__results_kind *kind,
                         const void *events, size_t count, size_t *payload) {
    const unsigned char *event = events;
    const size_t limit = weir__payload_limit(kind->type);
    *payload = 0;
    for (size_t i = 0; i < count; i++, event += kind->event_bytes) {
        size_t bytes = weir__spans_bytes(kind->spans, event);
        if (bytes > limit) {
            return weir__refuse(WEIR_INVALID,
                                "event %zu has spans of %zu bytes, its type's payload_limit is %zu",
                                i, bytes, limit);
        }
        *payload += bytes;
        if ((results->payload_used + *payload) >> MOST_LOG2 != 0) {
            return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu bytes of payload and more",
                                *payload);
        }
    }
    return WEIR_OK;
}

/* Where it is; of spans that are all empty, anywhere. */
static char *payload_at(const struct weir__results *results) {
    return results->payload != NULL ? results->payload : (char *)results->events;
}

static void copy_with_spans(struct weir__results *results, const struct weir__results_kind *kind,
                            const unsigned char *event, size_t count) {
    unsigned char *to = results->events + results->count * kind->event_bytes;
    char *at = payload_at(results) + results->payload_used;
    for (size_t i = 0; i < count; i++) {
        weir__spans_write(kind->spans, kind->event_bytes, event, to, at);
        at += weir__spans_bytes(kind->spans, event);
        event += kind->event_bytes;
        to += kind->event_bytes;
    }
}

weir_status weir__results_add(struct weir__results *results, const struct weir__results_kind *kind,
                              const void *events, size_t count) {
    size_t payload = 0;
    if (count == 0) {
        return WEIR_OK;
    }
    if (kind->spans > 0) {
        weir_status status = weigh(results, kind, events, count, &payload);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (!have_room(results, kind, count) ||
        (payload > 0 && !have_payload(results, kind, payload))) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu events of %zu bytes", count,
                            kind->event_bytes);
    }
    if (kind->spans > 0) {
        copy_with_spans(results, kind, events, count);
    } else {
        memcpy(results->events + results->count * kind->event_bytes, events,
               count * kind->event_bytes);
    }
    results->count += count;
    results->payload_used += payload;
    return WEIR_OK;
}

void weir__results_point(struct weir__results *results, const struct weir__results_kind *kind) {
    char *at = payload_at(results);
    unsigned char *event = results->events;
    for (size_t i = 0; kind->spans > 0 && i < results->count; i++, event += kind->event_bytes) {
        weir_bytes *spans = (weir_bytes *)(void *)event;
        for (unsigned k = 0; k < kind->spans; k++) {
            spans[k].at = at;
            at += spans[k].count;
        }
    }
}

/* ---- the end ------------------------------------------------------------- */

void weir__results_clear(struct weir__results *results, const struct weir__results_kind *kind) {
    results->count = 0;
    results->payload_used = 0;
    const size_t kept = WEIR__RESULTS_KEPT_BYTES;
    if (results->room > 1 && results->room * kind->event_bytes > kept) {
        free_events(results, kind);
        use_own(results);
    }
    if (results->payload_room > kept) {
        weir__free(kind->allocator, results->payload, results->payload_room);
        results->payload = NULL;
        results->payload_room = 0;
    }
}

void weir__results_close(struct weir__results *results, const struct weir__results_kind *kind) {
    free_events(results, kind);
    weir__free(kind->allocator, results->payload, results->payload_room);
    weir__results_open(results, NULL);
}
