/* Competing takers: each entry is taken once, whole, and none waits for ever.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. One producer publishes entries on a ring of slots; takers take the
 * oldest by compare-and-swap on the read index, copy the slot out, then free it
 * (stamp). After publishing and one full fence the producer raises as many
 * takers as entries wait, of those that are cold and want (`wants`, which a
 * taker says before it cools). A taker that was raised and cannot take, because
 * something else came up meanwhile (held), cools, and declines: the producer
 * raises another. Once it is free again it looks by itself. What finds no slot
 * waits with the producer, who sets wants_room, fences and looks again; takers
 * look at wants_room behind the fence of their cooling. A taker may leave at any
 * time between two entries; that it was raised and took nothing is made good by
 * the producer, who wakes anew when it hears of it.
 *
 * Mirrors: spmc_reserve, spmc_commit, spmc_take, shared_publish and refill,
 * shared_wake, shared_before_cooling, shared_declines, stage_takers_look,
 * stage_taker_left, the turn's cool, all weir__.
 * Abstracted: what wakes whom (stacks, parking, the producer's own readiness) is
 * ready_park.pml's: here `listed` and `told` arrive. Two takers; the first is held
 * at most once, the second may leave. An entry is its number. Recall is not
 * modelled: it is one more taker.
 * STUCK: the first, once held, stays so for ever, and the second does not leave.
 *
 * Properties: an entry is taken once, and read as written (asserted); all are
 * taken (no invalid end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_PUBLISHER_FENCE  entry stored, raised loaded, no fence between
 *   MUTANT_NO_COOL_FENCE       raised = 0, look, no fence between
 *   MUTANT_NO_COOL_LOOK        raised = 0 and away
 *   MUTANT_BLIND_TAKE          the read index is stored, not compared and swapped
 *   MUTANT_NO_SLOT_CHECK       a slot is filled again though it is being copied
 *   MUTANT_FREED_EARLY         stamp = 0 before the copy
 *   MUTANT_NO_SELF_LOOK        free again, it waits to be raised
 *   MUTANT_LEAVE_UNHEARD       the producer does not wake anew
 *   MUTANT_NO_ROOM_FENCE       wants_room = 1, look, no fence between
 *   MUTANT_NO_ROOM_LOOK        it cools without a look at wants_room
 * with STUCK:
 *   MUTANT_NO_DECLINE          a held taker cools in silence
 */
#ifndef ENTRIES
#define ENTRIES 3
#endif
#ifdef STUCK
#define HELD_FOR_EVER true
#else
#define HELD_FOR_EVER false
#endif
#define SLOTS 2 /* and as many entries may be on the ring: the tightest */
#define TAKERS 2

#define TAIL 0   /* entries published */
#define ROOM 1   /* wants_room */
#define SLOT 2   /* SLOT + s: the entry in it */
#define FREED 4  /* FREED + s: 1 + the entry last copied out of it, for the stamp */
#define RAISED 6 /* RAISED + t */
#define WANTS 8  /* WANTS + t */
#define CELLS 10
#define PROCESSES 3
#define BUFFER 6
#define PRODUCER 2
#include "tso.h"

byte head; /* only ever changed by read-modify-write, so never buffered */
bool taken[ENTRIES];
bool listed[TAKERS]; /* raised, and brought to the taker */
bool told;           /* of room, a refusal or a leave: the producer is to look */
bool gone[TAKERS];

#define waiting (memory[TAIL] > head)
#define all_taken (head == ENTRIES)
#ifdef MUTANT_NO_SLOT_CHECK
#define slot_free true
#else
#define slot_free (memory[FREED + tail % SLOTS] == (tail < SLOTS -> 0 : tail - SLOTS + 1))
#endif

/* Reads a place before the compare-and-swap; of two takers one begins again. */
inline take() {
    place = head;
    if
    :: memory[TAIL] > place ->
#ifdef MUTANT_BLIND_TAKE
        head = place + 1;
        won = true;
#else
        atomic {
            empty(buffer[t]) ->
            if
            :: head == place -> head++; won = true
            :: else
            fi
        }
#endif
    :: else
    fi;
    if
    :: won ->
#ifdef MUTANT_FREED_EARLY
        store(t, FREED + place % SLOTS, place + 1);
#endif
        atomic {
            assert(memory[SLOT + place % SLOTS] == place && !taken[place]);
            taken[place] = true;
            won = false
        }
#ifndef MUTANT_FREED_EARLY
        store(t, FREED + place % SLOTS, place + 1)
#endif
    :: else
    fi;
    place = 0
}

inline look_again() {
    atomic {
        exchange(t, RAISED + t, 1, old);
        hot = (old == 0); /* 1: its publisher brings it */
        old = 0
    }
}

inline cool() {
    atomic { hot = false; store(t, WANTS + t, (held -> 0 : 1)) };
    store(t, RAISED + t, 0);
#ifndef MUTANT_NO_COOL_FENCE
    full_fence(t);
#endif
#ifndef MUTANT_NO_ROOM_LOOK
    if
    :: memory[ROOM] == 1 -> told = true
    :: else
    fi;
#endif
    if
#ifndef MUTANT_NO_COOL_LOOK
    :: !held && waiting -> look_again()
#endif
#ifndef MUTANT_NO_DECLINE
    :: held && waiting -> told = true
#endif
    :: else
    fi
}

proctype taker(byte t) {
    byte old, place;
    bool hot, won, held, was_held;
    do
    :: all_taken -> break
    :: !all_taken ->
        if
        :: atomic { listed[t] -> assert(!hot); listed[t] = false; hot = true }
        :: hot && !held && waiting -> take()
        :: hot && (held || !waiting) -> cool()
        :: atomic { t == 0 && !was_held -> held = true; was_held = true }
        :: held && !HELD_FOR_EVER ->
            held = false;
#ifndef MUTANT_NO_SELF_LOOK
            if
            :: !hot -> look_again()
            :: else
            fi
#endif
        :: atomic { t == 1 && !HELD_FOR_EVER -> empty(buffer[t]); gone[t] = true };
#ifndef MUTANT_LEAVE_UNHEARD
            told = true;
#endif
            break
        :: all_taken
        fi
    od
}

inline refill() {
    do
    :: tail < emitted && tail - head < SLOTS && slot_free ->
        store(PRODUCER, SLOT + tail % SLOTS, tail);
        atomic { tail++; store(PRODUCER, TAIL, tail) }
    :: else -> break
    od
}

inline wake() {
#ifndef MUTANT_NO_PUBLISHER_FENCE
    full_fence(PRODUCER);
#endif
    entries = tail - head;
    do
    :: t < TAKERS ->
        if
        :: entries > 0 && !gone[t] && memory[RAISED + t] == 0 && memory[WANTS + t] == 1 ->
            atomic {
                exchange(PRODUCER, RAISED + t, 1, old);
                if
                :: old == 0 -> listed[t] = true; entries--
                :: else
                fi;
                old = 0
            }
        :: else
        fi;
        t++
    :: else -> break
    od;
    atomic { t = 0; entries = 0 }
}

active proctype producer() {
    byte tail, emitted, entries, t, old;
    bool want;
    atomic {
        memory[WANTS] = 1;
        memory[WANTS + 1] = 1;
        run taker(0);
        run taker(1)
    }
    do
    :: all_taken -> break
    :: atomic { emitted < ENTRIES -> emitted++ };
        refill();
        if
        :: tail < emitted && !want ->
            want = true;
            store(PRODUCER, ROOM, 1);
#ifndef MUTANT_NO_ROOM_FENCE
            full_fence(PRODUCER);
#endif
            refill()
        :: else
        fi;
        wake()
    :: atomic { told -> told = false };
        refill();
        if
        :: tail == emitted && want -> want = false; store(PRODUCER, ROOM, 0)
        :: else
        fi;
        wake()
    od
}
