/*
 * Pieces: a batch that spans slices, as one run or as several.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch that fits in a block is gathered into one, so that it is what the window says:
 * copying it costs less than a second callback.  One that does not is handed out as it lies,
 * piece by piece: gathered, a message of 10^9 events would be in memory twice.  Small slices
 * side by side are one piece, of a block at most, so that pieces are no crumbs.  What owns
 * something and is held by others, too, stays where it is, and comes in pieces as well.
 *
 * The batch is still one for the window: what it makes due is asked for after its last piece,
 * and nothing but turns comes between them.
 */
#include "memory/pool.h"
#include "stage/keeping.h"
#include "stage/stage.h"

static bool discard_message(weir_stage *stage, uint64_t count) {
    weir__queue_discard(&stage->inq, count, WEIR_DISCARD_NO_MEMORY, &stage->host->pool);
    weir__stage_discard(stage, count, WEIR_DISCARD_NO_MEMORY, true);
    return false;
}

static void take_piece(weir_stage *stage, uint64_t *count, uint64_t *ask_for,
                       struct weir__item *out) {
    *out = weir__queue_cut(&stage->inq, *count, &stage->host->pool);
    stage->pieces_left = *count - out->count;
    *count = out->count;
    if (stage->pieces_left > 0) {
        stage->pieces_ask = *ask_for;
        *ask_for = 0;
    }
}

/*
 * Who lends has a place for every piece before it lends the first, and one for the ask: it
 * cannot ask for the last one, lost, while a reader still has the others.
 */
static bool has_places(weir_stage *stage, uint64_t count) {
    if (WEIR__PART(stage, lend) == NULL) {
        return true;
    }
    uint32_t places = 1;
    for (uint64_t found = 0; found < count; places++) {
        found += weir__queue_at(&stage->inq, places - 1)->count;
    }
    return weir__queue_reserve(&stage->lent, places);
}

bool weir__stage_take_across(weir_stage *stage, uint64_t *count, uint64_t *ask_for,
                             struct weir__item *out) {
    if (stage->pieces_left > 0) {
        *ask_for = stage->pieces_ask;
        take_piece(stage, count, ask_for, out);
        return true;
    }
    uint32_t event_bytes = weir__queue_at(&stage->inq, 0)->event_bytes;
    if (*count <= WEIR__BLOCK_BYTES_MAX / event_bytes && weir__queue_movable(&stage->inq, *count)) {
        return weir__queue_gather_item(&stage->inq, *count, &stage->host->pool, out) ||
               discard_message(stage, *count);
    }
    if (!has_places(stage, *count)) {
        return discard_message(stage, *count);
    }
    take_piece(stage, count, ask_for, out);
    return true;
}
