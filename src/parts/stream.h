/*
 * The stream's shared memory, and what both its sides use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stage's side (stream.c) lends batches: it keeps them in its stage's `lent`,
 * and puts an entry for each on a ring.  The reader's side (stream_read.c) takes
 * an entry, reads the events where they are, and comes back: it moves `position`.
 * Of a few small events there is a copy in the entry, so that the reader has no line
 * more to wait for.
 * It pokes the stage behind an entry that is flagged TELL, and before it sleeps or says
 * that there is nothing, unless a poke is under way; the stage then drops the batches that
 * are back, counts them as handled and asks.  The reader never touches a reference count,
 * but for the one batch that it may hold when the stage ends.  Nor does it hold events that own
 * something: the worker does, and has lent them to the reader, which may mark some as taken.
 * The poke, references, and how a reader sleeps in a call: quay.h.
 *
 *   field      writers                          readers
 *   ring       the worker; c_head the reader    the other
 *   position   the reader, until the worker     both
 *              says CLOSED
 *   words      the reader, of events that it    the worker, once the batch is back or
 *   (owned.h)  takes of the batch in hand       parted
 *   unread     the reader, before QUIT or       the worker, after it
 *              parted
 *   amid       the worker, before parted        the reader, after it
 *   in_hand    the reader, before parted        the worker, after it
 *   parted     both, once each: 0 -> 1          the second of them
 *   reason     the worker, before CLOSED        the reader, after it
 *   asleep     a berth, of a reader in a call
 *   lamp       lamp.h: the reader looks
 *   requested  who subscribes                   the worker
 *
 * position is 2 * batches that are back, + 1 while the reader holds one more;
 * whoever changes it does so in one locked step, so there is no doubt which
 * batches the reader has had: the worker's exchange to CLOSED learns it, and all
 * others are given back, even though the ring still has their entries; after it
 * the reader's next step fails.  The batch that it holds then it may read on.  What it leaves
 * of that goes back ahead of the others of its subscription, whose DOWN waits: of the stage,
 * which has left its producers, and of the reader, which is through, the second one
 * (parted) settles the batch and sends it.
 *
 * It ends when it has been subscribed, by whomever, and no subscription is left: its
 * stage knows of none, and none that was requested here is on its way.  What its
 * opening requests comes before the first poke; of later ones each side counts its own:
 * `requested` grows before the request is sent, `arrived` when it has come.
 *
 * A mark goes the same way: a batch of no event, and of no subscription.
 *
 * given <= the items of `lent`; the reader has had no more batches than the first `given` items
 * are, and those that are back.
 *
 * Ordering.
 *   J1 -> J2  the quay's O1 -> O2: move position, read poked / give up poked, read position:
 *             no return and no QUIT stays unseen by a stage that looks no more.
 *   J3 -> J4  the lamp's L1 -> L2: publish (an entry, CLOSED), read dark / darken it, look at the
 *             ring and at position: no lamp is dark beside something to take.  The same for
 *             `asleep`: the berth's E1 -> E2.
 *   J5 -> J6  position moves (a locked operation) -> is read by the worker
 *             (acquire): the reader's reads, and its marks in the words of events that own
 *             something, come before the block's next use.
 *   J7 -> J8  CLOSED (a locked operation) -> is seen by the reader (acquire, or a
 *             step that fails): publishes the reason.
 *   J11 -> J12 the first one parts -> the second one does (locked operations, both): what
 *             was written before that (amid and the edge; in_hand and unread) is seen, and the
 *             reader's reads and marks come before the block's next use.
 * The ring's own are K1 -> K2 and K3 -> K4 (ring/ring.h).
 * Models: tests/model/stream.pml.  Progress: wait-free on both sides, waiting for
 * events aside.  Wrap: position is 64-bit and does not.
 */
#ifndef WEIR__PARTS_STREAM_H
#define WEIR__PARTS_STREAM_H

#include "parts/lamp.h"
#include "parts/quay.h"

#include <weir/stream.h>

#define WEIR__STREAM_CLOSED (UINT64_C(1) << 63)
#define WEIR__STREAM_QUIT   (UINT64_C(1) << 62) /* the reader is done; `unread` is set */
#define WEIR__STREAM_MOVES  (WEIR__STREAM_QUIT - 1)

enum {
    WEIR__STREAM_ENTRIES = 64,
    WEIR__STREAM_TELL = 8,    /* an entry's flag: the stage wants to know when it is back */
    WEIR__STREAM_INLINE = 16, /* another: its events are in it, before its subscription's id */
    WEIR__STREAM_INLINE_BYTES = WEIR__ENTRY_INLINE_BYTES - sizeof(weir_subscription)
};

_Static_assert(sizeof(struct weir__entry_mark) <= WEIR__STREAM_INLINE_BYTES,
               "a mark lies beside the id");

struct weir_stream {
    /* constant */
    size_t event_bytes;
    uint64_t close_ns; /* who closes waits no longer    */
    bool marks;        /* its reader is given them, too */

    WEIR__APART struct weir__ring ring;
    struct weir__entry entries[WEIR__STREAM_ENTRIES];

    /* shared */
    WEIR__APART uint64_t position;
    uint64_t unread;
    struct weir__edge *amid; /* the batch that the reader was amid of at the end came by it */
    uint32_t parted;
    WEIR__APART struct weir__quay quay;
    struct weir__berth asleep;
    struct weir__lamp lamp;
    weir_reason reason;
    uint32_t requested; /* by weir_stream_subscribe, ever          */

    /* the worker's */
    WEIR__APART uint64_t back; /* batches                            */
    uint32_t given;            /* items of lent that need no entry any more   */
    weir_reason last;          /* what it ends with if none is left           */
    uint32_t arrived;          /* of those requested                          */
    bool opened;               /* those of its opening have all come          */
    bool subscribed;           /* ever, or was to be: it has an end           */
    uint32_t untold;           /* entries since one that is told              */
    struct weir__mail *modes;  /* messages to the producers, not sent yet     */

    /* the reader's */
    WEIR__APART uint64_t at;    /* position, as it has last moved it   */
    struct weir__entry in_hand; /* while at is odd                     */
    const unsigned char *next_event;
    size_t left;     /* events of it, from there                    */
    bool unreported; /* moved, and the stage was not poked          */
    bool at_mark;    /* in_hand is one, and it was not fetched yet  */
    bool over;       /* CLOSED was seen                             */
};

/*
 * The reader was amid a batch when its stage ended: each of them calls this once, the reader when
 * it is through with that (`unread`), the stage when it has left its producers.
 */
void weir__stream_part(weir_stream *stream);

/* The reader reads no more: the stage gives back what it has not begun, and ends. */
void weir__stream_quit(weir_stream *stream);

/* The stage's side, which has taken back what `position` told. */
void weir__stream_check(const weir_stream *stream, const weir_stage *self, uint64_t position);

/* Something was published for the reader (J3 -> J4). */
void weir__stream_wake(weir_stream *stream);

void weir__stream_drop_modes(weir_stream *stream);

extern const weir_callbacks weir__stream_callbacks;
extern const struct weir__quay_kind weir__stream_kind;

#endif
