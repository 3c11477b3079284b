/* Weights: a record is settled once, by whoever brings the last of its weight back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A record has a word, the weight that is out, and another, the worst fate so far. A
 * message has a part of the weight. One that becomes two halves it; where there is no half to give,
 * weight is added to the word first. A copy for who may not write to the message adds weight for
 * itself. Who drops a message and finds that it has all that is out settles the record, without a
 * locked step; else he makes the fate worse by a CAS, takes his weight off, and settles it if that
 * was the last.
 *
 * Mirrors: weir__message_halve, weir__message_another and come_back of pipeline/ledger.c.
 * Abstracted: a whole record has weight 2, and as much is added, so that it is used up at once.
 * Messages go to any holder.
 *
 * Properties: nobody has a message of a record that is settled, and none is settled twice
 * (asserted); its fate is the worst that was said (asserted); it is settled in the end (asserted).
 *
 * Mutants (each must give an error):
 *   MUTANT_NOT_HALVED      one that becomes two keeps its weight, and gives half of it
 *   MUTANT_NOT_REFILLED    where there is no half to give it gives weight that is not out
 *   MUTANT_COPY_UNCOUNTED  a copy takes weight that is not out
 *   MUTANT_PLAIN           weight is taken off by a load and a store
 *   MUTANT_WHOLE_BLIND     who has as much as a fresh record does not look for others
 *   MUTANT_FATE_LATE       the fate is made worse behind the weight
 *   MUTANT_FATE_REPLACED   a fate is written over a worse one
 */
#ifndef HOLDERS
#define HOLDERS 2
#endif
#ifndef STEPS
#define STEPS 3
#endif

#define OUT 0
#define WORST 1
#define CELLS 2
#define PROCESSES HOLDERS
#define BUFFER 2
#define WHOLE 2
#define MORE 2
#include "tso.h"

chan messages = [STEPS + 2] of { byte };
byte steps = STEPS; /* that messages may become more, together */
byte live = 1;
bool settled, begun;
byte gone; /* holders that found nothing left */
byte worst; /* that was said, of those that are back */

inline settle(fate) {
    d_step {
        assert(!settled);
        assert(live == 0);
        assert(fate == worst);
        settled = true
    }
}

inline make_worse(me, fate) {
    d_step {
        empty(buffer[me]);
#ifdef MUTANT_FATE_REPLACED
        memory[WORST] = fate
#else
        memory[WORST] = (fate > memory[WORST] -> fate : memory[WORST])
#endif
    }
}

inline drop(me, weight, fate, seen) {
    d_step { live--; worst = (fate > worst -> fate : worst) };
#ifdef MUTANT_WHOLE_BLIND
    seen = (weight == WHOLE -> weight : memory[OUT]);
#else
    seen = memory[OUT];
#endif
    if
    :: seen == weight ->
        seen = memory[WORST];
        settle((fate > seen -> fate : seen))
    :: else ->
#ifndef MUTANT_FATE_LATE
        make_worse(me, fate);
#endif
#ifdef MUTANT_PLAIN
        seen = memory[OUT];
        store(me, OUT, seen - weight);
#else
        atomic {
            empty(buffer[me]);
            seen = memory[OUT];
            memory[OUT] = memory[OUT] - weight
        };
#endif
#ifdef MUTANT_FATE_LATE
        make_worse(me, fate);
#endif
        if
        :: seen == weight -> settle(memory[WORST])
        :: else
        fi
    fi;
    seen = 0
}

active [HOLDERS] proctype holder() {
    byte me = _pid - PROCESSES;
    byte weight, seen;
    begun;
    do
    :: messages?weight ->
        assert(!settled);
        if
        :: atomic { steps > 0 -> steps--; live++ };
            if
            :: true -> /* one more */
                if
                :: weight == 1 ->
#ifndef MUTANT_NOT_REFILLED
                    atomic { empty(buffer[me]); memory[OUT] = memory[OUT] + MORE - 1 };
#endif
                    weight = MORE
                :: else
                fi;
                messages!(weight / 2);
#ifndef MUTANT_NOT_HALVED
                weight = weight / 2;
#endif
                messages!weight
            :: true -> /* a copy */
#ifndef MUTANT_COPY_UNCOUNTED
                atomic { empty(buffer[me]); memory[OUT] = memory[OUT] + MORE };
#endif
                messages!MORE;
                messages!weight
            fi
        :: drop(me, weight, 0, seen)
        :: drop(me, weight, 1, seen)
        fi;
        weight = 0
    :: live == 0 -> break
    od;
    gone++
}

init {
    d_step { memory[OUT] = WHOLE };
    messages!WHOLE;
    begun = true;
    gone == HOLDERS;
    assert(settled)
}
