/* A bound in bytes: demand is heard as far as there is room, and who makes room tells.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A consumer asks for events (asked) and says what it is through with (done); it
 * stores either, fences, and makes the producer's side of the edge ready (flag, exchange,
 * push: modelled in full in ready_park.pml, here one token a side). A producer that is polled
 * reads both. It hears of as many of the events asked for as there is room for, with what was
 * heard of and not sent, and of one when there is nothing. Asked for and not heard is nothing to
 * poll for: the edge cools, and the consumer's done makes it hot again.
 *
 * Mirrors: weir__edge_hear, weir__edge_unload, weir__edge_may_hear (the look behind cooling)
 * and weir__load_hears; weir__subscription_done and weir__subscription_ask; the turn's poll
 * and cool. The producer sends of what it has heard whenever it pleases.
 * Abstracted: what events weigh (all one), the ring (it has room), stacks and parking.
 *
 * Properties: never are more under way than ROOM, or one; all events arrive (no invalid end
 * state: somebody asleep with work left is a lost wake).
 *
 * Mutants (each must give an error):
 *   MUTANT_DONE_UNTOLD      done is stored, the producer is told of asks alone
 *   MUTANT_DONE_LATE        it is told before done is stored
 *   MUTANT_NO_TELL_FENCE    no fence between done and the look at the producer's flag
 *   MUTANT_NO_COOL_FENCE    none between flag = 0 and the look behind it
 *   MUTANT_NO_COOL_RECHECK  no look behind it
 *   MUTANT_LOOK_AT_ASKS     that look is at asked alone, as where nothing is bounded
 *   MUTANT_HEARS_ALL        all that is asked for is heard of
 *   MUTANT_HEARD_FORGOTTEN  what was heard of and not sent takes no room
 *   MUTANT_NEVER_ONE        none is heard of when one is more than all the room
 */
#ifndef EVENTS
#define EVENTS 4
#endif
#ifndef ROOM
#define ROOM 2 /* events that may be under way; 0: less than one */
#endif
#define WINDOW 3 /* max_demand; it asks when a batch of two is handled */

#define TAIL 0  /* events sent: the producer's */
#define ASKED 1 /* the consumer's */
#define DONE 2  /* likewise */
#define PRODUCER_FLAG 3
#define CONSUMER_FLAG 4
#define CELLS 5
#define PROCESSES 2
#define BUFFER 5
#define P 0
#define C 1
#include "tso.h"

bool producer_woken, consumer_woken; /* membership of the ready list */
byte sent, handled;                  /* as they are, for the assertion */

inline tell(me, flag, woken) {
    if
    :: memory[flag] == 1
    :: memory[flag] == 0 ->
        atomic {
            exchange(me, flag, 1, old);
            if
            :: old == 0 -> assert(!woken); woken = true
            :: else
            fi;
            old = 0
        }
    fi
}

#define UNDER_WAY (sent - done)
#define OPEN      (seen - sent)
#ifdef MUTANT_HEARD_FORGOTTEN
#define TAKEN UNDER_WAY
#else
#define TAKEN (UNDER_WAY + OPEN)
#endif
#ifdef MUTANT_HEARS_ALL
#define HEARS true
#else
#ifdef MUTANT_NEVER_ONE
#define HEARS (TAKEN < ROOM)
#else
#define HEARS (TAKEN < ROOM || seen == done)
#endif
#endif

/* What the consumer is through with is unloaded, then what is asked for is heard. */
inline poll() {
    atomic { done = memory[DONE]; asked = memory[ASKED] }
    do
    :: atomic { seen < asked && HEARS -> seen++ }
    :: seen == asked || !HEARS -> break
    od
}

inline look_again() {
#ifndef MUTANT_NO_COOL_RECHECK
    if
#ifdef MUTANT_LOOK_AT_ASKS
    :: memory[ASKED] != seen && HEARS ->
#else
    :: memory[DONE] != done || (memory[ASKED] != seen && HEARS) ->
#endif
        atomic {
            exchange(P, PRODUCER_FLAG, 1, old);
            hot = (old == 0); /* 1: a publisher was first, and has pushed us */
            old = 0
        }
    :: else -> hot = false
    fi
#else
    hot = false
#endif
}

active proctype producer() {
    byte seen, done, asked, old;
    bool hot;

    do
    :: sent == EVENTS -> break
    :: sent < EVENTS && sent < seen -> /* emit one, whenever it pleases */
        atomic {
            sent++;
            assert(sent - handled <= ROOM || sent - handled == 1);
            store(P, TAIL, sent)
        }
        full_fence(P);
        tell(P, CONSUMER_FLAG, consumer_woken)
    :: atomic { sent < EVENTS && !hot && producer_woken -> producer_woken = false; hot = true };
        poll()
    :: sent < EVENTS && hot ->
        poll();
        assert(!producer_woken);
        store(P, PRODUCER_FLAG, 0);
#ifndef MUTANT_NO_COOL_FENCE
        full_fence(P);
#endif
        look_again()
    od
}

inline publish() {
#ifndef MUTANT_NO_TELL_FENCE
    full_fence(C);
#endif
    tell(C, PRODUCER_FLAG, producer_woken)
}

active proctype consumer() {
    byte got, wanted, tail, old;
    bool hot;

    wanted = WINDOW;
    store(C, ASKED, wanted);
    full_fence(C);
    tell(C, PRODUCER_FLAG, producer_woken);
    do
    :: got == EVENTS -> break
    :: atomic { got < EVENTS && !hot && consumer_woken -> consumer_woken = false; hot = true }
    :: atomic { got < EVENTS && hot -> tail = memory[TAIL] };
        if
        :: tail > got ->
            atomic { got++; handled++; tail = 0 }
#ifdef MUTANT_DONE_LATE
            publish();
            store(C, DONE, got);
#else
            store(C, DONE, got);
#ifndef MUTANT_DONE_UNTOLD
            publish();
#endif
#endif
            if
            :: wanted - got < WINDOW - 1 ->
                atomic { wanted = got + WINDOW; store(C, ASKED, wanted) };
                publish()
            :: else
            fi
        :: else ->
            tail = 0;
            store(C, CONSUMER_FLAG, 0);
            full_fence(C);
            if
            :: memory[TAIL] > got ->
                atomic { exchange(C, CONSUMER_FLAG, 1, old); hot = (old == 0); old = 0 }
            :: else -> hot = false
            fi
        fi
    od
}
