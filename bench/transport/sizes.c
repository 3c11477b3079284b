/*
 * How events get into blocks, at 8, 64 and 1,024 bytes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * In place, by way of a scratch, or gathered by the receiver from smaller
 * slices.  Where one ask's events exceed a block of 64 KiB, the batches are
 * what one block holds, unless blocks are made large enough or slices gathered.
 */
#include "pipe.h"
#include "rows.h"

SHAPE(in_place, WITH_PAUSE)
SHAPE(ahead, WITH_PAUSE, .fill = FILL_AHEAD)
SHAPE(scratch, WITH_PAUSE, .fill = FILL_SCRATCH)
SHAPE(string, WITH_PAUSE, .fill = FILL_STRING)
SHAPE(gathered, WITH_PAUSE, .gather = true)

#define EVENTS(bytes, block) WINDOW(1000, bytes), BLOCKS(block), RING(64)

/* clang-format off */
static const struct row size_rows[] = {
    {"8 B: in place", in_place, {EVENTS(8, 65536)}},
    {"8 B: in place, prefetchw of the next batch's lines", ahead, {EVENTS(8, 65536)}},
    {"8 B: scratch and memcpy", scratch, {EVENTS(8, 65536)}},
    {"8 B: scratch and rep movsb", string, {EVENTS(8, 65536)}},
    {"8 B: gathered from slices of 125", gathered, {EVENTS(8, 65536), .slice_max = 125}},
    {"64 B: in place", in_place, {EVENTS(64, 65536)}},
    {"64 B: in place, prefetchw of the next batch's lines", ahead, {EVENTS(64, 65536)}},
    {"64 B: scratch and memcpy", scratch, {EVENTS(64, 65536)}},
    {"64 B: scratch and rep movsb", string, {EVENTS(64, 65536)}},
    {"64 B: gathered from slices of 125", gathered, {EVENTS(64, 65536), .slice_max = 125}},
    {"1,024 B: in place, 64 KiB (batches of 64)", in_place, {EVENTS(1024, 65536)}},
    {"1,024 B: the same, prefetchw of the next batch's lines", ahead, {EVENTS(1024, 65536)}},
    {"1,024 B: scratch and memcpy", scratch, {EVENTS(1024, 65536)}},
    {"1,024 B: scratch and rep movsb", string, {EVENTS(1024, 65536)}},
    {"1,024 B: gathered to batches of 500", gathered, {EVENTS(1024, 65536)}},
    {"1,024 B: in place, 1 MiB (batches of 500)", in_place, {EVENTS(1024, 1048576)}},
};
/* clang-format on */

const struct section section_sizes = {
    .name = "sizes",
    .title = "Ways to fill a block, default demand, as row 6a",
    .unit = "the hand-written loop, in place, at that size",
    .yardstick = run_hand_in_place,
    .rows = size_rows,
    .count = COUNT_OF(size_rows),
};
