/*
 * The port: an inlet's entry for one thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A ring of events, inline, with positions that only rise: the pusher copies events
 * in, the worker emits them from where they lie (or, of an inlet with a keeper, makes them of
 * what lies there: inlet.h).  What makes it an inlet is the claim:
 * before the pusher writes it says how far, so that one fence decides both whether the
 * stage still takes events and whether it has to be poked.
 *
 *   field       writers                       readers
 *   claimed     the pusher                    the worker, before it stops or looks no more
 *   tail        the pusher                    the worker
 *   taken       the worker                    the pusher, when it sees no room
 *   room        a berth, of the pusher
 *   room_lamp   lamp.h: the pusher looks
 *   closed      the pusher, once              the worker
 *   marks, marks_tail      the pusher         the worker
 *   marks_claimed          the pusher         the worker, before it stops
 *   marks_taken            the worker         the pusher, before it pushes one
 *   refs        both                          both: the handle, the worker
 *
 *   taken <= tail <= claimed <= taken + capacity
 *
 * What spans point at lies in pages, which are the pusher's: in one after the other of them, and a
 * page is used again once `taken` is beyond the last event whose payload is there.
 *
 * Marks have a ring of their own, with the position that each lies at, behind the event before it:
 * so events know nothing of them.
 *   marks_taken <= marks_seen <= marks_tail <= marks_claimed <= marks_taken + WEIR_PORT_MARKS
 *   `held`, where there is one, is the next of them, in the worker's hands.
 *
 * tail < claimed only during a push.  A claim that came too late is taken back.  taken is
 * behind what the worker has had (`out`) by up to an eighth of the capacity, where pushers
 * wait for room, until nothing more leaves.
 *
 * Ordering.
 *   A1 -> A2    tail (release) -> the worker's look (acquire): publishes the events.
 *   A3 -> A4    taken (release) -> the pusher's look (acquire): the events have been
 *               copied out; their places, and their payload's, may be written again.
 *   A5 -> A6    the quay's O1 -> O2: claim, read poked / give up poked, read claimed: no
 *               event comes to a stage that looks no more and is not poked.
 *   A7 -> A8    Dekker: claim, read finished / read finished, read claimed: an inlet that
 *               was finished stops only when nothing is or will be on its way.
 *   A9 -> A10   the berth's E1 -> E2: lie down, read taken and whether it is gone / taken,
 *               gone, wake: no pusher sleeps beside free room, nor has a dark lamp.  The
 *               worker wakes when a quarter of the ring has left, and with the fence when
 *               nothing does.
 *   A11 -> A12  closed (release) -> the worker (acquire): tail is final.
 *   A13 -> A14  marks_tail (release) -> the worker (acquire), which has read tail: a mark that lies
 *               before an event is known once that is.
 *   A15 -> A16  marks_taken (release) -> the pusher (acquire): its place may be written again.
 * A mark is claimed, and taken back, as events are (A7 -> A8), and pokes the stage (I11 -> I12).
 * What is published after the stage's last look (which `dead` is too late to prevent)
 * stays in the ring, and is dropped and counted by who lets go of the port last.
 * Models: tests/model/port.pml.  Progress: a push is wait-free but for room and a poke;
 * a pusher that is halted amid one keeps the stage looking.  Wrap: 64 bits, and it would
 * be harmless: only differences count.
 */
#ifndef WEIR__PARTS_PORT_H
#define WEIR__PARTS_PORT_H

#include "parts/inlet.h"

/* A page of payload. */
struct weir__port_page {
    struct weir__port_page *next; /* filled after it                              */
    uint64_t end;                 /* position behind the last event that it is of */
    size_t bytes;                 /* of it                                        */
    size_t used;
    char at[];
};

struct weir__port_mark {
    uint64_t at; /* its place is before the event at this position */
    weir_mark mark;
};

struct weir_port {
    /* constant */
    weir_inlet *inlet;
    uint64_t capacity;     /* events                                        */
    uint64_t mask;         /* of the ring, which has room for a power of two */
    uint64_t publish_at;   /* events that the worker takes before it says so */
    size_t place_bytes;    /* an event's, or a packed one's */
    size_t bytes;          /* of the port, but for pages    */
    ck_stack_entry_t link; /* on `fresh`                   */
    uint32_t refs;

    /* the pusher's */
    WEIR__APART uint64_t claimed;
    uint64_t in;         /* tail                                      */
    uint64_t room_until; /* there is room up to here, as it last knew; with spans there is none, */
                         /* but for what is being pushed                                         */
    uint64_t pusher;     /* on behalf of whom it pushes, who is known as a feeder; 0: nobody */
    struct weir__port_page *oldest; /* of the pages, and the one that is filled; or NULL      */
    struct weir__port_page *page;
    uint64_t counted;    /* taken, as it last knew, of events with spans            */
    uint64_t wait_bytes; /* of those from there on, as charges count them, if bounded */
    uint64_t marks_claimed;
    uint64_t marks_in; /* marks_tail */
    WEIR__APART uint64_t tail;
    uint64_t marks_tail;
    struct weir__berth room;
    struct weir__lamp room_lamp;
    uint32_t closed;

    /* the worker's */
    WEIR__APART uint64_t taken;
    WEIR__APART uint64_t out; /* taken                        */
    uint64_t seen;            /* tail, as it last knew        */
    uint64_t unwoken;         /* charge since the pusher was woken */
    bool unsettled;           /* something was taken since weir__ports_settle */
    weir_port *next;          /* in the circle of its inlet   */
    uint64_t marks_taken;
    uint64_t marks_seen; /* marks_tail, as it last knew */
    uint64_t said;       /* the watermark that was said last */
    bool holds;
    struct weir__port_mark held;

    WEIR__APART struct weir__port_mark marks[WEIR_PORT_MARKS];
    WEIR__APART unsigned char events[];
};

/* Where the positions of new ports begin; tests let them wrap. */
extern uint64_t weir__port_start;

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__port_unfit(const weir_port *port) {
    return weir__missing(port, "port") ||
           (weir__is_child() && weir__forked(port->inlet->quay.runtime->forks));
}

/* One reference less; the last one drops and counts what was never emitted, and frees it. */
void weir__port_release(weir_port *port);

/* What lies in the ring between these positions, and will never be emitted, is dropped.  By
 * whoever takes it off. */
void weir__port_drop(const weir_port *port, uint64_t from, uint64_t to);

/* What its pusher can see between two pushes. */
void weir__port_check_pusher(const weir_port *port);

/* ---- in place: a pusher that makes events where they will lie ------------------- */

/* The place of the event behind `ahead` more: its pusher's, as far as there is room (capacity -
 * weir_port_waiting), until it is published. */
static inline void *weir__port_place(weir_port *port, uint64_t ahead) {
    return port->events + ((port->in + ahead) & port->mask) * port->place_bytes;
}

/* So many places are events now.  Else the inlet is gone, and they are the caller's.  Of an inlet
 * without spans; the stage that it is called for feeds the inlet, or there is none. */
weir_status weir__port_publish(weir_port *port, size_t count);

/* There is room for so much, beside what is there; as far as the pusher has to know. */
bool weir__port_fits(weir_port *port, uint64_t charge);

/* ---- port_some.c: room for a pusher that does not wait ---------------------------- */

/* He was refused so much: his lamp says when there is room for it. */
void weir__port_refused(weir_port *port, uint64_t charge);

/* He was refused a mark. */
void weir__port_refused_mark(weir_port *port);

/* There is room for one mark more.  By the pusher: port_mark.c. */
bool weir__port_fits_mark(const weir_port *port);

/* ---- port_payload.c: what the pusher of events with spans does ----------------- */

/* There is room for so much. */
bool weir__port_has_room(weir_port *port, uint64_t charge);

/* Room for the parcel's payload, side by side, in the page that is filled now.  NULL: no memory. */
char *weir__port_payload(weir_port *port, const struct weir__parcel *parcel);

/* Events and payload go where there is room for both. */
void weir__port_write(weir_port *port, const struct weir__parcel *parcel, char *at);

/* They are in the ring. */
void weir__port_wrote(weir_port *port, const struct weir__parcel *parcel);

/* The last one has let go. */
void weir__port_free_pages(weir_port *port);

/* ---- port_mark.c: its marks, on the inlet's worker -------------------------- */

/* Marks that no event is before go on.  Behind a look at tail. */
void weir__port_pass_marks(weir_port *port, weir_stage *self);

/* The same, of all. */
void weir__ports_pass_marks(weir_inlet *inlet, weir_stage *self);

/* None waits in it, nor is any being pushed. */
bool weir__port_markless(const weir_port *port);

/* So many events, or as many as are before the next mark. */
static inline uint64_t weir__port_unmarked(const weir_port *port, uint64_t count) {
    uint64_t before = port->held.at - port->out;
    return port->holds && before < count ? before : count;
}

/* ---- port_take.c: the worker's side, on the inlet's worker ----------------- */

/* Whoever sleeps for want of room looks again.  Also for who drops a port unadopted. */
void weir__port_wake(weir_port *port);

/* What the worker can see of the positions: taken <= out <= seen <= taken + capacity. */
void weir__port_check_worker(const weir_port *port);

/* Takes what was opened into the circle. */
void weir__ports_adopt(weir_inlet *inlet);

/* Emits from the ports in turn, as far as *open goes.  False: no memory. */
bool weir__ports_take(weir_inlet *inlet, weir_stage *self, uint64_t *open);

/* Nothing leaves any more: wakes who waits beside room that has come since the last time, or all
 * that wait; lets go of ports that are done. */
void weir__ports_settle(weir_inlet *inlet, bool all);

/* After poked was given up: something has come, or is coming, that was not seen. */
bool weir__ports_news(const weir_inlet *inlet, bool wanted);

/* Something lies in one of them: a look at the lines that are written last, and no others. */
bool weir__ports_come(const weir_inlet *inlet);

/* After finished was read: nothing is in the ports, or on its way. */
bool weir__ports_empty(const weir_inlet *inlet);

/* The stage ends, `dead` is set: lets go of all ports.  Returns the events left in them. */
uint64_t weir__ports_end(weir_inlet *inlet);

#endif
