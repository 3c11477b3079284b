/* Leaving: a subscription that is cancelled, and the next one, which must not overtake it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. Whoever cancels tells the producer, who acts at once if it knows the
 * subscription, and the consumer, who asks the producer for the end if that has not
 * come yet. So what a thread subscribes after it has cancelled comes to the producer
 * after the end of what it has cancelled. The producer sends CLOSE; the consumer takes
 * what had been sent and says that it is done: LEFT. Until then
 *   the same consumer's next subscription is accepted and follows: it is read once the
 *     newest of those that leave has ended, if that one covers the others: it followed
 *     them in turn. Else it waits
 *   another consumer of the same partition waits: it is accepted when LEFT has come
 *
 * Mirrors: weir_cancel, weir__subscription_cancel, _end, _closes and _finish; all of
 * stage/leaving.c; weir__stage_pull's has_begun and must_wait.
 * Abstracted: stages are processes, mail and rings are channels; memory is sequentially
 * consistent: `follows` is written before the ring, and read behind it.
 *
 * HAND_OVER: each subscription is of another consumer; else all are of one.
 *
 * Properties: no number of a subscription is handled before all that had been
 * sent to those which were cancelled before it was made; a subscription is not
 * accepted while one that was cancelled before is; each is accepted in the end, unless it
 * is cancelled first, and all end (no invalid end state).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_FOLLOWING     the next subscription is read at once
 *   MUTANT_FOLLOWS_ANY      it follows the newest, whether that covers the others or not
 *   MUTANT_HEIR_AT_ONCE     the partition's next consumer does not wait
 *   MUTANT_LEFT_AT_ONCE     LEFT is sent when CLOSE comes
 *   MUTANT_PRODUCER_ALONE   the consumer is not told of the cancel
 *   MUTANT_FOLLOWERS_FORGOTTEN  LEFT accepts nobody
 */
#ifndef EDGES
#define EDGES 3
#endif
#ifndef NUMBERS
#define NUMBERS 4
#endif
#ifdef HAND_OVER
#define CONSUMERS EDGES
#define owner(e) (e)
#else
#define CONSUMERS 1
#define owner(e) 0
#endif
#define NONE EDGES

mtype = { OPEN, CANCEL, LEFT, REQUEST, CLOSE };

chan to_producer = [8] of { mtype, byte };
chan to_consumer[CONSUMERS] = [8] of { mtype, byte };
chan ring[EDGES] = [NUMBERS] of { byte };

/* the producer's; follows is read by the consumer */
bool attached[EDGES], leaving[EDGES], waiting[EDGES], covers[EDGES];
byte follows[EDGES] = NONE, older[EDGES] = NONE;
byte newest = NONE; /* of those that leave */

/* the consumers' */
bool known[EDGES], closing[EDGES], asked[EDGES], busy[EDGES];

bool cancelled[EDGES], done[EDGES];
bool comes_before[9]; /* [e * EDGES + k]: k had been cancelled when e was made */
bool over;

/* Whom e must wait for is not NONE: none of those may be accepted any more, either. */
inline admit(e) {
    d_step {
        k = 0;
        do
        :: k < EDGES -> assert(!comes_before[(e) * EDGES + k] || !attached[k]); k++
        :: else -> break
        od;
        k = 0
    }
    if
#ifdef HAND_OVER
#ifndef MUTANT_HEIR_AT_ONCE
    :: newest != NONE -> waiting[e] = true
#endif
#else
#ifndef MUTANT_FOLLOWS_ANY
    :: newest != NONE && !covers[newest] -> waiting[e] = true
#endif
#endif
    :: else ->
        waiting[e] = false;
#ifndef HAND_OVER
        follows[e] = newest;
#endif
        attached[e] = true
    fi
}

inline end_subscription(e) {
    if
    :: attached[e] ->
        attached[e] = false;
        leaving[e] = true;
        if
        :: newest == NONE -> covers[e] = true
        :: else -> covers[e] = covers[newest] && follows[e] == newest
        fi;
        older[e] = newest;
        newest = e;
        to_consumer[owner(e)]!CLOSE(e)
    :: waiting[e] -> waiting[e] = false; to_consumer[owner(e)]!CLOSE(e)
    :: else
    fi
}

/* Out of the list; those who wait try again. */
inline left(e) {
    d_step {
        if
        :: leaving[e] ->
            leaving[e] = false;
            if
            :: newest == e -> newest = older[e]
            :: else ->
                k = newest;
                do
                :: older[k] == e -> older[k] = older[e]; break
                :: else -> k = older[k]
                od;
                k = 0
            fi
        :: else
        fi
    }
#ifndef MUTANT_FOLLOWERS_FORGOTTEN
    w = 0;
    do
    :: w < EDGES ->
        if
        :: waiting[w] -> waiting[w] = false; admit(w)
        :: else
        fi;
        w++
    :: else -> w = 0; break
    od
#endif
}

active proctype producer() {
    byte e, k, w, next;
end:
    do
    :: atomic { to_producer?OPEN(e) -> admit(e); e = 0 }
    :: atomic { to_producer?CANCEL(e) -> end_subscription(e); e = 0 }
    :: atomic { to_producer?LEFT(e) -> left(e); done[e] = true; e = 0 }
    :: atomic { next < NUMBERS && attached[0] -> ring[0]!next; next++ }
    :: atomic { next < NUMBERS && attached[1] -> ring[1]!next; next++ }
#if EDGES > 2
    :: atomic { next < NUMBERS && attached[2] -> ring[2]!next; next++ }
#endif
    od
}

#ifdef MUTANT_NO_FOLLOWING
#define may_read(e) true
#else
#define may_read(e) (follows[e] == NONE || !known[follows[e]])
#endif

/* It takes a number, and is busy with it for a while. */
inline handle(e) {
    ring[e]?number;
    busy[e] = true;
    k = 0;
    do
    :: k < EDGES ->
        assert(!comes_before[(e) * EDGES + k] || (len(ring[k]) == 0 && !busy[k]));
        k++
    :: else -> break
    od;
    k = 0;
    number = 0
}

inline consume(e) {
    if
    :: atomic { known[e] && len(ring[e]) > 0 && may_read(e) -> handle(e) };
        busy[e] = false
    :: atomic { known[e] && closing[e] && len(ring[e]) == 0 && may_read(e) ->
        known[e] = false;
#ifndef MUTANT_LEFT_AT_ONCE
        to_producer!LEFT(e)
#endif
        }
    fi
}

#define can_consume(e)                                                          \
    (owner(e) == me && known[e] && may_read(e) && (len(ring[e]) > 0 || closing[e]))

proctype consumer(byte me) {
    byte e, k, number;
end:
    do
    :: atomic { to_consumer[me]?REQUEST(e) -> known[e] = true; to_producer!OPEN(e); e = 0 }
    :: atomic { to_consumer[me]?CANCEL(e) ->
        if
        :: known[e] && !closing[e] && !asked[e] -> asked[e] = true; to_producer!CANCEL(e)
        :: else
        fi;
        e = 0 }
    :: atomic { to_consumer[me]?CLOSE(e) ->
        closing[e] = true;
#ifdef MUTANT_LEFT_AT_ONCE
        to_producer!LEFT(e);
#endif
        e = 0 }
    :: can_consume(0) -> consume(0)
    :: can_consume(1) -> consume(1)
#if EDGES > 2
    :: can_consume(2) -> consume(2)
#endif
    od
}

inline subscribe(e) {
    atomic {
        k = 0;
        do
        :: k < EDGES -> comes_before[(e) * EDGES + k] = cancelled[k]; k++
        :: else -> break
        od;
        k = 0;
        to_consumer[owner(e)]!REQUEST(e)
    }
}

inline cancel(e) {
    to_producer!CANCEL(e);
#ifndef MUTANT_PRODUCER_ALONE
    to_consumer[owner(e)]!CANCEL(e);
#endif
    cancelled[e] = true
}

/* Each is cancelled before the last one is made, in every order; that one once it is accepted. */
init {
    byte k, at;
    atomic {
        at = 0;
        do
        :: at < CONSUMERS -> run consumer(at); at++
        :: else -> at = 0; break
        od
    }
    do
    :: at < EDGES - 1 ->
        subscribe(at);
#ifdef HAND_OVER
        attached[at] || waiting[at]; /* or the next one may find the partition taken */
        cancel(at);
        !attached[at] && !waiting[at];
#else
        if
        :: cancel(at)
        :: true
        fi;
#endif
        at++
    :: else -> break
    od;
#ifndef HAND_OVER
    at = 0;
    do
    :: at < EDGES - 1 ->
        if
        :: !cancelled[at] -> cancel(at)
        :: else
        fi;
        at++
    :: else -> break
    od;
#endif
    subscribe(EDGES - 1);
    attached[EDGES - 1];
    cancel(EDGES - 1);
    done[0] && done[1];
#if EDGES > 2
    done[2];
#endif
    over = true
}
