/* Pool close: when may who closes a pool say that nobody uses it any more?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Protocol. refs counts the handle, the pool's stage and its poke while that is in
 * flight; out counts the children that threads have. The stage raises out, and lowers
 * it for those that it takes back as it stops; who brings a child back pokes the
 * worker, which raises refs unless a poke is in flight, and then lowers out. Who
 * closes the pool reads refs, out and refs again: 1, 0 and 1 are the end. Why: refs
 * at 1 means that the stage has gone, so that out never rises again; out at 0 then
 * means that no thread is going to poke, so that refs never rises again.
 * Else it sleeps: on out unless that is 0, on refs unless that is 1.
 *
 * Mirrors: over and wait_until_over of task_pool_open.c, weir__task_poke and
 * send_back of task_pool_thread.c, weir__task_release, handle_poke and terminate.
 * Abstracted: notes, the handout (ring counts what is in it), deadlines; all words
 * are changed by locked operations, and read in order, so memory is one. The test
 * and the beginning of a futex's wait are one step, as the kernel has it.
 *
 * Properties: nothing of the pool is used after it was freed (asserted), and it is
 * freed in the end.
 *
 * Mutants (each must give an error):
 *   MUTANT_OUT_FIRST    refs is not read before out: more may be handed out since
 *   MUTANT_ONE_LOOK     refs is not read behind out: a poke is in flight
 *   MUTANT_SLEEP_AT_ONE it sleeps on refs though that has come to 1 meanwhile
 *   MUTANT_POKE_LATE    out goes down before the poke
 */
#ifndef CHILDREN
#define CHILDREN 2
#endif
#ifndef THREADS
#define THREADS 2
#endif
#define NOBODY 0
#define ON_OUT 1
#define ON_REFS 2

byte refs = 2, out, ring, left = CHILDREN;
byte sleeper; /* what who closes sleeps on */
byte threads = THREADS;
bool closing, poked, poke_sent, stage = true, no_more, freed;

#define used() assert(!freed)

inline poke() {
    atomic {
        used();
        was = poked;
        poked = true
    }
    if
    :: was -> skip
    :: else ->
        atomic { used(); refs++ }
        poke_sent = true
    fi
}

inline release() {
    atomic {
        used();
        refs--;
        if
        :: refs == 1 && sleeper == ON_REFS -> sleeper = NOBODY
        :: else
        fi
    }
}

inline lower_out(by) {
    atomic {
        used();
        out = out - by;
        if
        :: out == 0 && sleeper == ON_OUT -> sleeper = NOBODY
        :: else
        fi
    }
}

active proctype worker() {
    byte back;

end:
    do
    :: stage && left > 0 -> /* handle_events */
        atomic { used(); out++ }
        left--;
        ring++
    :: poke_sent ->
        poke_sent = false;
        atomic { used(); poked = false }
        release();
        if
        :: stage && closing -> /* terminate */
            stage = false;
            atomic { back = ring; ring = 0 }
            if
            :: back > 0 -> lower_out(back)
            :: else
            fi;
            back = 0;
            release()
        :: else
        fi
    od
}

active [THREADS] proctype thread() {
    bool was;

    do
    :: atomic { ring > 0 -> ring-- } /* runs it */
#ifdef MUTANT_POKE_LATE
        lower_out(1);
        poke()
#else
        poke();
        lower_out(1)
#endif
    :: atomic { no_more && ring == 0 -> threads--; break }
    od
}

active proctype closer() {
    byte first, now_out, now_refs;
    bool was;

    closing = true;
    poke();
    do
    ::
        first = refs;
        now_out = out;
#ifdef MUTANT_ONE_LOOK
        now_refs = first;
#else
        now_refs = refs;
#endif
#ifdef MUTANT_OUT_FIRST
        first = 1;
#endif
        if
        :: first == 1 && now_out == 0 && now_refs == 1 -> break
        :: else
        fi;
        if
        :: now_out > 0 ->
            atomic {
                if
                :: out == now_out -> sleeper = ON_OUT
                :: else
                fi
            }
#ifdef MUTANT_SLEEP_AT_ONE
        :: now_out == 0 ->
#else
        :: now_out == 0 && now_refs > 1 ->
#endif
            atomic {
                if
                :: refs == now_refs -> sleeper = ON_REFS
                :: else
                fi
            }
#ifndef MUTANT_SLEEP_AT_ONE
        :: now_out == 0 && now_refs == 1
#endif
        fi;
        sleeper == NOBODY
    od;
    no_more = true;
    threads == 0;
    freed = true
}
