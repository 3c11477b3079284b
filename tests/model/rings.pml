/* A ring of two stages that finish: it ends once nothing goes round, and not before.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Two stages on two workers feed each other, so that neither can be the first to
 * end. Who drains waits until all is at rest, and then asks the workers, one after the other:
 *
 *   MARK   a stage that holds nothing and has accepted nothing gets the search's number; the
 *          worker remembers how many turns it has had
 *   PRUNE  a stage that is fed by one without the number loses it; until none does
 *   TELL   who was not told its end yet is: from here on only stages may send to it; it gives
 *          out what it keeps in its state, now and whenever something has come after that
 *   CLOSE  instead, when all were told before: it closes its count, unless its worker had a
 *          turn since MARK, or is about to have one
 *   END    all have closed it: they end; else OPEN: the counts are opened again
 *
 * From CLOSE on a stage has no turn, until it has heard END or OPEN: what is not counted may come
 * to it all the same, such as the news of another's end, or a late reminder.
 *
 * An event that is on its way in the ring when CLOSE comes was sent in a turn after the
 * sender's MARK, or before it: then its receiver's worker has been called (ready) before MARK
 * was answered, and either had its turn or is still to have it.
 *
 * Mirrors: search_one, end_ring and what they ask (runtime/rings.c), weir__stage_go_to_end and
 * _waits_for_others, weir__stage_came, weir__stage_turn (closed), weir__mailbox_end and _reopen,
 * weir__worker_step.
 * Abstracted: at rest is one look (settle.pml); publishing and raising are one step
 * (ready_park.pml); a stage's count is of messages only (drain.pml has the others). Each event
 * goes on a number of times, and is then kept until the stage is told its end.
 *
 * UNDECLARED: the message from outside is one of a stage that feeds nobody as far as is known;
 * else it is a thread's.
 *
 * NOTICES: instead of the message from outside there is news, which is not counted and which
 * nobody can refuse; on hearing it a stage says something to the other.
 *
 * LATE: who asks does not wait for every answer; the worker does what it was asked all the
 * same, later.  (END and OPEN are not answered at all; the next search comes when all is at rest.)
 *
 * Properties: a stage ends with nothing sent to it, handed to it or kept by it (asserted);
 * both end in the end, after a bounded number of searches (asserted, and no invalid end
 * state); and none is refused by the other, whom it feeds, while that one has not ended
 * (asserted, but with UNDECLARED).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_PRUNE         whoever was marked is of the ring
 *   MUTANT_READY_BLIND      who is about to have a turn is not looked at
 *   MUTANT_OUTSIDERS        who is at work in no stage may send until the count is closed
 *   MUTANT_NO_TELL          nobody is told its end
 *   MUTANT_TOLD_ONCE        who was told is not told again after something came
 *   MUTANT_NO_MESSAGES      it is marked, and closed, whatever it has accepted
 *   MUTANT_ONE_CLOSED       they end when one of them could be closed
 *   MUTANT_NO_REOPEN        what was closed in vain stays closed
 * with UNDECLARED:
 *   MUTANT_NO_TURNS         turns are not looked at
 *   MUTANT_CLOSED_BY_STORE  the count is looked at, and then closed by a store
 * with NOTICES:
 *   MUTANT_CLOSED_AT_WORK   a stage that is closed has turns
 * with LATE:
 *   MUTANT_NOT_ALL_ASKED    after one that does not answer, no other worker is told END, OPEN
 */
#ifndef CASTS
#define CASTS 1
#endif
#ifndef HOPS
#define HOPS 1
#endif
#define SEARCHES_MOST (4 + 2 * CASTS) /* more than these would be for nothing */

/* The count of stage w's messages: 0 is closed, 1 + n is open. */
#define CELLS 2
#define PROCESSES 2
#define BUFFER 2
#include "tso.h"

mtype = { CAST, NOTICE, MARK, PRUNE, TELL, CLOSE, OPEN, END };

chan mail[2] = [6] of { mtype, byte, byte }; /* CAST: hops to go; else search, question */
chan ring[2] = [4] of { byte };        /* events to stage w: hops to go */
bool ready[2];                         /* w is to have a turn */
bool idle[2] = true;
bool gone[2];

/* of stage w; its worker's */
byte search_of[2];
bool unfed[2], told[2], stopping[2];
bool within[2];  /* of the count's word */
bool moved[2];   /* its worker had a turn since MARK */
chan control[2] = [2 * CASTS] of { byte }; /* messages handed to it: hops to go */
byte kept[2];
bool spoke[2]; /* its last words */
bool news[2];    /* a notice handed to it */
bool frozen[2];  /* closed: it has no turn */

bool sending; /* a message is counted, and not sent yet */

/* of who drains */
byte search = 1;
byte question, members, changed, those_told, closed;

/* ---- a stage's turn -------------------------------------------------------- */

/* An event that is handled: goes on, or stays in the state. */
inline handle(w, hops) {
#ifndef MUTANT_TOLD_ONCE
    told[w] = false;
#endif
    if
    :: hops > 0 -> ring[1 - w]!hops - 1; ready[1 - w] = true
    :: hops > 0 -> /* or by a cast */
        if
#ifdef UNDECLARED
        :: memory[1 - w] == 0 -> kept[w]++
#else
        :: memory[1 - w] == 0 -> assert(false)
#endif
        :: else -> memory[1 - w]++; mail[1 - w]!CAST(hops - 1, 0)
        fi
    :: else -> kept[w]++
    fi
}

inline count_off(w) {
    atomic {
        full_fence(w);
        assert(memory[w] > 1);
        memory[w]--
    }
}

/* The first stage has last words for the other, which come back to it. */
inline go_to_end(w) {
    if
    :: unfed[w] && !told[w] && !news[w] && len(control[w]) == 0 && len(ring[w]) == 0 ->
        told[w] = true;
        kept[w] = 0;
        if
        :: w == 0 && !spoke[w] -> spoke[w] = true; ring[1]!1; ready[1] = true
        :: else
        fi
    :: else
    fi
}

inline leave(w) {
    atomic {
        full_fence(w);
        assert(memory[w] == 0);
        assert(len(ring[w]) == 0 && len(control[w]) == 0 && kept[w] == 0);
        gone[w] = true
    }
}

#ifdef MUTANT_CLOSED_AT_WORK
#define can_work(w) (!stopping[w])
#else
#define can_work(w) (!stopping[w] && !frozen[w])
#endif

inline hear(w) {
#ifdef NOTICES
    atomic {
        if
        :: news[w] ->
            news[w] = false;
            told[w] = false;
            ring[1 - w]!0;
            ready[1 - w] = true
        :: else
        fi
    }
#else
    skip
#endif
}

inline turn(w) {
    if
    :: stopping[w]
#ifndef MUTANT_CLOSED_AT_WORK
    :: frozen[w] && !stopping[w] -> ready[w] = true
#endif
    :: can_work(w) ->
        hear(w);
        do
        :: atomic { control[w]?hops -> handle(w, hops); hops = 0 };
            count_off(w)
        :: len(control[w]) == 0 -> break
        od;
        do
        :: atomic { ring[w]?hops -> handle(w, hops); hops = 0 }
        :: len(ring[w]) == 0 -> break
        od;
        atomic { go_to_end(w) }
    fi;
    if
    :: stopping[w] -> leave(w)
    :: else
    fi
}

/* ---- what a worker is asked ------------------------------------------------ */

#ifdef MUTANT_NO_MESSAGES
#define counts_nothing(w) true
#else
#define counts_nothing(w) (memory[w] <= 1)
#endif
#define waits(w) (!stopping[w] && !news[w] && len(control[w]) == 0 && counts_nothing(w))
#define is_member(w) (!gone[w] && search_of[w] == about)
#ifdef MUTANT_NO_TELL
#define is_told(w) true
#else
#define is_told(w) (unfed[w] && told[w])
#endif
#ifdef MUTANT_NO_TURNS
#define is_still(w) (!ready[w])
#elif defined(MUTANT_READY_BLIND)
#define is_still(w) (!moved[w])
#else
#define is_still(w) (!moved[w] && !ready[w])
#endif

inline mark(w) {
    moved[w] = false;
    if
    :: !gone[w] && waits(w) -> search_of[w] = about
    :: else -> search_of[w] = 0
    fi;
    member = is_member(w)
}

inline prune(w) {
#ifndef MUTANT_NO_PRUNE
    if
    :: is_member(w) && (gone[1 - w] || search_of[1 - w] != about) ->
        search_of[w] = 0;
        lost = true
    :: else
    fi;
#endif
    member = is_member(w)
}

inline tell(w) {
    if
    :: is_member(w) && !is_told(w) ->
        unfed[w] = true;
#ifndef MUTANT_OUTSIDERS
        within[w] = true;
#endif
        ready[w] = true
    :: else
    fi
}

inline close(w) {
    member = is_member(w);
    if
    :: member && is_still(w) && is_told(w) && waits(w) ->
#ifdef MUTANT_CLOSED_BY_STORE
        shut = memory[w] == 1;
        if
        :: shut -> store(w, w, 0)
        :: else
        fi
#else
        full_fence(w);
#ifdef MUTANT_NO_MESSAGES
        shut = true;
#else
        shut = memory[w] == 1;
#endif
        if
        :: shut -> memory[w] = 0
        :: else
        fi
#endif
        frozen[w] = shut
    :: else
    fi
}

inline open(w) {
    frozen[w] = false;
#ifndef MUTANT_NO_REOPEN
    full_fence(w);
    if
    :: is_member(w) && memory[w] == 0 -> store(w, w, 1)
    :: else
    fi
#else
    skip
#endif
}

inline finish(w) {
    if
    :: is_member(w) -> stopping[w] = true; ready[w] = true
    :: else
    fi
}

/* Unless who asked has given up. */
inline answer() {
    if
    :: which == question ->
        question = 0;
        members = members + member;
        those_told = those_told + (member && is_told(me));
        changed = changed + lost;
        closed = closed + shut
    :: else
    fi;
    member = false;
    lost = false;
    shut = false;
    about = 0;
    which = 0
}

proctype worker(byte me) {
    byte about, which, hops;
    bool member, lost, shut;
end:
    do
    :: atomic { len(mail[me]) > 0 || ready[me] -> idle[me] = false };
        do
        :: atomic { mail[me]?CAST(about, which) ->
            control[me]!about;
            ready[me] = true;
            about = 0 }
#ifdef NOTICES
        :: atomic { mail[me]?NOTICE(about, which) -> news[me] = true; ready[me] = true }
#endif
        :: atomic { mail[me]?MARK(about, which) -> mark(me); answer() }
        :: atomic { mail[me]?PRUNE(about, which) -> prune(me); answer() }
        :: atomic { mail[me]?TELL(about, which) -> tell(me); answer() }
        :: atomic { mail[me]?CLOSE(about, which) -> close(me); answer() }
        :: atomic { mail[me]?OPEN(about, which) -> open(me); answer() }
        :: atomic { mail[me]?END(about, which) -> finish(me); answer() }
        :: empty(mail[me]) -> break
        od;
        if
        :: atomic { ready[me] -> ready[me] = false; moved[me] = true };
            if
            :: gone[me] -> assert(len(control[me]) == 0 && len(ring[me]) == 0)
            :: else -> turn(me)
            fi
        :: else
        fi;
        atomic { full_fence(me); idle[me] = empty(mail[me]) && !ready[me] }
    od
}

/* ---- who drains ------------------------------------------------------------ */

#define at_rest (idle[0] && idle[1] && empty(mail[0]) && empty(mail[1]) && !ready[0] && !ready[1])

inline ask(w, kind) {
    atomic {
        serial = serial % 3 + 1; /* not more than one is late */
        question = serial;
        mail[w]!kind(search, serial)
    };
    if
    :: question == 0
#ifdef LATE
    :: atomic { lates < LATE -> lates++; question = 0; failed = true }
#endif
    fi
}

inline ask_all(kind) {
    atomic {
        members = 0;
        those_told = 0;
        changed = 0;
        closed = 0;
        failed = false
    };
    ask(0, kind);
    if
    :: !failed -> ask(1, kind)
    :: else
    fi
}

inline tell_all(kind) {
    failed = false;
    ask(0, kind);
#ifdef MUTANT_NOT_ALL_ASKED
    if
    :: !failed -> ask(1, kind)
    :: else
    fi
#else
    ask(1, kind)
#endif
}

#ifdef MUTANT_ONE_CLOSED
#define all_are_closed (closed > 0)
#else
#define all_are_closed (closed == members)
#endif

inline search_one() {
    ask_all(MARK);
    do
    :: !failed -> ask_all(PRUNE);
        if
        :: changed == 0 -> break
        :: else
        fi
    :: else -> break
    od;
    if
    :: failed || members == 0
    :: else ->
        if
        :: those_told < members -> ask_all(TELL)
        :: else ->
            ask_all(CLOSE);
            if
            :: !failed && all_are_closed -> tell_all(END)
            :: else -> tell_all(OPEN)
            fi
        fi
    fi
}

active proctype drainer() {
    byte serial, lates, searches;
    bool failed;
    atomic {
        memory[0] = 1;
        memory[1] = 1;
        run worker(0);
        run worker(1)
    }
    do
    :: gone[0] && gone[1] -> break
    :: at_rest && !(gone[0] && gone[1]) ->
        atomic {
            search = 3 - search; /* another one than before */
            if
            :: !sending -> searches++; assert(searches <= SEARCHES_MOST)
            :: else /* nothing can be ended before the message has come */
            fi
        };
        search_one()
    od
}

/* From outside, at any moment, to either of them. */
active proctype caster() {
    byte sent, to, hops;
    bool ok;
    do
    :: sent < CASTS ->
        sent++;
        if
        :: to = 0
        :: to = 1
        fi;
        if
        :: hops = HOPS
        :: hops = 0
        fi;
#ifdef NOTICES
        atomic { mail[to]!NOTICE(0, 0) }
#else
        atomic {
#ifdef UNDECLARED
            ok = memory[to] > 0;
#else
            ok = memory[to] > 0 && !within[to];
#endif
            if
            :: ok -> memory[to]++; sending = true
            :: else
            fi
        };
        atomic {
            if
            :: ok -> mail[to]!CAST(hops, 0); sending = false
            :: else
            fi
        }
#endif
    :: else -> break
    od
}
