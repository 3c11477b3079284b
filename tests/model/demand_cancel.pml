/* An edge's life: demand, the crossing of its ends, give-back, who frees it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Everything is a position of events. The consumer alone writes
 * asked, the producer alone sent. Either end may go at any time:
 *   cancel    the consumer sends CANCEL, or the producer decides by itself; it
 *             reads asked once more, emits or not, tells what it published,
 *             writes final = sent and sends CLOSE
 *   producer  stops: the same, unasked
 *   CLOSE     the consumer takes ring and overflow until received == final,
 *             handles what waits, and is done; CLOSE hands it the overflow.  If
 *             the producer goes on it says so: LEFT, with its reference
 *   consumer  stops: sends DOWN with what it had received and not begun; DOWN
 *             hands over the ring's reading end as well, and the producer's
 *             worker gives all of it back, or discards it if its stage is gone
 * An edge counts references: one a side (passed on with CLOSE and DOWN), one
 * for a CANCEL in flight, one for each direction that is listed or hot.
 *
 * Mirrors: weir__edge_ask, _demand, _send, _flush, _take, _recover, _hold and
 * _release; weir__subscription_attach, _end, _close, _closes, _finish and _down;
 * weir__stage_leave_consumers and _leave_producers;
 * weir__mail_bounce; weir__outbox_flush; take and cool of the turn.
 * Abstracted: two workers, each with one stage; an event is a slice; memory is
 * sequentially consistent, which loses nothing here: mail is pushed by a
 * read-modify-write that drains the store buffer, asked and the ring each go
 * one way, where a late store looks like an early read, and the two-way
 * exchanges (readiness, room) have models of their own with store buffers.
 * The first choice is who may do what; what is then possible must lead to the
 * end with nothing else to help, so a lost CLOSE is an invalid end state.
 *
 * Properties (asserted): sent <= asked; events are settled (handled, given back
 * or discarded) once each and in order, and all that was sent is settled in the
 * end; only the owner of the reading end takes from the ring; nobody touches the
 * edge after it was freed; it is freed once, empty, by the last to let go.
 *
 * NO_LAST_READ leaves out the reading of asked on CANCEL: no account is hurt, an
 * ask just before a cancel is then merged into nothing.
 *
 * Mutants (each must give an error):
 *   MUTANT_CLOSE_AT_ONCE       the consumer ends without received == final
 *   MUTANT_DEMAND_TWICE        asked is added at each reading, like a message
 *   MUTANT_NO_CANCEL_REFERENCE CANCEL flies without a reference
 *   MUTANT_NO_LIST_REFERENCE   a listed edge has none
 *   MUTANT_DOUBLE_RELEASE      the producer's goes with CLOSE and is dropped too
 *   MUTANT_NO_RING_GIVE_BACK   DOWN: the ring's rest is forgotten
 *   MUTANT_NO_OVERFLOW_GIVE_BACK  DOWN: the overflow is forgotten
 *   MUTANT_DEAD_END_DRAINS     CLOSE to a stopped consumer empties the ring
 *   MUTANT_SEND_AFTER_CLOSE    the producer emits between CLOSE and the end
 *   MUTANT_TELL_AFTER_CLOSE    what was published is told after CLOSE is sent
 *   MUTANT_TELL_AFTER_RELEASE  DOWN: it is told after the edge was let go
 *   MUTANT_NO_HEAT_ON_CLOSE    CLOSE to a cold edge does not make it hot
 *   MUTANT_LEFT_IS_NOBODYS     LEFT: the reference that came with it is kept
 *   MUTANT_CLOSE_AGAIN         CANCEL closes an edge that was closed already
 */
#ifndef EVENTS
#define EVENTS 3
#endif
#ifndef WINDOW
#define WINDOW 2 /* max_demand */
#endif
#define RING 1 /* entries; the rest overflows */

#define DEMAND 0
#define DATA 1

mtype = { OPEN, CANCEL, DOWN, LEFT, CLOSE };

bool may_cancel, may_evict, may_stop_producer, may_stop_consumer;

/* The edge. */
byte refs = 2;
bool freed;
bool raised[2], stacked[2]; /* by direction */
chan ring = [RING] of { byte };
chan overflow = [EVENTS] of { byte };
chan returned = [EVENTS] of { byte };
byte asked, sent, final;
bool goes_on; /* with CLOSE: the producer, after it */

chan to_producer = [3] of { mtype };
chan to_consumer = [2] of { mtype };

byte settled;          /* events 1 .. settled have met their end */
bool consumer_reads = true; /* who holds the ring's reading end */
byte finished;

#define touch assert(!freed)

inline settle(event) {
    assert(event == settled + 1);
    settled++;
    event = 0
}

inline hold() {
    atomic { touch; refs++ }
}

inline release() {
    atomic {
        assert(!freed && refs > 0);
        refs--;
        if
        :: refs == 0 ->
            freed = true;
            assert(len(ring) == 0 && len(overflow) == 0 && len(returned) == 0)
        :: else
        fi
    }
}

#ifdef MUTANT_NO_LIST_REFERENCE
#define hold_list() skip
#define release_list() skip
#else
#define hold_list() hold()
#define release_list() release()
#endif

/* The outbox: raises that direction and lists it, unless it is raised. */
inline tell(direction) {
    atomic { touch; was = raised[direction]; raised[direction] = true }
    if
    :: !was ->
        hold_list();
        atomic { touch; assert(!stacked[direction]); stacked[direction] = true }
    :: else -> was = false
    fi
}

/* The owner takes its stack; an edge that is not its own any more is let go. */
inline take_listed(direction, ours) {
    atomic { stacked[direction] = false; touch }
    if
    :: ours -> atomic { assert(!hot); hot = true }
    :: else ->
        atomic { touch; raised[direction] = false }
        release_list()
    fi
}

inline unheat() {
    if
    :: hot -> hot = false; release_list()
    :: else
    fi
}

inline cool(direction, work) {
    atomic { touch; raised[direction] = false }
    if
    :: atomic { work ->
        was = raised[direction];
        raised[direction] = true;
        if
        :: was -> was = false
        :: else -> goto hot_still
        fi }
    :: else
    fi
    unheat();
hot_still:
    skip
}

/* ---- the producer's worker ------------------------------------------------- */

inline poll_demand() {
    atomic {
        touch;
        open = open + asked - asked_seen;
#ifndef MUTANT_DEMAND_TWICE
        asked_seen = asked;
#endif
        do
        :: len(overflow) > 0 && len(ring) < RING ->
            overflow?event;
            ring!event;
            event = 0;
            pending = true
        :: else -> break
        od
    }
}

inline emit() {
    atomic {
        touch;
        assert(sent < asked);
        sent++;
        open--;
        pending = true;
        if
        :: len(overflow) == 0 && len(ring) < RING -> ring!sent
        :: else -> overflow!sent
        fi
    }
}

inline flush_outbox() {
    if
    :: pending -> pending = false; tell(DATA)
    :: else
    fi
}

/* Sends CLOSE; the producer's reference goes with it. */
inline close_edge(by_cancel) {
    unheat();
#ifndef MUTANT_TELL_AFTER_CLOSE
    flush_outbox();
#endif
    atomic {
        touch;
        attached = false;
        final = sent;
        goes_on = by_cancel;
        to_consumer!CLOSE
    }
#ifdef MUTANT_DOUBLE_RELEASE
    release();
#endif
}

inline give_back() {
    atomic {
        touch;
        do
        :: len(returned) > 0 -> returned?event; settle(event)
#ifndef MUTANT_NO_RING_GIVE_BACK
        :: len(returned) == 0 && len(ring) > 0 ->
            assert(!consumer_reads);
            ring?event;
            settle(event)
#endif
#ifndef MUTANT_NO_OVERFLOW_GIVE_BACK
        :: len(returned) == 0 && len(ring) == 0 && len(overflow) > 0 ->
            overflow?event;
            settle(event)
#endif
        :: else -> break
        od
    }
}

#define can_emit (attached && open > 0 && sent < EVENTS)
#define has_demand                                                             \
    (asked != asked_seen || (len(overflow) > 0 && len(ring) < RING))

proctype producer() {
    byte open, asked_seen, event;
    bool alive = true, attached, gone, hot, pending, was;

    do
    :: to_producer?OPEN ->
        if
        :: alive -> attached = true; poll_demand()
        :: else -> close_edge(false) /* no such stage */
        fi
    :: to_producer?CANCEL ->
        touch;
        if
#ifdef MUTANT_CLOSE_AGAIN
        :: alive ->
#else
        :: attached ->
#endif
#ifndef NO_LAST_READ
            poll_demand(); /* what was asked before the cancel counts */
#endif
            do
            :: can_emit -> emit()
            :: break
            od;
            close_edge(true);
#ifdef MUTANT_SEND_AFTER_CLOSE
            if
            :: open > 0 && sent < EVENTS -> emit()
            :: true
            fi
#endif
        :: else
        fi;
#ifndef MUTANT_NO_CANCEL_REFERENCE
        release();
#endif
        flush_outbox()
    :: to_producer?DOWN ->
        touch;
        gone = attached;
        if
        :: attached ->
            do /* handle_cancel may emit, and the dispatcher still knows it */
            :: can_emit -> emit()
            :: break
            od;
            attached = false;
            unheat()
        :: else
        fi;
        give_back();
#ifndef MUTANT_TELL_AFTER_RELEASE
        flush_outbox();
#endif
        if
        :: gone -> gone = false; release() /* the producer's side */
        :: else
        fi;
        release(); /* the consumer's side */
        flush_outbox()
    :: to_producer?LEFT ->
        touch;
        assert(settled == sent);
#ifndef MUTANT_LEFT_IS_NOBODYS
        release(); /* the consumer's side */
#endif
    :: atomic { may_evict && attached -> may_evict = false };
        poll_demand();
        close_edge(true);
        flush_outbox()
    :: stacked[DEMAND] -> take_listed(DEMAND, attached)
    :: hot && has_demand -> poll_demand(); flush_outbox()
    :: hot && !has_demand -> cool(DEMAND, has_demand)
    :: can_emit -> emit(); flush_outbox()
    :: atomic { may_stop_producer && alive -> alive = false };
        if
        :: attached ->
            do /* what its last callback has emitted */
            :: can_emit -> emit()
            :: break
            od;
            close_edge(false)
        :: else
        fi;
        flush_outbox()
    :: freed && len(to_producer) == 0 && !stacked[DEMAND] -> break
    od;
    finished++
}

/* ---- the consumer's worker ------------------------------------------------- */

#define has_events (len(ring) > 0 || (closing && !ended))

proctype consumer() {
    byte received, event;
    bool subscribed, closing, ended, cancelled, hot, was;
    chan waiting = [EVENTS] of { byte }; /* received, not begun */

    atomic {
        subscribed = true;
        asked = WINDOW;
        to_producer!OPEN
    }
    do
    :: to_consumer?CLOSE ->
        touch;
        if
        :: subscribed ->
            closing = true;
#ifdef MUTANT_CLOSE_AT_ONCE
            ended = true;
#endif
#ifndef MUTANT_NO_HEAT_ON_CLOSE
            if
            :: !hot ->
                atomic { touch; was = raised[DATA]; raised[DATA] = true }
                if
                :: was -> was = false /* its publisher has listed it, or will */
                :: else -> hold_list(); hot = true
                fi
            :: else
            fi
#endif
        :: else
#ifdef MUTANT_DEAD_END_DRAINS
            ;
            atomic {
                do
                :: len(ring) > 0 ->
                    assert(consumer_reads);
                    ring?event;
                    settle(event)
                :: else -> break
                od
            }
#endif
        fi;
        release() /* the producer's side */
    :: stacked[DATA] -> take_listed(DATA, subscribed)
    :: atomic { hot && !ended && len(ring) > 0 ->
        touch;
        assert(consumer_reads);
        ring?event;
        received++;
        waiting!event;
        event = 0 }
    :: atomic { hot && closing && !ended && len(ring) == 0 && len(overflow) > 0 ->
        touch;
        overflow?event;
        received++;
        waiting!event;
        event = 0 }
    :: atomic { closing && hot && !ended && received == final -> touch; ended = true }
    :: hot && !has_events -> cool(DATA, has_events)
    :: atomic { subscribed && len(waiting) > 0 -> waiting?event; settle(event) };
        if
        :: asked < EVENTS ->
            atomic { touch; asked++ }
            tell(DEMAND)
        :: else
        fi
    :: subscribed && ended && len(waiting) == 0 ->
        subscribed = false;
        unheat();
        if
        :: goes_on -> atomic { touch; to_producer!LEFT } /* with the consumer's reference */
        :: else -> release()
        fi
    :: atomic { may_cancel && subscribed && !closing && !cancelled -> cancelled = true };
#ifndef MUTANT_NO_CANCEL_REFERENCE
        hold();
#endif
        to_producer!CANCEL
    :: atomic { may_stop_consumer && subscribed ->
            subscribed = false;
            do
            :: len(waiting) > 0 -> waiting?event; returned!event; event = 0
            :: else -> break
            od };
        unheat();
        atomic { touch; consumer_reads = false; to_producer!DOWN }
    :: freed && len(to_consumer) == 0 && !stacked[DATA] -> break
    od;
    finished++
}

init {
    atomic {
        if
        :: may_cancel = true
        :: true
        fi;
        if
        :: may_evict = true
        :: true
        fi;
        if
        :: may_stop_producer = true
        :: true
        fi;
        if
        :: may_stop_consumer = true
        :: may_cancel || may_evict || may_stop_producer
        fi;
        run producer();
        run consumer()
    }
    finished == 2;
    assert(settled == sent && refs == 0)
}
