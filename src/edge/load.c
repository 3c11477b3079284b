/*
 * The load: see load.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/load.h"

void weir__load_open(struct weir__load *load, uint64_t most, uint64_t each, bool flat) {
    *load = (struct weir__load){.most = most, .each = each, .flat = flat, .guessed = !flat};
}

static struct weir__note *note_at(struct weir__load *load, uint32_t index) {
    return &load->notes[(load->first + index) % WEIR__LOAD_NOTES];
}

/*
 * What is expected is first what comes first.  It rises at once with what came, and falls by an
 * eighth with each message: one long line among short ones is remembered for a while.
 */
void weir__load_message(struct weir__load *load, uint64_t longest) {
    enum { FALLS_BY = 8 };
    if (load->guessed || longest > load->each) {
        load->each = longest;
        load->guessed = false;
    } else {
        load->each -= (load->each - longest + FALLS_BY - 1) / FALLS_BY;
    }
}

/* The note that is to take in so many bytes more. */
static struct weir__note *note_for(struct weir__load *load, uint64_t bytes) {
    struct weir__note *last = load->count > 0 ? note_at(load, load->count - 1) : NULL;
    bool has_room =
        last != NULL && (load->flat || last->bytes + bytes <= load->most / WEIR__LOAD_PARTS);
    if (has_room || load->count == WEIR__LOAD_NOTES) {
        return last;
    }
    last = note_at(load, load->count++);
    *last = (struct weir__note){0};
    return last;
}

void weir__load_sent(struct weir__load *load, uint64_t events, uint64_t bytes) {
    struct weir__note *note = note_for(load, bytes);
    note->events += events;
    note->bytes += bytes;
    load->events += events;
    load->bytes += bytes;
}

/* `events` events of a note go, and so many of its bytes. */
static void unload(struct weir__load *load, struct weir__note *note, uint64_t events,
                   uint64_t bytes) {
    note->events -= events;
    note->bytes -= bytes;
    load->events -= events;
    load->bytes -= bytes;
}

void weir__load_unsent(struct weir__load *load, uint64_t events) {
    while (events > 0) {
        struct weir__note *last = note_at(load, load->count - 1);
        uint64_t some = events < last->events ? events : last->events;
        unload(load, last, some,
               some == last->events ? last->bytes : last->bytes / last->events * some);
        load->count -= last->events == 0;
        events -= some;
    }
}

bool weir__load_done(struct weir__load *load, uint64_t done) {
    uint64_t left = done - load->done;
    WEIR__CHECK(left <= load->events);
    load->done = done;
    bool any = left > 0;
    while (left > 0) {
        struct weir__note *note = note_at(load, 0);
        uint64_t events = left < note->events ? left : note->events;
        uint64_t bytes = load->flat ? events * load->each : 0;
        unload(load, note, events, events == note->events ? note->bytes : bytes);
        left -= events;
        if (note->events == 0) {
            load->first++;
            load->count--;
        }
    }
    return any;
}

uint64_t weir__load_hears(const struct weir__load *load, uint64_t open) {
    uint64_t room = weir__load_room(load) / load->each;
    if (load->events == 0 && room == 0) {
        room = 1;
    }
    return room > open ? room - open : 0;
}

#if WEIR__CHECKED
void weir__load_check(const struct weir__load *load, uint64_t sent) {
    uint64_t events = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        const struct weir__note *note = &load->notes[(load->first + i) % WEIR__LOAD_NOTES];
        WEIR__CHECK(note->events > 0);
        events += note->events;
        bytes += note->bytes;
    }
    WEIR__CHECK(load->count <= WEIR__LOAD_NOTES);
    WEIR__CHECK(load->events == events && load->bytes == bytes);
    WEIR__CHECK(load->events == sent - load->done);
    WEIR__CHECK(load->each > 0);
}
#endif
