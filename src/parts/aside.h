/*
 * Aside: events that a part keeps in memory of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An event is put aside by moving its bytes, and with them whatever it owns, out of the batch at
 * hand; it stays weir's, so it is dropped with a cause, or emitted, once.  The part says how many
 * it keeps (stage/keeping.h).  Of events with spans only the fixed part is moved: the part copies
 * the payload before its callback returns.
 *
 * For the running callback's own stage.
 */
#ifndef WEIR__PARTS_ASIDE_H
#define WEIR__PARTS_ASIDE_H

#include "stage/stage.h"

/* CONTINUE: the batch at hand is of events of that type.  Else it says so in the log, of the part
 * ("batcher"), and the stage stops with BAD_OPTIONS. */
weir_verdict weir__aside_check(weir_stage *self, const char *part, const weir_event_type *type);

/* What the stage stops for, as an event could not be moved, for that. */
weir_verdict weir__aside_failed(weir_stage *self, const char *part, weir_status status);

/*
 * Moves event number `index` of the batch at hand to `to`.
 * INVALID: others have it, and its type cannot copy it; NO_MEMORY.  Nothing changed.
 */
weir_status weir__aside_take(weir_stage *self, weir_batch batch, size_t index, void *to);

/* Emits one, of the stage's own type.  NO_MEMORY: it is where it was. */
weir_status weir__aside_emit(weir_stage *self, const void *event);

/* Drops what it owns. */
void weir__aside_drop(weir_stage *self, const void *event, weir_discard why);

#endif
