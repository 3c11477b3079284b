/* The handout: takers sleep while there is nothing, and no entry waits beside one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. One putter, several takers. A taker that finds nothing notes the
 * bell, announces its sleep (a locked add: also a fence), looks again, and only
 * then sleeps, on the bell, if that is as noted. The putter puts some entries,
 * fences, and reads how many have announced their sleep: if any, it changes the
 * bell and wakes at most as many as it has put. Whoever closes sets `closed`,
 * changes the bell and wakes all.
 *
 * Mirrors: weir__handout_put, _tell, _take, _wait and _close.
 * Abstracted: the ring is a count of entries put, in the putter's store buffer
 * until it comes out, and a count of entries taken; taking is one step (a
 * compare-and-swap that fails is tried again). The putter closes when all is taken.
 *
 * Properties: each entry is taken once (asserted), and all of them (no invalid
 * end state: a taker asleep beside an entry, or when it is closed, is a lost wake).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_TELL_FENCE   entries put, sleepers read, no fence between
 *   MUTANT_NO_RECHECK      a taker sleeps without looking again
 *   MUTANT_BELL_AFTER      the bell is noted after the look
 *   MUTANT_SAME_BELL       sleepers are woken, the bell does not change
 *   MUTANT_BLIND_WAIT      the kernel does not compare before it sleeps
 *   MUTANT_CLOSE_UNRUNG    closing wakes all, the bell does not change
 */
#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef RUNS
#define RUNS 2 /* of the putter: 1 entry, 2 entries ... */
#endif

#define PUT 0 /* entries put: the one cell that is stored, not exchanged */
#define CELLS 1
#define PROCESSES 1
#define BUFFER 3
#define PUTTER 0
#include "tso.h"

/* Changed by locked operations only. */
byte taken, sleepers, bell;
bool closed;
bool asleep[TAKERS];
byte told; /* takers that the wake in hand may still wake */

inline wake(count) {
    told = count;
    do
    :: told > 0 && asleep[0] -> atomic { asleep[0] = false; told-- }
    :: told > 0 && TAKERS > 1 && asleep[1] -> atomic { asleep[1] = false; told-- }
    :: told > 0 && TAKERS > 2 && asleep[TAKERS - 1] ->
        atomic { asleep[TAKERS - 1] = false; told-- }
    :: else -> break
    od;
    told = 0
}

proctype taker(byte me) {
    byte noted;
    do
    :: atomic {
        memory[PUT] > taken ->
        taken++;
        assert(taken <= memory[PUT])
    }
    :: memory[PUT] == taken ->
#ifndef MUTANT_BELL_AFTER
        noted = bell;
#endif
        sleepers++; /* locked; it has no stores of its own to wait for */
        if
#ifdef MUTANT_NO_RECHECK
        :: !closed ->
#else
        :: !closed && memory[PUT] == taken ->
#endif
#ifdef MUTANT_BELL_AFTER
            noted = bell;
#endif
            if
#ifdef MUTANT_BLIND_WAIT
            :: true -> asleep[me] = true; !asleep[me]
#else
            :: atomic { bell == noted -> asleep[me] = true }; !asleep[me]
            :: bell != noted
#endif
            fi;
            sleepers--
        :: closed -> sleepers--; break
#ifndef MUTANT_NO_RECHECK
        :: !closed && memory[PUT] > taken -> sleepers--
#endif
        fi;
        noted = 0
    od
}

proctype putter() {
    byte put, batch;
    do
    :: batch == RUNS -> break
    :: else ->
        atomic { batch++; put++; store(PUTTER, PUT, put) }
        if
        :: batch > 1 -> atomic { put++; store(PUTTER, PUT, put) }
        :: else
        fi;
#ifndef MUTANT_NO_TELL_FENCE
        full_fence(PUTTER);
#endif
        if
        :: sleepers > 0 ->
#ifndef MUTANT_SAME_BELL
            full_fence(PUTTER);
            bell++;
#endif
            wake((batch > 1 -> 2 : 1))
        :: sleepers == 0
        fi
    od;
    taken == put; /* blocks for ever where an entry stays */
    closed = true;
#ifndef MUTANT_CLOSE_UNRUNG
    bell++;
#endif
    wake(TAKERS)
}

init {
    atomic {
        byte i;
        run putter();
        do
        :: i == TAKERS -> break
        :: else -> run taker(i); i++
        od
    }
}
