/* The ring grows: the way from one array to the next, and who frees which.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. The producer leaves one slot of its array free. At any time it may take
 * a larger array, stamp all of its slots as not yet written, write a link to it into
 * the free slot of the one before (where it leads, then the stamp), and go on there.
 * The consumer sees by the stamp that something is written, and by the entry that it
 * is a link. It follows it and frees the array that it leaves. It may stop at any
 * time; then whoever is told takes what is left from where it stood. The producer
 * looks how far the consumer is when the array is full as far as it knows, and now
 * and then.
 *
 * Mirrors: weir__ring_reserve, _look_back, _commit, _grow, _read, _read_linked, _free
 * (ring/ring.h, ring.c), weir__edge_recover.
 * Abstracted: an entry is one number; arrays have 2, 4 and 8 slots; a new array's
 * memory is the worst there could be, stamps that say that all is written; it is
 * stamped in memory at once, since nobody can reach it before the link is out.
 * A full ring that does not grow (no memory) waits: the overflow has its own model.
 * Positions are bytes and pass 255.
 *
 * Properties: numbers are taken once each and in order, no freed array is looked at,
 * no slot is written before it was read (all asserted); everything is taken (no
 * invalid end state); both sides end in one array, and all others are freed.
 *
 * Mutants (each must give an error):
 *   MUTANT_STAMPED_LATE       the link is written before the array is stamped
 *   MUTANT_STAMPED_FROM_ZERO  as an array that begins with position 0 is
 *   MUTANT_LINK_UNFILLED      the link's stamp is out before where it leads
 *   MUTANT_NO_SLOT_LEFT       a ring is filled to its last slot, the link's
 *   MUTANT_LINK_COUNTS        the producer's position moves past the link
 *   MUTANT_FREED_BY_PRODUCER  who leaves an array first frees it
 *   MUTANT_NOT_FREED          nobody does
 *   MUTANT_LINK_UNSEEN        the consumer takes a link for an entry
 *   MUTANT_RECOVERED_AHEAD    what is left is taken from the producer's array
 *   MUTANT_HEAD_FIRST         a slot is given back before it is read
 *   MUTANT_LOOKS_AHEAD        who finds the array full takes it for empty then
 */
#ifndef EVENTS
#define EVENTS 5
#endif
#ifndef START
#define START 254
#endif
#ifndef ARRAYS
#define ARRAYS 3
#endif

#define SLOTS 14 /* of three arrays */
#define SIZE(array) (2 << (array))
#define SLOT(array, position) (SIZE(array) - 2 + ((position) & (SIZE(array) - 1)))
#define STAMP(slot) (slot)
#define DATA(slot) (SLOTS + (slot))
#define LINK 100 /* data: a link to array 0, and so on; below, a number */
#define HEAD (2 * SLOTS)
#define CELLS (2 * SLOTS + 1)
#define PROCESSES 2
#define BUFFER 4
#define P 0
#define C 1
#include "tso.h"

bool begun, down, done;
bool live[ARRAYS];
byte sent, got;
byte tail = START, into; /* the producer's: position and array */
byte head = START, from; /* the consumer's */

/* All that an array's memory says: not yet written, or (before) whatever is worst. */
inline fill(array, first, more) {
    i = 0;
    do
    :: i < SIZE(array) ->
        memory[STAMP(SLOT(array, (first) + i))] = (first) + i + 1 + (more);
        i++
    :: else -> break
    od;
    i = 0
}

inline stamp_array() {
#ifdef MUTANT_STAMPED_FROM_ZERO
    d_step { fill(into, 0, -SIZE(into)) }
#else
    d_step { fill(into, tail, -SIZE(into)) }
#endif
}

inline grow() {
    d_step {
        slot = SLOT(into, tail);
        into++;
        live[into] = true;
        fill(into, tail, 0)
    }
#ifndef MUTANT_STAMPED_LATE
    stamp_array();
#endif
#ifdef MUTANT_LINK_UNFILLED
    store(P, STAMP(slot), tail + 1);
    store(P, DATA(slot), LINK + into);
#else
    store(P, DATA(slot), LINK + into);
    store(P, STAMP(slot), tail + 1);
#endif
#ifdef MUTANT_STAMPED_LATE
    stamp_array();
#endif
#ifdef MUTANT_FREED_BY_PRODUCER
    live[into - 1] = false;
#endif
#ifdef MUTANT_LINK_COUNTS
    tail++;
#endif
    slot = 0
}

#ifdef MUTANT_NO_SLOT_LEFT
#define ROOM SIZE(into)
#else
#define ROOM (SIZE(into) - 1)
#endif

#define USED ((tail - seen) & 255)

#ifdef MUTANT_LINK_UNSEEN
#define LINKED false
#else
#define LINKED (memory[DATA(slot)] >= LINK)
#endif

/* Looks at the next slot once; `found` is whether something was written there. */
inline pop(who) {
    atomic {
        slot = SLOT(from, head);
        assert(live[from]);
        found = (memory[STAMP(slot)] == ((head + 1) & 255))
    }
    if
    :: !found
    :: found && LINKED ->
        d_step {
            assert(memory[DATA(slot)] > LINK + from && memory[DATA(slot)] < LINK + ARRAYS);
#if !defined(MUTANT_NOT_FREED) && !defined(MUTANT_FREED_BY_PRODUCER)
            live[from] = false;
#endif
            from = memory[DATA(slot)] - LINK
        }
    :: found && !LINKED ->
#ifdef MUTANT_HEAD_FIRST
        store(who, HEAD, head + 1);
#endif
        atomic {
            assert(live[from] && memory[DATA(slot)] == got + 1);
            got++
        }
#ifndef MUTANT_HEAD_FIRST
        store(who, HEAD, head + 1);
#endif
        head++
    fi
}

active proctype producer() {
    byte slot, i;
    byte seen = START; /* head_seen */
    bool found;

    d_step {
        live[0] = true;
        fill(0, START, -SIZE(0));
        memory[HEAD] = START;
        begun = true
    }
    do
    :: sent == EVENTS || down -> break
    :: sent < EVENTS && into < ARRAYS - 1 -> grow()
    :: sent < EVENTS && seen != memory[HEAD] -> seen = memory[HEAD]
    :: sent < EVENTS ->
        if
        :: USED < ROOM
#ifdef MUTANT_LOOKS_AHEAD
        :: else -> seen = tail
#else
        :: else -> seen = memory[HEAD]
#endif
        fi;
        if
        :: USED < ROOM ->
            atomic { slot = SLOT(into, tail); store(P, DATA(slot), sent + 1) }
            store(P, STAMP(slot), tail + 1);
            d_step { tail++; sent++; slot = 0 }
        :: else
        fi
    od;
    seen = START;
    full_fence(P); /* it will read what it wrote, or is at its end */
    if
    :: done
    :: down ->
#ifdef MUTANT_RECOVERED_AHEAD
        from = into;
#endif
        do
        :: pop(P);
            if
            :: !found -> break
            :: found
            fi
        od
    fi;
    assert(got == sent && head == tail && from == into);
    i = 0;
    do
    :: i < ARRAYS -> assert(live[i] == (i == into)); i++
    :: else -> break
    od
}

active proctype consumer() {
    byte slot;
    bool found;

    begun;
    do
    :: got == EVENTS ->
        full_fence(C);
        done = true;
        break
    :: got < EVENTS ->
        full_fence(C);
        down = true;
        break
    :: got < EVENTS -> pop(C)
    od
}
