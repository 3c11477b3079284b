/*
 * The simulator's inside: what its files share.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   engine.c    fibers' lives, waiting and waking, the clock, the main loop
 *   fiber.c     stacks, the switch, thread-local variables
 *   memory.c    store buffers
 *   schedule.c  who goes next, and for how long
 *   trace.c     the last operations, the report
 */
#ifndef WEIR_TESTS_ENGINE_H
#define WEIR_TESTS_ENGINE_H

#include "base/rng.h"
#include "sim.h"

enum { SIM_STORES = 32 };

enum sim_state {
    SIM_UNUSED,
    SIM_READY,
    SIM_WAITING, /* on a futex     */
    SIM_SLEEPING,
    SIM_JOINING,
    SIM_ENDED /* its stores may not be out yet */
};

/* One store that others do not see yet. */
struct sim_pending {
    struct sim_cell *cell;
    uint64_t value;
    uint64_t since; /* step */
};

struct sim_fiber {
    char name[16];
    void (*run)(void *argument);
    void *argument;
    enum sim_state state;
    const void *waits_for; /* the futex word, or the fiber that is joined     */
    uint64_t deadline_ns;  /* of a wait or sleep; UINT64_MAX: none             */

    /* schedule.c */
    uint64_t priority;   /* higher goes first                               */
    uint64_t stalled_at; /* sim.changes + 1 when it stalled; 0: it did not  */
    uint64_t frozen;     /* not scheduled before this step                  */

    /* memory.c: oldest first */
    struct sim_pending stores[SIM_STORES];
    unsigned first;
    unsigned count;

    /* fiber.c */
    void *stack;
    void *stack_pointer;
    unsigned char *locals;
};

struct sim_engine {
    struct sim_settings settings;
    struct weir__rng random;
    struct sim_fiber fibers[SIM_FIBERS];
    unsigned used;
    struct sim_fiber *current; /* NULL: outside                               */
    uint64_t steps;
    unsigned pending;     /* stores in all fibers' buffers                          */
    unsigned waits;       /* fibers that wait for a futex, or sleep                 */
    bool waits_moved;     /* one of these has begun or ended since `deadline_ns` was right */
    uint64_t deadline_ns; /* of them the first; UINT64_MAX: none                */
    uint64_t until;       /* the step at which the scheduler is asked again          */
    uint64_t changes;     /* counts what may end somebody's stall                  */
    uint64_t now_ns;
    uint64_t step_ns;
    uint64_t fingerprint;
    void (*at_quiet)(void);
    unsigned spurious; /* one futex wait in so many returns at once; 0: none   */
    bool failed;
    char failure[256];
};

extern struct sim_engine sim;

/* --- fiber.c ------------------------------------------------------------------------------ */

void sim_fiber_prepare(struct sim_fiber *fiber, void (*entry)(void));
void sim_fiber_resume(struct sim_fiber *fiber); /* from outside, until it leaves  */
void sim_fiber_leave(struct sim_fiber *fiber);  /* from the fiber to the outside */
void sim_fiber_go(struct sim_fiber *from, struct sim_fiber *to); /* from one to another */

/* Brings back the thread-local variables of who is no fiber. */
void sim_fiber_outside(void);

/* --- memory.c ----------------------------------------------------------------------------- */

void sim_memory_begin(void);

/* Lets some stores out, or none, as the seed will have it: at each step, if there are any. */
void sim_memory_step(void);

/* Lets out one store of anybody's; false: there is none. */
bool sim_memory_commit_one(void);

/* Lets out all stores of a fiber. */
void sim_memory_drain(struct sim_fiber *fiber);

/* What everybody sees at the place. */
uint64_t sim_memory_shared(const void *place, unsigned size);

/* --- schedule.c --------------------------------------------------------------------------- */

void sim_schedule_begin(void);
void sim_schedule_spawned(struct sim_fiber *fiber);
void sim_schedule_stalled(struct sim_fiber *fiber);

/* Chooses one of the ready ones and sets sim.until.  NULL: none is ready. */
struct sim_fiber *sim_schedule_next(void);

/* --- engine.c ----------------------------------------------------------------------------- */

/* The running fiber lets others go first, or itself: as the scheduler has it. */
void sim_leave(void);

/* Before each operation: others may go first. */
static inline void sim_point(void) {
    sim.steps++;
    sim.now_ns += sim.step_ns;
    if (sim.pending > 0) sim_memory_step();
    if (sim.steps >= sim.until) sim_leave();
}

/* --- trace.c ------------------------------------------------------------------------------ */

enum sim_kind {
    SIM_LOAD,
    SIM_STORE,
    SIM_COMMIT,
    SIM_EXCHANGE,
    SIM_ADD,
    SIM_REPLACE,
    SIM_FENCE,
    SIM_STALL,
    SIM_WAIT,
    SIM_WAKE,
    SIM_SLEEP,
    SIM_CLOCK,
    SIM_SPAWN,
    SIM_JOIN,
    SIM_RETURN,
    SIM_NOTE
};

void sim_trace_begin(void);
void sim_trace(enum sim_kind kind, const struct sim_fiber *fiber, const void *place, uint64_t value,
               const void *caller);

#endif
