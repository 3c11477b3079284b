/*
 * Calls: how a thread waits for the answer of a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A caller takes a slot, says in it where the answer may be written, sends mail
 * that names the slot, and sleeps on its word.  Whoever answers names the slot
 * by value (weir_from): an answer that comes too late, twice, or for a name that
 * somebody made up changes nothing, and so does one of another runtime.
 *
 *   word = serial << 3 | state;    the serial (base/serial.h) is the call's alone
 *
 *   FREE -> TAKEN        a caller (CAS), whose the slot is from then on
 *   TAKEN -> WAITING     the same
 *   WAITING -> WRITING   who answers (CAS): the answer's memory is his to write
 *   WRITING -> DONE      the same; wakes the caller
 *   WAITING -> FREE      the caller, whose patience is over (CAS); if that fails,
 *                        he waits on, for one memcpy
 *   DONE -> FREE         the caller
 *
 * Ordering
 *   M1 -> M2  WAITING (release), CAS to WRITING (acquire), and the sweep's look:
 *             where to write, and whom the call is about.
 *   M3 -> M4  DONE (release), the caller's look (acquire): the answer.
 *   C1 -> C2  (ring/chunks.h) a slot is zeroed as it becomes known.
 *   M7 -> M8  FREE (release), CAS to TAKEN: the last caller is done with it.
 *   F1 -> F3  (ready.h) of a stepped runtime, whose caller sleeps on its bell: DONE,
 *             full fence, ring.
 * A stage that ends without an answer is found by a sweep of the slots that wait
 * for it.  No fence is needed there: WAITING is stored before the mail is sent,
 * and the worker that takes the mail is the one that sweeps; mail that it takes
 * after the sweep is bounced, which answers too.  Who waits for a stop need not have
 * sent mail himself: there the sweep is ordered by P3 -> P4 (ring/mailbox.h).
 *
 * A slot that nobody uses is looked for from the first on, and made where there is none; so there
 * are as many as there ever were callers at the same time.
 *
 * The caller sleeps on the half of the word that has the state.
 *
 * Progress: answering is wait-free.  Wrap: nothing: a serial is of one call of one
 * runtime of the process, so a name is nobody else's, ever.  When serials are used up
 * calls are refused.
 */
#ifndef WEIR__RING_CALLER_H
#define WEIR__RING_CALLER_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/serial.h"
#include "ring/chunks.h"
#include "ring/ready.h"

#include <weir/status.h>
#include <weir/types.h>

/* Callers at the same time; the last of them are kept for those who control stages. */
enum { WEIR__CALLERS_MAX = 1024, WEIR__CALLERS_KEPT = 64 };

struct weir__caller {
    WEIR__APART uint64_t word;
    uint64_t about; /* whose answer: a stage's reference (atomic)   */
    void *answer;   /* where to write it                            */
    size_t room;    /* bytes there                                  */
    size_t bytes;   /* of the answer, which may be more than `room` */
    struct weir__serial_stock serials;
    weir_status status; /* what the call returns */
};

/* The slots of a runtime, made as they are wanted. */
struct weir__callers {
    struct weir__bell *stepper; /* constant: callers step the runtime, and sleep there; NULL */
    struct weir__chunks slots;
};

void weir__callers_open(struct weir__callers *calls, const struct weir__allocator *allocator,
                        struct weir__bell *stepper);
void weir__callers_close(struct weir__callers *calls);

/* The process's serials of calls.  For tests: they may be set near to their end. */
extern struct weir__serials weir__caller_serials;

/*
 * Takes a slot for an answer of at most `room` bytes from the stage `about`; one of
 * those that are kept for control only if it controls.
 * FULL: too many callers; NO_MEMORY; SYSTEM: no more serials.  The slot's name goes to *from.
 */
weir_status weir__caller_begin(struct weir__callers *calls, weir_ref about, void *answer,
                               size_t room, bool controls, struct weir__caller **out,
                               weir_from *from);

/* True when the answer is there. */
bool weir__caller_answered(const struct weir__caller *call);

/*
 * Waits for the answer until the deadline and gives the slot back.
 * Returns what was answered with, or TIMEOUT; *bytes, unless NULL: the answer's.
 */
weir_status weir__caller_end(struct weir__caller *call, uint64_t deadline_ns, size_t *bytes);

/* false: nobody waits for that answer (any more). */
bool weir__caller_answer(struct weir__callers *calls, weir_from from, weir_status status,
                         const void *answer, size_t bytes);

/* False: nobody waits for that answer any more, nor ever will. */
bool weir__caller_waits(const struct weir__callers *calls, weir_from from);

/* Answers NO_STAGE to all who wait for the stage. */
void weir__callers_sweep(struct weir__callers *calls, weir_ref about);

#endif
