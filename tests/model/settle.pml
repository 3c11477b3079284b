/* Settle: when may somebody who only looks say that all is at rest?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Each worker has one word, its epoch: odd while it rests, even while
 * it is awake. With nothing runnable and nothing hot it stores epoch + 1. When
 * its ready stack holds something it stores epoch + 1 again, and only then takes
 * the stack. Settle reads all epochs, looks at all ready stacks (and mailboxes),
 * and reads the epochs once more: all odd, all stacks empty, no epoch moved = at
 * rest. Why: an odd epoch that did not move means that its worker rested all the
 * time between the two readings; these spans overlap while the stacks are looked
 * at; while all rest nobody publishes, so what was seen empty was all there was.
 *
 * TWO_WORDS verifies it with a cell `resting` beside an epoch that counts
 * wakes. It is right in one order only: the worker stores resting = 0 before
 * epoch + 1, settle reads the epoch before resting (two mutants show it).
 *
 * Mirrors: rest and weir__worker_step of the worker, weir__runtime_at_rest.
 * Abstracted: a worker has one inbound edge, hot or cold as in ready_park.pml
 * (its futex is left out: a worker at rest leaves it once its stack is not
 * empty); foreign publishers are left out (their push is seen, or is later).
 *
 * Properties: two workers pass TOKENS tokens PASSES times. When settle says
 * rest, no token is alive (asserted); once all do rest, settle says so.
 * No fence is needed: the taking of the stack is a read-modify-write, so the
 * even epoch is out before the stack is seen empty.
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_REREAD      epochs are not read again
 *   MUTANT_NO_STACKS      stacks are not looked at
 *   MUTANT_STACKS_FIRST   stacks are looked at before the first reading
 *   MUTANT_TAKE_FIRST     the stack is taken before the epoch says so
 *   MUTANT_REST_HOT       at rest while an edge is still hot
 * with TWO_WORDS:
 *   MUTANT_NO_EPOCH       only resting is read again: rest, work, rest unseen
 *   MUTANT_EPOCH_FIRST    epoch + 1 is stored before resting = 0
 *   MUTANT_RESTING_READ_FIRST  settle reads resting before the epoch
 */
#ifndef PASSES
#define PASSES 3
#endif
#ifndef TOKENS
#define TOKENS 1
#endif
#define TRIES 2

#define DATA 0  /* DATA + w: events published for worker w */
#define FLAG 2  /* FLAG + w: its edge is listed or hot */
#define EPOCH 4 /* EPOCH + w */
#define REST 6  /* REST + w */
#define CELLS 8
#define PROCESSES 2
#define BUFFER 6
#include "tso.h"

bool ready[2];                        /* the stack of worker w holds its edge */
chan edge[2] = [TOKENS] of { byte }; /* the ring's contents: passes left */
byte alive = TOKENS;                  /* what settle must find out */
bool idle[2];

inline leave_rest(me) {
#if defined(TWO_WORDS) && !defined(MUTANT_EPOCH_FIRST)
    store(me, REST + me, 0);
#endif
    atomic {
        epoch++;
        store(me, EPOCH + me, epoch)
    }
#if defined(TWO_WORDS) && defined(MUTANT_EPOCH_FIRST)
    store(me, REST + me, 0);
#endif
}

inline enter_rest(me) {
#ifndef TWO_WORDS
    atomic {
        epoch++;
        store(me, EPOCH + me, epoch)
    }
#else
    store(me, REST + me, 1);
#endif
}

inline publish(me, other) {
    atomic {
        sent++;
        edge[other]!left;
        left = 0;
        store(me, DATA + other, sent)
    }
    full_fence(me);
    if
    :: memory[FLAG + other] == 1
    :: memory[FLAG + other] == 0 ->
        atomic {
            exchange(me, FLAG + other, 1, old);
            if
            :: old == 0 -> assert(!ready[other]); ready[other] = true
            :: else
            fi;
            old = 0
        }
    fi
}

inline take(me) {
    atomic {
        empty(buffer[me]);
        ready[me] = false;
        hot = true
    }
}

proctype worker(byte me) {
    byte got, left, old;
    byte epoch = memory[EPOCH + me];
    byte sent = (1 - me < TOKENS -> 1 : 0);
    bool hot;

end:
    do
    :: ready[me] -> /* at rest until now */
        idle[me] = false;
#ifdef MUTANT_TAKE_FIRST
        take(me);
        leave_rest(me);
#else
        leave_rest(me);
        take(me);
#endif
        do
        :: hot ->
            if
            :: atomic { memory[DATA + me] > got -> got++; edge[me]?left };
                if
                :: left > 0 -> left--; publish(me, 1 - me)
                :: else -> alive--
                fi
            :: else -> /* cool, as in ready_park.pml */
#ifdef MUTANT_REST_HOT
                enter_rest(me);
#endif
                hot = false;
                store(me, FLAG + me, 0);
                full_fence(me);
                if
                :: memory[DATA + me] > got ->
                    atomic {
                        exchange(me, FLAG + me, 1, old);
                        hot = (old == 0);
                        old = 0
                    }
#ifdef MUTANT_REST_HOT
                    leave_rest(me)
#endif
                :: else
                fi
            fi
        :: !hot && ready[me] ->
#ifdef MUTANT_REST_HOT
            leave_rest(me);
#endif
            take(me)
        :: !hot && !ready[me] -> break
        od;
#ifndef MUTANT_REST_HOT
        enter_rest(me);
#endif
        atomic { full_fence(me); idle[me] = true }
    od
}

#define resting(w) (memory[REST + w] == 1)

inline read_worker(w) {
#ifdef MUTANT_RESTING_READ_FIRST
    rest = rest && resting(w);
    epochs[w] = memory[EPOCH + w];
#elif !defined(TWO_WORDS)
    epochs[w] = memory[EPOCH + w];
    rest = rest && epochs[w] % 2 == 1;
#else
    epochs[w] = memory[EPOCH + w];
    rest = rest && resting(w);
#endif
}

inline look_at_stacks() {
#ifdef MUTANT_NO_STACKS
    skip
#else
    rest = rest && !ready[0];
    rest = rest && !ready[1];
#endif
}

inline try_settle() {
    rest = true;
#ifdef MUTANT_STACKS_FIRST
    look_at_stacks();
#endif
    read_worker(0);
    read_worker(1);
#ifndef MUTANT_STACKS_FIRST
    look_at_stacks();
#endif
#if defined(MUTANT_NO_EPOCH)
    rest = rest && resting(0);
    rest = rest && resting(1);
#elif !defined(MUTANT_NO_REREAD)
    rest = rest && memory[EPOCH + 0] == epochs[0];
    rest = rest && memory[EPOCH + 1] == epochs[1];
#endif
    atomic {
        assert(!rest || alive == 0);
        epochs[0] = 0;
        epochs[1] = 0
    }
}

active proctype settler() {
    byte epochs[2];
    byte tries;
    bool rest;

    atomic { /* somebody has pushed the tokens; both workers rest */
        do
        :: tries < TOKENS ->
            edge[tries]!PASSES;
            memory[DATA + tries]++;
            memory[FLAG + tries] = 1;
            ready[tries] = true;
            tries++
        :: else -> break
        od;
        tries = 0;
#ifdef TWO_WORDS
        memory[REST + 0] = 1;
        memory[REST + 1] = 1;
#else
        memory[EPOCH + 0] = 1;
        memory[EPOCH + 1] = 1;
#endif
        idle[0] = true;
        idle[1] = true;
        run worker(0);
        run worker(1)
    }
    do
    :: tries < TRIES -> tries++; try_settle()
    :: alive == 0 && idle[0] && idle[1] && !ready[0] && !ready[1] ->
        try_settle();
        assert(rest);
        break
    od
}
