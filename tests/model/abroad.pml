/* Settle, with work that is abroad: on the threads of a part, which are no workers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. As settle.pml, and between the first reading of the epochs and the
 * look at the stacks settle reads `abroad`, which must be 0. A worker, while awake,
 * adds to it before it hands work to a thread; the thread takes from it only after
 * it has sent what came of the work to the worker's mail.
 * Why: while work is abroad the count says so; when it has come home, its mail is
 * on the stack, or has been taken, and then the worker's epoch has moved.
 *
 * Mirrors: rest and weir__worker_step of the worker, weir__runtime_abroad,
 * weir__runtime_home, send_back of the task pool, weir__runtime_at_rest.
 * Abstracted: one worker and one thread, who pass a token PASSES times.
 *
 * Properties: when settle says rest, no token is alive (asserted); once it is
 * used up, the thread is through and the worker rests, settle says so.
 *
 * Mutants (each must give an error):
 *   MUTANT_NO_ABROAD        settle does not look at it
 *   MUTANT_ABROAD_LAST      settle looks at the stack first
 *   MUTANT_HOME_FIRST       the thread takes from it before it sends its mail
 *   MUTANT_LENT_AT_REST     the worker adds to it when it rests already
 */
#ifndef PASSES
#define PASSES 3
#endif
#define TRIES 2

#define EPOCH 0 /* odd: the worker rests */
#define CELLS 1
#define PROCESSES 1
#define BUFFER 4
#define WORKER 0
#include "tso.h"

/* Changed by locked operations only. */
byte abroad;
bool mail;
byte left = PASSES; /* who holds the token knows how many passes are left */
bool handed;        /* the thread holds it */
bool alive = true;
bool idle;

proctype worker() {
    byte epoch = 1;
    bool lends;
end:
    do
    :: mail ->
        idle = false;
        atomic { epoch++; store(WORKER, EPOCH, epoch) }
        atomic { empty(buffer[WORKER]); mail = false } /* taking is locked */
        lends = left > 0;
        if
        :: lends ->
#ifndef MUTANT_LENT_AT_REST
            atomic { empty(buffer[WORKER]); abroad++ }
#endif
            left--;
#ifndef MUTANT_LENT_AT_REST
            handed = true
#endif
        :: else -> alive = false
        fi;
        atomic { epoch++; store(WORKER, EPOCH, epoch) }
#ifdef MUTANT_LENT_AT_REST
        if
        :: lends -> atomic { empty(buffer[WORKER]); abroad++ }; handed = true
        :: else
        fi;
#endif
        atomic { full_fence(WORKER); idle = true }
    od
}

proctype thread() {
end:
    do
    :: handed ->
        handed = false;
#ifdef MUTANT_HOME_FIRST
        abroad--;
        mail = true
#else
        mail = true;
        abroad--
#endif
    od
}

inline look_abroad() {
#ifndef MUTANT_NO_ABROAD
    rest = rest && abroad == 0
#else
    skip
#endif
}

inline try_settle() {
    epoch = memory[EPOCH];
    rest = epoch % 2 == 1;
#ifndef MUTANT_ABROAD_LAST
    look_abroad();
#endif
    rest = rest && !mail;
#ifdef MUTANT_ABROAD_LAST
    look_abroad();
#endif
    rest = rest && memory[EPOCH] == epoch;
    atomic {
        assert(!rest || !alive);
        epoch = 0
    }
}

active proctype settler() {
    byte epoch, tries;
    bool rest;
    atomic { /* somebody has sent the token; the worker rests */
        memory[EPOCH] = 1;
        mail = true;
        run worker();
        run thread()
    }
    do
    :: tries < TRIES -> tries++; try_settle()
    :: !alive && idle && !mail && abroad == 0 ->
        try_settle();
        assert(rest);
        break
    od
}
