/*
 * Messages of any length from one thread to another, by hand: see payload_hand.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "payload_hand.h"

#include "order.h"

#include <ck_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APART = 128, FRAMES = 8, FRAME_BYTES = 65536, ENTRIES = 4096, TURN = 512 };

struct frame {
    size_t used;
    uint64_t count; /* messages */
    char bytes[FRAME_BYTES];
};

struct lane {
    _Alignas(APART) ck_ring_t ring;
    _Alignas(APART) ck_ring_buffer_t entries[ENTRIES];
};

struct course {
    struct lane there;
    struct lane back;
    const struct messages *messages;
    uint64_t count;
    struct frame *frames;
};

static void put(struct lane *lane, void *entry) {
    while (!ck_ring_enqueue_spsc(&lane->ring, lane->entries, entry)) continue;
}

static void *take(struct lane *lane) {
    void *entry = NULL;
    while (!ck_ring_dequeue_spsc(&lane->ring, lane->entries, &entry)) continue;
    return entry;
}

static void *memory(size_t bytes) {
    void *made = aligned_alloc(APART, (bytes + APART - 1) / APART * APART);
    if (made == NULL) {
        fputs("payload: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    memset(made, 0, bytes);
    return made;
}

static struct race_result run(struct payload_hand hand, uint64_t count, void (*send)(void *),
                              uint64_t (*receive)(void *)) {
    struct course *course = memory(sizeof *course);
    course->messages = hand.messages;
    course->count = count;
    course->frames = memory(FRAMES * sizeof *course->frames);
    ck_ring_init(&course->there.ring, ENTRIES);
    ck_ring_init(&course->back.ring, ENTRIES);
    for (int i = 0; i < FRAMES; i++) put(&course->back, &course->frames[i]);
    const struct race race = {send, receive, course, messages_expected(hand.messages, count)};
    struct race_result result = race_run(&race, hand.cores);
    free(course->frames);
    free(course);
    return result;
}

static void leave_at_once(void *argument) {
    (void)argument;
}

/* ---- packed ------------------------------------------------------------------- */

/* As many as have room; returns the number of the next one. */
static uint64_t fill(const struct course *course, struct frame *frame, uint64_t next) {
    const uint64_t first = next;
    char *to = frame->bytes;
    for (; next < course->count; next++) {
        const struct message *message = messages_at(course->messages, next);
        if ((size_t)(frame->bytes + FRAME_BYTES - to) < sizeof message->bytes + message->bytes) {
            break;
        }
        memcpy(to, &message->bytes, sizeof message->bytes);
        memcpy(to + sizeof message->bytes, message->from, message->bytes);
        to += sizeof message->bytes + message->bytes;
    }
    frame->used = (size_t)(to - frame->bytes);
    frame->count = next - first;
    return next;
}

static uint64_t add_frame(const struct frame *frame) {
    uint64_t sum = 0;
    uint32_t bytes;
    for (size_t at = 0; at < frame->used; at += sizeof bytes + bytes) {
        memcpy(&bytes, frame->bytes + at, sizeof bytes);
        sum += messages_add(frame->bytes + at + sizeof bytes, bytes);
    }
    return sum;
}

static void send_packed(void *argument) {
    struct course *course = argument;
    for (uint64_t next = 0; next < course->count;) {
        struct frame *frame = take(&course->back);
        next = fill(course, frame, next);
        put(&course->there, frame);
    }
}

static uint64_t receive_packed(void *argument) {
    struct course *course = argument;
    uint64_t sum = 0;
    for (uint64_t received = 0; received < course->count;) {
        struct frame *frame = take(&course->there);
        sum += add_frame(frame);
        received += frame->count;
        put(&course->back, frame);
    }
    return sum;
}

static uint64_t packed_alone(void *argument) {
    struct course *course = argument;
    uint64_t sum = 0;
    for (uint64_t next = 0; next < course->count;) {
        next = fill(course, course->frames, next);
        sum += add_frame(course->frames);
    }
    return sum;
}

struct race_result payload_hand_packed(struct payload_hand hand, uint64_t count) {
    return hand.one_core ? run(hand, count, leave_at_once, packed_alone)
                         : run(hand, count, send_packed, receive_packed);
}

/* ---- malloc ------------------------------------------------------------------- */

struct held {
    uint32_t bytes;
    char text[];
};

static struct held *make(const struct course *course, uint64_t number) {
    const struct message *message = messages_at(course->messages, number);
    struct held *held = malloc(sizeof *held + message->bytes);
    if (held == NULL) abort();
    held->bytes = message->bytes;
    memcpy(held->text, message->from, message->bytes);
    return held;
}

static uint64_t add_and_free(struct held *held) {
    uint64_t sum = messages_add(held->text, held->bytes);
    free(held);
    return sum;
}

static void send_held(void *argument) {
    struct course *course = argument;
    for (uint64_t i = 0; i < course->count; i++) put(&course->there, make(course, i));
}

static uint64_t receive_held(void *argument) {
    struct course *course = argument;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < course->count; i++) sum += add_and_free(take(&course->there));
    return sum;
}

static uint64_t held_alone(void *argument) {
    const struct course *course = argument;
    struct held *some[TURN];
    uint64_t sum = 0;
    for (uint64_t next = 0; next < course->count;) {
        size_t count = 0;
        while (count < TURN && next < course->count) some[count++] = make(course, next++);
        for (size_t i = 0; i < count; i++) sum += add_and_free(some[i]);
    }
    return sum;
}

struct race_result payload_hand_malloc(struct payload_hand hand, uint64_t count) {
    return hand.one_core ? run(hand, count, leave_at_once, held_alone)
                         : run(hand, count, send_held, receive_held);
}
