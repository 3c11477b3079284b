/*
 * The engine: fibers' lives, waiting and waking, the clock, the main loop.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A fiber runs until a point at or after sim.until, or until it waits; then the
 * main loop asks the scheduler.  When nobody can run, stores that wait are let
 * out; then, when somebody sleeps, the clock jumps to the first who wakes; and
 * when all have returned the schedule is done.  Else a wake-up has been lost.
 *
 * The clock is virtual: each step takes a time drawn once for a schedule.
 */
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct sim_engine sim;

enum { START_NS = 1000000000 };

void sim_begin(const struct sim_settings *settings) {
    static const unsigned step_ns[] = {1, 20, 500};
    static const unsigned spurious[] = {0, 0, 0, 16, 2};
    for (unsigned i = 0; i < SIM_FIBERS; i++) {
        sim.fibers[i].state = SIM_UNUSED;
        sim.fibers[i].count = 0;
    }
    sim.settings = *settings;
    weir__rng_seed(&sim.random, settings->seed);
    sim.used = 0;
    sim.current = NULL;
    sim.steps = 0;
    sim.until = 0;
    sim.changes = 0;
    sim.waits = 0;
    sim.waits_moved = true;
    sim.now_ns = START_NS;
    sim.step_ns = step_ns[weir__rng_below(&sim.random, sizeof step_ns / sizeof step_ns[0])];
    sim.spurious = spurious[weir__rng_below(&sim.random, sizeof spurious / sizeof spurious[0])];
    sim.fingerprint = 0;
    sim.failed = false;
    sim.at_quiet = NULL;
    sim_memory_begin();
    sim_schedule_begin();
    sim_trace_begin();
}

uint64_t sim_draw(uint64_t bound) {
    return weir__rng_below(&sim.random, bound);
}

uint64_t sim_steps(void) {
    return sim.steps;
}

uint64_t sim_fingerprint(void) {
    return sim.fingerprint;
}

int sim_self(void) {
    return sim.current == NULL ? -1 : (int)(sim.current - sim.fibers);
}

void sim_stall(void) {
    if (sim.current == NULL) return;
    sim_trace(SIM_STALL, sim.current, NULL, 0, __builtin_return_address(0));
    sim_schedule_stalled(sim.current);
    sim.until = sim.steps;
    sim_point();
}

void sim_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!sim.failed) vsnprintf(sim.failure, sizeof sim.failure, format, arguments);
    va_end(arguments);
    sim.failed = true;
    if (sim.current != NULL) sim_leave();
}

void sim_at_quiet(void (*check)(void)) {
    sim.at_quiet = check;
}

bool sim_failed(void) {
    return sim.failed;
}

void sim_note(const char *text, uint64_t value) {
    sim_trace(SIM_NOTE, sim.current, text, value, __builtin_return_address(0));
}

/* --- lives -------------------------------------------------------------------------------- */

/* Whoever joins a fiber goes on.  Its stores may still be under way; see sim_join. */
static void fiber_entry(void) {
    struct sim_fiber *self = sim.current;
    self->run(self->argument);
    sim_trace(SIM_RETURN, self, NULL, 0, NULL);
    self->state = SIM_ENDED;
    for (unsigned i = 0; i < sim.used; i++) {
        struct sim_fiber *other = &sim.fibers[i];
        if (other->state == SIM_JOINING && other->waits_for == self) other->state = SIM_READY;
    }
    for (;;) sim_leave();
}

/* A place whose fiber has ended for good is used again: its number then names the new one. */
static struct sim_fiber *free_place(void) {
    for (unsigned i = 0; i < sim.used; i++)
        if (sim.fibers[i].state == SIM_UNUSED) return &sim.fibers[i];
    return sim.used < SIM_FIBERS ? &sim.fibers[sim.used++] : NULL;
}

int sim_spawn(const char *name, void (*run)(void *argument), void *argument) {
    if (sim.current != NULL) {
        sim_point();
        sim_memory_drain(sim.current);
    }
    struct sim_fiber *fiber = free_place();
    if (fiber == NULL) return -1;
    snprintf(fiber->name, sizeof fiber->name, "%s", name);
    fiber->run = run;
    fiber->argument = argument;
    fiber->state = SIM_READY;
    fiber->stalled_at = 0;
    fiber->frozen = 0;
    fiber->first = 0;
    fiber->count = 0;
    sim_fiber_prepare(fiber, fiber_entry);
    sim_schedule_spawned(fiber);
    sim.changes++;
    sim.until = sim.steps;
    sim_trace(SIM_SPAWN, sim.current, fiber->name, 0, NULL);
    return (int)(fiber - sim.fibers);
}

void sim_join(int number) {
    struct sim_fiber *fiber = &sim.fibers[number];
    sim_point();
    sim_trace(SIM_JOIN, sim.current, fiber->name, 0, NULL);
    while (fiber->state != SIM_ENDED) {
        sim.current->state = SIM_JOINING;
        sim.current->waits_for = fiber;
        sim_leave();
    }
    sim_memory_drain(fiber);
    fiber->state = SIM_UNUSED;
}

/* --- waiting and waking ------------------------------------------------------------------- */

static void begin_wait(struct sim_fiber *self, enum sim_state state) {
    self->state = state;
    sim.waits++;
    sim.waits_moved = true;
}

/* The system call's own locks order it with everything, and it compares as others see it. */
void sim_futex_wait(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    struct sim_fiber *self = sim.current;
    sim_point();
    sim_memory_drain(self);
    sim_trace(SIM_WAIT, self, word, expected, __builtin_return_address(0));
    /* The word may be the lower half of one that is stored whole. */
    if ((uint32_t)sim_memory_shared(word, sizeof *word) != expected) return;
    if (sim.spurious != 0 && weir__rng_below(&sim.random, sim.spurious) == 0) return;
    self->waits_for = word;
    self->deadline_ns = sim.settings.timeouts ? deadline_ns : UINT64_MAX;
    begin_wait(self, SIM_WAITING);
    sim_leave();
}

static void make_ready(struct sim_fiber *fiber) {
    fiber->state = SIM_READY;
    sim.waits--;
    sim.waits_moved = true;
    sim.changes++;
    sim.until = sim.steps;
}

void sim_futex_wake(const uint32_t *word, int count) {
    if (sim.current != NULL) {
        sim_point();
        sim_memory_drain(sim.current);
        sim_trace(SIM_WAKE, sim.current, word, (uint64_t)count, __builtin_return_address(0));
    }
    for (; count > 0; count--) {
        struct sim_fiber *sleepers[SIM_FIBERS];
        unsigned found = 0;
        for (unsigned i = 0; i < sim.used; i++)
            if (sim.fibers[i].state == SIM_WAITING && sim.fibers[i].waits_for == word)
                sleepers[found++] = &sim.fibers[i];
        if (found == 0) return;
        make_ready(sleepers[weir__rng_below(&sim.random, found)]);
    }
}

uint64_t sim_now_ns(void) {
    if (sim.current != NULL) {
        sim_point();
        sim_trace(SIM_CLOCK, sim.current, NULL, sim.now_ns, __builtin_return_address(0));
    }
    return sim.now_ns;
}

void sim_sleep_ns(uint64_t nanoseconds) {
    struct sim_fiber *self = sim.current;
    sim_point();
    sim_memory_drain(self);
    sim_trace(SIM_SLEEP, self, NULL, nanoseconds, __builtin_return_address(0));
    self->deadline_ns =
        nanoseconds > UINT64_MAX - sim.now_ns - 1 ? UINT64_MAX - 1 : sim.now_ns + nanoseconds;
    begin_wait(self, SIM_SLEEPING);
    sim_leave();
}

/* --- the main loop ------------------------------------------------------------------------ */

/* Ends the waits whose time has come; returns when the next comes (UINT64_MAX: never). */
static uint64_t end_waits(void) {
    uint64_t next = UINT64_MAX;
    if (!sim.waits_moved && sim.deadline_ns > sim.now_ns) return sim.deadline_ns;
    for (unsigned i = 0; i < sim.used && sim.waits > 0; i++) {
        struct sim_fiber *fiber = &sim.fibers[i];
        if (fiber->state != SIM_WAITING && fiber->state != SIM_SLEEPING) continue;
        if (fiber->deadline_ns <= sim.now_ns)
            make_ready(fiber);
        else if (fiber->deadline_ns < next)
            next = fiber->deadline_ns;
    }
    sim.waits_moved = false;
    sim.deadline_ns = next;
    return next;
}

static bool all_ended(void) {
    for (unsigned i = 0; i < sim.used; i++)
        if (sim.fibers[i].state != SIM_ENDED && sim.fibers[i].state != SIM_UNUSED) return false;
    return true;
}

/* It is that one's turn, until the scheduler's step or the next deadline. */
static void choose(struct sim_fiber *fiber, uint64_t next_deadline) {
    uint64_t ahead = next_deadline - sim.now_ns;
    if ((sim.until - sim.steps - 1) * sim.step_ns > ahead)
        sim.until = sim.steps + 1 + ahead / sim.step_ns;
    if (sim.until > sim.settings.steps) sim.until = sim.settings.steps;
    sim.current = fiber;
}

/* Who can go on himself asks the scheduler himself: often it is his turn again. */
void sim_leave(void) {
    struct sim_fiber *self = sim.current;
    if (self->state != SIM_READY || sim.failed || sim.steps >= sim.settings.steps) {
        sim_fiber_leave(self);
        return;
    }
    uint64_t next_deadline = end_waits();
    struct sim_fiber *next = sim_schedule_next();
    choose(next, next_deadline);
    if (next != self) sim_fiber_go(self, next);
}

/* Nobody can run: what is looked at now is as everybody sees it. */
static void look_around(void) {
    struct sim_fiber *last = sim.current;
    if (sim.at_quiet == NULL) return;
    sim.current = NULL;
    sim.at_quiet();
    sim.current = last;
}

static enum sim_result run(void) {
    for (;;) {
        if (sim.failed) return SIM_FAILED;
        if (sim.steps >= sim.settings.steps) return SIM_LIVELOCK;
        uint64_t next_deadline = end_waits();
        struct sim_fiber *fiber = sim_schedule_next();
        if (fiber != NULL) {
            choose(fiber, next_deadline);
            sim_fiber_resume(fiber);
        } else if (sim_memory_commit_one()) {
            continue;
        } else if (next_deadline != UINT64_MAX) {
            look_around();
            sim.now_ns = next_deadline;
        } else {
            return all_ended() ? SIM_DONE : SIM_LOST_WAKE;
        }
    }
}

enum sim_result sim_run(void) {
    enum sim_result result = run();
    sim.current = NULL;
    sim_fiber_outside();
    while (sim_memory_commit_one()) continue;
    return result;
}
