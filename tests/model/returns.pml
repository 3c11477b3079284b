/* Returns: the way of settled records to their source, which sleeps, wakes, and goes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Who settles a record pushes it on a stack, by a CAS on the head, and does not touch the
 * ledger any more: for the source takes the stack whole, and may free all when it has got the last
 * record. A source that is about to sleep makes an empty head SLEEPS; who pushes over that rings,
 * and says so (told) as the last he does; the source finds SLEEPS under what it takes, and waits
 * for that word. A source that leaves with records out says how many (left) and makes the head
 * ORPHANED: who settles one after that counts it off, as does the source what it had taken, and
 * whoever counts the last one buries the ledger.
 *
 * Mirrors: pipeline/returns.c, weir__source_took, orphan and end_source.
 * Abstracted: a push's load and CAS are one step, as nothing is compared but the head that is
 * linked to; all steps here are locked ones, but `left`, which is written before one.
 *
 * With PATIENT the source has neither a time to wake at nor a deadline.
 *
 * Properties: nobody touches a ledger that was freed or buried (asserted); the source gets all
 * records, or somebody buries it, once (asserted); it does not sleep beside a record (no invalid
 * end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_TOLD       the source does not wait for who rings
 *   MUTANT_TOUCHED       who pushes looks at the ledger again
 *   MUTANT_RING_FORGOT   who pushes over SLEEPS does not ring
 *   MUTANT_LIES_BLIND    the source looks, and then sleeps, in two steps
 *   MUTANT_LEFT_LATE     it says how many are out behind ORPHANED
 *   MUTANT_UNCOUNTED     it does not count off what it had taken
 */
#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef EACH
#define EACH 2
#endif

#define RECORDS (PUSHERS * EACH)
#define AWAKE 0
#define SLEEPS 1
#define ORPHANED 2

byte base = AWAKE; /* what is under the records on the stack */
byte stack;        /* how many records are on it             */
byte rung, told, left;
bool freed; /* or buried */
byte gone;  /* processes that are through */

inline bury() {
    d_step { assert(!freed); freed = true }
}

inline touch() {
    assert(!freed)
}

proctype pusher() {
    byte records = EACH;
    bool rings, orphan, last;
    do
    :: records > 0 ->
        records--;
        atomic { /* the CAS */
            touch();
            orphan = (base == ORPHANED);
            rings = (base == SLEEPS && stack == 0);
            if
            :: !orphan -> stack++
            :: else
            fi
        };
        if
        :: orphan -> /* as it has a record that is not counted off, it may */
            touch();
            atomic { left--; last = (left == 0) };
            if
            :: last -> bury()
            :: else
            fi
        :: else ->
#ifdef MUTANT_TOUCHED
            touch();
#endif
            if
#ifndef MUTANT_RING_FORGOT
            :: rings ->
                touch();
                atomic { rung++ };
                atomic { touch(); told++ }
#endif
            :: else
            fi
        fi;
        rings = false; orphan = false; last = false
    :: else -> break
    od;
    gone++
}

inline take(to) {
    atomic { /* the exchange */
        number = stack;
        rang = (base == SLEEPS && stack > 0);
        stack = 0;
        base = to
    };
    if
    :: rang ->
        rings++;
#ifndef MUTANT_NO_TOLD
        told == rings;
#endif
        rang = false
    :: else
    fi
}

active proctype source() {
    byte got, number, rings, noted;
    bool rang, lies, last;
    do
    :: got == RECORDS -> bury(); break
    :: got < RECORDS ->
        take(AWAKE);
        got = got + number;
        if
        :: got < RECORDS -> /* it sleeps, until it is rung, or for so long */
            noted = rung;
#ifdef MUTANT_LIES_BLIND
            lies = (stack == 0);
            if
            :: lies -> atomic { base = SLEEPS; stack = 0 }
            :: else
            fi;
#else
            atomic {
                lies = (stack == 0);
                if
                :: lies -> base = SLEEPS
                :: else
                fi
            };
#endif
            if
            :: lies ->
                if
                :: rung != noted
#ifndef PATIENT
                :: skip /* its time has come */
#endif
                fi
            :: else
            fi;
            lies = false
#ifndef PATIENT
        :: got < RECORDS -> /* its deadline */
#ifndef MUTANT_LEFT_LATE
            left = RECORDS - got;
#endif
            take(ORPHANED);
#ifdef MUTANT_LEFT_LATE
            left = RECORDS - got;
#endif
#ifdef MUTANT_UNCOUNTED
            number = 0;
#endif
            if
            :: number > 0 ->
                atomic { left = left - number; last = (left == 0) };
                if
                :: last -> bury()
                :: else
                fi
            :: else
            fi;
            break
#endif
        :: else
        fi
    od;
    gone++
}

init {
    byte i;
    atomic {
        do
        :: i < PUSHERS -> run pusher(); i++
        :: else -> break
        od
    };
    gone == PUSHERS + 1;
    assert(freed)
}
