/*
 * The worker: one thread, or a stepper's stand-in, and the stages placed on it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A worker visits its ready stages in rotation.  With none ready it is cold: it
 * yields a few times if there are more workers than cores (yielding.h), or looks for
 * work a while longer if that pays (idling.h), then rests, and sleeps, until its bell rings.
 *
 * Rest, for weir_runtime_settle: `epoch` is odd while the worker rests, that is,
 * from before its last look at its stacks until before it takes from them
 * again.  A settler reads all epochs, then looks at all stacks, then reads
 * the epochs again: all odd, all stacks empty, nothing changed means that there
 * was a moment when no worker ran and nothing waited.
 *   writer of epoch      the worker
 *   readers              settlers
 *   Q1 -> Q2  epoch odd (release) -> the settler's reads (acquire): publishes all
 *             that the worker pushed on others' stacks before.
 *   Q3 -> Q4  epoch even is stored before the worker's take of a stack, which is
 *             a full fence; a settler that then sees the stack empty sees
 *             the epoch changed in its second reading.
 * Between the epochs and the stacks a settler looks at runtime->abroad: work that is
 * on threads of a part.  A worker lends while its epoch is even.
 *   Q5 -> Q6  mail is pushed before abroad goes down: who sees 0 finds that mail on
 *             the stack, or the epoch changed.
 * Models: tests/model/settle.pml, abroad.pml.
 */
#ifndef WEIR__RUNTIME_WORKER_H
#define WEIR__RUNTIME_WORKER_H

#include "os/thread.h"
#include "runtime/idling.h"
#include "runtime/lookout.h"
#include "runtime/registry.h"
#include "runtime/yielding.h"
#include "stage/host.h"

/* How a search for rings has ended, for its members (rings.c). */
struct weir__ring_end {
    struct weir__mail mail;
    uint64_t search;
    bool ends;     /* else they are opened again                     */
    uint32_t away; /* atomic: the node is in flight (T21 -> T22, runtime.h) */
};

struct weir__worker {
    struct weir__bell bell;
    struct weir__host host;
    ck_stack_t free_slots;
    WEIR__APART uint32_t waits_for; /* atomic: worker number + 1; 0: none       */
    uint32_t stop_all_sent;         /* atomic: the node is in flight            */
    uint32_t finish_all_sent;       /* likewise                                 */
    uint32_t rates_set_sent;        /* likewise                                 */
    uint32_t residents; /* atomic, as the next two: stages that live here (placement.h) */
    uint32_t sources;   /* producers among them                                 */
    uint32_t owned;     /* 1: it is a stage's own                               */
    struct weir__mail stop_all;
    struct weir__mail finish_all;
    struct weir__mail rates_set;
    struct weir__ring_end ring_end;
    WEIR__APART uint64_t epoch; /* odd: resting */
    /* the worker's, or constant */
    weir_stage *stages;
    weir_ref late_for;   /* the last stage of which it was said that a message came too late */
    uint32_t idle_turns; /* in a row */
    uint64_t looked;     /* turns, as it looked at the clock last */
    uint64_t fired;      /* turns, as it looked for due timers last */
    uint64_t fired_ns;   /* when that was */
    uint32_t fire_turns; /* between such looks: so many that they take little of a timer's time */
    uint64_t amid_until; /* a callback, in virtual time: weir__runtime_takes */
    bool finishes;       /* FINISH_ALL has come */
    uint64_t still_at;   /* turns, as the stages were last looked at for rings (rings.c) */
    uint32_t dry_steps;  /* idle ones in a row, while it adapts */
    uint32_t rounds;     /* of looks in a row that found nothing, as long as it looks eagerly */
    bool adapts;         /* constant: whether it looks or sleeps, `idling` says */
    bool spins;          /* constant: it never sleeps                           */
    bool yields;         /* constant: there are more workers than cores         */
    struct weir__lookout lookout; /* of who sleeps */
    struct weir__idling idling;
    struct weir__yielding yielding;
    uint32_t index;
    unsigned core;
    struct weir__thread thread;
};

enum weir__step {
    WEIR__STEP_COLD, /* nothing to visit                          */
    WEIR__STEP_IDLE, /* visited a stage that had nothing to do    */
    WEIR__STEP_BUSY  /* visited a stage that had, or took mail    */
};

/*
 * host.now_ns follows the clock: real time after so many turns, so that what is told of it may
 * be some milliseconds old; virtual time at each step.
 */
enum { WEIR__TURNS_PER_LOOK = 1024 };
void weir__worker_look(struct weir__worker *worker);

/* Takes mail and ready stages, and visits one stage. */
enum weir__step weir__worker_step(struct weir__worker *worker);

/* thread.c: runs until the runtime quits. */
void weir__worker_run(void *worker);

/* thread.c: what it does when it runs dry; how many empty polls a waiting thread of the program's
 * makes before it sleeps, at most a worker's. */
void weir__worker_idle_open(struct weir__worker *worker);
uint32_t weir__worker_polls(const weir_runtime *runtime);

/* Refills the host's fields; index and bell are set. */
void weir__worker_open(struct weir__worker *worker, weir_runtime *runtime, uint32_t index,
                       unsigned core);

/* Tells every stage on the worker to stop, with the runtime's stop_reason / to finish. */
void weir__worker_stop_all(struct weir__worker *worker);
void weir__worker_finish_all(struct weir__worker *worker);

/* A rate that its stages may wait for has other terms: they look again.  Any thread. */
void weir__worker_rates_set(struct weir__worker *worker);

/* check.c: as it comes to rest. */
void weir__worker_check(const struct weir__worker *worker);

/* asking.c: answers ASK_WORKER mail, on the worker. */
void weir__worker_answer(struct weir__worker *worker, struct weir__message *message);

/* rings.c: RING_END mail has come. */
void weir__rings_told(struct weir__worker *worker);

#endif
