/* Calls: an answer reaches just the call it is for, and no caller waits for ever.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A caller makes a slot his (FREE to TAKEN, a CAS that begins a new
 * turn), says where the answer may go, stores WAITING and sends mail that names
 * slot and turn. Whoever answers that name first makes the slot his (WAITING of
 * that turn to WRITING, a CAS), writes, and stores DONE. A caller whose patience
 * is over takes WAITING back to FREE by a CAS, or waits on for who is writing. A
 * stage that ends sweeps the slots that wait for it, and bounces the mail that
 * comes later; both answer.
 *
 * Mirrors: weir__caller_begin, _answer and _end, weir__callers_sweep, and bouncing.
 * Abstracted: one slot, whose next turn is another caller's just as well; the
 * futex (a caller looks at the word); the mail is a queue.
 *
 * Properties: the answer's memory is only written during the call it is for
 * (asserted); what a caller finds is his answer (asserted); every call returns
 * (no invalid end state).
 *
 * Mutants (each must give an error), with PATIENT, a caller that never gives up:
 *   MUTANT_NO_SWEEP       a stage that ends tells nobody
 *   MUTANT_NO_BOUNCE      mail that comes too late is dropped
 * and without:
 *   MUTANT_NO_CLAIM       who answers looks at the slot and then writes
 *   MUTANT_NO_TURN        an answer is for whoever waits in the slot
 *   MUTANT_GIVE_UP_BLIND  the caller leaves by a store, whatever the slot says
 *   MUTANT_DONE_FIRST     DONE is stored before the answer
 */
#ifndef CALLS
#define CALLS 3
#endif

#define FREE 0
#define TAKEN 1
#define WAITING 2
#define WRITING 3
#define DONE 4
#define name(turn, state) ((turn) * 8 + (state))

#define WORD 0
#define CELLS 1
#define PROCESSES 3
#define BUFFER 4
#define CALLER 0
#define STAGE 1
#define OTHER 2
#include "tso.h"

chan mail = [CALLS] of { byte };   /* to the stage: the turn of a call */
chan passed = [CALLS] of { byte }; /* to another thread, which answers as well */
byte asking;                       /* the turn of the call that is being made; 0: none */
byte answer;                       /* the turn it was written for */
bool gone;                         /* answered without an answer */

inline write_answer(turn, is_gone) {
    assert(asking == turn);
    d_step { answer = turn; gone = is_gone }
}

#ifdef MUTANT_NO_TURN
#define waits(turn) (memory[WORD] % 8 == WAITING)
#else
#define waits(turn) (memory[WORD] == name(turn, WAITING))
#endif

/* Of the three who may: the stage, its sweep, and another thread. */
inline give_answer(me, turn, is_gone) {
    atomic {
        empty(buffer[me]);
        mine = waits(turn);
#ifndef MUTANT_NO_CLAIM
        if
        :: mine -> memory[WORD] = memory[WORD] - WAITING + WRITING
        :: else
        fi
#endif
    }
    if
    :: mine ->
#ifdef MUTANT_DONE_FIRST
        store(me, WORD, name(turn, DONE));
        full_fence(me);
        write_answer(turn, is_gone)
#else
        write_answer(turn, is_gone);
        store(me, WORD, name(turn, DONE))
#endif
    :: else
    fi;
    mine = false
}

active proctype caller() {
    byte turn;
    do
    :: turn < CALLS ->
        atomic { /* take */
            empty(buffer[CALLER]);
            assert(memory[WORD] % 8 == FREE);
            turn++;
            memory[WORD] = name(turn, TAKEN)
        }
        d_step { asking = turn; answer = 0; gone = false }
        store(CALLER, WORD, name(turn, WAITING));
        full_fence(CALLER); /* sending is a locked operation */
        mail!turn;
        do
        :: memory[WORD] == name(turn, DONE) ->
            assert(answer == turn);
            asking = 0;
            store(CALLER, WORD, name(turn, FREE));
            break
#ifndef PATIENT
        :: atomic { memory[WORD] == name(turn, WAITING) ->
#ifndef MUTANT_GIVE_UP_BLIND
                memory[WORD] = name(turn, FREE);
                asking = 0
#endif
            }
#ifdef MUTANT_GIVE_UP_BLIND
            asking = 0;
            store(CALLER, WORD, name(turn, FREE));
#endif
            break
        /* or it waits on */
#endif
        od
    :: else -> break
    od
}

active proctype stage() {
    byte turn;
    bool mine;
end:
    do
    :: mail?turn ->
        if
        :: give_answer(STAGE, turn, false)
        :: passed!turn
        :: passed!turn; give_answer(STAGE, turn, false) /* who answers twice */
        :: skip /* it never answers: its end does */
        fi
    :: break /* it stops */
    od;
#ifndef MUTANT_NO_SWEEP
    turn = memory[WORD] / 8;
    give_answer(STAGE, turn, true);
#endif
endbounce:
    do
    :: mail?turn ->
#ifndef MUTANT_NO_BOUNCE
        give_answer(STAGE, turn, true)
#endif
    od
}

active proctype other() {
    byte turn;
    bool mine;
end:
    do
    :: passed?turn -> give_answer(OTHER, turn, false)
    od
}
