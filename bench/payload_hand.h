/*
 * Messages of any length from one thread to another, by hand.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   packed  frames of 64 KiB, filled with messages that each have their length before them;
 *           they go there by one ring and back by another: the ceiling
 *   malloc  a malloc for each message, its address through a ring, and a free behind it
 *
 * On one core one thread does both sides in turns.
 */
#ifndef BENCH_PAYLOAD_HAND_H
#define BENCH_PAYLOAD_HAND_H

#include "messages.h"
#include "race.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct payload_hand {
    const struct messages *messages;
    bool one_core;
    struct race_cores cores;
};

struct race_result payload_hand_packed(struct payload_hand hand, uint64_t count);
struct race_result payload_hand_malloc(struct payload_hand hand, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
