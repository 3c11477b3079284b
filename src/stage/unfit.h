/*
 * Unfit: a stage that a function of the program's may not be called for.  With stage.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_UNFIT_H
#define WEIR__STAGE_UNFIT_H

#include "stage/stage.h"

/* True, and a refusal: there is none, or it is of a runtime that the parent of this process has. */
static inline bool weir__self_unfit(const weir_stage *self) {
    return weir__missing(self, "self") || (weir__is_child() && weir__forked(self->host->forks));
}

/* A callback of its runs in which it may emit. */
static inline bool weir__stage_can_emit(const weir_stage *stage) {
    return stage->may_emit && stage->event_bytes > 0;
}

#endif
