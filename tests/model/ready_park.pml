/* Readiness and sleep: who is hot, who is listed, and no wake is ever lost.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Edges, stages (slots) and workers are hot or cold. A hot one is
 * polled by its owner and costs publishers one fence and one load. A cold one
 * is listed by the first publisher: edge on its slot's stack `edges`, slot on
 * the worker's stack `ready`, worker woken by futex. The owner takes stacks
 * whole, and cools what stayed empty: raised = 0, full fence, look again, and
 * if there is something after all, take it back by exchange. What the owner
 * makes hot by itself (a CLOSE came by mail) it claims by the same exchange.
 *
 * Mirrors: outbox_flush_pending and ready_raise (publisher), ready_push,
 * bell_ring (wake), bell_collect, ready_collect, edge_heat (claim_edge),
 * ready_queue (claim_slot), ready_lower and ready_retake in the turn's cool,
 * ready_cool_stage, bell_park, mail_send (sender), all weir__.
 * Abstracted: one worker, one slot with two edges, a publisher for each and one
 * sender to the mailbox, whose mail makes edge 0 hot; a stack is a set (order
 * does not matter here); an edge is cooled at its first empty poll; a poll
 * consumes all that it sees.
 *
 * Properties: all that was published is consumed (no invalid end state: asleep
 * with work left is a lost wake); an edge or slot comes once, and never while
 * the owner has it already (asserted).
 * ONE_LINK verifies a stricter form, for nodes whose one link field serves the
 * stack and the owner's list: unlinked before raised = 0.
 * INLAND begins with a slot that no other worker knows: its owner keeps the token, and neither
 * cools nor claims it. The mail is what tells of an edge abroad, and the publishers come behind it.
 * OUTSIDE has a worker that sleeps where descriptors wake it, too, from its mail on (which is what
 * starts a poller): parked is 2 there, and who makes that 0 signals an event that nobody reads: an
 * edge, which is told once, to whoever looks or sleeps there. A descriptor becomes ready at any
 * time, and stays so until it is read. An owner that is awake looks there, too, and is told the
 * edge then.
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_PUBLISHER_FENCE  data stored, raised loaded, no fence between
 *   MUTANT_NO_COOL_FENCE       edge: raised = 0, look, no fence between
 *   MUTANT_NO_COOL_RECHECK     edge: raised = 0 and away
 *   MUTANT_COOL_STAYS          edge: kept hot whatever the exchange said
 *   MUTANT_COOL_LEAVES         edge: dropped whatever the exchange said
 *   MUTANT_CLAIM_BLIND         edge: claimed whatever the exchange said
 *   MUTANT_NO_SLOT_FENCE, MUTANT_NO_SLOT_RECHECK, MUTANT_SLOT_STAYS,
 *   MUTANT_SLOT_LEAVES, MUTANT_SLOT_CLAIM_BLIND   the same for the slot
 *   MUTANT_SLOT_FIRST          publisher lists the slot before the edge
 *   MUTANT_NO_PARK_FENCE       parked = 1, look, no fence between
 *   MUTANT_NO_PARK_RECHECK     futex_wait without looking again
 *   MUTANT_NO_MAIL_RECHECK     the look forgets the mailbox
 *   MUTANT_BLIND_WAIT          the kernel does not compare before it sleeps
 * with ONE_LINK:
 *   MUTANT_UNLINK_LATE         edge leaves the hot list after raised = 0
 * with INLAND:
 *   MUTANT_ABROAD_UNNOTICED    the owner goes on as if nobody else knew the slot
 * with OUTSIDE:
 *   MUTANT_OUTSIDE_UNRUNG      who rings looks for a sleeper at the futex alone
 *   MUTANT_WRONG_BED           who rings wakes the futex, wherever the owner sleeps
 *   MUTANT_OUTSIDE_LATE        the stacks are looked at, and then parked is 2
 *   MUTANT_EVENT_LATE          parked is 2, and then it is said what event that is
 *   MUTANT_LOOKS_AGAIN         it looks at its descriptors once more behind parked = 2, and is told
 *                              the edge; what was not one it would find again
 *   MUTANT_DEAF                it sleeps for the event alone
 */
#ifndef BATCHES
#define BATCHES 2 /* of each publisher */
#endif
#define EDGES 2

#define DATA 0      /* DATA + e: batches published on edge e */
#define RAISED 2 /* RAISED + e: 1 from listing to cooling */
#define SLOT_RAISED 4
#define PARKED 5 /* 1: at the futex; 2: outside */
#define EVENT 6  /* the event is known */
#define CELLS 7
#define PROCESSES 4
#define BUFFER 4
#define OWNER 2
#define SENDER 3
#include "tso.h"

/* The stacks: only ever changed by read-modify-write, so never buffered. */
bool edges[EDGES]; /* edge e is on the slot's stack */
bool ready;        /* the slot is on the worker's stack */
bool mail;

bool hot[EDGES]; /* the owner's list of hot edges */
bool runnable;   /* the owner's list of runnable slots */
bool asleep;     /* in futex_wait */

#ifdef INLAND
bool abroad; /* the owner has heard of an edge to another worker */
bool kept;   /* it has the slot's token, though the slot does not run */
#define keep_token()  kept = true
#define spend_token() kept = false
#ifdef MUTANT_ABROAD_UNNOTICED
#define goes_abroad() skip
#else
#define goes_abroad() abroad = true
#endif
#else
#define abroad        true
#define kept          false
#define keep_token()  skip
#define spend_token() skip
#define goes_abroad() skip
#endif

#ifdef OUTSIDE
bool outside;    /* the owner sleeps there from now on */
bool signalled;  /* the event's edge, not told yet */
bool readable;   /* the descriptor */
bool heard;      /* it was read */
#define goes_outside()                                                         \
    atomic {                                                                   \
        if                                                                     \
        :: !outside -> outside = true; store(OWNER, EVENT, 1)                  \
        :: else                                                                \
        fi                                                                     \
    }
#ifdef MUTANT_EVENT_LATE
#undef goes_outside
#define goes_outside() outside = true
#endif

active proctype world() {
    readable = true
}
#else
#define outside        false
#define heard          true
#define goes_outside() skip
#endif

#ifdef MUTANT_OUTSIDE_UNRUNG
#define may_sleep (memory[PARKED] == 1)
#else
#define may_sleep (memory[PARKED] != 0)
#endif

inline wake(me) {
    if
    :: may_sleep ->
        atomic { exchange(me, PARKED, 0, old) }
        if
        :: old == 1 -> atomic { old = 0; asleep = false } /* futex_wake */
#ifdef OUTSIDE
        :: old == 2 ->
#ifdef MUTANT_WRONG_BED
            atomic { old = 0; asleep = false }
#else
            atomic { assert(memory[EVENT] == 1); old = 0; signalled = true }
#endif
#endif
        :: else
        fi
    :: else
    fi
}

inline push_edge(e) {
    atomic {
        empty(buffer[e]);
        assert(!edges[e]);
#ifdef ONE_LINK
        assert(!hot[e]);
#endif
        edges[e] = true
    }
}

inline list_slot(e) {
    atomic { exchange(e, SLOT_RAISED, 1, old) }
    if
    :: old == 0 ->
        atomic {
            assert(!ready && !runnable);
            ready = true
        }
        wake(e)
    :: else -> old = 0
    fi
}

proctype publisher(byte e) {
    byte sent, old;
    do
    :: sent == BATCHES -> break
    :: else ->
        atomic { sent++; store(e, DATA + e, sent) }
#ifndef MUTANT_NO_PUBLISHER_FENCE
        full_fence(e);
#endif
        if
        :: memory[RAISED + e] == 1
        :: memory[RAISED + e] == 0 ->
            atomic { exchange(e, RAISED + e, 1, old) }
            if
            :: old == 1 -> old = 0
            :: else ->
#ifdef MUTANT_SLOT_FIRST
                list_slot(e);
                push_edge(e)
#else
                push_edge(e);
                list_slot(e)
#endif
            fi
        fi
    od
}

active proctype sender() {
    byte old;
#ifdef INLAND
    memory[SLOT_RAISED] == 1; /* as it begins */
#endif
    atomic { mail = true }
    wake(SENDER);
#ifdef INLAND
    atomic { run publisher(0); run publisher(1) }
#endif
}

inline cool_edge(e) {
#if defined(ONE_LINK) && !defined(MUTANT_UNLINK_LATE)
    hot[e] = false;
#endif
    store(OWNER, RAISED + e, 0);
#ifndef MUTANT_NO_COOL_FENCE
    full_fence(OWNER);
#endif
    if
#ifndef MUTANT_NO_COOL_RECHECK
    :: memory[DATA + e] > got[e] ->
        atomic {
            exchange(OWNER, RAISED + e, 1, old);
#if defined(MUTANT_COOL_STAYS)
            hot[e] = true;
#elif defined(MUTANT_COOL_LEAVES)
            hot[e] = false;
#else
            hot[e] = (old == 0);
#endif
            old = 0
        }
#endif
    :: else -> hot[e] = false
    fi
}

inline cool_slot() {
    if
    :: abroad -> cool_slot_abroad()
    :: else -> atomic { runnable = false; keep_token() }
    fi
}

inline cool_slot_abroad() {
    runnable = false; /* taken out of the run list to run */
    store(OWNER, SLOT_RAISED, 0);
#ifndef MUTANT_NO_SLOT_FENCE
    full_fence(OWNER);
#endif
    if
#ifndef MUTANT_NO_SLOT_RECHECK
    :: edges[0] || edges[1] ->
        atomic {
            exchange(OWNER, SLOT_RAISED, 1, old);
#if defined(MUTANT_SLOT_STAYS)
            runnable = true;
#elif defined(MUTANT_SLOT_LEAVES)
            runnable = false;
#else
            runnable = (old == 0);
#endif
            old = 0
        }
#endif
    :: else -> runnable = false
    fi
}

inline take_edges() {
    atomic {
        edges[0] || edges[1] ->
        empty(buffer[OWNER]);
        assert(!(edges[0] && hot[0]) && !(edges[1] && hot[1]));
        hot[0] = hot[0] || edges[0];
        hot[1] = hot[1] || edges[1];
        edges[0] = false;
        edges[1] = false
    }
}

inline visit(e) {
    if
    :: hot[e] ->
        if
        :: atomic { memory[DATA + e] > got[e] -> got[e] = memory[DATA + e] }
        :: else -> cool_edge(e)
        fi
    :: else
    fi
}

inline claim_edge(e) {
    if
    :: !hot[e] ->
        atomic {
            exchange(OWNER, RAISED + e, 1, old);
#ifdef MUTANT_CLAIM_BLIND
            hot[e] = true;
#else
            hot[e] = (old == 0); /* 1: its publisher brings it */
#endif
            old = 0
        }
    :: else
    fi
}

inline claim_slot() {
    if
    :: !runnable && kept -> atomic { runnable = true; spend_token() }
    :: !runnable && !kept ->
        atomic {
            exchange(OWNER, SLOT_RAISED, 1, old);
#ifdef MUTANT_SLOT_CLAIM_BLIND
            runnable = true;
#else
            runnable = (old == 0);
#endif
            old = 0
        }
    :: else
    fi
}

#ifdef OUTSIDE
inline park_outside() {
#ifndef MUTANT_OUTSIDE_LATE
    store(OWNER, PARKED, 2);
#ifdef MUTANT_EVENT_LATE
    store(OWNER, EVENT, 1);
#endif
    full_fence(OWNER);
#endif
#ifdef MUTANT_LOOKS_AGAIN
    look_outside();
#endif
    if
    :: ready || mail -> store(OWNER, PARKED, 0)
    :: else ->
#ifdef MUTANT_OUTSIDE_LATE
        store(OWNER, PARKED, 2);
#endif
        atomic { /* epoll_wait: a system call, behind full barriers */
            empty(buffer[OWNER]);
#ifdef MUTANT_DEAF
            signalled;
#else
            signalled || readable;
#endif
            signalled = false
        }
        atomic { exchange(OWNER, PARKED, 0, old); old = 0 }
    fi
}

inline look_outside() {
    atomic {
        empty(buffer[OWNER]);
        signalled = false;
        if
        :: readable -> readable = false; heard = true
        :: else
        fi
    }
}
#endif

inline park() {
    store(OWNER, PARKED, 1);
#ifndef MUTANT_NO_PARK_FENCE
    full_fence(OWNER);
#endif
    if
#ifndef MUTANT_NO_PARK_RECHECK
#ifdef MUTANT_NO_MAIL_RECHECK
    :: ready -> store(OWNER, PARKED, 0)
#else
    :: ready || mail -> store(OWNER, PARKED, 0)
#endif
#endif
    :: else ->
        atomic { /* futex_wait: a system call, behind full barriers */
            empty(buffer[OWNER]);
#ifdef MUTANT_BLIND_WAIT
            asleep = true
#else
            asleep = (memory[PARKED] == 1)
#endif
        }
        !asleep;
        atomic { exchange(OWNER, PARKED, 0, old); old = 0 }
    fi
}

#define all_done (got[0] == BATCHES && got[1] == BATCHES && mailed && heard)

active proctype owner() {
    byte old;
    byte got[EDGES];
    bool mailed;

#ifdef INLAND
    atomic { memory[SLOT_RAISED] = 1; kept = true }
#else
    atomic { run publisher(0); run publisher(1) }
#endif
    do
    :: all_done -> break
    :: else ->
        if
        :: atomic { ready -> empty(buffer[OWNER]);
            assert(!runnable); ready = false; runnable = true }
        :: else
        fi;
        if
        :: atomic { mail -> empty(buffer[OWNER]); mail = false; mailed = true; goes_abroad() };
            goes_outside();
            claim_edge(0);
            claim_slot()
        :: else
        fi;
        if
        :: runnable ->
            if
            :: take_edges()
            :: else
            fi;
            visit(0);
            visit(1);
            if
            :: !hot[0] && !hot[1] -> cool_slot()
            :: else
            fi
        :: else ->
#ifdef OUTSIDE
            if
            :: outside -> look_outside()
            :: else
            fi;
#endif
            if
            :: all_done /* it would sleep for good, and rightly */
#ifdef OUTSIDE
            :: !all_done && outside -> park_outside()
#endif
            :: !all_done && !outside -> park()
            fi
        fi
    od
}
