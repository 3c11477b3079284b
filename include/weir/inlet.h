/*
 * The inlet: a ready-made producer that any thread pushes events into.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An inlet is a stage like any other (subscribe to it, stop it); it holds what
 * was pushed until its consumers ask.  It is bounded: when `capacity` events
 * wait, or as many as have capacity_bytes together, the policy decides what a further push does.
 *
 * Events that own something (option `type`) are weir's once a push, into the inlet or a port,
 * returns WEIR_OK or WEIR_DROPPED; when it returns anything else all of them are the caller's
 * still.  Those that are accepted and never emitted are given to the type's `drop` (event.h):
 *   WEIR_DISCARD_OVERFLOW   the newest, where they are dropped for want of room: by the push,
 *                           before it returns WEIR_DROPPED, from where the caller has them
 *                           the oldest: on the stage's worker
 *   WEIR_DISCARD_STOPPED    what waits when the stage stops: on its worker; what is pushed at
 *                           that moment: on a thread that pushes, or by weir_port_close
 * Events of any length, whose type has spans, are copied with what those point at, as by
 * weir_emit: the pusher's bytes are his own, and free, when the push returns.
 */
#ifndef WEIR_INLET_H
#define WEIR_INLET_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a push does without room.  The oldest are dropped by the stage; until it
 * has come to that, up to twice the capacity waits, and beyond it the pushed
 * events are dropped instead.
 */
typedef enum weir_when_full {
    WEIR_REFUSE = 0,      /* the push returns WEIR_FULL                              */
    WEIR_BLOCK = 1,       /* the push waits for room, until its timeout              */
    WEIR_DROP_NEWEST = 2, /* the pushed events are discarded and counted             */
    WEIR_DROP_OLDEST = 3  /* the oldest waiting events are discarded and counted     */
} weir_when_full;

#define WEIR_INLET_CAPACITY_DEFAULT 10000
#define WEIR_CAPACITY_BYTES_LIMIT   137438953472 /* 128 GiB */

typedef struct weir_inlet_options {
    const char *name;   /* default "inlet"                                      */
    size_t event_bytes; /* required, 1..65536; with a type, 0 or the type's     */
    /* Events that may wait; default 10000; at most 4194303 beside capacity_bytes of events with
     * spans, unless those have room for fewer. */
    size_t capacity;
    weir_when_full when_full; /* default WEIR_REFUSE                                  */
    unsigned worker;          /* as in weir_stage_options                             */
    /* Default WEIR_FORWARD.  With WEIR_ACCUMULATE what is pushed is accepted, and kept within the
     * capacity, until weir_demand(runtime, stage, WEIR_FORWARD): so that all of a broadcast's
     * consumers are there before the first event goes out. */
    weir_demand_mode demand;
    const weir_dispatcher *dispatcher; /* as there                                    */
    const void *dispatcher_options;
    /* When the last consumer leaves: wait for another (the default), or stop; then who pushes
     * is told (NO_STAGE), also who waits for room, and weir_inlet_reason says why. */
    weir_on_cancel on_cancel;
    /* Unless NULL: called with the count of each discard, on the worker; for events that
     * were pushed while the stage was stopping, on a pushing thread, perhaps on several threads
     * at the same time, and beside the worker: what it counts in is to be atomic. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    const weir_event_type *type; /* as in weir_stage_options: events that own something */
    /*
     * Bytes that may wait, 1..WEIR_CAPACITY_BYTES_LIMIT; 0, the default: only `capacity` counts.
     * Each event counts with its size and what its spans point at; one that is larger than
     * capacity_bytes counts as capacity_bytes, so it has room in an empty inlet.  Of events
     * without spans this is no more than another capacity: capacity_bytes / event_bytes, or 1.
     * It is for the inlet, and for each of its ports.
     */
    size_t capacity_bytes;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_inlet_options;

typedef struct weir_inlet weir_inlet;

/*
 * Starts an inlet.  out and stage receive its handle, for pushing, and its
 * reference, for subscribing; stage may be NULL.
 * Errors     as weir_stage_start.
 * Lifetime   of the handle: until weir_inlet_close; it outlives its stage.
 */
weir_status weir_inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                            weir_inlet **out, weir_ref *stage);

/*
 * Pushes `count` consecutive events, all or none, by copying them.
 * Arguments  timeout_ns: WEIR_BLOCK only; how long to wait for room.  In a runtime
 *            without threads, waiting is stepping it, by its own time; then it
 *            is WEIR_TIMEOUT too, even of WEIR_FOREVER, when all stages rest, and
 *            WRONG_THREAD where another thread steps it (runtime.h).
 * Returns    WEIR_OK; WEIR_FULL (REFUSE); WEIR_TIMEOUT (BLOCK); WEIR_DROPPED
 *            (the drop policies: these events or older ones were discarded).
 * Errors     NO_STAGE once the stage has stopped, NO_MEMORY, INVALID (count above
 *            the capacity; more than one event, with more than capacity_bytes; an event with
 *            more than its type's payload_limit), WRONG_THREAD (would wait for room inside a
 *            callback, or see timeout_ns).
 * Owns       weir, what these events own: after WEIR_OK and WEIR_DROPPED; the caller
 *            still, of all of them, after anything else.
 * Cost       one allocation for a push, of so many events and their payload.
 * Threads    any number, at once; lock-free but for waiting and for memory.
 *            The events of one thread keep their order.
 */
weir_status weir_inlet_push(weir_inlet *inlet, const void *events, size_t count,
                            uint64_t timeout_ns);

/*
 * Pushes as many of `count` consecutive events as there is room for, from the first on: for who
 * may not wait, an event loop.  Whatever the policy, it does not wait, and nothing is dropped.
 * Arguments  count: any number; taken: receives how many were pushed.
 * Returns    WEIR_OK: all; WEIR_FULL: only *taken of them, 0 or more: weir_inlet_room_fd.
 * Errors     NO_STAGE, NO_MEMORY, INVALID as weir_inlet_push (an event with more than its type's
 *            payload_limit, among those that would have gone): none was pushed, *taken is 0.
 * Owns       weir, what the first *taken own; the caller still, what the others do.
 * Cost, threads  as weir_inlet_push; of events with spans each that goes is weighed twice.
 */
weir_status weir_inlet_push_some(weir_inlet *inlet, const void *events, size_t count,
                                 size_t *taken);

/*
 * A file descriptor to put into poll, epoll and the like, for reading, beside weir_stream_fd: it is
 * readable until a push finds no room (WEIR_FULL, WEIR_TIMEOUT; also of push_some, or of a mark,
 * which takes an event's), and again once
 * there is room for what that push was refused, as long as no other is; of push_some, for one event
 * more.  Also when there will be none, as the inlet takes no more: then the next push says so.
 * It may be readable for nothing now and then.  Of several pushers, for each of which it is
 * readable, the first one may take all the room: the others are refused, and it is not readable.
 * Arguments  out: receives the descriptor, the same each time.  It is weir's own: not to be read,
 *            and to be taken out of an epoll before weir_inlet_close.
 * Errors     SYSTEM: there is none to be had; INVALID: when_full is one of the drop policies.
 * Threads    any.  Cost: two system calls more for a push that finds no room, one when there is
 *            room again.
 */
weir_status weir_inlet_room_fd(weir_inlet *inlet, int *out);

/*
 * Pushes a mark (mark.h) behind all that this thread has pushed into the inlet, its ports aside: a
 * watermark, a flush, an end of file.  It goes out when nothing that was pushed into the inlet
 * before it waits there any more, whoever pushed that: sent, or dropped; whether somebody asks or
 * not.
 * Watermarks of several threads are for the program to combine; or each has a port, and weir does.
 * A mark takes the room of an event, and is not dropped for want of it; but a watermark that waits
 * right behind another of the same source takes its place.
 * Arguments  mark: copied; timeout_ns: WEIR_BLOCK only, as for weir_inlet_push.
 * Returns    WEIR_OK; WEIR_FULL (there is no room; also where events would be dropped);
 *            WEIR_TIMEOUT (BLOCK); WEIR_DROPPED (pushed, and older events are discarded).
 * Errors     INVALID: no such kind; an inlet whose dispatcher passes no marks (weir_emit_mark);
 *            NO_STAGE, NO_MEMORY, WRONG_THREAD as weir_inlet_push.
 * Cost       as a push of one event, and a message to the stage, unless it is at work.
 * Threads    as weir_inlet_push.  What is pushed as the stage stops is lost; one that was pushed
 *            before weir_inlet_finish goes out.
 */
weir_status weir_inlet_push_mark(weir_inlet *inlet, const weir_mark *mark, uint64_t timeout_ns);

/* Events and marks that wait in the inlet, its ports aside: an estimate, too high rather than too
 * low. */
size_t weir_inlet_waiting(const weir_inlet *inlet);

/* Whether the stage has stopped; not yet as long as it only finishes.  Threads: any. */
bool weir_inlet_stopped(const weir_inlet *inlet);

/* Why the stage has stopped; NORMAL, too, as long as it has not (weir_inlet_stopped).
 * Threads: any. */
weir_reason weir_inlet_reason(const weir_inlet *inlet);

/*
 * No more pushes, whoever feeds it: once what waits has been sent, the stage stops with
 * NORMAL.  (A drain of the runtime, and weir_finish on its stage, let its feeders and those who
 * hold tokens push on until they are through: ending.h.)  Returns without waiting.  What waits is
 * weir's still.  Threads: any.
 */
weir_status weir_inlet_finish(weir_inlet *inlet);

/*
 * Gives the handle back.  The stage goes on with what waits, which is weir's, then stops.  No
 * other thread may use the handle during or after the call; call it before
 * weir_runtime_close.  NULL: nothing happens.
 */
void weir_inlet_close(weir_inlet *inlet);

/*
 * A port: the inlet's fast entry for one thread.  It has a ring of its own, for
 * `capacity` events beside those of the inlet, so a push into it shares nothing
 * with other pushers: a copy, a few plain accesses and one fence, where
 * weir_inlet_push makes five locked operations and asks for memory.
 */
typedef struct weir_port weir_port;

/*
 * Opens a port.
 * Errors     NO_STAGE once the inlet was finished or has stopped, NO_MEMORY (all
 *            that it will ever need is taken here: capacity, rounded up to a power
 *            of two, times event_bytes; but for the payload of events with spans), INVALID
 *            (out is NULL; the policy is WEIR_DROP_OLDEST).
 * Threads    any.  An inlet may have any number of ports; with each, every batch
 *            that it emits costs a look more.
 * Lifetime   until weir_port_close; it outlives its stage.
 */
weir_status weir_port_open(weir_inlet *inlet, weir_port **out);

/*
 * Pushes `count` consecutive events, all or none, by copying them.
 * Arguments  count: 0 to the inlet's capacity; timeout_ns: as for weir_inlet_push.
 * Returns    as weir_inlet_push, by the inlet's policy: WEIR_OK, WEIR_FULL,
 *            WEIR_TIMEOUT, WEIR_DROPPED (these events were discarded).
 * Errors     NO_STAGE once the inlet was finished or has stopped, INVALID (events is NULL, or
 *            as weir_inlet_push), WRONG_THREAD (as weir_inlet_push); NO_MEMORY, of events with
 *            spans.
 * Owns       as weir_inlet_push.
 * Memory     payload is copied into pages of up to 64 KiB, a push's side by side.  They are filled
 *            again and again, and the port keeps as many as it ever had in use, until it is closed:
 *            a steady flow allocates nothing.  A push of more than 64 KiB has a page of its own,
 *            which goes with a later push.
 * Threads    one at a time.  Wait-free but for waiting, for discards, for memory and for
 *            waking the stage's worker when it rests.  The events of one port keep
 *            their order; between ports, and weir_inlet_push, there is none.
 */
weir_status weir_port_push(weir_port *port, const void *events, size_t count, uint64_t timeout_ns);

/*
 * Pushes as many of `count` consecutive events as there is room for in the port: as
 * weir_inlet_push_some does in the inlet.  Threads: as weir_port_push; wait-free likewise.
 */
weir_status weir_port_push_some(weir_port *port, const void *events, size_t count, size_t *taken);

/*
 * A descriptor that is readable while there is room in the port, as weir_inlet_room_fd: for events
 * or for marks, which have rooms of their own, as what was refused last.  It is taken out of an
 * epoll before weir_port_close.  Threads: as weir_port_push.
 */
weir_status weir_port_room_fd(weir_port *port, int *out);

/*
 * Pushes a mark behind all that was pushed into the port.  It takes no room of events;
 * WEIR_PORT_MARKS of them may wait, but for watermarks right behind each other, of one source,
 * which are one.
 * Watermarks are combined as those of so many producers: on goes the least of what each of the
 * inlet's ports has said last, and the inlet itself once one was pushed there, when that rises.  So
 * a port that says none holds them back, until it is closed, or says UINT64_MAX.
 * Arguments, errors  as weir_inlet_push_mark.
 * Returns    WEIR_OK; WEIR_FULL (as many wait; also where events would be dropped); WEIR_TIMEOUT
 *            (BLOCK).
 * Threads    as weir_port_push.
 */
#define WEIR_PORT_MARKS 32
weir_status weir_port_push_mark(weir_port *port, const weir_mark *mark, uint64_t timeout_ns);

/* Events that wait in the port: an estimate, too high rather than too low.  Threads: any. */
size_t weir_port_waiting(const weir_port *port);

/*
 * Gives the port back; what waits in it goes out first.  Events that came too late,
 * while the stage was stopping, are dropped, and counted as discarded, here at the latest.
 * Threads: as weir_port_push.  Call it before weir_inlet_close.  NULL: nothing happens.
 */
void weir_port_close(weir_port *port);

#ifdef __cplusplus
}
#endif
#endif
