/*
 * The pipe grows, step by step, at default demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each numbered row keeps what the row before it decided; rows with a letter
 * behind the number are the ways that were not taken, at that same step.
 */
#include "pipe.h"
#include "rows.h"

SHAPE(slim, .entry = ENTRY_SLIM)
SHAPE(line_copied, .entry = ENTRY_LINE)
SHAPE(line_in_place, WITH_LINE)
SHAPE(near_head, WITH_NEAR)
SHAPE(stamped, WITH_STAMP)
SHAPE(stamped_far, WITH_LINE, .stamped = true)
SHAPE(head_cached, WITH_STAMP, .head_cached = true)
SHAPE(slot_ahead, WITH_STAMP, .slot_ahead = true)
SHAPE(ready_warm, WITH_READY)
SHAPE(ready_each, WITH_STAMP, .signal = SIGNAL_EACH)
SHAPE(count_biased, WITH_COUNT)
SHAPE(count_each, WITH_READY, .memory = MEMORY_EACH)
SHAPE(count_last, WITH_READY, .memory = MEMORY_LAST)
SHAPE(count_mixed, WITH_READY, .memory = MEMORY_MIXED)
SHAPE(home_chain, WITH_HOME)
SHAPE(turn, WITH_TURN)
SHAPE(pause, WITH_PAUSE)
SHAPE(ahead, WITH_PAUSE, .fill = FILL_AHEAD)
SHAPE(gathered, WITH_PAUSE, .gather = true)

/* clang-format off */
static const struct row step_rows[] = {
    {"0  hand-written loop (the ceiling)", run_hand_in_place, {DEFAULT_DEMAND}},
    {"1  ck_ring, entries of 16 bytes", slim, {DEFAULT_DEMAND}},
    {"2a entries of one cache line, copied in and out", line_copied, {DEFAULT_DEMAND}},
    {"2b written and read in place", line_in_place, {DEFAULT_DEMAND}},
    {"2c `asked` in the cache line of c_head", near_head, {DEFAULT_DEMAND}},
    {"2  the receiver watches the slot's stamp, not the tail", stamped, {DEFAULT_DEMAND}},
    {"2d as 2, `asked` in a line of its own", stamped_far, {DEFAULT_DEMAND}},
    {"2e as 2, the sender keeps its view of c_head", head_cached, {DEFAULT_DEMAND}},
    {"2f as 2, prefetchw of the next slot", slot_ahead, {DEFAULT_DEMAND}},
    {"3  fence and warm ready flag, both ways", ready_warm, {DEFAULT_DEMAND}},
    {"3a ready flag cleared for every batch", ready_each, {DEFAULT_DEMAND}},
    {"4a a block per emission, one RMW", count_each, {DEFAULT_DEMAND}},
    {"4b a block per emission, the last holder only loads", count_last, {DEFAULT_DEMAND}},
    {"4c 64 KiB blocks, biased; header lines shared", count_mixed, {DEFAULT_DEMAND}},
    {"4  64 KiB blocks, biased count", count_biased, {DEFAULT_DEMAND}},
    {"5  freed blocks go home in a chain, after the ask", home_chain, {DEFAULT_DEMAND}},
    {"6  turn: polls of mailbox and ready stack, callbacks", turn, {DEFAULT_DEMAND}},
    {"6a and a pause after a poll that found nothing", pause, {DEFAULT_DEMAND}},
    {"7  as 6a, prefetchw of the next batch's lines", ahead, {DEFAULT_DEMAND}},
    {"6b as 6a, slices of 250", pause, {DEFAULT_DEMAND, .slice_max = 250}},
    {"6c as 6a, slices of 125", pause, {DEFAULT_DEMAND, .slice_max = 125}},
    {"6d as 6a, slices of 125 gathered to batches of 500", gathered,
     {DEFAULT_DEMAND, .slice_max = 125}},
};

const struct section section_steps = {
    .name = "steps",
    .title = "Step by step, default demand (batches of 500 events of 8 bytes)",
    .unit = "the hand-written loop, in place",
    .yardstick = run_hand_in_place,
    .rows = step_rows,
    .count = COUNT_OF(step_rows),
};

/* --- the size of blocks and the way home ----------------------------------- */

SHAPE(singly, WITH_COUNT, .turn = true, .pause = true)

#define BLOCKS_OF(bytes) {WINDOW(1000, 8), BLOCKS(bytes), RING(64)}

static const struct row block_rows[] = {
    {"8 KiB, each pushed home at once", singly, BLOCKS_OF(8192)},
    {"8 KiB, in a chain after the ask", pause, BLOCKS_OF(8192)},
    {"16 KiB, each pushed home at once", singly, BLOCKS_OF(16384)},
    {"16 KiB, in a chain after the ask", pause, BLOCKS_OF(16384)},
    {"32 KiB, each pushed home at once", singly, BLOCKS_OF(32768)},
    {"32 KiB, in a chain after the ask", pause, BLOCKS_OF(32768)},
    {"64 KiB, each pushed home at once", singly, BLOCKS_OF(65536)},
    {"64 KiB, in a chain after the ask", pause, BLOCKS_OF(65536)},
    {"128 KiB, in a chain after the ask", pause, BLOCKS_OF(131072)},
    {"256 KiB, in a chain after the ask", pause, BLOCKS_OF(262144)},
    {"1 MiB, in a chain after the ask", pause, BLOCKS_OF(1048576)},
};
/* clang-format on */

const struct section section_blocks = {
    .name = "blocks",
    .title = "Size of blocks and the way home, as row 6a",
    .unit = "the hand-written loop, in place",
    .yardstick = run_hand_in_place,
    .rows = block_rows,
    .count = COUNT_OF(block_rows),
};
