/* A stream: batches to a reader outside, returns to the stage, and its descriptor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. The stage publishes entries and then looks whether the descriptor is
 * armed; if so it disarms and signals it. The reader, when there is nothing, makes
 * its descriptor quiet, arms it, and looks again; or it sleeps in the call. What it is
 * through with it tells by `position`; the stage looks there while it is hot
 * (poked = 1), and when it looks no more it clears poked and looks once again; else it
 * is poked by mail.
 * The end comes once all that was published is back; with STOPS at any moment,
 * and then what the reader has not claimed goes back to the producer.
 *
 * Mirrors: weir__stream_wake, look, rest, recall (stage); take, report, make_readable, doze,
 * give_up (reader); next is take, then either wait.
 * Abstracted: the ring is a count; at most WINDOW entries are out, as demand
 * has it; a batch is one event; the stage's worker sleeps until mail comes
 * (ready_park.pml), and a reader in a call until there is something (quay.pml); the
 * descriptor is one bit, and a system call a step of its own.
 *
 * Properties: all is read, and both ends finish (no invalid end state: at the
 * descriptor beside something to take is a lost wake; a stage that
 * waits for what has come back is one as well); of the batches each is the
 * reader's or given back, never both (asserted).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_WAKE_FENCE      publishes, reads armed, no fence between
 *   MUTANT_NO_WAIT_LOOK       arms the descriptor, and no second look
 *   MUTANT_CLEAR_LATE         the descriptor is cleared after the look
 *   MUTANT_SILENT_RISE        disarms it itself, and does not signal
 *   MUTANT_NO_REPORT          waits without having told what is back
 *   MUTANT_NO_CLOSE_WAKE      the end is told to nobody
 * with STOPS:
 *   MUTANT_CLAIM_BLIND        takes an entry whatever position says
 */
#ifndef BATCHES
#define BATCHES 3
#endif
#ifndef WINDOW
#define WINDOW 2
#endif

#define RING 0 /* entries published */
#define CELLS 1
#define PROCESSES 2
#define BUFFER 3
#define STAGE 0
#define READER 1
#include "tso.h"

/* Only ever changed by read-modify-write, so never buffered. */
byte back;      /* of position: batches that are back */
byte claimed;   /* and those that the reader has had  */
bool closed;    /* and the stage's mark               */
bool armed = true; /* as weir_stream_fd leaves it */
bool poked = true; /* the stage begins hot */
bool mail;

bool readable;  /* the descriptor */
byte given_back;

/* --- the stage ------------------------------------------------------------- */

inline wake() {
#ifndef MUTANT_NO_WAKE_FENCE
    full_fence(STAGE);
#endif
    if
    :: armed -> atomic { empty(buffer[STAGE]); was = armed; armed = false }
    :: else
    fi;
    if
    :: was -> was = false; readable = true
    :: else
    fi
}

inline stop_looking() {
    atomic { empty(buffer[STAGE]); poked = false }
    came = (back > seen);
    if
    :: came -> atomic { empty(buffer[STAGE]); hot = !poked; poked = true }
    :: else -> hot = false
    fi;
    came = false
}

inline close() {
    atomic {
        empty(buffer[STAGE]);
        closed = true;
        given_back = sent - claimed
    }
#ifndef MUTANT_NO_CLOSE_WAKE
    wake()
#endif
}

active proctype stage() {
    byte sent, seen;
    bool was;
    bool hot = true;
    bool came;

    do
    :: seen == BATCHES -> close(); break
#ifdef STOPS
    :: close(); break
#endif
    :: sent < BATCHES && sent - seen < WINDOW ->
        atomic { sent++; store(STAGE, RING, sent) }
        wake()
    :: hot && seen < BATCHES ->
        if
        :: atomic { back > seen -> seen = back }
        :: else -> stop_looking()
        fi
    :: atomic { mail -> mail = false; hot = true }
    od
}

/* --- the reader ------------------------------------------------------------ */

#define has_something (memory[RING] > taken || closed)

inline report() {
#ifdef MUTANT_NO_REPORT
    unreported = false
#else
    if
    :: unreported ->
        unreported = false;
        if
        :: poked
        :: else ->
            atomic { if :: !poked -> poked = true; mail = true :: else fi }
        fi
    :: else
    fi
#endif
}

inline make_readable() {
    atomic { was = armed; armed = false }
#ifndef MUTANT_SILENT_RISE
    if
    :: was -> readable = true
    :: else
    fi;
#endif
    was = false
}

/* Comes back with what it holds and takes the next: found, over or neither. */
inline take() {
    if
    :: memory[RING] > taken ->
        atomic {
            if
#ifdef MUTANT_CLAIM_BLIND
            :: true ->
#else
            :: closed -> over = true
            :: else ->
                back = taken;
                claimed = taken + 1;
#endif
                unreported = unreported || holds;
                holds = true;
                taken++;
                found = true
            fi
        }
    :: else ->
        if
        :: closed -> over = true
        :: !closed && holds ->
            atomic {
                if
                :: closed -> over = true
                :: else -> back = taken; holds = false; unreported = true
                fi
            }
        :: else
        fi
    fi
}

/* TIMEOUT, and then it waits at the descriptor; or there was something after all. */
inline give_up() {
#ifndef MUTANT_CLEAR_LATE
    readable = false;
#endif
    armed = true;
    if
#ifndef MUTANT_NO_WAIT_LOOK
    :: has_something -> make_readable()
#endif
    :: else ->
#ifdef MUTANT_CLEAR_LATE
        readable = false;
#endif
        readable
    fi
}

active proctype reader() {
    byte taken;
    bool was;
    bool holds, found, over, unreported;

    do
    :: over -> break
    :: else ->
        found = false;
        take();
        if
        :: over
        :: found && !over ->
            if /* the next call at once, or when the descriptor is readable */
            :: true
            :: true -> readable
            fi
        :: !found && !over ->
            report();
            if
            :: true -> has_something /* asleep in the call */
            :: true -> give_up()
            fi
        fi
    od;
    assert(given_back + taken == memory[RING]);
#ifndef STOPS
    assert(taken == BATCHES)
#endif
}
