/* Mailboxes: STOP reaches the stage it is for, and who waits for its end is told.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A mailbox has a word, whose stage's it is and whether STOP is on its way,
 * and one node. Who tells a stage to stop says first that he waits for its end (a
 * store), and then sets the bit, if the word is still that stage's (a CAS, also when
 * the bit is set already): who has set it writes the reason and sends the node, the
 * others rely on that. The worker reads the reason, and clears the bit. When the stage
 * ends the worker closes the word, and then sweeps those who wait; a node that is still
 * on its way comes home before the mailbox is opened for the next stage.
 *
 * Mirrors: weir__mailbox_tell, _take, _close and _open, weir__wait, weir__callers_sweep,
 * leave, bounce and give_back of the worker.
 * Abstracted: FINISH, which is a second bit and node, and counts, each a word alone.
 *
 * Properties: the node is sent by one at a time, and opened mailboxes have it at home
 * (asserted); the reason is that of the stage that is told, and is not written while
 * it is read (asserted); who waits is told of the end (no invalid end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_ANY_STAGE      who tells does not look whose the word is
 *   MUTANT_LOOK_ONLY      who finds the bit set does not write the word
 *   MUTANT_CLEARED_EARLY  the bit is cleared before the reason is read
 *   MUTANT_GIVEN_EARLY    the mailbox is opened while the node is on its way
 *   MUTANT_SWEEP_FIRST    the sweep comes before the word is closed
 */
#ifndef STAGES
#define STAGES 2
#endif
#ifndef TELLERS
#define TELLERS 2
#endif
#ifndef CALLS
#define CALLS 2
#endif

#define CELLS TELLERS /* whose end teller t waits for; 0: nobody's */
#define PROCESSES TELLERS
#define BUFFER 4
#include "tso.h"

/* Changed by locked operations only. */
byte owner; /* whose the word is; 0: closed */
bool told;
bool answered[TELLERS];

byte living; /* the reference that is known */
byte reason; /* which stage it was given for */
bool writing;
chan mail = [2] of { bool };

active [TELLERS] proctype teller() {
    byte me = _pid - PROCESSES; /* the buffers' processes come first */
    byte made, known;
    bool mine, gone;
end:
    do
    :: made < CALLS && living > 0 ->
        made++;
        known = living;
        store(me, me, known);
        mine = false;
        gone = false;
#ifdef MUTANT_LOOK_ONLY
        if
        :: owner == known && told
        :: else ->
#endif
            atomic {
                empty(buffer[me]);
#ifdef MUTANT_ANY_STAGE
                gone = owner == 0;
#else
                gone = owner != known;
#endif
                mine = !gone && !told;
                told = told || mine
            };
#ifdef MUTANT_LOOK_ONLY
        fi;
#endif
        if
        :: mine ->
            assert(len(mail) == 0 && !writing);
            writing = true;
            reason = known;
            writing = false;
            mail!true
        :: gone -> /* he waits no longer, unless he was told just now */
            atomic {
                empty(buffer[me]);
                memory[me] = 0;
                answered[me] = false
            }
        :: else
        fi;
        if
        :: gone
        :: !gone -> atomic { answered[me] -> answered[me] = false }
        fi
    :: made == CALLS -> break
    od
}

inline read_reason() {
    assert(!writing);
    assert(reason == stage)
}

inline take() {
#ifdef MUTANT_CLEARED_EARLY
    told = false;
    read_reason()
#else
    read_reason();
    told = false
#endif
}

inline sweep() {
    t = 0;
    do
    :: t < TELLERS ->
        atomic {
            if
            :: memory[t] == stage -> memory[t] = 0; answered[t] = true
            :: else
            fi;
            t++
        }
    :: else -> break
    od;
    t = 0
}

active proctype worker() {
    byte stage, t;
    bool away;
    do
    :: stage < STAGES ->
        stage++;
        assert(!away || len(mail) == 0);
        atomic { owner = stage; told = false };
        living = stage;
        do
        :: mail?_ ->
            take();
            if
            :: break
            :: skip /* a supervisor: it stops later, and may be told again */
            fi
        :: break /* it ends by itself */
        od;
#ifdef MUTANT_SWEEP_FIRST
        sweep();
#endif
        atomic { away = told; owner = 0; told = false };
#ifndef MUTANT_SWEEP_FIRST
        sweep();
#endif
#ifndef MUTANT_GIVEN_EARLY
        if
        :: away -> mail?_; away = false
        :: else
        fi
#endif
    :: else -> break
    od
}
