/*
 * Small and large windows: max_demand 1, 10, 100, 1,000 and 10,000.
 * SPDX-License-Identifier: Apache-2.0
 *
 * At max_demand 1 nothing overlaps: an event goes, an ask comes back.  What
 * counts is how many cache lines must cross one after the other.
 */
#include "pipe.h"
#include "rows.h"

SHAPE(tail_far_block, WITH_LINE, .signal = SIGNAL_WARM, .memory = MEMORY_BIASED, .home = HOME_CHAIN,
      .turn = true)
SHAPE(tail_far_inline, WITH_LINE, .signal = SIGNAL_WARM, .memory = MEMORY_BIASED,
      .home = HOME_CHAIN, .turn = true, .inlined = true)
SHAPE(tail_near_inline, WITH_NEAR, .signal = SIGNAL_WARM, .memory = MEMORY_BIASED,
      .home = HOME_CHAIN, .turn = true, .inlined = true)
SHAPE(stamp_far_inline, WITH_LINE, .stamped = true, .signal = SIGNAL_WARM, .memory = MEMORY_BIASED,
      .home = HOME_CHAIN, .turn = true, .inlined = true)
SHAPE(stamp_near_block, WITH_TURN)
SHAPE(stamp_near_inline, WITH_TURN, .inlined = true)
SHAPE(no_fence, WITH_STAMP, .memory = MEMORY_BIASED, .home = HOME_CHAIN, .turn = true,
      .inlined = true)
SHAPE(slot_ahead, WITH_TURN, .inlined = true, .slot_ahead = true)
SHAPE(head_cached, WITH_TURN, .inlined = true, .head_cached = true)
SHAPE(with_pause, WITH_PAUSE, .inlined = true)
SHAPE(block_pause, WITH_PAUSE)
SHAPE(each_pause, WITH_STAMP, .signal = SIGNAL_EACH, .memory = MEMORY_BIASED, .home = HOME_CHAIN,
      .turn = true, .inlined = true, .pause = true)

#define ONE WINDOW(1, 8), BLOCKS(65536), RING(8)

/* clang-format off */
static const struct row one_rows[] = {
    {"hand-written loop, event in the slot", run_hand_in_place, {ONE}},
    {"ck_ring as it is: tail watched, `asked` apart, in a block", tail_far_block, {ONE}},
    {"the same, the event inline in the entry", tail_far_inline, {ONE}},
    {"inline, tail watched, `asked` beside c_head", tail_near_inline, {ONE}},
    {"inline, stamp watched, `asked` apart", stamp_far_inline, {ONE}},
    {"in a block, stamp watched, `asked` beside c_head", stamp_near_block, {ONE}},
    {"inline, stamp watched, `asked` beside c_head", stamp_near_inline, {ONE}},
    {"  the same without fences and flags", no_fence, {ONE}},
    {"  the same with prefetchw of the next slot", slot_ahead, {ONE}},
    {"  the same, the sender keeps its view of c_head", head_cached, {ONE}},
    {"  the same with a pause after a vain poll", with_pause, {ONE}},
    {"  the same with the ready flag cleared for every event", each_pause, {ONE}},
};

const struct section section_one = {
    .name = "one",
    .title = "max_demand 1",
    .unit = "a cache line's round trip",
    .yardstick = run_round_trip,
    .rows = one_rows,
    .count = COUNT_OF(one_rows),
};

#define DEMAND(most) {WINDOW(most, 8), BLOCKS(65536), RING(64)}

static const struct row window_rows[] = {
    {"max 10: in blocks", block_pause, DEMAND(10)},
    {"max 10: inline", with_pause, DEMAND(10)},
    {"max 100", with_pause, DEMAND(100)},
    {"max 1,000", with_pause, DEMAND(1000)},
    {"max 10,000", with_pause, DEMAND(10000)},
    {"max 10,000, blocks of 256 KiB", with_pause,
     {WINDOW(10000, 8), BLOCKS(262144), RING(64)}},
};

const struct section section_windows = {
    .name = "windows",
    .title = "Windows, as row 6a with inline entries",
    .unit = "the hand-written loop, in place, at that window",
    .yardstick = run_hand_in_place,
    .rows = window_rows,
    .count = COUNT_OF(window_rows),
};

static const struct row ring_rows[] = {
    {"max 10, 4 entries", with_pause, {WINDOW(10, 8), BLOCKS(65536), RING(4)}},
    {"max 10, 16 entries", with_pause, {WINDOW(10, 8), BLOCKS(65536), RING(16)}},
    {"max 10, 64 entries", with_pause, {WINDOW(10, 8), BLOCKS(65536), RING(64)}},
    {"max 10, 1,024 entries", with_pause, {WINDOW(10, 8), BLOCKS(65536), RING(1024)}},
    {"max 1,000, 4 entries", with_pause, {WINDOW(1000, 8), BLOCKS(65536), RING(4)}},
    {"max 1,000, 16 entries", with_pause, {WINDOW(1000, 8), BLOCKS(65536), RING(16)}},
    {"max 1,000, 64 entries", with_pause, {WINDOW(1000, 8), BLOCKS(65536), RING(64)}},
    {"max 1,000, 1,024 entries", with_pause, {WINDOW(1000, 8), BLOCKS(65536), RING(1024)}},
};
/* clang-format on */

const struct section section_rings = {
    .name = "rings",
    .title = "Entries of the ring, as row 6a with inline entries",
    .unit = "the hand-written loop, in place, at that window",
    .yardstick = run_hand_in_place,
    .rows = ring_rows,
    .count = COUNT_OF(ring_rows),
};
