/* Ring full: overflow, wants_room, and who must fence before reading what.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A producer that finds the ring full puts its events in a private
 * overflow, sets wants_room, fences and looks at the ring again. A consumer
 * that has emptied half of the ring reads wants_room and, if set, makes the
 * producer's side of the edge ready (flag, exchange, push: modelled in full in
 * ready_park.pml, here one token a side).
 *
 * Mirrors: weir__edge_send (emit), weir__edge_flush, weir__edge_made_room (the
 * hint) and weir__edge_wants_room (behind cooling), the turn's poll and cool.
 * The library is TEST_AT_COOLING.
 * Abstracted: demand (the producer may always emit), slices (one event an
 * entry), the stacks and the workers' parking.
 *
 * Two correct variants are verified:
 *   FENCE_AT_HALF    the consumer fences between storing its ring position and
 *                    loading wants_room at the half mark;
 *   TEST_AT_COOLING  it loads wants_room there with no fence, as a hint, and
 *                    loads it again after the fence that cooling executes
 *                    anyway. The hint may miss; the cooling cannot.
 * HINT_UNFENCED, with the second, leaves out even the fence between the hint
 * and the load of the producer's flag: no wake is lost, one may come late.
 *
 * Properties: events arrive once each and in order (asserted), and all of them
 * arrive (no invalid end state: somebody asleep with work left is a lost wake).
 *
 * Mutants (each must give an error):
 *   neither variant                no fence from ring position to wants_room
 *   MUTANT_NO_WANT_FENCE           none from wants_room to the second look
 *   MUTANT_NO_WANT_RECHECK         no second look after setting wants_room
 *   MUTANT_NO_COOL_FENCE           producer: none from flag = 0 to its look
 *   MUTANT_NO_COOL_RECHECK         producer: no look after flag = 0
 *   MUTANT_NO_PUBLISH_AFTER_REFILL overflow moved to the ring, nobody told
 *   MUTANT_OVERTAKE                a new event takes the ring past overflow
 *   MUTANT_CLEAR_EARLY             wants_room cleared on being woken
 */
#ifndef EVENTS
#define EVENTS 5
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif

#define SLOT 0              /* SLOT .. SLOT + CAPACITY - 1: the ring's entries */
#define TAIL CAPACITY       /* producer's ring position */
#define HEAD (CAPACITY + 1) /* consumer's ring position */
#define WANT (CAPACITY + 2) /* wants_room: producer writes, consumer reads */
#define PRODUCER_FLAG (CAPACITY + 3)
#define CONSUMER_FLAG (CAPACITY + 4)
#define CELLS (CAPACITY + 5)
#define PROCESSES 2
#define BUFFER 5
#define P 0
#define C 1
#include "tso.h"

bool producer_woken, consumer_woken; /* membership of the ready list */
chan overflow = [EVENTS] of { byte };
byte got;

/* Publish for the other side: its flag is read after our stores are out. */
inline publish_data() {
    full_fence(P);
    if
    :: memory[CONSUMER_FLAG] == 1
    :: memory[CONSUMER_FLAG] == 0 ->
        atomic {
            exchange(P, CONSUMER_FLAG, 1, old);
            if
            :: old == 0 -> assert(!consumer_woken); consumer_woken = true
            :: else
            fi;
            old = 0
        }
    fi
}

inline publish_room() {
    if
    :: memory[PRODUCER_FLAG] == 1
    :: memory[PRODUCER_FLAG] == 0 ->
        atomic {
            exchange(C, PRODUCER_FLAG, 1, flag);
            if
            :: flag == 0 -> assert(!producer_woken); producer_woken = true
            :: else
            fi;
            flag = 0
        }
    fi
}

/* Moves overflow to the ring against one read of the consumer's position. */
inline flush() {
    atomic { head = memory[HEAD]; moved = false }
    do
    :: atomic { len(overflow) > 0 && tail - head < CAPACITY ->
        overflow?value };
        store(P, SLOT + (tail % CAPACITY), value);
        atomic { tail++; store(P, TAIL, tail); value = 0; moved = true }
    :: len(overflow) == 0 || tail - head >= CAPACITY -> break
    od;
    head = 0;
    if
    :: atomic { want && len(overflow) == 0 -> want = false }; store(P, WANT, 0)
    :: else
    fi
}

inline refill() {
    flush();
    if
    :: moved ->
#ifndef MUTANT_NO_PUBLISH_AFTER_REFILL
        publish_data();
#endif
        moved = false
    :: else
    fi
}

active proctype producer() {
    byte tail, head, value, old;
    byte next = 1;
    bool hot, want, moved;

    do
    :: next > EVENTS && len(overflow) == 0 -> break
    :: next <= EVENTS -> /* emit one, whenever it pleases */
        atomic {
            head = memory[HEAD];
            if
#ifdef MUTANT_OVERTAKE
            :: tail - head < CAPACITY ->
#else
            :: len(overflow) == 0 && tail - head < CAPACITY ->
#endif
                moved = true
            :: else -> overflow!next; moved = false
            fi;
            head = 0
        }
        if
        :: moved ->
            store(P, SLOT + (tail % CAPACITY), next);
            atomic { tail++; store(P, TAIL, tail) };
            publish_data()
        :: else
        fi;
        atomic { next++; moved = false }
        if
        :: len(overflow) > 0 && !want ->
            want = true;
            store(P, WANT, 1);
#ifndef MUTANT_NO_WANT_FENCE
            full_fence(P);
#endif
#ifndef MUTANT_NO_WANT_RECHECK
            refill();
#endif
        :: else
        fi
    :: atomic { producer_woken -> producer_woken = false; hot = true };
#ifdef MUTANT_CLEAR_EARLY
        want = false;
        store(P, WANT, 0);
#endif
        refill()
    :: hot -> /* cool: flag off, fence, look again */
        assert(!producer_woken);
        store(P, PRODUCER_FLAG, 0);
#ifndef MUTANT_NO_COOL_FENCE
        full_fence(P);
#endif
#ifndef MUTANT_NO_COOL_RECHECK
        refill();
#endif
        hot = false
    od
}

inline room_test() {
#ifdef FENCE_AT_HALF
    full_fence(C);
#endif
    if
    :: memory[WANT] == 1 ->
#if !defined(FENCE_AT_HALF) && !defined(HINT_UNFENCED)
        full_fence(C);
#endif
        publish_room()
    :: memory[WANT] == 0
    fi
}

active proctype consumer() {
    byte head, tail, flag;
    bool hot;

    do
    :: got == EVENTS -> break
    :: atomic { got < EVENTS && !hot && consumer_woken ->
        consumer_woken = false; hot = true }
    :: atomic { got < EVENTS && hot -> tail = memory[TAIL] };
        if
        :: tail > head ->
            atomic {
                assert(memory[SLOT + (head % CAPACITY)] == got + 1);
                got++;
                head++;
                store(C, HEAD, head)
            }
            if
            :: tail - head <= CAPACITY / 2 -> tail = 0; room_test()
            :: else -> tail = 0
            fi
        :: else ->
            tail = 0;
            store(C, CONSUMER_FLAG, 0);
            full_fence(C);
            atomic { tail = memory[TAIL] };
            if
            :: tail > head ->
                atomic {
                    tail = 0;
                    exchange(C, CONSUMER_FLAG, 1, flag);
                    /* 1: a publisher was first, and has pushed us */
                    hot = (flag == 0);
                    flag = 0
                }
            :: else ->
                atomic { tail = 0; hot = false }
#ifdef TEST_AT_COOLING
                if
                :: memory[WANT] == 1 -> publish_room()
                :: memory[WANT] == 0
                fi
#endif
            fi
        fi
    od
}
