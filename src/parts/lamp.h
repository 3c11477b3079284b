/*
 * The lamp: a descriptor that is readable while there is something for a thread outside.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread that sleeps in poll, epoll or the like, and not at a berth, has a lamp: a stream's
 * reader for events, who pushes into an inlet or a port for room.  It burns until he has found
 * nothing; he makes it dark then, and looks once more.  Who brings something lights it, if it is
 * dark.
 *
 *   field   writers                              readers
 *   dark    who looks 0 -> 1; anybody 1 -> 0     all
 *   event   whoever opens it, once (CAS);        all: the descriptor + 1; 0: there is none
 *           0 again as it is closed
 *
 * Whoever makes `dark` 0 signals the event.  So while there is one, and dark is 0, it is readable
 * or about to be; but for a moment as somebody darkens it, who then looks himself.
 *
 * Ordering.
 *   L1 -> L2  Dekker: bring something (and a full fence), read dark / clear the event, set dark,
 *             look once more: no lamp is dark beside what was brought.  A signal that is lost as
 *             the event is cleared told of what that look then finds.
 *   L3 -> L4  event is set before dark is 1 for the first time (locked): who makes that 0 (locked)
 *             has the event.
 *   L5 -> L6  event is set (locked) -> whoever uses it (acquire): it has been made.  So one of
 *             several that look may have it from another, who has just opened it.
 * Several may look (an inlet's pushers): each darkens it for all, and looks for himself.
 * Model: tests/model/stream.pml, where `dark` is `armed`.  Progress: wait-free, two system calls.
 * Nothing wraps.
 */
#ifndef WEIR__PARTS_LAMP_H
#define WEIR__PARTS_LAMP_H

#include "base/atomic.h"

#include <weir/status.h>

#include <stdbool.h>

struct weir__lamp {
    uint64_t event;
    uint32_t dark;
};

/* Its descriptor, which is made if there is none: a new one is dark, so look.  SYSTEM. */
weir_status weir__lamp_open(struct weir__lamp *lamp, int *out);

/* The same; a new one is lit, for who was refused nothing as yet. */
weir_status weir__lamp_open_lit(struct weir__lamp *lamp, int *out);

/* Nobody has it any more. */
void weir__lamp_close(struct weir__lamp *lamp);

static inline bool weir__lamp_is_open(const struct weir__lamp *lamp) {
    return weir__load_relaxed_u64(&lamp->event) != 0;
}

/* There was nothing: it is dark from now on (a full fence), and the caller looks once more. */
void weir__lamp_darken(struct weir__lamp *lamp);

/* There is something. */
void weir__lamp_light(struct weir__lamp *lamp);

/* The same behind a full fence, or a locked operation, for who brings it: mostly a load. */
static inline void weir__lamp_tell(struct weir__lamp *lamp) {
    if (weir__load_relaxed_u32(&lamp->dark) != 0) { /* L1 -> L2 */
        weir__lamp_light(lamp);
    }
}

#endif
