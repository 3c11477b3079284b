/* A rate: one word that names its terms and says up to where tokens have been given out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A clock counts `per` tokens a tick, from `base` on. Token p may be used while the
 * clock's position is below p and at least p - BURST. Takers read the word, then the terms that it
 * names, one field after the other, and give themselves the next token by a compare-and-swap of
 * the whole word; `taken` is raised to the clock's position before. Who finds none due reserves the
 * next and comes back for it. A setter writes other terms into the next place, and then names
 * them; `taken` goes on behind the new position as far as it was behind the old one.
 *
 * Mirrors: weir__rate_take, weir__rate_reserve, weir__rate_use (bring_up, are_unwritten),
 * change_terms. Abstracted: parts of a token; several at once; no time passes while terms are set
 * (the setter's clock is as he read it). Order of stores and loads is as on x86: the setter's are
 * behind each other, and the CAS behind them.
 *
 * Property: of the uses within any span of ticks there are no more than the clock counted in it,
 * and BURST. A use is of the tick at which its clock was read, or its terms were set, whichever is
 * later.
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_NUMBER    the compare-and-swap does not see that other terms were named
 *   MUTANT_NAMED_FIRST  terms are named, then written
 *   MUTANT_NOT_RAISED   an idle rate saves up more than a burst
 *   MUTANT_LATE_USED    what was reserved for another time is used
 *   MUTANT_DEBT_LOST    what was taken of the burst is forgotten as terms change
 *   MUTANT_UNSHIFTED    what is reserved is counted by the terms of then
 *   MUTANT_NO_RECHECK   who uses what he reserved does not look whether terms were written over
 */
#ifndef BURST
#define BURST 1
#endif
#ifdef ALONE /* one taker, and more of all else */
#define SETS   2
#define ROUNDS 3
#define TICKS  4
#else
#define SETS   1
#define ROUNDS 2
#define TICKS  3
#endif
#define PLACES 2

byte number, taken; /* the word */
byte base[PLACES], per[PLACES], shift[PLACES];
byte now;
bool setting;

byte counted[TICKS + 1]; /* by the clock, before that tick */
byte uses[TICKS + 1];

#define POSITION(t, b, p) ((t) > (b) -> ((t) - (b)) * (p) : 0)
#define MOST(a, b)        ((a) > (b) -> (a) : (b))

inline read_terms() {
    w_number = number;
    w_taken = taken; /* with the number, as one word: see below */
}

#ifdef MUTANT_NO_NUMBER
#define SAME (taken == w_taken)
#else
#define SAME (taken == w_taken && number == w_number)
#endif

/* The next token by the word that was read; `mine` is it, or 0: somebody else was first. */
inline give() {
    atomic {
        if
        :: SAME -> taken = from + 1; mine = from + 1; mine_terms = w_number
        :: else -> mine = 0
        fi
    }
}

inline look() {
    d_step { read_terms() };
    b = base[w_number % PLACES];
    p = per[w_number % PLACES];
#ifdef MUTANT_NOT_RAISED
    at = POSITION(t, b, p);
    from = w_taken
#else
    at = POSITION(t, b, p);
    from = MOST(w_taken, at)
#endif
}

#ifdef MUTANT_NO_RECHECK
#define WRITTEN_OVER false
#else
#define WRITTEN_OVER (number != w_number)
#endif
#ifdef MUTANT_UNSHIFTED
#define SHIFT 0
#else
#define SHIFT s
#endif
#ifdef MUTANT_LATE_USED
#define TOO_LATE false
#else
#define TOO_LATE (reserved <= at)
#endif

proctype taker() {
    byte w_number, w_taken, b, p, at, from, t, mine, mine_terms, rounds;
    byte reserved, reserved_terms, s;
    do
    :: rounds < ROUNDS && reserved == 0 ->
        rounds++;
        t = now;
        mine = 0;
        do
        :: mine == 0 ->
            look();
            if
            :: at + BURST > from ->
                give();
                uses[MOST(t, b)] = uses[MOST(t, b)] + (mine > 0 -> 1 : 0)
            :: else ->
                give();
                if
                :: mine > 0 -> reserved = mine; reserved_terms = mine_terms
                :: else
                fi
            fi
        :: else -> break
        od
    :: rounds < ROUNDS && reserved > 0 -> /* he comes back for it, some time */
        rounds++;
        t = now;
        w_number = number;
        if
        :: w_number - reserved_terms >= PLACES -> reserved = 0 /* nobody knows any more */
        :: else ->
            b = base[w_number % PLACES];
            p = per[w_number % PLACES];
            s = 0;
            if
            :: w_number != reserved_terms -> s = shift[w_number % PLACES]
            :: else
            fi;
            if
            :: WRITTEN_OVER -> skip /* again, the next round */
            :: else ->
                reserved = (reserved > SHIFT -> reserved - SHIFT : 0);
                reserved_terms = w_number;
                at = POSITION(t, b, p);
                if
                :: reserved > at + BURST -> skip /* not due */
                :: reserved <= at + BURST && reserved > 0 && !TOO_LATE ->
                    uses[MOST(t, b)] = uses[MOST(t, b)] + 1;
                    reserved = 0
                :: else -> reserved = 0
                fi
            fi
        fi
    :: rounds == ROUNDS -> break
    od
}

inline write_terms(n, t, many, at) {
    base[(n) % PLACES] = t;
    per[(n) % PLACES] = many;
    shift[(n) % PLACES] = at
}

inline name_terms() {
    atomic {
#ifdef MUTANT_DEBT_LOST
        taken = 0;
#else
        taken = (taken > at -> taken - at : 0);
#endif
        number = number + 1
    }
}

proctype setter() {
    byte n, t, at, many, sets;
    do
    :: sets < SETS ->
        sets++;
        atomic { setting = true; t = now };
        n = number;
        at = POSITION(t, base[n % PLACES], per[n % PLACES]);
        if
        :: many = 1
        :: many = 2
        fi;
#ifdef MUTANT_NAMED_FIRST
        name_terms();
        write_terms(n + 1, t, many, at);
#else
        write_terms(n + 1, t, many, at);
        name_terms();
#endif
        setting = false
    :: else -> break
    od
}

proctype clock() {
    do
    :: now < TICKS && !setting ->
        atomic {
            !setting -> counted[now + 1] = counted[now] + per[number % PLACES];
            now = now + 1
        }
    :: now == TICKS -> break
    od
}

init {
    byte first, last, sum;
    per[0] = 1;
    atomic {
        run taker();
#ifndef ALONE
        run taker();
#endif
        run setter();
        run clock()
    };
    (_nr_pr == 1) ->
    d_step {
        first = 0;
        do
        :: first <= TICKS ->
            last = first;
            sum = 0;
            do
            :: last <= TICKS ->
                sum = sum + uses[last];
                assert(sum <= counted[last] - counted[first] + BURST);
                last++
            :: else -> break
            od;
            first++
        :: else -> break
        od
    }
}
