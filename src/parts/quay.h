/*
 * The quay: where threads from outside meet a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Inlet, stream, pool and supervisor have one, embedded.  It has what they need alike: who still
 * has the part, one mail that calls its stage (the poke), how long that looks by itself, how
 * others sleep, and whom discarded events are told to.  What is handed over, and in which order,
 * is each part's own: see there.  A supervisor uses the poke alone, and pokes itself.
 *
 *   field   writers                               readers
 *   poked   anybody -> TOLD; the worker TOLD ->   who has brought something
 *           COLD or WAITS
 *   poke    who made it TOLD, until it arrives    the worker
 *   refs    everybody                             who closes, a futex
 *   lost    who has a reference                   the last one
 *   polls   who waits; one may write over what    who waits
 *           another has: a hint
 *
 * The poke.  As with edges, the stage goes on looking while something keeps coming (`watched` of
 * its ready stage), and in a steady flow nobody is poked.  `poked` is a token:
 *   TOLD   it is on its way as mail, or the worker has it: then the stage looks
 *   COLD   the stage looks no more: whatever comes, it is to be poked
 *   WAITS  the same, but something else makes it look at what some bring: they need not
 *   looks, then it is TOLD and no mail is on its way
 * Whoever makes it TOLD sends the mail; the worker instead looks on.
 *
 * References: the handle, the stage, a poke in flight, each subscription to it until the
 * producer's worker has taken back what was not taken, a child with a thread.  Whoever has one
 * may take another.  Who holds the handle's alone holds the part alone, and for good.
 *
 * Ordering.  The token and refs are moved by locked operations (but for weir__quay_poke_self, of
 * whose quay nobody else moves the token).
 *   O1 -> O2  Dekker: bring something (and a full fence), read poked / give up poked, look:
 *             nothing that was brought stays unseen by a stage that looks no more.
 *   O3 -> O4  a reference is given back (locked) -> there is but one (acquire), or it is given
 *             back as the last one (locked): what was done before that is seen.
 * Sleeping: E1 -> E2 of ring/berth.h; who closes sleeps at refs, which the kernel compares.
 * Models: tests/model/quay.pml; of WAITS, and of who looks on (weir__quay_look_on), port.pml.
 * Progress: wait-free, dozing aside.  Wrap: nothing does.
 */
#ifndef WEIR__PARTS_QUAY_H
#define WEIR__PARTS_QUAY_H

#include "ring/berth.h"
#include "runtime/runtime.h"

enum weir__poked { WEIR__POKED_COLD = 0, WEIR__POKED_TOLD = 1, WEIR__POKED_WAITS = 2 };

struct weir__quay;

/* What differs from kind to kind of part. */
struct weir__quay_kind {
    const char *name; /* "inlet": for the log                                             */
    const char *late; /* what the log tells after the number of events that were lost as  */
                      /* the stage stopped, or since then; NULL: there are none           */
    /* Unless NULL: a poke has found the stage gone; on its worker. */
    void (*arrived_late)(struct weir__quay *quay);
    /* Unless NULL: the last reference has gone. */
    void (*nobodys)(struct weir__quay *quay);
};

struct weir__quay {
    struct weir__poke poke;
    struct weir__heir heir; /* of subscriptions that have it: what they lose is told in the end */
    uint64_t lost;          /* nobody can have them any more */

    /* constant, but for polls, poked and refs */
    weir_runtime *runtime;
    weir_ref stage;
    const struct weir__quay_kind *kind;
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    uint32_t polls; /* atomic: of who waits, before he sleeps: fewer where that was in vain */
    uint16_t polls_most;
    uint16_t polls_least;
    uint32_t refs;
    uint32_t poked;
};

/* With the handle's reference and the stage's, and COLD.  Not its `stage`, which is for whoever
 * starts that to set; discarded may be NULL: then the log is told. */
void weir__quay_open(struct weir__quay *quay, const struct weir__quay_kind *kind,
                     weir_runtime *runtime,
                     void (*discarded)(void *context, uint64_t count, weir_discard cause),
                     void *context);

static inline bool weir__quay_has_threads(const struct weir__quay *quay) {
    return quay->runtime->options.mode == WEIR_THREADS;
}

/* ---- references ---------------------------------------------------------------- */

static inline void weir__quay_hold(struct weir__quay *quay, uint32_t count) {
    weir__fetch_add_u32(&quay->refs, count);
}

/* The last one tells of what was lost, and then says so (nobodys). */
void weir__quay_release(struct weir__quay *quay, uint32_t count);

/* The subscription has a reference, and says what it loses. */
void weir__quay_inherit(struct weir__quay *quay, struct weir__edge *edge);

/* Events that are told of when the last reference goes.  Any thread that has one. */
void weir__quay_lost(struct weir__quay *quay, uint64_t count);

/*
 * Waits until the handle's is the only reference; true: it is.  Nobody waits, but all look, in a
 * callback, where 1 ns is said, which is not at all, and where another thread steps the runtime.
 */
bool weir__quay_alone(struct weir__quay *quay, uint64_t timeout_ns, const char *call);

/* ---- calling the stage --------------------------------------------------------- */

/* Something has come: pokes the stage, unless it has been told.  Behind a full fence, or a
 * locked operation.  Any thread that has a reference. */
void weir__quay_poke(struct weir__quay *quay);

/* The same on the stage's worker or, in its init, on the starting thread.  Only for a quay that
 * nobody pokes otherwise (a supervisor's): it looks and sets by two accesses.  It needs no other
 * reference, as it ends with the stage. */
void weir__quay_poke_self(struct weir__quay *quay, weir_stage *self);

/* The poke has arrived: the stage looks from now on / is to be told of what comes from now on,
 * and to look behind this (only while the worker has the token: no mail is on its way). */
void weir__quay_watch(weir_stage *self);
static inline void weir__quay_give_up(struct weir__quay *quay, enum weir__poked as) {
    weir__exchange_u32(&quay->poked, as); /* O1 -> O2 */
}

/* The stage looks from now on, unless a poke is coming, which then says so. */
void weir__quay_look_on(struct weir__quay *quay, weir_stage *self);

/* It looks no more; false: something had come (`news` says so), so it looks on. */
bool weir__quay_rest(struct weir__quay *quay, enum weir__poked as, weir_stage *self,
                     bool (*news)(weir_stage *self));

/* ---- waiting ------------------------------------------------------------------- */

/* What somebody waits for at a berth. */
struct weir__doze {
    const char *what; /* "room in an inlet": for a refusal                              */
    size_t turns;     /* done at a time, where it steps for as long as it takes         */
    /* It has come, or will never / the same, while he does not sleep yet: NULL: as come. */
    bool (*come)(void *waiter);
    bool (*come_soon)(void *waiter);
    void (*lies_down)(void *waiter); /* unless NULL: before he sleeps */
};

/* When a wait that begins now is over: of weir__quay_doze. */
uint64_t weir__quay_deadline(const struct weir__quay *quay, uint64_t timeout_ns);

/*
 * Sleeps at the berth or, where nobody else runs the workers nor lets time pass, steps them.
 * Returns  WEIR_OK: it has come; TIMEOUT: not until the deadline or, stepping, all is at rest.
 * Errors   WRONG_THREAD in a callback, and where another thread steps them.
 */
weir_status weir__quay_doze(struct weir__quay *quay, struct weir__berth *berth,
                            const struct weir__doze *doze, void *waiter, uint64_t deadline);

/* ---- discarded events ---------------------------------------------------------- */

/* Tells of a discard, on the stage's worker; name: the stage's, for the log. */
void weir__quay_discarded(struct weir__quay *quay, const char *name, uint64_t count,
                          weir_discard cause);

/* Any thread, late: events for which there was no room, and those that nobody will have, as the
 * stage stops or has stopped. */
void weir__quay_discarded_late(struct weir__quay *quay, uint64_t dropped, uint64_t left);

#endif
