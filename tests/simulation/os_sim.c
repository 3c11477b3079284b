/*
 * The system as the simulator gives it: replaces src/os/ in simulated programs.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads are fibers, time is virtual, there are four cores, and freeing memory
 * orders as the allocator's own locks do: what was stored in it is out before
 * anybody gets it anew (linked with --wrap=free).
 */
#include "engine.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/futex.h"
#include "os/thread.h"
#include "os/topology.h"

#include <errno.h>
#include <stdlib.h>

uint64_t weir__clock_now_ns(void) {
    return sim_now_ns();
}

void weir__clock_sleep_ns(uint64_t nanoseconds) {
    sim_sleep_ns(nanoseconds);
}

void weir__futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    sim_futex_wait(word, expected, deadline_ns);
}

void weir__futex_wake(uint32_t *word, int count) {
    sim_futex_wake(word, count);
}

/* pthread_t is a number on Linux; here it is the fiber's. */
int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument) {
    thread->run = run;
    thread->argument = argument;
    int fiber = sim_spawn(name, run, argument);
    if (fiber < 0) return EAGAIN;
    thread->handle = (pthread_t)fiber;
    return 0;
}

void weir__thread_join(struct weir__thread *thread) {
    sim_join((int)thread->handle);
}

enum { CORES = 4 };

int weir__thread_pin(unsigned core) {
    return core < CORES ? 0 : EINVAL;
}

/* Each has a core to itself as soon as it is ready, but when it goes on nobody knows. */
void weir__thread_yield(void) {
    sim_stall();
}

unsigned weir__topology_cores(unsigned *cores, unsigned limit) {
    for (unsigned core = 0; core < CORES && core < limit; core++) cores[core] = core;
    return CORES;
}

/* An event is a word: 1 while it is readable. */
enum { EVENTS = 16 };

static uint32_t events[EVENTS];
static bool event_taken[EVENTS];

int weir__event_open(void) {
    for (int event = 0; event < EVENTS; event++) {
        if (!event_taken[event]) {
            event_taken[event] = true;
            weir__event_clear(event);
            return event;
        }
    }
    return -EMFILE;
}

void weir__event_close(int event) {
    event_taken[event] = false;
}

/* Events are shared by whoever holds one: the copy is another name, and closed once. */
int weir__event_copy(int event) {
    (void)event;
    return -EMFILE;
}

void weir__event_signal(int event) {
    sim_exchange(&events[event], 1, sizeof *events);
    sim_futex_wake(&events[event], EVENTS);
}

void weir__event_clear(int event) {
    sim_exchange(&events[event], 0, sizeof *events);
}

void sim_event_wait(int event) {
    while (sim_load(&events[event], sizeof *events) == 0)
        sim_futex_wait(&events[event], 0, UINT64_MAX);
}

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory) {
    if (sim.current != NULL) sim_memory_drain(sim.current);
    __real_free(memory);
}
