/* A port: claims, a stage that looks no more, and the end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. The pusher says how far it will write (claimed), and then, behind one
 * fence, whether the inlet was finished and whether its stage looks by itself; it
 * publishes (tail), and pokes the stage if it was COLD. The stage, when it finds
 * nothing, gives up the token `poked`: to WAITS while it has no demand, as demand
 * makes it look, else to COLD; then it looks once more, at claimed, for what is
 * published already or about to be. Finished, it stops when nothing is claimed.
 *
 * Mirrors: put, take_back (pusher), weir__quay_poke (finisher too); take, look, rest,
 * weir__quay_look_on (stage: as demand comes).
 * Abstracted: the ring is its positions, with room for CAPACITY; an event a push;
 * the stage's worker sleeps until mail or demand comes (ready_park.pml), and a pusher
 * without room until there is some, or the finish (quay.pml); demand comes one event
 * at a time, EVENTS in all.
 *
 * Properties: all that was accepted has been taken when the stage stops, and no poke is
 * sent while one is on its way (asserted);
 * pusher and stage come to their ends (no invalid end state: a stage that waits beside
 * wanted events, or with nothing to wait for, is such a state).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_CLAIM_FENCE     claims, reads finished and poked, no fence between
 *   MUTANT_NO_CLAIM           no claim before the look at finished and poked
 *   MUTANT_TAIL_LOOK          looks at tail, not at claimed, before it looks no more
 *   MUTANT_FINISH_TAIL        looks at tail, not at claimed, before it stops
 *   MUTANT_NO_END_LOOK        overlooks that the last claim was taken back
 *   MUTANT_POKED_FROM_WAITS   who finds WAITS takes it for TOLD and sends no mail
 *   MUTANT_LOOKS_ON_TWICE     looks on as demand comes, though a poke is on its way
 * with SCARCE, where no more is asked for than was pushed:
 *   MUTANT_WAITS_FINISHED     waits for demand though it was finished
 */
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef CAPACITY
#define CAPACITY 1
#endif

#define CLAIMED 0
#define TAIL 1
#define TAKEN 2
#define CELLS 3
#define PROCESSES 2
#define BUFFER 4
#define STAGE 0
#define PUSHER 1
#include "tso.h"

#define COLD 0
#define TOLD 1
#define WAITS 2

/* Only ever changed by read-modify-write, so never buffered. */
byte poked = TOLD; /* as the port's opening leaves it */
bool mail = true;
bool finished;

byte accepted;
byte asked;     /* demand that has come to the stage's worker, ever */

/* By anybody; atomic where it stands. */
inline poke() {
    if
#ifdef MUTANT_POKED_FROM_WAITS
    :: poked != COLD -> poked = TOLD
#else
    :: poked == TOLD
#endif
    :: else -> poked = TOLD; assert(!mail); mail = true /* there is but one */
    fi
}

/* --- the stage ------------------------------------------------------------- */

#define open_demand (demand > out)

/* What it must not overlook when it looks no more. */
inline look_again() {
    if
    :: finished != finish_seen -> came = true
    :: else ->
        if
        :: waits
        :: !waits && open_demand ->
#ifdef MUTANT_TAIL_LOOK
            came = (memory[TAIL] != out)
#else
            came = (memory[CLAIMED] != out)
#endif
        :: else ->
            came = (memory[CLAIMED] != memory[TAIL])
        fi;
#ifndef MUTANT_NO_END_LOOK
        if
        :: finish_seen && !waits && memory[CLAIMED] == out -> came = true
        :: else
        fi
#endif
    fi
}

inline give_up() {
#ifdef MUTANT_WAITS_FINISHED
    waits = !open_demand;
#else
    waits = !open_demand && !finish_seen;
#endif
    atomic {
        empty(buffer[STAGE]);
        if :: waits -> poked = WAITS :: else -> poked = COLD fi
    }
    look_again();
    if
    :: came -> atomic { watched = (poked != TOLD); poked = TOLD }
    :: else -> watched = false
    fi;
    came = false;
    waits = false
}

/* Takes what is wanted; then, if it was finished, looks whether that was all. */
inline emit() {
    had = out;
    if
    :: open_demand && memory[TAIL] > out ->
        out = out + 1;
        store(STAGE, TAKEN, out)
    :: else
    fi;
    finish_seen = finished;
    if
    :: finish_seen ->
        full_fence(STAGE);
#ifdef MUTANT_FINISH_TAIL
        over = (memory[TAIL] == out)
#else
        over = (memory[CLAIMED] == out)
#endif
    :: else
    fi
}

active proctype stage() {
    byte out, had, demand;
    bool watched, came, waits, finish_seen, over;

    do
    :: over -> break
    :: !over && mail -> atomic { mail = false; watched = true }; emit()
    :: !over && asked > demand ->
        demand = asked;
        if
#ifdef MUTANT_LOOKS_ON_TWICE
        :: !watched -> atomic { empty(buffer[STAGE]); watched = true; poked = TOLD }
#else
        :: !watched -> atomic { empty(buffer[STAGE]); watched = (poked != TOLD); poked = TOLD }
#endif
        :: else
        fi;
        emit()
    :: !over && watched ->
        emit();
        if
        :: had == out && !over -> give_up()
        :: else
        fi
    od;
    /* The pusher may have been accepted, and not have told us yet. */
    full_fence(STAGE);
    assert(accepted == out)
}

/* --- the pusher ------------------------------------------------------------ */

inline take_back() {
    store(PUSHER, CLAIMED, in);
    over = true
}

inline put() {
#ifndef MUTANT_NO_CLAIM
    store(PUSHER, CLAIMED, in + 1);
#endif
#ifndef MUTANT_NO_CLAIM_FENCE
    full_fence(PUSHER);
#endif
    if
    :: finished -> take_back()
    :: else ->
        accepted = accepted + 1;
        cold = (poked == COLD);
#ifdef MUTANT_NO_CLAIM
        store(PUSHER, CLAIMED, in + 1);
#endif
        in = in + 1;
        store(PUSHER, TAIL, in);
        if
        :: cold -> atomic { empty(buffer[PUSHER]); poke() }
        :: else
        fi;
        cold = false
    fi
}

bool through; /* the pusher has pushed all that it will */

active proctype pusher() {
    byte in;
    bool cold, over;

    do
    :: over || in == EVENTS -> break
    :: else ->
        if
        :: in - memory[TAKEN] < CAPACITY -> put()
        :: else ->
            if
            :: finished -> over = true
            :: in - memory[TAKEN] < CAPACITY
            fi
        fi
    od;
    through = true
}

/* --- around them ------------------------------------------------------------- */

active proctype consumer() {
    do
#ifdef SCARCE
    :: asked < accepted -> asked++
    :: through && asked == accepted -> break
#else
    :: asked < EVENTS -> asked++
    :: asked == EVENTS -> break
#endif
    od
}

active proctype finisher() {
    atomic { finished = true; poke() }
}
