/* A stage that finishes: what was accepted is handled before it ends, what comes late is refused.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A count says how many messages, and how many tokens, a stage has accepted and
 * not used up. Who sends adds to it, if it is open, and then sends; who has handled what came
 * takes from it. The stage ends when its feeders have ended and it has closed both counts at
 * 0, by a CAS each: the tokens first, for who holds one must not be refused; if the messages
 * are then not at 0, the tokens are opened again. A feeder is on the way, and counted with the
 * tokens, until its mail (FEEDER) has come: the stage then watches it, and is told of its end
 * (NOTICE), also when that was before. All this comes before the feeder sends anything.
 *
 * An inlet closes its tokens before it shuts (finished = 1), which is before it looks whether
 * anything is still reserved; who pushes reserves first, and then looks whether it is shut.
 *
 * Mirrors: weir__stage_go_to_end, shut, weir__stage_monitor_mail; weir__mailbox_shut, _end,
 * weir__counter_add and _take; weir_busy, weir_done, weir_feeds, weir__make_message;
 * weir__inlet_know_feeder, try_push, shut and is_empty of the inlet.
 * Abstracted: timers with a message are counted and closed as messages are; the inlet's poke
 * (port.pml): the stage is woken when something lies there; a turn takes one mail or event.
 *
 * PLAIN: not an inlet: the feeder and the holder of the token cast.
 *
 * Properties: nothing accepted comes to a stage that has ended; who holds a token, or is
 * known as a feeder, is not refused (asserted); the stage ends once all is given back (no
 * invalid end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_CLOSED_BY_STORE   a count is looked at, and then closed by a store
 *   MUTANT_NO_MESSAGES       it ends without a look at the messages
 *   MUTANT_NO_FEEDERS        it ends without a look at its feeders
 *   MUTANT_SENT_FIRST        a cast is sent, and then counted
 *   MUTANT_TOKEN_LATE        a token is counted after it is given out
 *   MUTANT_DONE_OUTSIDE      who gives a token back counts it off himself, and sends no mail
 *   MUTANT_FEEDER_LATE       FEEDER is sent after the first push or cast
 *   MUTANT_FEEDER_UNCOUNTED  FEEDER on its way is not counted
 *   MUTANT_FEEDER_FIRST      it is counted off before the stage knows the feeder
 *   MUTANT_LATE_WATCH        of a feeder that had ended before nobody hears
 * of an inlet:
 *   MUTANT_SHUT_BLIND        it shuts without a look at the tokens
 *   MUTANT_LOOK_FIRST        it looks what is reserved before it shuts
 *   MUTANT_PUSH_BLIND        who pushes looks whether it is shut, and then reserves
 * with PLAIN:
 *   MUTANT_TOKENS_LAST       the messages are closed first
 *   MUTANT_NO_REOPEN         what was closed in vain stays closed
 */
#ifndef FED
#define FED 2 /* events that the feeder sends, at most */
#endif
#ifndef CASTS
#define CASTS 1 /* casts, or pushes, by an outsider */
#endif
#ifndef HOLDERS
#define HOLDERS 1
#endif

/* The counts: 0 is closed, 1 + n is open. */
#define MESSAGES 0
#define TOKENS 1
#define CELLS 2
#define PROCESSES 1
#define BUFFER 4
#define WORKER 0
#include "tso.h"

mtype = { CAST, TOKEN, FEEDER, NOTICE, FINISH, POKE };

chan mail = [8] of { mtype };
bool watched, watch_sent; /* by the stage: WATCH has come to the feeder; is sent */
bool feeder_ended;

/* of the inlet; changed by locked operations only */
byte waiting;
byte lying;
bool finished;

/* By a thread that is not the worker: one locked operation. */
inline add(cell, ok) {
    atomic {
        ok = memory[cell] > 0;
        if
        :: ok -> memory[cell]++
        :: else
        fi
    }
}

inline cast(ok) {
#ifdef MUTANT_SENT_FIRST
    ok = memory[MESSAGES] > 0;
    if
    :: ok -> mail!CAST; add(MESSAGES, ok)
    :: else
    fi
#else
    add(MESSAGES, ok);
    if
    :: ok -> mail!CAST
    :: else
    fi
#endif
}

inline push(ok) {
#ifdef MUTANT_PUSH_BLIND
    ok = !finished;
    if
    :: ok -> waiting++; lying++
    :: else
    fi
#else
    waiting++;
    if
    :: finished -> waiting--; ok = false; mail!POKE
    :: else -> ok = true; lying++
    fi
#endif
}

#ifdef PLAIN
#define send(ok) cast(ok)
#else
#define send(ok) push(ok)
#endif

/* ---- the stage ------------------------------------------------------------- */

inline close(cell) {
#ifdef MUTANT_CLOSED_BY_STORE
    done = memory[cell] == 1;
    if
    :: done -> store(WORKER, cell, 0)
    :: else
    fi
#else
    atomic {
        full_fence(WORKER);
        done = memory[cell] == 1;
        if
        :: done -> memory[cell] = 0
        :: else
        fi
    }
#endif
}

inline count_off(cell) {
    atomic {
        full_fence(WORKER);
        assert(memory[cell] > 1);
        memory[cell]--
    }
}

inline reopen(cell) {
#ifndef MUTANT_NO_REOPEN
    store(WORKER, cell, 1)
#else
    skip
#endif
}

inline close_messages() {
#ifdef MUTANT_NO_MESSAGES
    atomic { full_fence(WORKER); memory[MESSAGES] = 0; done = true }
#else
    close(MESSAGES)
#endif
}

/* weir__mailbox_end; ended goes to done. */
inline close_all() {
#ifndef PLAIN
    close_messages() /* tokens are closed since it is shut */
#elif defined(MUTANT_TOKENS_LAST)
    close_messages();
    if
    :: done ->
        close(TOKENS);
        if
        :: done
        :: else -> reopen(MESSAGES)
        fi
    :: else
    fi
#else
    close(TOKENS);
    if
    :: done ->
        close_messages();
        if
        :: done
        :: else -> reopen(TOKENS)
        fi
    :: else
    fi
#endif
}

inline shut() {
#ifdef MUTANT_SHUT_BLIND
    atomic { full_fence(WORKER); memory[TOKENS] = 0; done = true };
#else
    close(TOKENS);
#endif
    if
    :: done -> atomic { full_fence(WORKER); finished = true }
    :: else
    fi
}

#ifdef MUTANT_NO_FEEDERS
#define is_fed false
#else
#define is_fed (feeders > 0)
#endif

#ifdef MUTANT_LOOK_FIRST
#define is_empty looked_empty
#else
#define is_empty (waiting == 0)
#endif

/* At the end of each turn. */
inline go_to_end() {
    done = finishing && (finished || !is_fed);
#ifdef MUTANT_LOOK_FIRST
    looked_empty = waiting == 0;
#endif
#ifndef PLAIN
    if
    :: done && !finished -> shut()
    :: else
    fi;
    if
    :: done -> full_fence(WORKER); done = is_empty
    :: else
    fi;
#endif
    if
    :: done -> close_all()
    :: else
    fi;
    ended = done;
    done = false
}

inline take_mail() {
    if
    :: mail?CAST -> count_off(MESSAGES)
    :: mail?TOKEN ->
#ifndef MUTANT_DONE_OUTSIDE
        count_off(TOKENS)
#else
        skip
#endif
    :: mail?FEEDER ->
#ifdef MUTANT_FEEDER_FIRST
        count_off(TOKENS);
        go_to_end();
#endif
        feeders++;
        watch_sent = true;
#if !defined(MUTANT_FEEDER_FIRST) && !defined(MUTANT_FEEDER_UNCOUNTED)
        count_off(TOKENS)
#endif
    :: mail?NOTICE -> feeders--
    :: mail?FINISH -> finishing = true
    :: mail?POKE /* somebody has taken a reservation back */
    fi
}

active proctype worker() {
    byte feeders;
    bool finishing, done, ended;
#ifdef MUTANT_LOOK_FIRST
    bool looked_empty;
#endif
    do
    :: ended -> break
    :: !ended && nempty(mail) -> take_mail(); go_to_end()
    :: !ended && lying > 0 ->
        atomic { full_fence(WORKER); lying-- };
        atomic { full_fence(WORKER); waiting-- };
        go_to_end()
    od;
end:
    do /* it bounces */
    :: mail?FEEDER -> watch_sent = true
    :: mail?NOTICE
    :: mail?FINISH
    :: mail?POKE
    :: mail?CAST -> assert(false)
    :: mail?TOKEN -> assert(false)
    :: lying > 0 -> assert(false)
    od
}

/* ---- who sends to it ------------------------------------------------------- */

/* Once it is known, it is not refused any more. */
proctype feeder() {
    byte sent;
    bool known, ok;
    do
    :: sent < FED ->
        sent++;
#ifdef MUTANT_FEEDER_LATE
        send(ok);
        assert(ok || !known);
        if
        :: ok && !known ->
            known = true;
            add(TOKENS, ok);
            if
            :: ok -> mail!FEEDER
            :: else
            fi
        :: else
        fi
#else
        if
        :: !known ->
#ifdef MUTANT_FEEDER_UNCOUNTED
            known = true;
            mail!FEEDER
#else
            add(TOKENS, known);
            if
            :: known -> mail!FEEDER
            :: else
            fi
#endif
        :: else
        fi;
        if
        :: known -> send(ok); assert(ok)
        :: else /* an inlet refuses it; and so does weir_feeds */
        fi
#endif
    :: break
    od;
    known = false;
    ok = false;
    atomic { /* its own worker takes WATCH before it has ended, or after that */
        feeder_ended = true;
        if
        :: watched -> mail!NOTICE
        :: else
        fi
    }
}

/* The feeder's worker: WATCH. */
active proctype watch() {
end:
    atomic {
        watch_sent ->
        watched = true;
        if
#ifndef MUTANT_LATE_WATCH
        :: feeder_ended -> mail!NOTICE
#endif
        :: else
        fi
    }
}

proctype holder() {
    bool out, ok;
#ifdef MUTANT_TOKEN_LATE
    out = memory[TOKENS] > 0;
    if
    :: out -> send(ok); assert(ok); add(TOKENS, ok); assert(ok)
    :: else
    fi;
#else
    add(TOKENS, out);
    if
    :: out -> send(ok); assert(ok)
    :: else
    fi;
#endif
    if
#ifdef MUTANT_DONE_OUTSIDE
    :: out -> memory[TOKENS]--
#else
    :: out -> mail!TOKEN
#endif
    :: else
    fi
}

/* Refused, he is too late. */
proctype outsider() {
    byte sent;
    bool ok;
    do
    :: sent < CASTS -> sent++; cast(ok)
#ifndef PLAIN
    :: sent < CASTS -> sent++; push(ok)
#endif
    :: else -> break
    od
}

init {
    byte i;
    atomic {
        memory[MESSAGES] = 1;
        memory[TOKENS] = 1;
        run feeder();
        run outsider();
        do
        :: i < HOLDERS -> i++; run holder()
        :: else -> break
        od
    }
    mail!FINISH
}
