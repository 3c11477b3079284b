/*
 * The ceilings: what two cores of this machine can do without weir.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The hand-written loop is as lean as its contract allows.  The contract is a
 * subscription's: the receiver asks back up to max when min or fewer are
 * outstanding, and takes batches of at most max - min.  The memory is one window
 * of max events (or four), used again and again.  A slot of the ring carries a stamp, so
 * that one cache line crosses per slice and no tail is needed, and carries the
 * events themselves where they fit; the ring cannot overflow, because asks are
 * at least max - min apart (which wants max / (max - min) below SLOTS).
 */
#include "ceilings.h"

#include "order.h"
#include "work.h"

#include <ck_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, APART = 128, SLOTS = 16, INLINE_WORDS = 5, RING_ENTRIES = 4096 };

static void *lines(size_t bytes) {
    size_t rounded = (bytes + APART - 1) / APART * APART;
    void *memory = aligned_alloc(APART, rounded);
    if (memory == NULL) {
        fputs("ceilings: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    memset(memory, 0, rounded);
    return memory;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* --- a cache line there and back ------------------------------------------ */

/*
 * How long a line takes depends on where in the socket its home is, by up to
 * half: the ball is played on many lines, some thousand trips on each.
 */
enum { COURTS = 64, TRIPS_BEFORE_CHANGE = 256 };

struct court {
    _Alignas(APART) uint64_t there; /* written by the side that serves  */
    _Alignas(APART) uint64_t back;  /* written by the side that answers */
};

struct match {
    struct court courts[COURTS];
    uint64_t trips;
};

static struct court *match_court(struct match *match, uint64_t trip) {
    return &match->courts[trip / TRIPS_BEFORE_CHANGE % COURTS];
}

static void match_answer(void *argument) {
    struct match *match = argument;
    for (uint64_t trip = 1; trip <= match->trips; trip++) {
        struct court *court = match_court(match, trip);
        while (load_acquire(&court->there) != trip) continue;
        store_release(&court->back, trip);
    }
}

static uint64_t match_serve(void *argument) {
    struct match *match = argument;
    uint64_t sum = 0;
    for (uint64_t trip = 1; trip <= match->trips; trip++) {
        struct court *court = match_court(match, trip);
        store_release(&court->there, trip);
        while (load_acquire(&court->back) != trip) continue;
        sum += trip;
    }
    return sum;
}

struct race_result ceiling_round_trip(struct race_cores cores, uint64_t trips) {
    struct match *match = lines(sizeof *match);
    match->trips = trips;
    const struct race race = {match_answer, match_serve, match, work_expected(trips)};
    struct race_result result = race_run(&race, cores);
    free(match);
    return result;
}

/* --- slices, by hand ------------------------------------------------------ */

struct slot {
    _Alignas(LINE) uint64_t stamp; /* number of the slice, from 1; written last    */
    uint64_t first;                /* in events, of the window; unless inline      */
    uint64_t count;
    uint64_t words[INLINE_WORDS]; /* the events themselves, if they are that few  */
};

struct hand {
    /* written by the receiver */
    _Alignas(APART) uint64_t asked;
    /* written by the sender */
    _Alignas(APART) struct slot slots[SLOTS];
    /* constant */
    _Alignas(APART) struct ceiling_window window;
    enum ceiling_manner manner;
    uint64_t events;
    uint64_t words; /* of an event                           */
    uint64_t room;  /* of the memory, in events              */
    uint64_t *memory;
    uint64_t *scratch;
};

static void hand_fill(const struct hand *hand, uint64_t *to, uint64_t words, uint64_t value) {
    switch (hand->manner) {
    case CEILING_SCRATCH:
        work_fill(hand->scratch, words, value);
        memcpy(to, hand->scratch, words * sizeof *to);
        break;
    case CEILING_STRING:
        work_fill(hand->scratch, words, value);
        string_copy(to, hand->scratch, words * sizeof *to);
        break;
    default:
        work_fill(to, words, value);
        break;
    }
}

/* The next batch is likely to be as large as the last one was. */
static void hand_look_ahead(const struct hand *hand, uint64_t sent, uint64_t count) {
    uint64_t first = sent % hand->room;
    uint64_t events = smaller(count, hand->room - first);
    prefetch_lines_to_write(hand->memory + first * hand->words,
                            events * hand->words * sizeof(uint64_t));
}

static void hand_send(void *argument) {
    struct hand *hand = argument;
    uint64_t sent = 0;
    uint64_t stamp = 0;
    while (sent < hand->events) {
        uint64_t demand = smaller(load_acquire(&hand->asked), hand->events) - sent;
        if (demand == 0) continue;
        uint64_t first = sent % hand->room;
        uint64_t count = smaller(demand, hand->room - first);
        uint64_t words = count * hand->words;
        struct slot *slot = &hand->slots[stamp % SLOTS];
        if (words <= INLINE_WORDS) {
            work_fill(slot->words, words, sent * hand->words + 1);
        } else {
            hand_fill(hand, hand->memory + first * hand->words, words, sent * hand->words + 1);
            slot->first = first;
        }
        slot->count = count;
        store_release(&slot->stamp, ++stamp);
        sent += count;
        if (hand->manner == CEILING_AHEAD) hand_look_ahead(hand, sent, count);
    }
}

static uint64_t hand_receive(void *argument) {
    struct hand *hand = argument;
    const uint64_t max = hand->window.max;
    const uint64_t min = hand->window.min;
    uint64_t received = 0;
    uint64_t stamp = 0;
    uint64_t sum = 0;
    uint64_t asked = max;
    store_release(&hand->asked, asked);
    while (received < hand->events) {
        const struct slot *slot = &hand->slots[stamp % SLOTS];
        if (load_acquire(&slot->stamp) != stamp + 1) continue;
        stamp++;
        const uint64_t *from = slot->words;
        if (slot->count * hand->words > INLINE_WORDS) {
            from = hand->memory + slot->first * hand->words;
        }
        for (uint64_t left = slot->count; left > 0;) {
            uint64_t batch = smaller(left, max - min);
            sum += work_sum(from, batch * hand->words);
            from += batch * hand->words;
            received += batch;
            left -= batch;
            if (asked - received > min) continue;
            asked = received + max;
            store_release(&hand->asked, asked);
        }
    }
    return sum;
}

struct race_result ceiling_slices(struct race_cores cores, struct ceiling_window window,
                                  enum ceiling_manner manner, uint64_t events) {
    struct hand *hand = lines(sizeof *hand);
    hand->window = window;
    hand->manner = manner;
    hand->events = events;
    hand->words = window.event_bytes / sizeof(uint64_t);
    hand->room = (manner == CEILING_AHEAD ? 4 : 1) * (uint64_t)window.max;
    hand->memory = lines(hand->room * window.event_bytes);
    hand->scratch = lines((size_t)window.max * window.event_bytes);
    const struct race race = {hand_send, hand_receive, hand, work_expected(events * hand->words)};
    struct race_result result = race_run(&race, cores);
    free(hand->scratch);
    free(hand->memory);
    free(hand);
    return result;
}

/* --- a deep ring of batches ------------------------------------------------ */

struct deep {
    /* written by the sender */
    _Alignas(APART) uint64_t sent; /* events */
    /* written by the receiver */
    _Alignas(APART) uint64_t freed;
    /* constant */
    _Alignas(APART) uint64_t room; /* events: a multiple of batch */
    uint64_t batch;
    uint64_t events;
    uint64_t *memory;
};

static void deep_send(void *argument) {
    struct deep *deep = argument;
    uint64_t freed = 0; /* as last seen */
    for (uint64_t sent = 0; sent < deep->events;) {
        uint64_t count = smaller(deep->batch, deep->events - sent);
        while (sent + count - freed > deep->room) freed = load_acquire(&deep->freed);
        work_fill(deep->memory + sent % deep->room, count, sent + 1);
        sent += count;
        store_release(&deep->sent, sent);
    }
}

static uint64_t deep_receive(void *argument) {
    struct deep *deep = argument;
    uint64_t sent = 0; /* as last seen */
    uint64_t sum = 0;
    for (uint64_t done = 0; done < deep->events;) {
        while (sent == done) sent = load_acquire(&deep->sent);
        uint64_t count = smaller(deep->batch, sent - done);
        sum += work_sum(deep->memory + done % deep->room, count);
        done += count;
        store_release(&deep->freed, done);
    }
    return sum;
}

struct race_result ceiling_deep_ring(struct race_cores cores, struct ceiling_deep deep,
                                     uint64_t events) {
    struct deep *ring = lines(sizeof *ring);
    ring->batch = deep.batch;
    ring->room = deep.bytes / sizeof(uint64_t) / deep.batch * deep.batch;
    ring->events = events;
    ring->memory = lines(deep.bytes);
    const struct race race = {deep_send, deep_receive, ring, work_expected(events)};
    struct race_result result = race_run(&race, cores);
    free(ring->memory);
    free(ring);
    return result;
}

/* The same with an event for a batch, and a window of them. */
struct race_result ceiling_ring_of_slots(struct race_cores cores, struct ceiling_window window,
                                         uint64_t events) {
    const uint32_t words = window.event_bytes / (uint32_t)sizeof(uint64_t);
    const struct ceiling_deep slots = {words, window.max * window.event_bytes};
    return ceiling_deep_ring(cores, slots, events * words);
}

/* --- one ring entry per event --------------------------------------------- */

struct queue {
    _Alignas(APART) ck_ring_t ring;
    _Alignas(APART) ck_ring_buffer_t *entries;
    uint64_t events;
};

static void queue_send(void *argument) {
    struct queue *queue = argument;
    for (uintptr_t event = 1; event <= queue->events; event++) {
        while (!ck_ring_enqueue_spsc(&queue->ring, queue->entries, (void *)event)) continue;
    }
}

static uint64_t queue_receive(void *argument) {
    struct queue *queue = argument;
    uint64_t sum = 0;
    void *event = NULL;
    for (uint64_t received = 0; received < queue->events; received++) {
        while (!ck_ring_dequeue_spsc(&queue->ring, queue->entries, &event)) continue;
        sum += (uintptr_t)event;
    }
    return sum;
}

struct race_result ceiling_ring_per_event(struct race_cores cores, uint64_t events) {
    struct queue *queue = lines(sizeof *queue);
    queue->events = events;
    queue->entries = lines(sizeof *queue->entries * RING_ENTRIES);
    ck_ring_init(&queue->ring, RING_ENTRIES);
    const struct race race = {queue_send, queue_receive, queue, work_expected(events)};
    struct race_result result = race_run(&race, cores);
    free(queue->entries);
    free(queue);
    return result;
}

/* --- no second core ------------------------------------------------------- */

struct alone {
    struct ceiling_chores chores;
    uint64_t batch; /* words */
    uint64_t words; /* of all events */
    uint64_t *memory;
    uint64_t *parts; /* of one batch, dealt out: room for as much in each */
};

static void alone_send(void *argument) {
    (void)argument; /* leaves at once */
}

static uint64_t alone_sum_dealt(const struct alone *alone, uint64_t count) {
    uint64_t *to[WORK_KEYS];
    uint64_t sum = 0;
    for (size_t key = 0; key < WORK_KEYS; key++) to[key] = alone->parts + key * alone->batch;
    work_deal(alone->memory, count, to);
    for (size_t key = 0; key < WORK_KEYS; key++) {
        const uint64_t *from = alone->parts + key * alone->batch;
        sum += work_sum(from, (size_t)(to[key] - from));
    }
    return sum;
}

static uint64_t alone_receive(void *argument) {
    const struct alone *alone = argument;
    uint64_t sum = 0;
    for (uint64_t done = 0; done < alone->words;) {
        uint64_t count = smaller(alone->batch, alone->words - done);
        work_fill(alone->memory, count, done + 1);
        for (unsigned i = 0; i < alone->chores.doubled; i++) work_double(alone->memory, count);
        if (alone->chores.dealt) sum += alone_sum_dealt(alone, count);
        for (unsigned i = 0; i < alone->chores.summed; i++) sum += work_sum(alone->memory, count);
        done += count;
    }
    return sum;
}

struct race_result ceiling_one_core(struct race_cores cores, struct ceiling_window window,
                                    struct ceiling_chores chores, uint64_t events) {
    uint64_t words = window.event_bytes / sizeof(uint64_t);
    struct alone alone = {
        .chores = chores, .batch = (window.max - window.min) * words, .words = events * words};
    size_t bytes = alone.batch * sizeof(uint64_t);
    alone.memory = lines(bytes);
    alone.parts = lines(bytes * WORK_KEYS);
    uint64_t sums = chores.summed + chores.dealt;
    uint64_t expected = (work_expected(alone.words) << chores.doubled) * sums;
    const struct race race = {alone_send, alone_receive, &alone, expected};
    struct race_result result = race_run(&race, cores);
    free(alone.parts);
    free(alone.memory);
    return result;
}

/*
 * A window of slots, walked as a subscription does: all are filled, then a batch is summed and
 * as many are filled again.
 */
static uint64_t alone_in_slots(void *argument) {
    const struct hand *hand = argument;
    const uint64_t room = hand->window.max;
    const uint64_t batch = room - hand->window.min;
    const uint64_t last = hand->events;
    uint64_t sum = 0;
    uint64_t made = 0;
    for (uint64_t done = 0; done < last;) {
        for (uint64_t until = smaller(done + room, last); made < until; made++) {
            uint64_t *slot = hand->memory + made % room * hand->words;
            work_fill(slot, hand->words, made * hand->words + 1);
        }
        for (uint64_t until = smaller(done + batch, last); done < until; done++) {
            sum += work_sum(hand->memory + done % room * hand->words, hand->words);
        }
    }
    return sum;
}

struct race_result ceiling_one_core_slots(struct race_cores cores, struct ceiling_window window,
                                          uint64_t events) {
    struct hand hand = {.window = window, .events = events};
    hand.words = window.event_bytes / sizeof(uint64_t);
    hand.memory = lines((size_t)window.max * window.event_bytes);
    const struct race race = {alone_send, alone_in_slots, &hand,
                              work_expected(events * hand.words)};
    struct race_result result = race_run(&race, cores);
    free(hand.memory);
    return result;
}
