/*
 * Small and large windows, and callbacks that emit in small pieces.
 * SPDX-License-Identifier: Apache-2.0
 *
 * At max_demand 1 nothing overlaps: an event goes, an ask comes back.  What
 * counts is how many cache lines must cross one after the other.  With many
 * small slices in flight the reader catches up with the writer and fights it
 * for each line: what counts then is how seldom anything is made visible.
 */
#include "pipe.h"
#include "rows.h"

/* A whole pipe, but for how its slots become visible and where `asked` lies. */
#define WHOLE .signal = SIGNAL_WARM, .memory = MEMORY_BIASED, .home = HOME_CHAIN, .turn = true

SHAPE(tail_far_block, WITH_LINE, WHOLE)
SHAPE(tail_far_inline, WITH_LINE, WHOLE, .inlined = true)
SHAPE(tail_near_inline, WITH_NEAR, WHOLE, .inlined = true)
SHAPE(stamp_far_inline, WITH_LINE, .stamped = true, WHOLE, .inlined = true)
SHAPE(stamp_near_block, WITH_TURN)
SHAPE(stamp_near_inline, WITH_TURN, .inlined = true)
SHAPE(no_fence, WITH_STAMP, .memory = MEMORY_BIASED, .home = HOME_CHAIN, .turn = true,
      .inlined = true, .pause = true)
SHAPE(slot_ahead, WITH_TURN, .inlined = true, .slot_ahead = true)
SHAPE(head_cached, WITH_TURN, .inlined = true, .head_cached = true)
SHAPE(block_pause, WITH_PAUSE)
SHAPE(inline_pause, WITH_PAUSE, .inlined = true)
SHAPE(ahead, WITH_PAUSE, .inlined = true, .fill = FILL_AHEAD)
SHAPE(head_early, WITH_PAUSE, .inlined = true, .head_early = true)
SHAPE(head_late, WITH_PAUSE, .inlined = true, .head_late = true)
SHAPE(signal_late, WITH_PAUSE, .inlined = true, .signal_late = true)
SHAPE(ready_each, WITH_STAMP, .signal = SIGNAL_EACH, .memory = MEMORY_BIASED, .home = HOME_CHAIN,
      .turn = true, .inlined = true, .pause = true)

/* clang-format off */
#define ONE {WINDOW(1, 8), BLOCKS(65536), RING(8)}

static const struct row one_rows[] = {
    {"a cache line there and back", run_round_trip, ONE},
    {"hand-written loop, event in the slot", run_hand_in_place, ONE},
    {"ck_ring as it is: tail watched, `asked` apart, in a block", tail_far_block, ONE},
    {"the same, the event inline in the entry", tail_far_inline, ONE},
    {"inline, tail watched, `asked` beside c_head", tail_near_inline, ONE},
    {"inline, stamp watched, `asked` apart", stamp_far_inline, ONE},
    {"in a block, stamp watched, `asked` beside c_head", stamp_near_block, ONE},
    {"inline, stamp watched, `asked` beside c_head", stamp_near_inline, ONE},
    {"  the same with prefetchw of the next slot", slot_ahead, ONE},
    {"  the same, the sender keeps its view of c_head", head_cached, ONE},
    {"  the same with a pause after a vain poll", inline_pause, ONE},
    {"    and c_head published before the event is handled", head_early, ONE},
    {"    and c_head published with the ask", head_late, ONE},
    {"    and without fences and flags", no_fence, ONE},
    {"    and the ready flag cleared for every event", ready_each, ONE},
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
    {"max 10: inline", inline_pause, DEMAND(10)},
    {"max 10: inline, no pause", stamp_near_inline, DEMAND(10)},
    {"max 10: inline, one signal per visit", signal_late, DEMAND(10)},
    {"max 10: inline, no fences and flags", no_fence, DEMAND(10)},
    {"max 10: inline, c_head published before a batch is handled", head_early, DEMAND(10)},
    {"max 10: inline, c_head published with asks", head_late, DEMAND(10)},
    {"max 100", inline_pause, DEMAND(100)},
    {"max 100, one signal per visit", signal_late, DEMAND(100)},
    {"max 1,000", inline_pause, DEMAND(1000)},
    {"max 1,000, c_head published before a batch is handled", head_early, DEMAND(1000)},
    {"max 1,000, c_head published with asks", head_late, DEMAND(1000)},
    {"max 1,000, one signal per visit", signal_late, DEMAND(1000)},
    {"max 10,000", inline_pause, DEMAND(10000)},
    {"max 100, prefetchw of the next batch's lines", ahead, DEMAND(100)},
    {"max 1,000, prefetchw of the next batch's lines", ahead, DEMAND(1000)},
    {"max 10,000, prefetchw of the next batch's lines", ahead, DEMAND(10000)},
    {"max 10,000, prefetchw, blocks of 256 KiB", ahead,
     {WINDOW(10000, 8), BLOCKS(262144), RING(64)}},
    {"max 10,000, blocks of 256 KiB", inline_pause,
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

#define ENTRIES(most, entries) {WINDOW(most, 8), BLOCKS(65536), RING(entries)}

static const struct row ring_rows[] = {
    {"max 10, 4 entries", inline_pause, ENTRIES(10, 4)},
    {"max 10, 16 entries", inline_pause, ENTRIES(10, 16)},
    {"max 10, 64 entries", inline_pause, ENTRIES(10, 64)},
    {"max 10, 1,024 entries", inline_pause, ENTRIES(10, 1024)},
    {"max 1,000, 4 entries", inline_pause, ENTRIES(1000, 4)},
    {"max 1,000, 16 entries", inline_pause, ENTRIES(1000, 16)},
    {"max 1,000, 64 entries", inline_pause, ENTRIES(1000, 64)},
    {"max 1,000, 1,024 entries", inline_pause, ENTRIES(1000, 1024)},
};

const struct section section_rings = {
    .name = "rings",
    .title = "Entries of the ring, as row 6a with inline entries",
    .unit = "the hand-written loop, in place, at that window",
    .yardstick = run_hand_in_place,
    .rows = ring_rows,
    .count = COUNT_OF(ring_rows),
};

/* --- default demand, answered in pieces ------------------------------------ */

SHAPE(tail_pieces, WITH_NEAR, WHOLE, .inlined = true, .pause = true)
SHAPE(stamp_late, WITH_PAUSE, .inlined = true, .stamp_late = true)
SHAPE(both_late, WITH_PAUSE, .inlined = true, .stamp_late = true, .head_late = true)
SHAPE(coalesced, WITH_PAUSE, .coalesce = true)
SHAPE(late_cached, WITH_PAUSE, .inlined = true, .stamp_late = true, .head_late = true,
      .head_cached = true)

#define PIECES(count) {DEFAULT_DEMAND, .slice_max = (count)}
#define PIECE_ROWS(count)                                                                 \
    {#count ": the tail watched", tail_pieces, PIECES(count)},                            \
    {#count ": each slot stamped at once", inline_pause, PIECES(count)},                  \
    {#count ": a visit's first slot stamped last", stamp_late, PIECES(count)},            \
    {#count ": and c_head published with asks", both_late, PIECES(count)},                \
    {#count ": and the sender keeps its view of it", late_cached, PIECES(count)},         \
    {#count ": filled so, but sent as one slice per visit", coalesced, PIECES(count)}

static const struct row piece_rows[] = {
    PIECE_ROWS(125),
    PIECE_ROWS(50),
    PIECE_ROWS(5),
    PIECE_ROWS(1),
};
/* clang-format on */

const struct section section_pieces = {
    .name = "pieces",
    .title = "Default demand answered in slices of so many events, as row 6a (5 and 1: inline)",
    .unit = "the hand-written loop, in place",
    .yardstick = run_hand_in_place,
    .rows = piece_rows,
    .count = COUNT_OF(piece_rows),
};
