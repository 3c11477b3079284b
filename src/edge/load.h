/*
 * The load: how many bytes of a subscription's events are under way, and how much of its demand
 * is heard for that.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Demand counts events, and what one weighs nobody knows before it is there.  So of a
 * subscription that bounds bytes (max_bytes) the producer hears demand little by little: of as
 * many events as there is room for, at what one is expected to weigh; and of one whenever
 * nothing is under way.  No dispatcher knows of it.
 *
 * What is sent is noted, and let go as the consumer says that it is done with it (`done`, ring.h).
 * A note is of some events in a row, of an eighth of the bound or so, or of a longer one alone; it
 * weighs what they do until the last of them is done, so that nothing is thought to have gone that
 * is there.  (Of flat events each is let go as it is done.)  When there is no place for another
 * note, the last one takes more in.
 *
 *   events, bytes == the sums of the notes';  events == sent - done, as far as done was heard
 *   Flat events weigh what they are expected to, so bytes <= most, or one is under way.  Others
 *   pass `most` by what they weigh beyond what was expected of those that had been heard of,
 *   unless their producer looks (weir_open_demand).
 *
 * Arithmetic, in the private memory of the producer's worker.
 */
#ifndef WEIR__EDGE_LOAD_H
#define WEIR__EDGE_LOAD_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR__LOAD_NOTES = 16, WEIR__LOAD_PARTS = 8 };

struct weir__note {
    uint64_t events;
    uint64_t bytes;
};

struct weir__load {
    uint64_t most; /* bytes that may be under way */
    uint64_t each; /* what an event is expected to weigh, in bytes, above 0 */
    bool flat;     /* each event weighs just that */
    bool guessed;  /* none has been seen yet      */
    uint64_t events;
    uint64_t bytes;
    uint64_t done; /* position of events: heard that the consumer is done with those before */
    uint32_t first;
    uint32_t count;
    struct weir__note notes[WEIR__LOAD_NOTES];
};

void weir__load_open(struct weir__load *load, uint64_t most, uint64_t each, bool flat);

/* `events` events in a row of so many bytes are sent.  Of such that are not flat it is called for
 * each, and weir__load_message behind all of a message, with what the longest of them weighs. */
void weir__load_sent(struct weir__load *load, uint64_t events, uint64_t bytes);
void weir__load_message(struct weir__load *load, uint64_t longest);

/* The last `events` events were not sent after all; they weighed what those beside them do. */
void weir__load_unsent(struct weir__load *load, uint64_t events);

/* The consumer is done with all before that position.  true: with more than before. */
bool weir__load_done(struct weir__load *load, uint64_t done);

/* How many more events may be heard of, when `open` were that have not been sent. */
uint64_t weir__load_hears(const struct weir__load *load, uint64_t open);

/* Bytes that may be sent now; as much as there may be at most when nothing is under way. */
static inline uint64_t weir__load_room(const struct weir__load *load) {
    return load->bytes < load->most ? load->most - load->bytes : 0;
}

/* Of an edge that has sent all before that position. */
void weir__load_check(const struct weir__load *load, uint64_t sent);

#endif
