/* Owned events: whoever is the last to hold one drops it, once, for the worst fate.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. An event has a word: how many hold it, the worst fate that one of them has said,
 * and whether it was taken; 1 while it is only written. Who holds it may make one holder
 * more. Who lets go of it looks at the word: the only holder drops the event, unless it was
 * taken, and sets the word back to 1 by a store; else the word is made one less, and the fate
 * worse, by a CAS, and whoever finds himself the only one then does as he would. Each
 * holder also has a reference to the block; the place is written again when only the
 * producer's own is left.
 *
 * Mirrors: weir__owned_hold, _let_go, _take and _alone of owned.c; gather_multicast and
 * weir_run_skip of share.c; hold_part of stash.c; weir__block_idle.
 * Abstracted: one event of a block; the block's spare references are one, the producer's.
 *
 * Properties: no event is used, taken or written over after it was dropped, or dropped twice
 * (asserted); each is dropped or taken before its place is used again, for the worst of what
 * its holders said (asserted); each place comes home (no invalid end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_HOLD         a consumer is given the event, and does not hold it
 *   MUTANT_HOLD_LATE       it is given the event first
 *   MUTANT_PLAIN           the word is made one less by a load and a store
 *   MUTANT_LAST_UNSEEN     who loses the race to be the last but one does not look again
 *   MUTANT_RELEASED_FIRST  the block is let go of before the word is 1 again
 *   MUTANT_FATE_REPLACED   a fate is written over a worse one
 *   MUTANT_TAKEN_BLIND     an event is taken that others have, too
 *   MUTANT_TAKEN_DROPPED   what was taken is dropped all the same
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef EVENTS
#define EVENTS 2
#endif

#define WORD 0
#define CELLS 1
#define PROCESSES (CONSUMERS + 1)
#define BUFFER 3
#include "tso.h"

/* The word: holders below 8, the fate in bits 3 and 4, taken is bit 5. */
#define HOLDERS(word) ((word) & 7)
#define FATE(word) (((word) >> 3) & 3)
#define TAKEN 32
#define NOBODY 0
#define HANDLED 1
#define ABANDONED 2

byte refs = 1;     /* the block's; the producer's spare */
byte event;        /* in the place; 0: none yet         */
bool alive, taken; /* it, or it is the program's        */
byte worst;        /* what its holders have said so far */
bool begun;
chan slices[CONSUMERS] = [2] of { byte };

inline worse(word, said, out) {
#ifdef MUTANT_FATE_REPLACED
    out = (word & 39) | (said << 3)
#else
    out = (FATE(word) >= said -> word : ((word & 39) | (said << 3)))
#endif
}

/* The fate is what the event is dropped for; 0 is UNWANTED. */
inline drop(word) {
    d_step {
        if
#ifndef MUTANT_TAKEN_DROPPED
        :: word & TAKEN -> assert(taken)
#endif
        :: else ->
            assert(alive && !taken);
            assert(FATE(word) == worst);
            alive = false
        fi
    }
}

inline let_go(me, said, seen, next) {
    d_step { worst = (said > worst -> said : worst) };
    seen = memory[WORD];
    do
    :: HOLDERS(seen) == 1 ->
#ifdef MUTANT_RELEASED_FIRST
        atomic { empty(buffer[me]); refs-- };
#endif
        worse(seen, said, next);
        drop(next);
        store(me, WORD, 1);
        break
    :: else ->
        worse(seen, said, next);
        next = next - 1;
#ifdef MUTANT_PLAIN
        store(me, WORD, next);
        break
#else
        atomic {
            empty(buffer[me]);
            if
            :: memory[WORD] == seen -> memory[WORD] = next; break
            :: else ->
#ifdef MUTANT_LAST_UNSEEN
                memory[WORD] = memory[WORD] - 1;
                break
#else
                seen = memory[WORD]
#endif
            fi
        }
#endif
    od;
#ifndef MUTANT_RELEASED_FIRST
    atomic { empty(buffer[me]); refs-- };
#endif
    seen = 0;
    next = 0
}

inline hold(me) {
    atomic {
        empty(buffer[me]);
        assert(HOLDERS(memory[WORD]) > 0);
        memory[WORD] = memory[WORD] + 1
    };
    atomic { empty(buffer[me]); refs++ }
}

active proctype producer() {
    byte me = PROCESSES - 1;
    byte c, seen, next;
    begun;
    do
    :: event < EVENTS ->
        atomic { refs == 1 -> assert(!alive) }; /* it is dropped, or the program's */
        assert(memory[WORD] == 1);
        d_step { event++; alive = true; taken = false; worst = NOBODY; refs++ };
        c = 0;
        do
        :: c < CONSUMERS ->
            if
            :: skip -> /* its selector wants it */
#ifdef MUTANT_NO_HOLD
                atomic { empty(buffer[me]); refs++ };
#else
#ifndef MUTANT_HOLD_LATE
                hold(me);
#endif
#endif
                slices[c]!event;
#ifdef MUTANT_HOLD_LATE
                hold(me);
#endif
            :: skip
            fi;
            c++
        :: else -> break
        od;
        let_go(me, NOBODY, seen, next)
    :: else -> break
    od;
    refs == 1
}

proctype consumer(byte me) {
    byte got, seen, next, said, more;
end:
    do
    :: slices[me]?got ->
        assert(alive && event == got && !taken);
        more = 0;
        if
        :: hold(me); more = 1 /* it is stashed, and let go of later */
        :: skip
        fi;
        said = HANDLED;
        if
        :: said = ABANDONED
        :: more == 0 -> /* it is taken, if nobody else has it */
            seen = memory[WORD];
#ifdef MUTANT_TAKEN_BLIND
            d_step { assert(alive && !taken); taken = true; alive = false };
            store(me, WORD, seen | TAKEN)
#else
            if
            :: HOLDERS(seen) == 1 ->
                d_step { assert(alive && !taken); taken = true; alive = false };
                store(me, WORD, 1 | TAKEN);
                full_fence(me) /* a process does not read here what it stores */
            :: else
            fi
#endif
        :: skip
        fi;
        do
        :: more > 0 ->
            let_go(me, said, seen, next);
            said = HANDLED;
            more--;
            assert(alive && event == got)
        :: else -> break
        od;
        let_go(me, said, seen, next);
        said = 0;
        got = 0
    od
}

init {
    byte c;
    d_step { memory[WORD] = 1 };
    atomic {
        do
        :: c < CONSUMERS -> run consumer(c); c++
        :: else -> begun = true; break
        od
    }
}
