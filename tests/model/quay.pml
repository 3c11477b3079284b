/* A quay: how threads outside call a stage, sleep beside it, and let go of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Whoever brings something makes `poked` TOLD and, if it was not, sends the
 * poke, with a reference; the stage, when it finds nothing, gives the token up and looks
 * once more. Whoever finds nothing to take notes `rung`, says that he sleeps (a locked
 * add), looks again, and only then sleeps, if `rung` is as noted; who puts something
 * reads, behind a fence, how many sleep: if any, it changes `rung` and wakes at most as
 * many as it has put; at the end it changes it and wakes all. References are counted;
 * who leaves only one wakes who waits to be alone, and he gives the last one back.
 *
 * Mirrors: weir__quay_poke, _rest as COLD, _release, _alone and poke_gone of quay.c;
 * weir__berth_lie_down, _sleep, _wake and _ring of berth.c and berth.h, as doze and the
 * handout use them. (WAITS, and weir__quay_look_on as demand comes, are port.pml's.)
 * The stage here is a pool's: it puts entries, one and then two, each
 * with a reference, and puts the next when all are back; takers bring each back.
 * Abstracted: the ring is a count of entries put, in the stage's store buffer until it
 * comes out, and a count of entries taken, which is one step; the stage's worker sleeps
 * until mail comes (ready_park.pml); deadlines.
 *
 * Properties: each entry is taken once, and nothing is used after the last reference has
 * gone (asserted); all of them are taken and brought back, whatever sleeps is woken by
 * what it sleeps for, and by the end, and it is freed (no invalid end state). With
 * PATIENT it is closed when all has come back, else at any moment. With PROMPT the stage
 * looks at what a poke tells of, and no longer, as a pool's does; without it looks on
 * until it rests, as an inlet's and a stream's do.
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_REST_LOOK   the stage gives up the token, and no second look
 *   MUTANT_CLEARED_LATE   it looks, and then gives up the token
 *   MUTANT_HOLD_LATE      the poke is sent, and its reference taken after that
 *   MUTANT_ALONE_UNTOLD   who leaves but one reference wakes nobody
 *   MUTANT_ALONE_BLIND    who waits to be alone sleeps, and refs is not compared
 *   MUTANT_END_UNRUNG     the end wakes all, and does not change `rung`
 * with PROMPT:
 *   MUTANT_RELEASE_FIRST  who brings something back lets go of it before the poke
 *   MUTANT_LATE_KEPT      a poke that finds the stage gone keeps its reference
 * with PATIENT:
 *   MUTANT_NO_WAKE_FENCE  entries put, sleepers read, no fence between
 *   MUTANT_NO_SLEEP_LOOK  a taker lies down, and no second look
 *   MUTANT_RUNG_LATE      `rung` is noted after the second look
 *   MUTANT_SAME_RUNG      sleepers are woken, `rung` does not change
 *   MUTANT_BLIND_SLEEP    the kernel does not compare before a taker sleeps
 */
#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef RUNS
#define RUNS 2
#endif

#define PUT 0 /* entries put: the one cell that is stored, not exchanged */
#define CELLS 1
#define PROCESSES 1
#define BUFFER 3
#define STAGE 0
#include "tso.h"

/* Changed by locked operations only. */
byte taken, brought, sleepers, rung;
byte refs = 2; /* the handle's, the stage's */
bool poked, mail, closing, dead;

bool asleep[TAKERS], closer_asleep;
byte threads = TAKERS;
bool all_back, freed;

#define used() assert(!freed)

inline hold(count) {
    atomic { used(); refs = refs + count }
}

inline release(count) {
    atomic {
        used();
        refs = refs - count;
        if
#ifndef MUTANT_ALONE_UNTOLD
        :: refs == 1 -> closer_asleep = false
#endif
        :: refs == 0 -> freed = true
        :: else
        fi
    }
}

inline poke() {
    atomic { used(); was = poked; poked = true }
    if
    :: was
    :: else ->
#ifdef MUTANT_HOLD_LATE
        mail = true;
        hold(1)
#else
        hold(1);
        mail = true
#endif
    fi;
    was = false
}

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

/* --- the stage, on its worker ------------------------------------------------ */

inline put_next() {
    batch++;
    hold(batch);
    atomic { put++; store(STAGE, PUT, put) }
    if
    :: batch > 1 -> atomic { put++; store(STAGE, PUT, put) }
    :: else
    fi;
#ifndef MUTANT_NO_WAKE_FENCE
    full_fence(STAGE);
#endif
    if
    :: sleepers > 0 ->
#ifndef MUTANT_SAME_RUNG
        atomic { empty(buffer[STAGE]); rung++ }
#endif
        wake(batch)
    :: sleepers == 0
    fi
}

/* It takes back what nobody has taken. */
inline end_stage() {
    atomic { empty(buffer[STAGE]); left = put - taken; taken = put; dead = true }
    release(left);
    left = 0;
#ifndef MUTANT_END_UNRUNG
    rung++;
#endif
    wake(TAKERS);
    stage = false;
    watched = false;
    release(1)
}

inline look() {
    came = (brought > back);
    back = brought;
    if
    :: closing -> came = true; end_stage()
    :: else
    fi
}

inline rest() {
#ifdef MUTANT_CLEARED_LATE
    came = (brought > back || closing);
    atomic { empty(buffer[STAGE]); poked = false }
#else
    atomic { empty(buffer[STAGE]); poked = false }
#ifndef MUTANT_NO_REST_LOOK
    came = (brought > back || closing)
#endif
#endif
    if
    :: came -> atomic { empty(buffer[STAGE]); watched = !poked; poked = true }
    :: else -> watched = false
    fi
}

proctype worker() {
    byte put, batch, back, left, told;
    bool stage = true;
    bool watched, came;

end:
    do
    :: stage && batch < RUNS && back == put -> put_next()
    :: mail ->
        mail = false;
        if
        :: stage ->
#ifdef PROMPT
            atomic { empty(buffer[STAGE]); poked = false }
#else
            watched = true;
#endif
            look();
            release(1)
        :: else ->
            atomic { used(); poked = false }
#ifndef MUTANT_LATE_KEPT
            release(1)
#endif
        fi;
        came = false
    :: stage && watched ->
        look();
        if
        :: stage && !came -> rest()
        :: else
        fi;
        came = false
    od
}

/* --- outside ------------------------------------------------------------------ */

inline sleep_here() {
#ifndef MUTANT_RUNG_LATE
    noted = rung;
#endif
    sleepers++; /* locked; it has no stores of its own to wait for */
    if
#ifdef MUTANT_NO_SLEEP_LOOK
    :: !dead ->
#else
    :: !dead && memory[PUT] == taken ->
#endif
#ifdef MUTANT_RUNG_LATE
        noted = rung;
#endif
        if
#ifdef MUTANT_BLIND_SLEEP
        :: true -> asleep[me] = true; !asleep[me]
#else
        :: atomic { rung == noted -> asleep[me] = true }; !asleep[me]
        :: rung != noted
#endif
        fi
    :: else
    fi;
    sleepers--;
    noted = 0
}

proctype taker(byte me) {
    byte noted;
    bool was;

    do
    :: atomic { memory[PUT] > taken -> taken++; assert(taken <= memory[PUT]) }
        brought++;
        all_back = (brought == RUNS * (RUNS + 1) / 2);
#ifdef MUTANT_RELEASE_FIRST
        release(1);
        poke()
#else
        poke();
        release(1)
#endif
    :: memory[PUT] <= taken && !dead -> sleep_here()
    :: memory[PUT] <= taken && dead -> threads--; break
    od
}

proctype closer() {
    byte seen;
    bool was;

#ifdef PATIENT
    all_back;
#endif
    closing = true;
    poke();
    do
    ::
        seen = refs;
        if
        :: seen == 1 -> break
        :: else
        fi;
#ifdef MUTANT_ALONE_BLIND
        closer_asleep = true;
#else
        atomic { closer_asleep = (refs == seen) }
#endif
        !closer_asleep
    od;
    threads == 0; /* they are joined */
    release(1);
    assert(freed)
}

init {
    atomic {
        byte i;
        run worker();
        run closer();
        do
        :: i == TAKERS -> break
        :: else -> run taker(i); i++
        od
    }
}
