/*
 * Lines and flat events that weigh what they say, and what of them is under way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A producer knows what each of its consumers has had; it emits what it is asked for, or looks
 * at what there is room for and leaves the rest.
 */
#ifndef TESTS_SUPPORT_BYTES_SCENE_H
#define TESTS_SUPPORT_BYTES_SCENE_H

#include "support/rig.h"

enum { BYTES_LONG = 60000, BYTES_FLAT_MOST = 8192, BYTES_EVENTS = 400, BYTES_CONSUMERS = 3 };

struct bytes_line {
    weir_bytes text;
    uint64_t number;
};

extern const weir_event_type bytes_lines;

extern struct bytes_scene {
    struct rig *rig;
    size_t flat_bytes; /* 0: lines                           */
    uint64_t shortest; /* bytes of a line, and of the longest */
    uint64_t longest;
    bool looks; /* the producer looks, and leaves the rest */
    uint64_t limit;
    uint64_t made, seen[BYTES_CONSUMERS];
    uint64_t bytes_made, bytes_seen[BYTES_CONSUMERS];
    uint64_t most;       /* bytes that were ever under way   */
    uint64_t asked_most; /* the largest demand at once      */
    uint64_t max_bytes;
    uint64_t long_from; /* short lines, one long one, and from this one on long ones; 0: mixed */
    uint64_t one_long;
    uint64_t calls;
    weir_ref producer;
} bytes_scene;

void bytes_open(struct rig *rig);

/* What event number i weighs. */
uint64_t bytes_weight(uint64_t i);

/* In callbacks: emits the next / whether it would go at once. */
void bytes_emit_one(weir_stage *self);
bool bytes_goes_now(weir_stage *self);

/* A callback: handle_demand. */
weir_verdict bytes_produce(weir_stage *self, uint64_t demand);

/* It holds back until it is told otherwise. */
void bytes_start_producer(const weir_dispatcher *dispatcher, weir_stage_options options);

/* One that checks what it gets, and that it is in order. */
weir_ref bytes_start_consumer(uint64_t me, weir_subscribe_options subscribe);

/* A producer and so many consumers, of which each gets all that there is. */
void bytes_play(const weir_dispatcher *dispatcher, unsigned consumers,
                weir_subscribe_options subscribe);

#endif
