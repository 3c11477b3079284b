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
#include "os/poll.h"
#include "os/process.h"
#include "os/shared_file.h"
#include "os/thread.h"
#include "os/topology.h"

#include <errno.h>
#include <stdio.h>
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

int weir__thread_pin_among(const unsigned *cores, unsigned count) {
    return count > 0 && cores[0] < CORES ? 0 : EINVAL;
}

void weir__thread_wake_soon(void) {}

/* Each fiber is a core. */
unsigned weir__thread_core(void) {
    return sim.current != NULL ? (unsigned)(sim.current - sim.fibers) : 0;
}

/* Each has a core to itself as soon as it is ready, but when it goes on nobody knows. */
void weir__thread_yield(void) {
    sim_stall();
}

unsigned weir__topology_cores(unsigned *cores, unsigned limit) {
    for (unsigned core = 0; core < CORES && core < limit; core++) cores[core] = core;
    return CORES;
}

bool weir__topology_may_use(unsigned core) {
    return core < CORES;
}

unsigned weir__topology_at_once(void) {
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

/* Descriptors are of the world outside: there are no pollers here. */
int weir__poll_open(void) {
    return -ENOSYS;
}

void weir__poll_close(int poll) {
    (void)poll;
}

int weir__poll_set(int poll, int descriptor, unsigned before, unsigned now, void *what) {
    (void)poll, (void)descriptor, (void)before, (void)now, (void)what;
    return -ENOSYS;
}

int weir__poll_look(int poll, struct weir__polled *ready, int most) {
    (void)poll, (void)ready, (void)most;
    return -ENOSYS;
}

void weir__poll_sleep(int poll, uint64_t deadline_ns) {
    (void)poll, (void)deadline_ns;
}

int weir__poll_never_wait(int descriptor) {
    (void)descriptor;
    return -ENOSYS;
}

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory) {
    if (sim.current != NULL) sim_memory_drain(sim.current);
    __real_free(memory);
}

/* ---- the process, and files of its: there are none ------------------------------------- */

uint64_t weir__clock_utc_ns(void) {
    return sim_now_ns();
}

uint64_t weir__process_number(void) {
    return 1;
}

unsigned weir__process_user(void) {
    return 0;
}

uint64_t weir__process_started(void) {
    return 1;
}

void weir__process_name(char *name, size_t bytes) {
    snprintf(name, bytes, "simulation");
}

uint64_t weir__process_thread(void) {
    return 1;
}

int weir__shared_file_make(const char *path, int *file) {
    (void)path, (void)file;
    return EROFS;
}

void *weir__shared_file_map(int file, uint64_t from, size_t bytes) {
    (void)file, (void)from, (void)bytes;
    return NULL;
}

void weir__shared_file_unmap(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
}

void weir__shared_file_remove(int file, const char *path) {
    (void)file, (void)path;
}

bool weir__shared_file_left(const char *path, void *start, size_t bytes) {
    (void)path, (void)start, (void)bytes;
    return false;
}

void weir__shared_files(const char *folder, const char *prefix, void *start, size_t bytes,
                        bool (*found)(void *context, const char *path), void *context) {
    (void)folder, (void)prefix, (void)start, (void)bytes, (void)found, (void)context;
}
