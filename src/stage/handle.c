/*
 * Handling: see handle.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/handle.h"

/* Those that are in the stash are its own now, and what they are dropped for is said there. */
static uint32_t fate_to_say(const struct weir__item *item, weir_discard why) {
    bool stashed = (item->flags & (WEIR__STASHED | WEIR__ALIASED)) == WEIR__STASHED;
    return weir__fate_of(why) | (stashed ? WEIR__FATE_UNSAID : 0);
}

/*
 * Before what the callback has emitted goes: who gets of it what was stashed here has it alone.
 */
void weir__stage_done_with_special(weir_stage *stage, const struct weir__item *item,
                                   weir_verdict verdict) {
    struct weir__host *host = stage->host;
    weir_discard why = weir__stage_fate(stage, verdict);
    if ((item->flags & WEIR__COPIED) != 0) {
        weir__slice_discard(host->batch_shown, host->batch_shown_first, item->count, item->flags,
                            why, &host->pool);
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return;
    }
    if ((item->flags & WEIR__OWNING) != 0) {
        weir__owned_let_go(item->block, item->first, item->count, fate_to_say(item, why),
                           &host->pool);
    }
    weir__block_drop(item->block, &host->pool);
}
