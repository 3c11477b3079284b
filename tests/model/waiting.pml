/* Waiting: workers that wait for each other in callbacks, and never in a ring.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. A worker whose callback is about to wait for a stage of another says
 * so in its word, fences, and follows the words from that other on. When they
 * lead back to itself, it takes its word back, and the call is refused; else it
 * waits, and answers nobody meanwhile.
 *
 * Mirrors: weir__waiting_begin and _end.
 * Abstracted: a call is answered by a worker that does not wait; calls that are
 * answered by a call of the answerer are calls it makes before it answers.
 *
 * Property: every call returns (no invalid end state: a ring of waiting workers).
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_FENCE  no fence between the worker's word and its look at the others
 *   MUTANT_NO_LOOK   it looks no further than the one it calls
 *   MUTANT_LOOK_FIRST  it looks before it says whom it waits for
 */
#ifndef CALLS
#define CALLS 1
#endif
#ifndef WORKERS
#define WORKERS 3
#endif

#define CELLS WORKERS /* whom worker w waits for, + 1; 0: nobody */
#define PROCESSES WORKERS
#define BUFFER 4
#include "tso.h"

chan calls[WORKERS] = [WORKERS] of { byte };
bool answered[WORKERS];

/* ring: the words lead from `target` back to `me`. */
inline follow(me, target) {
    at = target;
    ring = false;
    do
    :: at == me -> ring = true; break
    :: at != me ->
        next = memory[at];
        if
        :: next == 0 -> break
#ifdef MUTANT_NO_LOOK
        :: next > 0 -> break
#else
        :: next > 0 -> at = next - 1;
            if
            :: at == target -> ring = true; break /* a ring of others */
            :: else
            fi
#endif
        fi
    od
}

active [WORKERS] proctype worker() {
    byte me = _pid - PROCESSES; /* the buffers' processes come first */
    byte made, target, at, next, from;
    bool ring;
end:
    do
    :: made < CALLS ->
        made++;
        select(target : 0 .. WORKERS - 1);
#ifdef MUTANT_LOOK_FIRST
        follow(me, target);
        store(me, me, target + 1);
        full_fence(me);
#else
        store(me, me, target + 1);
#ifndef MUTANT_NO_FENCE
        full_fence(me);
#endif
        follow(me, target);
#endif
        if
        :: !ring ->
            calls[target]!me;
waiting:    answered[me];
            answered[me] = false
        :: else /* refused */
        fi;
        store(me, me, 0)
    :: calls[me]?from -> answered[from] = true
    od
}
